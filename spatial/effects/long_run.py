"""Dynamic panels: effects in the short and in the long run, and the path between them.

    short run   (I - rho W)^-1 (beta I + theta W)
    long run    ((1 - tau) I - (rho + eta) W)^-1 (beta I + theta W)      Elhorst (2014), eq. 4.5; Debarsy, Ertur
    h periods   [(I - rho W)^-1 (tau I + eta W)]^h (I - rho W)^-1 (beta I + theta W)   & LeSage (2012), eq. 11-13

Divided by 1 - tau the long run has the form of the short run, with rho* = (rho + eta) / (1 - tau), beta / (1 - tau)
and theta / (1 - tau): it is computed by the same functions, on a fit with these parameters.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
import pandas as pd

from spillover.errors import SpatialInputError
from spillover.matrix import refuse_varying
from spillover.show import Shown

from ..design.arrays import Sample
from ..records.fit import FitRecord
from ..solve.dynamic import roots
from .average import Effects, averaged
from .draws import parameter_draws
from .infer import AverageEffects, Options
from .linear import Law, with_constant
from .mixture import Inference, settled
from .nodes import Given, given_spatial
from .propagate import Averages, combine, determinant, spatial_places
from .stationarity import Stationarity, stationarity

PHI, KAPPA = 72, 32  # nodes over phi and kappa: ends to 2e-3 of their width, to 6e-3 with 12 degrees of freedom


@dataclass(frozen=True, eq=False)
class DynamicEffects(Shown):
    """Effects of a dynamic model, with inference.

    Attributes
    ----------
    fit : FitRecord
    options : Options
        How the inference is made, as in ``Effects``.
    short_run, long_run, convergence : Effects
        Each with averages, ``by_unit``, ``shock``, ``matrix``, ``by_group`` and ``by_order``. With gaps the short run
        is averaged over the units of every period; the long run, convergence and paths are those of all units, under
        the W that they have together. ``convergence`` is that
        of the response's own past, (I - rho W)^-1 (tau I + eta W). ``long_run`` raises E712 for an estimate that is
        not stationary, or whose distribution is mostly not; what a distribution says beyond stationarity is left out.
    no_long_run : str
        The reason where ``long_run`` raises; tables and texts then hold the short run alone.

    Examples
    --------
    >>> import shapefiles, spatial as sp, weights as wt
    >>> w = wt.queen(shapefiles.load("us_states")).standardize("row")
    >>> panel = shapefiles.load_panel("us_states")
    >>> fit = sp.sdm("log(gsp) ~ log(emp) + unemp", panel, w, entity="state", time="year", lags="both")
    >>> effects = fit.effects(method="delta")
    >>> [round(float(run.total["log(emp)"]), 2) for run in (effects.short_run, effects.long_run)]
    [0.03, 0.23]
    """

    fit: FitRecord = field(repr=False)
    options: Options

    @cached_property
    def short_run(self) -> Effects:
        return averaged(self.fit, self.fit._design.regressors, self.options, "short-run")

    @cached_property
    def stationarity(self) -> Stationarity:
        return stationarity(self._whole)

    @cached_property
    def _whole(self) -> FitRecord:
        return of_all_units(self.fit)

    @cached_property
    def long_run(self) -> Effects:
        refuse_without_long_run(self._whole, self.stationarity)
        fit = with_rho(self._whole)
        there = long_run_fit(fit)
        source = LongRunEffects(fit, AverageEffects(there, Averages(there)))
        return averaged(there, self.fit._design.regressors, self.options, "long-run", source)

    @cached_property
    def no_long_run(self) -> str:
        """Why there is none: the estimate is not stationary, or most of its distribution is not; else ""."""
        try:
            _ = self.long_run
        except SpatialInputError as error:
            if error.code != "E712":
                raise
            return error.message
        return ""

    @cached_property
    def convergence(self) -> Effects:
        refuse_varying(self._whole._design.weights, "convergence")
        return averaged(self._whole, (f"lag({self.fit._design.response})",), self.options, "convergence")

    def path(self, horizon: int = 10) -> pd.DataFrame:
        """How effects unfold, by period since the change.

        Parameters
        ----------
        horizon : int
            The last period; 0 is that of the change.

        Returns
        -------
        DataFrame
            ``change``, ``horizon``, ``effect``, then the common schema.
            "transitory": the response to a change of one period, h periods later. "permanent": to a change that
            stays, which is also the transitory one cumulated; it tends to the long run.

        Raises
        ------
        SpatialInputError
            E309 beyond 5,000 units, E501 for a horizon below zero, E711 for a W with too few eigenvectors.
        """
        from .path import effect_path

        return effect_path(self._whole, horizon, self.options)

    def tidy(self) -> pd.DataFrame:
        """One row per run, variable and effect ("short-run direct", ...), in the common schema; without the long run
        where there is none: see ``no_long_run``."""
        tables = []
        for part in [self.short_run, *([] if self.no_long_run else [self.long_run])]:
            table = part.tidy()
            tables.append(table.assign(effect=f"{part.run} " + table["effect"]))
        return pd.concat(tables, ignore_index=True)

    def __getattr__(self, name):
        more = f": read short_run.{name} or long_run.{name}" if hasattr(Effects, name) else ""
        raise AttributeError(f"effects of a dynamic model have no attribute {name!r}{more}")


@dataclass(frozen=True, eq=False)
class LongRunEffects:
    """Average effects in the long run as functions of the parameters of the dynamic model.

    With kappa = rho + eta they are a_k(r) / (1 - tau), r = kappa / (1 - tau), times the coefficients: linear given
    kappa and phi = 1 - tau - kappa w_max, which is positive where the long run exists.
    """

    fit: FitRecord
    at_estimates: AverageEffects

    def estimates(self, picks: np.ndarray) -> np.ndarray:
        return self.at_estimates.estimates(picks)

    def errors(self, picks: np.ndarray) -> np.ndarray:
        return self.at_estimates.errors(picks)

    def exact(self, picks: np.ndarray, level: float) -> tuple[None, Inference]:
        estimates, fit = self.estimates(picks).ravel(), self.fit
        if not np.isfinite(fit.vcov.to_numpy()).all():
            return None, Inference(estimates, *np.full((5, len(estimates)), np.nan))

        def curves(r):
            a, b = self.at_estimates.averages.many(r)
            return np.stack([a, b - a, b], axis=-1).swapaxes(0, 1)

        def law_of(size):
            return long_run_law(fit, curves, picks, size).mixture

        return None, settled(law_of, estimates, level, PHI, PHI)[1]

    def sample(self, picks: np.ndarray, draws: int, seed: int) -> np.ndarray:
        """(kept, 3, V): draws that are stationary."""
        sample, _ = parameter_draws(self.fit, draws, seed)
        rho, tau, eta = (part[:, None] for part in dynamics(self.fit, sample))
        W = refuse_varying(self.fit._design.weights, "the long run")
        inside = (np.abs(roots(W, determinant(self.fit), rho, tau, eta)) < 1).all(axis=1)
        if inside.sum() < draws / 2:
            raise SpatialInputError("E712", f"{draws - inside.sum()} of {draws} draws are not stationary: "
                                    f"the long run is not determined ({stationarity(self.fit).line})",
                                    hint="method='delta', or path(horizon)")  # fmt: skip
        long = _long_run_parameters(sample[inside], spatial_places(self.fit))
        return combine(long, long[:, self.fit.params.index.get_loc("rho")], self.at_estimates.averages, picks)

    def likelihood(self, picks: np.ndarray, level: float) -> Inference:
        raise SpatialInputError("E501", "method='likelihood' is for static models", hint="method='quadrature'")


def refuse_without_long_run(fit: FitRecord, roots: Stationarity) -> None:
    """E712 where W varies, or the estimate is not stationary."""
    if fit._design.weights.varies:
        raise SpatialInputError("E712", "there is no long run: W varies over time, and effects of later periods "
                                "depend on W to come", hint="the short run; or a fit with w.mean()")  # fmt: skip
    if not roots.holds:
        raise SpatialInputError("E712", f"there is no long run: the estimate is {roots.line}",
                                hint="the short run and path(horizon) are defined; difference the data or add "
                                "time effects for the long run")  # fmt: skip


def _stationary_nodes(fit: FitRecord, params: np.ndarray, V: np.ndarray, size: int) -> tuple[Given, Callable]:
    """Coefficients given phi and kappa, at nodes where the long run exists; the function of nodes to 1 - tau and r."""
    lo, hi = determinant(fit).interval
    in_rho, in_tau, in_eta = np.pad(spatial_places(fit), [(0, 0), (0, len(params) - len(fit.params))])
    top, spatial = 1 / hi, in_rho + in_eta
    R = np.array([-in_tau - top * spatial, spatial])  # phi - 1 and kappa

    def ratios(points):
        """1 - tau and r."""
        left = 1 + points[:, 0] + top * points[:, 1]
        return left, points[:, 1] / left

    def admissible(points):
        left, r = ratios(points)
        return (left > 0) & (r > lo) & (r < hi)

    conditional = given_spatial(params, V, R, fit.df_resid, [size, KAPPA], (-1.0, np.inf), admissible=admissible)
    return conditional, ratios


def not_stationary(fit: FitRecord) -> float:
    """The share of the estimates' distribution that has no long run, which laws of long-run quantities leave out."""
    fit = with_rho(of_all_units(fit))
    params, V = fit.params.to_numpy(), fit.vcov.to_numpy()
    return 1 - _stationary_nodes(fit, params, V, PHI)[0].inside if np.isfinite(V).all() else 0.0


def long_run_law(fit: FitRecord, curves: Callable, picks: np.ndarray, size: int) -> Law:
    """What is linear in the coefficients given r, divided by 1 - tau, at ``size`` nodes of phi.

    Parameters
    ----------
    fit : FitRecord, as ``with_rho`` has it
    curves : function of r (Q,) to (Q, K, J)
    picks : ndarray, shape (K, V, p), or (K, V, p + 1) where a last column takes the constant 1

    Raises
    ------
    SpatialInputError
        E712 where most of the distribution is not stationary.
    """
    params, V = with_constant(fit.params.to_numpy(), fit.vcov.to_numpy(), picks.shape[-1])
    conditional, ratios = _stationary_nodes(fit, params, V, size)
    if not conditional.inside >= 0.5:
        outside = f"{1 - conditional.inside:.0%} of the distribution of the estimates"
        message = f"{outside} is not stationary: the long run is not determined ({stationarity(fit).line})"
        raise SpatialInputError("E712", message, hint="method='delta' of fit.effects(), or path(horizon)")
    left, r = ratios(conditional.points)
    return Law(conditional, curves(r) / left[:, None, None], picks)


def of_all_units(fit: FitRecord) -> FitRecord:
    """A fit of a panel with gaps under the one W of all its units: what would be if everybody stayed."""
    d = fit._design
    if d.whole is None or not d.weights.varies:
        return fit
    sample = replace(fit._sample, lag=None) if isinstance(fit._sample, Sample) else fit._sample
    return replace(fit, _design=replace(d, weights=d.whole), _sample=sample)


def with_rho(fit: FitRecord) -> FitRecord:
    """A fit without a spatial lag as one whose rho is 0 without variance: where W y_{t-1} is a regressor, its long run
    has a spatial lag."""
    if fit.specification.lag:
        return fit
    return replace(fit, specification=replace(fit.specification, lag=True), _terms=fit._terms.append(pd.Index(["rho"])),
                   _estimates=np.append(fit._estimates, 0.0), _covariance=np.pad(fit._covariance, (0, 1)))  # fmt: skip


def long_run_fit(fit: FitRecord) -> FitRecord:
    """A fit whose effects are the long-run effects: rho*, beta / (1 - tau) and theta / (1 - tau), V by the delta
    method."""
    params, places = fit.params.to_numpy(), spatial_places(fit)
    tau = places[1] @ params
    in_rho, in_tau, in_eta = places.astype(bool)
    lam = np.array([name == "lambda" for name in fit.params.index])
    long = np.where(lam, params, _long_run_parameters(params[None], places)[0])
    J = np.diag(np.where(in_tau | in_eta, 0.0, np.where(lam, 1.0, 1 / (1 - tau))))
    J[:, in_tau] += np.where(lam, 0.0, long / (1 - tau))[:, None] * in_tau.any()
    J[np.ix_(in_rho, in_eta)] += 1 / (1 - tau)
    V = J @ fit._covariance @ J.T
    return replace(fit, _estimates=long, _covariance=V)


def dynamics(fit: FitRecord, params: np.ndarray) -> np.ndarray:
    """rho, tau and eta of parameters (..., p), (3, ...); 0 where the model has no such term."""
    return np.moveaxis(params @ spatial_places(fit).T, -1, 0)


def _long_run_parameters(params: np.ndarray, places: np.ndarray) -> np.ndarray:
    """(draws, p) parameters as those of the long run; the lags' own are 0."""
    rho, tau, eta = (params @ place for place in places)
    in_rho, in_tau, in_eta = places.astype(bool)
    long = params / (1 - tau)[:, None]
    long[:, in_rho] = ((rho + eta) / (1 - tau))[:, None]
    long[:, in_tau | in_eta] = 0.0
    return long
