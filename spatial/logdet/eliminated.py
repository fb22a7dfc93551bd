"""One sparse W among many: log|I - rho W| by compiled elimination, in a fifth to a tenth of a band's time."""

from __future__ import annotations

from functools import cached_property

import numpy as np
from scipy import sparse

from .banded import Band, bands

FULL = 0.15  # elements of a triangular factor, in shares of n^2, beyond which a band is as good
LARGEST = 10.0  # multiplier at which rows need not be exchanged


class Elimination:
    """log|I - rho W| without exchange of rows; with it where that would lose digits.

    Parameters
    ----------
    indptr, indices, data
        W, compressed by rows.
    """

    narrow = True

    def __init__(self, indptr, indices, data):
        from ..kernels import determinants

        self._W, self._n, self._at = (indptr, indices, data), len(indptr) - 1, determinants.log_determinants
        self._pattern = determinants.pattern(indptr, indices, int(FULL * self._n**2))

    @property
    def full(self) -> bool:
        """Whether too many elements would be filled."""
        return not len(self._pattern[0])

    def __call__(self, points) -> np.ndarray:
        """At some rho: an array of as many."""
        points = np.asarray(points, dtype=float)
        value, largest = self._at(*self._W, *self._pattern, points)
        kept = np.isfinite(value) & (largest <= LARGEST)
        if not kept.all():
            value[~kept] = self.with_exchange(points[~kept])
        return value

    @cached_property
    def with_exchange(self) -> Band:
        indptr, indices, data = self._W
        return bands(sparse.csr_array((data, indices, indptr), shape=(self._n, self._n)), self._n)[0]


def eliminations(blocks: sparse.csr_array, n: int) -> list[Elimination | Band]:
    """Of all matrices that are ``side_by_side``; bands where there would be too much fill."""
    out = []
    for start in range(0, blocks.shape[0], n):
        ends = blocks.indptr[start : start + n + 1]
        part = slice(ends[0], ends[-1])
        elimination = Elimination(ends - ends[0], blocks.indices[part] - start, blocks.data[part])
        out.append(elimination.with_exchange if elimination.full else elimination)
    return out


def traces(blocks: sparse.csr_array, n: int) -> np.ndarray:
    """tr W, tr W^2 and tr W^3 of matrices that are ``side_by_side``, (3, R)."""
    from ..kernels import determinants

    return determinants.traces(blocks.indptr, blocks.indices, blocks.data, n)
