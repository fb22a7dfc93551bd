"""Likelihood-ratio intervals where a model has both a spatial lag and a spatial error.

rho and lambda explain the same correlation, so that their likelihood is far from normal and may have two maxima: with
fewer than 1,000 rows Wald intervals cover 15 to 93 %. The ratio of profile likelihoods and that of the modified one
(``surface``) are compared with the square of t(n - p), the first times (n - p) / n, the second times (n - p) / (n - k).
The interval is from the least to the largest value that one of the two leaves in, and holds the estimate: it covers
94 to 99 %, with less than two rows per parameter 90. With ``correction=False`` it is the ratio of profile likelihoods
and chi2(1). p is that of the values beyond zero, so that p <= 1 - level exactly where the interval excludes zero.
"""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache

import numpy as np
import pandas as pd
from scipy.interpolate import CubicSpline, RectBivariateSpline

from spillover.errors import SpatialInputError
from spillover.matrix import refuse_varying

from ..covariance.kinds import Information
from ..covariance.vcov import covariance_of
from ..design.obs_weights import links_in_units_of_variance
from ..logdet import logdet
from ..logdet.inverse import Inverse
from ..records.fit import FitRecord
from ..records.regimes import RegimesRecord
from ..records.schema import critical_value, two_sided
from ..records.several import SeveralRecord
from ..solve.concentrated import form_of
from ..solve.ml import _cross_products
from ..solve.reml import by_period
from .mixture import STANDARD_LEVEL, Inference
from .surface import Combinations, Surface, on_one_grid

UNITS = 2_000  # all eigenvalues of W and M are needed
BELOW = 1_000  # rows below which these intervals are the default
NODES, ADJUSTED = 241, 49  # of splines; of that of the adjustment, which bends less
TAIL = 1e-4  # of the interval of a parameter that stays free at its ends
WIDEST = 1e3  # finite stand-in for an infinite end, from the estimate


def joint_obstacle(fit: FitRecord) -> str:
    """Why there is no such likelihood, in words; empty where there is one."""
    d, s, model = fit._design, fit._settings, fit.specification
    checks = {
        "it is for models with a spatial lag and a spatial error": not (model.lag and model.error),
        "it is for one W of the lag and one of the error": isinstance(fit, SeveralRecord),
        "regimes have no such likelihood": isinstance(fit, RegimesRecord),
        "it needs maximum likelihood": s.method != "ml" or s.composed,
        "it is for static models": bool(d.lags),
        "W varies over time, or periods are missing": d.varies or d.observed is not None,
        "the weights of observations change over time": d.obs_weights is not None and not d.obs_weights.fixed,
        "the correction is additive": s.correction == "additive",
        "its effects are not out by demeaning": bool(fit._sample.dummies) or _projected(fit._sample),
        f"it needs all eigenvalues of W, up to {UNITS:,} units": d.n_units > UNITS,
        "its standard errors are not the likelihood's": not isinstance(covariance_of(fit), Information),
    }
    return next((why for why, fails in checks.items() if fails), "")


def _projected(sample) -> bool:
    return any(hasattr(part.logdet, "plain") for part in (sample.lag, sample.error) if part is not None)


def by_joint_default(fit: FitRecord) -> bool:
    """Whether intervals and p of a fit are by likelihood unless another method is asked for."""
    model = fit.specification
    return model.lag and model.error and fit._sample.n < BELOW and fit.df_resid is not None and not joint_obstacle(fit)


def intervals(fit: FitRecord, level: float) -> pd.DataFrame:
    """Of all coefficients, rho and lambda: ``conf_low`` and ``conf_high``.

    Raises
    ------
    SpatialInputError
        E501 when the fit has no such likelihood.
    """
    if why := joint_obstacle(fit):
        raise SpatialInputError("E501", f"method='likelihood' is not there for this fit: {why}",
                                hint="leave method= out, or sac and gns by maximum likelihood")  # fmt: skip
    joint, bound = joint_of(fit), critical_value(level, fit.df_resid) ** 2
    ends = np.vstack([np.transpose(joint.interval(joint.terms, bound)), *(joint.ends_of(a, bound) for a in (0, 1))])
    return _with_estimates(pd.DataFrame(ends, index=fit.params.index, columns=["conf_low", "conf_high"]), fit.params)


def _with_estimates(table, estimates):
    return table.assign(conf_low=np.minimum(table["conf_low"], estimates),
                        conf_high=np.maximum(table["conf_high"], estimates))  # fmt: skip


def statistics(fit: FitRecord) -> pd.Series:
    """The roots of the ratios at zero with the signs of the estimates: quantiles of t(n - p)."""
    joint, signs = joint_of(fit), np.sign(fit.params.to_numpy())
    k = fit._sample.k
    squares = np.append(joint.at_zero(joint.terms, signs[:k]), [joint.at_zero_of(a, signs[k + a]) for a in (0, 1)])
    return pd.Series(signs * np.sqrt(squares) + 0.0, index=fit.params.index, name="statistic")


def by_joint_likelihood(source, picks: np.ndarray, level: float) -> Inference:
    """Of ``AverageEffects``: interval, p and statistic of the effects, (3 V,) each; estimates are the fit's."""
    fit = source.fit
    joint, df = joint_of(fit), fit.df_resid
    combinations = joint.effects(source, picks[:, :, : fit._sample.k])
    estimates = source.estimates(picks).ravel()
    ends = {one: joint.interval(combinations, critical_value(one, df) ** 2) for one in {level, STANDARD_LEVEL}}
    low, high = np.minimum(ends[level][0], estimates), np.maximum(ends[level][1], estimates)
    inner, outer = ends[STANDARD_LEVEL]
    error = (outer - inner) / (2 * critical_value(STANDARD_LEVEL, df))
    signs = np.sign(estimates)
    statistic = signs * np.sqrt(joint.at_zero(combinations, signs)) + 0.0
    return Inference(estimates, error, statistic, two_sided(statistic, df), low, high)


@dataclass(frozen=True, eq=False)
class Joint:
    """The ratios of one fit: what one of its surfaces leaves in is in.

    Attributes
    ----------
    surfaces : tuple of Surface
        With the profile likelihood and, where parameters are counted, the modified one.
    u : ndarray, shape (NODES,);  rho : ndarray, shape (NODES,)
        Nodes of the splines, and rho there.
    inverse, solved : ndarrays, shapes (NODES, k, k), (NODES, k, 2)
        At the same places of lambda C^-1 and the coefficients of y and W y, both over the columns of X.
    """

    surfaces: tuple[Surface, ...]
    u: np.ndarray = field(repr=False)
    rho: np.ndarray = field(repr=False)
    inverse: np.ndarray = field(repr=False)
    solved: np.ndarray = field(repr=False)

    @cached_property
    def terms(self) -> Combinations:
        """Each coefficient by itself."""
        k = self.solved.shape[1]
        variances = self.inverse[:, range(k), range(k)]
        return self._combinations(np.ones((len(self.u), k, 1)), self.solved[:, :, None], variances[:, :, None, None])

    def effects(self, source, picks: np.ndarray) -> Combinations:
        """Direct, indirect and total effects of V variables; picks are (K, V, k)."""
        averages = copy(source.averages)
        averages.logdet = logdet(source.fit._design.weights, "eigen")
        a, b = averages.over(self.rho[0], self.rho[-1])(self.rho)
        V = picks.shape[1]
        coefficients = np.repeat(np.array([a, b - a, b]).transpose(2, 0, 1), V, axis=1)  # (NODES, 3 V, K)
        of_picks = np.einsum("kvi,sij->svkj", picks, self.solved)
        pairs = np.einsum("kvi,sij,lvj->svkl", picks, self.inverse, picks, optimize=True)
        return self._combinations(coefficients, *(np.repeat(x[:, None], 3, axis=1).reshape(len(x), -1, *x.shape[2:])
                                                  for x in (of_picks, pairs)))  # fmt: skip

    def _combinations(self, *values) -> Combinations:
        return Combinations(tuple(CubicSpline(self.u, x) for x in values))

    def interval(self, combinations, bound: float) -> tuple[np.ndarray, np.ndarray]:
        lows, highs = zip(*(surface.interval(combinations, bound) for surface in self.surfaces))
        return np.min(lows, axis=0), np.max(highs, axis=0)

    def ends_of(self, axis: int, bound: float) -> tuple[float, float]:
        lows, highs = zip(*(surface.ends_of(axis, bound) for surface in self.surfaces))
        return min(lows), max(highs)

    def at_zero(self, combinations, signs: np.ndarray) -> np.ndarray:
        return np.min([surface.combinations_at_zero(combinations, signs) for surface in self.surfaces], axis=0)

    def at_zero_of(self, axis: int, sign: float) -> float:
        return min(surface.ratio_at_zero(axis, sign) for surface in self.surfaces)


@lru_cache(maxsize=2)
def joint_of(fit: FitRecord) -> Joint:
    """The surfaces of a fit; its table, its intervals and its effects share them."""
    sample, d = fit._sample, fit._design
    lag, error = (replace(part, logdet=logdet(w, "eigen"))
                  for part, w in zip(sample.parts, (d.weights, d.weights_of_error), strict=True))  # fmt: skip
    bounds = np.array([part.logdet.interval for part in (lag, error)])
    at = np.array([[fit.rho], [fit.lam]])
    bounds = np.clip(bounds, at - WIDEST, at + WIDEST)
    # 1. Splines over both intervals.
    reach = -float(np.log(1 / TAIL - 1)), float(np.log(1 / TAIL - 1))
    u = np.linspace(*reach, NODES)
    rho, lam = bounds[:, :1] + np.diff(bounds, axis=1) / (1 + np.exp(-u))
    products, shift = _cross_products([sample], [sample.basis])
    S, (inverse, G) = form_of(products, lam)
    determinants = CubicSpline(u, lag.value(rho)), CubicSpline(u, error.value(lam))
    squares = CubicSpline(u, np.stack(S, axis=-1))
    # 2. The profile likelihood and the modified one.
    n, p, k = sample.n, len(fit.params), sample.X.shape[1]
    shared = bounds, reach, determinants, squares
    surfaces: tuple[Surface, ...]
    if fit.df_resid is None:
        surfaces = (Surface(*shared, None, n, 1.0),)
    else:
        surfaces = (Surface(*shared, None, n, (n - p) / n),
                    Surface(*shared, _adjustment(fit, products, bounds, reach), n - k, (n - p) / (n - k)))  # fmt: skip
    root = np.linalg.inv(sample.basis[1])
    return Joint(on_one_grid(surfaces), u, rho, root @ inverse @ root.T, root @ (shift[0] + G))


def _adjustment(fit, products, bounds, reach: tuple[float, float]) -> RectBivariateSpline:
    """-ln|C| / 2 - ln|I - (rho - rho_0) C^-1 X'B'B G_0 X|, over an orthonormal basis of X.

    Real eigenvalues are kept where the determinant has no zero inside rho's interval.
    """
    sample, d = fit._sample, fit._design
    Q, _, MQ = sample.basis
    W, M = (refuse_varying(links_in_units_of_variance(d, w), "this likelihood")
            for w in (d.weights, d.weights_of_error))  # fmt: skip
    A_inverse = Inverse(W, fit.rho)
    GQ = by_period(Q, d.n_units, lambda x: W.csr @ A_inverse.solve(x))
    MGQ = by_period(GQ, d.n_units, lambda x: M.csr @ x)
    u = np.linspace(*reach, ADJUSTED)
    rho, lam = bounds[:, :1] + np.diff(bounds, axis=1) / (1 + np.exp(-u))
    lam = lam[:, None, None]
    zz, mixed, mm = (part[0, 2:, 2:] for part in products)
    C = zz - lam * mixed + lam**2 * mm
    K = Q.T @ GQ - lam * (MQ.T @ GQ + Q.T @ MGQ) + lam**2 * (MQ.T @ MGQ)
    values = np.linalg.eigvals(np.linalg.solve(C, K)).astype(complex)
    low, high = 1 / (bounds[0] - fit.rho)
    values = np.where(values.imag == 0, np.clip(values.real, low, high), values)
    ratio = np.log(np.abs(1 - (rho - fit.rho)[:, None, None] * values)).sum(axis=-1)
    return RectBivariateSpline(u, u, -np.linalg.slogdet(C)[1] / 2 - ratio)
