"""``method="reml"`` and ``method="aqs"``: which models and data they are for."""

from __future__ import annotations

from spillover.errors import SpatialInputError
from spillover.matrix import refuse_varying

from ..design.arrays import Sample
from ..design.design import Design
from ..design.fixed_effects import FixedEffects
from ..design.gaps import refuse_unbalanced
from ..design.specification import Specification
from ..solve.aqs import adjusted_score
from ..solve.reml import Adjusted, restricted


def refuse_adjusted(specification: Specification, d: Design, effects: FixedEffects, correction, method: str) -> None:
    """What the adjusted scores are not there for.

    Raises
    ------
    SpatialInputError
        E109 unbalanced panels, E320 weights that vary over time, E501 models, effects and options.
    """
    spec, requested = specification, f"method={method!r}"
    if not (spec.lag or spec.error):
        raise SpatialInputError("E501", f"{requested} is for spatial lags and errors; {spec.name} is least squares",
                                hint="leave method= out")  # fmt: skip
    if spec.lag and spec.error:
        raise SpatialInputError(
            "E501",
            f"{requested} is for one spatial parameter, and {spec.name} has two",
            hint="method='ml', whose intervals with few rows are ratios of likelihoods; or sar, sem, sdm, sdem",
        )
    if d.lags or effects.random:
        why = "a lagged response" if d.lags else f"{effects} effects"
        raise SpatialInputError("E501", f"{requested} is not for {why}", hint="method='ml'")
    if correction is not True:
        raise SpatialInputError("E501", f"{requested} is a correction itself: correction={correction!r} has no meaning",
                                hint="leave correction= out")
    refuse_unbalanced(d.observed, requested)
    weights = d.weights if spec.lag else d.weights_of_error
    refuse_varying(weights, requested)
    if effects.time and not weights.rows_sum_to_one:
        raise SpatialInputError("E308", f"{requested} with {effects} effects needs weights whose rows all sum to one",
                                ids=weights.islands, hint="standardize('row'), or effects='entity'")  # fmt: skip


def solve_adjusted(specification: Specification, d: Design, sample: Sample, effects, method: str) -> Adjusted:
    """The root of the adjusted score that ``method`` names."""
    weights = d.weights if specification.lag else d.weights_of_error
    return restricted(sample, weights) if method == "reml" else adjusted_score(sample, weights, effects)
