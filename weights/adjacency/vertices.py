"""Vertices and edges of polygons as pairs of integers, by the exact bits of their coordinates.

A vertex is its two coordinates as 64-bit patterns; an edge is the numbers of its two vertices. Units are neighbors
when they have one in common.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from . import meeting as _meeting

MIX = np.array([0x9E3779B97F4A7C15, 0x7F4A7C15, 0xC2B2AE3D27D4EB4F], np.uint64)


def offsets(count: np.ndarray) -> np.ndarray:
    """Where each polygon's coordinates begin among all, (n + 1,), from how many it has."""
    return np.concatenate([[0], np.cumsum(count, dtype=np.int64)])


def vertices(shapes: np.ndarray, *, geographic: bool = False) -> np.ndarray:
    """Bits of the coordinates, (m, 2) uint64.

    On longitude and latitude the two sides of the antimeridian are one: -180 becomes 180.
    """
    import shapely

    return bits(shapely.get_coordinates(shapes), geographic=geographic)


def bits(xy: np.ndarray, *, geographic: bool = False) -> np.ndarray:
    """As :func:`vertices`, of coordinates (m, 2), which are changed in place."""
    if geographic and len(xy) and xy[:, 0].min() <= -180:
        xy[xy[:, 0] == -180, 0] = 180.0
    xy += 0.0  # -0.0 becomes 0.0
    return xy.view(np.uint64)


@dataclass(frozen=True)
class OpenVertices:
    """Vertices at which an edge is unmatched, and the polygons that own one.

    Attributes
    ----------
    few : array, shape (f,), int32
        The polygons.
    xy : array, shape (m, 2)
        All their coordinates.
    label : array, shape (m,), int32
        Number of the vertex, from 0; -1 where all edges are matched.
    """

    few: np.ndarray
    xy: np.ndarray
    label: np.ndarray


def sharing_a_vertex(shapes: np.ndarray, begin: np.ndarray, *, geographic: bool = False):
    """Pattern of queen contiguity; and the vertices at which an edge is unmatched."""
    import shapely

    def read(a, b):
        items = vertices(shapes[a:b], geographic=geographic)
        return items, signatures(items, _ring_ends(items, shapes[a:b], begin[a : b + 1] - begin[a]))

    pattern, unmatched = _meeting.pattern(read, begin)
    few = np.flatnonzero(np.bincount(unmatched.owner)).astype(np.int32)
    xy = shapely.get_coordinates(shapes[few])
    label = _meeting.positions(bits(xy.copy() if geographic else xy, geographic=geographic), unmatched.items)
    return pattern, OpenVertices(few, xy, label)


def sharing_an_edge(shapes: np.ndarray, begin: np.ndarray, *, geographic: bool = False):
    """Pattern of rook contiguity; and the vertices at which an edge is unmatched."""
    edge = edges(shapes, begin, geographic=geographic)
    pattern, unmatched = _meeting.pattern(
        lambda a, b: (edge.ends[edge.first[a] : edge.first[b]], np.ones(edge.first[b] - edge.first[a], np.uint32)),
        edge.first)
    return pattern, at_ends(unmatched, edge, shapes, begin)


@dataclass(frozen=True)
class Edges:
    """The edges of polygons, m of them.

    Attributes
    ----------
    ends : array, shape (m, 2), uint64
        Numbers of both ends, lower first.
    first : array, shape (n + 1,)
        Where each polygon's begin.
    start : array, shape (m,)
        Where each starts among all coordinates.
    label : array, int32
        Number of each coordinate's vertex.
    """

    ends: np.ndarray
    first: np.ndarray
    start: np.ndarray
    label: np.ndarray


def edges(shapes: np.ndarray, begin: np.ndarray, *, geographic: bool = False) -> Edges:
    label = _meeting.numbered(vertices(shapes, geographic=geographic))
    inner = ~closing(shapes, begin)
    start = np.flatnonzero(inner)
    one, two, ends = label[start], label[start + 1], np.empty((len(start), 2), np.uint64)
    np.minimum(one, two, out=ends[:, 0], casting="unsafe")
    np.maximum(one, two, out=ends[:, 1], casting="unsafe")
    first = np.concatenate([[0], np.cumsum(inner)])[begin]
    return Edges(ends, first, start, label)


def at_ends(unmatched: _meeting.Unmatched, edge: Edges, shapes: np.ndarray, begin: np.ndarray) -> OpenVertices:
    """The vertices at the ends of unmatched edges."""
    import shapely

    at_end = np.zeros(int(edge.label.max(initial=-1)) + 1, bool)
    at_end[unmatched.items.ravel().astype(np.int64)] = True
    number = np.where(at_end, np.cumsum(at_end, dtype=np.int32) - 1, -1).astype(np.int32)
    label = number[edge.label]
    few = np.flatnonzero(np.maximum.reduceat(label, begin[:-1]) >= 0).astype(np.int32)
    if len(few) < len(shapes):
        count = np.diff(begin)[few]
        label = label[np.repeat(begin[few] - offsets(count)[:-1], count) + np.arange(count.sum())]
    return OpenVertices(few, shapely.get_coordinates(shapes[few]), label)


def signatures(items: np.ndarray, last: np.ndarray) -> np.ndarray:
    """A signature for each coordinate, (m,) uint32: the exclusive or of hashes of the edges that begin or end there.

    Over all occurrences of a vertex the hashes of edges that occur twice cancel, so what is left belongs to edges
    without match. ``last`` says which coordinates are the last of a ring.
    """
    h = items[:, 0] * MIX[0]
    h ^= (items[:, 1] + MIX[1]) * MIX[2]
    h ^= h >> np.uint64(32)
    h *= MIX[0]
    h[:-1] += h[1:]  # either direction
    h ^= h >> np.uint64(33)
    h *= MIX[2]
    h ^= h >> np.uint64(29)
    h *= MIX[0]
    out = (h >> np.uint64(32)).astype(np.uint32)
    out[last] = 0  # no edge leads from one ring to the next
    out[1:] ^= out[:-1].copy()
    return out


def _ring_ends(items: np.ndarray, shapes: np.ndarray, begin: np.ndarray) -> np.ndarray:
    """As :func:`closing`, but polygons with several rings that end where they begin may be taken for one ring.

    Signatures then count edges from ring to ring, which can mark a vertex as unmatched that is not: no harm is done.
    """
    out = np.zeros(begin[-1], bool)
    out[begin[1:] - 1] = True
    several = np.flatnonzero((items[begin[:-1]] != items[begin[1:] - 1]).any(axis=1))
    if len(several):
        count = np.diff(begin)[several]
        at = np.repeat(begin[several] - offsets(count)[:-1], count) + np.arange(count.sum())
        out[at] = closing(shapes[several], offsets(count))
    return out


def closing(shapes: np.ndarray, begin: np.ndarray) -> np.ndarray:
    """Which coordinates are the last of a ring, (m,) bool."""
    import shapely

    out = np.zeros(begin[-1], bool)
    out[begin[1:] - 1] = True
    many = np.flatnonzero((shapely.get_num_interior_rings(shapes) > 0) | (shapely.get_num_geometries(shapes) > 1))
    parts, owner = shapely.get_parts(shapes[many], return_index=True)
    rings, part = shapely.get_rings(parts, return_index=True)
    owner = owner[part]
    if len(rings):
        size = shapely.get_num_coordinates(rings)
        within = np.cumsum(size) - np.concatenate([[0], np.cumsum(np.bincount(owner, size))])[owner].astype(np.int64)
        out[begin[many][owner] + within - 1] = True
    return out
