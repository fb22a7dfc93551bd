"""Tables of averages of imputed effects, with their standard errors."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.linalg import block_diag

from ..records.schema import SCHEMA
from . import exposure_parts as ep
from ._sample import PolicySample
from ._tables import rows
from .conservative import Averages, Conservative
from .event_time import path_table, whole_numbers
from .exposure_before import leads_of

PART = 40_000_000  # numbers of weights held at once


def averages_of(engine: Conservative, estimands: list[ep.Estimand]) -> Averages:
    a = np.array([one.weights.T for one in estimands]).reshape(len(estimands), *engine.mass.shape)
    return engine.averages(a, np.array([one.enough for one in estimands], dtype=bool))


def cells_table(engine: Conservative, estimands: list[ep.Estimand], level: float) -> pd.DataFrame:
    """Labels of the averages, then the common schema, ``df``, ``n`` and ``units``; a part of them at a time."""
    step = max(1, PART // engine.mass.size)
    parts = [averages_of(engine, estimands[k : k + step]) for k in range(0, len(estimands), step)]
    estimates, errors, df = (np.concatenate([getattr(part, name) for part in parts] or [np.zeros(0)])
                             for name in ("estimates", "std_errors", "df"))  # fmt: skip
    labels = pd.DataFrame([one.labels for one in estimands])
    if "period" in labels:
        labels["period"] = whole_numbers(labels["period"])
    table = rows(estimates, errors, level=level, df=df, n=[one.n for one in estimands],
                 units=[one.units for one in estimands])  # fmt: skip
    table = pd.concat([labels, table], axis=1)
    return table[[*labels, *SCHEMA[1:], "df", "n", "units"]]


def headline_table(engine: Conservative, estimands: list, level: float) -> tuple[pd.DataFrame, np.ndarray]:
    """The rows of ``exposure_parts.headlines``, without numbers where there is nothing to average, and the weights of
    the first one that there is, (N, T)."""
    names = [*ep.EFFECTS, ep.ALL]
    there = [k for k, one in enumerate(estimands) if one is not None]
    averages = averages_of(engine, [estimands[k] for k in there])
    values = np.full((3, len(names)), np.nan)
    values[:, there] = averages.estimates, averages.std_errors, averages.df
    counts = [(0, 0) if one is None else (one.n, one.units) for one in estimands]
    n, units = zip(*counts)
    table = rows(values[0], values[1], level=level, df=values[2], term=names, n=n, units=units)
    return table[[*SCHEMA, "df", "n", "units"]], averages.v[0]


def path_tables(
    engine: Conservative, parts: ep.Parts, sample: PolicySample, few: np.ndarray, settings: dict
) -> tuple[pd.DataFrame, np.ndarray]:
    """Every effect by time since its event, with leads of the total, own and spillover effects; and their covariance,
    leads and later effects taken as uncorrelated."""
    estimands = ep.cells(parts, ["event"], sample.cluster, few, settings["window"][1])
    later = averages_of(engine, estimands)
    tables, order, blocks = [], [], [later.V]
    for effect in ep.EFFECTS:
        own = [j for j, one in enumerate(estimands) if one.labels["effect"] == effect]
        if not own:
            continue
        leads, before = leads_of(engine, sample, parts, effect, settings["window"][0])
        pieces = [later.part(own)] if before is None else [before, later.part(own)]
        estimates, errors, df, v = (np.concatenate([getattr(piece, name) for piece in pieces]) for name in
                                    ("estimates", "std_errors", "df", "v"))  # fmt: skip
        periods = [*leads, *(estimands[j].labels["period"] for j in own)]
        table = path_table(periods, estimates, errors, df, v, settings)
        sizes = {float(estimands[j].labels["period"]): (estimands[j].n, estimands[j].units) for j in own}
        table["n"], table["units"] = zip(*(sizes.get(float(k), (0, 0)) for k in table["period"]))
        tables.append(table.assign(effect=effect)[["effect", *table.columns]])
        start = sum(len(block) for block in blocks)
        order += [*range(start, start + len(leads)), *own]
        blocks += [] if before is None else [before.V]
    return pd.concat(tables, ignore_index=True), block_diag(*blocks)[np.ix_(order, order)]
