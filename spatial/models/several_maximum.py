"""The likelihood of a design with several W, and its maximum: with one rho of each W, then by regime."""

from __future__ import annotations

from ..design.fixed_effects import FixedEffects
from ..design.regimes import SplitDesign
from ..design.several import least_squares_sample, several_arrays, several_determinants
from ..design.specification import Specification
from ..solve.ml import Solution
from ..solve.regimes import moving_maximum
from ..solve.regimes_problem import RegimeSample
from ..solve.several import SeveralSolution, several_maximum
from ..solve.several_problem import SeveralSample
from .dynamic_exact import root_of_least_squares, without_bias_of_several
from .moving import moving_effects
from .several_regimes import sample_and_search_by_regime


def several_sample_and_maximum(specification: Specification, d, effects: FixedEffects, correction):
    """The likelihood's arrays and its maximum; None in its place where there is nothing but least squares."""
    sample, maximum = sample_and_search(specification, d, effects, correction)
    return sample, maximum()


def sample_and_search(specification: Specification, d, effects: FixedEffects, correction):
    """The likelihood's arrays, and the search for its maximum."""
    sample = _several_sample(specification, d, effects, correction)

    def maximum() -> Solution | None:
        at = _maximum(sample)
        if not (d.lags and correction and effects.entity):
            return at
        return root_of_least_squares(sample, d, effects) if at is None else without_bias_of_several(
            sample, at, d, effects)

    if not (isinstance(d, SplitDesign) and d.spatial_regimes):
        return sample, maximum
    return sample_and_search_by_regime(specification, d, effects, correction, sample, maximum)


def _several_sample(specification: Specification, d, effects: FixedEffects, correction):
    arrays = several_arrays(d, effects, correction)
    if not (specification.lag or specification.error):
        return least_squares_sample(arrays)
    parts = several_determinants(d, effects, correction)
    if "groups" not in arrays:
        return SeveralSample(**arrays, **parts)
    left = correction and effects.fixed
    estimated = moving_effects(d, effects, parts, arrays["groups"], 1) if left else None
    return RegimeSample(**arrays, **parts, periods=estimated)


def _maximum(sample) -> SeveralSolution | None:
    if isinstance(sample, RegimeSample):
        return moving_maximum(sample)
    return several_maximum(sample) if isinstance(sample, SeveralSample) else None
