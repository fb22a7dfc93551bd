"""What models with more ways of effects than those of units and periods can do, and what they refuse by name."""

from __future__ import annotations

from spillover.errors import SpatialInputError

from ..covariance.adjusted import ADJUSTED
from ..design.design import Design
from ..design.options import ModelOptions
from ..design.specification import Specification


def refuse_with_ways(specification: Specification, d: Design, options: ModelOptions) -> None:
    """Options that many ways of effects do not go with; before any of them changes the design.

    Raises
    ------
    SpatialInputError
        E501.
    """
    if d.absorbed is None or d.absorbed.ways is None:
        return
    why = None
    if options.lags is not None and options.estimator not in ("ml", "gmm"):
        why = f"method={options.method!r} of a dynamic model", "method='ml', whose score is less its exact mean"
    elif options.estimator in ADJUSTED:
        why = f"method={options.estimator!r}", "method='ml', whose score has the mean zero under these effects"
    elif options.correction == "additive":
        why = "correction='additive'", "leave correction= out: the score is adjusted by its mean"
    if why:
        raise SpatialInputError("E501", f"effects of {d.absorbed} do not go with {why[0]}", hint=why[1])


def refuse_dynamic_ways(d: Design, what: str) -> None:
    """E501: a dynamic model with several rho takes effects of units and periods."""
    if d.absorbed is not None:
        d.absorbed.refuse_ways(what, "effects of unit and period alone, or one W and rho for all")
