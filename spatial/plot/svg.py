"""A small picture of polygons as SVG text: for notebooks, without matplotlib."""

from __future__ import annotations

from html import escape

import numpy as np

from .map import ABSENT, projected

DETAIL = 0.75  # pixels; what is smaller is not drawn


def picture(shapes, colors, *, title: str = "", width: int = 240) -> str:
    """Polygons in their colors; None is grey.

    Examples
    --------
    >>> import geopandas, shapely
    >>> cells = geopandas.GeoSeries([shapely.box(0, 0, 1, 1), shapely.box(1, 0, 2, 1)])
    >>> picture(cells, ["#ff0000", None], width=20).count("<path")
    2
    """
    import shapely

    flat = projected(shapes.to_frame("geometry").set_geometry("geometry"))
    west, south, east, north = flat.total_bounds
    scale = width / max(east - west, north - south)
    drawn = shapely.simplify(flat.to_numpy(), DETAIL / scale, preserve_topology=False)
    paths = []
    for shape, color in zip(drawn, colors, strict=True):
        rings = shapely.get_rings(shapely.get_parts(shape)) if shape is not None else []
        parts = []
        for ring in rings:
            xy = shapely.get_coordinates(ring)
            points = np.round(np.column_stack([xy[:, 0] - west, north - xy[:, 1]]) * scale, 1)
            parts.append("M" + "L".join(f"{x:g} {y:g}" for x, y in points) + "Z")
        if parts:
            paths.append(f'<path d="{"".join(parts)}" fill="{color or ABSENT}" fill-rule="evenodd"/>')
    w, h = (east - west) * scale, (north - south) * scale
    return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{w:.0f}" height="{h:.0f}" viewBox="0 0 {w:.0f} {h:.0f}" '
            f'stroke="#5b5b5b" stroke-width="0.3" role="img"><title>{escape(title)}</title>{"".join(paths)}</svg>')
