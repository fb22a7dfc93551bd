"""Units and periods: labels align data, position never guesses."""

from __future__ import annotations

import numpy as np
import pandas as pd

from spillover.errors import SpatialInputError

from ._weights import match_ids, warn_unlabelled

UNIT, PERIOD = "__unit__", "__period__"


def with_keys(data, entity, time):
    """The frame with its keys as columns of their own, and the names they go by."""
    if not isinstance(data, pd.DataFrame):
        raise SpatialInputError("E501", f"data must be a DataFrame, got {type(data).__name__}")
    if not data.columns.is_unique:
        twice = data.columns[data.columns.duplicated()].unique()
        raise SpatialInputError("E502", f"column {twice[0]!r} occurs more than once", column=str(twice[0]))
    if len(data) == 0:
        raise SpatialInputError("E206", "the data have no rows")
    if entity is None and time is None and isinstance(data.index, pd.MultiIndex):
        if data.index.nlevels != 2:
            raise SpatialInputError("E501", f"a MultiIndex must be (unit, period), got {data.index.nlevels} levels")
        entity, time = data.index.names[0] or "unit", data.index.names[1] or "period"
        keys = {UNIT: data.index.get_level_values(0), PERIOD: data.index.get_level_values(1)}
        return pd.DataFrame(data).assign(**{k: v.to_numpy() for k, v in keys.items()}), entity, time
    if time is not None and entity is None:
        raise SpatialInputError("E501", "time= needs entity=: the column that tells the units apart")
    for role, column in (("entity", entity), ("time", time)):
        if column is not None and column not in data.columns and column != data.index.name:
            columns = ", ".join(map(str, data.columns[:12]))
            raise SpatialInputError("E502", f"{role}={column!r} is no column of the data", column=str(column),
                                    hint=f"the columns are {columns}")  # fmt: skip
    units = data.index if entity is None or entity not in data.columns else data[entity]
    frame = pd.DataFrame(data).assign(**{UNIT: np.asarray(units)})
    if time is not None:
        frame[PERIOD] = np.asarray(data[time] if time in data.columns else data.index)
    for column in (UNIT, PERIOD)[: 1 + (time is not None)]:
        if frame[column].isna().any():
            said = entity if column == UNIT else time
            raise SpatialInputError("E201", f"{said!r} has missing values", rows=np.flatnonzero(frame[column].isna()))
    return frame, entity if entity is not None else data.index.name, time


def periods(frame, entity, time) -> pd.Index:
    """Sorted periods of a balanced panel."""
    pairs = frame[[UNIT, PERIOD]]
    twice = pairs.duplicated()
    if twice.any():
        raise SpatialInputError(
            "E103",
            f"({entity}, {time}) must be unique; {int(twice.sum())} rows repeat a pair",
            ids=list(pairs[twice].itertuples(index=False, name=None)),
            hint="aggregate the data to one row per unit and period",
        )
    try:
        times = pd.Index(np.sort(frame[PERIOD].unique()), name=time)
    except TypeError as error:
        raise SpatialInputError("E106", f"{time!r} mixes types that cannot be sorted", column=str(time),
                                hint="convert it, for example with astype(int)") from error  # fmt: skip
    units = frame[UNIT].unique()
    if len(frame) != len(units) * len(times):
        absent = pd.MultiIndex.from_product([units, times]).difference(pd.MultiIndex.from_frame(pairs))
        raise SpatialInputError(
            "E104",
            f"the panel is unbalanced: {len(units)} units x {len(times)} periods need "
            f"{len(units) * len(times)} rows, got {len(frame)}",
            ids=list(absent),
            hint="complete these (unit, period) pairs, or leave out their units or periods",
        )
    return times


def in_order(frame, weights, entity, time, times):
    units = pd.Index(frame[UNIT].unique())
    if times is None and not frame[UNIT].is_unique:
        twice = frame.loc[frame[UNIT].duplicated(), UNIT].unique()
        raise SpatialInputError("E102", "units repeat in a cross-section", ids=list(twice),
                                hint="give time= for a panel")  # fmt: skip
    if weights.ids is None:
        warn_unlabelled()
        if len(units) != weights.n:
            raise SpatialInputError("E105", f"the data have {len(units)} units, the weights {weights.n}")
        order = units
    else:
        try:
            match_ids(units, weights.ids)
        except SpatialInputError as error:
            raise _with_column_hint(error, frame, weights, entity) from None
        order = weights.ids
    position = order.get_indexer(frame[UNIT])
    period = np.zeros(len(frame), dtype=int) if times is None else times.get_indexer(frame[PERIOD])
    return frame.iloc[np.lexsort((position, period))], weights


def _with_column_hint(error, frame, weights, entity):
    """When another column holds the weights' ids, say its name."""
    for column in frame.columns.drop([UNIT], errors="ignore"):
        if column != entity and frame[column].isin(weights.ids).all():
            error.hint = f"column {column!r} holds the weights' ids: pass entity={column!r}"
            break
    return error
