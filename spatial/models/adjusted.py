"""``method="reml"`` and ``method="aqs"``: which models and data they are for."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from spillover.errors import SpatialInputError
from spillover.matrix import refuse_varying

from ..covariance.dynamic_scores import DynamicPanel, unbiased_score
from ..design.arrays import Sample
from ..design.design import Design
from ..design.dummies import sample_with_dummies
from ..design.fixed_effects import FixedEffects
from ..design.gaps import refuse_unbalanced
from ..design.options import Settings
from ..design.period_means import centers, of_deviations
from ..design.sample import regressor_columns
from ..design.specification import Specification
from ..solve.aqs import adjusted_score
from ..solve.ml import maximum_likelihood
from ..solve.reml import Adjusted, restricted
from .dynamic import jacobian_of_past, places_of_past


def refuse_adjusted(specification: Specification, d: Design, effects: FixedEffects, correction, method: str) -> None:
    """What the adjusted scores are not there for.

    Raises
    ------
    SpatialInputError
        E109 unbalanced panels and E320 weights that vary over time by "aqs", E501 models, effects and options.
    """
    spec, requested = specification, f"method={method!r}"
    if d.lags and method == "aqs":
        refuse_adjusted_dynamic(d, effects, correction)
        return
    if d.lags:
        raise SpatialInputError("E501", f"{requested} is not for a lagged response",
                                hint="leave method= out" + ", or method='aqs'" * (not d.varies))  # fmt: skip
    if not (spec.lag or spec.error):
        raise SpatialInputError("E501", f"{requested} is for spatial lags and errors; {spec.name} is least squares",
                                hint="leave method= out")  # fmt: skip
    if spec.lag and spec.error:
        raise SpatialInputError(
            "E501",
            f"{requested} is for one spatial parameter, and {spec.name} has two",
            hint="method='ml', whose intervals with few rows are ratios of likelihoods; or sar, sem, sdm, sdem",
        )
    if effects.random:
        raise SpatialInputError("E501", f"{requested} is not for {effects} effects", hint="method='ml'")
    _refuse_second_correction(requested, correction)
    if method == "aqs":
        refuse_unbalanced(d.observed, requested)
        refuse_varying(d.weights if spec.lag else d.weights_of_error, requested)


def refuse_adjusted_dynamic(d: Design, effects: FixedEffects, correction) -> None:
    """The unbiased score of a dynamic model is there for unit effects, with period effects where both transform.

    Raises
    ------
    SpatialInputError
        E320 weights that vary, E501.
    """
    requested = "method='aqs' of a dynamic model"
    if not effects.entity or effects.ways is not None:
        raise SpatialInputError("E501", f"{requested} corrects for unit effects, and effects={effects.name!r} has none",
                                hint="method='ml', or effects='entity' or 'twoway'")  # fmt: skip
    _refuse_second_correction(requested, correction)
    for weights in (d.weights, d.weights_of_error):
        refuse_varying(weights, requested)


def _refuse_second_correction(requested: str, correction) -> None:
    if correction is not True:
        raise SpatialInputError("E501", f"{requested} is a correction itself: correction={correction!r} has no meaning",
                                hint="leave correction= out")


def solve_adjusted(specification: Specification, d: Design, sample: Sample, settings: Settings) -> Adjusted:
    """The root of the adjusted score that ``method`` names."""
    if d.lags:
        return _of_dynamic(d, sample, settings)
    weights = d.weights if specification.lag else d.weights_of_error
    carried = specification.error and settings.effects.ways is None and centers(weights, settings.effects.time)
    if settings.method == "reml" and (weights.varies or carried):
        return _over_all_rows(specification, d, sample, settings)
    if settings.method == "reml":
        return restricted(sample, weights, centers(weights, settings.effects.time))
    return adjusted_score(sample, weights, settings.effects)


def _over_all_rows(specification: Specification, d: Design, sample: Sample, settings: Settings) -> Adjusted:
    """One system over all rows, W block diagonal where it varies. Effects that a spatial error carries along are
    dummies beside X, and the restricted likelihood is that of what both leave."""
    if specification.lag:
        W = of_deviations(d.weights) if centers(d.weights, settings.effects.time) else d.weights
        return restricted(sample, W.stacked)  # type: ignore[union-attr]
    effects, M = settings.effects, d.weights_of_error
    if not (sample.dummies or centers(M, effects.time)):
        return restricted(sample, M)
    at = restricted(sample_with_dummies(d, *regressor_columns(d, effects), effects, False, settings.logdet), M)
    own = np.append(np.arange(sample.X.shape[1] - sample.dummies), len(at.covariance) - 1)
    return replace(at, covariance=at.covariance[np.ix_(own, own)])


def _of_dynamic(d: Design, sample: Sample, settings: Settings) -> Adjusted:
    """From the maximum on: the corrected one may lie outside the intervals of rho and lambda."""
    W, M = (refuse_varying(weights, "method='aqs'") for weights in (d.weights, d.weights_of_error))
    panel = DynamicPanel(sample, jacobian_of_past(sample, d, settings), W, M, places_of_past(d))
    p = len(sample.names) + len(sample.parts)
    return unbiased_score(panel, maximum_likelihood(sample), d.left(settings.effects) - p)
