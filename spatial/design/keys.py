"""Units and periods: labels align data, position never guesses."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

from spillover.errors import SpatialInputError
from spillover.ids import match, mixed
from spillover.matrix import SpatialWeights, TemporalWeights, refuse_varying, warn_unlabelled

from .gaps import cut_to_observed, gap_notes, refuse_empty
from .periods import scales


@dataclass(frozen=True, eq=False)
class Rows:
    """Where each unit and period stands in the data.

    Attributes
    ----------
    order : ndarray, shape (T, N)
        Row of the data for each period (ascending) and unit (in the weights' order).
    ids : Index of N units
    times : Index of T periods, or None for a cross-section
    weights : SpatialWeights of the N units; TemporalWeights of the T periods
    observed : ndarray of bool, shape (T, N), or None for a balanced panel
        Which units are there in which period; ``order`` is -1 where the data have no row.
    note : str
        What had to be done to match the ids, in words.
    whole : SpatialWeights or None
        With gaps the W of all units, where it is one.
    """

    order: np.ndarray = field(repr=False)
    ids: pd.Index
    times: pd.Index | None
    weights: SpatialWeights | TemporalWeights
    observed: np.ndarray | None = field(default=None, repr=False)
    note: str = ""
    whole: SpatialWeights | None = field(default=None, repr=False)

    @property
    def periods(self) -> pd.Index:
        """Labels of the T periods; 0 in a cross-section."""
        return pd.RangeIndex(1) if self.times is None else self.times

    def labels(self, where: np.ndarray) -> list:
        """Units, or (unit, period) pairs, where a (T, N) mask is true."""
        t, i = np.nonzero(where)
        return list(self.ids[i]) if self.times is None else list(zip(self.ids[i], self.times[t]))

    def without_units(self, gone: np.ndarray) -> Rows:
        """Only the units for which the mask (N,) is false; W is cut down with them."""
        keep = np.flatnonzero(~gone)
        return replace(self, order=self.order[:, keep], ids=self.ids[keep], weights=self.weights.subset_at(keep))

    def without_holes(self, holes: np.ndarray) -> tuple[Rows, list[str]]:
        """Only the pairs for which the mask (T, N) is false, W cut down period by period; and that in words."""
        observed, absent = ~holes, int((self.order < 0).sum())
        refuse_empty(observed, self.ids, self.periods)
        cut = cut_to_observed(self.weights, observed, self.periods)
        notes = gap_notes(self.weights, cut, observed, absent, int(holes.sum()) - absent)
        whole = self.weights if isinstance(self.weights, SpatialWeights) else self.whole
        return replace(self, weights=cut, observed=observed, whole=whole), notes

    def between(self, first: int, stop: int) -> Rows:
        """The periods from ``first`` on, before ``stop``."""
        kept, w = slice(first, stop), self.weights
        times, observed = self.periods[kept], None if self.observed is None else self.observed[kept]
        if observed is not None and isinstance(w, TemporalWeights):
            w = TemporalWeights(w.matrices[kept], times, w.notes, observed)
        elif w.varies:
            w = w.for_periods(times)
        return replace(self, order=self.order[kept], times=times, weights=w, observed=observed)


def match_rows(data: pd.DataFrame, weights: SpatialWeights | TemporalWeights, entity, time, *, gaps=False) -> Rows:
    """Match the rows of a frame with the units of the weights and, for a panel, with its periods.

    With ``gaps`` a (unit, period) pair may be absent: its row is -1.

    Raises
    ------
    SpatialInputError
        E101-E108, E201 for missing keys, E206 for no rows, E320 for a cross-section with weights that vary,
        E501 and E502 for the keys' names.
    """
    if len(data) == 0:
        raise SpatialInputError("E206", "the data have no rows", hint="check how the data were filtered")
    units, periods = _key_columns(data, entity, time)
    if periods is not None and (rows := _rows_at_once(units, periods, weights)) is not None:
        return rows
    unit_code, unit_ids = pd.factorize(units.array)
    if periods is None:
        refuse_varying(weights, "a cross-section")
        _refuse_repeated_units(unit_code, unit_ids)
        period_code, times = np.zeros(len(data), dtype=int), None
    else:
        period_code, times = _sorted_periods(periods)
        _refuse_unbalanced(unit_code, unit_ids, period_code, times, units.name, periods.name, gaps)
        weights = weights.for_periods(times) if weights.varies else weights
    ids, place, note = _places(pd.Index(unit_ids), weights, data, units.name)
    order = np.full((1 if times is None else len(times), len(ids)), -1, dtype=np.intp)
    order[period_code, place[unit_code]] = np.arange(len(data))
    return Rows(order, ids if ids.name == units.name else ids.rename(units.name), times, weights, note=note)


def _rows_at_once(units: pd.Series, periods: pd.Series, weights) -> Rows | None:
    """The rows of a complete panel of just the weights' units; None sends all others the long way, to be told why.

    The weights keep those of the last panel: another model of the same data has the same.
    """
    if not weights.labelled or units.dtype == bool:
        return None
    names = units.name, periods.name
    last = weights.memo.get("rows")
    if last and last[0] == names and last[1].equals(units.array) and last[2].equals(periods.array):
        order, ids, times = last[3]
        return Rows(order, ids, times, last[4] or weights)
    try:
        place = np.fromiter(map(weights.row_of.__getitem__, units.to_numpy(object).tolist()), np.intp, len(units))
    except (KeyError, TypeError):  # a unit that the weights do not have, or a label that cannot be hashed
        return None
    period, times = _sorted_periods(periods)
    N, T = len(weights.ids), len(times)
    cell = period * N + place
    if len(cell) != N * T or (np.bincount(cell, minlength=N * T) != 1).any():
        return None
    order = np.empty(N * T, dtype=np.intp)
    order[cell] = np.arange(N * T)
    order.flags.writeable = False
    ids = weights.ids if weights.ids.name == units.name else weights.ids.rename(units.name)
    where, own = (order.reshape(T, N), ids, times), weights.for_periods(times) if weights.varies else None
    weights.memo["rows"] = names, units.array.copy(), periods.array.copy(), where, own
    return Rows(*where, own or weights)


def _key_columns(data, entity, time) -> tuple[pd.Series, pd.Series | None]:
    """The units and the periods as columns; from a (unit, period) MultiIndex where no names are given."""
    index = data.index
    periods: pd.Series | None
    if entity is None and time is None and isinstance(index, pd.MultiIndex):
        if index.nlevels != 2:
            raise SpatialInputError("E501", f"a MultiIndex must be (unit, period), got {index.nlevels} levels",
                                    hint="data.set_index([entity, time]), or give entity= and time=")
        units, periods = (
            pd.Series(index.get_level_values(k), name=index.names[k] or n) for k, n in enumerate(("unit", "period"))
        )
    elif time is not None and entity is None:
        raise SpatialInputError("E501", "time= needs entity=: the column that tells the units apart",
                                hint="give entity= too")
    else:
        units = pd.Series(index) if entity is None else _column(data, entity, "entity")
        periods = None if time is None else _column(data, time, "time")
    for key in (units,) if periods is None else (units, periods):
        if isinstance(key.dtype, np.dtype) and key.dtype.kind == "f" and np.isinf(key).any():
            rows = np.flatnonzero(np.isinf(key))
            raise SpatialInputError("E202", f"{key.name!r} has infinite values", column=str(key.name), rows=rows,
                                    hint="leave these rows out")  # fmt: skip
        whole = isinstance(key.dtype, np.dtype) and key.dtype.kind in "iub"
        if not whole and key.array.isna().any():
            raise SpatialInputError("E201", f"{key.name!r} has missing values", rows=np.flatnonzero(key.isna()),
                                    hint="fill them, or leave these rows out")
    return units, periods


def _column(data, name, role) -> pd.Series:
    """A column of the data, or a level of their index."""
    if not pd.api.types.is_hashable(name):
        raise SpatialInputError("E501", f"{role}={name!r} must be the name of one column", hint=f"{role}='name'")
    if name in data.columns:
        return data[name]
    if name in data.index.names:
        return pd.Series(data.index.get_level_values(name), index=data.index, name=name)
    raise SpatialInputError("E502", f"{role}={name!r} is no column of the data", column=str(name),
                            hint="the columns are " + ", ".join(map(str, data.columns[:12])))  # fmt: skip


def _refuse_repeated_units(code, ids) -> None:
    counts = np.bincount(code)
    if counts.max() > 1:
        raise SpatialInputError("E102", "units repeat in a cross-section", ids=list(ids[counts > 1]),
                                hint="give time= for a panel")  # fmt: skip


def _sorted_periods(periods: pd.Series) -> tuple[np.ndarray, pd.Index]:
    if isinstance(periods.dtype, np.dtype) and periods.dtype.kind in "iuf":
        values = periods.to_numpy()
        first, last = values.min(), values.max()
        if values.dtype.kind == "i" and int(last) - int(first) < len(values):  # years are counted, not sorted
            since = values.astype(np.int64) - int(first)
            if np.bincount(since).all():
                return since, pd.RangeIndex(int(first), int(last) + 1, name=periods.name)
        times, code = np.unique(values, return_inverse=True)
        return code, pd.Index(times, name=periods.name)
    try:
        code, labels = pd.factorize(periods, sort=True)
        if pd.api.types.is_object_dtype(labels) and len({type(label) for label in labels}) > 1:
            raise TypeError
    except TypeError as error:
        raise SpatialInputError("E106", f"{periods.name!r} mixes types that cannot be sorted", column=str(periods.name),
                                hint="convert it, for example with astype(int)") from error  # fmt: skip
    return _in_time(code, pd.Index(labels, name=periods.name))


def _in_time(code: np.ndarray, times: pd.Index) -> tuple[np.ndarray, pd.Index]:
    """Periods in the order of time, where they tell one: text such as "9" and "10" is sorted as numbers."""
    distances = scales(times)
    if not distances or (np.diff(distances[-1]) > 0).all():
        return code, times
    rank = np.argsort(distances[-1], kind="stable")
    place = np.empty(len(times), dtype=np.intp)
    place[rank] = np.arange(len(times))
    return place[code], times[rank]


def _refuse_unbalanced(unit_code, unit_ids, period_code, times, entity, time, gaps) -> None:
    N, T = len(unit_ids), len(times)
    counts = np.bincount(unit_code * T + period_code, minlength=N * T)

    def pairs(at):
        return [(unit_ids[k // T], times[k % T]) for k in at]

    if counts.max() > 1:
        twice = np.flatnonzero(counts > 1)
        raise SpatialInputError(
            "E103",
            f"({entity}, {time}) must be unique; {int(counts[twice].sum() - len(twice))} rows repeat a pair",
            ids=pairs(twice[:9]),
            n=len(twice),
            hint="aggregate the data to one row per unit and period",
        )
    if counts.min() == 0 and mixed(unit_ids):
        raise SpatialInputError("E106", f"{entity!r} mixes text and numbers: {N} units, {T} periods, gaps between them",
                                column=str(entity), hint="make it all text, astype(str), with zfill(...) where zeros "
                                "were lost")  # fmt: skip
    if counts.min() == 0 and not gaps:
        absent = np.flatnonzero(counts == 0)
        raise SpatialInputError(
            "E104",
            f"the panel is unbalanced: {N} units x {T} periods need {N * T} rows, got {len(unit_code)}",
            ids=pairs(absent[:9]),
            n=len(absent),
            hint='complete these pairs, or leave them out with missing="period", or their units with missing="drop"',
        )


def _places(
    units: pd.Index, weights: SpatialWeights | TemporalWeights, data, entity
) -> tuple[pd.Index, np.ndarray, str]:
    """The ids in the weights' order, where each unit stands among them, and how they were matched."""
    if not weights.labelled:
        warn_unlabelled()
        if len(units) != weights.n:
            raise SpatialInputError("E105", f"the data have {len(units)} units, the weights {weights.n}",
                                    hint="give weights with ids, or one row for each of their units")  # fmt: skip
        return units, np.arange(len(units)), "units and weights matched by position: the weights have no ids"
    row_numbers = entity is None and isinstance(data.index, pd.RangeIndex)
    try:
        result = match(data.index if row_numbers else units, weights.ids)
    except SpatialInputError as error:
        if column := _column_with_ids(data, weights.ids, entity):
            error.hint = f"column {column!r} holds the weights' ids: pass entity={column!r}"
        raise
    place = np.empty(len(units), dtype=np.intp)
    place[result.at] = np.arange(len(units))
    return weights.ids, place, result.note


def _column_with_ids(data: pd.DataFrame, ids: pd.Index, entity) -> str | None:
    """Another column whose values match the ids, one to one; measurements, which are floats, are tried last."""
    for column in sorted(data.columns, key=lambda name: pd.api.types.is_float_dtype(data[name])):
        if column == entity or data[column].isna().any():
            continue
        with suppress(SpatialInputError):
            match(pd.Index(data[column].unique()), ids)
            return column
    return None
