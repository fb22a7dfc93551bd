"""The Fit of a model with regimes: effects by regime, Chow tests, predictions."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from ..diagnostics.chow import ChowTest, chow_test
from ..effects.forecast import Forecast
from ..effects.regimes import RegimeEffects, regime_effects
from ..effects.regimes_prediction import new_data, predict_regimes
from ..records.regimes import RegimesRecord
from .fit import Fit


@dataclass(frozen=True, eq=False, repr=False)
class RegimesFit(RegimesRecord, Fit):
    """An estimated model with regimes: ``regimes``, ``rhos``, ``lambdas``, ``sigma2s``, and effects by regime."""

    def effects(  # type: ignore[override]
        self, *, method: str | None = None, level: float = 0.95, draws: int = 1000, seed: int = 1
    ) -> RegimeEffects:
        """Direct, indirect and total effects with inference, by regime and over all units; see
        ``spatial.effects.regimes.regime_effects``."""
        return regime_effects(self, method=method, level=level, draws=draws, seed=seed)

    def chow(self) -> ChowTest:
        """Are coefficients, rho, lambda and sigma2 the same in all regimes? See ``sp.chow_test``."""
        return chow_test(self)

    def predict(self, data=None, w=None, *, kind: str | None = None, period_effects=None, level=None,
                unit_effects=None) -> pd.Series:
        """The response in sample; see ``spatial.effects.regimes_prediction``. New units and periods are refused."""
        new = next((one for one in (data, period_effects, level, unit_effects) if one is not None), None)
        return predict_regimes(self, new, w, kind=kind)

    def forecast(self, data, w=None, *, period_effects=None, level: float = 0.95) -> Forecast:
        """Refused: E501."""
        raise new_data()
