"""The Fit that users hold: its numbers, and what follows from them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import pandas as pd

from spillover.errors import check_option

from ..covariance.vcov import describe, with_vcov
from ..diagnostics.r_squared import RSquared, r_squared
from ..effects.average import Effects
from ..effects.compute import effects
from ..effects.few_rows import by_default
from ..effects.forecast import Forecast, forecast
from ..effects.joined_units import holds_new_units
from ..effects.likelihood import intervals, statistics
from ..effects.long_run import DynamicEffects
from ..effects.missing_prediction import nothing_missing
from ..effects.prediction import predict, refuse_period_effects
from ..effects.stationarity import stationarity
from .maketables import MakeTables

if TYPE_CHECKING:
    from spillover.types import WeightsLike


@dataclass(frozen=True, eq=False, repr=False)
class Fit(MakeTables):
    """An estimated model: estimates, tables, effects, predictions.

    See ``spatial.records.fit.FitRecord`` for its attributes.
    """

    # -- what follows from it ----------------------------------------------------------------------------

    def effects(
        self, *, method: str | None = None, level: float = 0.95, draws: int = 1000, seed: int = 1
    ) -> Effects | DynamicEffects:  # fmt: skip
        """Direct, indirect and total effects with inference; see ``spatial.effects.compute.effects``. Of a dynamic
        model in the short and in the long run: ``spatial.effects.long_run.DynamicEffects``."""

        return effects(self, method=method, draws=draws, seed=seed, level=level)

    def conf_int(self, level: float = 0.95, *, method: str | None = None) -> pd.DataFrame:
        """Intervals, columns ``conf_low`` and ``conf_high``.

        Parameters
        ----------
        level : float
        method : {"wald", "likelihood"}, optional
            "likelihood": by the ratios of profile likelihoods (``spatial.effects.likelihood``), which hold where rows
            are few or rho and lambda weakly identified; the default in cross-sections with fewer than 20 rows per
            parameter, fewer than 100 beyond the coefficients or rho near the end of its interval, and for sac and gns
            with fewer than 1,000 rows; then ``zstats`` and ``pvalues`` are of the same ratios. "wald", the default
            elsewhere: estimates and their standard errors.

        Raises
        ------
        SpatialInputError
            E501 an unknown method, or a fit that has no such likelihood.
        """
        method = ("likelihood" if by_default(self) else "wald") if method is None else method
        check_option("method", method, ("wald", "likelihood"))
        return intervals(self, level) if method == "likelihood" else super().conf_int(level)

    @cached_property
    def zstats(self) -> pd.Series:
        """Estimate over standard error, normal or t with ``df_resid`` degrees of freedom; where ``conf_int`` is by
        likelihood the roots of its ratios at zero, quantiles of the same law."""
        return statistics(self) if by_default(self) else super().zstats

    @cached_property
    def stationarity(self) -> Any:
        """Of a dynamic model; see ``spatial.effects.stationarity.Stationarity``."""

        return stationarity(self)

    @cached_property
    def r_squared(self) -> RSquared:
        """Shares of variance explained; see ``spatial.diagnostics.r_squared``."""

        return r_squared(self)

    def glance(self) -> pd.DataFrame:
        """One row about the model as a whole: size, effects, criteria, R2 of every kind, how it was estimated."""

        d, r2, settings = self._design, self.r_squared, self._settings
        return super().glance().assign(
            n=self._sample.n, df_resid=self.df_resid if self.df_resid is not None else float("nan"), r2=r2.r2,
            r2_adjusted=r2.adjusted, r2_within=r2.within, r2_between=r2.between, r2_overall=r2.overall, r2_corr=r2.corr,
            effects=str(settings.effects), method=settings.method, correction=str(settings.correction),
            vcov=describe(self), formula=d.formula,
        )  # fmt: skip

    def with_vcov(self, vcov: Any, **settings: Any) -> Fit:
        """The same estimates with another covariance: ``"robust"``, ``"cluster", by="region"``, ``sp.Conley(300)``;
        see ``spatial.covariance.vcov``."""

        return with_vcov(self, vcov, **settings)

    def predict(self, data: pd.DataFrame | None = None, w: WeightsLike | None = None, *, kind: str | None = None,
                period_effects: Any = None, level: float | None = None,
                unit_effects: str | None = None) -> pd.Series | pd.DataFrame:
        """The response in sample; that of new units, with weights over all and, with ``level``, intervals (see
        ``spatial.effects.prediction``); of a panel's units that of new periods, as ``forecast`` has it with
        intervals."""

        if data is not None and self._design.is_panel and kind is None and not holds_new_units(self, data):
            return forecast(self, data, w, period_effects=period_effects).predicted
        refuse_period_effects(period_effects)
        return predict(self, data, w, kind=kind, level=level, unit_effects=unit_effects)

    def predict_missing(self, level: float = 0.95) -> pd.DataFrame:
        """The outcomes that are not observed, with intervals: none, where all are.

        Raises
        ------
        SpatialInputError
            E501 where rows without an outcome were left out.
        """
        return nothing_missing(self)

    def forecast(self, data: pd.DataFrame, w: WeightsLike | None = None, *, period_effects: Any = None,
                 level: float = 0.95) -> Forecast:
        """The response of all units in new periods, with prediction intervals; see
        ``spatial.effects.forecast.forecast``."""

        return forecast(self, data, w, period_effects=period_effects, level=level)
