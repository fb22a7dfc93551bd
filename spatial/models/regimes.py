"""Models with regimes: ``regimes="region"``. Coefficients by regime are those of more columns, and the road is that of
``estimate``; rho, lambda and sigma2 by regime have a likelihood of their own (``solve.regimes``)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace

import numpy as np
import pandas as pd
from scipy import sparse

from spillover.errors import SpatialInputError

from ..covariance.vcov import with_vcov
from ..design.checks import refuse_perfect_fit
from ..design.design import INTERCEPT, Design
from ..design.moving import lag_effects
from ..design.options import ModelOptions, Settings
from ..design.period_means import centers
from ..design.regimes import Regimes, as_regimes, regime_design, split_of
from ..design.regimes_sample import regime_arrays, regime_determinants
from ..design.specification import Specification
from ..solve.carried_effects import maximum_of
from ..solve.ml import Solution
from ..solve.moving_effects import MovingEffects
from ..solve.regimes import regime_maximum
from ..solve.regimes_problem import PeriodEffects, RegimeSample
from ..solve.several import SeveralSolution
from .dynamic import without_bias
from .dynamic_exact import without_bias_of_several
from .fit import Fit
from .moving import moving_effects
from .reading import Reading, lags_intercept, prepare, read
from .regimes_fit import RegimesFit

NOT_WITH_REGIMES: dict[str, tuple[tuple, str]] = {  # option: (what it may be, what to do instead)
    "wx_order": ((1,), "W^2 X is not split by regime: leave wx_order= out"),
}
SPATIAL: dict[str, tuple[tuple, str]] = {  # likewise, where rho, lambda or sigma2 differ
    "endog": ((None, [], ()), "leave endog= out, or let coefficients alone differ"),
    "instruments": ((None, [], ()), "leave instruments= out, or let coefficients alone differ"),
    "random_error": ((None,), "random effects are there where coefficients alone differ"),
    "serial": ((None,), "errors that are correlated over time are there where coefficients alone differ"),
    "obs_weights": ((None,), "leave obs_weights= out; sigma2=True of sp.Regimes lets variances differ"),
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
    regimes = as_regimes(options.regimes)
    refuse_options(specification, w, options)
    regimes.check(specification)
    plain = replace(options, regimes=None)
    plain.check(specification)
    reading = prepare(specification, read(formula, data, w, plain), plain)
    _refuse_data(reading, regimes)
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


def maximum_by_regime(reading: Reading, start: Solution) -> RegimesFit:
    """Rho, lambda or sigma2 by regime, from the solution with one of each.

    Raises
    ------
    SpatialInputError
        E701, E702, E801.
    """
    d, settings, specification = reading.design, reading.settings, reading.specification
    regimes: Regimes = d.split.regimes  # type: ignore[attr-defined]
    regime_sample = regime_sample_of(specification, d, settings)
    at = _without_bias(regime_sample, regime_maximum(regime_sample, start), d, settings)
    refuse_perfect_fit(regime_sample, at, d.response)
    split = d.split  # type: ignore[attr-defined]
    names = [*split.names("rho", regimes.rho)] * specification.lag
    names += [*split.names("lambda", regimes.lam)] * specification.error
    fit = RegimesFit(
        specification=specification, sigma2=at.sigma2, loglik=at.loglik, df_resid=None,
        _terms=pd.Index([*regime_sample.names, *names], name="term"),
        _estimates=np.concatenate([at.beta, at.rhos, at.lams]), _covariance=np.empty((0, 0)), _design=d,  # type: ignore[arg-type]
        _sample=regime_sample, _solution=at, _settings=settings,  # type: ignore[arg-type]
    )  # fmt: skip
    return with_vcov(fit, settings.vcov)


def regime_sample_of(specification: Specification, d: Design, settings: Settings) -> RegimeSample:
    """The likelihood's arrays."""
    arrays = regime_arrays(specification, d, settings.effects, settings.correction)  # type: ignore[arg-type]
    parts = regime_determinants(specification, d, settings.effects, settings.correction)  # type: ignore[arg-type]
    return RegimeSample(**arrays, **parts, periods=_estimated_effects(d, settings, arrays, parts))


def regime_sample_and_maximum(specification: Specification, d: Design, settings: Settings):
    """The arrays and the maximum, searched for from that with one of each."""
    sample, at = maximum_of(specification, d, settings.effects, settings.correction, settings.logdet)
    if settings.correction == "additive" and sample.parts and not d.lags:
        at = without_bias(sample, at, d, settings)
    own = regime_sample_of(specification, d, settings)
    return own, _without_bias(own, regime_maximum(own, at), d, settings)


def _without_bias(sample: RegimeSample, at: SeveralSolution, d: Design, settings: Settings) -> SeveralSolution:
    """The maximum, or of a dynamic model with unit effects the root of the score less its mean."""
    if not (d.lags and settings.correction and settings.effects.entity):
        return at
    return without_bias_of_several(sample, at, d, settings.effects)


def _estimated_effects(
    d: Design, settings: Settings, sample: dict, parts: dict
) -> PeriodEffects | MovingEffects | None:
    """Where fixed effects that are estimated are corrected for."""
    effects, correction = settings.effects, settings.correction
    if correction is False or not effects.fixed or d.lags:  # the mean of a dynamic score has all effects
        return None
    S, T = len(sample["sizes"]), d.n_periods
    if d.varies:
        return moving_effects(d, effects, parts, sample["groups"], S)
    if not effects.time:
        return None
    lag, error = (part.logdet.matrices if part else () for part in (parts["lag"], parts["error"]))
    if lag and centers(d.weights, lag_effects(d, effects, rhos=len(lag)).time):
        lag = (sparse.csr_array((d.n_units, d.n_units)),)  # W J A^-1 1 = W J 1 = 0
    return PeriodEffects(T - effects.entity, lag, error, sample["groups"][: d.n_units], S)


def refuse_here(regimes) -> None:
    """E501 where models are estimated many times over, or of parts of the data: regimes are for one model."""
    if regimes is not None:
        raise SpatialInputError("E501", "regimes= is there where one model is estimated, not many",
                                hint="estimate the model itself: sp.sdm(..., regimes='region')")


def refuse_options(specification: Specification, w, options: ModelOptions) -> None:
    """E501 for what models with regimes do not have."""
    spatial = as_regimes(options.regimes).spatial
    for name, (allowed, hint) in {**NOT_WITH_REGIMES, **(SPATIAL if spatial else {})}.items():
        value = getattr(options, name)
        if not any(value is one or (isinstance(value, type(one)) and value == one) for one in allowed):
            places = ("for models with regimes", "where rho, lambda or sigma2 differ between regimes")
            raise SpatialInputError("E501", f"{name}={value!r} is not there {places[name in SPATIAL]}", hint=hint)
    if isinstance(options.durbin, Mapping) or options.several(w):
        raise SpatialInputError("E501", "models with regimes have one W, and one of the error",
                                hint="regimes= with each W alone, or w=[w1, w2] without regimes=")
    if options.lags is not None and options.estimator != "ml":
        raise SpatialInputError("E501", f"lags={options.lags!r} with regimes needs maximum likelihood, not "
                                f"method={options.method!r}", hint="leave method= out")  # fmt: skip
    if spatial and options.estimator != "ml":
        raise SpatialInputError("E501", f"method={options.method!r} is for coefficients by regime: rho, lambda and "
                                "sigma2 by regime need maximum likelihood", hint="method='ml'")  # fmt: skip


def _refuse_data(reading: Reading, regimes: Regimes) -> None:
    """E501 for data and effects that models with regimes do not have."""
    effects = reading.settings.effects
    if regimes.spatial:
        effects.refuse_ways("rho, lambda or sigma2 by regime", "effects of unit and period, or coefficients alone")
    if effects.random and regimes.spatial:
        raise SpatialInputError("E501", f"effects={effects.name!r} is not there where rho, lambda or sigma2 differ "
                                "between regimes", hint="effects='entity' or 'twoway', or coefficients alone by regime")
