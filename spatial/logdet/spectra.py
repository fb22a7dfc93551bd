"""All eigenvalues of many small W at once."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from scipy import sparse

from .structure import REAL_TOLERANCE, admissible_intervals

BALANCED = 1e-9  # relative difference of d_i w_ij and d_j w_ji that counts as none
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

        (Products of complex arrays depend, in their last bits, on the neighboring elements.)
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
    """(R, n); real where all W are similar to symmetric matrices (Ord 1975)."""
    d = _balance(W)
    balanced = d[:, 0] > 0
    root = np.sqrt(d[balanced])
    similar = root[:, :, None] * W[balanced] / root[:, None, :]
    real = np.linalg.eigvalsh((similar + similar.swapaxes(1, 2)) / 2)  # half the sum: without rounding
    if balanced.all():
        return real
    out = np.empty(W.shape[:2], dtype=complex)
    out[balanced], out[~balanced] = real, np.linalg.eigvals(W[~balanced])
    return out


def _balance(W: np.ndarray) -> np.ndarray:
    """d > 0 with d_i w_ij = d_j w_ji, (R, n), for standardised links of equal weight, and for W in which the first
    unit is linked with all others both ways: distances, incomes; zeros where there is none or another kind."""
    largest, links = W.max(axis=2), W != 0
    largest[largest <= 0] = 1.0
    alike = ((largest[:, :, None] == W) | ~links).all(axis=(1, 2)) & (links == links.swapaxes(1, 2)).all(axis=(1, 2))
    d = np.where(alike[:, None], 1 / largest, 0.0)
    both = (links[:, 0, 1:] & links[:, 1:, 0]).all(axis=1) & ~alike
    ratio = np.ones((both.sum(), W.shape[1]))
    ratio[:, 1:] = W[both, 0, 1:] / W[both, 1:, 0]
    flow = ratio[:, :, None] * W[both]
    equal = np.abs(flow - flow.swapaxes(1, 2)) <= BALANCED * np.abs(flow)
    kept = equal.all(axis=(1, 2)) & (ratio > 0).all(axis=1)
    d[both] = np.where(np.expand_dims(kept, 1), ratio, 0.0)
    return d
