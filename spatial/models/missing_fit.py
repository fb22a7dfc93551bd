"""The Fit of a model with outcomes that are not observed: predictions of them, effects over all units."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import pandas as pd

from ..design.missing import not_with_missing
from ..diagnostics.missing import r_squared_of_observed
from ..diagnostics.r_squared import RSquared
from ..effects.forecast import Forecast
from ..effects.missing_prediction import predict_in_sample, predict_missing
from ..records.missing import MissingRecord
from .fit import Fit
from .regimes_fit import RegimesFit
from .several_fit import SeveralFit


@dataclass(frozen=True, eq=False, repr=False)
class MissingFit(MissingRecord, Fit):
    """An estimated model whose process runs on all units: ``observed``, and predictions of what is missing."""

    def predict_missing(self, level: float = 0.95) -> pd.DataFrame:
        """The outcomes that are not observed, with intervals; see
        ``spatial.effects.missing_prediction.predict_missing``."""
        return predict_missing(self, level)

    def predict(self, data=None, w=None, *, kind: str | None = None, period_effects=None, level=None,
                unit_effects=None) -> pd.Series:
        """The response of all units; see ``spatial.effects.missing_prediction``. New units are rows of the data whose
        y is missing, and new periods are refused."""
        if any(one is not None for one in (data, w, period_effects, level, unit_effects)):
            raise not_with_missing("a prediction of new data")
        return predict_in_sample(self, kind)

    def forecast(self, data, w=None, *, period_effects=None, level: float = 0.95) -> Forecast:
        """Refused: E325."""
        raise not_with_missing("forecast()")

    @cached_property
    def r_squared(self) -> RSquared:
        """The squared correlation of what is observed with its reduced form; other kinds are NaN."""
        return r_squared_of_observed(self)


@dataclass(frozen=True, eq=False, repr=False)
class MissingRegimesFit(MissingFit, RegimesFit):
    """With regimes: effects by regime, Chow tests."""


@dataclass(frozen=True, eq=False, repr=False)
class MissingSeveralFit(MissingFit, SeveralFit):
    """With several W: effects by channel."""
