"""What is left of the borders of polygons when edges that two of them share exactly are taken out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from . import loops as _loops
from . import vertices as _vertices

SEAM = 1e-6  # degrees: this close to the antimeridian, -180 is 180


@dataclass(frozen=True)
class OpenBorder:
    """Unmatched edges, and the vertices at which one begins or ends.

    Attributes
    ----------
    xy : array, shape (k, 2)
        The vertices.
    vertex, owner : arrays, shape (q,)
        Which vertex and which polygon, for each time that a polygon passes one.
    ends : array, shape (e, 2)
        Vertices at both ends of each edge.
    tail, head : arrays, shape (e, 2)
        Their coordinates.
    edge_owner : array, shape (e,)
    """

    xy: np.ndarray
    vertex: np.ndarray
    owner: np.ndarray
    ends: np.ndarray
    tail: np.ndarray
    head: np.ndarray
    edge_owner: np.ndarray


def open_border(vertices: _vertices.OpenVertices, shapes: np.ndarray, *, geographic: bool) -> OpenBorder:
    """The edges between two unmatched vertices that occur once."""
    import shapely

    # Step 1: where rings end, and which edges occur once.
    few, xy, label = vertices.few, vertices.xy, vertices.label
    count = shapely.get_num_coordinates(shapes[few])
    last = _vertices.closing(shapes[few], _vertices.offsets(count))
    labels = int(label.max(initial=-1)) + 1
    start = _loops.loops(labels).once(label, last, labels)
    owner = np.repeat(few, count)

    # Step 2: where they are.
    at = np.flatnonzero((label >= 0) & ~last)
    vertex, where = label.take(at), np.empty(labels, np.intp)
    where[vertex] = at
    points = xy.take(where, axis=0)
    tail, head = xy.take(start, axis=0), xy.take(start + 1, axis=0)
    if geographic:
        points[points[:, 0] <= SEAM - 180, 0] += 360
        along = (abs(tail[:, 0]) >= 180 - SEAM) & (abs(head[:, 0]) >= 180 - SEAM)
        for end in (tail, head):
            end[along & (end[:, 0] < 0), 0] += 360
    ends = np.column_stack([label.take(start), label.take(start + 1)])
    return OpenBorder(points, vertex, owner.take(at), ends, tail, head, owner.take(start))
