"""Maps of local statistics as GeoPackages that QGIS opens already coloured."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from xml.etree import ElementTree as ET

from spillover.errors import SpatialInputError
from spillover.files import replacing
from spillover.ids import positions

from .plot import COLOURS, EDGE

# The table in which QGIS keeps styles inside a GeoPackage.
STYLES = """
CREATE TABLE layer_styles (
  id INTEGER PRIMARY KEY AUTOINCREMENT, f_table_catalog TEXT(256), f_table_schema TEXT(256),
  f_table_name TEXT(256), f_geometry_column TEXT(256), styleName TEXT(30), styleQML TEXT, styleSLD TEXT,
  useAsDefault BOOLEAN, description TEXT, owner TEXT(30), ui TEXT(30),
  update_time DATETIME DEFAULT CURRENT_TIMESTAMP)
"""
KINDS = {"Polygon": ("fill", "SimpleFill"), "Point": ("marker", "SimpleMarker"), "LineString": ("line", "SimpleLine")}


def write_gpkg(result, map, path, *, overwrite=False) -> None:
    """Write the map with the result's columns, and a default style that colours the clusters.

    A column whose name the map already uses (case aside, as in SQL) is written with the prefix "local_".

    Raises
    ------
    SpatialInputError
        E101 when map and result have different units; E501 for another suffix than .gpkg; E603, E605.
    """
    path = Path(path)
    if path.suffix.lower() != ".gpkg":
        message = f"'{path.name}': a style can be kept in a GeoPackage only"
        raise SpatialInputError("E501", message, hint="name it .gpkg")
    frame = result.to_frame()
    for column in frame.select_dtypes("category"):
        frame[column] = frame[column].astype(object)
    taken = {str(c).lower() for c in map.columns}
    frame = frame.rename(columns={c: f"local_{c}" for c in frame if c.lower() in taken})
    cluster = "local_cluster" if "cluster" in taken else "cluster"
    joined = map.iloc[positions(map.index, frame.index, what="the map")].join(frame)
    if joined.index.name is None and "id" not in taken:
        joined.index.name = "id"
    with replacing(path, overwrite=overwrite) as part:
        joined.to_file(part, driver="GPKG", layer=path.stem, index=joined.index.name is not None)
        labels = [label for label, n in result.frame["cluster"].value_counts(sort=False).items() if n]
        shape = joined.geometry.iloc[0].geom_type.removeprefix("Multi")
        _add_style(part, path.stem, joined.geometry.name, style(cluster, labels, shape))


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
