"""Models with several W at once: ``w=[w1, w2]`` gives rho_1 and rho_2, ``durbin={"x": w1, "z": w2}`` each regressor its
own W. The road is that of ``estimate``; the parts that differ are the files called ``several``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pandas as pd

from spillover.errors import SpatialInputError
from spillover.matrix import SpatialWeights, TemporalWeights

from ..covariance.adjusted import ADJUSTED
from ..covariance.vcov import with_vcov
from ..design.checks import refuse_perfect_fit
from ..design.design import Design
from ..design.fixed_effects import FixedEffects
from ..design.gaps import cut_to_observed, refuse_unbalanced
from ..design.moment_settings import Moments
from ..design.obs_weights import refuse_weighted
from ..design.options import ModelOptions, Settings, lists_weights
from ..design.redundant import without_redundant_dummies
from ..design.regimes import SplitDesign
from ..design.several import SeveralDesign, several_design, spatial_names
from ..design.several_ways import refuse_beside_ways
from ..design.specification import Specification
from ..solve.gmm import MomentSolution
from ..solve.ml import maximum_likelihood
from ..solve.several import SeveralSolution
from ..solve.several_roots import SeveralAdjusted
from .adjusted_several import adjusted_of_several_weights, refuse_adjusted_several
from .composed import composed_of_several, refuse_composed
from .dynamic import with_lagged_response
from .dynamic_moments import ArellanoBond, checked_dynamic, past_moments
from .fit import Fit
from .moments import method_of_moments, moment_sample, refuse_without_theory
from .obs_weights import with_usual_covariance
from .random import random_effects_by_moments, refuse_random
from .reading import aligned, read, which_effects, with_note_on_errors
from .regimes_fit import RegimesFit
from .several_fit import SeveralFit
from .several_maximum import sample_and_search, several_sample_and_maximum
from .several_regimes import names_by_regime, with_regimes_of_several
from .ways import refuse_dynamic_ways, refuse_with_ways

NOT_WITH_SEVERAL: dict[str, tuple[tuple, str]] = {  # option: (what it may be, what to do instead)
    "wx_order": ((1,), "W^2 X is for one W: leave wx_order= out"),
    "random_error": ((None, "kkp"), "unit effects inside the spatial error: random_error='kkp'"),
    "logdet": ((None,), "leave logdet= out: the determinant of several W is a dense or sparse LU by their size"),
}


def estimate_several(specification: Specification, formula: str, data: pd.DataFrame, w, options: ModelOptions) -> Fit:
    """Estimate a model with several W.

    Raises
    ------
    SpatialInputError
        E109 and E320 gaps and W that vary over time by moments, E323 W that are not told apart, E306 a W without links,
        E501 options that several W do not have, E701, E702, E801; else as with one W.
    """
    refuse_options(specification, options)
    # 1. The frame under the first W; the others are matched with its units.
    plain = replace(options, durbin=None, w_error=None)
    d = read(formula, data, _as_list(w, "w")[0], plain)
    effects = which_effects(options.effects, d)
    refuse_with_ways(specification, d, options)
    columns = d
    d = several_columns(specification, d, effects, w, options)
    effects = effects if d.absorbed is None else d.absorbed  # over the rows that lags= leaves
    if options.regimes is not None:
        d = with_regimes_of_several(specification, d, effects, options)
    if d.varies:
        _refuse_moving(d, options)
    if options.estimator in ADJUSTED:
        refuse_adjusted_several(specification, effects, options)
    if effects.random or options.serial is not None or options.random_error is not None:
        refuse_composed(specification, d, effects, options)
    if options.estimator == "gmm":
        return _by_moments(specification, d, effects, options, columns)
    correction = _correction(effects, options)
    refuse_beside_ways(d, effects, correction, "several W")
    settings = Settings(effects, correction, options.estimator, options.covariance, requested=options)
    if settings.composed:
        return _fit(specification, d, *composed_of_several(specification, d, settings))
    settings = with_usual_covariance(specification, d, settings)
    # 3. The maximum, or the root of the adjusted scores, and the parameters with their covariance.
    sample, at = _estimated(specification, d, settings)
    return _fit(specification, d, sample, at, settings)


def several_columns(specification: Specification, d: Design, effects: FixedEffects, w, options: ModelOptions):
    """The design of a frame that was read under the first W, with all W numbered."""
    lag = [d.weights, *(_aligned(one, d, options, "w") for one in _as_list(w, "w")[1:])]
    error = None if options.w_error is None else _as_list(options.w_error, "w_error")
    error = error and [_aligned(one, d, options, "w_error") for one in error]
    durbin = options.durbin
    if isinstance(durbin, Mapping):
        durbin = {term: [_aligned(one, d, options, f"durbin[{term!r}]") for one in _as_list(own, f"durbin[{term!r}]")]
                  for term, own in durbin.items()}  # fmt: skip
    if options.lags is not None:
        d = with_past(d, options, lag, error, durbin)
    if d.encoding.dummies:
        d = without_redundant_dummies(d, effects)
    several = several_design(specification, d, lag, error, durbin, effects)
    return several if options.estimator == "reml" else with_note_on_errors(specification, several, effects)


def _estimated(specification: Specification, d: SeveralDesign, settings: Settings):
    """The sample, and the solution by the method of the settings."""
    effects, correction = settings.effects, settings.correction
    if settings.method not in ADJUSTED:
        return several_sample_and_maximum(specification, d, effects, correction)
    sample, maximum = sample_and_search(specification, d, effects, correction)
    return sample, adjusted_of_several_weights(specification, d, settings, sample, maximum, *_names(d))


def with_past(d: Design, options: ModelOptions, lag: list, error: list | None, durbin) -> Design:
    """The design with y_{t-1} and W_k y_{t-1} of every W of ``w=``.

    Raises
    ------
    SpatialInputError
        E109 gaps, E320 W that vary over time; E501 another method than maximum likelihood; else as with one W.
    """
    own = [w for each in durbin.values() for w in each] if isinstance(durbin, Mapping) else []
    refuse_unbalanced(d.observed, f"lags={options.lags!r} with several W", "one W, or missing='drop'")
    if options.estimator != "gmm":
        refuse_dynamic_ways(d, f"lags={options.lags!r} with several W")
    if options.regimes is not None:
        raise SpatialInputError("E501", f"lags={options.lags!r} with several W is there without regimes",
                                hint="one W with regimes=, or several without")
    if any(w.varies for w in (*lag, *(error or ()), *own)):
        raise SpatialInputError("E320", f"lags={options.lags!r} with several W needs each W to be the same in all "
                                "periods",
                                hint="w.mean() of each, or one W that varies")  # fmt: skip
    if options.estimator not in ("ml", "gmm"):
        raise SpatialInputError("E501", f"method={options.method!r} with lags= takes one W",
                                hint="method='ml' or 'gmm' takes several")
    return with_lagged_response(d, str(options.lags), options.effects, lag)


def _by_moments(
    specification: Specification, d: SeveralDesign, effects: FixedEffects, options: ModelOptions, columns: Design
) -> Fit:  # fmt: skip
    """Two-stage least squares and moments of the error, with every W y (Lee & Liu 2010; Badinger & Egger 2011), or GMM
    on past values; ``columns`` are the data with the first period."""
    refuse_random(specification, d, effects, options)
    settings = Settings(effects, options.correction, "gmm", options.covariance, requested=options)
    settings = with_usual_covariance(specification, d, settings)
    if d.lags:
        return _fit(specification, *past_moments(specification, d, settings, columns))
    refuse_without_theory(specification, d, effects, settings.vcov)
    if effects.random:
        sample, at, random = random_effects_by_moments(specification, d, settings)
        return _fit(specification, d, sample, at, settings.with_(random=random))
    sample = moment_sample(specification, d, effects, options.moments)
    return _fit(specification, d, *method_of_moments(d, sample, settings.vcov, options.moments), settings)


def refuse_options(specification: Specification, options: ModelOptions) -> None:
    """E501 for what models with several W do not have."""
    for name, (allowed, hint) in NOT_WITH_SEVERAL.items():
        value = getattr(options, name)
        if not any(value is one or (isinstance(value, type(one)) and value == one) for one in allowed):
            raise SpatialInputError("E501", f"{name}={value!r} is not there for several W", hint=hint)
    if options.estimator == "gmm" and (options.lags is not None or isinstance(options.method, ArellanoBond)):
        checked_dynamic(specification, options)
    elif options.method not in (None, "ml", "gmm", *ADJUSTED) and not isinstance(options.method, Moments):
        raise SpatialInputError("E501", f"method={options.method!r} is not there for several W",
                                hint="method='ml', 'reml', 'aqs' or 'gmm'")  # fmt: skip
    mapping = isinstance(options.durbin, Mapping)
    if mapping and not specification.durbin:
        message = f"durbin= has no meaning for {specification.name}"
        raise SpatialInputError("E501", message, hint="use slx, sdm or sdem")
    if mapping and not options.durbin:
        raise SpatialInputError("E501", "durbin={} names no regressor", hint='durbin={"x": w1, "z": w2}')
    replace(options, durbin=None if mapping else options.durbin, w_error=None).check(specification)


def _as_list(w, name: str) -> list:
    chosen = list(w) if lists_weights(w) else [w]
    if not chosen:
        raise SpatialInputError("E501", f"{name}=[] holds no weights", hint=f"{name}=[w1, w2]")
    return chosen


def _aligned(w, d: Design, options: ModelOptions, name: str) -> SpatialWeights | TemporalWeights:
    """Over the units of the design; in a panel with gaps those observed in each period."""
    own = aligned(w, d, options.missing, name)
    return own if d.observed is None else cut_to_observed(own, d.observed, d.periods)


def _refuse_moving(d: SeveralDesign, options: ModelOptions) -> None:
    """E109, E320 and E540 for what several W that vary over time, as links of a panel with gaps do, do not have."""
    if options.estimator == "gmm":
        refuse_unbalanced(d.observed, "method='gmm' with several W", "method='ml' takes gaps, or missing='drop'")
        raise SpatialInputError("E320", "method='gmm' with several W takes W that are the same in all periods",
                                hint="method='ml', or w.mean() of each")  # fmt: skip
    if d.observed is not None:
        refuse_weighted(d.obs_weights, "a panel with gaps and several W", "missing='drop', or one W")
    refuse_weighted(d.obs_weights, "several W that vary over time", "w.mean() of each, or one W that varies")


def _correction(effects: FixedEffects, options: ModelOptions) -> bool:
    """Whether fixed effects leave by transformation."""
    if options.correction == "additive" and effects.fixed:
        raise SpatialInputError("E501", "correction='additive' is not there for several W: the transformation is exact "
                                "whatever their rows sum to", hint="leave correction= out")  # fmt: skip
    return options.correction is not False


def _fit(specification: Specification, d, sample, at, settings: Settings) -> Fit:
    """The parameters with their names and covariance."""
    if at is None:
        at = maximum_likelihood(sample)
    refuse_perfect_fit(sample, at, d.response)
    if isinstance(at, MomentSolution):
        spatial = [*at.rhos, *at.all_lambdas * specification.error]
    else:
        spatial = [*at.rhos, *at.lams] if isinstance(at, SeveralSolution | SeveralAdjusted) else []
    values = np.concatenate([at.beta, spatial])
    of_rho, of_lambda = _names(d)
    names, kind = (*sample.names, *of_rho, *of_lambda), RegimesFit if isinstance(d, SplitDesign) else SeveralFit
    left = d.left(settings.effects) - len(values)
    by_least_squares = not (spatial or isinstance(at, SeveralSolution) or settings.method == "gmm")
    sigma2 = float(at.resid @ at.resid) / left if by_least_squares else at.sigma2
    fit = kind(
        specification=specification, sigma2=sigma2, loglik=at.loglik, df_resid=None,
        _terms=pd.Index(names, name="term"), _estimates=values,
        _covariance=np.empty((0, 0)), _design=d, _sample=sample, _solution=at, _settings=settings,
    )  # fmt: skip
    return with_vcov(fit, settings.vcov)


def _names(d: SeveralDesign) -> tuple[list[str], list[str]]:
    """Of rho and of lambda."""
    names = spatial_names("rho", d.weights.lag), spatial_names("lambda", d.weights.error)
    return names_by_regime(d, *names) if isinstance(d, SplitDesign) else names
