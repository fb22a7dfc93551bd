"""Intervals by likelihood ratios, for few rows: of rho and lambda, of coefficients and of effects.

Maximum likelihood takes beta as if it were known: with few rows per coefficient rho and lambda are biased towards zero,
and Wald intervals of lambda cover 11 to 90 %. Near the end of rho's interval effects are far from normal. Where a model
has both, rho and lambda explain the same correlation and their likelihood may have two maxima: Wald intervals cover 15
to 93 %. The ratio of profile likelihoods and that of the modified one (``surface``) are compared with the square of
t(n - p), the first times (n - p) / n, the second times (n - p) / (n - k). The interval is from the least to the largest
value that one of the two leaves in, and holds the estimate. With ``correction=False`` it is the ratio of profile
likelihoods and chi2(1), after restricted maximum likelihood that of the modified one and t(n - k). p is that of the
values beyond zero, so that p <= 1 - level exactly where the interval excludes zero.
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

from ..design.obs_weights import links_in_units_of_variance
from ..logdet import Jacobian, Projected, logdet
from ..logdet.inverse import Inverse
from ..records.fit import FitRecord
from ..records.schema import critical_value, two_sided
from ..solve.concentrated import form_of
from ..solve.ml import _cross_products
from ..solve.reml import by_period
from .few_rows import obstacle
from .mixture import STANDARD_LEVEL, Inference
from .surface import Combinations, Surface, on_one_grid

NODES, ADJUSTED = 241, 49  # of splines; of that of the adjustment over two parameters, which bends less
CONSTANT = 4  # nodes where there is no parameter
REACHED = 25.0  # log-likelihood below the maximum: an interval of 1 - 1e-10 ends before
TAIL = 1e-4  # of the interval of a parameter that stays free at its ends
WIDEST = 15.0  # standard errors from the estimate: finite stand-in for an infinite end


def intervals(fit: FitRecord, level: float) -> pd.DataFrame:
    """Of all coefficients, rho and lambda: ``conf_low`` and ``conf_high``.

    Raises
    ------
    SpatialInputError
        E501 when the fit has no such likelihood.
    """
    _refuse(fit)
    ratios, bound = ratios_of(fit), critical_value(level, fit.df_resid) ** 2
    ends = np.vstack([np.transpose(ratios.interval(ratios.terms, bound)),
                      *(ratios.ends_of(axis, bound) for axis in ratios.axes)])  # fmt: skip
    return _with_estimates(pd.DataFrame(ends, index=fit.params.index, columns=["conf_low", "conf_high"]), fit.params)


def _refuse(fit) -> None:
    if why := obstacle(fit):
        raise SpatialInputError("E501", f"method='likelihood' is not there for this fit: {why}",
                                hint="leave method= out")  # fmt: skip


def _with_estimates(table, estimates):
    return table.assign(conf_low=np.minimum(table["conf_low"], estimates),
                        conf_high=np.maximum(table["conf_high"], estimates))  # fmt: skip


def statistics(fit: FitRecord) -> pd.Series:
    """The roots of the ratios at zero with the signs of the estimates: quantiles of t(n - p)."""
    ratios, signs = ratios_of(fit), np.sign(fit.params.to_numpy())
    k = fit._sample.k
    squares = np.append(ratios.at_zero(ratios.terms, signs[:k]),
                        [ratios.at_zero_of(axis, sign) for axis, sign in zip(ratios.axes, signs[k:])])  # fmt: skip
    return pd.Series(signs * np.sqrt(squares) + 0.0, index=fit.params.index, name="statistic")


def by_likelihood(source, picks: np.ndarray, level: float) -> Inference:
    """Of ``AverageEffects``: interval, p and statistic of the effects, (3 V,) each; estimates are the fit's. An end of
    an interval is infinite where the likelihood does not bound the effect.

    Raises
    ------
    SpatialInputError
        E501 when the fit has no such likelihood.
    """
    fit = source.fit
    _refuse(fit)
    return inference(fit, ratios_of(fit).effects(source, picks), source.estimates(picks).ravel(), level)


def inference(fit: FitRecord, combinations: Combinations, estimates: np.ndarray, level: float) -> Inference:
    """Interval, p and statistic of E combinations of coefficients, (E,) each."""
    ratios, df = ratios_of(fit), fit.df_resid
    ends = {one: ratios.interval(combinations, critical_value(one, df) ** 2) for one in {level, STANDARD_LEVEL}}
    low, high = np.minimum(ends[level][0], estimates), np.maximum(ends[level][1], estimates)
    inner, outer = ends[STANDARD_LEVEL]
    error = (outer - inner) / (2 * critical_value(STANDARD_LEVEL, df))
    signs = np.sign(estimates)
    statistic = signs * np.sqrt(ratios.at_zero(combinations, signs)) + 0.0
    statistic[outer == inner] = np.nan  # the indirect effect of a model without lags
    return Inference(estimates, error, statistic, two_sided(statistic, df), low, high)


@dataclass(frozen=True, eq=False)
class Ratios:
    """The likelihood ratios of one fit: what one of its surfaces leaves in is in.

    Attributes
    ----------
    surfaces : tuple of Surface
        With the profile likelihood and, where parameters are counted, the modified one.
    u : two ndarrays
        Nodes of the splines in rho and in lambda.
    rho : ndarray
        rho at the first.
    inverse, solved : ndarrays, shapes (nodes of lambda, k, k), (nodes of lambda, k, 2)
        C^-1 and the coefficients of y and W y, both over the columns of X.
    axes : tuple of int
        0 of rho, 1 of lambda: those that the model has.
    """

    surfaces: tuple[Surface, ...]
    u: tuple[np.ndarray, np.ndarray]
    rho: np.ndarray = field(repr=False)
    inverse: np.ndarray = field(repr=False)
    solved: np.ndarray = field(repr=False)
    axes: tuple[int, ...]

    @cached_property
    def terms(self) -> Combinations:
        """Each coefficient by itself."""
        k = self.solved.shape[1]
        variances = self.inverse[:, range(k), range(k)]
        return self._combinations(np.ones((len(self.rho), k, 1)), self.solved[:, :, None],
                                  variances[:, :, None, None])  # fmt: skip

    @cached_property
    def reached(self) -> tuple[float, float]:
        """The rho that no interval leaves: where some likelihood is within REACHED of its maximum."""
        inside = np.zeros(len(self.surfaces[0].grid[0]), dtype=bool)
        for surface in self.surfaces:
            inside |= surface.on_grid[0].max(axis=1) > surface.best[1] - REACHED
        grid, at = self.surfaces[0].grid[0], np.flatnonzero(inside)
        ends = grid[max(at[0] - 1, 0)], grid[min(at[-1] + 1, len(grid) - 1)]
        low, high = (float(self.surfaces[0].value(u)) for u in ends)
        return max(low, float(self.rho[0])), min(high, float(self.rho[-1]))

    def effects(self, source, picks: np.ndarray) -> Combinations:
        """Direct, indirect and total effects of V variables."""
        averages = copy(source.averages)
        if 0 in self.axes:
            averages.logdet = logdet(source.fit._design.weights, "eigen")
            a, b = averages.over(self.rho[0], self.rho[-1])(self.rho)
        else:
            a, b = (np.repeat(x[:, None], len(self.rho), axis=1) for x in averages.at(0.0))
        return self.linear(np.array([a, b - a, b]).transpose(2, 1, 0), picks)

    def linear(self, curves: np.ndarray, picks: np.ndarray) -> Combinations:
        """The J V sums over k of curves_k(rho), (nodes of rho, K, J), times what picks (K, V, p) pick out of the
        parameters; with p + 1 columns the last picks the constant 1."""
        k, J, V = self.solved.shape[1], curves.shape[2], picks.shape[1]
        constant = np.pad(self.solved, ((0, 0), (0, 1), (0, 0)))
        constant[:, -1, 0] = 1
        inverse = np.pad(self.inverse, ((0, 0), (0, 1), (0, 1)))
        p = k + len(self.axes)
        own = picks[:, :, [*range(k), p]] if picks.shape[2] > p else picks[:, :, :k]
        own = own if own.shape[2] > k else np.pad(own, ((0, 0), (0, 0), (0, 1)))
        of_picks = np.einsum("kvi,sij->svkj", own, constant)
        pairs = np.einsum("kvi,sij,lvj->svkl", own, inverse, own, optimize=True)
        coefficients = np.repeat(curves.transpose(0, 2, 1), V, axis=1)  # (nodes of rho, J V, K)
        return self._combinations(coefficients, *(np.repeat(x[:, None], J, axis=1).reshape(len(x), -1, *x.shape[2:])
                                                  for x in (of_picks, pairs)))  # fmt: skip

    def sums(self, G: np.ndarray, constants: np.ndarray) -> Combinations:
        """G theta + constants, G (q, p): rho and lambda among the parameters."""
        k, q = self.solved.shape[1], len(G)
        values = dict(zip(self.axes, G[:, k:].T))
        u, w = self.u
        lam = self.surfaces[0].value(w, 1)
        curves = np.ones((len(u), q, 2))
        curves[:, :, 1] = constants + np.outer(self.rho, values.get(0, np.zeros(q)))
        of_picks = np.zeros((len(w), q, 2, 2))
        of_picks[:, :, 0] = np.einsum("qi,sij->sqj", G[:, :k], self.solved)
        of_picks[:, :, 0, 0] += np.outer(lam, values.get(1, np.zeros(q)))
        of_picks[:, :, 1, 0] = 1
        pairs = np.zeros((len(w), q, 2, 2))
        pairs[:, :, 0, 0] = np.einsum("qi,sij,qj->sq", G[:, :k], self.inverse, G[:, :k])
        return self._combinations(curves, of_picks, pairs)

    def _combinations(self, of_lag, *of_error) -> Combinations:
        u, w = self.u
        return Combinations((CubicSpline(u, of_lag), *(CubicSpline(w, x) for x in of_error)))

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
def ratios_of(fit: FitRecord) -> Ratios:
    """The surfaces of a fit; its table, its intervals and its effects share them."""
    sample, d = fit._sample, fit._design
    lag, error = (_over_all(part, w) for part, w in ((sample.lag, d.weights), (sample.error, d.weights_of_error)))
    bounds = np.array([_bounds(fit, part, name) for part, name in ((lag, "rho"), (error, "lambda"))])
    # 1. Splines over both intervals.
    reach = -float(np.log(1 / TAIL - 1)), float(np.log(1 / TAIL - 1))
    u, w = (np.linspace(*reach, NODES if part else CONSTANT) for part in (lag, error))
    rho, lam = (low + (high - low) / (1 + np.exp(-nodes)) for (low, high), nodes in zip(bounds, (u, w)))
    products, shift = _cross_products([sample], [sample.basis])
    S, inverses = form_of(products, lam)
    k = sample.X.shape[1]
    inverse, G = (np.eye(k), np.zeros((k, 2))) if inverses is None else inverses
    determinants = tuple(CubicSpline(nodes, np.zeros(len(nodes)) if part is None else part.value(x))
                         for part, nodes, x in ((lag, u, rho), (error, w, lam)))  # fmt: skip
    squares = CubicSpline(w, np.stack([np.broadcast_to(part, w.shape) for part in S], axis=-1))
    # 2. The profile likelihood and the modified one.
    n, shared = sample.n, (bounds, reach, determinants, squares)
    surfaces: tuple[Surface, ...]
    if fit.df_resid is None:
        surfaces = (Surface(*shared, None, n, 1.0),)
    else:
        modified = Surface(*shared, _adjustment(fit, products, bounds, reach), n - k, fit.df_resid / (n - k))
        profile = Surface(*shared, None, n, fit.df_resid / n)
        surfaces = (modified,) if fit._settings.method == "reml" else (profile, modified)
    root = np.linalg.inv(sample.basis[1])
    over_X, solved = (np.broadcast_to(x, (len(w), *x.shape[-2:]))
                      for x in (root @ inverse @ root.T, root @ (shift[0] + G)))  # fmt: skip
    axes = tuple(axis for axis, part in enumerate((lag, error)) if part is not None)
    return Ratios(on_one_grid(surfaces), (u, w), rho, over_X, solved, axes)


def _bounds(fit, part: Jacobian | None, name: str) -> tuple[float, float]:
    """Of a parameter; an end that W does not set, since it has no such eigenvalue, is one far from the estimate."""
    if part is None:
        return 0.0, 0.0
    (low, high), reach = part.logdet.interval, WIDEST * fit.std_errors[name]
    at = fit.params[name]
    return (low if np.isfinite(low) else at - reach), (high if np.isfinite(high) else at + reach)


def _over_all(part: Jacobian | None, w) -> Jacobian | None:
    """Exact over the whole interval, from all eigenvalues."""
    return part if part is None or isinstance(part.logdet, Projected) else replace(part, logdet=logdet(w, "eigen"))


def _adjustment(fit, products, bounds, reach: tuple[float, float]) -> RectBivariateSpline | CubicSpline:
    """-ln|C| / 2 - ln|I - (rho - rho_0) C^-1 X'B'B G_0 X|, over an orthonormal basis of X.

    Real eigenvalues are kept where the determinant has no zero inside rho's interval.
    """
    sample, d = fit._sample, fit._design
    Q, _, MQ = sample.basis
    nodes = ADJUSTED if sample.lag is not None and sample.error is not None else NODES
    u, w = (np.linspace(*reach, nodes if low < high else CONSTANT) for low, high in bounds)
    rho, lam = (low + (high - low) / (1 + np.exp(-at)) for (low, high), at in zip(bounds, (u, w)))
    if sample.error is None:
        C = np.broadcast_to(np.eye(Q.shape[1]), (len(w), Q.shape[1], Q.shape[1]))
    else:
        zz, mixed, mm = (part[0, 2:, 2:] for part in products)
        C = zz - lam[:, None, None] * mixed + lam[:, None, None] ** 2 * mm
    value = np.broadcast_to(-np.linalg.slogdet(C)[1] / 2, (len(u), len(w)))
    if sample.lag is not None:
        W, M = (refuse_varying(links_in_units_of_variance(d, w), "this likelihood")
                for w in (d.weights, d.weights_of_error))  # fmt: skip
        A_inverse = Inverse(W, fit.rho)
        GQ = by_period(Q, d.n_units, lambda x: W.csr @ A_inverse.solve(x))
        K = np.broadcast_to(Q.T @ GQ, C.shape)
        if sample.error is not None:
            MGQ = by_period(GQ, d.n_units, lambda x: M.csr @ x)
            K = K - lam[:, None, None] * (MQ.T @ GQ + Q.T @ MGQ) + lam[:, None, None] ** 2 * (MQ.T @ MGQ)
        values = np.linalg.eigvals(np.linalg.solve(C, K)).astype(complex)
        low, high = 1 / (bounds[0] - fit.rho)
        values = np.where(values.imag == 0, np.clip(values.real, low, high), values)
        value = value - np.log(np.abs(1 - (rho - fit.rho)[:, None, None] * values)).sum(axis=-1)
    if sample.lag is None:
        return CubicSpline(w, value[0])
    return CubicSpline(u, value[:, 0]) if sample.error is None else RectBivariateSpline(u, w, value)
