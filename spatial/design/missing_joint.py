"""Designs over all units whose y is observed in part: with regimes, or with several W."""

from __future__ import annotations

from dataclasses import dataclass

from .missing import MissingDesign
from .regimes import RegimeDesign
from .several import SeveralDesign


@dataclass(frozen=True, eq=False)
class MissingRegimeDesign(MissingDesign, RegimeDesign):
    """With columns by regime."""


@dataclass(frozen=True, eq=False)
class MissingSeveralDesign(MissingDesign, SeveralDesign):
    """With several W."""
