"""Many small linear programmes at once: blocks on one sparse diagonal, so that the solver is called a few times."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from spillover.errors import SpatialInputError

TOGETHER = 3_000  # variables in one call: with fewer, overhead dominates; with more, the simplex is slow
NO_SOLUTION = (2, 3)  # scipy's status of an infeasible and of an unbounded programme


def in_parts(solve, units: int, variables: int) -> np.ndarray:
    """Values of ``solve(positions)`` over so many units at a time as one call should have, (units,)."""
    size = max(1, TOGETHER // variables)
    return np.concatenate([solve(np.arange(k, min(k + size, units))) for k in range(0, units, size)])


def minimise(c, A_ub, b_ub, A_eq=None, b_eq=None, *, free=0):
    """Solve min c'v subject to A_ub v <= b_ub, A_eq v = b_eq, v >= 0, for B programmes.

    Parameters
    ----------
    c : ndarray, shape (B, v)
    A_ub, A_eq : ndarray, shape (B, r, v)
    b_ub, b_eq : ndarray, shape (B, r)
    free : int
        That many first variables may be negative.

    Returns
    -------
    values : ndarray, shape (B,)
        NaN where the programme has no solution.

    Raises
    ------
    SpatialInputError
        E225 when the solver fails.
    """
    if A_eq is None:
        A_eq, b_eq = np.empty((len(c), 0, c.shape[1])), np.empty((len(c), 0))
    return _solve(free, c, A_ub, b_ub, A_eq, b_eq)


def _solve(free, c, A_ub, b_ub, A_eq, b_eq) -> np.ndarray:
    """All at once; by halves when one of them has no solution, since then the solver returns none."""
    from scipy.optimize import linprog

    B, v = c.shape
    bounds = np.tile(np.column_stack([np.where(np.arange(v) < free, -np.inf, 0.0), np.full(v, np.inf)]), (B, 1))
    solution = linprog(c.ravel(), A_ub=_diagonal(A_ub), b_ub=b_ub.ravel(), A_eq=_diagonal(A_eq), b_eq=b_eq.ravel(),
                    bounds=bounds, method="highs")  # fmt: skip
    if solution.status == 0:
        return (c * solution.x.reshape(B, v)).sum(axis=1)
    if B > 1:
        halves = slice(0, B // 2), slice(B // 2, B)
        return np.concatenate([_solve(free, *(part[s] for part in (c, A_ub, b_ub, A_eq, b_eq))) for s in halves])
    if solution.status in NO_SOLUTION:
        return np.array([np.nan])
    raise SpatialInputError("E225", f"a linear programme was not solved: {solution.message}",
                            hint="look for values that differ by many orders of magnitude")  # fmt: skip


def _diagonal(A: np.ndarray) -> sparse.csr_array:
    """Dense blocks (B, r, v) along the diagonal of a sparse (B r, B v) matrix."""
    B, r, v = A.shape
    k, i, j = np.nonzero(A)
    return sparse.csr_array((A[k, i, j], (k * r + i, k * v + j)), shape=(B * r, B * v))
