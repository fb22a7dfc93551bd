"""Moments of a spatial error whose weights differ between periods, as in an unbalanced panel.

==============================  =====================================================================
effects                         how
==============================  =====================================================================
none, or those of periods       as under one M, with the forms of every period (``block_forms``)
those of units among them       B D is another space for every lambda: the effects leave at each (``gmm_turning``)
==============================  =====================================================================

Beside period effects M lags deviations from period means where its rows do not all sum to one, so that they leave M u,
too (``design.period_means``).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from spillover.errors import SpatialInputError

from ..covariance.adjusted import name_of_kind
from ..design.carried import effects_of
from ..design.design import Design, spatial_lag
from ..design.fixed_effects import FixedEffects
from ..design.obs_weights import refuse_weighted
from ..design.period_means import centers, of_deviations
from ..design.several import SeveralDesign
from ..design.specification import Specification
from ..solve.block_forms import periods_of
from ..solve.gmm import ErrorMomentSample
from ..solve.gmm_turning import TurningSample
from ..solve.projected_forms import refuse_many_effects


def turns(d: Design, effects: FixedEffects) -> bool:
    """Whether a spatial error's weights carry fixed effects along."""
    return bool(effects.entity and d.weights_of_error.varies)


def differs(d: Design) -> bool:
    """Whether the moments are those of every period."""
    return not isinstance(d, SeveralDesign) and d.weights_of_error.varies


def refuse_by_period(specification: Specification, d: Design, effects: FixedEffects, vcov: object) -> None:
    """What moments of the error of every period do not have.

    Raises
    ------
    SpatialInputError
        E309 too many effects, E501 another covariance, E540 weights of observations.
    """
    what = "gaps" if d.observed is not None else "W that vary over time"
    if d.obs_weights is not None:
        whole = d.observed is not None and not effects.time  # what is left by missing='drop' has them
        refuse_weighted(d.obs_weights, f"moments of {specification.name} with {what}",
                        "method='ml'" + ", or missing='drop'" * whole)  # fmt: skip
    if not turns(d, effects):
        return
    if vcov != "classical":
        message = f"moments of {specification.name} with {effects} effects and {what} need errors of one variance"
        raise SpatialInputError("E501", f"{message}: vcov={name_of_kind(vcov)}",
                                hint="vcov='classical', or method='ml' with vcov='robust' or 'cluster'")  # fmt: skip
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
    M = d.weights_of_error
    if centers(M, effects.time):
        M = of_deviations(M)
        d = replace(d, error_weights=M)
    periods = periods_of(d)
    more: dict[str, Any] = {"M": periods.M, "periods": periods, "copies": 1}
    if not turns(d, effects):
        parts |= {name: d.rows(d.within(spatial_lag(M, values), effects)) for name, values in lagged.items()}
        return ErrorMomentSample(**(parts | more))
    # M D is not in the span of D: M lags what the effects have left of the columns, and D leaves with it.
    parts |= {name: d.rows(spatial_lag(M, d.within(values, effects))) for name, values in lagged.items()}
    if own.shape[2]:
        parts["H"] = np.column_stack([parts["H"], d.rows(spatial_lag(M, d.within(own, effects)))])
    return TurningSample(**(parts | more), effects=effects_of(d, effects))
