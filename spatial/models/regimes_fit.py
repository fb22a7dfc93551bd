"""The Fit of a model with regimes: effects by regime, Chow tests."""

from __future__ import annotations

from dataclasses import dataclass

from ..diagnostics.chow import ChowTest, chow_test
from ..effects.joint_dynamic import JointDynamicEffects, joint_effects_of
from ..effects.regimes import RegimeEffects, regime_effects, usual_method
from ..records.regimes import RegimesRecord
from .joint_fit import JointFit


@dataclass(frozen=True, eq=False, repr=False)
class RegimesFit(RegimesRecord, JointFit):
    """An estimated model with regimes: ``regimes``, ``rhos``, ``lambdas``, ``sigma2s``, and effects by regime."""

    def effects(  # type: ignore[override]
        self, *, method: str | None = None, level: float = 0.95, draws: int = 1000, seed: int = 1
    ) -> RegimeEffects | JointDynamicEffects:
        """Direct, indirect and total effects with inference, by regime and over all units; see
        ``spatial.effects.regimes.regime_effects``. Of a dynamic model in the short and in the long run."""
        if self._design.lags:
            method = usual_method(self) if method is None else method
            return joint_effects_of(self, method=method, level=level, draws=draws, seed=seed)
        return regime_effects(self, method=method, level=level, draws=draws, seed=seed)

    def chow(self) -> ChowTest:
        """Are coefficients, rho, lambda and sigma2 the same in all regimes? See ``sp.chow_test``."""
        return chow_test(self)
