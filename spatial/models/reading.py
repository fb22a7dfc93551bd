"""Steps 1 and 2 of every estimate: frame, formula and W become aligned arrays, and the options get their meaning.

    frame, formula, W --read--> Design --prepare--> Reading --sample--> Sample --solve--> Solution --infer--> Fit

A single call, a comparison of a thousand W and several models of one frame differ in what they hand to these steps:
``Reading.under(w)`` is the same question under another W, ``Reading.of(specification)`` another model of the same data.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd

from spillover.errors import SpatialInputError
from spillover.ids import positions
from spillover.matrix import SpatialWeights, TemporalWeights, as_weights, refuse_varying, warn_unlabelled

from ..covariance.adjusted import ADJUSTED
from ..design.design import Design
from ..design.gaps import cut_to_observed
from ..design.instruments import design_with_instruments
from ..design.options import ModelOptions, Settings
from ..design.read import design
from ..design.redundant import without_redundant_dummies
from ..design.sample import refuse_no_links, which_correction, which_effects, with_spatial_lags
from ..design.specification import Specification
from .adjusted import refuse_adjusted
from .dynamic import warn_of_own_lags, with_lagged_response
from .random import refuse_random


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
    if options.endog or options.instruments:
        d = design_with_instruments(formula, data, w, endog=options.endog, instruments=options.instruments, **keys)
    else:
        d = design(formula, data, w, lagged=False, **keys)
    if options.w_error is None:
        return d
    m = aligned(options.w_error, d, options.missing)
    return replace(d, error_weights=m if d.observed is None else cut_to_observed(m, d.observed, d.periods))


def prepare(specification: Specification, columns: Design, options: ModelOptions) -> Reading:
    """Step 2: which effects, which lags of regressors and response, which correction.

    Raises
    ------
    SpatialInputError
        E206, E308, E309, E320, E321, E501, E502, E715: what the model cannot do with these data, W and options.
    """
    d, method = columns, options.estimator
    correction: bool | str = True
    if options.lags is not None:
        d = with_lagged_response(d, options.lags, options.effects)
    effects = which_effects(options.effects, d)
    if effects.random or options.random_error is not None:
        refuse_random(specification, d, effects, options)
    if effects.entity and "lag(" in d.formula:
        warn_of_own_lags(d, effects)
    refuse_no_links(specification, d)
    d = with_spatial_lags(specification, d, effects, options.durbin, options.wx_order)
    if d.encoding.dummies:
        d = without_redundant_dummies(d, effects)
    if method in ADJUSTED:
        refuse_adjusted(specification, d, effects, options.correction, method)
    if method == "gmm":
        correction = options.correction
    elif not effects.random:
        correction = which_correction(specification, d, effects, options.correction)
    settings = Settings(effects, correction, method, options.covariance, options.logdet, requested=options)
    return Reading(specification, d, settings, columns)


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
