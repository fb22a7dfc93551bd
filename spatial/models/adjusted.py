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
from ..design.moving import as_lagged
from ..design.obs_weights import links_in_units_of_variance
from ..design.options import Settings
from ..design.period_means import centers
from ..design.sample import regressor_columns, weighted
from ..design.specification import Specification
from ..solve.aqs import adjusted_score
from ..solve.carried_effects import maximum_of
from ..solve.ml import maximum_likelihood
from ..solve.reml import Adjusted, restricted
from .adjusted_several import one_unknown_a_unit, solve_adjusted_several
from .dynamic import jacobian_of_past, places_of_past


def refuse_adjusted(specification: Specification, d: Design, effects: FixedEffects, correction, method: str) -> None:
    """What the adjusted scores are not there for.

    Raises
    ------
    SpatialInputError
        E501 models, effects and options.
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
    if effects.random:
        raise SpatialInputError("E501", f"{requested} is not for {effects} effects", hint="method='ml'")
    _refuse_second_correction(requested, correction)


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
    effects = settings.effects
    both, by_row = specification.lag and specification.error, not one_unknown_a_unit(d)
    if both or (settings.method == "aqs" and by_row):
        return _of_several(specification, d, sample, settings)
    if settings.method == "aqs":
        return adjusted_score(sample, d.weights if specification.lag else d.weights_of_error, effects)
    if specification.error:
        return _restricted_error(d, sample, settings)
    centered = centers(d.weights, effects.time)
    if d.obs_weights is None and not d.weights.varies:
        return restricted(sample, d.weights, centered)
    W = links_in_units_of_variance(d, as_lagged(d.weights, effects))
    return restricted(sample, W.stacked if W.varies else W)  # one system over all rows, W block diagonal


def _restricted_error(d: Design, sample: Sample, settings: Settings) -> Adjusted:
    """Effects that a spatial error carries along are dummies beside X, and the restricted likelihood is that of what
    both leave."""
    effects, M = settings.effects, d.weights_of_error
    carried = effects.ways is None and centers(M, effects.time)
    if not (sample.dummies or carried):
        return restricted(sample, M)
    own = sample_with_dummies(d, *regressor_columns(d, effects), effects, False, settings.logdet)
    own = own if d.obs_weights is None else weighted(own, d, effects, False)
    at = restricted(own, M)
    kept = np.append(np.arange(sample.X.shape[1] - sample.dummies), len(at.covariance) - 1)
    return replace(at, covariance=at.covariance[np.ix_(kept, kept)])


def _of_several(specification: Specification, d: Design, sample: Sample, settings: Settings) -> Adjusted:
    """From the maximum of the likelihood on."""

    def start() -> np.ndarray:
        _, at = maximum_of(specification, d, settings.effects, settings.correction, settings.logdet)
        return np.array([at.rho] * specification.lag + [at.lam] * specification.error)

    def inside(psi: np.ndarray) -> bool:
        return all(part.interval[0] < at < part.interval[1] for part, at in zip(sample.parts, psi))

    names = (*["rho"] * specification.lag, *["lambda"] * specification.error)
    at = settings.effects, settings.method
    return solve_adjusted_several(specification, d, *at, sample, inside, names, start)


def _of_dynamic(d: Design, sample: Sample, settings: Settings) -> Adjusted:
    """From the maximum on: the corrected one may lie outside the intervals of rho and lambda."""
    W, M = (refuse_varying(weights, "method='aqs'") for weights in (d.weights, d.weights_of_error))
    panel = DynamicPanel(sample, jacobian_of_past(sample, d, settings), W, M, places_of_past(d))
    p = len(sample.names) + len(sample.parts)
    return unbiased_score(panel, maximum_likelihood(sample), d.left(settings.effects) - p)
