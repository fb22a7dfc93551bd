"""Quadratic forms of what a projection leaves of the errors, for block diagonal weights.

    Q = I - B D F^-1 D'B',    F = D'B'B D

With S = A + A' the means and covariances of e'Q A Q e under independent errors are

    tr(Q A)         = tr(A) - tr(F^-1 D'B'A B D)
    tr(Q S_a Q S_b) = tr(S_a S_b) - 2 tr(F^-1 D'B'S_a S_b B D) + tr(G_a G_b),    G = F^-1 D'B'S B D

so that matrices of the effects are dense and those of the rows are not.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from scipy import sparse

from spillover.errors import SpatialInputError

from ..design.carried import Factor
from ..design.design import Design
from ..design.fixed_effects import FixedEffects
from ..design.unbalanced import Gaps
from .block_forms import Periods

EFFECTS_MAX = 3_000


def refuse_many_effects(d: Design, effects: FixedEffects, what: str, hint: str) -> None:
    """``what`` needs dense matrices of all effects.

    Raises
    ------
    SpatialInputError
        E309.
    """
    if effects.ways is not None or max(d.n_units * effects.entity, d.n_periods) <= EFFECTS_MAX // 2:
        return  # ways have a limit of their own
    there = np.ones(d.y.shape, dtype=bool) if d.observed is None else d.observed
    rank = Gaps(there, effects).rank
    if rank > EFFECTS_MAX:
        raise SpatialInputError("E309", f"{what}: dense matrices of all {rank:,} effects are needed, "
                                f"{EFFECTS_MAX:,} at most", n=rank, hint=hint)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Symmetric:
    """S = links - C C': links (m, m) sparse, C (m, T) sparse, zero without such a part."""

    links: sparse.csr_array = field(repr=False)
    C: sparse.csr_array = field(repr=False)

    def __matmul__(self, e: np.ndarray) -> np.ndarray:
        return self.links @ e - self.C @ (self.C.T @ e)

    @cached_property
    def trace(self) -> float:
        """tr A, half of that of S."""
        return (float(self.links.diagonal().sum()) - float((self.C * self.C).sum())) / 2

    def between(self, left: sparse.csr_array, right: sparse.csr_array) -> np.ndarray:
        """left'S right, dense, of sparse columns."""
        sides = [(self.C.T @ columns).toarray() for columns in (left, right)]
        return (left.T @ (self.links @ right)).toarray() - sides[0].T @ sides[1]

    def inner(self, other: Symmetric) -> float:
        """tr(S_a S_b)."""
        a, b = self, other
        mixed = float((b.C * (a.links @ b.C)).sum()) + float((a.C * (b.links @ a.C)).sum())
        both = a.C.T @ b.C
        return float((a.links * b.links).sum()) - mixed + float((both * both).sum())


@dataclass(frozen=True, eq=False)
class Projection:
    """Q: B D (m, r) and F factorised; None without effects."""

    BD: sparse.csr_array | None = field(repr=False)
    factor: Factor | None = field(repr=False)

    def __matmul__(self, values: np.ndarray) -> np.ndarray:
        """Q of rows."""
        if self.BD is None or self.factor is None:
            return values
        return values - self.BD @ self.factor.solve(self.BD.T @ values)

    def trace(self, form: Symmetric) -> float:
        """tr(Q A)."""
        taken = float(np.trace(self._inside(form))) / 2 if self.BD is not None else 0.0
        return form.trace - taken

    def inner(self, forms: tuple[Symmetric, ...]) -> np.ndarray:
        """tr(Q S_a Q S_b) of all pairs."""
        whole = np.array([[a.inner(b) for b in forms] for a in forms])
        if self.BD is None or self.factor is None:
            return whole
        G = [self._inside(form) for form in forms]
        images = [(form.links @ self.BD, form.C, (form.C.T @ self.BD).toarray()) for form in forms]
        for i, (Xa, Ca, Ya) in enumerate(images):
            for j, (Xb, Cb, Yb) in enumerate(images[: i + 1]):
                product = (Xa.T @ Xb).toarray() - (Xa.T @ Cb) @ Yb - Ya.T @ (Ca.T @ Xb).toarray()
                product = product + Ya.T @ ((Ca.T @ Cb) @ Yb)
                whole[i, j] += float(np.vdot(G[i].T, G[j])) - 2 * float(np.trace(self.factor.solve(product)))
                whole[j, i] = whole[i, j]
        return whole

    def _inside(self, form: Symmetric) -> np.ndarray:
        """F^-1 D'B'S B D, (r, r)."""
        if self.BD is None or self.factor is None:
            raise ValueError("there are no effects")
        return self.factor.solve(form.between(self.BD, self.BD))

    def solve(self, right: np.ndarray) -> np.ndarray:
        """F^-1 right."""
        if self.factor is None:
            raise ValueError("there are no effects")
        return self.factor.solve(right)


def base_forms(periods: Periods, centered: bool) -> tuple[Symmetric, Symmetric, Symmetric]:
    """Of A = I, M'M (M'J M beside period effects) and M."""
    m, T = periods.dummies.shape
    M, none = periods.M, sparse.csr_array((m, T))
    C = none
    if centered:  # c_t c_t', c_t = M_t'v_t
        C = sparse.csr_array(M.T @ periods.dummies * np.sqrt(2))
    return (Symmetric(2 * sparse.eye_array(m, format="csr"), none), Symmetric(sparse.csr_array(2 * M.T @ M), C),
            Symmetric(sparse.csr_array(M + M.T), none))  # fmt: skip
