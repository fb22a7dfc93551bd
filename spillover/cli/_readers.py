"""Tables and maps by what they are called: files, examples, databases."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pandas as pd

import shapefiles
from shapefiles.catalogue import EXAMPLES, PANELS
from spillover.database import is_database, read
from spillover.errors import SpatialInputError
from spillover.inputs import check_input
from spillover.progress import step
from spillover.tables import parse
from weights.maps import named

from ._inputs import (
    EXAMPLE,
    example_of,
    prepared,
    read_map,
    read_table,
)
from .groups import Data, Reading, Shapes

MAPS = (".shp", ".gpkg", ".geojson", ".fgb", ".zip", ".kml", ".kmz", ".gdb")
IN_ARCHIVE = ("/vsizip/", "zip://")


def rows_of(data: Data, keys):
    """(rows, map that comes with them, unit and period columns that come with them)."""
    _refuse_meaningless(data)
    if data.sql is not None and not is_database(data.data):
        raise SpatialInputError("E501", f"--sql is for databases, and '{data.data}' is none",
                                hint="as in spillover info postgresql://host/database --sql 'SELECT ...'")
    if data.data.startswith(EXAMPLE):
        return _example(data)
    if is_database(data.data):
        return _of_database(data)
    if data.data == "-":
        return parse(sys.stdin.buffer.read(), "standard input", keys=keys, **of_text(data)), None, (None, None)
    if is_map(data.data):
        return _attributes(read_map(data.data, id=data.id, **of_map(data)))
    sheet = {} if data.sheet is None else {"sheet": data.sheet}
    return read_table(data.data, keys=keys, **of_text(data), **sheet), None, (None, None)


def without_meaning(table: str, shapes: str) -> dict[str, str]:
    """Options that a table and a map cannot mean: what each of them is for."""
    suffix, options = Path(table).suffix.lower(), {}
    if suffix != ".xlsx":
        options["sheet"] = f"workbooks, and '{table}' is none"
    if table != "-" and suffix not in (".csv", ".tsv", ".txt"):
        options |= dict.fromkeys(("sep", "decimal"), f"text, and '{table}' is none")
    if not (is_map(shapes) or is_database(table) or is_database(shapes)):
        options["layer"] = f"maps, and '{shapes}' is none"
    return options


def fitting(reading: Reading, path: str) -> Reading:
    """The options without those that a file cannot mean, where they are for another file."""
    return replace(reading, **dict.fromkeys(without_meaning(path, path)))


def _refuse_meaningless(data: Data) -> None:
    """E501 for an option that the file cannot mean."""
    for option, what in without_meaning(data.data, data.data if data.map is None else data.map).items():
        if getattr(data, option) is not None:
            raise SpatialInputError("E501", f"--{option} is for {what}", hint="leave it out")


def _attributes(gdf):
    """A map's own columns as rows, and the map."""
    unit = gdf.index.name or "row"
    table = pd.DataFrame(gdf.drop(columns=gdf.geometry.name)).rename_axis(unit)
    table = table.reset_index() if unit not in table.columns else table.reset_index(drop=True)
    return table, gdf, (unit, None)


def _of_database(data: Data):
    """A table or a query, with its map where it has shapes."""
    with step("reading the database"):
        frame = read(data.data, table=data.layer if data.sql is None else None, sql=data.sql)
    if not hasattr(frame, "crs") or data.map not in (None, data.data):
        return pd.DataFrame(frame.drop(columns="geometry", errors="ignore")), None, (None, None)
    return _attributes(prepared(frame if data.id is None else named(frame, data.id), crs=data.crs, na=data.na))


def of_text(data: Reading) -> dict:
    """Options of the reader of tables."""
    return {"encoding": data.encoding, "separator": data.sep, "decimal": data.decimal, "na": data.na or ()}


def of_map(data: Shapes) -> dict:
    """Options of the reader of maps."""
    return {"layer": data.layer, "encoding": data.encoding, "crs": data.crs, "na": getattr(data, "na", None)}


def _example(data: Data):
    """A shipped panel with its map, or the attributes of a shipped map."""
    name = example_of(data.data, [*EXAMPLES, *PANELS])
    example = EXAMPLES.get(name)
    if example is None:
        return shapefiles.load_panel(name), None, PANELS[name].columns
    gdf = shapefiles.load(name)
    if example.panel is None:
        return pd.DataFrame(gdf.drop(columns=gdf.geometry.name)).reset_index(), gdf, (example.id, None)
    return shapefiles.load_panel(name), gdf, example.panel


def is_map(path: str) -> bool:
    """Whether a file's name is that of a map; a .parquet or .json is one where it has a geometry."""
    if path.startswith(IN_ARCHIVE):
        return True
    if path.lower().endswith(".json"):
        try:
            with open(path, "rb") as file:
                return b'"FeatureCollection"' in file.read(2**16)
        except OSError:
            return False
    if path.lower().endswith(".parquet"):
        from pyarrow import ArrowException, parquet

        try:
            return b"geo" in (parquet.read_schema(path).metadata or {})
        except (OSError, ArrowException):  # the reader of tables says what is wrong with it
            return False
    return path.lower().rstrip("/").endswith(MAPS)


def layers_of(path: str) -> list[str]:
    """Layers with shapes of a GeoPackage or a FileGDB; none of other files."""
    from weights.maps import gdal, signature

    if not path.lower().rstrip("/").endswith((".gpkg", ".gdb")):
        return []
    file = check_input(path, what="map", folders=(".gdb",))
    signature.check(file)
    return gdal.layers(file)
