"""Random effects by moments: the share of the unit means to subtract (Swamy & Arora 1972, Econometrica 40:261-275).

Of units with unequal numbers of periods it is the estimator of Baltagi & Chang (1994, J. Econometrics 62:67-89).
"""

from __future__ import annotations

import numpy as np

from spillover.errors import SpatialInputError

from ..design.fixed_effects import UNIT_EFFECTS
from ..design.unit_rows import UnitRows


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
    lengths = np.sqrt(np.mean(X**2, axis=(0, 1)))
    within, U = _sse(UNIT_EFFECTS.demean(y).ravel(), UNIT_EFFECTS.demean(X).reshape(T * N, -1), lengths)
    between, means = _sse(y.mean(axis=0), X.mean(axis=0), lengths)
    df_within, df_between = N * (T - 1) - U.shape[1], N - means.shape[1]
    _refuse_few(df_within, df_between, N, str(T))
    _refuse_no_variance(within, y)
    sigma2_e, sigma2_1 = within / df_within, T * between / df_between
    return sigma2_e, max(sigma2_1 / sigma2_e - 1, 0.0) / T


def swamy_arora_uneven(y: np.ndarray, X: np.ndarray, units: UnitRows) -> tuple[float, float]:
    """The same of rows (m,) and (m, k) of units with T_i periods.

    The residuals of unit means times sqrt(T_i) have squares of the mean

        E SSE_b = (N - k_b) sigma2_e + (m - tr[U'diag(T_i) U]) sigma2_mu,    U a basis of X's means times sqrt(T_i)

    (Baltagi & Chang 1994), which is solved for sigma2_mu; sigma2_e is as above with m - N - k_within in its place.
    """
    lengths, m, root = np.sqrt(np.mean(X**2, axis=0)), len(y), np.sqrt(units.counts)
    one = np.ones(units.N)
    within, U = _sse(units.less(y, one), units.less(X, one), lengths)
    between, means = _sse(root * units.means(y), root[:, None] * units.means(X), lengths)
    df_within, df_between = m - units.N - U.shape[1], units.N - means.shape[1]
    _refuse_few(df_within, df_between, units.N, f"{units.mean_count:.3g} on average")
    _refuse_no_variance(within, y)
    sigma2_e = within / df_within
    left = float(units.counts.sum()) - float(units.counts @ np.sum(means**2, axis=1))
    return sigma2_e, max(between / sigma2_e - df_between, 0.0) / left


def _refuse_few(df_within: int, df_between: int, N: int, periods: str) -> None:
    if df_within < 1 or df_between < 1:
        raise SpatialInputError(
            "E206", f"random effects need more than {N - df_between} units and 2 periods, got {N} and {periods}",
            hint="effects='none', or more units and periods",
        )  # fmt: skip


def _refuse_no_variance(within: float, y: np.ndarray) -> None:
    if within <= 1e-20 * np.sum((y - y.mean()) ** 2):
        raise SpatialInputError("E703", "nothing is left of the response within units, and random effects need it",
                                hint="does the response vary over time?")  # fmt: skip


def _sse(y, X, lengths):
    """Sum of squared residuals, and a basis of X: year dummies have no part between units, unit means none within."""
    U, s, _ = np.linalg.svd(X / lengths, full_matrices=False)
    U = U[:, s > 1e-10 * np.sqrt(len(y))]
    e = y - U @ (U.T @ y)
    return float(e @ e), U
