"""Moments of a spatial error whose weights differ between periods, as in an unbalanced panel or where weights of
observations change, and of one beside further effects.

==============================  =====================================================================
effects                         how
==============================  =====================================================================
none, or those of periods       as under one M, with the forms of every period (``block_forms``)
those of units among them       B D is another space for every lambda: the effects leave at each (``gmm_turning``)
those of other ways behind |    likewise
==============================  =====================================================================

Beside period effects M lags deviations from period means where its rows do not all sum to one, so that they leave M u,
too (``design.period_means``).
"""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import numpy as np

from spillover.errors import SpatialInputError
from spillover.matrix import SpatialWeights, TemporalWeights

from ..covariance.adjusted import name_of_kind
from ..design.carried import effects_of
from ..design.design import Design, spatial_lag
from ..design.fixed_effects import FixedEffects
from ..design.period_means import centers, of_deviations
from ..design.several import SeveralDesign, weights_of_error
from ..design.specification import Specification
from ..solve.block_forms import periods_of
from ..solve.gmm import ErrorMomentSample
from ..solve.gmm_turning import TurningSample
from ..solve.projected_forms import refuse_many_effects


def turns(d: Design, effects: FixedEffects) -> bool:
    """Whether a spatial error's weights carry fixed effects along."""
    return effects.ways is not None or (effects.entity and _moves(d))


def differs(d: Design, effects: FixedEffects) -> bool:
    """Whether the moments are those of every period."""
    return effects.ways is not None or _moves(d)


def _moves(d: Design) -> bool:
    """Whether M in units of variance changes over time."""
    return weights_of_error(d).varies or not (d.obs_weights is None or d.obs_weights.fixed)


def refuse_by_period(specification: Specification, d: Design, effects: FixedEffects, vcov: object) -> None:
    """What moments of the error of every period do not have.

    Raises
    ------
    SpatialInputError
        E309 too many effects, E501 another covariance.
    """
    if not turns(d, effects):
        return
    what = "gaps" if d.observed is not None else "W that vary over time"
    what = what if weights_of_error(d).varies else "weights that change over time"
    if effects.ways is not None:
        what = "further effects, which M takes to others"
    if vcov != "classical":
        message = f"moments of {specification.name} with {effects} effects and {what} need errors of one variance"
        hint = "vcov='classical', or method='ml' with vcov='robust' or 'cluster'"
        if d.obs_weights is not None and d.obs_weights.sampling:
            hint = "vcov='cluster' with one weight for each unit, one W for all periods and no gaps"
        raise SpatialInputError("E501", f"{message}: vcov={name_of_kind(vcov)}", hint=hint)
    refuse_many_effects(d, effects, f"moments of a spatial error with {what}",
                        "method='ml', or w_error= one matrix and missing='drop'")  # fmt: skip


def error_sample_by_period(
    d: Design, effects: FixedEffects, parts: dict[str, Any], lagged: dict[str, np.ndarray], own: np.ndarray
) -> ErrorMomentSample:
    """The sample with M of every period.

    Parameters
    ----------
    parts : dict
        Of a ``MomentSample``, effects taken out.
    lagged : dict
        "My", "MX" (and "MWy"): what M lags, (T, N, ...).
    own : (T, N, q)
        Instruments that M lags, too.
    """
    M = weights_of_error(d)
    M = of_deviations(M) if centers(M, effects.time) else M
    d = _under(d, M)
    periods = periods_of(d)
    more: dict[str, Any] = {"M": periods.M, "periods": periods, "copies": 1}
    if not turns(d, effects):
        parts |= {name: d.rows(d.within(spatial_lag(M, values), effects)) for name, values in lagged.items()}
        return ErrorMomentSample(**(weighted(d, parts) | more))
    # M D is not in the span of D: M lags what the effects have left of the columns, and D leaves with it.
    parts |= {name: d.rows(spatial_lag(M, d.within(values, effects))) for name, values in lagged.items()}
    if own.shape[2]:
        parts["H"] = np.column_stack([parts["H"], d.rows(spatial_lag(M, d.within(own, effects)))])
    return TurningSample(**(weighted(d, parts) | more), effects=effects_of(d, effects))


def _under(d: Design, M: SpatialWeights | TemporalWeights) -> Design:
    """The same data with M of the error; of several W it is the only one."""
    if not isinstance(d, SeveralDesign):
        return replace(d, error_weights=M)
    own = {one.name: getattr(d, one.name) for one in fields(Design)}
    return Design(**{**own, "weights": M, "error_weights": M})


def weighted(d: Design, parts: dict[str, Any]) -> dict[str, Any]:
    """The columns times the roots of the weights of observations."""
    if d.obs_weights is None:
        return parts
    root = d.root
    columns = ("y", "X", "Wy", "H", "My", "MX", "MWy")
    return parts | {name: (root * parts[name].T).T for name in columns if name in parts}
