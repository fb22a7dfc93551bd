"""Borders that will mislead contiguity: what is wrong with a map, pair by pair."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from spillover import labels as _labels
from spillover.errors import SpatialInputError
from spillover.values import one_number

from ._points import refuse_infinite
from .adjacency import links as _links
from .adjacency import touch as _touch
from .adjacency import vertices as _vertices
from .adjacency.joined import OVERLAPPING, T_JUNCTION
from .contiguity import check_snap

if TYPE_CHECKING:
    from spillover.types import Ids, Map

COLUMNS = ["problem", "a", "b", "size", "unit", "detail"]


def audit(map: Map, *, ids: Ids | None = None, tolerance: float | None = None,
          snap: float | str | None = "auto") -> pd.DataFrame:
    """Report suspect units and pairs before contiguity is trusted.

    ==================  ==========================================================  ===================
    problem             what                                                        size
    ==================  ==========================================================  ===================
    missing             no geometry, or an empty one
    not a polygon       a point, a line, a collection
    invalid             a border crosses itself, a hole lies outside, ...
    duplicate           two units with the same polygon
    overlap             two polygons share area                                     area in common
    T-junction          a vertex of one lies on an edge of the other                common length
    sliver              likewise, but beside the edge, by less than the snap        gap
    snapped             common vertices differ by less than the snap                gap
    borders cross       they overlap deeper than the snap                           area in common
    no common vertex    they touch, but neither vertices nor edges can be matched
    nearly touching     a gap up to ``tolerance``, wider than the snap              gap
    ==================  ==========================================================  ===================

    Contiguity joins the pairs under T-junction, sliver, snapped and borders cross, though they share no vertices (or no
    edge) bit for bit; it does not join those under no common vertex and nearly touching.

    Parameters
    ----------
    map : GeoDataFrame or GeoSeries
    ids : str or sequence, optional
    tolerance : float, optional
        Widest gap to report, in metres (coordinate units without a coordinate system). Default: a thousandth of the
        median extent of the units.
    snap : "auto" or float
        As in :func:`weights.queen`.

    Returns
    -------
    DataFrame
        problem, a, b (None for single units), size, unit, detail. Empty if nothing was found. Areas are in the square
        of the coordinates' unit, lengths in that unit.

    Examples
    --------
    >>> import geopandas, shapely
    >>> gap = geopandas.GeoSeries([shapely.box(0, 0, 1, 1), shapely.box(1.0005, 0, 2, 1)], index=["a", "b"])
    >>> audit(gap)[["problem", "a", "b", "size"]].round(6).values.tolist()
    [['nearly touching', 'a', 'b', 0.0005]]
    """
    import shapely

    if not hasattr(map, "geometry"):
        raise SpatialInputError("E404", f"a GeoDataFrame of polygons is needed, not {type(map).__name__}",
                                hint="use wt.knn(points, 4) for points")
    tolerance, snap = one_number("tolerance", tolerance, least=0, optional=True), check_snap(snap, None)
    index = _labels.frame_ids(map, ids)
    shapes = np.asarray(map.geometry.array)
    absent = shapely.is_missing(shapes) | shapely.is_empty(shapes)
    refuse_infinite(shapes[~absent], index[~absent])
    other = ~absent & ~np.isin(shapely.get_type_id(shapes), (3, 6))
    invalid = ~absent & ~other & ~shapely.is_valid(shapes)
    rows: list[tuple] = [("missing", i, None, np.nan, "", "") for i in np.flatnonzero(absent)]
    rows += [("not a polygon", i, None, np.nan, "", shapes[i].geom_type) for i in np.flatnonzero(other)]
    rows += [("invalid", i, None, np.nan, "", shapely.is_valid_reason(shapes[i])) for i in np.flatnonzero(invalid)]
    sound = np.flatnonzero(~absent & ~other)
    if len(sound):
        space = _touch.Space(np.where(invalid, shapely.make_valid(shapes), shapes)[sound], map.crs, index[sound])
        rows += [(problem, sound[a], sound[b], *rest) for problem, a, b, *rest in _pairs(space, tolerance, snap)]
    rows = [(problem, index[a], None if b is None else index[b], *rest) for problem, a, b, *rest in rows]
    table = pd.DataFrame(rows, columns=COLUMNS, dtype=object)  # so that None stays None
    return table.astype({"size": float})


def _pairs(space: _touch.Space, tolerance, snap):
    """Findings about two polygons each, by position."""
    import shapely

    if tolerance is None:
        size = np.sqrt(np.median(shapely.area(shapely.envelope(space.shapes))))
        tolerance = 1e-3 * size * (_touch.METRES_PER_DEGREE if space.geographic else space.factor)
    space.shapes = _polygons_only(space.shapes)
    links = _links.without_common_vertices(space, _vertices.offsets(shapely.get_num_coordinates(space.shapes)), snap)
    a, b = _touch.close_pairs(space, tolerance)
    one, two = space.shapes[a], space.shapes[b]
    gap = space.gaps(a, b)
    same = shapely.equals(one, two)
    area = np.zeros(len(a))
    touching = (gap == 0) & ~same
    area[touching] = shapely.area(shapely.intersection(one[touching], two[touching]))
    overlap = area > 1e-9 * np.minimum(shapely.area(one), shapely.area(two))
    how = _how_joined(links.more, a, b, len(space.shapes))
    for k in np.flatnonzero(same):
        yield "duplicate", a[k], b[k], np.nan, "", ""
    for k in np.flatnonzero(overlap):
        problem = "borders cross" if how[k] == OVERLAPPING else "overlap"
        yield problem, a[k], b[k], float(area[k]), "square coordinate units", ""
    for k in np.flatnonzero(touching & ~overlap & ~_touch.linked(links.csr, a, b) & (how < 0)):
        yield "no common vertex", a[k], b[k], 0.0, space.unit, ""
    for k in np.flatnonzero((gap > 0) & (how < 0)):
        yield "nearly touching", a[k], b[k], float(gap[k]), space.unit, ""
    yield from _joined_pairs(space, links.more)


def _joined_pairs(space, more):
    """What contiguity joins at T-junctions and by the snap."""
    rounding = 16 * np.finfo(float).eps * max(map(abs, space.bounds))
    for a, b, how, gap, length in zip(more.a, more.b, more.how, more.gap.tolist(), more.length.tolist(), strict=True):
        if how == T_JUNCTION and gap <= rounding:
            yield "T-junction", a, b, length, "coordinate units", "" if length else "at a point"
        elif how != OVERLAPPING:
            size, unit = (gap, "degrees") if space.geographic else (gap * space.factor, space.unit)
            yield "sliver" if how == T_JUNCTION else "snapped", a, b, size, unit, ""


def _how_joined(more, a, b, n) -> np.ndarray:
    """How each pair is joined without common vertices; -1 where it is not."""
    key, wanted = more.a * n + more.b, a * n + b
    at = np.searchsorted(key, wanted)
    out = np.full(len(a), -1)
    match = at < len(key)
    match[match] = key[at[match]] == wanted[match]
    out[match] = more.how[at[match]]
    return out


def _polygons_only(shapes: np.ndarray) -> np.ndarray:
    """Repaired shapes may have become collections: keep their polygons."""
    import shapely

    out = shapes.copy()
    for i in np.flatnonzero(~np.isin(shapely.get_type_id(shapes), (3, 6))):
        parts = [p for p in shapely.get_parts(shapes[i]) if p.geom_type in ("Polygon", "MultiPolygon")]
        out[i] = shapely.union_all(parts)
    return out
