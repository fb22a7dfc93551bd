"""Symbolic elimination: how many elements a sparse factor will have, before any is computed."""

from __future__ import annotations

import numpy as np

from spillover.accelerate import njit


@njit
def factor_size(indptr, indices, limit):
    """(elements, multiplications) of the Cholesky factor of a matrix with this symmetric pattern.

    Row i of the factor is the part of the elimination tree between the row's own links and i (Liu 1990,
    SIAM J. Matrix Anal. Appl. 11:134-172). Stops counting at ``limit`` elements.
    """
    n = indptr.size - 1
    parent = np.full(n, -1)
    ancestor = np.full(n, -1)
    seen = np.full(n, -1)
    column = np.ones(n)
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
                elements += 1
                column[j] += 1
                j = parent[j]
        if elements > limit:
            break
    return elements, np.sum(column**2)
