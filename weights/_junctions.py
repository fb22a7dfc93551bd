"""Which vertices lie on which edges, and which edges cross."""

from __future__ import annotations

import numpy as np

from . import _meeting
from ._open_border import OpenBorder

COMPILED_FROM = 20_000  # edges; below, a tree is faster than loading compiled code
MOST_LEVELS = 20


def on_edges(border: OpenBorder, label: np.ndarray, reach: float) -> tuple[np.ndarray, ...]:
    """Edge, vertex, place on the edge (0 to 1) and distance from it, for vertices within reach of an edge's interior."""
    if len(border.ends) < COMPILED_FROM:
        return _on_edges_by_tree(border, label, reach)
    from ._junction_kernels import points_on_edges

    grid = _grid(border, reach)
    hit, where = points_on_edges(border.xy, label, border.tail, border.head, border.ends, *grid)
    hit, where = _distinct(hit, where)
    return *hit.T, *where.T


def crossings(border: OpenBorder, label: np.ndarray, reach: float) -> tuple[np.ndarray, ...]:
    """Two edges of unlike polygons and the place (0 to 1) on each, where they cross without a common end."""
    if len(border.ends) < COMPILED_FROM:
        return _crossings_by_tree(border, label)
    from ._junction_kernels import crossing_edges

    grid = _grid(border, reach)
    hit, where = crossing_edges(border.tail, border.head, border.ends, border.edge_owner, label, *grid)
    hit, where = _distinct(hit, where)
    return *hit.T, *where.T


def _grid(border, reach):
    """Edges by cell, as the compiled loops take them: level of each, reach, corner, base, start, edges."""
    from ._junction_kernels import filed, levels

    extent = abs(border.head - border.tail).max(axis=1) + 2 * reach
    base = float(max(extent.min(), extent.max() / 2**MOST_LEVELS))
    corner = border.xy.min(axis=0)
    corner = np.minimum(corner, np.minimum(border.tail.min(axis=0), border.head.min(axis=0))) - 2 * reach - base / 3
    level = levels(border.tail, border.head, reach, base)
    drawers = 1 << (2 * len(extent)).bit_length()
    return level, reach, corner, base, *filed(border.tail, border.head, level, reach, corner, base, drawers)


def _distinct(hit, where):
    """Each hit once, in order: two cells of an edge may share a drawer."""
    order, new = _meeting.grouped(hit.view(np.uint64))
    once = np.sort(order[new])
    return hit[once], where[once]


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
