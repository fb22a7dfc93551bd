"""Designs over all units whose y is observed in part: with regimes, or with several W."""

from __future__ import annotations

from dataclasses import dataclass

from spillover.matrix import SeveralWeights

from .missing import MissingDesign
from .regimes import RegimeDesign
from .several import SeveralDesign


@dataclass(frozen=True, eq=False)
class MissingRegimeDesign(MissingDesign, RegimeDesign):
    """With columns by regime."""

    @property
    def by_regime(self) -> tuple[int, bool, bool]:
        """How many regimes there are, and whether rho, lambda differ between them."""
        assert self.split is not None
        G, regimes = len(self.split.labels), self.split.regimes
        return G, regimes.rho and G > 1, regimes.lam and G > 1


@dataclass(frozen=True, eq=False)
class MissingSeveralDesign(MissingDesign, SeveralDesign):
    """With several W."""

    weights: SeveralWeights  # type: ignore[assignment]
