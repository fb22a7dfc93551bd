"""The rows of a panel with gaps, by unit: means over the periods in which a unit is observed."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from scipy import sparse

from .design import Design


@dataclass(frozen=True, eq=False)
class UnitRows:
    """Which unit each of m rows belongs to.

    Attributes
    ----------
    codes : (m,) of int
    N : int
        Units; each has a row.

    Examples
    --------
    >>> units = UnitRows(np.array([0, 1, 0]), 2)
    >>> units.counts, units.means(np.array([1.0, 5.0, 3.0]))
    (array([2, 1]), array([2., 5.]))
    """

    codes: np.ndarray = field(repr=False)
    N: int

    @classmethod
    def of(cls, d: Design) -> UnitRows:
        there = np.ones(d.y.shape, dtype=bool) if d.observed is None else d.observed
        return cls(np.nonzero(there)[1], d.n_units)

    @cached_property
    def counts(self) -> np.ndarray:
        """T_i, (N,)."""
        return np.bincount(self.codes, minlength=self.N)

    @cached_property
    def sums_of(self) -> sparse.csr_array:
        """D' (N, m): D are the dummies of the units."""
        m = len(self.codes)
        return sparse.csr_array(sparse.csc_array((np.ones(m), self.codes, np.arange(m + 1)), shape=(self.N, m)))

    @property
    def mean_count(self) -> float:
        """The mean of T_i."""
        return len(self.codes) / self.N

    def means(self, values: np.ndarray) -> np.ndarray:
        """Of rows (m, ...) by unit, (N, ...)."""
        flat = self.sums_of @ values.reshape(len(values), -1) / self.counts[:, None]
        return flat.reshape(self.N, *values.shape[1:])

    def less(self, values: np.ndarray, share: np.ndarray) -> np.ndarray:
        """Rows (m, ...) less the share (N,) of their unit's means."""
        by_unit = self.means(values)
        return values - (share.reshape(-1, *[1] * (values.ndim - 1)) * by_unit)[self.codes]


def links_by_row(d: Design) -> sparse.csr_array:
    """M of all periods over the rows that are observed, block-diagonal, (m, m)."""
    there = np.ones(d.y.shape, dtype=bool) if d.observed is None else d.observed
    blocks = [m.csr[row][:, row] for m, row in zip(d.weights_of_error.each(d.n_periods), there)]
    return sparse.csr_array(sparse.block_diag(blocks, format="csr"))
