"""Polygons that touch within a tolerance, for borders that do not share vertices."""

from __future__ import annotations

from functools import cached_property

import numpy as np
import pandas as pd
from scipy import sparse

METRES_PER_DEGREE = 6371008.8 * np.pi / 180


class Space:
    """Shapes and their ids, with the scale of their coordinates: how many metres one unit is."""

    def __init__(self, shapes: np.ndarray, crs, ids=None):
        self.shapes, self.ids = shapes, pd.RangeIndex(len(shapes)) if ids is None else ids
        self.geographic = crs is not None and crs.is_geographic
        factor = crs.axis_info[0].unit_conversion_factor if crs is not None and crs.axis_info else 0.0
        self.unit = "m" if self.geographic or factor > 0 else "coordinate units"
        self.factor = factor if factor > 0 and not self.geographic else 1.0

    @cached_property
    def bounds(self) -> tuple[float, float, float, float]:
        """West, south, east and north of all shapes."""
        import shapely

        return tuple(shapely.total_bounds(self.shapes).tolist())

    def reach(self, metres: float) -> float:
        """A distance in coordinates that is at least ``metres`` wherever the shapes lie."""
        if not self.geographic:
            return metres / self.factor
        south, north = self.bounds[1], self.bounds[3]
        widest = np.cos(np.radians(min(max(abs(south), abs(north)), 89.0)))
        return metres / (METRES_PER_DEGREE * widest)

    def gaps(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        """Metres between shapes a_i and b_i (on longitude and latitude: where the map shows them closest)."""
        import shapely

        if not self.geographic:
            return shapely.distance(self.shapes[a], self.shapes[b]) * self.factor
        out = _metres(self.shapes[a], self.shapes[b])
        for pair, moved in self.around(a, b):
            out[pair] = np.minimum(out[pair], _metres(moved, self.shapes[b[pair]]))
        return out

    def around(self, a: np.ndarray, b: np.ndarray):
        """Pairs that lie on unlike sides of the antimeridian, and their shapes a moved by 360 degrees either way."""
        import shapely

        if self.geographic:
            west, _, east, _ = shapely.bounds(self.shapes).T
            far = np.flatnonzero((east[a] - west[b] > 180) | (east[b] - west[a] > 180))
            for turn in (-360.0, 360.0):
                if len(far):
                    yield far, shapely.transform(self.shapes[a[far]], lambda xy, turn=turn: xy + np.array([turn, 0.0]))


def _metres(a, b) -> np.ndarray:
    import shapely

    ends = shapely.get_coordinates(shapely.shortest_line(a, b)).reshape(-1, 2, 2)
    lon, lat = np.radians(ends[..., 0]), np.radians(ends[..., 1])
    x = (lon[:, 1] - lon[:, 0]) * np.cos(lat.mean(axis=1))
    return np.degrees(np.hypot(x, lat[:, 1] - lat[:, 0])) * METRES_PER_DEGREE


def within(space: Space, pattern: sparse.csr_array, metres: float, rule: str) -> sparse.csr_array:
    """The pattern of queen or rook contiguity, with pairs at most ``metres`` apart joined.

    Rook asks of such a pair a common stretch longer than it is wide: the part of one border that lies within the
    tolerance of the other must be longer than four tolerances (and than nothing, at tolerance 0).
    """
    a, b = close_pairs(space, metres)
    new = ~linked(pattern, a, b)
    a, b = a[new], b[new]
    if rule == "rook":
        long = _stretch(space, a, b, metres) > 4 * space.reach(metres)
        a, b = a[long], b[long]
    return with_pairs(pattern, a, b)


def linked(pattern: sparse.csr_array, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Whether the pattern holds each pair, (p,) bool."""
    return np.asarray(pattern[a, b]) != 0 if len(a) else np.zeros(0, bool)


def with_pairs(pattern: sparse.csr_array, a: np.ndarray, b: np.ndarray) -> sparse.csr_array:
    """The pattern with new pairs, both ways."""
    if not len(a):
        return pattern
    new = sparse.coo_array((np.ones(2 * len(a)), (np.r_[a, b], np.r_[b, a])), shape=pattern.shape).tocsr()
    return sparse.csr_array(pattern + new)


def close_pairs(space: Space, metres: float) -> tuple[np.ndarray, np.ndarray]:
    """Pairs a < b of shapes at most ``metres`` apart."""
    import shapely

    tree, reach = shapely.STRtree(space.shapes), space.reach(metres)

    def near(shapes):
        if reach > 0:
            return tree.query(shapes, predicate="dwithin", distance=reach)
        return tree.query(shapes, predicate="intersects")

    a, b = near(space.shapes)
    if space.geographic:
        west = np.flatnonzero(shapely.bounds(space.shapes)[:, 0] <= reach - 180)
        one, two = near(shapely.transform(space.shapes[west], lambda xy: xy + np.array([360.0, 0.0])))
        a, b = np.r_[a, west[one], two], np.r_[b, two, west[one]]
    a, b = np.unique(np.column_stack([a, b])[a < b], axis=0).T
    if space.geographic and len(a):
        close = space.gaps(a, b) <= metres
        a, b = a[close], b[close]
    return a, b


def nearest(space: Space, alone: np.ndarray, rank: np.ndarray) -> np.ndarray:
    """For each position in ``alone`` the nearest other shape; the lower rank on ties."""
    import shapely

    match, order = np.empty(len(alone), np.intp), np.argsort(rank)
    for k, i in enumerate(alone):
        others = order[order != i]
        this = np.full(len(others), i)
        flat = shapely.distance(space.shapes[i], space.shapes[others])
        for pair, moved in space.around(this, others):
            flat[pair] = np.minimum(flat[pair], shapely.distance(moved, space.shapes[others[pair]]))
        few = others[np.argsort(flat, kind="stable")[:50]]  # degrees and metres disagree on order only nearby
        match[k] = few[np.argmin(space.gaps(np.full(len(few), i), few))]
    return match


def _stretch(space: Space, a, b, metres) -> np.ndarray:
    """Length of the border of either that lies within the tolerance of the other, in coordinates."""
    import shapely

    reach = space.reach(metres)

    def length(one, two):
        two = shapely.buffer(two, reach) if reach > 0 else two
        return shapely.length(shapely.intersection(shapely.boundary(one), two))

    one, two = space.shapes[a], space.shapes[b]
    out = np.maximum(length(one, two), length(two, one))
    for pair, moved in space.around(a, b):
        out[pair] += np.maximum(length(moved, two[pair]), length(two[pair], moved))
    return out
