"""The Fit of a model with several W: effects by channel, predictions."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from spillover.errors import SpatialInputError

from ..effects.forecast import Forecast
from ..effects.several import SeveralEffects, several_effects
from ..effects.several_prediction import new_periods, predict_several
from ..records.several import SeveralRecord
from .fit import Fit


@dataclass(frozen=True, eq=False, repr=False)
class SeveralFit(SeveralRecord, Fit):
    """An estimated model with several W: ``rhos``, ``lambdas``, and effects by channel."""

    def effects(  # type: ignore[override]
        self, *, method: str = "quadrature", level: float = 0.95, draws: int = 1000, seed: int = 1
    ) -> SeveralEffects:  # fmt: skip
        """Direct, indirect and total effects with inference, in all and by channel; see
        ``spatial.effects.several.several_effects``."""
        return several_effects(self, method=method, level=level, draws=draws, seed=seed)

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
