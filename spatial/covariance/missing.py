"""Covariance of models with outcomes that are not observed: the inverse of the observed information, and sandwiches."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from spillover.errors import SpatialInputError

from .adjusted import name_of_kind
from .clustered import Cluster, Robust
from .kinds import Information, factor_of_freedom
from .missing_view import completed_view


@dataclass(frozen=True)
class OfMissing(Information):
    """The observed information of what is observed (``solve.missing``); the factor n / (n - p) as without gaps."""

    def covariance(self, fit) -> np.ndarray:
        p, V = len(fit._terms), fit._solution.covariance
        if not len(fit._solution.slopes.T):  # least squares: SSE / df
            return V * fit._sample.n / (fit._sample.n - p)
        return V[:p, :p] * factor_of_freedom(fit._sample.n, p, fit._settings)


@dataclass(frozen=True, eq=False)
class GroupsOfMissing:
    """Scores by group and pair of groups over all units (``missing_view``)."""

    chosen: Robust | Cluster

    def covariance(self, fit) -> np.ndarray:
        return self.chosen.covariance(completed_view(fit))

    def df(self, fit) -> int | None:
        return self.chosen.df(fit if fit._sample.parts else completed_view(fit))

    def describe(self, fit) -> str:
        return self.chosen.describe(fit if fit._sample.parts else completed_view(fit))


def of_missing(vcov, chosen) -> OfMissing | GroupsOfMissing:
    """The covariance that ``vcov`` names, where ``chosen`` is its object.

    Raises
    ------
    SpatialInputError
        E501 for another one than that of the observed information, by unit or by group.
    """
    if isinstance(chosen, Information) and chosen.kind == "oim":
        return OfMissing()
    if isinstance(chosen, Robust | Cluster) and chosen.pairs:
        return GroupsOfMissing(chosen)
    name = name_of_kind(vcov) + "(pairs=False)" * isinstance(chosen, Robust | Cluster)
    raise SpatialInputError("E501", f"vcov={name} is not there where outcomes are not observed (missing='model')",
                             hint="vcov='oim', 'robust' or 'cluster'; missing='drop' takes every covariance")


def as_named(vcov):
    """The object that ``vcov=`` takes."""
    return vcov.chosen if isinstance(vcov, GroupsOfMissing) else vcov


def refuse_beside_reml(vcov) -> None:
    """E501 for another covariance than that of the restricted likelihood."""
    if vcov != "reml":
        raise SpatialInputError("E501", f"method='reml' has its own covariance, not vcov={name_of_kind(vcov)}",
                                hint="leave vcov= out, or method='ml' with vcov='robust'")  # fmt: skip
