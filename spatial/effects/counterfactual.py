"""The regressors of a fit with some columns of its data at other values: terms are formed again, W and rows stay."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from typing import Any

import numpy as np
import pandas as pd

from spillover.errors import SpatialInputError, check_option

from ..covariance.groups import group_values, units_of_rows
from ..design.design import Design
from ..design.entry import starts
from ..design.keys import Rows
from ..design.terms import model_columns, offset_of
from ..records.fit import FitRecord

MEAN = "mean"
RUNS = ("short", "long")


def regressors_at(d: Design, changes: Mapping[str, Any]) -> np.ndarray:
    """X with columns of the data replaced, (T, N, k); terms without these columns stay as they are.

    Means, scales, polynomials and levels are those of the estimation sample.

    Parameters
    ----------
    changes : mapping of column to one value for all rows, or to values (T, N)

    Raises
    ------
    SpatialInputError
        E502 a level that the fitted data do not have, E505 a term that is not finite there.
    """
    terms = d.encoding.terms
    columns = _columns_at(d, changes)
    rows = Rows(d.order, d.ids, d.times, d.weights, d.observed)
    _, formed, _ = model_columns(terms, columns, rows, d.encoding)
    touched = {name for name, factors in terms.right if any(set(f.columns) & set(changes) for f in factors)}
    X = d.X.copy()
    for j, name in enumerate(d.names):
        if d.encoding.origin.get(name) in touched:
            X[:, :, j] = formed[name]
            if not np.isfinite(d.rows(X[:, :, j])).all():
                values = ", ".join(f"{column} = {value}" for column, value in changes.items() if np.ndim(value) == 0)
                raise SpatialInputError("E505", f"{name!r} is not finite at {values or 'these values'}", column=name,
                                        hint="logs and roots need positive values")  # fmt: skip
    return X


def offset_at(d: Design, changes: Mapping[str, Any]) -> np.ndarray:
    """The offset with columns of the data replaced, (T, N); zeros where the formula has none.

    Raises
    ------
    SpatialInputError
        E505 an offset that is not finite there.
    """
    if d.offset is None:
        return np.zeros(d.y.shape)
    terms = d.encoding.terms
    if not any(set(factor.columns) & set(changes) for factor in terms.offsets):
        return d.offset
    offset = offset_of(terms, _columns_at(d, changes), d.y.shape, d.encoding.states)
    if not np.isfinite(d.rows(offset)).all():
        raise SpatialInputError("E505", f"{terms.offset_name!r} is not finite at these values",
                                hint="logs and roots need positive values")  # fmt: skip
    return offset


def _columns_at(d: Design, changes: Mapping[str, Any]) -> dict:
    return {name: _column(d, name, changes.get(name)) for name in d.encoding.terms.columns}


def with_offset(d: Design, changes: Mapping[str, Any]) -> np.ndarray:
    """The regressors at these values, and the offset as the last column: (T, N, k + 1)."""
    return np.concatenate([regressors_at(d, changes), offset_at(d, changes)[..., None]], axis=2)


def slopes_of_regressors(d: Design, column: str, changes: Mapping[str, Any]) -> np.ndarray:
    """dX / dx of every regressor, and of the offset, by a column x, (T, N, k + 1): central differences with steps of
    1e-5 of x."""
    x = np.broadcast_to(np.asarray(changes.get(column, values_of(d, column)), dtype=float), d.y.shape)
    size = float(np.nanmean(np.abs(d.rows(x)))) or 1.0
    step = 1e-5 * np.maximum(np.abs(x), 1e-3 * size)
    ahead, behind = (with_offset(d, {**changes, column: x + sign * step}) for sign in (1, -1))
    return (ahead - behind) / (2 * step[..., None])


def values_of(d: Design, column: str) -> np.ndarray:
    """A column of the data in the rows' order, (T, N); numbers where it holds numbers."""
    return d.frame[column].to_numpy()[d.order]


def check_column(d: Design, column: str, *, number: bool) -> None:
    """Refuse what is no column of the right side, or one whose effect a static reading does not have.

    Raises
    ------
    SpatialInputError
        E502 no such column, E203 a column of categories where a slope is asked for, E530 one that also enters lagged
        in time.
    """
    terms = d.encoding.terms
    holding = [factor for factor in terms.right_factors if column in factor.columns]
    if not holding:
        raise SpatialInputError("E502", f"{column!r} is no column of the right side", column=str(column),
                                hint="its columns are " + ", ".join(terms.right_columns))  # fmt: skip
    if any(factor.functions & {"lag", "lead"} for factor in holding):
        raise SpatialInputError("E530", f"{column!r} also enters lagged in time: its effects are spread over periods",
                                column=column, hint="make the lagged values a column of their own")  # fmt: skip
    if number and is_category(d, column):
        raise SpatialInputError("E203", f"{column!r} holds categories, which have no slope", column=column,
                                hint=f"sp.contrasts(fit, {column!r})")  # fmt: skip


def is_category(d: Design, column: str) -> bool:
    """Whether some term takes the column's dummies."""
    factors = [factor for factor in d.encoding.terms.right_factors if column in factor.columns]
    return any("C" in factor.functions for factor in factors) or d.frame[column].dtype.kind not in "biuf"


def settings_of(d: Design, at: Mapping[str, object] | str | None, *, without: str | None = None) -> list[dict]:
    """Every combination of the values that ``at`` asks for, by column; ``"mean"`` sets numbers to their means.

    Raises
    ------
    SpatialInputError
        E501 at= is neither, E502 it names no column of the right side.
    """
    if at is None:
        return [{}]
    there = list(d.encoding.terms.right_columns)
    if isinstance(at, str) and at == MEAN:
        numbers = [c for c in there if not is_category(d, c)]
        return [{c: float(np.mean(d.rows(values_of(d, c)).astype(float))) for c in numbers}]
    if not isinstance(at, Mapping):
        raise SpatialInputError("E501", f"at={at!r} is no mapping of columns to values",
                                hint="at={'column': [values]}, or at='mean'")
    for column, values in at.items():
        if column not in there or column == without:
            raise SpatialInputError("E502", f"at= names {column!r}, which is no other column of the right side",
                                    column=str(column), hint="its columns are " + ", ".join(there))  # fmt: skip
        if not is_category(d, column):
            for value in np.ravel(np.asarray(values, dtype=object)):
                if not isinstance(value, int | float | np.number) or not np.isfinite(value):
                    raise SpatialInputError("E203", f"at= sets {column!r} to {value!r}, a number is needed",
                                            column=column, hint=f"at={{{column!r}: [0, 1]}}")  # fmt: skip
    lists = [list(np.ravel(np.asarray(values, dtype=object))) for values in at.values()]
    return [dict(zip(at, picked)) for picked in product(*lists)]


def label_of(setting: Mapping[str, object], at) -> str:
    """A setting in words."""
    parts = (f"{column} = {in_words(value)}" for column, value in setting.items())
    return "at means" if isinstance(at, str) else ", ".join(parts)


def in_words(value) -> str:
    """A value as labels show it: 1.0 is 1."""
    return f"{value:g}" if isinstance(value, float | np.floating) else str(value)


def groups_of(d: Design, by) -> list[tuple[str, np.ndarray]]:
    """The groups of rows by label, each a mask (m,); all rows where there is no grouping.

    Raises
    ------
    SpatialInputError
        E101 ids differ, E201 missing groups, E501 not a grouping, E502 no such column.
    """
    if by is None:
        return [("", np.ones(len(d.root), dtype=bool))]
    values, name = group_values(d, by)
    if pd.isna(values).any():
        raise SpatialInputError("E201", f"{name!r} has missing groups", column=name,
                                hint="fill the column, or leave these rows out")
    if isinstance(by, str) and by in ("entity", "time", d.ids.name, getattr(d.times, "name", None)):
        values = (d.ids if by in ("entity", d.ids.name) else d.periods).to_numpy()[values]  # labels, not positions
    numbers = pd.api.types.is_numeric_dtype(values)
    unique = sorted(pd.unique(values), key=None if numbers else str)
    return [(f"{name} = {g:g}" if numbers else str(g), values == g) for g in unique]


def sums_by_place(d: Design, rows: np.ndarray) -> np.ndarray:
    """Values by row (m,) summed by unit, or where W varies by row of the stacked W: zero for units that enter, which
    are neighbors without a row."""
    entering = starts(d)
    if entering is not None and d.observed is not None:
        out = np.zeros(int((entering | d.observed).sum()))
        out[d.observed[entering | d.observed]] = rows
        return out
    if d.weights.varies:
        return rows
    return np.bincount(units_of_rows(d), rows, d.n_units)


def check_run(fit: FitRecord, run: str = "short") -> None:
    """Refuse a long run where there is none.

    Raises
    ------
    SpatialInputError
        E501 another run, or the long run of a static model.
    """
    check_option("run", run, RUNS)
    if run == "long" and not fit._design.lags:
        raise SpatialInputError("E501", "a static model has no long run: effects are there at once",
                                hint="leave run= out, or fit the model with lags=")  # fmt: skip


def _column(d: Design, name: str, change):
    """A column as the formula's terms take it: (T, N) numbers, or a Series of T N categories."""
    terms = d.encoding.terms
    if name in terms.bare and d.frame[name].dtype.kind in "biuf":
        values = d.frame[name].to_numpy(dtype=float, na_value=np.nan)[d.order] if change is None else change
        return np.broadcast_to(np.asarray(values, dtype=float), d.order.shape)
    series = d.frame[name].iloc[d.order.ravel()].reset_index(drop=True)
    if change is None:
        return series
    return pd.Series(np.broadcast_to(np.asarray(change, dtype=object), d.order.shape).ravel(), name=name)
