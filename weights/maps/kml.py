"""KML without a driver: placemarks with their names, data and shapes; links are refused, styles passed over."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

from spillover.errors import SpatialInputError
from spillover.text import decode


def read(path: Path, layer: str | None = None):
    """A GeoDataFrame of longitude and latitude: columns name, description and what ExtendedData holds, as text."""
    import geopandas

    text = decode(path.read_bytes(), name=path.name)
    if re.search(r"<!\s*(DOCTYPE|ENTITY)", text) or re.search(r"<(\w+:)?NetworkLink\b", text):
        raise SpatialInputError("E608", f"'{path.name}' refers to other places; a map must hold its own data",
                                hint="save the placemarks themselves, e.g. from Google Earth")
    try:
        root = ElementTree.fromstring(text)
    except ElementTree.ParseError as error:
        raise SpatialInputError("E602", f"'{path.name}' is not complete XML: {error}",
                                hint="copy or download it again") from error
    if _tag(root) != "kml":
        raise SpatialInputError("E602", f"'{path.name}' is not KML: its root is <{_tag(root)}>",
                                hint="export it as KML")
    folders = [e for e in root.iter() if _tag(e) == "Folder" and _child(e, "Placemark") is not None]
    names = [(_text(_child(e, "name")) or f"folder {i + 1}", e) for i, e in enumerate(folders)]
    if layer is not None and layer not in dict(names):
        raise SpatialInputError("E604", f"'{path.name}' has no layer {layer!r}",
                                hint=f"layers are {', '.join(n for n, _ in names)}" if names else "leave layer= out")
    if layer is None and len(names) > 1:
        raise SpatialInputError("E604", f"'{path.name}' holds {len(names)} layers",
                                hint=f"choose layer= from {', '.join(n for n, _ in names)}")
    source = root if layer is None else dict(names)[layer]
    try:
        rows = [_row(mark) for mark in source.iter() if _tag(mark) == "Placemark"]
    except (ValueError, IndexError) as error:
        raise SpatialInputError("E602", f"'{path.name}' has coordinates that cannot be read",
                                hint="export it again") from error
    if not rows:
        return geopandas.GeoDataFrame({"name": []})
    frame = geopandas.GeoDataFrame(rows, geometry="geometry", crs=4326)
    return frame.assign(**{name: _typed(frame[name]) for name in frame.columns.drop("geometry")})


def _typed(column):
    """KML has text alone: numbers where all values are some, and none is a code such as 0110."""
    import pandas as pd

    present = column.dropna().astype(str)
    number = r"[-+]?(?:0|[1-9]\d{0,14})(?:\.\d+)?(?:[eE][-+]?\d+)?|[-+]?\.\d+"
    return pd.to_numeric(column) if len(present) and present.str.fullmatch(number).all() else column


def _row(mark) -> dict:
    import shapely

    row = {"name": _text(_child(mark, "name")), "description": _text(_child(mark, "description"))}
    for item in mark.iter():
        if _tag(item) == "SimpleData":
            row[item.get("name", "")] = _text(item)
        elif _tag(item) == "Data":
            row[item.get("name", "")] = _text(_child(item, "value"))
    shapes = [_shape(e) for e in mark.iter() if _tag(e) in ("Polygon", "Point", "LineString")]
    row["geometry"] = _together(shapely, shapes)
    return row


def _together(shapely, shapes: list):
    """One geometry of a placemark's parts."""
    if len(shapes) < 2:
        return shapes[0] if shapes else None
    kinds = {s.geom_type for s in shapes}
    join = {"Polygon": shapely.multipolygons, "Point": shapely.multipoints, "LineString": shapely.multilinestrings}
    return join[kinds.pop()](shapes) if len(kinds) == 1 else shapely.geometrycollections(shapes)


def _shape(element):
    import shapely

    if _tag(element) == "Polygon":
        rings = [[_coordinates(e) for e in element.iter() if _tag(e) == side]
                 for side in ("outerBoundaryIs", "innerBoundaryIs")]
        return shapely.Polygon(rings[0][0], rings[1])
    return (shapely.Point if _tag(element) == "Point" else shapely.LineString)(_coordinates(element))


def _coordinates(element) -> list[tuple[float, float]]:
    """Longitude and latitude; heights are left out."""
    inner = next(e for e in element.iter() if _tag(e) == "coordinates")
    words = [word.split(",") for word in (inner.text or "").split()]
    if any(len(word) < 2 for word in words):
        raise ValueError("a coordinate without its pair")
    return [(float(word[0]), float(word[1])) for word in words]


def _tag(element) -> str:
    return str(element.tag).rpartition("}")[2]


def _child(element, tag: str):
    return next((e for e in element if _tag(e) == tag), None)


def _text(element) -> str | None:
    return None if element is None or element.text is None else element.text.strip()
