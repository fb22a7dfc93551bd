"""What a command works on: rows with their units and periods, the map they belong to, and weights over it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from spillover.errors import SpatialInputError
from spillover.ids import partners

from ._inputs import (
    named_weights,
    read_map,
    read_weights,
    require_columns,
)
from ._readers import of_map, rows_of
from .groups import Data

if TYPE_CHECKING:
    from geopandas import GeoDataFrame


@dataclass(frozen=True, eq=False)
class Source:
    """Rows, map and keys that fit together.

    Attributes
    ----------
    table : DataFrame
        One row per unit, or per unit and period; units carry the map's ids where there is a map.
    map : GeoDataFrame indexed by unit, or None
    entity, time : str or None
        Columns of the table.
    notes : tuple of str
        How table and map were matched.
    name : str
        What the user called the data, for messages.
    """

    table: pd.DataFrame = field(repr=False)
    map: GeoDataFrame | None = field(repr=False)
    entity: str | None
    time: str | None
    notes: tuple[str, ...] = ()
    name: str = ""

    @property
    def keys(self) -> dict:
        """The keywords of the library."""
        return {"entity": self.entity, "time": self.time}

    def weights(self, spec: str, standardize: str = "row"):
        """Weights from a file, or built from the map or the table."""
        return read_weights(spec, gdf=self.map, table=self.table, **self.keys, standardize=standardize)

    def several_weights(self, specs: list[str]) -> dict:
        """The same by name."""
        return named_weights(specs, gdf=self.map, table=self.table, **self.keys)

    def by_unit(self, w) -> Source:
        """With a unit column; where none is named, the one column that holds the ids of ``w``."""
        if self.entity is not None:
            return self
        counts = _matches(self.table, w.ids)
        whole = [column for column, count in counts.items() if count == w.n]
        if len(whole) != 1:
            raise SpatialInputError("E101", f"no one column of '{self.name}' holds the weights' ids", ids=list(w.ids),
                                    n=w.n, hint="give --entity COLUMN; " + _listed(counts, w.n))  # fmt: skip
        return replace(self, entity=whole[0], notes=(*self.notes, f"units are in column {whole[0]!r}"))

    def one_period(self) -> pd.DataFrame:
        """The table indexed by unit; E102 for a panel of several periods."""
        units = self.table[self.entity]
        if units.duplicated().any():
            raise SpatialInputError("E102", f"units repeat in column {self.entity!r}", column=self.entity,
                                    ids=list(units[units.duplicated()].unique()),
                                    hint=f"pick one period: --where {self.time or 'COLUMN'}=VALUE")  # fmt: skip
        return self.table.set_index(self.entity)

    def needs_map(self, what: str):
        """The map, or E501."""
        if self.map is None:
            raise SpatialInputError("E501", f"{what} needs a map", hint="give --map FILE")
        return self.map

    def columns(self, names) -> None:
        """Refuse columns that are not there."""
        require_columns(self.table, filter(None, names), self.name)


def read_source(data: Data) -> Source:
    """Read the rows, and the map where there is one, and bring their ids together.

    Raises
    ------
    SpatialInputError
        E101 table and map share no column of ids, E502 a column is not there, E6xx files.
    """
    entity, time = _keys(data)
    table, gdf, default = rows_of(data, (entity, time))
    entity, time = entity or default[0], time or default[1]
    require_columns(table, filter(None, (entity, time)), data.data)
    source = Source(_only(table, data), gdf, entity, time, name=data.data)
    if data.map is None or data.map == data.data:
        return source
    return _joined(source, data)


def _keys(data: Data) -> tuple[str | None, str | None]:
    if not data.panel:
        return data.entity, data.time
    entity, _, time = (part.strip() for part in data.panel.partition(","))
    if not (entity and time):
        raise SpatialInputError("E501", f"--panel {data.panel!r} is not UNIT,PERIOD", hint="as in --panel state,year")
    return entity, time


def shared_columns(one: Source, other: Source) -> pd.DataFrame:
    """Pairs of columns of two sources that could name the same units, and how many of the values match."""
    rows = []
    for name in other.table.columns:
        ids = pd.Index(other.table[name].dropna().unique())
        for column, count in _matches(one.table, ids).items():
            n = one.table[column].nunique()
            if 1 < count >= SHARE * min(n, len(ids)):
                note = partners(pd.Index(one.table[column].dropna().unique()), ids).note
                rows.append((column, name, count, n, len(ids), note))
    heads = [f"column of {one.name}", f"column of {other.name}", "match", "of", "and", "how"]
    return pd.DataFrame(rows, columns=heads).sort_values("match", ascending=False, ignore_index=True)


SHARE = 0.5  # of the values must match


def _only(table: pd.DataFrame, data: Data) -> pd.DataFrame:
    """The rows that ``--where COLUMN=VALUE`` picks."""
    for condition in data.where or ():
        column, eq, value = condition.partition("=")
        if not eq:
            message = f"--where {condition!r} is not COLUMN=VALUE"
            raise SpatialInputError("E501", message, hint="as in --where year=1986")
        require_columns(table, [column], data.data)
        values = table[column]
        equal = values.astype(str) == value
        if pd.api.types.is_numeric_dtype(values):
            equal |= values == pd.to_numeric(value, errors="coerce")
        table = table[equal]
        if table.empty:
            raise SpatialInputError("E501", f"no row has {condition}", column=column,
                                    hint=f"values are {', '.join(map(str, values.unique()[:8]))}")  # fmt: skip
    return table.reset_index(drop=True)


def _joined(source: Source, data: Data) -> Source:
    """Table and map by their ids: the named columns, or the one column that both have."""
    how = of_map(data)
    if not data.data.lower().endswith((".xlsx", ".parquet", ".dta", ".sav")):
        how["encoding"] = None  # it is the table's
    gdf = read_map(data.map, id=data.id, **how)
    named = gdf.index.name is not None
    table, entity = source.table, source.entity
    if not named:
        gdf, entity = _shared_column(gdf, table, entity, data)
    elif entity is None:
        counts = _matches(table, gdf.index)
        if counts.get(gdf.index.name):
            entity = gdf.index.name
        else:
            entity = next((column for column, count in counts.items() if count == len(gdf)), None)
        if entity is None:
            message = f"no column of '{data.data}' holds the ids of the map"
            raise SpatialInputError("E101", message, ids=list(gdf.index),
                                    hint="give --entity COLUMN; " + _listed(counts, len(gdf)))  # fmt: skip
    return _with_map_ids(replace(source, map=gdf, entity=entity), gdf, entity, data)


def _shared_column(gdf, table: pd.DataFrame, entity: str | None, data: Data):
    """The map indexed by the one column that it shares with the table, and that column's name in the table."""
    shared = {}
    for column in gdf.columns.drop(gdf.geometry.name):
        ids = pd.Index(gdf[column])
        if not ids.is_unique or ids.hasnans or pd.api.types.is_float_dtype(gdf[column]):
            continue
        for other in [entity] if entity else [column] if column in table.columns else []:
            units = pd.Index(table[other].dropna().unique())
            shared[column, other] = int((partners(units, ids).at >= 0).sum()), len(units)
    whole = [pair for pair, (count, n) in shared.items() if count == n]
    if len(whole) != 1:
        listed = ", ".join(f"{a} ~ {b}: {count} of {n}" for (a, b), (count, n) in shared.items()) or "none"
        units = (f"--panel {{}},{data.panel.partition(',')[2]}" if data.panel else "--entity {}").format
        fitting = [f"--id {a} {units(b)}" for a in gdf.columns.drop(gdf.geometry.name)
                   for b in _holding(table, gdf[a])]  # fmt: skip
        columns = " or ".join(fitting) or "--id COLUMN of the map and --entity COLUMN of the table"
        counted = "" if fitting and not shared else f"; ids shared: {listed}"
        raise SpatialInputError("E101", f"'{data.map}' and '{data.data}' do not share exactly one column of ids",
                                hint=f"give {columns}{counted}")
    (column, other), = whole
    return gdf.set_index(column), other


def _holding(table: pd.DataFrame, ids: pd.Series) -> list[str]:
    """Columns of the table whose values all stand among the ids of a map."""
    if not ids.is_unique or pd.api.types.is_float_dtype(ids):
        return []
    counts = _matches(table, pd.Index(ids))
    return [column for column, count in counts.items() if count == table[column].nunique() > 1]


def _with_map_ids(source: Source, gdf: GeoDataFrame, entity: str, data: Data) -> Source:
    """The table's units under the map's ids, and what had to be done, in words."""
    table = source.table
    units = pd.Index(table[entity].dropna().unique())
    match = partners(units, gdf.index)
    missing = units[match.at < 0]
    unused = gdf.index[np.setdiff1d(np.arange(len(gdf)), match.at)]
    if (len(missing) or len(unused)) and not data.allow_unmatched:
        raise SpatialInputError(
            "E101", f"table and map differ: {len(missing)} units only in '{data.data}', {len(unused)} only in "
            f"'{data.map}'", ids=[*missing, *unused], hint="--allow-unmatched uses the units that both have; "
            f"spillover join '{data.data}' '{data.map}' lists all")  # fmt: skip
    name = dict(zip(units[match.at >= 0], gdf.index[match.at[match.at >= 0]], strict=True))
    table = table[table[entity].isin(name)]
    table = table.assign(**{entity: table[entity].map(name)}).reset_index(drop=True)
    kept = gdf.loc[gdf.index.isin(list(name.values()))]
    note = f"table column {entity!r} = map column {gdf.index.name!r}" + (f": {match.note}" if match.note else "")
    notes = [note]
    if len(missing) or len(unused):
        notes.append(f"left out: {len(missing)} units of the table, {len(unused)} of the map")
    return replace(source, table=table, map=kept, entity=entity, notes=(*source.notes, *notes))


def _matches(table: pd.DataFrame, ids: pd.Index) -> dict[str, int]:
    """How many of ``ids`` each column holds; measurements, which are floats with fractions, are passed over."""
    counts = {}
    for column in table.columns:
        values = pd.Index(table[column].dropna().unique())
        if pd.api.types.is_float_dtype(values) and (values % 1 != 0).any():
            continue
        count = int((partners(values, ids).at >= 0).sum())
        if count:
            counts[column] = count if count == len(values) else 0 if len(values) > len(ids) else count
    return counts


def _listed(counts: dict[str, int], n: int) -> str:
    return "columns with some: " + (", ".join(f"{c} ({k} of {n})" for c, k in counts.items() if k) or "none")
