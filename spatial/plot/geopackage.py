"""Layers for other programs: GeoPackage or PostGIS with styles that QGIS loads by itself, or GeoJSON with colors."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from spillover.database import check_target, is_database, write
from spillover.errors import SpatialInputError
from spillover.files import check_outputs, replacing

from .qml import Class, Style, qml

SUFFIXES = (".gpkg", ".geojson", ".json")
# The table in which QGIS keeps styles inside a GeoPackage.
STYLES = """
CREATE TABLE layer_styles (
  id INTEGER PRIMARY KEY AUTOINCREMENT, f_table_catalog TEXT(256), f_table_schema TEXT(256),
  f_table_name TEXT(256), f_geometry_column TEXT(256), styleName TEXT(30), styleQML TEXT, styleSLD TEXT,
  useAsDefault BOOLEAN, description TEXT, owner TEXT(30), ui TEXT(30),
  update_time DATETIME DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')))
"""
REGISTER = """
INSERT INTO gpkg_contents (table_name, data_type, identifier, last_change, srs_id)
VALUES ('layer_styles', 'attributes', 'layer_styles', strftime('%Y-%m-%dT%H:%M:%fZ', 'now'), 0)
"""
INSERT = """
INSERT INTO layer_styles (f_table_catalog, f_table_schema, f_table_name, f_geometry_column, styleName, styleQML,
                          styleSLD, useAsDefault, description, owner)
VALUES ('', '', ?, 'geom', ?, ?, '', ?, ?, '')
"""


def write_layer(layer, path, styles: Sequence[Style], *, overwrite: bool = False, name: str | None = None) -> None:
    """Write a layer with its styles; the first is the one that QGIS opens it with.

    Parameters
    ----------
    layer : GeoDataFrame
        Ids are a column; the names of columns differ without regard to case.
    path : path-like
        .gpkg, .geojson or .json; or the address of a table, ``postgresql://host/database/schema.table``.
    styles : sequence of Style
    overwrite : bool
    name : str, optional
        Of the layer in a GeoPackage; the file's by default.

    Raises
    ------
    SpatialInputError
        E402 GeoJSON of a map without a coordinate system; E501 another suffix; E603, E605.
    """
    check(path, overwrite=overwrite)
    shape = next((kind.removeprefix("Multi") for kind in layer.geom_type.dropna()), "Polygon")
    if is_database(path):
        ids = layer.iloc[:, 0]
        key = layer.columns[0] if ids.is_unique and ids.notna().all() else None
        write(layer, path, overwrite=overwrite, styles=[(s.name, qml(s, shape), s.name) for s in styles], key=key)
        return
    path = Path(path)
    if path.suffix.lower() != ".gpkg":
        _write_geojson(layer, styles, path, overwrite)
        return
    name, layer = name or path.stem, _named(layer, "geom")
    with replacing(path, overwrite=overwrite) as part:
        layer.to_file(part, driver="GPKG", layer=name, index=False, layer_options={"GEOMETRY_NAME": "geom"},
                      dataset_options={"VERSION": "1.2"})  # GDAL 3.6 and QGIS 3.22 warn of later ones
        connection = sqlite3.connect(part)
        try:
            with connection:
                connection.execute(STYLES)
                connection.execute(REGISTER)
                rows = [(name, style.name, qml(style, shape), style is styles[0], style.name) for style in styles]
                connection.executemany(INSERT, rows)
        finally:
            connection.close()


def check(path, *, overwrite: bool = False) -> None:
    """Refuse a layer that could not be written, before any work.

    Raises
    ------
    SpatialInputError
        E501 another suffix; E603, E605; E609 a database that cannot be reached.
    """
    if is_database(path):
        check_target(path, overwrite=overwrite)
    else:
        check_outputs([path], overwrite=overwrite, suffixes=SUFFIXES)


def _write_geojson(layer, styles, path, overwrite) -> None:
    """In degrees, as the format asks (RFC 7946); ``fill`` is the color that viewers of simple styles read."""
    if layer.crs is None:
        raise SpatialInputError("E402", "GeoJSON is in degrees, and this map has no coordinate reference system",
                                hint="map.set_crs(...) first, or write .gpkg")  # fmt: skip
    taken = {str(c).lower() for c in layer.columns}
    if styles:
        layer = layer.assign(**{free("fill", "local_", taken): fill(layer, styles[0])})
    layer = _named(layer.to_crs(4326), "geometry")
    with replacing(path, overwrite=overwrite) as part:
        part.write_text(layer.to_json(drop_id=True, ensure_ascii=False), encoding="utf-8")


def fill(layer, style: Style) -> list[str | None]:
    """The color of every feature, None where it is in no class."""
    return [None if each is None else each.color for each in members(layer[style.column], style.classes)]


def members(values, classes: Sequence[Class]) -> list[Class | None]:
    """The class of every value, None where it is in none."""
    if classes[0].value is not None:
        of = {each.value: each for each in classes}
        return [of.get(str(value)) for value in values]
    numbers, out = values.to_numpy(dtype=float), np.full(len(values), None, dtype=object)
    for each in reversed(classes):  # on a shared limit the lower class holds, as in QGIS
        out[(numbers >= each.low) & (numbers <= each.high)] = each
    return out.tolist()


def free(name: str, prefix: str, taken: set[str]) -> str:
    """The name, with the prefix repeated until the name is new; added to the taken names."""
    while name.lower() in taken:
        name = prefix + name
    taken.add(name.lower())
    return name


def _named(layer, geometry: str):
    return layer if layer.geometry.name == geometry else layer.rename_geometry(geometry)
