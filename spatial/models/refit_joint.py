"""Refits of models with several W, or with rho, lambda or sigma2 by regime: a likelihood of their own."""

from __future__ import annotations

from typing import TypeGuard

import numpy as np

from spillover.matrix import SeveralWeights

from ..design.design import Design
from ..effects.operators import Several
from ..effects.regimes import regime_estimates
from ..effects.several import several_estimates
from ..records.fit import FitRecord
from ..records.regimes import RegimesRecord
from ..records.several import SeveralRecord
from ..solve.ml import maximum_likelihood
from .composed import composed_of_several
from .regimes import regime_sample_and_maximum
from .several_maximum import several_sample_and_maximum


def is_joint(fit: FitRecord) -> bool:
    """Whether the likelihood is not that of one rho, lambda and sigma2."""
    several = isinstance(fit._design.weights, SeveralWeights)
    return several or (isinstance(fit, RegimesRecord) and fit.by_likelihood)


def has_joint_effects(fit: FitRecord) -> TypeGuard[Several]:
    """Whether effects are those of several W, or by regime."""
    return isinstance(fit, SeveralRecord | RegimesRecord)


def joint_maximum(fit: FitRecord, d: Design):
    """The sample of a design like the fit's, and its maximum."""
    settings = fit._settings
    if isinstance(d.weights, SeveralWeights) and settings.composed:
        return composed_of_several(fit.specification, d, settings)[:2]  # type: ignore[arg-type]
    if isinstance(d.weights, SeveralWeights):
        sample, at = several_sample_and_maximum(fit.specification, d, settings.effects, settings.correction)
        return sample, maximum_likelihood(sample) if at is None else at
    return regime_sample_and_maximum(fit.specification, d, settings)


def joint_estimates(fit: FitRecord, d: Design, sample, at) -> tuple[np.ndarray, float]:
    """Parameters and sigma2."""
    if not hasattr(at, "rhos"):  # least squares
        return at.beta, float(at.resid @ at.resid) / (d.left(fit._settings.effects) - len(at.beta))
    return np.concatenate([at.beta, at.rhos, at.lams]), at.sigma2


def joint_labels(fit: Several) -> tuple[str, ...]:
    """Of the effects: the regressors, by regime and over all units where there are regimes."""
    names = fit._design.regressors
    groups = [f"{label}: " for label in fit.split.labels] + [""] if isinstance(fit, RegimesRecord) else [""]
    return tuple(group + name for group in groups for name in names)


def joint_effects(fit: Several) -> np.ndarray:
    """(3, v) of the labels."""
    return several_estimates(fit) if isinstance(fit, SeveralRecord) else regime_estimates(fit)
