"""Contiguity weighted by how long the common border is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from spillover.matrix.assemble import from_csr
from spillover.matrix.weights import SpatialWeights

from ._points import arc, unit_sphere
from .adjacency import links as _links
from .adjacency import meeting as _meeting
from .adjacency import touch as _touch
from .adjacency import vertices as _vertices
from .contiguity import check_snap, polygons, warn_invalid

if TYPE_CHECKING:
    from spillover.types import Ids, Map


def border_length(map: Map, *, share: bool = False, ids: Ids | None = None, snap: float | str | None = "auto",
                  method: str | None = None) -> SpatialWeights:
    """w_ij is the length of the border that i and j have in common.

    In kilometres along great circles on longitude and latitude, else in the coordinates' unit. What is common border
    is as in :func:`weights.rook`: shared edges, and the pieces of other edges between the same vertices. Polygons that
    only overlap have no common border, and so no link.

    Parameters
    ----------
    map : GeoDataFrame or GeoSeries of polygons
    share : bool
        Divide by the perimeter of i, holes included (Cliff & Ord 1981): what part of i's border is with j. Coasts and
        outer borders count in the perimeter, so rows need not sum to one.
    ids : str or sequence, optional
    snap, method
        As in :func:`weights.queen`. Where two polygons draw a piece of border apart, its length is the mean of both.

    Raises
    ------
    SpatialInputError
        E401, E404, E101, E102, E501.

    Examples
    --------
    >>> import geopandas, shapely
    >>> pair = geopandas.GeoSeries([shapely.box(0, 0, 1, 2), shapely.box(1, 0, 3, 2)])
    >>> border_length(pair, share=True).csr.toarray().round(3)
    array([[0.   , 0.333],
           [0.25 , 0.   ]])
    """
    import shapely

    snap = check_snap(snap, method)
    shapes, index, begin = polygons(map, ids)
    space = _touch.Space(shapes, map.crs, index)
    edge = _vertices.edges(shapes, begin, geographic=space.geographic)
    xy = shapely.get_coordinates(shapes)
    length = _lengths(xy[edge.start], xy[edge.start + 1], space.geographic)
    exact, unmatched = _meeting.shared_length(edge.ends, edge.first, length)
    links = _links.Links(exact)
    ends = _vertices.at_ends(unmatched, edge, shapes, begin)
    _links.refuse_infinite_border(ends, space)
    warn_invalid(shapes, index, ends.few)
    if snap is not None:
        links = _links.lengthened(exact, ends, space, snap, lambda tail, head: _lengths(tail, head, space.geographic))
    if share:
        perimeter = np.add.reduceat(length, edge.first[:-1])
        links.csr.data /= np.repeat(perimeter, np.diff(links.csr.indptr))
    kind = "share of perimeter" if share else "length of common border"
    unit = "great-circle, km" if space.geographic else None
    return from_csr(links.csr, index, kind, unit=unit, notes=_links.note(links, space))


def _lengths(tail, head, geographic) -> np.ndarray:
    """Length of edges from tail to head, (m, 2) each."""
    if not geographic:
        return np.sqrt(((head - tail) ** 2).sum(axis=1))
    return arc(np.sqrt(((unit_sphere(head) - unit_sphere(tail)) ** 2).sum(axis=1)))
