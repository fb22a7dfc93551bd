"""The Fit of a model with several W: effects by channel."""

from __future__ import annotations

from dataclasses import dataclass

from ..effects.joint_dynamic import JointDynamicEffects, joint_effects_of
from ..effects.several import SeveralEffects, several_effects
from ..records.several import SeveralRecord
from .joint_fit import JointFit


@dataclass(frozen=True, eq=False, repr=False)
class SeveralFit(SeveralRecord, JointFit):
    """An estimated model with several W: ``rhos``, ``lambdas``, and effects by channel."""

    def effects(  # type: ignore[override]
        self, *, method: str = "quadrature", level: float = 0.95, draws: int = 1000, seed: int = 1
    ) -> SeveralEffects | JointDynamicEffects:  # fmt: skip
        """Direct, indirect and total effects with inference, in all and by channel; see
        ``spatial.effects.several.several_effects``. Of a dynamic model in the short and in the long run."""
        if self._design.lags:
            return joint_effects_of(self, method=method, level=level, draws=draws, seed=seed)
        return several_effects(self, method=method, level=level, draws=draws, seed=seed)
