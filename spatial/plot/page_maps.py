"""Small maps of clusters side by side, one for each period, as one SVG inside a page.

The shapes stand in the page once; each small map is the same map in light grey with its clusters drawn over it.
"""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from zlib import crc32

import pandas as pd

from spillover.language import phrase

from ..explore._local import NOT_SIGNIFICANT
from .classes_of_units import COLOURS
from .hatching import paint, patterns
from .layer import classes_of, cluster_words
from .map import projected
from .page_map import legend_of, path_of, simplified

SIDE = 300  # of a small map's longer side, in whole units of the drawing
CORNERS = 8_000  # of all shapes together, from which on their borders are simplified


def page_maps(gdf, clusters: pd.DataFrame, *, alt: str, name: Callable[..., str] = str) -> str:
    """Markup of one small map for every column of ``clusters``, with one legend; all text in it is escaped.

    Parameters
    ----------
    gdf : GeoDataFrame of polygons or points, indexed by unit
    clusters : DataFrame of str, units by periods
        Labels of the classes of a local statistic.
    alt : str
        The maps in words.
    name : function
        What a unit is called.
    """
    shapes = simplified(projected(gdf), CORNERS)
    west, south, east, north = shapes.total_bounds
    scale = SIDE / (max(east - west, north - south) or 1.0)
    width, height = (round(side * scale) for side in (east - west, north - south))
    paths = {unit: path_of(shape, west, north, scale) for unit, shape in zip(gdf.index, shapes, strict=True)}
    classes = classes_of(clusters)
    key = f"m{crc32(alt.encode())}"
    shown = {each.value: each for each in classes if each.value != NOT_SIGNIFICANT}
    used = [unit for unit in paths if unit in clusters.index and clusters.loc[unit].isin(shown).any()]
    defs = "".join(f'<path id="{key}-{k}" d="{paths[unit]}"/>' for k, unit in enumerate(used))
    base = (f'<path id="{key}" d="{"".join(paths.values())}" fill="{COLOURS[NOT_SIGNIFICANT]}" stroke="#9a9a9a" '
            'stroke-width=".6"/>')  # fmt: skip
    box = f"-2 -2 {width + 4} {height + 4}"
    parts = []
    for period, labels in clusters.items():
        drawn = "".join(
            f'<use href="#{key}-{at}" fill="{paint(shown[labels[unit]])}"><title>'
            f"{escape(_reading(period, name(unit), labels[unit]))}</title></use>"
            for at, unit in enumerate(used) if labels[unit] in shown
        )  # fmt: skip
        named = escape(str(period))
        parts.append(f'<li><b>{named}</b><svg viewBox="{box}" role="img" aria-label="{named}" '
                     f'stroke="#5b5b5b" stroke-width=".8" fill-rule="evenodd"><use href="#{key}"/>{drawn}</svg></li>')
    return (f'<div class="maps" role="group" aria-label="{escape(alt)}"><svg class="shapes" aria-hidden="true">'
            f'{patterns(classes)}<defs fill-rule="evenodd">{base}{defs}</defs></svg><ol>{"".join(parts)}</ol>'
            f'{legend_of(classes, 0)}</div>')  # fmt: skip


def _reading(period, unit: str, cluster: str) -> str:
    return phrase("{period}, {unit}: {cluster}", period=period, unit=unit, cluster=cluster_words(cluster))
