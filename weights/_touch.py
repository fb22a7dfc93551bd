"""Polygons that touch within a tolerance, for borders that do not share vertices."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from spillover.matrix.weights import cells

METRES_PER_DEGREE = 6371008.8 * np.pi / 180


class Space:
    """Shapes with the scale of their coordinates: how many metres one unit is."""

    def __init__(self, shapes: np.ndarray, crs):
        self.shapes = shapes
        self.geographic = crs is not None and crs.is_geographic
        axis = crs.axis_info[0] if crs is not None and crs.axis_info else None
        metric = self.geographic or (axis is not None and axis.unit_conversion_factor > 0)
        self.unit = "m" if metric else "coordinate units"
        self.factor = axis.unit_conversion_factor if metric and not self.geographic else 1.0

    def reach(self, metres: float) -> float:
        """A distance in coordinates that is at least ``metres`` wherever the shapes lie."""
        import shapely

        if not self.geographic:
            return metres / self.factor
        south, north = shapely.total_bounds(self.shapes)[[1, 3]]
        widest = np.cos(np.radians(min(max(abs(south), abs(north)), 89.0)))
        return metres / (METRES_PER_DEGREE * widest)

    def gaps(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        """Metres between shapes a_i and b_i (on longitude and latitude: where the map shows them closest)."""
        import shapely

        a, b = self.shapes[a], self.shapes[b]
        if not self.geographic:
            return shapely.distance(a, b) * self.factor
        ends = shapely.get_coordinates(shapely.shortest_line(a, b)).reshape(-1, 2, 2)
        lon, lat = np.radians(ends[..., 0]), np.radians(ends[..., 1])
        x = (lon[:, 1] - lon[:, 0]) * np.cos(lat.mean(axis=1))
        return np.degrees(np.hypot(x, lat[:, 1] - lat[:, 0])) * METRES_PER_DEGREE


def within(space: Space, begin: np.ndarray, metres: float, rule: str, exact: dict) -> sparse.csr_array:
    """Pattern of the rule, with pairs at most ``metres`` apart joined to those with common vertices.

    Rook asks of such a pair a common stretch longer than it is wide: the part of one border that lies within the
    tolerance of the other must be longer than four tolerances (and than nothing, at tolerance 0).
    """
    n = len(space.shapes)
    if rule == "bishop":
        out = within(space, begin, metres, "queen", exact) - within(space, begin, metres, "rook", exact)
        return _ones(out)
    known = exact[rule](space.shapes, begin, geographic=space.geographic)
    a, b = close_pairs(space, metres)
    new = cells(known, a, b) == 0
    a, b = a[new], b[new]
    if rule == "rook":
        long = _stretch(space, a, b, metres) > 4 * space.reach(metres)
        a, b = a[long], b[long]
    both = sparse.coo_array((np.ones(2 * len(a)), (np.r_[a, b], np.r_[b, a])), shape=(n, n))
    return _ones(known + both.tocsr())


def close_pairs(space: Space, metres: float) -> tuple[np.ndarray, np.ndarray]:
    """Pairs a < b of shapes at most ``metres`` apart."""
    import shapely

    tree = shapely.STRtree(space.shapes)
    reach = space.reach(metres)
    if reach > 0:
        a, b = tree.query(space.shapes, predicate="dwithin", distance=reach)
    else:
        a, b = tree.query(space.shapes, predicate="intersects")
    a, b = a[a < b], b[a < b]
    if space.geographic and len(a):
        near = space.gaps(a, b) <= metres
        a, b = a[near], b[near]
    return a, b


def nearest(space: Space, alone: np.ndarray, rank: np.ndarray) -> np.ndarray:
    """For each position in ``alone`` the nearest other shape; the lower rank on ties."""
    import shapely

    found, order = np.empty(len(alone), np.intp), np.argsort(rank)
    for k, i in enumerate(alone):
        others = order[order != i]
        flat = shapely.distance(space.shapes[i], space.shapes[others])
        few = others[np.argsort(flat, kind="stable")[:50]]  # degrees and metres disagree on order only nearby
        found[k] = few[np.argmin(space.gaps(np.full(len(few), i), few))]
    return found


def _stretch(space: Space, a, b, metres) -> np.ndarray:
    """Length of the border of a_i that lies within the tolerance of b_i, in coordinates."""
    import shapely

    reach = space.reach(metres)
    border, other = shapely.boundary(space.shapes[a]), space.shapes[b]
    if reach > 0:
        other = shapely.buffer(other, reach)
    return shapely.length(shapely.intersection(border, other))


def _ones(pattern) -> sparse.csr_array:
    out = sparse.csr_array(pattern)
    out.eliminate_zeros()
    out.data[:] = 1.0
    return out
