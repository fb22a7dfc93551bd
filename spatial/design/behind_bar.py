"""What stands behind ``|`` in a formula becomes fixed effects: those of units and periods, and any other ways."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from spillover.errors import SHOWN, SpatialInputError
from spillover.matrix import SpatialWeights, TemporalWeights

from .absorbed import Absorbed
from .checks import COLLINEAR
from .fixed_effects import FixedEffects
from .formula import Terms, nearest
from .grammar import WayTerm
from .keys import Rows
from .ways import Way

if TYPE_CHECKING:
    from .design import Design

Keys = tuple[object, object]  # names of the columns, or levels, of unit and period


def keys_behind_bar(terms: Terms, data: pd.DataFrame, entity, time) -> Keys:
    """Names of unit and period, with those of a (unit, period) index where none are given.

    Raises
    ------
    SpatialInputError
        E502 a way that is no column of the data.
    """
    if entity is None and time is None and data.index.nlevels == 2:
        entity, time = data.index.names
    for way in terms.absorbed:
        for name in (*way.columns, *way.slopes):
            if name not in (entity, time) and name not in data.columns:
                raise SpatialInputError("E502", f"the effects behind | name {name!r}, which is no column of the data",
                                        column=name, hint=nearest(name, data.columns))  # fmt: skip
    return entity, time


def refuse_rows_of_a_panel(
    terms: Terms, data: pd.DataFrame, weights: SpatialWeights | TemporalWeights, keys: Keys
) -> None:
    """Effects are asked for of data with more rows than units, and no column of periods.

    Raises
    ------
    SpatialInputError
        E504.
    """
    if not terms.absorbed or keys[1] is not None or len(data) <= weights.n:
        return
    unit, *period = (way.columns[0] for way in terms.absorbed)
    hint = f"entity={unit!r}" + "".join(f", time={name!r}" for name in period[:1])
    raise SpatialInputError("E504", f"{len(data):,} rows of {weights.n:,} units with effects behind |: which are the "
                            "units and the periods of the panel?", hint=f"{hint}")  # fmt: skip


def with_columns_of_ways(terms: Terms, keys: Keys) -> Terms:
    """The terms with the columns of ways among those that must not be missing; slopes must be numbers."""
    groups = [name for way in terms.absorbed for name in way.columns if name not in keys]
    slopes = [name for way in terms.absorbed for name in way.slopes if name not in keys]
    if not (groups or slopes):
        return terms
    return replace(terms, columns=tuple(dict.fromkeys((*terms.columns, *groups, *slopes))), bare=terms.bare | {*slopes})


def absorbed_effects(terms: Terms, data: pd.DataFrame, rows: Rows, keys: Keys) -> tuple[FixedEffects, list[str]]:
    """The effects, and notes on groups of one row.

    Raises
    ------
    SpatialInputError
        E203 a slope of periods that are no numbers, E206 a way all of whose groups have one row.
    """
    panel = rows.times is not None
    units, periods = (panel and any(way.level and way.columns == (name,) for way in terms.absorbed) for name in keys)
    own_ways = {WayTerm((str(name),)) for name in keys if panel}
    if own_ways.issuperset(terms.absorbed):
        return FixedEffects(units, periods), []
    seen = np.ones(rows.order.shape, dtype=bool) if rows.observed is None else rows.observed
    ways = [_way(term, data, rows, keys, seen) for term in terms.absorbed]
    notes = []
    for way in ways:
        single = int((way.sizes == 1).sum())
        if way.plain and single == way.groups:
            raise SpatialInputError("E206", f"every group of {way} has one row: its effects leave nothing to estimate",
                                    column=way.term.columns[0], n=single,
                                    hint=f"leave {way} out behind |")  # fmt: skip
        if single:
            notes.append(f"{single:,} of {way.groups:,} groups of {way} have one row, which is kept and counted and "
                         "says nothing of the slopes")  # fmt: skip
    own = [way for way in ways if way.term in own_ways]
    return FixedEffects(units, periods, ways=Absorbed(ways, rows.order.shape, rows.observed, own)), notes


def _way(term: WayTerm, data: pd.DataFrame, rows: Rows, keys: Keys, seen: np.ndarray) -> Way:
    codes = np.zeros(int(seen.sum()), dtype=np.int64)
    for name in term.columns:
        own = _codes(name, data, rows, keys, seen)
        codes = own if len(term.columns) == 1 else pd.factorize(codes * (own.max() + 1) + own)[0]
    slopes = [_numbers(name, data, rows, keys, seen) for name in term.slopes]
    return Way(term, codes, np.stack(slopes, axis=1) if slopes else np.empty((len(codes), 0)))


def _codes(name: str, data: pd.DataFrame, rows: Rows, keys: Keys, seen: np.ndarray) -> np.ndarray:
    T, N = rows.order.shape
    if rows.times is not None and name in keys:
        return np.repeat(np.arange(T), N)[seen.ravel()] if name == keys[1] else np.tile(np.arange(N), T)[seen.ravel()]
    if name in data.columns:
        return np.asarray(pd.factorize(pd.factorize(data[name])[0][rows.order[seen]])[0], dtype=np.int64)
    return np.arange(N)  # the units of a cross-section


def _numbers(name: str, data: pd.DataFrame, rows: Rows, keys: Keys, seen: np.ndarray) -> np.ndarray:
    if rows.times is not None and name == keys[1]:
        times = pd.to_numeric(pd.Series(rows.times), errors="coerce").to_numpy(dtype=float)
        if not np.isfinite(times).all():
            raise SpatialInputError("E203", f"slopes of {name!r} need periods that are numbers, got "
                                    + ", ".join(map(str, rows.times[:SHOWN])), column=name,
                                    hint="add a column that counts the periods, and write its name in the brackets")
        return np.repeat(times, rows.order.shape[1])[seen.ravel()]
    return data[name].to_numpy(dtype=float, na_value=np.nan)[rows.order[seen]]


def left_by_ways(d: Design, units: np.ndarray, effects: FixedEffects) -> bool:
    """Whether effects behind | leave anything of the dummy of some units."""
    dummy = np.broadcast_to(units.astype(float), d.y.shape)
    rows_within = getattr(d, "rows_within", None)  # of outcomes that are not observed everywhere
    left = d.rows(d.within(dummy, effects)) if rows_within is None else rows_within(dummy, effects)
    return bool(np.linalg.norm(left) > COLLINEAR * np.linalg.norm(d.rows(dummy)))
