"""From a specification to a Fit: the steps that all models share."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import lru_cache

import numpy as np
import pandas as pd

from spillover.errors import SpatialInputError, check_option
from spillover.ids import positions
from spillover.matrix import SpatialWeights, TemporalWeights, as_weights, refuse_varying, warn_unlabelled

from ..covariance.adjusted import ADJUSTED
from ..covariance.vcov import as_vcov
from ..design.arrays import Sample
from ..design.checks import refuse_perfect_fit
from ..design.design import Design, design
from ..design.gaps import cut_to_observed
from ..design.instruments import design_with_instruments
from ..design.options import Settings
from ..design.sample import (
    demeaned_sample,
    which_correction,
    which_effects,
    with_lagged_intercept,
    without_period_terms,
)
from ..design.specification import Specification
from ..solve.ml import Solution, maximum_likelihood
from ..solve.reml import Adjusted
from .adjusted import refuse_adjusted, solve_adjusted
from .dynamic import warn_of_own_lags, with_lagged_response, without_bias
from .dynamic_moments import checked_dynamic, dynamic_method_of_moments, gmm_settings
from .fit import Fit
from .moments import method_of_moments, moment_sample, refuse_without_theory
from .random import random_effects, refuse_random

METHODS = ("ml", "reml", "aqs", "gmm")
CORRECTIONS = (True, False, "additive")
NO_COVARIANCE = pd.DataFrame()


def estimate(
    specification: Specification,
    formula: str,
    data: pd.DataFrame,
    w,
    *,
    entity: str | None = None,
    time: str | None = None,
    effects: str | None = None,
    durbin: list[str] | None = None,
    wx_order: int = 1,
    lags: str | None = None,
    method: str | None = "ml",
    w_error=None,
    random_error: str | None = None,
    endog: list[str] | None = None,
    instruments: list[str] | None = None,
    correction: bool | str = True,
    vcov=None,
    missing: str = "error",
    logdet: str | None = None,
) -> Fit:
    """Align the data, take out the effects, estimate, infer: ``spatial.models.family`` tells the arguments."""
    asked, (method, moments) = method, gmm_settings(method or "ml", lags)
    vcov = _checked_options(specification, method, vcov, correction, durbin, wx_order, endog, instruments, logdet)

    # 1. Aligned arrays.
    keys = {"entity": entity, "time": time, "missing": missing, "durbin": durbin}
    d, endogenous, Z = _read(specification, formula, data, w, w_error, endog, instruments, keys)
    levels = d.y
    if lags is not None:
        d = with_lagged_response(d, lags, effects)
    effects = which_effects(effects, d)
    given = {"random_error": random_error, "method": asked, "correction": correction, "vcov": vcov, "logdet": logdet}
    refuse_random(specification, d, effects, given)
    warn_of_own_lags(d, effects)
    d = _with_lags(specification, d, effects, durbin, wx_order)
    # 2. Spatial lags in, effects out. 3. The estimates.
    used, random = True, None
    if moments:
        vcov = checked_dynamic(vcov, endog, instruments)
        sample, names, solution = dynamic_method_of_moments(specification, d, levels[:-1], effects, moments)
        d = replace(d, notes=(*d.notes, moments.describe(solution.gmm.instruments)))
    elif method == "gmm":
        refuse_without_theory(specification, d, effects, vcov)
        sample, names = moment_sample(specification, d, effects, endogenous, Z)
        solution = method_of_moments(specification, d, sample, vcov)
    elif effects.random:
        sample, names, solution, random = random_effects(specification, d, effects, given)
    else:
        if method in ADJUSTED:
            refuse_adjusted(specification, d, effects, correction, method)
        used = which_correction(specification, d, effects, correction)
        sample, names = demeaned_sample(specification, d, effects, used, logdet)
        if method in ADJUSTED:
            solution = solve_adjusted(specification, d, sample, method)
        else:
            solution = without_bias(sample, maximum_likelihood(sample), d, effects, used)
    refuse_perfect_fit(sample, solution, d.response)
    # 4. Names and a covariance.
    settings = Settings(effects, used, method, vcov, logdet, random)
    return _named(specification, d, sample, solution, names, settings).with_vcov(vcov)


@dataclass(frozen=True, eq=False)
class Reading:
    """Aligned data and what is asked of them, before anything is estimated: a Fit's attributes of these names.

    Attributes
    ----------
    specification : Specification
    design : Design
    settings : Settings
    """

    specification: Specification
    design: Design = field(repr=False)
    settings: Settings


def read(
    specification: Specification, formula: str, data: pd.DataFrame, w,
    *, effects=None, durbin=None, wx_order=1, correction=True, vcov=None, logdet=None, **keys,
) -> Reading | None:  # fmt: skip
    """The first step of ``estimate`` by maximum likelihood; None for random effects, which are estimated otherwise.
    ``keys`` are ``entity`` and ``time``."""
    vcov = _checked_options(specification, "ml", vcov, correction, durbin, wx_order, None, None, logdet)
    d = design(formula, data, w, lagged=specification.durbin, durbin=durbin, **keys)
    effects = which_effects(effects, d)
    if effects.random:
        return None
    warn_of_own_lags(d, effects)
    d = _with_lags(specification, d, effects, durbin, wx_order)
    correction = which_correction(specification, d, effects, correction)
    return Reading(specification, d, Settings(effects, correction, "ml", vcov, logdet))


def _with_lags(specification, d: Design, effects, durbin, wx_order) -> Design:
    """The design with the regressors whose lags the model takes."""
    if specification.durbin and durbin is None:
        d = with_lagged_intercept(without_period_terms(d), effects)
    return replace(d, wx_order=wx_order)


def _read(specification, formula, data, w, w_error, endog, instruments, keys):
    """The design with its second W, the endogenous regressors' names and the instruments' columns."""
    endogenous, Z = (), None
    if endog or instruments:
        given = {"endog": endog, "instruments": instruments, **keys}
        d, endogenous, Z = design_with_instruments(specification, formula, data, w, **given)
    else:
        d = design(formula, data, w, lagged=specification.durbin, **keys)
    if w_error is not None:
        m = aligned(w_error, d, keys["missing"])
        d = replace(d, error_weights=m if d.observed is None else cut_to_observed(m, d.observed, d.times))
    return d, endogenous, Z


def estimates(specification: Specification, d: Design, sample: Sample, at: Solution, settings: Settings):
    """(parameters, sigma2, df). Least squares has sigma2 = SSE / df; what is corrected for p has t statistics."""
    params = [*at.beta[: sample.k]] + [at.rho] * specification.lag + [at.lam] * specification.error
    if isinstance(at, Adjusted):
        return params, at.sigma2, at.df
    if settings.random and settings.random.by_likelihood:
        return params, at.sigma2, None
    df = d.left(settings.effects) - len(params)
    if specification.lag or specification.error:
        return params, at.sigma2, df if settings.counts_parameters and df > 0 else None
    return params, float(at.resid @ at.resid) / df, df


def _named(specification, d, sample, solution, names, settings) -> Fit:
    """A Fit without a covariance yet."""
    params, sigma2, df = estimates(specification, d, sample, solution, settings)
    index = _terms((*names, *["rho"] * specification.lag, *["lambda"] * specification.error))
    return Fit(
        specification=specification,
        params=pd.Series(params, index=index, name="estimate"),
        vcov=NO_COVARIANCE,
        sigma2=sigma2,
        loglik=solution.loglik,
        df_resid=df,
        design=d,
        sample=sample,
        solution=solution,
        settings=settings,
    )


@lru_cache(maxsize=64)
def _terms(names: tuple[str, ...]) -> pd.Index:
    return pd.Index(names, name="term")


def _checked_options(specification, method, vcov, correction, durbin, wx_order, endog, instruments, logdet):
    """Refuse what cannot be before the work begins; the covariance, or the method's usual one."""
    check_option("method", method, METHODS)
    check_option("wx_order", wx_order, (1, 2))
    check_option("correction", correction, CORRECTIONS)
    if durbin is not None and not specification.durbin:
        raise SpatialInputError("E501", f"durbin= has no meaning for {specification.name}", hint="use slx, sdm or sdem")
    if method != "gmm":
        if endog or instruments:
            raise SpatialInputError("E501", "endogenous regressors need method='gmm'")
        if method in ADJUSTED:
            return method if vcov is None else vcov
        vcov = "oim" if vcov is None else vcov
        as_vcov(vcov)
        return vcov
    if correction is not True:
        raise SpatialInputError("E501", f"correction={correction!r} belongs to method='ml': moments need no correction")
    if logdet is not None:
        raise SpatialInputError("E501", f"logdet={logdet!r} belongs to method='ml': moments need no determinant")
    return "classical" if vcov is None else vcov


def aligned(w, d: Design, missing: str, name: str = "w_error") -> SpatialWeights | TemporalWeights:
    """Another W in the design's order of units; cut down where units were dropped."""
    m = as_weights(w)
    if m.varies:
        if d.times is None:
            refuse_varying(m, "a cross-section")
        m = m.for_periods(d.times)
    if not m.labelled:
        if d.weights.labelled:
            raise SpatialInputError("E101", f"{name} has no ids, so it cannot be matched with the units of w",
                                    hint="give weights with ids, or a DataFrame labelled on both sides")  # fmt: skip
        warn_unlabelled()
        if m.n != d.n_units:
            raise SpatialInputError("E105", f"the data have {d.n_units} units, {name} {m.n}")
        return m
    if m.ids.equals(d.ids):
        return m
    at = m.ids.get_indexer(d.ids)
    if missing != "drop" or (at < 0).any():
        at = positions(m.ids, d.ids, what=name)
    elif m.n > d.n_units:
        m, at = m.subset_at(at), np.arange(d.n_units)
    return m.reordered(at)
