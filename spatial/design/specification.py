"""Which parts a model has."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Specification:
    """Which parts a model has: a spatial lag, a spatial error, lagged regressors.

    ``name`` is the field's: SAR, SEM, SDM ...
    """

    name: str
    lag: bool
    error: bool
    durbin: bool
