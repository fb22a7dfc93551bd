"""Quadratic forms in the errors of every period where M differs between periods, as it does in an unbalanced panel.

    e'A e = sum over t of e_t'A_t e_t

Rows are stacked period by period, those that are observed. Period means are taken out of e or not, as in ``forms``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from scipy import sparse

from ..design.design import Design
from ..design.obs_weights import links_in_units_of_variance
from .forms import Form, direction, form


@dataclass(frozen=True, eq=False)
class Periods:
    """Where the rows are.

    Attributes
    ----------
    blocks : tuple of (n_t, n_t) sparse
        M_t among the units that are observed, in units of variance.
    units : (m,) int
        The unit of every row.
    root : (m,)
        Of the weights of observations, 1 without.
    """

    blocks: tuple[sparse.csr_array, ...] = field(repr=False)
    units: np.ndarray = field(repr=False)
    root: np.ndarray = field(repr=False)

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
        """Of periods, (m, T), each of length one: v_t."""
        sizes, m = np.diff(self.starts), int(self.starts[-1])
        values = np.concatenate(self.directions) if m else np.empty(0)
        return sparse.csr_array((values, (np.arange(m), np.repeat(np.arange(len(sizes)), sizes))))

    @cached_property
    def directions(self) -> list[np.ndarray]:
        """v_t of every period."""
        return [direction(self.root[a:b]) for a, b in zip(self.starts, self.starts[1:])]

    def without_means(self, values: np.ndarray) -> np.ndarray:
        """Rows (m, ...) less the means of their period."""
        return values - self.dummies @ (self.dummies.T @ values)

    def lag(self, u: np.ndarray, centered: bool) -> np.ndarray:
        """M u, or J M u."""
        out = self.M @ u
        return self.without_means(out) if centered else out

    def by_unit(self, values: np.ndarray) -> np.ndarray:
        """Rows (m, p) added up over the periods of a unit, (N, p)."""
        m = len(self.units)
        return sparse.csr_array((np.ones(m), (self.units, np.arange(m)))) @ values

    def form(self, build, *, centered: bool = False, without_diagonal: bool = False) -> BlockForm:
        """The form of every period: ``build(M_t)`` is A_t, or (A_t, C_t) of A_t - c_t c_t', c_t = C_t v_t."""
        each = zip(self.blocks, self.directions)
        parts = [form_of(build, M, v if centered else None, without_diagonal) for M, v in each]
        return BlockForm(tuple(parts), self.starts)


def periods_of(d: Design) -> Periods:
    """M of the error of every period, and where its rows are."""
    there = np.ones(d.y.shape, dtype=bool) if d.observed is None else d.observed
    each = zip(links_in_units_of_variance(d, d.weights_of_error).each(d.n_periods), there)
    blocks = tuple(w.csr if at.all() else sparse.csr_array(w.csr[at][:, at]) for w, at in each)
    return Periods(blocks, np.nonzero(there)[1], d.root)


def form_of(build, M, v: np.ndarray | None, without_diagonal: bool) -> Form:
    """The form of ``build(M)``, which is A or (A, C) of A - c c', c = C v."""
    A = build(M)
    A, C = A if isinstance(A, tuple) else (A, None)
    return form(A, None if C is None or v is None else C @ v, v=v, without_diagonal=without_diagonal)


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
