"""Polygons that share a border without sharing its vertices: T-junctions, vertices that differ by rounding, overlaps.

Only unmatched edges are looked at. Their vertices are snapped; a vertex on an edge's interior divides it; pieces
between the same two vertices are common border (rook), owners of the same vertex touch (queen), and edges that cross
between unlike vertices mean an overlap that is deeper than the snap (both).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from . import junctions as _junctions
from . import meeting as _meeting
from . import snap as _snap
from .open_border import OpenBorder

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
    search = _junctions.EdgeSearch(border, label, reach)
    split = _splits(search, label, merged=len(extent) < len(label))
    pieces = _pieces(label[border.ends], extent, *split)
    parts = [_common_pieces(border, pieces, len(extent), lengths), _overlaps(border, pieces, *search.crossings())]
    if corners:
        parts.append(_common_points(border, label, *split))
    return _by_pair(n, *(np.concatenate(x) for x in zip(*parts, strict=True)))


def _splits(search, label, *, merged):
    """Edge, snapped vertex, place and distance of each division of an edge, by edge and place."""
    edge, vertex, place, away = search.on_edges()
    node = label[vertex]
    if merged:  # several vertices may be one: the nearest to the edge tells where
        order = np.lexsort([away, node, edge])
        new = np.diff(edge[order], prepend=-1) != 0
        new |= np.diff(node[order], prepend=-1) != 0
        order = order[new]
        edge, node, place, away = edge[order], node[order], place[order], away[order]
    order, new = _meeting.grouped_numbers(edge, len(search.border.ends))
    several = np.flatnonzero(~new | ~np.append(new[1:], True))  # sorted by edge: sort those of one edge by place
    order[several] = order[several][np.lexsort([place[order[several]], edge[order[several]]])]
    return edge[order], node[order], place[order], away[order]


def _pieces(node, extent, edge, vertex, place, away) -> Pieces:
    """Edges between nodes (e, 2), divided."""
    e, s = len(node), len(edge)
    before = np.concatenate([[0], np.cumsum(np.bincount(edge, minlength=e))])
    first, last = 2 * np.arange(e) + before[:-1], 2 * np.arange(e) + 1 + before[1:]
    inner = 2 * edge + 1 + np.arange(s)
    label, at, off = np.empty(2 * e + s, np.int64), np.empty(2 * e + s), np.empty(2 * e + s)
    inside = np.zeros(2 * e + s, bool)
    label[first], label[last], label[inner] = node[:, 0], node[:, 1], vertex
    at[first], at[last], at[inner] = 0, 1, place
    off[first], off[last], off[inner] = extent[node[:, 0]], extent[node[:, 1]], away
    inside[inner] = True
    start = np.ones(2 * e + s, bool)
    start[last] = False
    start = np.flatnonzero(start)
    return Pieces(np.column_stack([label[start], label[start + 1]]), np.repeat(np.arange(e), np.diff(before) + 1),
                  np.maximum(off[start], off[start + 1]), inside[start] | inside[start + 1],
                  at[start + 1] - at[start], at[start])


def _common_pieces(border, pieces, labels, lengths):
    """Pairs of polygons that have a piece in common."""
    low, high = np.minimum(*pieces.label.T), np.maximum(*pieces.label.T)
    real = np.flatnonzero(low != high)
    order, new = _meeting.grouped_numbers((low * labels + high)[real], labels * labels)
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


def _overlaps(border, pieces, e, f, s, t):
    """Pairs of polygons of which edges e and f cross, at s and t, between vertices that are not the same."""
    start = pieces.edge + pieces.place
    one, two = np.searchsorted(start, e + s, side="right") - 1, np.searchsorted(start, f + t, side="right") - 1
    first, second = pieces.label[one], pieces.label[two]
    deep = (first != second).all(axis=1) & (first != second[:, ::-1]).all(axis=1)
    a, b = border.edge_owner[e[deep]], border.edge_owner[f[deep]]
    return a, b, np.ones(len(a), bool), np.full(len(a), OVERLAPPING), np.zeros(len(a)), np.zeros(len(a))


def _common_points(border, label, edge, vertex, place, away):
    """Pairs of polygons at snapped vertices: two that were apart, or one on the other's edge."""
    active = np.bincount(label) > 1
    active[vertex] = True
    here = np.flatnonzero(active[label[border.vertex]])
    which = np.concatenate([border.vertex[here], np.full(len(vertex), -1)])  # -1: on an edge
    owner = np.concatenate([border.owner[here], border.edge_owner[edge]])
    at = np.concatenate([label[border.vertex[here]], vertex])
    one, two = _meeting.pairs_within(*_meeting.grouped_numbers(at, len(label)))
    first, second = which[one], which[two]
    apart = np.flatnonzero((owner[one] != owner[two]) & ((first != second) | (first < 0)))
    one, two, first, second = one[apart], two[apart], first[apart], second[apart]
    on_edge = (first < 0) | (second < 0)
    gap = np.concatenate([np.zeros(len(here)), away])
    gap = np.maximum(gap[one], gap[two])
    both = np.flatnonzero(~on_edge)
    gap[both] = np.hypot(*(border.xy[first[both]] - border.xy[second[both]]).T)
    return (owner[one], owner[two], np.zeros(len(one), bool), np.where(on_edge, T_JUNCTION, SNAPPED), gap,
            np.zeros(len(one)))


def _by_pair(n, a, b, rook, how, gap, length) -> Joined:
    """What is found of each pair, together."""
    key = np.minimum(a, b).astype(np.int64) * n + np.maximum(a, b)
    order, new = _meeting.grouped_numbers(key, n * n)
    start, key = np.flatnonzero(new), key[order[new]]

    def total(ufunc, x):
        return ufunc.reduceat(x[order], start) if len(start) else x[:0]

    return Joined(key // n, key % n, total(np.logical_or, rook), total(np.minimum, how), total(np.maximum, gap),
                  total(np.add, length))
