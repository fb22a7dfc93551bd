"""Polygons that share vertices or edges, found by the exact bits of their coordinates.

A vertex is its two coordinates as 64-bit patterns; an edge is the numbers of its two vertices. Either way an "item" is
a pair of integers, and units are neighbours when they have an item in common. Short work sorts; long work is compiled.
"""

from __future__ import annotations

import numpy as np
from scipy import sparse

COMPILED_FROM = 500_000  # items; below, sorting is faster than loading compiled code
ODD = np.uint64(0x9E3779B97F4A7C15)  # products with it mix bits upwards


def vertices(shapes: np.ndarray, *, geographic: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """Bits of the coordinates (m, 2) as uint64, and where each polygon's begin, (n + 1,).

    On longitude and latitude the two sides of the antimeridian are one: -180 becomes 180.
    """
    import shapely

    xy = shapely.get_coordinates(shapes)
    begin = np.concatenate([[0], np.cumsum(shapely.get_num_coordinates(shapes), dtype=np.int64)])
    if geographic and len(xy) and xy[:, 0].min() <= -180:
        xy[xy[:, 0] == -180, 0] = 180.0
    xy += 0.0  # -0.0 becomes 0.0
    return xy.view(np.uint64), begin


def edges(shapes: np.ndarray, *, geographic: bool = False) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Numbers of both ends of each edge (m, 2), lower first; where each polygon's begin; where each starts in xy."""
    bits, begin = vertices(shapes, geographic=geographic)
    label = numbered(bits)
    inner = ~_closing(shapes, begin)
    start = np.flatnonzero(inner)
    ends = np.empty((len(start), 2), np.uint64)
    np.minimum(label[start], label[start + 1], out=ends[:, 0], casting="unsafe")
    np.maximum(label[start], label[start + 1], out=ends[:, 1], casting="unsafe")
    first = np.concatenate([[0], np.cumsum(inner)])[begin]
    return ends, first, start


def pattern(items: np.ndarray, begin: np.ndarray) -> sparse.csr_array:
    """Who has an item in common with whom: ones, without diagonal, canonical."""
    n = len(begin) - 1
    if len(items) >= COMPILED_FROM:
        from ._kernels import linked, owners_met

        following = linked(items)
        del items  # the caller's coordinates may be freed while the result is made
        indptr, indices = owners_met(following, begin)
    else:
        one, two, _ = _met(items, begin)
        short = np.int32 if n * n < 2**31 else np.int64  # half the bits sort in half the time
        key = np.sort((one * n + two).astype(short))
        key = key[np.append(True, key[1:] != key[:-1])] if len(key) else key
        indptr, indices = _rows(np.sort(np.concatenate([key, key % n * n + key // n])), n)
    return _ones(indptr, indices, n)


def shared_length(items: np.ndarray, begin: np.ndarray, length: np.ndarray) -> sparse.csr_array:
    """Sum of the lengths of common items, for each pair."""
    n = len(begin) - 1
    one, two, item = _met(items, begin)
    half = sparse.coo_array((length[item], (one, two)), shape=(n, n)).tocsr()
    return sparse.csr_array(half + half.T)


def numbered(items: np.ndarray) -> np.ndarray:
    """A number for each item, the same for equal ones, shape (m,)."""
    if len(items) >= COMPILED_FROM:
        from ._kernels import numbered

        return numbered(items)
    order, new = _grouped(items)
    out = np.empty(len(items), np.int32)
    out[order] = np.cumsum(new, dtype=np.int32) - 1
    return out


def _met(items, begin) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Each meeting of two owners at an item: lower, higher, position of the item (a pair may meet often)."""
    order, new = _grouped(items)
    owner = np.repeat(np.arange(len(begin) - 1), np.diff(begin))
    parts, step, here = [], 1, np.flatnonzero(~new)
    while len(here):  # members of a group with another `step` before them
        item = order[here - step]
        a, b = owner[item], owner[order[here]]
        other = a != b
        parts.append((a[other], b[other], item[other]))
        here = here[~new[here - step]]
        step += 1
    empty = np.empty(0, np.int64)
    return tuple(np.concatenate(x) for x in zip(*parts, strict=True)) if parts else (empty, empty, empty)


def _grouped(items: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """An order that brings equal items together, each group by position, and which items begin a group.

    Numbers sort faster than positions by numbers, so one number holds both: an item mixed down to its leading bits,
    and in the last bits its position.
    """
    position = np.arange(len(items), dtype=np.uint64)
    last = np.uint64((1 << len(items).bit_length()) - 1)
    key = items[:, 0] * ODD
    key ^= key >> np.uint64(32)
    key += items[:, 1]
    key *= ODD
    key &= ~last
    key |= position
    key.sort()
    order = (key & last).astype(np.intp)
    new = np.ones(len(items), bool)
    np.greater(key[1:] ^ key[:-1], last, out=new[1:])
    same = np.flatnonzero(~new)
    if (items.take(order[same], axis=0) != items.take(order[same - 1], axis=0)).any():
        order = np.lexsort(items.T)  # unlike items mixed alike: rare, but possible
        new[1:] = (items[order][1:] != items[order][:-1]).any(axis=1)
    return order, new


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


def _rows(key: np.ndarray, n: int) -> tuple[np.ndarray, np.ndarray]:
    """CSR of sorted keys focal * n + neighbor."""
    indptr = np.zeros(n + 1, np.int32)
    np.cumsum(np.bincount(key // n, minlength=n), out=indptr[1:])
    return indptr, (key % n).astype(np.int32)


def _ones(indptr, indices, n) -> sparse.csr_array:
    out = sparse.csr_array((np.ones(len(indices)), indices, indptr), shape=(n, n))
    out.has_sorted_indices = out.has_canonical_format = True
    return out
