"""Neighbours by the shape of the point pattern: Delaunay, Gabriel, relative neighbours, sphere of influence.

They need no cutoff and leave no unit alone. On longitude and latitude everything is done on the sphere.
"""

from __future__ import annotations

import numpy as np

from spillover.errors import SpatialInputError
from spillover.matrix.assemble import assemble
from spillover.matrix.weights import SpatialWeights

from . import _search
from ._points import Points, points
from .distance import refuse_coincident


def delaunay(data, *, ids=None, at="centroid", crs=None, metric: str | None = None) -> SpatialWeights:
    """Neighbours share an edge of the Delaunay triangulation (a border of Voronoi cells); every weight is 1.

    On longitude and latitude the triangles are those of the convex hull of the points on the sphere, without the
    facets that close it across the empty side of the globe. Where four points lie on one circle either diagonal may
    be drawn. Parameters as in :func:`weights.inverse_distance`.

    Raises
    ------
    SpatialInputError
        E206 fewer than three points, or all on one line; E303 coincident points; E401, E402, E403, E405.

    Examples
    --------
    >>> delaunay([[0, 0], [4, 0], [0, 4], [1, 1]], metric="planar").nnz
    12
    """
    p = _pattern(data, ids, at, crs, metric)
    a, b = _triangulate(p)
    return _both_ways(p, a, b, "Delaunay")


def gabriel(data, *, ids=None, at="centroid", crs=None, metric: str | None = None) -> SpatialWeights:
    """i and j are neighbours when the circle on the segment ij as diameter holds no other point (Gabriel & Sokal 1969).

    A point on the circle counts as inside. Parameters and errors as in :func:`delaunay`.

    Examples
    --------
    >>> gabriel([[0, 0], [4, 0], [2, 1]], metric="planar").to_frame()[["focal", "neighbor"]].values.tolist()
    [[0, 2], [1, 2], [2, 0], [2, 1]]
    """
    p = _pattern(data, ids, at, crs, metric)
    a, b = _gabriel(p.space, *_triangulate(p))
    return _both_ways(p, a, b, "Gabriel")


def relative_neighbor(data, *, ids=None, at="centroid", crs=None, metric: str | None = None) -> SpatialWeights:
    """i and j are neighbours unless some other point is nearer to both than they are to each other (Toussaint 1980).

    Parameters and errors as in :func:`delaunay`.

    Examples
    --------
    >>> relative_neighbor([[0, 0], [4, 0], [2, 3]], metric="planar").to_frame()[["focal", "neighbor"]].values.tolist()
    [[0, 2], [1, 2], [2, 0], [2, 1]]
    """
    p = _pattern(data, ids, at, crs, metric)
    a, b = _gabriel(p.space, *_triangulate(p))  # its links are among Gabriel's
    keep = _empty_lune(p.space, a, b)
    return _both_ways(p, a[keep], b[keep], "relative neighbor")


def sphere_of_influence(data, *, ids=None, at="centroid", crs=None, metric: str | None = None) -> SpatialWeights:
    """i and j are neighbours when the circles around them through their nearest points meet: d_ij <= r_i + r_j.

    Avis & Horton (1985). Far clusters stay apart, so there may be several components. Parameters and errors as in
    :func:`delaunay`.

    Examples
    --------
    >>> sphere_of_influence([[0, 0], [1, 0], [9, 0], [10, 0]], metric="planar").components
    2
    """
    p = _pattern(data, ids, at, crs, metric)
    radius = p.to_distance(_search.nearest_distance(p.space))
    row, col, straight = _search.within(p.space, p.to_straight(2 * radius.max()))
    keep = (row < col) & (p.to_distance(straight) <= (radius[row] + radius[col]) * (1 + _search.TIE))
    return _both_ways(p, row[keep], col[keep], "sphere of influence")


def _pattern(data, ids, at, crs, metric) -> Points:
    p = points(data, ids=ids, at=at, crs=crs, metric=metric)
    if p.n < 3:
        raise SpatialInputError("E206", f"a point pattern needs at least 3 units, but there are {p.n}", n=p.n)
    refuse_coincident(p, "for a triangulation", "other representative points with at=")
    return p


def _both_ways(p: Points, a, b, name: str) -> SpatialWeights:
    return assemble(np.r_[a, b], np.r_[b, a], 1.0, p.ids, f"{name} ({p.words})", unit=p.header)


def _triangulate(p: Points) -> tuple[np.ndarray, np.ndarray]:
    """Edges a < b of the Delaunay triangulation."""
    from scipy.spatial import ConvexHull, Delaunay, QhullError

    try:
        if p.metric == "planar":
            triangles = Delaunay(p.space - p.space.mean(axis=0)).simplices
        else:
            hull = ConvexHull(p.space)
            triangles = hull.simplices[hull.equations[:, -1] < 0]  # the sphere's centre lies behind them
    except QhullError as error:
        raise SpatialInputError("E206", "the points lie on one line (or on too few places) and cannot be triangulated",
                                hint="use wt.knn") from error
    edges = np.sort(np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [0, 2]]]), axis=1)
    edges = np.unique(edges, axis=0)
    return edges[:, 0], edges[:, 1]


def _gabriel(space, a, b):
    """Edges whose ball (the segment its diameter) is empty; on the sphere that ball cuts out the right cap."""
    from scipy.spatial import cKDTree

    radius = np.sqrt(((space[a] - space[b]) ** 2).sum(axis=1)) / 2
    distance, who = cKDTree(space).query((space[a] + space[b]) / 2, k=3)
    other = (who != a[:, None]) & (who != b[:, None])
    keep = ~(other & (distance <= radius[:, None] * (1 + _search.TIE))).any(axis=1)
    return a[keep], b[keep]


def _empty_lune(space, a, b) -> np.ndarray:
    """Whether no third point is nearer to both ends than they are to each other."""
    from scipy.spatial import cKDTree

    straight = np.sqrt(((space[a] - space[b]) ** 2).sum(axis=1))
    inner = straight * (1 - _search.TIE)
    near = cKDTree(space).query_ball_point(space[a], inner)
    edge = np.repeat(np.arange(len(a)), [len(found) for found in near])
    third = np.concatenate([np.asarray(found, np.intp) for found in near]) if len(edge) else np.empty(0, np.intp)
    inside = (third != a[edge]) & (np.sqrt(((space[third] - space[b[edge]]) ** 2).sum(axis=1)) < inner[edge])
    return ~np.isin(np.arange(len(a)), edge[inside])
