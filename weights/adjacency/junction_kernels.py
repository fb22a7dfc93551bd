"""Edges near points, and edges that cross: compiled loops over cells, for maps with many unmatched edges.

Edges are filed by cell in a grid whose cells are as large as they are: an edge lies in at most four. Edges of unlike
sizes have grids of their own, each with cells twice as wide as the one before.
"""

from __future__ import annotations

import numpy as np

from spillover.accelerate import njit


@njit
def _drawer(column, row, level, offset):
    """The list that holds the edges of a cell; cells side by side have lists side by side."""
    return offset[level] + ((column + row * 2654435761) & (offset[level + 1] - offset[level] - 1))


@njit
def levels(edge, reach, base):
    """Level of each edge (e, 4): the cells of level l are base * 2**l wide."""
    out = np.empty(len(edge), np.int8)
    for e in range(len(edge)):
        extent = max(abs(edge[e, 2] - edge[e, 0]), abs(edge[e, 3] - edge[e, 1])) + 2 * reach
        side, level = base, 0
        while side < extent:
            side, level = 2 * side, level + 1
        out[e] = level
    return out


@njit
def _cells(edge, e, reach, corner, side):
    """Columns and rows of the cells that an edge, widened by the reach, lies in: first and last of each."""
    left, right = min(edge[e, 0], edge[e, 2]) - reach, max(edge[e, 0], edge[e, 2]) + reach
    low, high = min(edge[e, 1], edge[e, 3]) - reach, max(edge[e, 1], edge[e, 3]) + reach
    return (np.int64((left - corner[0]) / side), np.int64((right - corner[0]) / side),
            np.int64((low - corner[1]) / side), np.int64((high - corner[1]) / side))


@njit
def filed(edge, level, reach, corner, base, offset):
    """Edges by drawer: those of drawer d are order[start[d]] to order[start[d + 1]].

    Level l has the drawers offset[l] to offset[l + 1], a power of two of them, or none where it has no edges.
    """
    start = np.zeros(offset[-1] + 1, np.int32)
    for e in range(len(edge)):
        left, right, low, high = _cells(edge, e, reach, corner, base * 2.0 ** level[e])
        for column in range(left, right + 1):
            for row in range(low, high + 1):
                start[_drawer(column, row, level[e], offset) + 1] += 1
    for d in range(len(start) - 1):
        start[d + 1] += start[d]
    free, order = start[:-1].copy(), np.empty(start[-1], np.int32)
    for e in range(len(edge)):
        left, right, low, high = _cells(edge, e, reach, corner, base * 2.0 ** level[e])
        for column in range(left, right + 1):
            for row in range(low, high + 1):
                d = _drawer(column, row, level[e], offset)
                order[free[d]] = e
                free[d] += 1
    return start, order


@njit
def _longer(rows):
    wider = np.empty((2 * len(rows), rows.shape[1]), rows.dtype)
    for q in range(len(rows)):
        for c in range(rows.shape[1]):
            wider[q, c] = rows[q, c]
    return wider


@njit
def _place(edge, e, x, y):
    """Where on edge e, from 0 to 1, the point is nearest to its line, and how far from it; -1 if beside its ends."""
    dx, dy = edge[e, 2] - edge[e, 0], edge[e, 3] - edge[e, 1]
    rx, ry = x - edge[e, 0], y - edge[e, 1]
    square, along = dx * dx + dy * dy, rx * dx + ry * dy
    if along <= 0 or along >= square:  # most: divide only where it matters
        return -1.0, 0.0
    return along / square, abs(dx * ry - dy * rx) / np.sqrt(square)


@njit
def points_on_edges(xy, label, edge, node, level, reach, corner, base, offset, start, order):
    """(edge, point) and (place on the edge, distance from it) of points within reach of an edge's interior.

    Edges are (e, 4), from x, y to x, y; node (e, 2) holds the labels of their ends.
    """
    hit, where, hits = np.empty((len(edge) + 16, 2), np.int64), np.empty((len(edge) + 16, 2)), 0
    for v in range(len(xy)):
        side = base
        for lev in range(len(offset) - 1):
            if offset[lev] < offset[lev + 1]:
                column, row = np.int64((xy[v, 0] - corner[0]) / side), np.int64((xy[v, 1] - corner[1]) / side)
                d = _drawer(column, row, lev, offset)
                for q in range(start[d], start[d + 1]):
                    e = order[q]
                    if label[v] == node[e, 0] or label[v] == node[e, 1]:
                        continue
                    place, away = _place(edge, e, xy[v, 0], xy[v, 1])
                    if 0 < place < 1 and away <= reach:
                        if hits == len(hit):
                            hit, where = _longer(hit), _longer(where)
                        hit[hits, 0], hit[hits, 1], where[hits, 0], where[hits, 1] = e, v, place, away
                        hits += 1
            side *= 2
    return hit[:hits], where[:hits]


@njit
def _crossing(edge, e, f):
    """Where edges e and f cross, from 0 to 1 on each; -1 where they are parallel."""
    ax, ay = edge[e, 2] - edge[e, 0], edge[e, 3] - edge[e, 1]
    bx, by = edge[f, 2] - edge[f, 0], edge[f, 3] - edge[f, 1]
    rx, ry = edge[f, 0] - edge[e, 0], edge[f, 1] - edge[e, 1]
    turn = ax * by - ay * bx
    if turn == 0:
        return -1.0, -1.0
    return (rx * by - ry * bx) / turn, (rx * ay - ry * ax) / turn


@njit
def crossing_edges(edge, node, owner, level, reach, corner, base, offset, start, order):
    """(edge, edge) and places on both of edges of unlike owners that cross, without a common end."""
    hit, where, hits = np.empty((16, 2), np.int64), np.empty((16, 2)), 0
    for e in range(len(edge)):
        side = base * 2.0 ** level[e]
        for lev in range(level[e], len(offset) - 1):
            left, right, low, high = _cells(edge, e, reach, corner, side)
            side *= 2
            if offset[lev] == offset[lev + 1]:
                continue
            for column in range(left, right + 1):
                for row in range(low, high + 1):
                    d = _drawer(column, row, lev, offset)
                    for q in range(start[d], start[d + 1]):
                        f = order[q]
                        if (lev == level[e] and f <= e) or owner[e] == owner[f]:
                            continue
                        if (node[e, 0] == node[f, 0] or node[e, 0] == node[f, 1]
                                or node[e, 1] == node[f, 0] or node[e, 1] == node[f, 1]):
                            continue
                        s, t = _crossing(edge, e, f)
                        if 0 < s < 1 and 0 < t < 1:
                            if hits == len(hit):
                                hit, where = _longer(hit), _longer(where)
                            hit[hits, 0], hit[hits, 1], where[hits, 0], where[hits, 1] = e, f, s, t
                            hits += 1
    return hit[:hits], where[:hits]
