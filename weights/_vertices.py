"""Polygons that share vertices or edges, found by the exact bits of their coordinates."""

from __future__ import annotations

import numpy as np
from scipy import sparse

COMPILED_FROM = 400_000  # coordinates; below, sorting is faster than loading compiled code


def rings(shapes: np.ndarray, *, geographic: bool = False) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Coordinates (m, 2), owner of each coordinate (m,), and which coordinates close a ring (m,) bool.

    On longitude and latitude the two sides of the antimeridian are one: -180 becomes 180.
    """
    import shapely

    _, xy, offsets = shapely.to_ragged_array(shapes, include_z=False)
    ring = offsets[0]
    owner_of_ring = offsets[1] if len(offsets) == 2 else offsets[1][offsets[2]]
    owner = np.repeat(np.arange(len(shapes), dtype=np.int32), np.diff(ring[owner_of_ring]))
    closing = np.zeros(len(xy), bool)
    closing[ring[1:] - 1] = True
    if geographic and len(xy) and xy[:, 0].min() <= -180:
        xy[xy[:, 0] == -180, 0] = 180.0
    return xy, owner, closing


def by_vertex(xy: np.ndarray, owner: np.ndarray, n: int) -> sparse.csr_array:
    """Pattern of polygons with a common vertex; ones, without diagonal."""
    return _common(owner, _label(*_bits(xy)), n)


def by_edge(xy: np.ndarray, owner: np.ndarray, closing: np.ndarray, n: int) -> sparse.csr_array:
    """Pattern of polygons with a common edge (two successive common vertices)."""
    return _common(owner[:-1][~closing[:-1]], edge_labels(xy, closing), n)


def edge_labels(xy: np.ndarray, closing: np.ndarray) -> np.ndarray:
    """A number for each edge, the same for equal edges in either direction; rings' edges in order."""
    vertex = _label(*_bits(xy))
    start, end = vertex[:-1][~closing[:-1]], vertex[1:][~closing[:-1]]
    return _label(np.minimum(start, end).astype(np.uint64), np.maximum(start, end).astype(np.uint64))


def border_lengths(owner: np.ndarray, label: np.ndarray, length: np.ndarray, n: int) -> sparse.csr_array:
    """Length of common edges of each pair; ``owner``, ``label`` and ``length`` are per edge."""
    incidence = _incidence(owner, label, n)
    per_label = np.zeros(incidence.shape[1])
    per_label[label] = length
    return _off_diagonal((incidence * per_label[None, :]).tocsr() @ incidence.T)


def _common(owner, label, n) -> sparse.csr_array:
    if len(owner) >= COMPILED_FROM:
        from ._kernels import shared_owners

        indptr, indices = shared_owners(owner, label, int(label.max()) + 1, n)
        return sparse.csr_array((np.ones(len(indices)), indices, indptr), shape=(n, n))
    incidence = _incidence(owner, label, n)
    out = _off_diagonal(incidence @ incidence.T)
    out.data[:] = 1.0
    return out


def _incidence(owner, label, n) -> sparse.csr_array:
    """Who has which vertex (or edge): zeros and ones, (n, labels)."""
    out = sparse.coo_array((np.ones(len(owner)), (owner, label)), shape=(n, int(label.max()) + 1)).tocsr()
    out.data[:] = 1.0
    return out


def _off_diagonal(square: sparse.csr_array) -> sparse.csr_array:
    coo = square.tocoo()
    off = coo.coords[0] != coo.coords[1]
    out = sparse.coo_array((coo.data[off], (coo.coords[0][off], coo.coords[1][off])), shape=square.shape).tocsr()
    out.sort_indices()
    return out


def _bits(xy: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Bit patterns of x and y; adding zero makes -0.0 and 0.0 the same."""
    plus = xy + 0.0
    return np.ascontiguousarray(plus[:, 0]).view(np.uint64), np.ascontiguousarray(plus[:, 1]).view(np.uint64)


def _label(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Number the distinct pairs (a_i, b_i)."""
    if len(a) >= COMPILED_FROM:
        from ._kernels import label_pairs

        return label_pairs(a, b)
    order = np.lexsort((b, a))
    a, b = a[order], b[order]
    new = np.empty(len(a), bool)
    new[:1] = True
    new[1:] = (a[1:] != a[:-1]) | (b[1:] != b[:-1])
    label = np.empty(len(a), np.int32)
    label[order] = np.cumsum(new, dtype=np.int32) - 1
    return label
