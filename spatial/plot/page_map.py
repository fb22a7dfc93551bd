"""A map as SVG inside a page: every unit says its name and value, and the legend its classes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

import numpy as np
import pandas as pd

from spillover.language import phrase

from .geopackage import members
from .hatching import paint, patterns
from .map import ABSENT, projected
from .qml import EDGE, Class

SIZE = 1000  # of the drawing's longer side, in whole units: borders of neighbors are rounded alike
MANY = 60_000  # corners from which on borders are simplified, those of neighbors together
NICE = (1, 2, 5)


def page_map(gdf, values: pd.Series, classes: Sequence[Class], *, alt: str, readings: Mapping | None = None) -> str:
    """Markup of a map with a legend; all text in it is escaped.

    Parameters
    ----------
    gdf : GeoDataFrame of polygons or points, indexed by unit
    values : Series indexed by unit
        What the classes hold. Units without a value are grey.
    classes : tuple of Class
    alt : str
        The map in words.
    readings : mapping of unit to str, optional
        What is said of a unit under the pointer; by default its id and value.

    Returns
    -------
    str

    Examples
    --------
    >>> import geopandas as gpd, shapely
    >>> from .qml import classed
    >>> gdf = gpd.GeoDataFrame(index=["a", "b"], geometry=[shapely.box(i, 0, i + 1, 1) for i in range(2)])
    >>> text = page_map(gdf, pd.Series([1.0, 2.0], ["a", "b"]), classed([1.0, 2.0]), alt="Two squares")
    >>> text.count("<path"), "<title>a: 1</title>" in text
    (2, True)
    """
    shapes, values = simplified(projected(gdf)), values.reindex(gdf.index)
    kinds = members(values, classes)
    west, south, east, north = shapes.total_bounds
    scale = SIZE / (max(east - west, north - south) or 1.0)
    width, height = (round(side * scale) for side in (east - west, north - south))
    parts = []
    for unit, shape, kind in zip(gdf.index, shapes, kinds, strict=True):
        caption = readings.get(unit, str(unit)) if readings is not None else _reading(unit, values[unit])
        drawn = path_of(shape, west, north, scale)
        if drawn:
            color = ABSENT if kind is None else paint(kind)
            parts.append(f'<path d="{drawn}" fill="{color}"><title>{escape(caption)}</title></path>')
    absent = kinds.count(None)
    bar, room = _scale_bar(gdf, shapes, scale, width, height), 60
    return (f'<div class="map"><svg viewBox="-5 -5 {width + 10} {height + 10 + room * bool(bar)}" role="img" '
            f'aria-label="{escape(alt)}" tabindex="0">{patterns(classes)}<g fill-rule="evenodd" stroke="{EDGE}" '
            f'stroke-width="1">{"".join(parts)}</g>{bar}</svg><p class="reading" role="status"></p>'
            f'{legend_of(classes, absent)}</div>')  # fmt: skip


def simplified(shapes, most: int = MANY):
    """The shapes with fewer corners where there are very many; neighbors keep a common border."""
    import shapely

    polygons = shapes.geom_type.isin(("Polygon", "MultiPolygon")).all()
    if not polygons or shapely.get_num_coordinates(shapes.to_numpy()).sum() <= most:
        return shapes
    west, south, east, north = shapes.total_bounds
    fewer = shapely.coverage_simplify(shapes.to_numpy(), max(east - west, north - south) / SIZE)
    return type(shapes)(fewer, index=shapes.index, crs=shapes.crs)


def path_of(shape, west: float, north: float, scale: float) -> str:
    """Rings in whole units, each step relative to the one before; a point is a small square on its corner."""
    import shapely

    if shape is None or shape.is_empty:
        return ""
    rings = [shapely.get_coordinates(ring) for part in shapely.get_parts(shape)
             for ring in (shapely.get_rings(part) if part.geom_type == "Polygon" else [])]  # fmt: skip
    out = []
    for ring in rings:
        xy = np.rint((ring - (west, north)) * (scale, -scale)).astype(int)
        steps = np.diff(xy, axis=0)
        steps = steps[(steps != 0).any(axis=1)][:-1]  # the last leads home, which z says
        if len(steps) > 1:
            out.append(f"M{xy[0, 0]} {xy[0, 1]}l" + " ".join(f"{x} {y}" for x, y in steps) + "z")
    if not rings or not out:  # points, and areas smaller than a unit
        x, y = np.rint((np.array(shape.centroid.coords[0]) - (west, north)) * (scale, -scale)).astype(int)
        return f"M{x} {y - 6}l6 6 -6 6 -6 -6z" if not rings else f"M{x} {y}h1v1h-1z"
    return "".join(out)


def _scale_bar(gdf, shapes, scale: float, width: int, height: int) -> str:
    """A bar of a round number of kilometres, where the coordinates have a length."""
    if shapes.crs is None or shapes.crs.is_geographic:
        return ""
    metre = shapes.crs.axis_info[0].unit_conversion_factor
    most = width / scale * metre / 4
    power = 10.0 ** np.floor(np.log10(most))
    length = max(k * power for k in NICE if k * power <= most)
    pixels = round(length / metre * scale)
    words = phrase("{n} km", n=f"{length / 1000:g}") if length >= 1000 else phrase("{n} m", n=f"{length:g}")
    y = height + 24
    return (f'<path d="M0 {y}v8h{pixels}v-8" fill="none" stroke="#1f2328" stroke-width="2"/>'
            f'<text x="{pixels + 12}" y="{y + 11}" font-size="22">{words}</text>')


def legend_of(classes: Sequence[Class], absent: int) -> str:
    """The classes with their colors; how many units have no value."""
    rows = [*classes, *[Class(phrase("no value ({n})", n=absent), ABSENT)] * bool(absent)]
    items = "".join(
        f'<li><svg viewBox="0 0 28 28" aria-hidden="true"><rect width="28" height="28" fill="{paint(each)}" '
        f'stroke="{EDGE}" stroke-width="2"/></svg>{escape(each.label)}</li>' for each in rows
    )  # fmt: skip
    return f'<ul class="legend">{items}</ul>'


def _reading(unit, value) -> str:
    if value is None or value != value:
        return phrase("{unit}: {value}", unit=unit, value=phrase("no value"))
    return phrase("{unit}: {value}", unit=unit, value=f"{value:.4g}" if isinstance(value, float) else value)
