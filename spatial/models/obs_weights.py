"""Weights of observations in the models: which combinations have a likelihood or moments, and the usual covariance."""

from __future__ import annotations

from ..design.design import Design
from ..design.fixed_effects import FixedEffects
from ..design.obs_weights import ObsWeights, refuse_weighted
from ..design.options import ModelOptions, Settings
from ..design.specification import Specification


def refuse_unweightable(
    w: ObsWeights, specification: Specification, d: Design, effects: FixedEffects, correction: object,
    options: ModelOptions,
) -> None:  # fmt: skip
    """What weights of observations are not there for.

    Raises
    ------
    SpatialInputError
        E540.
    """
    name, method = specification.name, options.estimator
    spatial = specification.lag or specification.error
    refusals = (
        (effects.random is not None and (w.sampling or method == "gmm"),
         f"effects={effects.name!r} with sampling weights or by moments", "analytic weights and method='ml'"),
        (method == "aqs", f"method={options.method!r}", "method='ml', 'reml' or 'gmm'"),
        (correction == "additive", "the additive correction",
         "w.standardize('row') without islands, effects='entity', or correction=False"),
        (w.sampling and spatial and method in ("ml", "reml"),
         f"maximum likelihood of {name} with sampling weights",
         "method='gmm': errors whose variance does not follow the weights bias rho and lambda by maximum likelihood"),
    )  # fmt: skip
    for applies, what, hint in refusals:
        if applies:
            refuse_weighted(w, what, hint)


def usual_covariance(
    w: ObsWeights, specification: Specification, effects: FixedEffects, options: ModelOptions
) -> object:
    """The covariance requested, or the usual one: robust with sampling weights, by unit after unit effects."""
    if options.vcov is not None or not w.sampling:
        return options.covariance
    by_unit = options.estimator == "gmm" and effects.entity and not specification.error
    return "cluster" if by_unit else "robust"


def with_usual_covariance(specification: Specification, d: Design, settings: Settings) -> Settings:
    """The settings with the usual covariance of weighted observations; E540 for what they do not have."""
    if d.obs_weights is None:
        return settings
    effects, options = settings.effects, settings.requested
    refuse_unweightable(d.obs_weights, specification, d, effects, settings.correction, options)
    return settings.with_(vcov=usual_covariance(d.obs_weights, specification, effects, options))
