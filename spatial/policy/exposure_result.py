"""Effects of a policy on the treated and on those exposed to it: the answer of ``exposure_did``."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import pandas as pd

from . import exposure_parts as ep
from ._sample import PolicySample
from .conservative import Conservative
from .exposure_before import exposure_pretrends
from .exposure_maps import Exposure, exposure_frame
from .exposure_paths import cells_table
from .policy_result import PolicyResult
from .pretrends import Pretrends


@dataclass(frozen=True, eq=False)
class ExposureDiD(PolicyResult):
    """Effects of a policy on the treated and on those exposed to it.

    Attributes
    ----------
    table : DataFrame
        The common schema, ``df`` of t, and ``n`` and ``units``: how many observations and units are averaged over.
        Total on the treated, the headline; own effect of the treated whom nobody exposes; what exposure adds to the
        treated; spillover on the untreated; and all effects, on whomever, for each treated unit and period.
    path : DataFrame
        Of each ``effect`` by ``period``: time since adoption for the treated, time since first exposure for the
        untreated, in the units of the time column. Before zero: those that the event reached first by their own
        adoption, or by exposure, while nothing touched them.
    levels : DataFrame
        Of each ``effect`` by ``level`` of exposure.
    dropped : DataFrame
        Observations whose effects cannot be imputed, with the reason.
    path_vcov : ndarray
        Of the path in its order.
    exposure : Exposure
    sample : PolicySample
        The observations that are used: ``mass`` is zero where an effect was dropped.
    settings : dict
    notes : tuple of str
    """

    table: pd.DataFrame
    path: pd.DataFrame = field(repr=False)
    levels: pd.DataFrame = field(repr=False)
    dropped: pd.DataFrame = field(repr=False)
    path_vcov: np.ndarray = field(repr=False)
    exposure: Exposure = field(repr=False)
    sample: PolicySample = field(repr=False)
    settings: dict = field(repr=False)
    notes: tuple[str, ...]
    _parts: ep.Parts = field(repr=False)
    _engine: Conservative = field(repr=False)
    _few: np.ndarray = field(repr=False)
    _headline: np.ndarray = field(repr=False)

    @cached_property
    def pretrends(self) -> Pretrends:
        """Tests on observations that nothing touched: leads of the own adoption and leads of exposure together
        (``.joint``), and a trend of those touched later (``.slope``); see ``spatial.policy.pretrends``. Errors are
        correlated as ``vcov`` says.

        Raises
        ------
        SpatialInputError
            E206 where nobody is observed untouched at two times before the event.
        """
        return exposure_pretrends(self)

    def by(self, *keys: str) -> pd.DataFrame:
        """Averages of every effect by one or several of "event", "level", "cohort" and "calendar".

        A cohort is the period of adoption for effects on the treated, of first exposure for the untreated. What
        exposure adds to the treated compares within the same event time, and within the same cohort or period where
        these are keys.

        Raises
        ------
        SpatialInputError
            E501 other keys.
        """
        estimands = ep.cells(self._parts, keys, self.sample.cluster, self._few, np.inf)
        return cells_table(self._engine, estimands, self.settings["level"])

    def observations(self) -> pd.DataFrame:
        """Every imputed effect: unit, period, treated, level of exposure, time since adoption and exposure,
        estimate."""
        p, s = self._parts, self.sample
        t, i = np.nonzero(p.treated | p.exposed)
        names = np.array(["none", *p.names], dtype=object)
        return pd.DataFrame({
            s.ids.name or "unit": s.ids[i], s.times.name or "period": s.times[t], "treated": p.treated[t, i],
            "level": names[p.level[t, i]], "since_adoption": p.since[t, i], "since_exposure": p.near[t, i],
            "estimate": self._engine.tau.T[t, i],
        })  # fmt: skip

    def exposures(self) -> pd.DataFrame:
        """The level of exposure of every unit (rows) in every period (columns), for a map or a check."""
        return exposure_frame(self.sample, self.exposure)
