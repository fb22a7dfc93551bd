"""One sparse W in a narrow band: log|I - rho W| by LAPACK's band factorisation, some microseconds a point for
hundreds of units; and for many W at once the ends of rho's interval and a rough curve, by products with W alone.
"""

from __future__ import annotations

from functools import partial

import numpy as np
from scipy import sparse

from .stacked import Spectra
from .structure import admissible_interval

LOOK = 12  # Arnoldi steps that look where the left end of the spectrum is
EDGE = 0.06  # of the spectrum's length, right of that end: beyond it eigenvalues are made small
STEPS = 14, 20  # Arnoldi steps, at first and for those W that are not sure then
DEGREE = 18  # of the Chebyshev polynomial in W
LEFT = 6  # Ritz values that are looked at
RESIDUAL = 1e-7  # of an eigenpair that counts as found, in shares of the bound of the radius
REAL = 1e-9  # imaginary part of a real eigenvalue, likewise


class Band:
    """log|I - rho W| with the units in reverse Cuthill-McKee order; rows are exchanged, so that any rho will do.

    Parameters
    ----------
    data, indices, indptr : W by rows, no element twice
    links : csr_array, (n, n)
        W + W' in absolute values.
    """

    def __init__(self, data, indices, indptr, links):
        from scipy.linalg.lapack import dgbtrf
        from scipy.sparse.csgraph import reverse_cuthill_mckee

        order = reverse_cuthill_mckee(links, symmetric_mode=True)
        place = np.empty_like(order)
        place[order] = np.arange(len(order))
        columns = place[indices]
        off = np.repeat(place, np.diff(indptr)) - columns
        self.below, self.above = int(max(off.max(initial=0), 0)), int(max(-off.min(initial=0), 0))
        self._at, self._data, self._n = (self.below + self.above + off, columns), data, len(order)
        self._factor = dgbtrf

    def __call__(self, points) -> np.ndarray:
        """At some rho: an array of as many."""
        main = self.below + self.above
        bands = np.zeros((main + self.below + 1, self._n), order="F")  # W by its diagonals, with room for fill
        bands[self._at] = self._data
        work, out = np.empty_like(bands), np.empty(len(points))
        for i, rho in enumerate(points):
            np.multiply(bands, -rho, out=work)
            work[main] += 1
            lu, _, _ = self._factor(work, self.below, self.above, overwrite_ab=1)
            out[i] = np.log(np.abs(lu[main])).sum()
        return out


def bands(blocks: sparse.csr_array, n: int) -> list[Band]:
    """Of all matrices that are ``side_by_side``."""
    size = sparse.csr_array((np.abs(blocks.data), blocks.indices, blocks.indptr), shape=blocks.shape)
    links = (sparse.csr_array(part, shape=(n, n)) for part in _apart(sparse.csr_array(size + size.T), n))
    return [Band(*part, around) for part, around in zip(_apart(blocks, n), links)]


def _apart(blocks, n):
    """Data, columns and ends of the rows of every block."""
    for start in range(0, blocks.shape[0], n):
        ends = blocks.indptr[start : start + n + 1]
        part = slice(ends[0], ends[-1])
        yield blocks.data[part], blocks.indices[part] - start, ends - ends[0]


def side_by_side(matrices) -> sparse.csr_array:
    """Matrices of one size as the blocks of a diagonal."""
    n, count = matrices[0].shape[0], len(matrices)
    starts = np.cumsum([0, *(m.nnz for m in matrices[:-1])])
    indptr = np.concatenate([m.indptr[:-1] + s for m, s in zip(matrices, starts)] + [[starts[-1] + matrices[-1].nnz]])
    indices = np.concatenate([m.indices + r * n for r, m in enumerate(matrices)])
    data = np.concatenate([m.data for m in matrices])
    return sparse.csr_array((data, indices, indptr), shape=(n * count, n * count))


def intervals(n, blocks) -> tuple[np.ndarray, np.ndarray]:
    """The admissible intervals of sparse matrices, (R,) each; NaN where the ends could not be made sure of.

    Parameters
    ----------
    n : int
        Their size.
    blocks : csr_array
        The matrices, ``side_by_side``.
    """
    bound = abs(blocks).sum(axis=1).reshape(-1, n).max(axis=1)
    lowest = _leftmost(blocks, n, bound)
    # Rows of no negative weights that sum to one: the largest eigenvalue is one.
    sums = blocks.sum(axis=1).reshape(-1, n)
    one = (blocks.data.min(initial=0.0) >= 0) & (np.abs(sums - 1) < 1e-12).all(axis=1)
    highest = np.ones(len(bound)) if one.all() else np.where(one, 1.0, -_leftmost(-blocks, n, bound))
    ends = np.full((2, len(bound)), np.nan)
    for r in np.flatnonzero(np.isfinite(lowest + highest)):
        ends[:, r] = admissible_interval(np.array([lowest[r], highest[r]]))
    return ends[0], ends[1]


def _leftmost(blocks, n, bound) -> np.ndarray:
    """The smallest real eigenvalue of every block, (R,); NaN where it is not sure.

    Arnoldi's method with p(W) for the matrix, p the Chebyshev polynomial that is small right of a first look at the
    left end: a Krylov space of degree 252 for the work of one of 14 (Saad 1984, Math. Comp. 42:567-588). The few
    that are not sure then take more steps, which is quicker than all eigenvalues of them.
    """
    R = len(bound)
    start = np.tile(np.random.default_rng(0).standard_normal(n), (R, 1))
    V, H = _arnoldi(partial(_lag, blocks), start, LOOK, passes=1)
    look = np.linalg.eigvals(H).real.min(axis=1)
    edge = look + EDGE * (bound - look)  # what lies right of it is wanted small
    least, left, start = np.full(R, np.nan), np.arange(R), V[:, -1]
    for steps in STEPS:
        some = blocks if len(left) == R else _picked(blocks, n, left)
        least[left] = _filtered(some, n, bound[left], edge[left], start[left], min(steps, n))
        left = left[np.isnan(least[left])]
        if not len(left):
            break
    return least


def _filtered(blocks, n, bound, edge, start, steps) -> np.ndarray:
    """The same, from ``start`` (R, n), with eigenvalues right of ``edge`` made small."""
    middle, half = (bound + edge) / 2, (bound - edge) / 2
    scaled = _shifted(blocks, n, middle, half)

    def polynomial(x):
        before, now = x.ravel(), scaled @ x.ravel()
        for _ in range(DEGREE - 1):
            after = scaled @ now
            after *= 2
            after -= before
            before, now = now, after
        return now.reshape(x.shape)

    V, _ = _arnoldi(polynomial, start, steps)
    WV = np.stack([_lag(blocks, V[:, j]) for j in range(steps)], axis=1)
    values, vectors = np.linalg.eig(V @ WV.swapaxes(1, 2))
    left = np.argsort(values.real, axis=1)[:, :LEFT]
    values = np.take_along_axis(values, left, axis=1)
    vectors = np.take_along_axis(vectors, left[:, None], axis=2).swapaxes(1, 2)
    missed = np.sqrt((np.abs(vectors @ WV - values[..., None] * (vectors @ V)) ** 2).sum(-1)) / bound[:, None]
    found = missed < RESIDUAL
    real = np.where(found & (np.abs(values.imag) <= REAL * bound[:, None]), values.real, np.inf)
    least = real.min(axis=1)
    sure = np.isfinite(least) & (found | (values.real >= least[:, None])).all(axis=1)
    return np.where(sure, least, np.nan)


def _lag(blocks, x):
    """W x of every block, (R, n)."""
    return (blocks @ x.ravel()).reshape(x.shape)


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


def _arnoldi(apply, start, steps, passes=2):
    """(V (R, steps, n) orthonormal, after one pass roughly so, H (R, steps, steps)) from ``start`` (R, n)."""
    R, n = start.shape
    V, H = np.zeros((R, steps + 1, n)), np.zeros((R, steps + 1, steps))
    V[:, 0] = start / np.sqrt((start**2).sum(axis=1))[:, None]
    for j in range(steps):
        x = apply(V[:, j])
        for _ in range(passes):
            h = V[:, : j + 1] @ x[:, :, None]
            x = x - (V[:, : j + 1].swapaxes(1, 2) @ h)[:, :, 0]
            H[:, : j + 1, j] += h[:, :, 0]
        size = np.sqrt((x**2).sum(axis=1))
        H[:, j + 1, j] = size
        V[:, j + 1] = x / np.where(size > 0, size, 1.0)[:, None]
    return V[:, :steps], H[:, :steps]


def rough(blocks, n, low, high) -> Spectra:
    """Curves that are right near zero and bend as they should at both ends: the two extreme eigenvalues, and two
    more that have, taken (n - 2) / 2 times or so, the first four moments of the rest (Gauss quadrature)."""
    square = blocks @ blocks
    t1, t2 = (m.diagonal().reshape(-1, n).sum(axis=1) for m in (blocks, square))
    t3 = square.multiply(blocks.T.tocsr()).sum(axis=1).reshape(-1, n).sum(axis=1)
    ends = np.array([1 / low, 1 / high])
    s0, s1, s2, s3 = n - 2.0, *(t - (ends**k).sum(axis=0) for k, t in enumerate((t1, t2, t3), start=1))
    gram = s0 * s2 - s1**2
    c1, c0 = (s1 * s2 - s0 * s3) / gram, (s1 * s3 - s2**2) / gram
    spread = np.sqrt(np.maximum(c1**2 / 4 - c0, 0))
    nodes = np.clip(np.array([-c1 / 2 - spread, -c1 / 2 + spread]), ends[0], ends[1])
    gap = np.where(nodes[1] > nodes[0], nodes[1] - nodes[0], 1.0)
    upper = np.clip((s1 - s0 * nodes[0]) / gap, 0, s0)
    shares = np.array([np.ones_like(low), np.ones_like(low), s0 - upper, upper])
    return Spectra(np.concatenate([ends, nodes]).T, low, high, shares.T)


def spectra(blocks: sparse.csr_array, n: int) -> Spectra:
    """All eigenvalues of small matrices that are ``side_by_side``."""
    rows = np.repeat(np.arange(blocks.shape[0]), np.diff(blocks.indptr))
    dense = np.zeros((blocks.shape[0] // n, n, n))
    dense[rows // n, rows % n, blocks.indices % n] = blocks.data
    eigenvalues = np.linalg.eigvals(dense)
    low, high = np.array([admissible_interval(w) for w in eigenvalues]).T
    return Spectra(eigenvalues, low, high)
