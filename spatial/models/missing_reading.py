"""The reading of a model with outcomes that are not observed: of one W, of several, or with regimes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace

import pandas as pd

from spillover.errors import SpatialInputError

from ..design.design import Design
from ..design.dummies import DUMMIES_MAX
from ..design.fixed_effects import FixedEffects
from ..design.missing import MissingDesign, missing_design
from ..design.missing_joint import MissingRegimeDesign, MissingSeveralDesign
from ..design.obs_weights import ObsWeights, read_obs_weights, refuse_weighted
from ..design.options import ModelOptions, Settings, lists_weights
from ..design.regimes import as_regimes
from ..design.specification import Specification
from .adjusted_several import ROWS_MAX, refuse_adjusted_several
from .composed import refuse_composed
from .reading import Reading, aligned, prepare, which_effects
from .regimes import split_reading
from .several import refuse_options as refuse_for_several
from .several import several_columns

NOT_WITH_MISSING: dict[str, tuple[tuple, str]] = {  # option: (what it may be, what to do instead)
    "lags": ((None,), "a dynamic model needs every y of the period before: missing='drop'"),
    "endog": ((None, [], ()), "leave endog= out, or missing='drop'"),
    "instruments": ((None, [], ()), "leave instruments= out, or missing='drop'"),
    "method": ((None, "ml", "reml", "aqs"), "method='ml', 'reml' or 'aqs'"),
    "correction": ((True,), "leave correction= out: the effects leave by contrasts of what is observed"),
}


def read_missing(
    specification: Specification, formula: str, data: pd.DataFrame, w, options: ModelOptions
) -> Reading | None:  # fmt: skip
    """The reading over all units of W; None where every outcome is observed.

    Raises
    ------
    SpatialInputError
        E201 missing regressors, E206 units without y beside unit effects and W that varies, E309 period effects with
        more than 3,000 units whose rows do not sum to one, and more unit effects under W that varies than 800, E501
        options that there are not; else as without missing outcomes.
    """
    refuse_options(options)
    several = options.several(w) and not (lists_weights(w) and len(w) == 1)
    if options.estimator == "aqs":
        refuse_unequal(options, several)
    if options.regimes is not None:
        if several or isinstance(options.durbin, Mapping):
            raise SpatialInputError("E501", "regimes= beside several W is not there with missing='model'",
                                    hint="one W, or missing='drop'")  # fmt: skip
        regimes = as_regimes(options.regimes)
        if regimes.sigma2:
            raise SpatialInputError("E501", "sigma2 by regime is not there with missing='model'",
                                    hint="sp.Regimes(by, rho=True), or missing='period'")  # fmt: skip
        if (d := _columns(specification, formula, data, w, options)) is None:
            return None
        reading = split_reading(specification, lambda _: d, options)
        split, seen = reading.design, d.seen
        own = {one.name: getattr(split, one.name) for one in fields(Design)}
        return replace(reading, design=MissingRegimeDesign(**own, split=split.split, seen=seen))  # type: ignore[attr-defined]
    if several:
        return _of_several(specification, formula, data, w, options)
    w = w[0] if lists_weights(w) else w
    options.check(specification)
    d = _columns(specification, formula, data, w, options)
    return None if d is None else prepare(specification, d, options)


def _columns(specification: Specification, formula: str, data: pd.DataFrame, w, options: ModelOptions):
    """The design over all units under one W; None where nothing is missing."""
    d = missing_design(formula, data, w, specification, entity=options.entity, time=options.time)
    if options.obs_weights is not None:
        d = replace(d, obs_weights=read_obs_weights(d, options.obs_weights))
        _refuse_sampling(d.obs_weights)
    if not isinstance(d, MissingDesign):
        return None
    if options.w_error is not None and not lists_weights(options.w_error):
        d = replace(d, error_weights=aligned(options.w_error, d, "error"))
    return d


def _of_several(specification: Specification, formula: str, data: pd.DataFrame, w, options: ModelOptions):
    """Several W, numbered; the settings are those of maximum likelihood."""
    refuse_for_several(specification, options)
    first = w[0] if lists_weights(w) and len(w) else w
    d = _columns(specification, formula, data, first, replace(options, w_error=None))
    if d is None:
        return None
    effects = which_effects(options.effects, d)
    if effects.random or options.serial is not None or options.random_error is not None:
        refuse_composed(specification, d, effects, options)
    if options.estimator == "reml":
        refuse_adjusted_several(specification, effects, options)
    columns = d
    several = several_columns(specification, d, effects, w, options)
    own = {one.name: getattr(several, one.name) for one in fields(Design)}
    settings = Settings(effects, True, options.estimator, options.covariance, requested=options)
    return Reading(specification, MissingSeveralDesign(**own, seen=d.seen), settings, columns)


def refuse_options(options: ModelOptions) -> None:
    """E501 for what models with outcomes that are not observed do not have."""
    for name, (allowed, hint) in NOT_WITH_MISSING.items():
        value = getattr(options, name)
        if not any(value is one or (isinstance(value, type(one)) and value == one) for one in allowed):
            raise SpatialInputError("E501", f"{name}={value!r} is not there with missing='model'", hint=hint)


def refuse_unequal(options: ModelOptions, several: bool) -> None:
    """E501 beside ``method="aqs"`` for what its scores are not written for: they have one rho and one lambda."""
    regimes = None if options.regimes is None else as_regimes(options.regimes)
    for there, what in ((several, "several W"), (options.serial is not None, f"serial={options.serial!r}"),
                        (regimes is not None and (regimes.rho or regimes.lam), "rho or lambda by regime")):  # fmt: skip
        if there:
            raise SpatialInputError("E501", f"method='aqs' with missing='model' is not there with {what}",
                                    hint="method='ml', or missing='period'")  # fmt: skip


def _refuse_sampling(weights: ObsWeights | None) -> None:
    """E540 for sampling weights: a unit that was not drawn has no weight, and one without y is not drawn."""
    if weights is not None and weights.sampling:
        refuse_weighted(weights, "missing='model' with sampling weights", "missing='drop', or analytic weights")


def refuse_data(specification: Specification, d: Design, effects: FixedEffects, method: str) -> None:
    """What these effects and weights leave no contrasts for."""
    if method == "aqs" and d.y.size > ROWS_MAX:
        raise SpatialInputError("E309", f"method='aqs' with missing='model' needs dense matrices of all {d.y.size:,} "
                                f"rows, {ROWS_MAX:,} at most", n=d.y.size,
                                hint="method='ml' with vcov='robust'")  # fmt: skip
    if method == "aqs" and d.varies and effects.entity:
        raise SpatialInputError("E320", "method='aqs' with missing='model' and unit effects needs the same W in all "
                                "periods", hint="method='ml', w.mean(), or effects='time'")  # fmt: skip
    if d.varies and specification.lag and effects.entity:
        _refuse_turned_units(d)


def _refuse_turned_units(d: Design) -> None:
    """E206 and E309 where unit effects, which W that varies turns, cannot all be estimated."""
    never = ~d.seen.any(axis=0)  # type: ignore[attr-defined]
    if never.any():
        raise SpatialInputError("E206", "missing='model' with unit effects and W that varies needs a y of every unit: "
                                "the effects of units without y reach their neighbors", ids=list(d.ids[never]),
                                n=int(never.sum()), hint="w.mean(), or effects='time'")  # fmt: skip
    if d.n_units > DUMMIES_MAX:
        raise SpatialInputError("E309", f"missing='model' with unit effects and W that varies needs dense matrices of "
                                f"all {d.n_units:,} effects, {DUMMIES_MAX} at most", n=d.n_units,
                                hint="w.mean(), or effects='time'")  # fmt: skip
