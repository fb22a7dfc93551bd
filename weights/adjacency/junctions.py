"""Which vertices lie on which edges, and which edges cross."""

from __future__ import annotations

import numpy as np

from . import loops as _loops
from . import meeting as _meeting
from .open_border import OpenBorder

MOST_LEVELS = 20


class EdgeSearch:
    """The unmatched edges of a border in a grid, or in a tree if they are few."""

    def __init__(self, border: OpenBorder, label: np.ndarray, reach: float):
        self.border, self.label, self.reach = border, label, reach
        self.compiled = _loops.compiled(len(border.ends))
        if self.compiled:
            self.edge = np.column_stack([border.tail, border.head])
            self.node = label[border.ends].astype(np.int32)
            self.grid = self._grid()

    def on_edges(self) -> tuple[np.ndarray, ...]:
        """Edge, vertex, place on the edge (0 to 1) and distance from it, for vertices within reach of its interior.

        Vertices that are an end of the edge, once snapped, are left out.
        """
        if not self.compiled:
            return _on_edges_by_tree(self.border, self.label, self.reach)
        from .junction_kernels import points_on_edges

        label = self.label.astype(np.int32)
        return self._distinct(*points_on_edges(self.border.xy, label, self.edge, self.node, *self.grid))

    def crossings(self) -> tuple[np.ndarray, ...]:
        """Two edges of unlike polygons and the place (0 to 1) on each, where they cross without a common end."""
        if not self.compiled:
            return _crossings_by_tree(self.border, self.label)
        from .junction_kernels import crossing_edges

        return self._distinct(*crossing_edges(self.edge, self.node, self.border.edge_owner, *self.grid))

    def _grid(self):
        """Level of each edge, reach, corner, width of the smallest cells, where levels begin, and edges by cell."""
        from .junction_kernels import filed, levels

        low, high = np.minimum(self.edge[:, :2], self.edge[:, 2:]), np.maximum(self.edge[:, :2], self.edge[:, 2:])
        extent = np.maximum(*(high - low).T) + 2 * self.reach
        base = float(max(extent.min(), extent.max() / 2**MOST_LEVELS))
        corner = np.minimum(low.min(axis=0), self.border.xy.min(axis=0)) - 2 * self.reach - base / 3
        level = levels(self.edge, self.reach, base)
        drawers = [2 << (2 * count).bit_length() if count else 0 for count in np.bincount(level).tolist()]
        offset = np.cumsum([0, *drawers])
        return (level, self.reach, corner, base, offset,
                *filed(self.edge, level, self.reach, corner, base, offset))

    def _distinct(self, hit, where):
        """Each hit once: two cells of an edge may share a drawer."""
        size = max(len(self.border.xy), len(self.edge))
        order, new = _meeting.grouped_numbers(hit[:, 0].astype(np.int64) * size + hit[:, 1], len(self.edge) * size)
        if not new.all():
            hit, where = hit[order[new]], where[order[new]]
        return *hit.T, *where.T


def _on_edges_by_tree(border, label, reach):
    import shapely

    low, high = np.minimum(border.tail, border.head) - reach, np.maximum(border.tail, border.head) + reach
    tree = shapely.STRtree(shapely.points(border.xy))
    edge, vertex = tree.query(shapely.box(*low.T, *high.T))
    other = (label[border.ends[edge]] != label[vertex, None]).all(axis=1)
    edge, vertex = edge[other], vertex[other]
    along, away = border.head[edge] - border.tail[edge], border.xy[vertex] - border.tail[edge]
    square = (along**2).sum(axis=1)
    place, distance = (along * away).sum(axis=1) / square, abs(_cross(along, away)) / np.sqrt(square)
    on = (place > 0) & (place < 1) & (distance <= reach)
    return edge[on], vertex[on], place[on], distance[on]


def _crossings_by_tree(border, label):
    import shapely

    boxes = shapely.box(*np.minimum(border.tail, border.head).T, *np.maximum(border.tail, border.head).T)
    e, f = shapely.STRtree(boxes).query(boxes)
    one, two = label[border.ends[e]], label[border.ends[f]]
    apart = (e < f) & (border.edge_owner[e] != border.edge_owner[f]) & (one != two).all(axis=1)
    apart &= (one != two[:, ::-1]).all(axis=1)
    e, f = e[apart], f[apart]
    a, b = border.head[e] - border.tail[e], border.head[f] - border.tail[f]
    between, turn = border.tail[f] - border.tail[e], _cross(a, b)
    with np.errstate(divide="ignore", invalid="ignore"):
        s, t = _cross(between, b) / turn, _cross(between, a) / turn
    on = (s > 0) & (s < 1) & (t > 0) & (t < 1)
    return e[on], f[on], s[on], t[on]


def _cross(a, b) -> np.ndarray:
    return a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]
