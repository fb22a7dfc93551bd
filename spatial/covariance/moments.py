"""Covariances of fits by the method of moments."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from spillover.errors import SpatialInputError, check_option

from ..design.fixed_effects import FixedEffects
from ..records.fit import FitRecord
from ..solve.gmm import KINDS, MomentSample, MomentSolution, basis, regressors, two_stage
from .clustered import Cluster
from .groups import units_of_rows
from .hac import Conley, DriscollKraay
from .sandwich import sums_by_group


def by_moments(fit: FitRecord) -> tuple[MomentSample, MomentSolution]:
    """Sample and solution of a fit by the method of moments."""
    if not (isinstance(fit._sample, MomentSample) and isinstance(fit._solution, MomentSolution)):
        raise TypeError(f"a fit by method={fit._settings.method!r} has no moments")
    return fit._sample, fit._solution


def two_stage_covariance(sample: MomentSample, kind: str, units: np.ndarray, corrected: bool = True) -> np.ndarray:
    """Covariance of (beta, rho).

    ``classical``, e'e / n, with n - p in the place of n when ``corrected``; ``hc0``, White's; ``hc1``, the same times
    m / (n - p) of m rows; ``robust``, one or the other, as ``corrected`` says; ``cluster``, errors free within each of
    the N ``units`` over time (Arellano 1987), times N / (N - 1).
    """
    stage = two_stage(sample.y, regressors(sample), basis(sample))
    n, p = sample.n, stage.T.shape[1]
    if kind == "classical":
        return float(stage.resid @ stage.resid) / (n - p if corrected else n) * stage.T.T @ stage.T
    shares = stage.T * stage.resid[:, None]
    scale = len(shares) / (n - p) if kind == "hc1" or (corrected and kind == "robust") else 1.0
    if kind == "cluster":
        shares = sums_by_group(shares, units)
        scale = len(shares) / (len(shares) - 1)
    return scale * shares.T @ shares


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
            return two_stage_covariance(sample, self.kind, units_of_rows(fit._design), corrected)
        refuse_other_estimates(fit, self.kind)
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
    """Of GMM for a dynamic model, estimated with its coefficients: there is no other. It is clustered by unit."""

    kind: str = "robust"

    def __post_init__(self):
        check_option("vcov", self.kind, ("robust", "cluster"))

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
    error = specification.error
    if kind in ("hc0", "hc1") and error:
        raise SpatialInputError("E501", f"vcov={kind!r} is for two-stage least squares, not for {specification.name}",
                                hint="vcov='robust' is the heteroskedastic estimator")  # fmt: skip
    if kind == "cluster" and not is_panel:
        raise SpatialInputError("E501", "vcov='cluster' by unit needs a panel", hint="use vcov='robust'")
    if kind in ("robust", "hc0", "hc1") and effects.entity:
        raise SpatialInputError(
            "E501",
            f"vcov={kind!r} is not consistent with {effects} effects and few periods (Stock & Watson 2008)",
            hint="use vcov='cluster'",
        )
    if kind in ("robust", "hc0", "hc1") and effects.random:
        raise SpatialInputError("E501", f"vcov={kind!r} is not there for {effects} effects, which correlate a unit's "
                                "errors", hint="use vcov='classical'" + " or 'cluster'" * (not error))  # fmt: skip
    if kind == "cluster" and effects.random and error:
        raise SpatialInputError(
            "E501",
            f"moments of a spatial error with {effects} effects need errors of one variance",
            hint="use vcov='classical', or effects='entity' with vcov='cluster'",
        )


def errors_of(vcov: object) -> str:
    """The errors that a spatial error's moments are for: under Driscoll and Kraay's covariance those of "cluster"."""
    if isinstance(vcov, DriscollKraay) or vcov == "driscoll_kraay":
        return "cluster"
    return vcov if isinstance(vcov, str) and vcov in KINDS else "robust"


def refuse_other_estimates(fit: FitRecord, kind: str) -> None:
    """E501 where moments of a spatial error have other estimates under another covariance."""
    if errors_of(kind) != errors_of(fit._settings.vcov):
        raise SpatialInputError("E501", f"{fit.specification.name} by moments has other estimates under vcov={kind!r}, "
                                "not only another covariance", hint=f"estimate again with vcov={kind!r}")  # fmt: skip


def is_correlated(vcov: object, settings: dict) -> bool:
    """Whether a covariance of two-stage least squares is that of scores correlated within groups, space or periods."""
    if isinstance(vcov, Cluster | Conley | DriscollKraay):
        return True
    return vcov in ("conley", "driscoll_kraay") or (vcov == "cluster" and bool(settings))


def refuse_for_moments(chosen: object, specification, effects: FixedEffects) -> None:
    """Moments of a spatial error need errors that are uncorrelated over space: over time they may be correlated.

    Raises
    ------
    SpatialInputError
        E501.
    """
    name = type(chosen).__name__
    if specification.error and not isinstance(chosen, DriscollKraay):
        model = {"SEM": "ols", "SDEM": "slx", "SAC": "sar", "GNS": "sdm"}[specification.name]
        raise SpatialInputError("E501", f"{name} is for two-stage least squares: {specification.name} by moments has "
                                "its own model of the error", hint=f"sp.{model} with {name}, or vcov='robust' (in "
                                "panels 'cluster' or 'driscoll_kraay')")  # fmt: skip
    if effects.random and not isinstance(chosen, Cluster):
        raise SpatialInputError("E501", f"{name} needs errors that are independent of the unit effects: effects="
                                f"{effects.name!r} has none", hint="effects='entity', or vcov='cluster'")  # fmt: skip
