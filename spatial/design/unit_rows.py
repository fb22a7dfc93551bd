"""The rows of a panel with gaps, by unit: means over the periods in which a unit is observed.

With weights of observations rows are those times sqrt(w), D has sqrt(w) in the places of ones, and T_i is the sum of a
unit's weights: D'D = diag(T_i) again.
"""

from __future__ import annotations

from collections.abc import Callable
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
    root : (m,), optional
        Roots of weights of observations.

    Examples
    --------
    >>> units = UnitRows(np.array([0, 1, 0]), 2)
    >>> units.counts, units.means(np.array([1.0, 5.0, 3.0]))
    (array([2, 1]), array([2., 5.]))
    """

    codes: np.ndarray = field(repr=False)
    N: int
    root: np.ndarray | None = field(default=None, repr=False)

    @classmethod
    def of(cls, d: Design) -> UnitRows:
        there = np.ones(d.y.shape, dtype=bool) if d.observed is None else d.observed
        return cls(np.nonzero(there)[1], d.n_units, None if d.obs_weights is None else d.root)

    @cached_property
    def counts(self) -> np.ndarray:
        """T_i, (N,)."""
        return np.bincount(self.codes, None if self.root is None else self.root**2, minlength=self.N)

    def filtered(self, change: Callable[[np.ndarray], np.ndarray]) -> UnitRows:
        """D with its rows changed, as by a filter over time: T_i are then c_i'c_i of the filtered ones c_i."""
        return UnitRows(self.codes, self.N, change(self.ones))

    @property
    def ones(self) -> np.ndarray:
        """D's entries, (m,)."""
        return np.ones(len(self.codes)) if self.root is None else self.root

    @cached_property
    def sums_of(self) -> sparse.csr_array:
        """D' (N, m): D are the dummies of the units."""
        m = len(self.codes)
        return sparse.csr_array(sparse.csc_array((self.ones, self.codes, np.arange(m + 1)), shape=(self.N, m)))

    @property
    def mean_count(self) -> float:
        """The mean of T_i."""
        return float(self.counts.sum()) / self.N

    def means(self, values: np.ndarray) -> np.ndarray:
        """Of rows (m, ...) by unit, (N, ...)."""
        flat = self.sums_of @ values.reshape(len(values), -1) / self.counts[:, None]
        return flat.reshape(self.N, *values.shape[1:])

    def less(self, values: np.ndarray, share: np.ndarray) -> np.ndarray:
        """Rows (m, ...) less the share (N,) of their unit's means."""
        return values - self.spread(share.reshape(-1, *[1] * (values.ndim - 1)) * self.means(values))

    def spread(self, by_unit: np.ndarray) -> np.ndarray:
        """D by_unit: (N, ...) as rows (m, ...)."""
        rows = by_unit[self.codes]
        return rows if self.root is None else rows * self.root.reshape(-1, *[1] * (by_unit.ndim - 1))


def links_by_row(d: Design) -> sparse.csr_array:
    """M of all periods over the rows that are observed, block-diagonal, (m, m); of rows times the roots of weights of
    observations."""
    there = np.ones(d.y.shape, dtype=bool) if d.observed is None else d.observed
    blocks = [m.csr[row][:, row] for m, row in zip(d.weights_of_error.each(d.n_periods), there)]
    M = sparse.csr_array(sparse.block_diag(blocks, format="csr"))
    return M if d.obs_weights is None else sparse.csr_array(
        sparse.diags_array(d.root) @ M @ sparse.diags_array(1 / d.root))  # fmt: skip
