"""Values at the door: numbers where numbers are needed, nothing missing, nothing infinite."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from spillover.errors import SHOWN, SpatialInputError
from spillover.sentinels import point_out_sentinels
from spillover.values import counted

from .formula import Terms
from .keys import Rows


def read_columns(data: pd.DataFrame, terms: Terms, rows: Rows, missing: str):
    """The formula's columns in the rows' order.

    Parameters
    ----------
    missing : {"error", "drop", "period"}

    Returns
    -------
    columns : dict of str to ndarray (T, N) of float64, or Series of categories or text
    rows : Rows
        Without the units that were dropped, or with the pairs that are observed.
    notes : list of str

    Raises
    ------
    SpatialInputError
        E108 units or periods without a complete row, E201 missing, E202 infinite, E203 not a number, E206 too few
        units left.
    """
    raw: dict[Any, Any] = {}
    for name in terms.columns:
        raw[name] = column = data[name]
        if name in terms.bare:
            raw[name] = column.to_numpy() if column.dtype == np.float64 else _numbers(column)
        point_out_sentinels(name, raw[name])
    if all(isinstance(column, np.ndarray) for column in raw.values()) and rows.order.min() >= 0:
        columns = {name: column[rows.order] for name, column in raw.items()}
        if all(np.isfinite(values).all() for values in columns.values()):
            return columns, rows, []
    absent = {name: _missing(column)[rows.order] for name, column in raw.items()}
    holes = np.any([*absent.values(), rows.order < 0], axis=0)
    notes = []
    if holes.any():
        if missing == "error":
            _refuse_missing(absent, holes, rows)
        rows, notes = rows.without_holes(holes) if missing == "period" else _without_missing(rows, holes.any(axis=0))
    columns = {}
    for name, column in raw.items():
        if not isinstance(column, np.ndarray):
            columns[name] = column.iloc[rows.order.ravel()].reset_index(drop=True)
            continue
        columns[name] = values = column[rows.order]
        if rows.observed is not None:
            values[~rows.observed] = np.nan
        if np.isinf(values).any():
            raise SpatialInputError("E202", f"{name!r} has infinite values", column=name,
                                    ids=rows.labels(np.isinf(values)),
                                    hint="replace or drop them: data.replace([np.inf, -np.inf], np.nan)")  # fmt: skip
    return columns, rows, notes


def refuse_not_finite(terms: dict[str, np.ndarray], rows: Rows) -> None:
    """Terms that are not finite though their columns are: the log of zero, the root of a negative number."""
    for name, values in terms.items():
        bad = ~np.isfinite(values)
        if rows.observed is not None:
            bad &= rows.observed
        if bad.any():
            raise SpatialInputError("E207", f"{name!r} is not finite in {counted(bad.sum(), 'row')}", column=name,
                                    ids=rows.labels(bad),
                                    hint="logs and roots need positive values, divisors none that is 0, and powers and "
                                    "exp() values that a number can hold")  # fmt: skip


def _missing(column) -> np.ndarray:
    return np.isnan(column) if isinstance(column, np.ndarray) else column.isna().to_numpy()


def _refuse_missing(absent, holes, rows) -> None:
    counts = {name: int(mask.sum()) for name, mask in absent.items() if mask.any()}
    counted = ", ".join(f"{name!r} {count}" for name, count in counts.items())
    raise SpatialInputError(
        "E201",
        f"missing values by column: {counted}",
        column=max(counts, key=lambda name: counts[name]),
        ids=rows.labels(holes),
        hint=_next_step(holes, rows),
    )


def _next_step(holes: np.ndarray, rows: Rows) -> str:
    """Periods in which no unit is complete come first: no option leaves them out, and dropping units would drop all."""
    usual = 'fill them, or drop their units with missing="drop"; missing="period" drops single rows of a panel'
    whole = holes.all(axis=1) if rows.times is not None else np.zeros(len(holes), bool)
    if not whole.any():
        return usual
    periods = ", ".join(map(str, rows.periods[np.flatnonzero(whole)[:SHOWN]])) + " ..." * (int(whole.sum()) > SHOWN)
    first = f"no unit is complete in {periods}: leave out these periods, or fill them"
    return first if whole.sum() * holes.shape[1] == holes.sum() else f"{first}; the others: {usual}"


def _without_missing(rows: Rows, gone: np.ndarray):
    names = rows.ids[gone]
    if (~gone).sum() < 3:
        raise SpatialInputError("E206", f"only {int((~gone).sum())} units are without missing values or rows",
                                ids=list(names), hint='missing="period" leaves out single rows of a panel')  # fmt: skip
    before = set(rows.weights.islands)
    kept = rows.without_units(gone)
    notes = [f"{len(names)} unit{'s' * (len(names) > 1)} with missing values dropped: {', '.join(map(str, names[:5]))}"]
    if new := [i for i in kept.weights.islands if i not in before]:
        notes.append(f"islands made by dropping: {', '.join(map(str, new[:5]))}")
    return kept, notes


def _numbers(column: pd.Series):
    """Booleans and numbers as a float64 array; categories stay a Series; text and dates are refused."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        return column
    if column.dtype.kind in "biuf":
        return column.to_numpy(dtype=float, na_value=np.nan)
    bad = column[pd.to_numeric(column, errors="coerce").isna() & column.notna()]
    shown = f"; the first is {str(bad.iloc[0])!r}" if len(bad) else ""
    raise SpatialInputError("E203", f"{column.name!r} holds {column.dtype} values, numbers are needed{shown}",
                            column=str(column.name), rows=list(bad.index),
                            hint=f"convert it with pd.to_numeric, or use C({column.name}) for categories")  # fmt: skip
