"""Draws of the parameters, for those who ask for ``method="simulate"``: percentile intervals, and p by inversion."""

from __future__ import annotations

import numpy as np

from spillover.errors import SpatialInputError

from ..records.schema import critical_value
from .mixture import STANDARD_LEVEL, Inference, inverted
from .propagate import determinant


def parameter_draws(fit, draws: int, seed: int) -> tuple[np.ndarray, np.ndarray | float]:
    """Draws of all parameters, (kept, p), and those of rho alone: the ones inside its interval.

    Normal, or t with the fit's degrees of freedom.
    """
    sample = all_draws(fit, draws, seed)
    if not fit.specification.lag:
        return sample, 0.0
    rho = sample[:, fit.params.index.get_loc("rho")]
    lo, hi = determinant(fit).interval
    inside = (rho > lo) & (rho < hi)
    if inside.mean() < 0.5:
        raise SpatialInputError("E701", f"{(~inside).sum()} of {draws} draws of rho leave ({lo:.4g}, {hi:.4g})",
                                hint="the estimate is too close to the edge of the interval")  # fmt: skip
    return sample[inside], rho[inside]


def all_draws(fit, draws: int, seed: int) -> np.ndarray:
    """Draws of all parameters, (draws, p), wherever they fall."""
    mean, cov = fit.params.to_numpy(), fit.vcov.to_numpy()
    scale = np.sqrt(np.diag(cov))
    scale[scale == 0] = 1.0  # a parameter that is fixed
    values, vectors = np.linalg.eigh(cov / np.outer(scale, scale))
    root = scale[:, None] * vectors * np.sqrt(np.clip(values, 0, None))
    return mean + standard_draws(draws, len(mean), seed, fit.df_resid) @ root.T


def standard_draws(draws: int, p: int, seed: int, df: float | None = None) -> np.ndarray:
    """(draws, p) normal draws whose mean is zero and whose covariance is the identity, exactly; divided by
    sqrt(chi2 / df) for those of the t distribution.

    A thousand independent draws miss a standard error by 2 %, and one seed by the same 2 % in every study.
    """
    rng = np.random.default_rng(seed)
    z = rng.standard_normal((draws, p))
    if draws > 2 * p:
        z -= z.mean(axis=0)
        L = np.linalg.cholesky(z.T @ z / draws)
        z = np.linalg.solve(L, z.T).T
    return z if df is None else z / np.sqrt(rng.chisquare(df, draws) / df)[:, None]


def from_draws(drawn: np.ndarray, estimates: np.ndarray, level: float, df: float | None = None) -> Inference:
    """Percentile intervals of draws (R, ...), p by their inversion, the central 95 % as the standard error.

    The quantile i / (R + 1) is the i-th smallest draw, in between linearly: p is at least 2 / (R + 1).

    Raises
    ------
    SpatialInputError
        E501 when there are too few draws for the level.
    """
    R, need = len(drawn), fewest_draws(level)
    if need > R:
        raise SpatialInputError("E501", f"{R} draws do not determine the ends of a {max(level, STANDARD_LEVEL):.4g} "
                                "interval", n=R, hint=f"{need} draws or more")  # fmt: skip
    ordered = np.sort(drawn, axis=0)
    low, high = _quantiles(ordered, level)
    inner, outer = (low, high) if level == STANDARD_LEVEL else _quantiles(ordered, STANDARD_LEVEL)
    below = _share_below_zero(ordered)
    p, statistic = inverted(below, 1 - below, df)
    none = ordered[0] == ordered[-1]
    p, statistic = (np.where(none, np.nan, values) for values in (p, statistic))
    return Inference(estimates, (outer - inner) / (2 * critical_value(STANDARD_LEVEL, df)), statistic, p, low, high)


def fewest_draws(level: float) -> int:
    """That determine the ends of an interval, and of the central 95 %: 39, and 199 of one of 99 %."""
    critical_value(level)  # refuses what is no level
    return int(np.ceil(2 / (1 - max(level, STANDARD_LEVEL)) - 1e-9)) - 1


def _quantiles(ordered, level):
    return np.quantile(ordered, [(1 - level) / 2, (1 + level) / 2], axis=0, method="weibull")


def _share_below_zero(ordered: np.ndarray) -> np.ndarray:
    """The share q of which zero is the quantile."""
    R = len(ordered)
    k = (ordered <= 0).sum(axis=0)  # x_(k) <= 0 < x_(k+1)
    left = np.take_along_axis(ordered, np.clip(k - 1, 0, R - 1)[None], 0)[0]
    right = np.take_along_axis(ordered, np.clip(k, 0, R - 1)[None], 0)[0]
    with np.errstate(divide="ignore", invalid="ignore"):
        between = np.where((k > 0) & (k < R), -left / (right - left), 0.0)
    return (np.clip(k, 1, R) + between) / (R + 1)  # not below 1 / (R + 1): beyond the draws nothing is known
