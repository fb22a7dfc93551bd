"""Edges near points, and edges that cross: compiled loops over cells, for maps with many unmatched edges.

Edges are filed by cell in a grid whose cells are as large as they are: an edge lies in at most four. Edges of unlike
sizes have grids of their own, each with cells twice as wide as the one before.
"""

from __future__ import annotations

import numpy as np

from spillover.accelerate import njit, wrapping


@wrapping
def _drawer(level, column, row, mask):
    """The list that holds the edges of a cell."""
    h = np.uint64(column) * np.uint64(0x9E3779B97F4A7C15) ^ np.uint64(row) * np.uint64(0xC2B2AE3D27D4EB4F)
    h ^= (h >> np.uint64(31)) + np.uint64(level)
    return np.int64((h * np.uint64(0x9E3779B97F4A7C15)) >> np.uint64(20)) & mask


@njit
def levels(tail, head, reach, base):
    """Level of each edge: the cells of level l are base * 2**l wide."""
    out = np.empty(len(tail), np.int8)
    for e in range(len(tail)):
        extent = max(abs(head[e, 0] - tail[e, 0]), abs(head[e, 1] - tail[e, 1])) + 2 * reach
        side, level = base, 0
        while side < extent:
            side, level = 2 * side, level + 1
        out[e] = level
    return out


@njit
def _box(tail, head, e, reach, corner, side):
    """Columns and rows of the cells that an edge, widened by the reach, lies in: first and last of each."""
    left, right = min(tail[e, 0], head[e, 0]) - reach, max(tail[e, 0], head[e, 0]) + reach
    low, high = min(tail[e, 1], head[e, 1]) - reach, max(tail[e, 1], head[e, 1]) + reach
    return (np.int64((left - corner[0]) / side), np.int64((right - corner[0]) / side),
            np.int64((low - corner[1]) / side), np.int64((high - corner[1]) / side))


@njit
def filed(tail, head, level, reach, corner, base, drawers):
    """Edges by drawer: those of drawer d are edge[start[d]] to edge[start[d + 1]]. ``drawers`` is a power of two."""
    mask = drawers - 1
    start = np.zeros(drawers + 1, np.int64)
    for e in range(len(tail)):
        left, right, low, high = _box(tail, head, e, reach, corner, base * 2.0 ** level[e])
        for column in range(left, right + 1):
            for row in range(low, high + 1):
                start[_drawer(level[e], column, row, mask) + 1] += 1
    for d in range(drawers):
        start[d + 1] += start[d]
    free, edge = start[:-1].copy(), np.empty(start[-1], np.int32)
    for e in range(len(tail)):
        left, right, low, high = _box(tail, head, e, reach, corner, base * 2.0 ** level[e])
        for column in range(left, right + 1):
            for row in range(low, high + 1):
                d = _drawer(level[e], column, row, mask)
                edge[free[d]] = e
                free[d] += 1
    return start, edge


@njit
def _place(tail, head, e, x, y):
    """Where on edge e, from 0 to 1, the point is nearest to its line, and how far from it."""
    dx, dy = head[e, 0] - tail[e, 0], head[e, 1] - tail[e, 1]
    rx, ry = x - tail[e, 0], y - tail[e, 1]
    square = dx * dx + dy * dy
    return (rx * dx + ry * dy) / square, abs(dx * ry - dy * rx) / np.sqrt(square)


@njit
def _longer(rows):
    wider = np.empty((2 * len(rows), rows.shape[1]), rows.dtype)
    for q in range(len(rows)):
        for c in range(rows.shape[1]):
            wider[q, c] = rows[q, c]
    return wider


@njit
def points_on_edges(xy, label, tail, head, ends, level, reach, corner, base, start, filed_edge):
    """(edge, point) and (place on the edge, distance from it) of points within reach of an edge's interior."""
    mask, top = len(start) - 2, 0
    for e in range(len(level)):
        top = max(top, level[e])
    present = np.zeros(top + 1, np.bool_)
    for e in range(len(level)):
        present[level[e]] = True
    hit, where, hits = np.empty((len(tail) + 16, 2), np.int64), np.empty((len(tail) + 16, 2)), 0
    for v in range(len(xy)):
        for lev in range(top + 1):
            if not present[lev]:
                continue
            side = base * 2.0**lev
            column, row = np.int64((xy[v, 0] - corner[0]) / side), np.int64((xy[v, 1] - corner[1]) / side)
            d = _drawer(lev, column, row, mask)
            for q in range(start[d], start[d + 1]):
                e = filed_edge[q]
                if level[e] != lev or label[v] == label[ends[e, 0]] or label[v] == label[ends[e, 1]]:
                    continue
                place, away = _place(tail, head, e, xy[v, 0], xy[v, 1])
                if 0 < place < 1 and away <= reach:
                    if hits == len(hit):
                        hit, where = _longer(hit), _longer(where)
                    hit[hits, 0], hit[hits, 1], where[hits, 0], where[hits, 1] = e, v, place, away
                    hits += 1
    return hit[:hits], where[:hits]


@njit
def _crossing(tail, head, e, f):
    """Where edges e and f cross, from 0 to 1 on each; -1 if they do not cross within both."""
    ax, ay = head[e, 0] - tail[e, 0], head[e, 1] - tail[e, 1]
    bx, by = head[f, 0] - tail[f, 0], head[f, 1] - tail[f, 1]
    rx, ry = tail[f, 0] - tail[e, 0], tail[f, 1] - tail[e, 1]
    turn = ax * by - ay * bx
    if turn == 0:
        return -1.0, -1.0
    return (rx * by - ry * bx) / turn, (rx * ay - ry * ax) / turn


@njit
def crossing_edges(tail, head, ends, owner, label, level, reach, corner, base, start, filed_edge):
    """(edge, edge) and places on both of edges of unlike polygons that cross, without a common end."""
    mask, top = len(start) - 2, 0
    for e in range(len(level)):
        top = max(top, level[e])
    hit, where, hits = np.empty((16, 2), np.int64), np.empty((16, 2)), 0
    for e in range(len(tail)):
        for lev in range(level[e], top + 1):
            left, right, low, high = _box(tail, head, e, reach, corner, base * 2.0**lev)
            for column in range(left, right + 1):
                for row in range(low, high + 1):
                    d = _drawer(lev, column, row, mask)
                    for q in range(start[d], start[d + 1]):
                        f = filed_edge[q]
                        if level[f] != lev or owner[e] == owner[f] or (lev == level[e] and f <= e):
                            continue
                        a, b, c, g = label[ends[e, 0]], label[ends[e, 1]], label[ends[f, 0]], label[ends[f, 1]]
                        if a in (c, g) or b in (c, g):
                            continue
                        s, t = _crossing(tail, head, e, f)
                        if 0 < s < 1 and 0 < t < 1:
                            if hits == len(hit):
                                hit, where = _longer(hit), _longer(where)
                            hit[hits, 0], hit[hits, 1], where[hits, 0], where[hits, 1] = e, f, s, t
                            hits += 1
    return hit[:hits], where[:hits]
