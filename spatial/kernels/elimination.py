"""Sparse symmetric elimination: the factor's size before it is computed, the factor, and its selected inverse."""

from __future__ import annotations

import numpy as np

from spillover.accelerate import njit


@njit
def column_sizes(indptr, indices, limit):
    """(parent, elements below the diagonal) of every column of the Cholesky factor.

    Row i of the factor is the part of the elimination tree between the row's own links and i (Liu 1990,
    SIAM J. Matrix Anal. Appl. 11:134-172). Stops once ``limit`` elements are counted.
    """
    n = indptr.size - 1
    parent = np.full(n, -1)
    ancestor = np.full(n, -1)
    seen = np.full(n, -1)
    below = np.zeros(n, np.int64)
    elements = n
    for i in range(n):
        for p in range(indptr[i], indptr[i + 1]):
            j = indices[p]
            while j != -1 and j < i:  # up the tree, shortening the path for later
                above = ancestor[j]
                ancestor[j] = i
                if above == -1:
                    parent[j] = i
                    break
                j = above
        seen[i] = i
        for p in range(indptr[i], indptr[i + 1]):
            j = indices[p]
            while j < i and seen[j] != i:
                seen[j] = i
                below[j] += 1
                elements += 1
                j = parent[j]
        if elements > limit:
            break
    return parent, below


@njit
def ldl(indptr, indices, data, parent, start):
    """L, D of a symmetric positive definite matrix, row by row: P A P' = L D L' with a unit diagonal in L.

    ``start`` tells where the columns of L begin. Returns (rows, values, D); rows ascend within columns.
    """
    n = indptr.size - 1
    rows = np.empty(start[n], np.int32)
    values = np.empty(start[n])
    D = np.empty(n)
    filled = start[:n].copy()
    work = np.zeros(n)
    seen = np.full(n, -1)
    pattern = np.empty(n, np.int64)
    path = np.empty(n, np.int64)
    for k in range(n):
        top = n
        seen[k] = k
        for p in range(indptr[k], indptr[k + 1]):
            i = indices[p]
            if i > k:
                continue
            work[i] += data[p]
            length = 0
            while seen[i] != k:
                path[length] = i
                length += 1
                seen[i] = k
                i = parent[i]
            while length > 0:
                top -= 1
                length -= 1
                pattern[top] = path[length]
        D[k] = work[k]
        work[k] = 0.0
        for t in range(top, n):  # row k of L by forward substitution
            i = pattern[t]
            y = work[i]
            work[i] = 0.0
            for p in range(start[i], filled[i]):
                work[rows[p]] -= values[p] * y
            share = y / D[i]
            D[k] -= share * y
            rows[filled[i]] = k
            values[filled[i]] = share
            filled[i] += 1
    return rows, values, D


@njit
def inverse_diagonal(start, rows, values, D):
    """Diagonal of (L D L')^-1 from the elements of the inverse on L's pattern alone, last column first.

    Z_ij = -sum_k Z_ik L_kj and Z_jj = 1 / D_j - sum_k L_kj Z_kj over the k below j in column j
    (Takahashi, Fagan & Chin 1973; Erisman & Tinney 1975).
    """
    n = D.size
    Z = np.empty(start[n])
    diagonal = np.empty(n)
    for j in range(n - 1, -1, -1):
        first, last = start[j], start[j + 1]
        for a in range(first, last):
            Z[a] = 0.0
        for a in range(first, last):
            k = rows[a]
            total = values[a] * diagonal[k]
            q = start[k]
            for b in range(a + 1, last):  # the rows of column j below k are all in column k
                while rows[q] != rows[b]:
                    q += 1
                total += values[b] * Z[q]
                Z[b] -= values[a] * Z[q]
            Z[a] -= total
        diagonal[j] = 1.0 / D[j]
        for a in range(first, last):
            diagonal[j] -= values[a] * Z[a]
    return diagonal
