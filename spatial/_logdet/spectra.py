"""All eigenvalues of many small W at once."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from scipy import sparse

from .structure import REAL_TOLERANCE, admissible_intervals

HALVINGS = 3  # eight squares of numbers between 1e-15 and 1e15 are multiplied before a logarithm is taken


@dataclass(frozen=True, eq=False)
class Spectra:
    """Eigenvalues of R matrices.

    Attributes
    ----------
    eigenvalues : (R, n), real or complex
    low, high : (R,)
        The intervals of rho.
    """

    eigenvalues: np.ndarray = field(repr=False)
    low: np.ndarray
    high: np.ndarray

    def value(self, rho):
        """At ``rho``, (R,) or (R, points): logs of products of a few, where each eigenvalue counts once."""
        size, few = self._size(rho), []
        for _ in range(HALVINGS):
            half, odd = divmod(size.shape[-1], 2)
            if odd:
                few.append(size[..., -1])
            size = size[..., :half] * size[..., half : 2 * half]
        out = np.log(size).sum(-1)
        for one in few:
            out += np.log(one)
        return 0.5 * out

    def d1(self, rho):
        _, _, top, size = self._parts(rho)
        return -(top / size).sum(-1)

    def d2(self, rho):
        _, b, top, size = self._parts(rho)
        return ((b - top) * (b + top) / size**2).sum(-1)

    def take(self, which) -> Spectra:
        """Those at the positions ``which``."""
        return Spectra(self.eigenvalues[which], self.low[which], self.high[which])

    def _parts(self, rho):
        """a, b, a - rho |w|^2 and |1 - rho w|^2 for w = a + b i, since

            w / (1 - rho w) = (a - rho |w|^2 + b i) / |1 - rho w|^2

        (Products of complex arrays depend, in their last bits, on what stands beside them.)
        """
        w, rho = self.eigenvalues if rho.ndim == 1 else self.eigenvalues[:, None], rho[..., None]
        a, b = w.real, w.imag
        return a, b, a - rho * (a * a + b * b), (1 - rho * a) ** 2 + (rho * b) ** 2

    def _size(self, rho):
        """|1 - rho w|^2."""
        w, rho = self.eigenvalues if rho.ndim == 1 else self.eigenvalues[:, None], rho[..., None]
        if not np.iscomplexobj(w):
            return (1 - rho * w) ** 2
        return (1 - rho * w.real) ** 2 + (rho * w.imag) ** 2


def spectra(blocks: sparse.csr_array, n: int) -> Spectra:
    """Of matrices with n units that are ``side_by_side``."""
    rows = np.repeat(np.arange(blocks.shape[0]), np.diff(blocks.indptr))
    W = np.zeros((blocks.shape[0] // n, n, n))
    W[rows // n, rows % n, blocks.indices % n] = blocks.data
    eigenvalues = _eigenvalues(W)
    size = np.abs(eigenvalues)
    real = np.where(np.abs(eigenvalues.imag) <= REAL_TOLERANCE * size.max(axis=1, keepdims=True), eigenvalues.real, 0)
    ends = np.array([real.min(axis=1), real.max(axis=1)])
    return Spectra(eigenvalues, *admissible_intervals(ends, size.max(axis=1)))


def _eigenvalues(W: np.ndarray) -> np.ndarray:
    """(R, n); real where all W are standardised symmetric links, of the similar symmetric matrices (Ord 1975)."""
    largest = W.max(axis=2)
    links = W != 0
    equal = ((largest[:, :, None] == W) | ~links).all(axis=(1, 2)) & (links == links.swapaxes(1, 2)).all(axis=(1, 2))
    root = np.sqrt(np.maximum(largest, 0.0))
    if equal.all():
        return np.linalg.eigvalsh(links * root[:, :, None] * root[:, None, :])
    out = np.empty(W.shape[:2], dtype=complex)
    out[~equal] = np.linalg.eigvals(W[~equal])
    out[equal] = np.linalg.eigvalsh(links[equal] * root[equal, :, None] * root[equal, None, :])
    return out
