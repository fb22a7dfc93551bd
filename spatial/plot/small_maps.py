"""Small maps of clusters side by side, one for each period, as a figure."""

from __future__ import annotations

import pandas as pd

from spillover.geometry import add_geometry

from .classes_of_units import COLOURS, HATCHES
from .layer import classes_of
from .map import draw_class, projected, swatch
from .qml import EDGE
from .style import INK, figure, legible

ACROSS = 4  # maps in a row
SIDE = 1.9  # inches of a map's longer side


def cluster_maps(gdf, clusters: pd.DataFrame, *, title: str):
    """One map for every column of ``clusters``, with one legend below.

    Parameters
    ----------
    gdf : GeoDataFrame of polygons, indexed by unit
    clusters : DataFrame of str, units by periods
        Labels of the classes of a local statistic.
    title : str

    Returns
    -------
    matplotlib Axes
        Without a frame of its own; the maps are inside it.
    """
    shapes = projected(gdf)
    west, south, east, north = shapes.total_bounds
    ratio = (north - south) / (east - west or 1.0)
    columns = min(ACROSS, clusters.shape[1])
    rows, classes = -(-clusters.shape[1] // columns), classes_of(clusters)
    height = rows * (SIDE * min(ratio, 1.3) + 0.25)
    below = 0.3 + 0.22 * -(-len(classes) // 2)
    total = height + below + 0.4
    ax = figure(columns * SIDE + 0.3, total, layout=None)
    ax.set_position((0, 0, 1, 1))
    ax.set_axis_off()
    for k, (period, labels) in enumerate(clusters.items()):
        row, column = divmod(k, columns)
        top = 1 - (0.4 + (row + 1) * height / rows) / total
        part = ax.inset_axes((0.01 + column * 0.98 / columns, top, 0.96 / columns, (height / rows - 0.25) / total))
        for each in classes:
            here = shapes[(labels.reindex(gdf.index) == each.value).to_numpy()]
            if len(here):
                _draw(part, here, str(each.value))
        part.set(xlim=(west, east), ylim=(south, north), aspect="equal", xticks=[], yticks=[])
        part.spines[:].set_visible(False)
        part.set_title(str(period), loc="left", fontsize=9, color=INK, pad=2)
    handles = [swatch(each.color, each.label, each.hatch) for each in classes]
    ax.legend(handles=handles, ncols=2, frameon=False, loc="lower left", bbox_to_anchor=(0.01, 0.0),
              fontsize=9)  # fmt: skip
    ax.text(0.01, 1 - 0.12 / total, title, va="top", fontsize=10.5, fontweight="bold", color=INK)
    return legible(ax)


def _draw(ax, shapes, label: str) -> None:
    """Shapes of a class; where they are neither areas nor hatched, in their colour alone."""
    if shapes.geom_type.isin(("Polygon", "MultiPolygon")).all():
        draw_class(ax, shapes, COLOURS[label], HATCHES.get(label, "") * 5, edgecolor=EDGE, linewidth=0.2)
    else:
        add_geometry(ax, shapes, color=COLOURS[label], markersize=4)
