"""A map of any column: numbers in classes, text by its kinds, in the colors of the layers for QGIS."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from spillover.errors import SpatialInputError
from spillover.geometry import add_geometry
from spillover.language import phrase

from .geopackage import members
from .map import ABSENT, draw_class, projected, swatch
from .qml import EDGE, Class, classed
from .style import WIDTH, figure, legible, plain

if TYPE_CHECKING:
    import geopandas as gpd
    from matplotlib.axes import Axes


PALETTE = ("#4477aa", "#ee6677", "#228833", "#ccbb44", "#66ccee", "#aa3377", "#bbbbbb")  # Tol's, for the color-blind
HATCHES = ("", "/", ".", "\\", "x", "-", "+", "|", "o", "/-", "*", "\\|")  # of kinds: grey print
MANY = 12  # kinds of text that a legend holds


def choropleth(gdf: gpd.GeoDataFrame, values: pd.Series, ax: Axes | None = None, *, title: str | None = None) -> Axes:
    """Map a value of every unit: numbers in at most six classes, text by its kinds.

    Parameters
    ----------
    gdf : GeoDataFrame of polygons or points, indexed by unit
    values : Series indexed by unit, or name of a column of the map
        Units of the map without a value are drawn in grey.
    ax : matplotlib Axes, optional
    title : str, optional
        By default the values' name.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    SpatialInputError
        E101 units that the map lacks; E201 no value at all; E501 more than twelve kinds of text; E502 no such column.

    Examples
    --------
    >>> import shapefiles
    >>> ax = choropleth(shapefiles.load("columbus"), "CRIME")
    >>> len(ax.get_legend().get_texts())
    5
    """
    if isinstance(values, str):
        if values not in gdf:
            raise SpatialInputError("E502", f"the map has no column {values!r}", column=values,
                                    hint="its columns are " + ", ".join(map(str, gdf.columns[:12])))
        values = gdf[values]
    missing = values.index.difference(gdf.index, sort=False)
    if len(missing):
        raise SpatialInputError("E101", "the values have units that the map lacks", ids=list(missing),
                                hint="index the map by the same ids, as in gdf.set_index('state')")
    shapes = projected(gdf)
    values = values.reindex(gdf.index).reset_index(drop=True)
    kinds = classes(values)
    of = members(values, kinds)
    west, south, east, north = shapes.total_bounds
    height = WIDTH * min(max((north - south) / (east - west or 1.0), 0.3), 1.3)
    ax = ax if ax is not None else figure(WIDTH + 1.6, 0.6 + height)
    areas = bool(shapes.geom_type.isin(("Polygon", "MultiPolygon")).all())
    for kind in [None, *kinds]:
        here, color = shapes[[each is kind for each in of]], ABSENT if kind is None else kind.color
        if areas and len(here):
            draw_class(ax, here, color, "" if kind is None else kind.hatch * 3, edgecolor=EDGE, linewidth=0.3)
        elif len(here):
            add_geometry(ax, here, color=color, markersize=9)
    ax.set(xlim=(west, east), ylim=(south, north), aspect="equal", xticks=[], yticks=[])
    _legend(ax, kinds, absent=of.count(None))
    plain(ax, title=str(values.name) if title is None else title)
    ax.spines[:].set_visible(False)
    return legible(ax)


def classes(values) -> tuple[Class, ...]:
    """The classes of a column.

    Raises
    ------
    SpatialInputError
        E201 no value at all; E501 more than twelve kinds of text.
    """
    if not values.notna().any():
        raise SpatialInputError("E201", f"column {values.name!r} has no value", column=str(values.name),
                                hint="choose another column")
    if pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values):
        return classed(values)
    counts = values.dropna().astype(str).value_counts(sort=False).sort_index()
    if len(counts) > MANY:
        raise SpatialInputError("E501", f"column {values.name!r} has {len(counts)} kinds of text: too many for a "
                                f"legend (limit {MANY})", column=str(values.name), hint="choose a column of numbers")
    looks = zip(np.resize(PALETTE, len(counts)), np.resize(HATCHES, len(counts)))
    return tuple(Class(f"{kind} ({n})", str(color), kind, hatch=str(hatch))
                 for (kind, n), (color, hatch) in zip(counts.items(), looks))  # fmt: skip


def _legend(ax, kinds, *, absent: int) -> None:
    handles = [swatch(kind.color, kind.label, kind.hatch) for kind in kinds]
    handles += [swatch(ABSENT, phrase("no value ({n})", n=absent))] * bool(absent)
    ax.legend(handles=handles, frameon=False, loc="center left", bbox_to_anchor=(1, 0.5), fontsize=9)
