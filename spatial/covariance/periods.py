"""The variance of a sum over few periods that may be correlated: cosine series, and Bartlett's kernel at fixed b."""

from __future__ import annotations

import numpy as np


def newey_west(sums: np.ndarray, lags: int) -> np.ndarray:
    """Bartlett-weighted autocovariances of the rows (T, p), added up (Newey & West 1987)."""
    M = sums.T @ sums
    for lag in range(1, lags + 1):
        ahead = sums[lag:].T @ sums[:-lag]
        M += (1 - lag / (lags + 1)) * (ahead + ahead.T)
    return M


def cosine_terms(T: int) -> int:
    """nu = max(2, floor(.4 T^(2/3))), at most T - 1 (Lazarus, Lewis, Stock & Watson 2018).

    Examples
    --------
    >>> [cosine_terms(T) for T in (5, 13, 30, 100)]
    [2, 2, 3, 8]
    """
    return min(max(2, int(0.4 * T ** (2 / 3))), T - 1)


def cosine_meat(sums: np.ndarray, nu: int) -> np.ndarray:
    """T / nu sum_j L_j L_j' of the rows (T, p): the variance of their sum."""
    T = len(sums)
    j, t = np.arange(1, nu + 1)[:, None], np.arange(1, T + 1)
    L = np.sqrt(2 / T) * np.cos(np.pi * j * (t - 0.5) / T) @ sums
    return T / nu * L.T @ L


def fixed_b_critical_value(b: float) -> float:
    """Of |t| at 5 % with Bartlett's kernel, b = (lags + 1) / T (Kiefer & Vogelsang 2005, table 1).

    Examples
    --------
    >>> round(fixed_b_critical_value(3 / 13), 5), round(fixed_b_critical_value(3 / 5), 5)
    (2.66086, 3.7764)
    """
    return 1.96 + 2.9694 * b + 0.416 * b**2 - 0.5324 * b**3


def fixed_b_df(b: float) -> float:
    """Degrees of freedom of the t distribution with that critical value.

    Examples
    --------
    >>> round(fixed_b_df(3 / 13), 2)
    4.49
    """
    return t_with_critical_value(fixed_b_critical_value(b))


def t_with_critical_value(value: float) -> float:
    """nu with P(|t(nu)| > value) = .05.

    Examples
    --------
    >>> round(t_with_critical_value(2.2281388519649385), 6)
    10.0
    """
    from scipy.optimize import brentq
    from scipy.special import stdtrit

    def excess(log_nu):
        return stdtrit(np.exp(log_nu), 0.975) - value

    if excess(15.0) >= 0:
        return float(np.exp(15.0))
    return float(np.exp(brentq(excess, -3.0, 15.0, xtol=1e-12)))
