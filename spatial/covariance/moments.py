"""Covariances of fits by the method of moments."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from spillover.errors import SpatialInputError, check_option

from ..design.fixed_effects import FixedEffects
from ..records.fit import FitRecord
from ..solve.gmm import KINDS, MomentSample, MomentSolution, regressors, two_stage_covariance


def by_moments(fit: FitRecord) -> tuple[MomentSample, MomentSolution]:
    """Sample and solution of a fit by the method of moments."""
    if not (isinstance(fit._sample, MomentSample) and isinstance(fit._solution, MomentSolution)):
        raise TypeError(f"a fit by method={fit._settings.method!r} has no moments")
    return fit._sample, fit._solution


@dataclass(frozen=True)
class MomentCovariance:
    """The counterpart of the classes in ``vcov`` for ``method="gmm"``; ``kind`` is one of ``solve.gmm.KINDS``."""

    kind: str = "classical"

    def __post_init__(self):
        check_option("vcov", self.kind, KINDS)

    def covariance(self, fit: FitRecord) -> np.ndarray:
        refuse_impossible(self.kind, fit.specification, fit._settings.effects, fit._design.is_panel)
        sample, solution = by_moments(fit)
        if solution.vcov is None:
            corrected = fit._settings.correction is not False
            return two_stage_covariance(sample, solution, self.kind, fit._design.n_units, corrected)
        if self.kind != fit._settings.vcov:
            raise SpatialInputError(
                "E501",
                f"{fit.specification.name} by moments has other estimates under vcov={self.kind!r}, not only "
                "another covariance",
                hint=f"estimate again with vcov={self.kind!r}",
            )
        n, p = sample.n, regressors(sample).shape[1]
        return solution.vcov * (n / (n - p) if fit._settings.correction is not False else 1.0)

    def df(self, fit: FitRecord) -> None:
        """Inference is asymptotic: normal statistics."""

    def describe(self, fit: FitRecord) -> str:
        if self.kind in ("hc0", "hc1", "cluster"):
            return KINDS[self.kind]
        return KINDS[self.kind] + (", factor n/(n-k)" if fit._settings.correction is not False else ", without n/(n-k)")


@dataclass(frozen=True)
class DynamicMomentCovariance:
    """Of GMM for a dynamic model, estimated with its coefficients: there is no other."""

    kind: str = "robust"

    def __post_init__(self):
        check_option("vcov", self.kind, ("robust",))

    def covariance(self, fit: FitRecord) -> np.ndarray:
        vcov = by_moments(fit)[1].vcov
        return np.full((len(fit.params),) * 2, np.nan) if vcov is None else vcov

    def df(self, fit: FitRecord) -> None:
        """Inference is asymptotic: normal statistics."""

    def describe(self, fit: FitRecord) -> str:
        return "robust, by unit; with Windmeijer's correction after two steps"


def refuse_impossible(kind: str, specification, effects: FixedEffects, is_panel: bool) -> None:
    """Covariances without a theory for this model and these effects.

    Raises
    ------
    SpatialInputError
        E501.
    """
    if kind in ("hc0", "hc1", "cluster") and specification.error:
        raise SpatialInputError("E501", f"vcov={kind!r} is for sar and sdm, not for {specification.name}",
                                hint="vcov='robust' is the heteroskedastic estimator")  # fmt: skip
    if kind == "cluster" and not is_panel:
        raise SpatialInputError("E501", "vcov='cluster' by unit needs a panel", hint="use vcov='robust'")
    if kind in ("robust", "hc0", "hc1") and effects.entity:
        other = "classical" if specification.error else "cluster"
        raise SpatialInputError(
            "E501",
            f"vcov={kind!r} is not consistent with {effects} effects and few periods (Stock & Watson 2008)",
            hint=f"use vcov={other!r}",
        )
