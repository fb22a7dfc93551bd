"""The ends of rho's interval for many sparse W at once, by products with W alone."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import sparse

from .structure import admissible_intervals

LOOK = 12  # Arnoldi steps that locate the left end of the spectrum
EDGE = 0.06  # of the spectrum's length, right of that end: beyond it eigenvalues are damped
STEPS = 8, 10, 12, 14, 20, 32  # Arnoldi steps after which converged W are dropped
DEGREE = 18  # of the Chebyshev polynomial in W
RESIDUAL = 1e-7  # of an eigenpair that counts as converged, in shares of the bound of the radius
REAL = 1e-9  # imaginary part of a real eigenvalue, likewise
EIGEN_MAX = 1_000  # units; all eigenvalues of so many take a second at most, for the few W that need them


class Intervals:
    """The admissible intervals of sparse matrices.

    Parameters
    ----------
    n : int
        Their size.
    blocks : csr_array
        The matrices, ``side_by_side``.
    """

    def __init__(self, n, blocks):
        sums = blocks.sum(axis=1).reshape(-1, n)
        # Rows of no negative weights that sum to one: the largest eigenvalue is one.
        self._one = (blocks.data.min(initial=0.0) >= 0) & (np.abs(sums - 1) < 1e-12).all(axis=1)
        self._left = _LeftEnd(n, blocks)
        self._right = None if self._one.all() else _LeftEnd(n, -blocks)

    @cached_property
    def rough(self) -> tuple[np.ndarray, np.ndarray]:
        """(R,) each, usually within a few percent."""
        return self._from(lambda one: one.look[0])

    @cached_property
    def exact(self) -> tuple[np.ndarray, np.ndarray]:
        """(R,) each; NaN where the ends of large ones are uncertain."""
        return self._from(_leftmost)

    def _from(self, leftmost):
        highest = np.ones(len(self._one)) if self._right is None else np.where(self._one, 1.0, -leftmost(self._right))
        return admissible_intervals(np.array([leftmost(self._left), highest]))


class _LeftEnd:
    """The left end of the spectrum of every block."""

    def __init__(self, n, blocks):
        self.n, self.blocks = n, blocks

    @cached_property
    def bound(self) -> np.ndarray:
        """Of the radius: the largest sum of a row's absolute weights, (R,)."""
        return abs(self.blocks).sum(axis=1).reshape(-1, self.n).max(axis=1)

    @cached_property
    def look(self) -> tuple[np.ndarray, np.ndarray]:
        """Roughly the least real part of an eigenvalue, (R,), and nearly its vector, (R, n)."""
        R, n, steps = self.blocks.shape[0] // self.n, self.n, min(LOOK, self.n)
        V, H = np.empty((R, steps + 1, n)), np.zeros((R, steps + 1, steps))
        V[:, 0], _ = _unit(np.random.default_rng(0).standard_normal((1, n)))
        for j in range(steps):
            lag = (self.blocks @ V[:, j].ravel()).reshape(R, n)
            V[:, j + 1], H[:, : j + 1, j], H[:, j + 1, j] = _next(V[:, : j + 1], lag, passes=1)
        values, vectors = np.linalg.eig(H[:, :steps])
        least = values.real.argmin(axis=1)[:, None]
        combined = np.take_along_axis(vectors, least[:, None], axis=2).real
        return values.real.min(axis=1), _unit((V[:, :steps].swapaxes(1, 2) @ combined)[:, :, 0])[0]


def _leftmost(end: _LeftEnd) -> np.ndarray:
    """The smallest real eigenvalue of every block, (R,); NaN where it is uncertain and blocks are large.

    Arnoldi's method with a polynomial in W for the matrix. It continues with the W that have not converged.
    """
    n, blocks, bound = end.n, end.blocks, end.bound
    look, start = end.look
    filtered = _Filter.of(n, blocks, look, bound)
    steps = [min(step, n) for step in STEPS]
    least, left = np.full(len(bound), np.nan), np.arange(len(bound))
    U, WU = np.empty((len(bound), steps[-1] + 1, n)), np.empty((len(bound), steps[-1], n))
    U[:, 0] = start
    for j in range(steps[-1]):
        WU[:, j], polynomial = filtered(U[:, j])
        if j + 1 in steps:
            least[left] = _sure(U[:, : j + 1], WU[:, : j + 1], bound[left])
            unsure = np.flatnonzero(np.isnan(least[left]))
            if not len(unsure):
                break
            if len(unsure) < len(left):
                left, polynomial, filtered = left[unsure], polynomial[unsure], filtered.take(unsure)
                U, WU = _begun(U, unsure, j + 1), _begun(WU, unsure, j + 1)
        U[:, j + 1], _, _ = _next(U[:, : j + 1], polynomial)
    for r in np.flatnonzero(np.isnan(least)) if n <= EIGEN_MAX else ():  # complex ones lie left of all that are real
        part = slice(r * n, (r + 1) * n)
        least[r] = _smallest_real(np.linalg.eigvals(blocks[part, part].toarray()))
    return least


@dataclass(frozen=True)
class _Filter:
    """Some blocks W, and p(W) with the Chebyshev polynomial p that is small right of their left ends: a Krylov space of
    degree 144 for the work of one of 8 (Saad 1984, Math. Comp. 42:567-588)."""

    double: sparse.csr_array  # 2 (W - middle I) / half of every block
    middle: np.ndarray
    half: np.ndarray

    @classmethod
    def of(cls, n, blocks, look, bound):
        edge = look + EDGE * (bound - look)  # p is small right of it
        middle, half = (bound + edge) / 2, (bound - edge) / 2
        return cls(_shifted(blocks, n, middle, half / 2), middle[:, None], half[:, None])

    def __call__(self, x):
        """W x and p(W) x, (R, n) each."""
        before, now = x.ravel(), self.double @ x.ravel() / 2
        once = self.half * now.reshape(x.shape) + self.middle * x
        for _ in range(DEGREE - 1):
            after = self.double @ now
            after -= before
            before, now = now, after
        return once, now.reshape(x.shape)

    def take(self, which):
        n = self.double.shape[0] // len(self.half)
        return _Filter(_picked(self.double, n, which), self.middle[which], self.half[which])


def _smallest_real(eigenvalues) -> float:
    real = np.abs(eigenvalues.imag) <= REAL * np.abs(eigenvalues).max()
    return eigenvalues.real[real].min(initial=0.0)


def _begun(V, which, steps):
    """Some of the bases, truncated to so many steps."""
    out = np.empty((len(which), *V.shape[1:]))
    out[:, :steps] = V[which, :steps]
    return out


def _sure(V, WV, bound):
    """The smallest real eigenvalue by a basis V (R, steps, n) and W V, (R,); NaN where one that has not converged may
    lie left of it.

    With V'W V y = w y and x = V y of length one, |W x - w x|^2 = y*(W V)'(W V) y - |w|^2.
    """
    back = WV.swapaxes(1, 2)
    values, vectors = np.linalg.eig(V @ back)
    square = (vectors.conj() * ((WV @ back) @ vectors)).sum(axis=1).real - np.abs(values) ** 2
    converged = square < (RESIDUAL * bound[:, None]) ** 2
    real = np.where(converged & (np.abs(values.imag) <= REAL * bound[:, None]), values.real, np.inf)
    least = real.min(axis=1)
    sure = np.isfinite(least) & (converged | (values.real >= least[:, None])).all(axis=1)
    return np.where(sure, least, np.nan)


def _picked(blocks, n, which) -> sparse.csr_array:
    """Some of the blocks."""
    some = sparse.csr_array(blocks[(which[:, None] * n + np.arange(n)).ravel()])
    place = np.zeros(blocks.shape[0] // n, dtype=some.indices.dtype)
    place[which] = np.arange(len(which))
    indices = place[some.indices // n] * n + some.indices % n
    return sparse.csr_array((some.data, indices, some.indptr), shape=(some.shape[0], some.shape[0]))


def _shifted(blocks, n, middle, half):
    """(W - middle I) / half of every block."""
    scale = np.repeat(1 / half, n)
    return sparse.csr_array(sparse.diags_array(scale) @ blocks - sparse.diags_array(np.repeat(middle, n) * scale))


def _next(V, x, passes=2):
    """What x (R, n) adds to a basis, of length one, x's shares (R, steps) in the basis, and the length of the rest. One
    pass makes it nearly orthogonal, two passes orthogonal to rounding."""
    shares = 0.0
    for _ in range(passes):
        h = V @ x[:, :, None]
        x = x - (V.swapaxes(1, 2) @ h)[:, :, 0]
        shares = shares + h[:, :, 0]
    unit, size = _unit(x)
    return unit, shares, size


def _unit(x):
    size = np.sqrt((x**2).sum(axis=1))
    return x / np.where(size > 0, size, 1.0)[:, None], size
