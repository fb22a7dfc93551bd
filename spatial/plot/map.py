"""A choropleth of all units' responses to a shock to one unit."""

from __future__ import annotations

from collections.abc import Hashable
from typing import TYPE_CHECKING

import numpy as np

from spillover.errors import SpatialInputError
from spillover.language import phrase, semicolons, stored

from .classes_of_units import ink
from .qml import EDGE
from .style import INK, LABEL, SOFT, WIDTH, figure, legible, plain

if TYPE_CHECKING:
    import geopandas as gpd
    import pandas as pd
    from matplotlib.axes import Axes

PALETTE = "RdBu"  # below zero red, above it blue: a colour has the same sign on every map
ENDS = (0.07, 0.93)  # of the palette; darker colours would hide borders
ABSENT = "#dddddd"
BELOW_ZERO = "...."  # where there are values of both signs: grey print does not tell the palette's ends apart
POWER = len(" (×10⁻³)")  # what a power of ten adds to the label
RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def response(gdf: gpd.GeoDataFrame, response: pd.Series, unit: Hashable | None = None, ax: Axes | None = None, *,
             label: str | None = None) -> Axes:
    """Map of every unit's response to a shock, such as ``effects.shock(unit, variable)``.

    The shocked unit is hatched, and left out of the colour scale since its own response is often many times
    larger than the others'; its value is written above. Geographic coordinates are drawn in an equal-area projection.

    Parameters
    ----------
    gdf : GeoDataFrame of polygons, indexed by unit
    response : Series, indexed by unit
        Units of the map without a value are drawn in grey.
    unit : id, optional
        The shocked unit.
    ax : matplotlib Axes, optional
    label : str, optional
        Title of the colour scale: what is measured, in which unit; by default the response in units of the outcome.

    Raises
    ------
    SpatialInputError
        E101 when the response has units that the map lacks, or ``unit`` is none of its units; E102 when either has
        a unit twice; E201 when no unit has a value; E203 when the response is not numeric; E404 when the map has
        other than polygons.

    Examples
    --------
    >>> import geopandas as gpd, pandas as pd, shapely
    >>> gdf = gpd.GeoDataFrame(index=["a", "b", "c"], geometry=[shapely.box(i, 0, i + 1, 1) for i in range(3)])
    >>> ax = response(gdf, pd.Series([1.0, 0.2, 0.1], index=list("abc")), unit="a")
    >>> [text.get_text() for text in ax.texts]
    ['a (hatched): 1, outside the colour scale']
    """
    _check(gdf, response, unit)
    label = phrase("Response, in units of the outcome") if label is None else label
    shapes = projected(gdf)
    values = response.reindex(gdf.index).to_numpy(dtype=float)
    shocked = gdf.index == unit if unit is not None else np.zeros(len(gdf), dtype=bool)
    coloured = np.isfinite(values) & ~shocked
    left, bottom, right, top = shapes.total_bounds
    ax = ax if ax is not None else _map_axes((top - bottom) / (right - left), 1 + (len(label) + POWER) // LABEL)

    draw_shapes(ax, shapes[~coloured & ~shocked], facecolor=ABSENT)
    drawn = draw_shapes(ax, shapes[coloured])
    drawn.set(array=values[coloured], **_scale(values[coloured]))
    if _both_signs(values[coloured]):
        draw_shapes(ax, shapes[coloured & (values < 0)], facecolor="none", edgecolor=SOFT, linewidth=0.0,
                    hatch=BELOW_ZERO)  # fmt: skip
    draw_shapes(ax, shapes[shocked], facecolor="white", edgecolor=INK, linewidth=1.3, hatch="//////", zorder=3)
    ax.set(xlim=(left, right), ylim=(bottom, top), aspect="equal", xticks=[], yticks=[])
    _colour_bar(ax, drawn, label)
    plain(ax, title=_title(response), note=_note(values, coloured, shocked, unit))
    ax.spines[:].set_visible(False)
    return legible(ax)


def _check(gdf, response, unit):
    for name, index in (("map", gdf.index), ("response", response.index)):
        if not index.is_unique:
            twice = list(index[index.duplicated()].unique())
            raise SpatialInputError("E102", f"the {name} has units twice", ids=twice,
                                    hint="one row per unit: dissolve parts of one unit")
    if response.dtype.kind not in "fiu":
        raise SpatialInputError("E203", f"the response must be numeric, not {response.dtype}",
                                hint="convert it with pd.to_numeric")
    missing = list(response.index.difference(gdf.index, sort=False))
    if missing:
        raise SpatialInputError("E101", "the response has units that the map lacks", ids=missing,
                                hint="index the map by the same ids, as in gdf.set_index('state')")  # fmt: skip
    if unit is not None and unit not in response.index:
        raise SpatialInputError("E101", f"unit={unit!r} is none of the response's units", ids=[unit],
                                hint="name a unit of the response")
    if not np.isfinite(response.drop(labels=[] if unit is None else [unit]).to_numpy(dtype=float)).any():
        raise SpatialInputError("E201", "no unit beside the shocked one has a value",
                                hint="give the response of all units")
    kinds = set(gdf.geom_type.dropna()) - {"Polygon", "MultiPolygon"}
    if kinds:
        raise SpatialInputError("E404", f"the map must be of polygons, not {sorted(kinds)}",
                                hint="use wt.knn(points, 4) for points")


def projected(gdf):
    """The shapes by position, as they are drawn."""
    shapes = gdf.geometry.reset_index(drop=True)
    return shapes.to_crs(_equal_area(shapes)) if gdf.crs is not None and gdf.crs.is_geographic else shapes


def _map_axes(ratio: float, lines: int):
    """An Axes as high as the map needs, with room for the title above, the colour scale and its label's lines below."""
    width, above, below, side = WIDTH - 0.2, 0.6, 0.5 + 0.15 * lines, 0.1
    height = width * min(ratio, 1.3)
    total = height + above + below
    ax = figure(height=total, layout=None)
    ax.set_position((side / WIDTH, below / total, width / WIDTH, height / total))
    return ax


def draw_shapes(ax, shapes, **style):
    """Polygons as one collection; holes, wound against their shells, stay open."""
    import shapely
    from matplotlib.collections import PathCollection
    from matplotlib.path import Path

    def path(shape):
        rings = shapely.get_rings(shapely.get_parts(shapely.normalize(shape)))
        return Path.make_compound_path(*(Path(shapely.get_coordinates(ring), closed=True) for ring in rings))

    style = {"edgecolor": "#b5b5b5", "linewidth": 0.4, "clip_on": False, **style}
    drawable = shapes[~(shapes.isna() | shapes.is_empty)]
    return ax.add_collection(PathCollection([path(shape) for shape in drawable], **style), autolim=False)


def draw_class(ax, shapes, color: str, hatch: str = "", **style) -> None:
    """The polygons of a class, its hatching in a colour that is seen on its own."""
    draw_shapes(ax, shapes, facecolor=color, **style)
    if hatch:
        draw_shapes(ax, shapes, facecolor="none", edgecolor=ink(color), linewidth=0.0, hatch=hatch)


def swatch(color: str, label: str, hatch: str = ""):
    """A patch of a legend that looks like the map."""
    from matplotlib.patches import Patch

    return Patch(facecolor=color, edgecolor=ink(color) if hatch else EDGE, hatch=(hatch * 3) or None, label=label)


def _scale(values) -> dict:
    """Symmetric about zero, or from zero to the largest when all have one sign, each sign in its own hue."""
    from matplotlib import colormaps
    from matplotlib.colors import LinearSegmentedColormap, Normalize

    low, high = min(values.min(), 0.0), max(values.max(), 0.0)
    if low < 0 < high:
        low, high = -max(-low, high), max(-low, high)
    elif low == high:  # nothing spills over
        high = 1.0
    part = np.linspace(ENDS[0] if low < 0 else 0.5, ENDS[1] if high > 0 else 0.5, 256)
    return {"cmap": LinearSegmentedColormap.from_list(PALETTE, colormaps[PALETTE](part)), "norm": Normalize(low, high)}


def _colour_bar(ax, drawn, label):
    """Below the map; long numbers have their power of ten in the label."""
    from matplotlib.transforms import ScaledTranslation, blended_transform_factory

    inches_below = ax.figure.dpi_scale_trans + ScaledTranslation(0, 0, ax.transAxes)
    place = blended_transform_factory(ax.transAxes, inches_below)
    inset = ax.inset_axes((0.2, -0.21, 0.6, 0.1), transform=place)
    bar = ax.figure.colorbar(drawn, cax=inset, orientation="horizontal")
    top = max(-drawn.norm.vmin, drawn.norm.vmax)
    power = 0 if 0.01 <= top < 1e4 else int(np.floor(np.log10(top)))
    bar.formatter = lambda value, _: f"{value / 10.0**power:g}".replace("-", "−")
    bar.outline.set_visible(False)
    bar.ax.tick_params(labelsize=9, color=SOFT, labelcolor=INK)
    bar.set_label(label + (f" (×10{str(power).translate(RAISED)})" if power else ""), fontsize=9, color=INK)


def _both_signs(values) -> bool:
    return bool((values < 0).any() and (values > 0).any())


def _title(response) -> str:
    name = str(response.name) if response.name is not None else phrase("Response")
    return stored(name[:1].upper() + name[1:])


def _note(values, coloured, shocked, unit) -> str:
    parts = []
    if shocked.any():
        value = f"{values[shocked][0]:.3g}".replace("-", "−")
        parts.append(phrase("{unit} (hatched): {value}, outside the colour scale", unit=unit, value=value))
    if _both_signs(values[coloured]):
        parts.append(phrase("dotted: below zero"))
    absent = int((~coloured & ~shocked).sum())
    if absent:
        parts.append(phrase("{n} without a value in grey", n=absent))
    return semicolons(parts)


def _equal_area(shapes) -> str:
    """An equal-area projection made for these bounds, in degrees: Albers with its parallels a sixth inside (Snyder
    1987, p. 99), Lambert's azimuthal across the equator and beside the poles, Equal Earth for the world."""
    west, south, east, north = shapes.total_bounds
    lon, lat = (west + east) / 2, (south + north) / 2
    if east - west > 180:
        return "+proj=eqearth"
    if not 15 <= abs(lat) <= 70 or south * north < 0:
        return f"+proj=laea +lat_0={lat} +lon_0={lon}"
    inside = (north - south) / 6
    return f"+proj=aea +lat_1={south + inside} +lat_2={north - inside} +lat_0={lat} +lon_0={lon}"
