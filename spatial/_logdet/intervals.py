"""The ends of rho's interval for many sparse W at once, by products with W alone."""

from __future__ import annotations

from functools import partial

import numpy as np
from scipy import sparse

from .structure import admissible_intervals

LOOK = 12  # Arnoldi steps that look where the left end of the spectrum is
EDGE = 0.06  # of the spectrum's length, right of that end: beyond it eigenvalues are made small
STEPS = 8, 10, 12, 14, 20, 32  # Arnoldi steps after which W are left alone that are sure
DEGREE = 18  # of the Chebyshev polynomial in W
RESIDUAL = 1e-7  # of an eigenpair that counts as found, in shares of the bound of the radius
REAL = 1e-9  # imaginary part of a real eigenvalue, likewise
EIGEN_MAX = 1_000  # units; all eigenvalues of so many take a second at most, for the few W that need them


def intervals(n, blocks) -> tuple[np.ndarray, np.ndarray]:
    """The admissible intervals of sparse matrices, (R,) each; NaN where large ones' ends could not be made sure of.

    Parameters
    ----------
    n : int
        Their size.
    blocks : csr_array
        The matrices, ``side_by_side``.
    """
    return _intervals(n, blocks, partial(_leftmost, n=n, bound=_bound(n, blocks)))


def rough_intervals(n, blocks) -> tuple[np.ndarray, np.ndarray]:
    """The same to a percent or so, of all of them."""
    return _intervals(n, blocks, lambda blocks: _look(n, blocks)[0])


def _intervals(n, blocks, leftmost):
    lowest = leftmost(blocks)
    # Rows of no negative weights that sum to one: the largest eigenvalue is one.
    sums = blocks.sum(axis=1).reshape(-1, n)
    one = (blocks.data.min(initial=0.0) >= 0) & (np.abs(sums - 1) < 1e-12).all(axis=1)
    highest = np.ones(len(one)) if one.all() else np.where(one, 1.0, -leftmost(-blocks))
    return admissible_intervals(np.array([lowest, highest]))


def _bound(n, blocks) -> np.ndarray:
    """Of the radius: the largest sum of a row's absolute weights."""
    return abs(blocks).sum(axis=1).reshape(-1, n).max(axis=1)


def _look(n, blocks) -> tuple[np.ndarray, np.ndarray]:
    """Roughly the least real part of an eigenvalue of every block, (R,), and a vector of the last direction that was
    looked in, (R, n)."""
    R, steps = blocks.shape[0] // n, min(LOOK, n)
    V, H = np.empty((R, steps + 1, n)), np.zeros((R, steps + 1, steps))
    V[:, 0], _ = _unit(np.tile(np.random.default_rng(0).standard_normal(n), (R, 1)))
    for j in range(steps):
        lag = (blocks @ V[:, j].ravel()).reshape(R, n)
        V[:, j + 1], H[:, : j + 1, j], H[:, j + 1, j] = _next(V[:, : j + 1], lag, passes=1)
    return np.linalg.eigvals(H[:, :steps]).real.min(axis=1), V[:, -2]


def _leftmost(blocks, n, bound) -> np.ndarray:
    """The smallest real eigenvalue of every block, (R,); NaN where it is not sure and blocks are large.

    Arnoldi's method with p(W) for the matrix, p the Chebyshev polynomial that is small right of a first look at the
    left end: a Krylov space of degree 144 for the work of one of 8 (Saad 1984, Math. Comp. 42:567-588). It goes on
    with those W that are not sure yet.
    """
    R = len(bound)
    look, start = _look(n, blocks)
    edge = look + EDGE * (bound - look)  # what lies right of it is wanted small
    half, middle = (bound - edge) / 2, (bound + edge) / 2
    scaled = _shifted(blocks, n, middle, half)
    steps = [min(step, n) for step in STEPS]
    least, left = np.full(R, np.nan), np.arange(R)
    U, WU = np.empty((R, steps[-1] + 1, n)), np.empty((R, steps[-1], n))
    U[:, 0], _ = _unit(start)
    for j in range(steps[-1]):
        once, polynomial = _chebyshev(scaled, U[:, j])
        WU[:, j] = half[left, None] * once + middle[left, None] * U[:, j]
        if j + 1 in steps:
            least[left] = _sure(U[:, : j + 1], WU[:, : j + 1], bound[left])
            unsure = np.flatnonzero(np.isnan(least[left]))
            if not len(unsure):
                break
            if len(unsure) < len(left):
                left, polynomial, scaled = left[unsure], polynomial[unsure], _picked(scaled, n, unsure)
                U, WU = _begun(U, unsure, j + 1), _begun(WU, unsure, j + 1)
        U[:, j + 1], _, _ = _next(U[:, : j + 1], polynomial)
    for r in np.flatnonzero(np.isnan(least)) if n <= EIGEN_MAX else ():  # complex ones lie left of all that are real
        part = slice(r * n, (r + 1) * n)
        least[r] = _smallest_real(np.linalg.eigvals(blocks[part, part].toarray()))
    return least


def _smallest_real(eigenvalues) -> float:
    real = np.abs(eigenvalues.imag) <= REAL * np.abs(eigenvalues).max()
    return eigenvalues.real[real].min(initial=0.0)


def _begun(V, which, steps):
    """Some of the bases, of which so many steps are made."""
    out = np.empty((len(which), *V.shape[1:]))
    out[:, :steps] = V[which, :steps]
    return out


def _chebyshev(scaled, x):
    """Every block, and its polynomial of degree ``DEGREE``, times x (R, n)."""
    before, now = x.ravel(), scaled @ x.ravel()
    once = now.reshape(x.shape)
    for _ in range(DEGREE - 1):
        after = scaled @ now
        after *= 2
        after -= before
        before, now = now, after
    return once, now.reshape(x.shape)


def _sure(V, WV, bound):
    """The smallest real eigenvalue by a basis V (R, steps, n) and W V, (R,); NaN where one that is not found yet may
    lie left of it.

    With V'W V y = w y and x = V y of length one, |W x - w x|^2 = y*(W V)'(W V) y - |w|^2.
    """
    back = WV.swapaxes(1, 2)
    values, vectors = np.linalg.eig(V @ back)
    square = (vectors.conj() * ((WV @ back) @ vectors)).sum(axis=1).real - np.abs(values) ** 2
    found = square < (RESIDUAL * bound[:, None]) ** 2
    real = np.where(found & (np.abs(values.imag) <= REAL * bound[:, None]), values.real, np.inf)
    least = real.min(axis=1)
    sure = np.isfinite(least) & (found | (values.real >= least[:, None])).all(axis=1)
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
    pass leaves it roughly at right angles, two entirely."""
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
