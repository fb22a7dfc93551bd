"""Covariance of models with outcomes that are not observed: the inverse of the observed information."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from spillover.errors import SpatialInputError

from .kinds import Information, factor_of_freedom


@dataclass(frozen=True)
class OfMissing(Information):
    """The observed information of what is observed (``solve.missing``); the factor n / (n - p) as without gaps."""

    def __post_init__(self):
        if self.kind != "oim":
            raise _other(self.kind)

    def covariance(self, fit) -> np.ndarray:
        p, V = len(fit._terms), fit._solution.covariance
        if not fit._sample.parts:  # least squares: SSE / df
            return V * fit._sample.n / (fit._sample.n - p)
        return V * factor_of_freedom(fit._sample.n, p, fit._settings)


def of_missing(vcov, **settings) -> OfMissing:
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
        return OfMissing()
    raise _other(vcov if isinstance(vcov, str) else type(vcov).__name__)


def _other(name: str) -> SpatialInputError:
    return SpatialInputError("E501", f"vcov={name!r} is not there where outcomes are not observed (missing='model')",
                             hint="vcov='oim'; missing='drop' takes every covariance")
