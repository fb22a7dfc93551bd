"""Random effects by moments: the share of the unit means to subtract (Swamy & Arora 1972, Econometrica 40:261-275)."""

from __future__ import annotations

import numpy as np

from spillover.errors import SpatialInputError

from ..design.fixed_effects import UNIT_EFFECTS


def swamy_arora(y: np.ndarray, X: np.ndarray) -> tuple[float, float]:
    """(sigma2_e, phi): the errors' variance within units, and the variance of the unit effects relative to it.

    Parameters
    ----------
    y : (T, N)
    X : (T, N, k), intercept included

    Returns
    -------
    (float, float)
        sigma2_e = SSE_within / (N (T - 1) - k_within) and phi = (sigma2_1 / sigma2_e - 1) / T with
        sigma2_1 = T SSE_between / (N - k_between), k the ranks of X within and between. phi is zero when the
        between variance is the smaller.

    Raises
    ------
    SpatialInputError
        E206 when there are too few units or periods for either regression, E703 when y does not vary within
        units.
    """
    T, N = y.shape
    within, rank_within = _sse(UNIT_EFFECTS.demean(y).ravel(), UNIT_EFFECTS.demean(X).reshape(T * N, -1), _lengths(X))
    between, rank_between = _sse(y.mean(axis=0), X.mean(axis=0), _lengths(X))
    df_within, df_between = N * (T - 1) - rank_within, N - rank_between
    if df_within < 1 or df_between < 1:
        raise SpatialInputError(
            "E206", f"random effects need more than {rank_between} units and 2 periods, got {N} and {T}",
            hint="effects='none', or more units and periods",
        )
    if within <= 1e-20 * np.sum((y - y.mean()) ** 2):
        raise SpatialInputError("E703", "nothing is left of the response within units, and random effects need it",
                                hint="does the response vary over time?")  # fmt: skip
    sigma2_e, sigma2_1 = within / df_within, T * between / df_between
    return sigma2_e, max(sigma2_1 / sigma2_e - 1, 0.0) / T


def _lengths(X) -> np.ndarray:
    """Root mean squares of X's columns: the scale for judging their within and between parts."""
    return np.sqrt(np.mean(X**2, axis=(0, 1)))


def _sse(y, X, lengths):
    """(sum of squared residuals, rank of X): year dummies have no part between units, unit means none within."""
    U, s, _ = np.linalg.svd(X / lengths, full_matrices=False)
    U = U[:, s > 1e-10 * np.sqrt(len(y))]
    e = y - U @ (U.T @ y)
    return float(e @ e), U.shape[1]
