"""Neighbors by the shape of the point pattern: Delaunay, Gabriel, relative neighbors, sphere of influence.

They need no cutoff and leave no unit alone. On longitude and latitude everything is done on the sphere. Units that
share a point (closer than a billionth of the extent of all) are refused unless ``coincident`` says what they are.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy import sparse

from spillover.errors import SpatialInputError, check_option
from spillover.labels import rank
from spillover.matrix.assemble import assemble
from spillover.matrix.weights import SpatialWeights

from . import _search
from ._points import Points, points
from .distance import refuse_coincident

if TYPE_CHECKING:
    from spillover.types import CrsLike, Ids, Places


def delaunay(data: Places, *, coincident: str = "error", seed: int = 1, ids: Ids | None = None,
             at: str | Places = "centroid", crs: CrsLike | None = None, metric: str | None = None) -> SpatialWeights:
    """Neighbors share an edge of the Delaunay triangulation (a border of Voronoi cells); every weight is 1.

    On longitude and latitude the triangles are those of the convex hull of the points on the sphere, without the
    facets that close it across the empty side of the globe. Where four points lie on one circle either diagonal may
    be drawn.

    Parameters
    ----------
    data, ids, at, crs, metric
        As in :func:`weights.inverse_distance`; "manhattan" has no such graph.
    coincident : {"error", "clique", "jitter"}
        Units that share a point: refuse them; link them to each other and all to the neighbors of their place; or move
        them apart at random, by up to a millionth of the extent of all.
    seed : int
        Of the jitter.

    Raises
    ------
    SpatialInputError
        E206 fewer than three points, or all on one line; E303 coincident points; E202, E401, E402, E403, E404, E405,
        E501.

    Examples
    --------
    >>> delaunay([[0, 0], [4, 0], [0, 4], [1, 1]], metric="planar").nnz
    12
    """
    p = _pattern(data, coincident, seed, ids, at, crs, metric)
    a, b = _triangulate(p)
    return _both_ways(p, a, b, "Delaunay")


def gabriel(data: Places, *, coincident: str = "error", seed: int = 1, ids: Ids | None = None,
            at: str | Places = "centroid", crs: CrsLike | None = None, metric: str | None = None) -> SpatialWeights:
    """i and j are neighbors when the circle on the segment ij as diameter holds no other point (Gabriel & Sokal 1969).

    A point on the circle counts as inside. Parameters and errors as in :func:`delaunay`.

    Examples
    --------
    >>> gabriel([[0, 0], [4, 0], [2, 1]], metric="planar").to_frame()[["focal", "neighbor"]].values.tolist()
    [[0, 2], [1, 2], [2, 0], [2, 1]]
    """
    p = _pattern(data, coincident, seed, ids, at, crs, metric)
    a, b = _gabriel(p.space, *_triangulate(p))
    return _both_ways(p, a, b, "Gabriel")


def relative_neighbor(data: Places, *, coincident: str = "error", seed: int = 1, ids: Ids | None = None,
                      at: str | Places = "centroid", crs: CrsLike | None = None,
                      metric: str | None = None) -> SpatialWeights:
    """i and j are neighbors unless some other point is nearer to both than they are to each other (Toussaint 1980).

    Parameters and errors as in :func:`delaunay`.

    Examples
    --------
    >>> relative_neighbor([[0, 0], [4, 0], [2, 3]], metric="planar").to_frame()[["focal", "neighbor"]].values.tolist()
    [[0, 2], [1, 2], [2, 0], [2, 1]]
    """
    p = _pattern(data, coincident, seed, ids, at, crs, metric)
    a, b = _gabriel(p.space, *_triangulate(p))  # its links are among Gabriel's
    keep = _empty_lune(p.space, a, b)
    return _both_ways(p, a[keep], b[keep], "relative neighbor")


def sphere_of_influence(data: Places, *, coincident: str = "error", seed: int = 1, ids: Ids | None = None,
                        at: str | Places = "centroid", crs: CrsLike | None = None,
                        metric: str | None = None) -> SpatialWeights:
    """i and j are neighbors when the circles around them through their nearest points meet: d_ij <= r_i + r_j.

    Avis & Horton (1985). Far clusters stay apart, so there may be several components. Parameters and errors as in
    :func:`delaunay`.

    Examples
    --------
    >>> sphere_of_influence([[0, 0], [1, 0], [9, 0], [10, 0]], metric="planar").components
    2
    """
    p = _pattern(data, coincident, seed, ids, at, crs, metric)
    radius = p.places.to_distance(_search.nearest_distance(p.space))
    row, col, straight = _search.within(p.space, p.places.to_straight(2 * radius.max()))
    keep = (row < col) & (p.places.to_distance(straight) <= (radius[row] + radius[col]) * (1 + _search.TIE))
    return _both_ways(p, row[keep], col[keep], "sphere of influence")


@dataclass(frozen=True)
class Pattern:
    """Distinct places, and the units at each."""

    places: Points  # ids are positions
    units: Points
    place: np.ndarray  # (n,): the place of each unit
    notes: tuple[str, ...]

    @property
    def space(self) -> np.ndarray:
        return self.places.space

    @property
    def metric(self) -> str:
        return self.places.metric


def _pattern(data, coincident, seed, ids, at, crs, metric) -> Pattern:
    """The points of the units, at distinct places."""
    check_option("coincident", coincident, ("error", "clique", "jitter"))
    if metric == "manhattan":
        raise SpatialInputError("E501", "these graphs are defined by circles, not by Manhattan distance",
                                hint="leave metric= out, or use wt.knn(..., metric='manhattan')")
    p = points(data, ids=ids, at=at, crs=crs, metric=metric)
    groups = _search.coincident(p.space) if p.n > 1 else []
    if groups and coincident == "error":
        refuse_coincident(p, "for a triangulation", "coincident='clique' or 'jitter'")
    place = np.arange(p.n)
    notes: tuple[str, ...] = ()
    if groups and coincident == "jitter":
        p = _moved(p, np.concatenate(groups), seed)
        notes = (f"{sum(map(len, groups))} units that share a point moved apart at random (seed {seed})",)
    elif groups:
        for group in groups:
            place[group] = group.min()
        notes = (f"{sum(map(len, groups))} units that share a point linked to each other and to all neighbors there",)
    first, place = np.unique(place, return_inverse=True)
    places = replace(p, xy=p.xy[first], ids=pd.RangeIndex(len(first)))
    if places.n < 3:
        raise SpatialInputError("E206", f"a point pattern needs at least 3 different points, but there are {places.n}",
                                n=places.n, hint="use wt.knn")
    return Pattern(places, p, place.ravel(), notes)


def _moved(p: Points, who: np.ndarray, seed: int) -> Points:
    """Units ``who`` at random places near theirs, whatever the order of rows: numbers are drawn in the order of ids."""
    who = who[np.argsort(rank(p.ids)[who])]
    step = 1e-6 * np.ptp(p.xy, axis=0).max() * np.random.default_rng(seed).uniform(-1, 1, (len(who), 2))
    xy = p.xy.copy()
    xy[who] += step
    if p.metric == "great-circle":
        xy[:, 1] = np.clip(xy[:, 1], -90, 90)
    return replace(p, xy=xy)


def _both_ways(p: Pattern, a, b, name: str) -> SpatialWeights:
    """Links between places a and b, and between all units of one place, as weights."""
    m, units = p.places.n, p.units
    link = sparse.coo_array((np.ones(2 * len(a)), (np.r_[a, b], np.r_[b, a])), shape=(m, m))
    if m < units.n:
        member = sparse.csr_array((np.ones(units.n), (np.arange(units.n), p.place)), shape=(units.n, m))
        link = member @ (link.tocsr() + sparse.eye_array(m)) @ member.T
        link = (link - sparse.eye_array(units.n)).tocoo()
    row, col = link.tocoo().coords
    keep = link.tocoo().data > 0
    return assemble(row[keep], col[keep], 1.0, units.ids, f"{name} ({units.words})", unit=units.header, notes=p.notes)


def _triangulate(p: Pattern) -> tuple[np.ndarray, np.ndarray]:
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
    edge = np.repeat(np.arange(len(a)), [len(group) for group in near])
    third = np.concatenate([np.asarray(group, np.intp) for group in near]) if len(edge) else np.empty(0, np.intp)
    inside = (third != a[edge]) & (np.sqrt(((space[third] - space[b[edge]]) ** 2).sum(axis=1)) < inner[edge])
    return ~np.isin(np.arange(len(a)), edge[inside])
