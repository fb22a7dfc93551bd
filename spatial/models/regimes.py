"""Models with regimes: ``regimes="region"``. Coefficients by regime are those of more columns, and the road is that of
``estimate``; rho, lambda and sigma2 by regime have a likelihood of their own (``solve.regimes``)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace

import numpy as np
import pandas as pd

from spillover.errors import SpatialInputError

from ..covariance.adjusted import ADJUSTED
from ..covariance.vcov import with_vcov
from ..design.arrays import Sample
from ..design.checks import refuse_perfect_fit
from ..design.design import INTERCEPT, Design
from ..design.gaps import refuse_unbalanced
from ..design.obs_weights import refuse_weighted
from ..design.options import ModelOptions, Settings
from ..design.regime_columns import regime_design, split_of
from ..design.regimes import Regimes, as_regimes
from ..design.regimes_sample import regime_arrays, regime_determinants
from ..design.several_ways import refuse_beside_ways
from ..design.specification import Specification
from ..solve.carried_effects import maximum_of
from ..solve.gmm import MomentSample, MomentSolution
from ..solve.ml import Solution
from ..solve.regimes import regime_maximum
from ..solve.regimes_problem import RegimeSample
from ..solve.several import SeveralSolution
from ..solve.several_roots import SeveralAdjusted
from .adjusted_several import region_of, solve_adjusted_several
from .composed import composed_sample_and_maximum, refuse_composed
from .dynamic import without_bias
from .dynamic_exact import without_bias_of_several
from .dynamic_moments import ArellanoBond, checked_dynamic
from .fit import Fit
from .reading import Reading, lags_intercept, prepare, read
from .regimes_effects import estimated_effects
from .regimes_fit import RegimesFit
from .ways import refuse_dynamic_ways

SPATIAL: dict[str, tuple[tuple, str]] = {  # option: (what it may be where rho, lambda or sigma2 differ, what instead)
    "endog": ((None, [], ()), "leave endog= out, or let coefficients alone differ"),
    "instruments": ((None, [], ()), "leave instruments= out, or let coefficients alone differ"),
}


def read_regimes(
    specification: Specification, formula: str, data: pd.DataFrame, w, options: ModelOptions
) -> Reading:  # fmt: skip
    """The reading of a model with regimes: its design is split.

    Raises
    ------
    SpatialInputError
        E201, E205, E206, E208, E501, E502: the regimes cannot be told apart or estimated (``design.regimes``); E501
        options that models with regimes do not have; else as the model without regimes.
    """
    return split_reading(specification, lambda plain: read(formula, data, w, plain), options)


def split_reading(
    specification: Specification, read_columns: Callable[[ModelOptions], Design], options: ModelOptions
) -> Reading:  # fmt: skip
    """The same of columns that are read by a function of the options without regimes."""
    regimes = as_regimes(options.regimes)
    refuse_options(specification, options)
    regimes.check(specification)
    plain = replace(options, regimes=None)
    plain.check(specification)
    reading = prepare(specification, read_columns(plain), plain)
    refuse_data(reading.design, reading.settings, regimes)
    if regimes.spatial and reading.settings.composed:
        refuse_composed(specification, reading.design, reading.settings.effects, plain)
    d, effects = reading.design, reading.settings.effects
    uneven = effects.time and options.durbin is None and d.weights.row_sums_vary
    several = regimes.rho and len(split_of(d, regimes)[0]) > 1
    if uneven and several and lags_intercept(specification, d, effects, by_regime=True):
        d = replace(d, durbin=(d.names.index(INTERCEPT), *d.durbin))
    d = regime_design(specification, d, regimes, effects)
    settings = reading.settings.with_(requested=options)
    return replace(reading, design=d, settings=settings)


def with_regimes(fit: Fit) -> RegimesFit:
    """The fit of a split design by the usual road."""
    return RegimesFit(**{one.name: getattr(fit, one.name) for one in fields(Fit)})


def maximum_by_regime(reading: Reading, start: Callable[[Reading], tuple[Sample, Solution]]) -> RegimesFit:
    """Rho, lambda or sigma2 by regime; ``start`` estimates one of each, from which the search goes unless errors have
    parts.

    Raises
    ------
    SpatialInputError
        E701, E702, E801.
    """
    d, settings, specification = reading.design, reading.settings, reading.specification
    regimes: Regimes = d.split.regimes  # type: ignore[attr-defined]
    split = d.split  # type: ignore[attr-defined]
    names = [*split.names("rho", regimes.rho)] * specification.lag
    names += [*split.names("lambda", regimes.lam)] * specification.error
    at: SeveralSolution | SeveralAdjusted
    if settings.composed:
        regime_sample, at, settings = composed_sample_and_maximum(specification, d, settings)  # type: ignore[arg-type]
        reading = replace(reading, settings=settings)
    else:
        regime_sample = regime_sample_of(specification, d, settings)
        first = _maximum_of_one(reading) if d.lags else start(reading)[1]
        if settings.method in ADJUSTED:
            at = _adjusted_by_regime(specification, d, settings, regime_sample, names, first)
        else:
            at = _without_bias(regime_sample, regime_maximum(regime_sample, first), d, settings)
    refuse_perfect_fit(regime_sample, at, d.response)
    terms, values = [*regime_sample.names, *names], np.concatenate([at.beta, at.rhos, at.lams])
    return _fit(reading, terms, values, regime_sample, at)


def moments_by_regime(reading: Reading, sample: MomentSample, at: MomentSolution) -> RegimesFit:
    """Rho, lambda or both by regime by moments."""
    d, specification = reading.design, reading.specification
    refuse_perfect_fit(sample, at, d.response)
    split = d.split  # type: ignore[attr-defined]
    names = [*sample.names, *split.names("rho", split.regimes.rho) * specification.lag]
    names += split.names("lambda", split.regimes.lam) * specification.error
    values = np.concatenate([at.beta, at.rhos, at.all_lambdas * specification.error])
    return _fit(reading, names, values, sample, at)


def _fit(reading: Reading, names, values: np.ndarray, sample, at) -> RegimesFit:
    fit = RegimesFit(
        specification=reading.specification, sigma2=at.sigma2, loglik=at.loglik, df_resid=None,
        _terms=pd.Index(names, name="term"), _estimates=values, _covariance=np.empty((0, 0)),
        _design=reading.design, _sample=sample, _solution=at, _settings=reading.settings,  # type: ignore[arg-type]
    )  # fmt: skip
    return with_vcov(fit, reading.settings.vcov)


def _adjusted_by_regime(specification, d, settings, sample: RegimeSample, names, start: Solution) -> SeveralAdjusted:
    """The root of the adjusted scores, from the maximum of the likelihood on."""

    def maximum() -> np.ndarray:
        at = regime_maximum(sample, start)
        return np.concatenate([at.rhos, at.lams])

    inside = region_of(sample, sample.lags.shape[1])
    at = settings.effects, settings.method
    return solve_adjusted_several(specification, d, *at, sample, inside, tuple(names), maximum)


def regime_sample_of(specification: Specification, d: Design, settings: Settings) -> RegimeSample:
    """The likelihood's arrays."""
    arrays = regime_arrays(specification, d, settings.effects, settings.correction)  # type: ignore[arg-type]
    parts = regime_determinants(specification, d, settings.effects, settings.correction)  # type: ignore[arg-type]
    periods = estimated_effects(d, settings.effects, settings.correction, arrays, parts)
    return RegimeSample(**arrays, **parts, periods=periods)


def regime_sample_and_maximum(specification: Specification, d: Design, settings: Settings):
    """The arrays and the maximum, searched for from that with one of each."""
    if settings.composed:
        return composed_sample_and_maximum(specification, d, settings)[:2]  # type: ignore[arg-type]
    sample, at = maximum_of(specification, d, settings.effects, settings.correction, settings.logdet)
    if settings.correction == "additive" and sample.parts and not d.lags:
        at = without_bias(sample, at, d, settings)
    own = regime_sample_of(specification, d, settings)
    return own, _without_bias(own, regime_maximum(own, at), d, settings)


def _maximum_of_one(reading: Reading) -> Solution:
    """The maximum with one rho, lambda and sigma2 of a dynamic model, uncorrected."""
    s = reading.settings
    return maximum_of(reading.specification, reading.design, s.effects, s.correction, s.logdet)[1]


def _without_bias(sample: RegimeSample, at: SeveralSolution, d: Design, settings: Settings) -> SeveralSolution:
    """The maximum, or of a dynamic model with unit effects the root of the score less its mean."""
    if not (d.lags and settings.correction and settings.effects.entity):
        return at
    return without_bias_of_several(sample, at, d, settings.effects)


def refuse_here(regimes) -> None:
    """E501 where models are estimated many times over, or of parts of the data: regimes are for one model."""
    if regimes is not None:
        raise SpatialInputError("E501", "regimes= is there where one model is estimated, not many",
                                hint="estimate the model itself: sp.sdm(..., regimes='region')")


def refuse_options(specification: Specification, options: ModelOptions) -> None:
    """E501 for what models with regimes do not have."""
    regimes, by_moments = as_regimes(options.regimes), options.estimator == "gmm"
    spatial = regimes.spatial
    for name, (allowed, hint) in SPATIAL.items() if spatial and not by_moments else ():
        value = getattr(options, name)
        if not any(value is one or (isinstance(value, type(one)) and value == one) for one in allowed):
            raise SpatialInputError("E501", f"{name}={value!r} is not there where rho, lambda or sigma2 differ between "
                                    "regimes", hint=hint)  # fmt: skip
    if options.lags is not None and options.estimator not in ("ml", "gmm"):
        raise SpatialInputError("E501", f"lags={options.lags!r} with regimes needs maximum likelihood or moments, not "
                                f"method={options.method!r}", hint="leave method= out")  # fmt: skip
    if by_moments:
        refuse_by_moments(regimes)
        if isinstance(options.method, ArellanoBond) or options.lags is not None:
            checked_dynamic(specification, options)
    elif spatial and options.estimator not in ("ml", *ADJUSTED):
        raise SpatialInputError("E501", f"method={options.method!r} is for coefficients by regime: rho, lambda and "
                                "sigma2 by regime need a likelihood", hint="method='ml', 'reml' or 'aqs'")  # fmt: skip
    if as_regimes(options.regimes).sigma2 and options.estimator in ADJUSTED:
        why = "it has one variance" if options.estimator == "reml" else "it allows for any variances"
        raise SpatialInputError("E501", f"method={options.method!r} has no sigma2 by regime: {why}",
                                hint="method='ml', or sp.Regimes(..., sigma2=False)")  # fmt: skip


def refuse_by_moments(regimes: Regimes) -> None:
    """E501 for what does not differ by moments: rho and lambda do, and coefficients."""
    if regimes.sigma2:
        raise SpatialInputError("E501", "sigma2=True says nothing by moments, which need no variance",
                                hint="vcov='robust', with unit effects 'cluster', takes unequal variances")


def _refuse_dynamic(d: Design) -> None:
    """E109, E320 and E501 for dynamic models with rho, lambda or sigma2 by regime."""
    what = "lags= with rho, lambda or sigma2 by regime"
    refuse_dynamic_ways(d, what)
    refuse_unbalanced(d.observed, what, "missing='drop', or coefficients alone by regime", lagged=True)
    if d.varies:
        raise SpatialInputError("E320", f"{what} needs W to be the same in all periods",
                                hint="w.mean(), or coefficients alone by regime")


def refuse_data(d: Design, settings: Settings, regimes: Regimes) -> None:
    """E501 for data and effects that models with regimes do not have."""
    effects = settings.effects
    if settings.method == "gmm":
        return
    if regimes.spatial and (effects.ways or d.lags):
        what = "lags= of y" if d.lags else f"effects of {effects}"
        refuse_weighted(d.obs_weights, f"rho, lambda or sigma2 by regime with {what}",
                        "leave obs_weights= out, or coefficients alone by regime")
    if regimes.spatial and d.lags:
        _refuse_dynamic(d)
    if regimes.spatial:
        refuse_beside_ways(d, effects, settings.correction, "rho, lambda or sigma2 by regime")
