"""Steps 1 and 2 of every estimate: frame, formula and W become aligned arrays, and the options get their meaning.

    frame, formula, W --read--> Design --prepare--> Reading --sample--> Sample --solve--> Solution --infer--> Fit

A single call, a comparison of a thousand W and several models of one frame differ in what they hand to these steps:
``Reading.under(w)`` is the same question under another W, ``Reading.of(specification)`` another model of the same data.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import numpy as np
import pandas as pd

from spillover.errors import SpatialInputError
from spillover.ids import positions
from spillover.matrix import SpatialWeights, TemporalWeights, as_weights, refuse_varying, warn_unlabelled

from ..covariance.adjusted import ADJUSTED
from ..design.carried import carries_effects
from ..design.design import INTERCEPT, Design, durbin_columns, spatial_lag
from ..design.entry import with_error_among_rows
from ..design.fixed_effects import NO_EFFECTS, TWOWAY_EFFECTS, FixedEffects
from ..design.gaps import cut_to_observed, refuse_unbalanced
from ..design.instruments import design_with_instruments, with_endogenous
from ..design.obs_weights import read_obs_weights
from ..design.options import ModelOptions, Settings
from ..design.period_means import centers
from ..design.read import design
from ..design.redundant import without_redundant_dummies
from ..design.sample import SPANNED
from ..design.specification import Specification
from .adjusted import refuse_adjusted
from .dynamic import refuse_varying_dynamics, warn_of_own_lags, with_lagged_response
from .obs_weights import refuse_unweightable, usual_covariance
from .random import refuse_random
from .serial import refuse_serial
from .serial_adjusted import refuse_serial_adjusted
from .ways import refuse_with_ways

D = TypeVar("D", bound=Design)


@dataclass(frozen=True, eq=False)
class Reading:
    """Aligned data and what is asked of them, before anything is estimated.

    Attributes
    ----------
    specification : Specification
    design : Design
        With the regressors whose lags the model takes.
    settings : Settings
    columns : Design
        As it was read: the same for all models, effects and, but for its weights, all W.
    """

    specification: Specification
    design: Design = field(repr=False)
    settings: Settings
    columns: Design = field(repr=False)

    @property
    def repeatable(self) -> bool:
        """Whether other W can be put in place of the one that it was read with: units were matched by their ids, and
        none was left out."""
        return self.columns.weights.labelled and self.settings.requested.missing == "error"

    def under(self, w) -> Reading:
        """What would have been read under another W over the same units."""
        columns = replace(self.columns, weights=aligned(w, self.columns, "error", name="w"))
        return prepare(self.specification, columns, self.settings.requested)

    def of(self, specification: Specification, **changes) -> Reading:
        """Another model of the same data, or the same with other options than those that concern the data."""
        requested = replace(self.settings.requested, **changes)
        requested.check(specification)
        return prepare(specification, self.columns, requested)


def read(formula: str, data: pd.DataFrame, w, options: ModelOptions) -> Design:
    """Step 1: align the columns of a formula with the units of W; its second W and instruments likewise.

    Raises
    ------
    SpatialInputError
        E1xx ids and periods, E2xx values, E3xx weights, E5xx formula and options.
    """
    keys: dict[str, Any] = {"entity": options.entity, "time": options.time, "missing": options.missing}
    if options.endog and not options.instruments and options.lags is not None:
        d = with_endogenous(design(formula, data, w, lagged=False, **keys), options.endog)
    elif options.endog or options.instruments:
        d = design_with_instruments(formula, data, w, endog=options.endog, instruments=options.instruments, **keys)
    else:
        d = design(formula, data, w, lagged=False, **keys)
    if options.obs_weights is not None:
        d = replace(d, obs_weights=read_obs_weights(d, options.obs_weights))
    if options.w_error is None:
        return d
    m = aligned(options.w_error, d, options.missing)
    return replace(d, error_weights=m if d.observed is None else cut_to_observed(m, d.observed, d.periods))


def prepare(specification: Specification, columns: Design, options: ModelOptions) -> Reading:
    """Step 2: which effects, which lags of regressors and response, which correction.

    Raises
    ------
    SpatialInputError
        E206, E308, E309, E320, E501, E502, E715: what the model cannot do with these data, W and options.
    """
    d, method = columns, options.estimator
    correction: bool | str = True
    refuse_with_ways(specification, d, options)
    if options.lags is not None:
        d = with_lagged_response(d, options.lags, options.effects)
        refuse_varying_dynamics(d, options)
        if specification.error:
            d = with_error_among_rows(d)
    effects = which_effects(options.effects, d)
    if method in ADJUSTED:
        refuse_adjusted(specification, d, effects, options.correction, method)
    if effects.random or options.random_error is not None:
        refuse_random(specification, d, effects, options)
    if options.serial is not None:
        refuse_serial(specification, d, effects, options)
        if method == "reml":
            refuse_serial_adjusted(d)
    if effects.entity and "lag(" in d.formula:
        warn_of_own_lags(d, effects)
    refuse_no_links(specification, d)
    d = with_spatial_lags(specification, d, effects, options.durbin, options.wx_order)
    if specification.lag and specification.error and effects.ways is None and centers(d.weights, effects.time):
        d = replace(d, notes=(*d.notes, PATH_THROUGH_W))
    of_serial = options.serial is not None and method == "ml" and options.missing != "model"
    if method in ("aqs", "gmm") or of_serial or options.lags is not None:
        d = with_note_on_errors(specification, d, effects)
    if d.encoding.dummies:
        d = without_redundant_dummies(d, effects)
    if method == "gmm":
        correction = options.correction
    elif not effects.random:
        correction = options.correction
        if method not in ADJUSTED and options.serial is None:
            correction = which_correction(specification, d, effects, correction)
    vcov = options.covariance
    if d.obs_weights is not None:
        refuse_unweightable(d.obs_weights, specification, d, effects, correction, options)
        vcov = usual_covariance(d.obs_weights, specification, effects, options)
    settings = Settings(effects, correction, method, vcov, options.logdet, requested=options)
    return Reading(specification, d, settings, columns)


PATH_THROUGH_W = ("rows of W do not all sum to one, and W lags deviations from period means: rho is biased where a "
                  "large path of all units passes through W; y ~ x | unit + period[sums], sums those of W's rows, "
                  "allows for it")  # fmt: skip


PATH_IN_ERROR = ("rows of the error's weights do not all sum to one, and they lag deviations from period means: with "
                 "few units, many of them islands, lambda is biased up (of 25 units with 10 islands .76 for .7); "
                 "method='ml' of one W without lags= and serial= takes the weights as they are")  # fmt: skip


def with_note_on_errors(specification: Specification, d: D, effects: FixedEffects) -> D:
    """Where M J stands for M though the error itself is not in deviations from period means."""
    if not (specification.error and effects.ways is None and centers(d.weights_of_error, effects.time)):
        return d
    return replace(d, notes=(*d.notes, PATH_IN_ERROR))


def which_effects(requested: str | None, d: Design) -> FixedEffects:
    """The effects requested, or two-way ones in a panel and none in a cross-section."""
    if d.absorbed is not None:
        if requested is not None and FixedEffects.parse(requested) != d.absorbed:
            raise SpatialInputError("E504", f"the formula's | asks for effects={d.absorbed.name!r}, the keyword is "
                                    f"effects={requested!r}", hint="leave one of them out")  # fmt: skip
        effects = d.absorbed
    elif requested is None:
        effects = NO_EFFECTS if d.times is None else TWOWAY_EFFECTS
    else:
        effects = FixedEffects.parse(requested)
    if d.times is None and effects and effects.ways is None:
        raise SpatialInputError("E501", f"effects={requested!r} needs a panel", hint="give entity= and time=")
    if effects.random == "chamberlain":
        refuse_unbalanced(d.observed, "effects='chamberlain'",
                          "effects='correlated' takes the means of the periods that are observed")  # fmt: skip
    if (effects.entity or effects.random) and len(d.y) < 2:
        raise SpatialInputError("E206", f"{effects} effects need at least 2 periods, got {len(d.y)}",
                                hint="effects='none', or more periods")
    return effects


def refuse_no_links(specification: Specification, d: Design) -> None:
    """A spatial term needs a neighbor somewhere.

    Raises
    ------
    SpatialInputError
        E306.
    """
    used = [d.weights] * (specification.lag or specification.durbin)
    used += [d.weights_of_error] if specification.error else []
    if not all(weights.has_links for weights in used):
        raise SpatialInputError("E306", f"no unit has a neighbor: {specification.name} has nothing to estimate",
                                hint="islands='nearest' in the builder, or ols()")  # fmt: skip


def with_spatial_lags(
    specification: Specification, d: Design, effects: FixedEffects, durbin, wx_order: int
) -> Design:
    """The design with the regressors that are lagged in space: those named, or all for which a lag says more.

    Left out by default is what is the same for all units, as year dummies are: W d = d, as for the intercept, where
    rows of W have one sum.

    Raises
    ------
    SpatialInputError
        E502 no such regressor.
    """
    columns, order, notes = d.durbin, d.wx_order, d.notes
    if specification.durbin:
        columns, order = durbin_columns(d.names, durbin, d.encoding, d.lags), wx_order
    if durbin is None and d.weights.row_sums_vary:
        if lags_intercept(specification, d, effects):
            columns = (d.names.index(INTERCEPT), *columns)
    elif durbin is None and d.times is not None and (d.X[0, :1] == d.X[0]).all(axis=0)[list(columns)].any():
        constant = (d.X[:, :1] == d.X).all(axis=(0, 1))
        if same := [j for j in columns if constant[j]]:
            columns = tuple(j for j in columns if j not in same)
            notes = (*notes, "the same for all units, and not lagged: " + ", ".join(d.names[j] for j in same))
    if (columns, order) == (d.durbin, d.wx_order):
        return d
    return replace(d, durbin=columns, wx_order=order, notes=notes)


def lags_intercept(
    specification: Specification, d: Design, effects: FixedEffects, *, by_regime: bool = False
) -> bool:  # fmt: skip
    """Whether W 1 is a regressor, where it is no constant: in models with W y or W X, unless the others span it.

    A constant c in y adds c (1 - rho W 1) to (I - rho W) y, and one in x adds c W 1 to W x. Where rows of W have
    different sums (an island is enough) neither is a constant, and without W 1 rho would depend on where y has its
    zero. Of row-standardised weights with islands W 1 is the dummy of the units that have neighbors. Time effects
    are taken out before y and x are lagged (``Design.lag``), but not of y where rho differs ``by_regime``.
    """
    takes = (specification.lag or specification.durbin) and INTERCEPT in d.names
    if not takes or (effects.fixed and not (by_regime and effects.time)):
        return False
    one = d.X[:, :, d.names.index(INTERCEPT)]
    added = effects.demean(spatial_lag(d.weights, one), d.observed)
    columns = effects.demean(d.X, d.observed)
    added, columns = d.rows(added), d.rows(columns)
    left = added - columns @ np.linalg.lstsq(columns, added, rcond=None)[0]
    return bool(np.linalg.norm(left) > SPANNED * np.abs(d.weights.row_sums).max() * np.sqrt(len(left)))


def which_correction(specification: Specification, d: Design, effects: FixedEffects, correction) -> bool | str:
    """The correction that this model allows: by transformation, or additive for the time effects."""
    if effects.ways is not None:
        return bool(correction)  # by transformation, or by the mean of the score
    if carries_effects(specification, d, effects) or (specification.error and effects.time):
        if correction == "additive":
            raise SpatialInputError("E501", "correction='additive' is for a spatial lag alone: beside an error the "
                                    "score of rho is corrected by its mean", hint="leave correction= out")  # fmt: skip
        return bool(correction)
    if correction == "additive" and effects.time and d.lags and not (specification.lag or specification.error):
        raise SpatialInputError("E501", f"correction='additive' of a dynamic model is for a spatial lag, which "
                                f"{specification.name} does not have", hint="leave correction= out")  # fmt: skip
    used = [d.weights] * specification.lag + ([d.weights_of_error] if specification.error else [])
    if correction == "additive" and any(w.varies for w in used):
        raise SpatialInputError("E501", "correction='additive' is for one W in all periods",
                                hint="leave correction= out")
    return correction if effects.time else bool(correction)


def aligned(w, d: Design, missing: str, name: str = "w_error") -> SpatialWeights | TemporalWeights:
    """Another W in the design's order of units; cut down where units were dropped."""
    m = as_weights(w)
    if m.varies:
        m = refuse_varying(m, "a cross-section") if d.times is None else m.for_periods(d.times)
    if not m.labelled:
        if d.weights.labelled:
            raise SpatialInputError("E101", f"{name} has no ids, so it cannot be matched with the units of w",
                                    hint="give weights with ids, or a DataFrame labelled on both sides")  # fmt: skip
        warn_unlabelled()
        if m.n != d.n_units:
            raise SpatialInputError("E105", f"the data have {d.n_units} units, {name} {m.n}",
                                    hint="give weights over the units of the data, with ids")
        return m
    if m.ids.equals(d.ids):
        return m
    at = m.ids.get_indexer(d.ids)
    if missing != "drop" or (at < 0).any():
        at = positions(m.ids, d.ids, what=name)
    elif m.n > d.n_units:
        m, at = m.subset_at(at), np.arange(d.n_units)
    return m.reordered(at)
