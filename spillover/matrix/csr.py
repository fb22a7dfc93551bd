"""Plain functions on sparse matrices: the form that weights are kept in."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from spillover.errors import SpatialInputError


def take(csr: sparse.csr_array, order: np.ndarray) -> sparse.csr_array:
    """Rows and columns ``order`` of a square matrix, canonical."""
    out = csr[order][:, order]
    out.sort_indices()
    return out


def with_data(csr: sparse.csr_array, data: np.ndarray) -> sparse.csr_array:
    """The same links with other weights, shape (nnz,)."""
    return sparse.csr_array((data, csr.indices, csr.indptr), csr.shape)


def cells(csr: sparse.csr_array, row: np.ndarray, column: np.ndarray) -> np.ndarray:
    """Entries (row_i, column_i) of a canonical matrix, zeros included, shape of ``row``."""
    width = np.int64(csr.shape[1])
    key = np.repeat(np.arange(csr.shape[0]), np.diff(csr.indptr)) * width + csr.indices
    wanted = np.asarray(row, np.int64) * width + column
    at = np.searchsorted(key, wanted)
    there = at < len(key)
    there[there] = key[at[there]] == wanted[there]
    out = np.zeros(len(wanted))
    out[there] = csr.data[at[there]]
    return out


def freeze(csr: sparse.csr_array) -> sparse.csr_array:
    """Mark arrays that nobody else holds as read-only, so that the constructor need not copy them."""
    for array in (csr.data, csr.indices, csr.indptr):
        array.flags.writeable = False
    return csr


def canonical(matrix, *, sound: bool) -> sparse.csr_array:
    """Canonical float64 CSR on read-only arrays; arrays a caller could still write to are copied."""
    ready = isinstance(matrix, sparse.csr_array) and matrix.dtype == np.float64  # keeps what it knows of itself
    csr = matrix if ready else sparse.csr_array(matrix, dtype=np.float64)
    if csr.ndim != 2 or csr.shape[0] != csr.shape[1]:
        raise SpatialInputError("E311", f"weights must be square, got {csr.shape[0]} x {csr.shape[1]}",
                                hint="give one row and one column per unit")
    if not csr.has_canonical_format or (not sound and np.count_nonzero(csr.data) < csr.nnz):
        csr = csr.copy()
        csr.sum_duplicates()
        csr.eliminate_zeros()
        freeze(csr)
    index = np.int32 if max(csr.nnz, csr.shape[0]) < 2**31 - 1 else np.int64
    out = sparse.csr_array(csr.shape, dtype=np.float64)
    out.data, out.indices, out.indptr = (
        frozen(csr.data), frozen(csr.indices.astype(index, copy=False)),
        frozen(csr.indptr.astype(index, copy=False)))
    out.has_sorted_indices = out.has_canonical_format = True
    return out


def frozen(array: np.ndarray) -> np.ndarray:
    if array.flags.writeable:
        array = array.copy()
        array.flags.writeable = False
    return array
