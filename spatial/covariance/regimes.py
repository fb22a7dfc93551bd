"""Covariance of models with rho, lambda or sigma2 by regime: the inverse of the observed information."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from spillover.errors import SpatialInputError

from ..records.regimes import RegimesRecord
from .information import inverse_information
from .kinds import Information, lost_freedom, residual_df

NEED_REFITS = ("jackknife", "bootstrap", "Jackknife", "Bootstrap")


@dataclass(frozen=True)
class OfRegimes(Information):
    """The observed information of (beta, rho, lambda, ln sigma2); the factor n / (n - p) as with one rho."""

    def covariance(self, fit) -> np.ndarray:
        p = len(fit._terms)
        return whole_covariance(fit)[:p, :p]

    def df(self, fit) -> int | None:
        df = residual_df(fit)
        return df if fit._settings.counts_parameters and df > 0 else None

    def describe(self, fit) -> str:
        return "observed information" + ", factor n/(n-p)" * (lost_freedom(fit) > 1)


def whole_covariance(fit: RegimesRecord) -> np.ndarray:
    """Of (beta, rho, lambda, ln sigma2)."""
    at = fit._solution
    names = [*fit.params.index, "sigma2"]
    inverse = inverse_information(at.information, names)  # type: ignore[attr-defined]
    V = lost_freedom(fit) * at.T @ inverse @ at.T.T  # type: ignore[attr-defined]
    return (V + V.T) / 2


def refuse_refits(vcov) -> None:
    """E501 for covariances that estimate the model again without some units."""
    name = vcov if isinstance(vcov, str) else type(vcov).__name__
    if name in NEED_REFITS:
        raise SpatialInputError("E501", f"vcov={name!r} is not there for models with regimes",
                                hint="vcov='robust', or sp.Cluster(column)")


def of_regimes(vcov, **settings) -> OfRegimes:
    """The covariance by its name, of a model with rho, lambda or sigma2 by regime.

    Raises
    ------
    SpatialInputError
        E501 for another one than that of the observed information.
    """
    plain = vcov in ("oim", "classical") or vcov == Information("oim")
    if plain and not settings:
        return OfRegimes()
    name = vcov if isinstance(vcov, str) else type(vcov).__name__
    raise SpatialInputError("E501", f"vcov={name!r} is not there where rho, lambda or sigma2 differ between regimes",
                            hint="vcov='oim'; coefficients alone by regime take every covariance")
