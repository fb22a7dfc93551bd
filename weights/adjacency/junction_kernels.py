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
def _longer(rows, more):
    wider = np.empty((2 * len(rows) + more, rows.shape[1]), rows.dtype)
    for q in range(len(rows)):
        for c in range(rows.shape[1]):
            wider[q, c] = rows[q, c]
    return wider


@njit
def _on(point, x, y, own, edge, node, reach, order, begin, end, hit, where, hits):
    """Write which of the edges order[begin] to order[end] have the point within reach of their interior; how many
    hits there are then."""
    squared = reach * reach * (1 + 1e-9)
    for q in range(begin, end):
        e = order[q]
        dx, dy = edge[e, 2] - edge[e, 0], edge[e, 3] - edge[e, 1]
        rx, ry = x - edge[e, 0], y - edge[e, 1]
        square, along, turn = dx * dx + dy * dy, rx * dx + ry * dy, dx * ry - dy * rx
        # all conditions at once: a branch at each would be mispredicted half of the time
        if ((own != node[e, 0]) & (own != node[e, 1]) & (along > 0) & (along < square)
                & (turn * turn <= squared * square)):
            place, away = along / square, abs(turn) / np.sqrt(square)
            if 0 < place < 1 and away <= reach:
                hit[hits, 0], hit[hits, 1], where[hits, 0], where[hits, 1] = e, point, place, away
                hits += 1
    return hits


@njit
def points_on_edges(xy, label, edge, node, level, reach, corner, base, offset, start, order):
    """(edge, point) and (place on the edge, distance from it) of points within reach of an edge's interior.

    Edges are (e, 4), from x, y to x, y; node (e, 2) holds the labels of their ends.
    """
    hit, where, hits = np.empty((len(edge) + 16, 2), np.int32), np.empty((len(edge) + 16, 2)), 0
    for lev in range(len(offset) - 1):
        if offset[lev] == offset[lev + 1]:
            continue
        side = base * 2.0**lev
        for v in range(len(xy)):
            x, y = xy[v, 0], xy[v, 1]
            d = _drawer(np.int64((x - corner[0]) / side), np.int64((y - corner[1]) / side), lev, offset)
            begin, end = start[d], start[d + 1]
            if hits + end - begin > len(hit):
                hit, where = _longer(hit, end - begin), _longer(where, end - begin)
            hits = _on(v, x, y, label[v], edge, node, reach, order, begin, end, hit, where, hits)
    return hit[:hits], where[:hits]


@njit
def _across(e, first, edge, node, owner, order, begin, end, hit, where, hits):
    """Write which of the edges order[begin] to order[end], of those from number ``first`` on, cross edge e; how many
    hits there are then."""
    x, y, own, one, two = edge[e, 0], edge[e, 1], owner[e], node[e, 0], node[e, 1]
    ax, ay = edge[e, 2] - x, edge[e, 3] - y
    for q in range(begin, end):
        f = order[q]
        bx, by = edge[f, 2] - edge[f, 0], edge[f, 3] - edge[f, 1]
        rx, ry = edge[f, 0] - x, edge[f, 1] - y
        turn, s, t = ax * by - ay * bx, rx * by - ry * bx, rx * ay - ry * ax
        if turn < 0:
            turn, s, t = -turn, -s, -t
        # s / turn and t / turn are the places on both, 0 to 1
        if ((f >= first) & (own != owner[f]) & (s > 0) & (s < turn) & (t > 0) & (t < turn)
                & (one != node[f, 0]) & (one != node[f, 1]) & (two != node[f, 0]) & (two != node[f, 1])):
            hit[hits, 0], hit[hits, 1], where[hits, 0], where[hits, 1] = e, f, s / turn, t / turn
            hits += 1
    return hits


@njit
def crossing_edges(edge, node, owner, level, reach, corner, base, offset, start, order):
    """(edge, edge) and places on both of edges of unlike owners that cross, without a common end."""
    hit, where, hits = np.empty((1024, 2), np.int32), np.empty((1024, 2)), 0
    for e in range(len(edge)):
        for lev in range(level[e], len(offset) - 1):
            if offset[lev] == offset[lev + 1]:
                continue
            left, right, low, high = _cells(edge, e, reach, corner, base * 2.0**lev)
            first = e + 1 if lev == level[e] else 0  # each pair once
            for row in range(low, high + 1):
                column = left
                while column <= right:  # cells side by side have lists side by side, up to the last of the level
                    d = _drawer(column, row, lev, offset)
                    cells = min(right - column + 1, offset[lev + 1] - d)
                    begin, end = start[d], start[d + cells]
                    if hits + end - begin > len(hit):
                        hit, where = _longer(hit, end - begin), _longer(where, end - begin)
                    hits = _across(e, first, edge, node, owner, order, begin, end, hit, where, hits)
                    column += cells
    return hit[:hits], where[:hits]
