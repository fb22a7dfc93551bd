"""The Fit of a model with regimes: effects by regime, Chow tests, predictions."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from spillover.errors import SpatialInputError

from ..diagnostics.chow import ChowTest, chow_test
from ..effects.forecast import Forecast
from ..effects.regimes import RegimeEffects, regime_effects
from ..effects.several_prediction import new_periods, predict_several
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
        """The response in sample, and of new units of a cross-section; see ``spatial.effects.several_prediction``. New
        periods, and intervals, are refused."""
        if level is not None or unit_effects is not None:
            raise SpatialInputError("E501", "prediction intervals are there for models with one W, the same everywhere",
                                    hint="leave level= and unit_effects= out")  # fmt: skip
        return predict_several(self, data if data is not None else period_effects, w, kind=kind)

    def forecast(self, data, w=None, *, period_effects=None, level: float = 0.95) -> Forecast:
        """Refused: E501."""
        raise new_periods()
