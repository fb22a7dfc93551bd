"""Maps of local statistics for other programs: a GeoPackage that QGIS opens colored, GeoJSON, an interactive page."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from xml.etree import ElementTree as ET

import pandas as pd

from spillover.errors import SpatialInputError
from spillover.files import replacing
from spillover.ids import positions

from .explore import COLOURS, EDGE

# The table in which QGIS keeps styles inside a GeoPackage.
STYLES = """
CREATE TABLE layer_styles (
  id INTEGER PRIMARY KEY AUTOINCREMENT, f_table_catalog TEXT(256), f_table_schema TEXT(256),
  f_table_name TEXT(256), f_geometry_column TEXT(256), styleName TEXT(30), styleQML TEXT, styleSLD TEXT,
  useAsDefault BOOLEAN, description TEXT, owner TEXT(30), ui TEXT(30),
  update_time DATETIME DEFAULT CURRENT_TIMESTAMP)
"""
KINDS = {"Polygon": ("fill", "SimpleFill"), "Point": ("marker", "SimpleMarker"), "LineString": ("line", "SimpleLine")}


SUFFIXES = (".gpkg", ".geojson", ".json")


def write(result, map, path, *, overwrite=False) -> None:
    """Write the map with the result's columns; the suffix decides the format.

    The layer holds the map's columns, the variables that were analysed, and the result's columns. A name that the map
    or the format already uses (case aside, as in SQL) gets the prefix "local_" when it is the result's, "map_" when it
    is the map's.

    Raises
    ------
    SpatialInputError
        E101 when map and result have different units; E501 for another suffix; E603, E605.
    """
    path = Path(path)
    if path.suffix.lower() not in SUFFIXES:
        message = f"'{path.name}': maps of local statistics are written as GeoPackage or GeoJSON"
        raise SpatialInputError("E501", message, hint="end the name with .gpkg (with colors in QGIS) or .geojson")
    layer, cluster = joined(result, map)
    if path.suffix.lower() == ".gpkg":
        _write_gpkg(result, layer, cluster, path, overwrite)
    else:
        _write_geojson(layer, cluster, path, overwrite)


def joined(result, map):
    """The map with the result's columns, one row per unit of the result, and the name of the column of clusters.

    Returns
    -------
    layer : GeoDataFrame
        Ids are a column; names are unique without regard to case; text instead of categories.
    cluster : str
    """
    at = positions(map.index, result.frame.index, what="the map")
    layer = map.iloc[at]
    geometry = layer.geometry.name
    extra = [c for c in layer.columns if c != geometry and getattr(layer[c].dtype, "name", "") == "geometry"]
    layer = layer.drop(columns=extra)  # a layer has one geometry
    ids = pd.Series(layer.index, index=layer.index)
    mine = result.values.reindex(layer.index).join(result.frame)
    for column in mine.select_dtypes("category"):
        mine[column] = mine[column].astype(object)
    taken: set[str] = {"fid", "geom", "geometry", geometry.lower()}  # the format's own
    names = {c: _free(str(c), "map_", taken) for c in layer.columns if c != geometry}
    layer = layer.rename(columns=names)
    for column in mine:
        source = next((c for c in names if c == column), None)
        if source is not None and column in result.values and _same(layer[names[source]], mine[column]):
            continue  # the variable that was analysed is there already
        layer[_free(str(column), "local_", taken)] = mine[column].to_numpy()
        cluster = list(layer.columns)[-1]  # "cluster" is the result's last column
    name = str(layer.index.name if layer.index.name is not None else "id")
    held = next((new for old, new in names.items() if str(old).lower() == name.lower()), None)
    if held is None or not _same(layer[held].astype(str), ids.astype(str)):
        layer.insert(0, _free(name, "map_", taken), ids.to_numpy())
    return layer.reset_index(drop=True), cluster


def web_map(result, map, **options):
    """Clusters on an interactive page, by geopandas and folium."""
    try:
        import folium  # noqa: F401
    except ImportError as error:
        raise SpatialInputError("E515", "maps to zoom into need folium, which is not installed",
                                hint="pip install folium mapclassify") from error  # fmt: skip
    layer, cluster = joined(result, map)
    labels = _labels(result)
    options = {"tooltip": [c for c in layer.columns if c != layer.geometry.name][:12], "legend": True} | options
    colors = [COLOURS[label] for label in labels]
    return layer.explore(column=cluster, categorical=True, categories=labels, cmap=colors, **options)


def _free(name: str, prefix: str, taken: set[str]) -> str:
    """The name, with the prefix repeated until the name is new; added to the taken names."""
    while name.lower() in taken:
        name = prefix + name
    taken.add(name.lower())
    return name


def _same(a, b) -> bool:
    equal, absent = a.to_numpy() == b.to_numpy(), a.isna().to_numpy() & b.isna().to_numpy()
    return bool((equal | absent).all())


def _named(layer, geometry: str):
    return layer if layer.geometry.name == geometry else layer.rename_geometry(geometry)


def _labels(result) -> list[str]:
    return [label for label, n in result.frame["cluster"].value_counts(sort=False).items() if n]


def _write_gpkg(result, layer, cluster, path, overwrite) -> None:
    layer = _named(layer, "geom")
    with replacing(path, overwrite=overwrite) as part:
        layer.to_file(part, driver="GPKG", layer=path.stem, index=False, layer_options={"GEOMETRY_NAME": "geom"})
        shape = layer.geometry.iloc[0].geom_type.removeprefix("Multi")
        _add_style(part, path.stem, "geom", style(cluster, _labels(result), shape))


def _write_geojson(layer, cluster, path, overwrite) -> None:
    """In degrees, as the format asks (RFC 7946); ``fill`` is the color that viewers of simple styles read."""
    if layer.crs is None:
        raise SpatialInputError("E402", "GeoJSON is in degrees, and this map has no coordinate reference system",
                                hint="map.set_crs(...) first, or write .gpkg")  # fmt: skip
    taken = {str(c).lower() for c in layer.columns}
    layer[_free("fill", "local_", taken)] = layer[cluster].map(COLOURS)
    layer = _named(layer.to_crs(4326), "geometry")
    with replacing(path, overwrite=overwrite) as part:
        part.write_text(layer.to_json(drop_id=True, ensure_ascii=False), encoding="utf-8")


def style(column: str, labels, shape: str = "Polygon") -> str:
    """A QGIS style (QML): one colour per cluster."""
    symbol_type, layer_class = KINDS.get(shape, KINDS["Polygon"])
    root = ET.Element("qgis", version="3.28", styleCategories="Symbology")
    renderer = ET.SubElement(root, "renderer-v2", type="categorizedSymbol", attr=column)
    categories, symbols = ET.SubElement(renderer, "categories"), ET.SubElement(renderer, "symbols")
    for number, label in enumerate(labels):
        name = str(number)
        ET.SubElement(categories, "category", symbol=name, value=label, label=label, render="true", type="string")
        symbol = ET.SubElement(symbols, "symbol", name=name, type=symbol_type, alpha="1", clip_to_extent="1")
        layer = ET.SubElement(symbol, "layer", {"class": layer_class, "enabled": "1", "locked": "0", "pass": "0"})
        options = ET.SubElement(layer, "Option", type="Map")
        for key, value in _paint(COLOURS[label], symbol_type).items():
            ET.SubElement(options, "Option", name=key, value=value, type="QString")
    return "<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>\n" + ET.tostring(root, encoding="unicode")


def _paint(colour: str, symbol_type: str) -> dict[str, str]:
    if symbol_type == "line":
        return {"line_color": _rgba(colour), "line_width": "0.5", "line_width_unit": "MM"}
    paint = {"color": _rgba(colour), "style": "solid", "outline_color": _rgba(EDGE), "outline_style": "solid"}
    paint |= {"outline_width": "0.1", "outline_width_unit": "MM"}
    return paint | ({"name": "circle", "size": "2.4", "size_unit": "MM"} if symbol_type == "marker" else {})


def _rgba(colour: str) -> str:
    return ",".join(str(int(colour[i : i + 2], 16)) for i in (1, 3, 5)) + ",255"


def _add_style(path: Path, layer: str, geometry: str, qml: str) -> None:
    connection = sqlite3.connect(path)
    try:
        with connection:
            connection.execute(STYLES)
            connection.execute(
                "INSERT INTO layer_styles (f_table_catalog, f_table_schema, f_table_name, f_geometry_column,"
                " styleName, styleQML, styleSLD, useAsDefault, description, owner)"
                " VALUES ('', '', ?, ?, 'clusters', ?, '', 1, 'Clusters', '')",
                (layer, geometry, qml),
            )
            connection.execute(
                "INSERT INTO gpkg_contents (table_name, data_type, identifier, last_change, srs_id)"
                " VALUES ('layer_styles', 'attributes', 'layer_styles', strftime('%Y-%m-%dT%H:%M:%fZ', 'now'), 0)"
            )
    finally:
        connection.close()
