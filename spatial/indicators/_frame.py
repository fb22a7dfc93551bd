"""Input of the indicators: columns of a frame as numbers, sorted by unit and period, with their labels."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal, overload

import numpy as np
import pandas as pd

from spillover.errors import SpatialInputError
from spillover.ids import positions
from spillover.matrix import as_weights, refuse_varying, warn_unlabelled

from ..design.keys import _key_columns
from ..design.periods import in_order
from ..explore._input import numbers
from ..records.schema import rows_of


@dataclass(frozen=True, eq=False)
class Table:
    """Columns as numbers, one row per unit or per unit and period.

    Attributes
    ----------
    values : ndarray, shape (n, k)
        Rows sorted by unit, then by period.
    names : tuple of k str
    index : Index of the n units, or MultiIndex of (unit, period)
    unit, period : ndarray of int, shape (n,)
        Codes into ``units`` and ``times``.
    units : Index
    times : Index, or None for a cross-section
    order : ndarray, shape (n,)
        Row of the data that each row came from.
    """

    values: np.ndarray = field(repr=False)
    names: tuple[str, ...]
    index: pd.Index = field(repr=False)
    unit: np.ndarray = field(repr=False)
    period: np.ndarray = field(repr=False)
    units: pd.Index = field(repr=False)
    times: pd.Index | None
    order: np.ndarray = field(repr=False)

    @property
    def keys(self) -> list[str]:
        """Names of the columns that hold unit and period in a tidy table."""
        return [str(name) for name in self.index.names]

    def series(self, values: np.ndarray, name: str) -> pd.Series:
        return pd.Series(values, index=self.index, name=name)

    def frame(self, values: np.ndarray, columns) -> pd.DataFrame:
        return pd.DataFrame(values, index=self.index, columns=list(columns))

    def periods(self) -> list[tuple[Any, np.ndarray]]:
        """(label, rows) of each period; a cross-section is one period without a label."""
        if self.times is None:
            return [(None, np.arange(len(self.index)))]
        return [(label, np.flatnonzero(self.period == t)) for t, label in enumerate(self.times)]

    def cube(self) -> np.ndarray:
        """Values as (T, N, k); E104 unless every unit has every period."""
        T, N = (1 if self.times is None else len(self.times)), len(self.units)
        if self.times is not None and len(self.index) < T * N:
            pairs = pd.MultiIndex.from_product([self.units, self.times])
            absent = list(pairs[~pairs.isin(self.index)])
            raise SpatialInputError("E104", f"{N} units x {T} periods need {T * N} rows, got {len(self.index)}",
                                    ids=absent, hint="complete these pairs")  # fmt: skip
        return self.values.reshape(N, T, -1).swapaxes(0, 1)

    def sources(self) -> tuple[pd.DataFrame, dict]:
        """The columns as used."""
        return self.frame(self.values, self.names), {}

    def labels(self, where: np.ndarray) -> list:
        """Units or (unit, period) pairs of the rows where the mask is true."""
        return list(self.index[where])


@dataclass(frozen=True, eq=False)
class Panel(Table):
    """A table with periods."""

    times: pd.Index


@overload
def read(data: pd.DataFrame, columns, entity: str | None, time: str | None, *, panel: Literal[True]) -> Panel: ...


@overload
def read(data: pd.DataFrame, columns, entity: str | None, time: str | None, *, panel: bool = ...) -> Table: ...


def read(data: pd.DataFrame, columns, entity: str | None, time: str | None, *, panel: bool = False) -> Table:
    """Columns of a frame as a Table; a Panel where it has periods, which ``panel`` requires.

    Raises
    ------
    SpatialInputError
        E102, E103 repeated units; E106 units that cannot be sorted, or periods without an order; E201 missing, E202
        infinite, E203 not numeric;
        E206 no rows; E501 no columns, or no period where one is needed; E502 no such column.
    """
    columns = _names(data, columns)
    units, periods = _key_columns(data, entity, time)
    if panel and periods is None:
        raise SpatialInputError("E501", "periods are needed: give entity= and time=, or a (unit, period) MultiIndex",
                                hint="entity='unit', time='year'")
    unit, ids = _codes(units)
    period, times = (np.zeros(len(data), dtype=int), None) if periods is None else _in_order(periods)
    order = np.lexsort((period, unit))
    unit, period = unit[order], period[order]
    index = ids[unit] if times is None else _pairs(ids, unit, times, period)
    if not index.is_unique:
        twice = list(index[index.duplicated()].unique())
        if times is None:
            raise SpatialInputError("E102", "units repeat in a cross-section", ids=twice, hint="give time= for a panel")
        raise SpatialInputError("E103", "rows repeat a (unit, period) pair", ids=twice, hint="aggregate the data first")
    values = np.column_stack([np.asarray(numbers(data[name], name), dtype=float) for name in columns])[order]
    _refuse_not_finite(values, columns, index)
    if times is None:
        return Table(values, tuple(columns), index, unit, period, ids, None, order)
    return Panel(values, tuple(columns), index, unit, period, ids, times, order)


def groups_of(data: pd.DataFrame, column: str, table: Table) -> tuple[np.ndarray, pd.Index]:
    """Codes and labels of a column of groups, in the table's rows; groups sorted."""
    _names(data, [column])
    values = data[column].iloc[table.order]
    if values.isna().any():
        raise SpatialInputError("E201", f"{column!r} has missing values", column=column,
                                ids=table.labels(values.isna().to_numpy()),
                                hint="fill them, or leave these rows out")  # fmt: skip
    if isinstance(values.dtype, pd.CategoricalDtype):
        values = values.cat.remove_unused_categories()
        return values.cat.codes.to_numpy(), pd.Index(values.cat.categories, name=column)
    return _codes(values.reset_index(drop=True))


def refuse(table: Table, bad: np.ndarray, code: str, what: str, hint: str | None = None) -> None:
    """Raise ``code`` with the column and the labels where a mask (n, k) is true: "'x' {what}"."""
    if bad.any():
        column = table.names[int(np.argmax(bad.any(axis=0)))]
        rows = bad[:, table.names.index(column)]
        raise SpatialInputError(code, f"{column!r} {what}", column=column, ids=table.labels(rows), hint=hint)


def refuse_gaps(table: Table) -> None:
    """E104 where numbered periods do not lie equally far apart: rates per period would not be comparable."""
    if table.times is None or table.times.dtype.kind not in "iuf":
        return
    steps = np.diff(table.times.to_numpy(dtype=float))
    if len(steps) and np.ptp(steps) > 1e-9:
        late = list(table.times[1:][steps > steps.min()])
        raise SpatialInputError("E104", "periods must lie equally far apart; there is a gap before these", ids=late,
                                hint="keep equally spaced periods")


def _names(data, columns) -> list[str]:
    if not isinstance(data, pd.DataFrame):
        raise SpatialInputError("E501", f"data must be a DataFrame, got {type(data).__name__}",
                                hint="pd.DataFrame(data)")
    if len(data) == 0:
        raise SpatialInputError("E206", "the data have no rows", hint="check how the data were filtered")
    columns = [columns] if isinstance(columns, str) else list(columns)
    if not columns:
        raise SpatialInputError("E501", "no column is named", hint="name a column of the data")
    for name in columns:
        if (data.columns == name).sum() != 1:
            often = "more than once" if name in data.columns else "not"
            raise SpatialInputError("E502", f"column {name!r} is {often} in the data", column=str(name),
                                    hint="the columns are " + ", ".join(map(str, data.columns[:12])))  # fmt: skip
    if len(set(columns)) < len(columns):
        twice = next(name for name in columns if columns.count(name) > 1)
        raise SpatialInputError("E502", f"column {twice!r} is named twice", column=str(twice), hint="name it once")
    return columns


def _codes(keys: pd.Series) -> tuple[np.ndarray, pd.Index]:
    """Codes and sorted labels; E106 where they cannot be sorted."""
    try:
        code, labels = pd.factorize(keys, sort=True)
        if pd.api.types.is_object_dtype(labels) and len({type(label) for label in labels}) > 1:
            raise TypeError
    except TypeError as error:
        raise SpatialInputError("E106", f"{keys.name!r} mixes types that cannot be sorted",
                                column=str(keys.name), hint="convert it with astype") from error  # fmt: skip
    return code, pd.Index(labels, name=keys.name if keys.name is not None else "unit")


def _in_order(periods: pd.Series) -> tuple[np.ndarray, pd.Index]:
    """Codes and labels of periods in their order; E106 where they have none."""
    times = pd.Index(in_order(periods), name=periods.name)
    return times.get_indexer(pd.Index(periods.astype(object) if times.dtype == object else periods)), times


def _pairs(ids, unit, times, period) -> pd.MultiIndex:
    return pd.MultiIndex(levels=[ids, times], codes=[unit, period], names=[ids.name, times.name])


def _refuse_not_finite(values, columns, index) -> None:
    for code, bad, what in (("E201", np.isnan(values), "missing"), ("E202", np.isinf(values), "infinite")):
        if bad.any():
            j = int(np.argmax(bad.any(axis=0)))
            raise SpatialInputError(code, f"{columns[j]!r} has {int(bad[:, j].sum())} {what} values", column=columns[j],
                                    ids=list(index[bad[:, j]]), hint="fill them, or leave their units out")  # fmt: skip


def weights_of(table: Table, w, data, entity, time):
    """Weights with the table's units in the table's order; E101 where the units differ."""
    weights = as_weights(w)
    refuse_varying(weights, "this indicator")
    if not weights.labelled:
        warn_unlabelled()
        weights = as_weights(weights.csr, ids=_key_columns(data, entity, time)[0].unique())
    place = positions(table.units, weights.ids)
    return weights.reordered(np.argsort(place))


def rows_of_keys(frame: pd.DataFrame) -> pd.DataFrame:
    """A frame by unit, or by (unit, period), in the common schema: one row per column (``term``) and key."""
    names = ["unit", "period"][: frame.index.nlevels]
    long = frame.set_axis(frame.index.set_names(names), axis=0).reset_index().melt(names, var_name="term")
    return rows_of(long["term"], long["value"], **{name: long[name] for name in names})
