"""Quadratic forms in the errors of every period where M differs between periods, as it does in an unbalanced panel.

    e'A e = sum over t of e_t'A_t e_t

Rows are stacked period by period, those that are observed. Period means are taken out of e or not, as in ``forms``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from scipy import sparse

from spillover.errors import SpatialInputError

from ..design.design import Design
from .forms import Form, form


@dataclass(frozen=True, eq=False)
class Periods:
    """Where the rows are.

    Attributes
    ----------
    blocks : tuple of (n_t, n_t) sparse
        M_t among the units that are observed.
    units : (m,) int
        The unit of every row.
    """

    blocks: tuple[sparse.csr_array, ...] = field(repr=False)
    units: np.ndarray = field(repr=False)

    @cached_property
    def starts(self) -> np.ndarray:
        """(T + 1,): where the rows of each period begin."""
        return np.concatenate([[0], np.cumsum([block.shape[0] for block in self.blocks])])

    @cached_property
    def M(self) -> sparse.csr_array:
        """All of them in one block diagonal matrix, (m, m)."""
        return sparse.csr_array(sparse.block_diag(self.blocks, format="csr"))

    @cached_property
    def dummies(self) -> sparse.csr_array:
        """Of periods, (m, T)."""
        sizes = np.diff(self.starts)
        m = int(self.starts[-1])
        return sparse.csr_array((np.ones(m), (np.arange(m), np.repeat(np.arange(len(sizes)), sizes))))

    def without_means(self, values: np.ndarray) -> np.ndarray:
        """Rows (m, ...) less the means of their period."""
        D = self.dummies
        sums = D.T @ values
        return values - D @ (sums.T / np.diff(self.starts)).T

    def lag(self, u: np.ndarray, centered: bool) -> np.ndarray:
        """M u, or J M u."""
        out = self.M @ u
        return self.without_means(out) if centered else out

    def by_unit(self, values: np.ndarray) -> np.ndarray:
        """Rows (m, p) added up over the periods of a unit, (N, p)."""
        m = len(self.units)
        return sparse.csr_array((np.ones(m), (self.units, np.arange(m)))) @ values

    def form(self, build, *, centered: bool = False, without_diagonal: bool = False) -> BlockForm:
        """The form of every period: ``build(M_t)`` is A_t, or (A_t, c_t) of A_t - c_t c_t'/n_t.

        Raises
        ------
        SpatialInputError
            E206 fewer than three units in a period whose mean is taken out, where the diagonal is, too.
        """
        if centered and without_diagonal and np.diff(self.starts).min() < 3:
            raise SpatialInputError("E206", "moments of errors of unequal variances beside period effects need three "
                                    "units in every period", hint="vcov='classical', or leave that period out")
        parts = []
        for M in self.blocks:
            A = build(M)
            A, c = A if isinstance(A, tuple) else (A, None)
            parts.append(form(A, c, centered=centered, without_diagonal=without_diagonal))
        return BlockForm(tuple(parts), self.starts)


def periods_of(d: Design) -> Periods:
    """M of the error of every period, and where its rows are."""
    there = np.ones(d.y.shape, dtype=bool) if d.observed is None else d.observed
    each = zip(d.weights_of_error.each(d.n_periods), there)
    blocks = tuple(w.csr if at.all() else sparse.csr_array(w.csr[at][:, at]) for w, at in each)
    return Periods(blocks, np.nonzero(there)[1])


@dataclass(frozen=True, eq=False)
class BlockForm:
    """One ``Form`` for each period; what a ``Form`` can do."""

    parts: tuple[Form, ...] = field(repr=False)
    starts: np.ndarray = field(repr=False)

    def __matmul__(self, e: np.ndarray) -> np.ndarray:
        """S e."""
        return np.concatenate([part @ e[a:b] for part, a, b in zip(self.parts, self.starts, self.starts[1:])])

    @cached_property
    def diagonal(self) -> np.ndarray:
        return np.concatenate([part.diagonal for part in self.parts])

    @property
    def trace(self) -> float:
        return sum(part.trace for part in self.parts)

    def inner(self, other: BlockForm) -> float:
        """tr(S_a S_b)."""
        return sum(a.inner(b) for a, b in zip(self.parts, other.parts))

    def squares(self, other: BlockForm) -> sparse.csr_array:
        """S_a times S_b off the diagonal, element by element."""
        products = [sparse.csr_array(a.squares(b)) for a, b in zip(self.parts, other.parts)]
        return sparse.csr_array(sparse.block_diag(products, format="csr"))

    def products(self, e: np.ndarray, units: np.ndarray) -> sparse.csr_array:
        """(N, N): sum over t of s_ijt e_it e_jt of every pair of units, for errors (m,)."""
        N, total = int(units.max()) + 1, None
        for part, a, b in zip(self.parts, self.starts, self.starts[1:]):
            S = part.matrix.tocoo()
            at, inside = units[a:b], e[a:b]
            off = S.row != S.col
            i, j = S.row[off], S.col[off]
            one = sparse.csr_array((S.data[off] * inside[i] * inside[j], (at[i], at[j])), shape=(N, N))
            total = one if total is None else total + one
        return total
