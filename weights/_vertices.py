"""Vertices and edges of polygons as pairs of integers, by the exact bits of their coordinates.

A vertex is its two coordinates as 64-bit patterns; an edge is the numbers of its two vertices. Units are neighbours
when they have one in common.
"""

from __future__ import annotations

import numpy as np
from scipy import sparse

from . import _meeting


def offsets(count: np.ndarray) -> np.ndarray:
    """Where each polygon's coordinates begin among all, (n + 1,), from how many it has."""
    return np.concatenate([[0], np.cumsum(count, dtype=np.int64)])


def vertices(shapes: np.ndarray, *, geographic: bool = False) -> np.ndarray:
    """Bits of the coordinates, (m, 2) uint64.

    On longitude and latitude the two sides of the antimeridian are one: -180 becomes 180.
    """
    import shapely

    xy = shapely.get_coordinates(shapes)
    if geographic and len(xy) and xy[:, 0].min() <= -180:
        xy[xy[:, 0] == -180, 0] = 180.0
    xy += 0.0  # -0.0 becomes 0.0
    return xy.view(np.uint64)


def sharing_a_vertex(shapes: np.ndarray, begin: np.ndarray, *, geographic: bool = False) -> sparse.csr_array:
    """Pattern of queen contiguity."""
    return _meeting.pattern(lambda a, b: vertices(shapes[a:b], geographic=geographic), begin)


def sharing_an_edge(shapes: np.ndarray, begin: np.ndarray, *, geographic: bool = False) -> sparse.csr_array:
    """Pattern of rook contiguity."""
    ends, first, _ = edges(shapes, begin, geographic=geographic)
    return _meeting.pattern(lambda a, b: ends[first[a] : first[b]], first)


def edges(shapes: np.ndarray, begin: np.ndarray, *, geographic: bool = False
          ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Numbers of both ends of each edge (m, 2), lower first; where each polygon's begin; where each starts in xy."""
    label = _meeting.numbered(vertices(shapes, geographic=geographic))
    inner = ~_closing(shapes, begin)
    start = np.flatnonzero(inner)
    ends = np.empty((len(start), 2), np.uint64)
    np.minimum(label[start], label[start + 1], out=ends[:, 0], casting="unsafe")
    np.maximum(label[start], label[start + 1], out=ends[:, 1], casting="unsafe")
    first = np.concatenate([[0], np.cumsum(inner)])[begin]
    return ends, first, start


def _closing(shapes: np.ndarray, begin: np.ndarray) -> np.ndarray:
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
