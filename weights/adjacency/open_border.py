"""What is left of the borders of polygons when edges that two of them share exactly are taken out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from . import meeting as _meeting
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


def open_border(unmatched: _meeting.Unmatched, shapes: np.ndarray, *, geographic: bool) -> OpenBorder:
    """Read again the polygons that own an unmatched vertex.

    An edge is unmatched if both its ends are and it occurs once.
    """
    import shapely

    # Step 1: the coordinates of these polygons, and which are unmatched.
    few = np.flatnonzero(np.bincount(unmatched.owner))
    count = shapely.get_num_coordinates(shapes[few])
    last = _vertices.closing(shapes[few], _vertices.offsets(count))
    xy = shapely.get_coordinates(shapes[few])
    items = _vertices.bits(xy.copy() if geographic else xy, geographic=geographic)
    label = _numbers(unmatched.items, items)
    owner = np.repeat(few, count)

    # Step 2: edges between two of them that occur once.
    start = np.flatnonzero(~last[:-1] & (label[:-1] >= 0) & (label[1:] >= 0) & (label[:-1] != label[1:]))
    one, two, size = label[start], label[start + 1], int(label.max(initial=0)) + 1
    order, new = _meeting.grouped_numbers(np.minimum(one, two) * size + np.maximum(one, two), size * size)
    start = np.sort(start[order[new & np.append(new[1:], True)]])
    ends = np.column_stack([label[start], label[start + 1]])

    # Step 3: where they are.
    at = np.flatnonzero((label >= 0) & ~last)
    points = np.empty((label.max(initial=-1) + 1, 2))
    points[label[at]] = items.view(float)[at]
    tail, head = xy[start], xy[start + 1]
    if geographic:
        points[points[:, 0] <= SEAM - 180, 0] += 360
        along = (abs(tail[:, 0]) >= 180 - SEAM) & (abs(head[:, 0]) >= 180 - SEAM)
        for end in (tail, head):
            end[along & (end[:, 0] < 0), 0] += 360
    return OpenBorder(points, label[at], owner[at], ends, tail, head, owner[start])


def _numbers(wanted: np.ndarray, items: np.ndarray) -> np.ndarray:
    """A number from 0 for each item that is wanted, the same for equal ones; -1 for the others."""
    number = _meeting.numbered(np.concatenate([items, wanted]))
    is_wanted = np.zeros(int(number.max(initial=-1)) + 1, bool)
    is_wanted[number[len(items) :]] = True
    return np.where(is_wanted, np.cumsum(is_wanted) - 1, -1)[number[: len(items)]]
