"""Polygons that share a border without sharing its vertices: T-junctions, vertices that differ by rounding, overlaps.

Only unmatched edges are looked at. Their vertices are snapped; a vertex on an edge's interior divides it; pieces
between the same two vertices are common border (rook), owners of the same vertex touch (queen), and edges that cross
between unlike vertices mean an overlap that is deeper than the snap (both).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from . import junctions as _junctions
from . import loops as _loops
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
    work = _loops.loops(len(border.ends))
    edge, node, place, away = _splits(search, label, merged=len(extent) < len(label))
    pieces = Pieces(*work.divided(label[border.ends], extent, edge, node, place, away))
    lengths = np.zeros(len(border.ends)) if lengths is None else lengths
    stretches = work.common_pieces(pieces.label, pieces.edge, pieces.gap, pieces.divided, pieces.part,
                                   border.edge_owner, lengths, len(extent), T_JUNCTION, SNAPPED)
    parts = [_with_kind(True, *stretches), _with_kind(True, *_overlaps(border, pieces, *search.crossings()))]
    if corners:
        parts.append(_with_kind(False, *work.common_points(
            label, border.xy, border.vertex, border.owner, border.edge_owner[edge], node, away, T_JUNCTION, SNAPPED)))
    return Joined(*work.by_pair(n, *(np.concatenate(x) for x in zip(*parts, strict=True))))


def _with_kind(rook, a, b, how, gap, length=None):
    """Columns of :class:`Joined`, a pair perhaps repeated."""
    return a, b, np.full(len(a), rook), how, gap, np.zeros(len(a)) if length is None else length


def _splits(search, label, *, merged):
    """Edge, snapped vertex, place and distance of each division of an edge, by edge and place."""
    edge, vertex, place, away = search.on_edges()
    node = label[vertex]
    if merged:  # several vertices may be one: the nearest to the edge tells where
        order = np.lexsort([place, away, node, edge])
        new = np.diff(edge[order], prepend=-1) != 0
        new |= np.diff(node[order], prepend=-1) != 0
        order = order[new]
        edge, node, place, away = edge[order], node[order], place[order], away[order]
    order, new = _meeting.grouped_numbers(edge, len(search.border.ends))
    several = np.flatnonzero(~new | ~np.append(new[1:], True))  # sorted by edge: sort those of one edge by place
    order[several] = order[several][np.lexsort([place[order[several]], edge[order[several]]])]
    return edge[order], node[order], place[order], away[order]


def _overlaps(border, pieces, e, f, s, t):
    """Pairs of polygons of which edges e and f cross, at s and t, between vertices that are not the same."""
    start = pieces.edge + pieces.place
    one, two = np.searchsorted(start, e + s, side="right") - 1, np.searchsorted(start, f + t, side="right") - 1
    first, second = pieces.label[one], pieces.label[two]
    deep = (first != second).all(axis=1) & (first != second[:, ::-1]).all(axis=1)
    a, b = border.edge_owner[e[deep]], border.edge_owner[f[deep]]
    return a, b, np.full(len(a), OVERLAPPING, np.int8), np.zeros(len(a))
