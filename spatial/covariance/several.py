"""Covariance of models with several W: the inverse of the observed information."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from spillover.errors import SpatialInputError

from ..records.fit import FitRecord
from .information import inverse_information
from .kinds import Information, lost_freedom


@dataclass(frozen=True)
class OfSeveral(Information):
    """The observed information of (beta, rho_1 ..., lambda_1 ..., sigma2); the factor n / (n - p) as with one W."""

    def __post_init__(self):
        if self.kind != "oim":
            raise SpatialInputError("E501", f"vcov={self.kind!r} is not there for several W", hint="vcov='oim'")

    def covariance(self, fit: FitRecord) -> np.ndarray:
        at = fit._solution
        inverse = inverse_information(at.information, list(fit.params.index))[:-1, :-1]  # type: ignore[attr-defined]
        return lost_freedom(fit) * at.T @ inverse @ at.T.T  # type: ignore[attr-defined]


def of_several(vcov, **settings) -> OfSeveral:
    """The covariance by its name.

    Raises
    ------
    SpatialInputError
        E501 for another one than that of the observed information.
    """
    if settings:
        raise SpatialInputError("E501", f"vcov={vcov!r} takes no settings, got {sorted(settings)}",
                                hint="leave the settings out")
    if vcov in ("oim", "classical") or vcov == Information("oim"):
        return OfSeveral()
    name = vcov if isinstance(vcov, str) else type(vcov).__name__
    raise SpatialInputError("E501", f"vcov={name!r} is not there for several W", hint="vcov='oim'")
