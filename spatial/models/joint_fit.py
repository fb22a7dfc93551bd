"""The Fit of a model with several W or regimes: predictions."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import pandas as pd

from spillover.errors import SpatialInputError

from ..effects.joined_units import holds_new_units
from ..effects.joint_system import JointStationarity, joint_stationarity
from ..effects.prediction import refuse_period_effects
from ..effects.several_prediction import predict_several
from .fit import Fit


@dataclass(frozen=True, eq=False, repr=False)
class JointFit(Fit):
    """An estimated model with several W, or with regimes."""

    @cached_property
    def stationarity(self) -> JointStationarity:
        """Of a dynamic model: its largest root, an interval and a test."""
        return joint_stationarity(self)  # type: ignore[arg-type]

    def predict(self, data=None, w=None, *, kind: str | None = None, period_effects=None, level=None,
                unit_effects=None) -> pd.Series:
        """The response in sample, of new units of a cross-section (``spatial.effects.several_prediction``) and of new
        periods, as ``forecast`` has it with intervals."""
        if level is not None or unit_effects is not None:
            raise SpatialInputError("E501", "prediction intervals are there for models with one W, the same everywhere",
                                    hint="leave level= and unit_effects= out; fit.forecast(data) has those of new "
                                    "periods")  # fmt: skip
        if data is not None and self._design.is_panel and kind is None and not holds_new_units(self, data):
            return self.forecast(data, w, period_effects=period_effects).predicted
        refuse_period_effects(period_effects)
        return predict_several(self, data, w, kind=kind)  # type: ignore[arg-type]
