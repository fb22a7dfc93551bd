"""Polygons that share a border without sharing its vertices: T-junctions, vertices that differ by rounding, overlaps.

Only unmatched edges are looked at. Their vertices are snapped; a vertex on an edge's interior divides it; pieces between
the same two vertices are common border (rook), owners of the same vertex touch (queen), and edges that cross between
unlike vertices mean an overlap that is deeper than the snap (both).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from . import _junctions, _meeting, _snap
from ._open_border import OpenBorder

T_JUNCTION, SNAPPED, OVERLAPPING = 0, 1, 2


@dataclass(frozen=True)
class Joined:
    """Pairs a < b of polygons, sorted.

    Attributes
    ----------
    a, b : arrays, shape (p,)
    rook : array of bool
        Whether they share a stretch of border, not only points.
    how : array
        T_JUNCTION, SNAPPED or OVERLAPPING; where several apply, the first of these.
    gap : array
        The widest gap between common vertices, or between a vertex and the edge it lies on.
    length : array
        Length of the pieces in common, in units of ``lengths`` (see :func:`joined`).
    """

    a: np.ndarray
    b: np.ndarray
    rook: np.ndarray
    how: np.ndarray
    gap: np.ndarray
    length: np.ndarray


@dataclass(frozen=True)
class Pieces:
    """Unmatched edges, divided at the vertices that lie on them; f of them, by edge and in order.

    Attributes
    ----------
    label : array, shape (f, 2)
        Snapped vertices at both ends.
    edge : array, shape (f,)
    gap : array
        How far the ends lie from the edge.
    divided : array of bool
        Whether an end is a vertex on the edge's interior.
    part : array
        Part of the edge's length.
    place : array
        Where on the edge a piece begins (0 to 1).
    """

    label: np.ndarray
    edge: np.ndarray
    gap: np.ndarray
    divided: np.ndarray
    part: np.ndarray
    place: np.ndarray


def joined(border: OpenBorder, n: int, reach: float, *, corners: bool, lengths: np.ndarray | None = None) -> Joined:
    """Pairs of the n polygons that share unmatched border, with vertices snapped up to ``reach``.

    ``corners`` also asks for pairs that share only points; ``lengths`` (e,) are lengths of the unmatched edges.
    """
    label, extent = _snap.clusters(border.xy, reach)
    split = _splits(border, label, reach)
    pieces = _pieces(border, label, extent, *split)
    parts = [_common_pieces(border, pieces, lengths), _overlaps(border, label, pieces, reach)]
    if corners:
        parts.append(_common_points(border, label, *split))
    return _by_pair(*(np.concatenate(x) for x in zip(*parts, strict=True)), n)


def _splits(border, label, reach):
    """Edge, snapped vertex, place and distance of each division of an edge, by edge and place."""
    edge, vertex, place, away = _junctions.on_edges(border, label, reach)
    if reach > 0 and len(edge):  # several vertices may be one: the nearest to the edge tells where
        order, new = _meeting.grouped(np.column_stack([edge, label[vertex]]).astype(np.uint64))
        if not new.all():
            order = np.lexsort([away, label[vertex], edge])
            new = np.diff(edge[order], prepend=-1) != 0
            new |= np.diff(label[vertex[order]], prepend=-1) != 0
        order = order[new]
        edge, vertex, place, away = edge[order], vertex[order], place[order], away[order]
    order = np.lexsort([place, edge])
    return edge[order], label[vertex[order]], place[order], away[order]


def _pieces(border, label, extent, edge, vertex, place, away) -> Pieces:
    e, s = len(border.ends), len(edge)
    before = np.concatenate([[0], np.cumsum(np.bincount(edge, minlength=e))])
    head, tail, inner = 2 * np.arange(e) + before[:-1], 2 * np.arange(e) + 1 + before[1:], 2 * edge + 1 + np.arange(s)
    node, at, off, inside = np.empty(2 * e + s, np.int64), np.empty(2 * e + s), np.empty(2 * e + s), np.zeros(2 * e + s, bool)
    node[head], node[tail], node[inner] = label[border.ends[:, 0]], label[border.ends[:, 1]], vertex
    at[head], at[tail], at[inner] = 0, 1, place
    off[head], off[tail], off[inner] = extent[node[head]], extent[node[tail]], away
    inside[inner] = True
    start = np.delete(np.arange(2 * e + s), tail)
    return Pieces(np.column_stack([node[start], node[start + 1]]), np.repeat(np.arange(e), np.diff(before) + 1),
                  np.maximum(off[start], off[start + 1]), inside[start] | inside[start + 1],
                  at[start + 1] - at[start], at[start])


def _common_pieces(border, pieces, lengths):
    """Pairs of polygons that have a piece in common."""
    real = np.flatnonzero(pieces.label[:, 0] != pieces.label[:, 1])
    order, new = _meeting.grouped(np.sort(pieces.label[real], axis=1).astype(np.uint64))
    one, two = (real[x] for x in _meeting.pairs_within(order, new))
    a, b = border.edge_owner[pieces.edge[one]], border.edge_owner[pieces.edge[two]]
    unlike = a != b
    one, two, a, b = one[unlike], two[unlike], a[unlike], b[unlike]
    how = np.where(pieces.divided[one] | pieces.divided[two], T_JUNCTION, SNAPPED)
    length = np.zeros(len(one))
    if lengths is not None:
        each = lengths[pieces.edge] * pieces.part
        length = (each[one] + each[two]) / 2
    return a, b, np.ones(len(one), bool), how, np.maximum(pieces.gap[one], pieces.gap[two]), length


def _overlaps(border, label, pieces, reach):
    """Pairs of polygons of which edges cross between vertices that are not the same."""
    e, f, s, t = _junctions.crossings(border, label, reach)
    start = pieces.edge + pieces.place
    one, two = np.searchsorted(start, e + s, side="right") - 1, np.searchsorted(start, f + t, side="right") - 1
    first, second = pieces.label[one], pieces.label[two]
    deep = (first != second).all(axis=1) & (first != second[:, ::-1]).all(axis=1)
    a, b = border.edge_owner[e[deep]], border.edge_owner[f[deep]]
    return a, b, np.ones(len(a), bool), np.full(len(a), OVERLAPPING), np.zeros(len(a)), np.zeros(len(a))


def _common_points(border, label, edge, vertex, place, away):
    """Pairs of polygons at snapped vertices: two that were apart, or one on the other's edge."""
    size = np.bincount(label)
    active = size > 1
    active[vertex] = True
    here = np.flatnonzero(active[label[border.vertex]])
    at = np.concatenate([label[border.vertex[here]], vertex])
    owner = np.concatenate([border.owner[here], border.edge_owner[edge]])
    which = np.concatenate([border.vertex[here], np.full(len(vertex), -1)])  # -1: it lies on an edge
    off = np.concatenate([np.zeros(len(here)), away])
    one, two = _meeting.pairs_within(*_meeting.grouped(np.column_stack([at, at]).astype(np.uint64)))
    apart = (owner[one] != owner[two]) & ((which[one] != which[two]) | (which[one] < 0))
    one, two = one[apart], two[apart]
    on_edge = (which[one] < 0) | (which[two] < 0)
    gap = np.where(on_edge, np.maximum(off[one], off[two]),
                   np.hypot(*(border.xy[which[one]] - border.xy[which[two]]).T))
    return (owner[one], owner[two], np.zeros(len(one), bool), np.where(on_edge, T_JUNCTION, SNAPPED), gap,
            np.zeros(len(one)))


def _by_pair(a, b, rook, how, gap, length, n) -> Joined:
    """What is found of each pair, together."""
    key = np.minimum(a, b).astype(np.int64) * n + np.maximum(a, b)
    order, new = _meeting.grouped(np.column_stack([key, key]).astype(np.uint64))
    start, key = np.flatnonzero(new), key[order[new]]
    first = np.argsort(key)

    def total(ufunc, x):
        return ufunc.reduceat(x[order], start)[first] if len(start) else x[:0]

    return Joined(key[first] // n, key[first] % n, total(np.logical_or, rook), total(np.minimum, how),
                  total(np.maximum, gap), total(np.add, length))
