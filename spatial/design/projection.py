"""Any number of ways of effects out of the data: the projection off their columns.

With D_1 the columns of the largest way, M_1 = I - D_1 D_1' (its columns are orthonormal, see ``ways``) and D those of
the others,

    M x = M_1 (x - D b),    S b = D'M_1 x,    S = D'M_1 D = D'D - (D_1'D)'(D_1'D)

b comes from conjugate gradients on S, whose cross-tables D_1'D are built once. These are the alternating projections of
Guimaraes & Portugal (2010, Stata Journal 10:628-649) and Gaure (2013, Computational Statistics & Data Analysis 66:8-18)
on the largest way and the rest, accelerated: conjugate gradients find the best point of the space that alternating
projections span (Gaure 2013, section 4; Correia 2016, reghdfe). Two ways whose projections commute take one step.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NoReturn

import numpy as np
from scipy import sparse

from spillover.errors import SpatialInputError

from .rank import DENSE, labelled, nullity, rank_of_gram
from .ways import without_spanned

TOLERANCE = 1e-12  # length of D'M x against that of M_1 x
ACCEPTED = 1e-9  # of the effects that are left, where rounding allows no more
SPREAD, ROUNDING = 1e-6, 1e-10  # lengths below these shares of a column's spread, of its length, are rounding
MAX_STEPS, ROUNDS = 3_000, 4
CELLS = 40_000_000  # elements of a dense basis


@dataclass
class Convergence:
    """Steps of conjugate gradients, and the largest share of effects that they left, of all columns so far."""

    steps: int = 0
    left: float = 0.0


class Projection:
    """M of some ways over m rows.

    Parameters
    ----------
    ways : sequence of Way
        In any order; those that others span are left out.

    Examples
    --------
    >>> from spatial.design.grammar import WayTerm
    >>> from spatial.design.ways import Way
    >>> rows = np.indices((2, 3)).reshape(2, -1)
    >>> ways = [Way(WayTerm((name,)), codes, np.empty((6, 0))) for name, codes in zip("ab", rows)]
    >>> M = Projection(ways)
    >>> M(np.array([[1.0], [2.0], [3.0], [4.0], [5.0], [9.0]])).ravel().round(6).tolist(), M.rank
    ([0.5, 0.5, -1.0, -0.5, -0.5, 1.0], 4)
    """

    def __init__(self, ways):
        self.ways = without_spanned(tuple(ways))
        self.convergence = Convergence()

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """M x of columns (m, c).

        Raises
        ------
        SpatialInputError
            E717 when the conjugate gradients do not converge.
        """
        before, x = x, self._without_first(np.asarray(x, dtype=float))
        if len(self.ways) > 1:
            spread = before - before.mean(axis=0)
            lengths = [share * np.sqrt(_dots(v, v)) for share, v in ((1, x), (SPREAD, spread), (ROUNDING, before))]
            size = np.max(lengths, axis=0)
            for _ in range(ROUNDS):
                x = self._without_first(x - self.others @ self._coefficients(self._transposed @ x, size))
                if self._left(x, size) <= ACCEPTED:
                    break
            else:
                self._refuse(self._left(x, size))
        return x

    @property
    def first(self) -> sparse.csr_array:
        """D_1."""
        return self.ways[0].columns

    @cached_property
    def others(self) -> sparse.csr_array:
        """D, (m, c)."""
        parts = [way.columns for way in self.ways[1:]]
        return parts[0] if len(parts) == 1 else sparse.hstack(parts, format="csr")

    @cached_property
    def cross(self) -> sparse.csr_array:
        """D_1'D."""
        return (self._first_transposed @ self.others).tocsr()

    @cached_property
    def S(self) -> sparse.csr_array:
        """D'D - (D_1'D)'(D_1'D)."""
        return (self._gram - self._cross_transposed @ self.cross).tocsr()

    @cached_property
    def rank(self) -> int:
        """How many observations the effects take."""
        first, *others = self.ways
        if not others:
            return first.rank
        if len(others) == 1 and first.plain and others[0].plain:
            return first.groups + others[0].groups - labelled(first.codes, others[0].codes)[0]
        c = self.others.shape[1]
        return first.rank + (rank_of_gram(self.S.toarray()) if c <= DENSE else c - nullity(self.ways, self._null_part))

    @cached_property
    def basis(self) -> tuple[sparse.csr_array, np.ndarray]:
        """U = [D_1, Z] with M = I - U U': its sparse columns and its dense ones.

        Raises
        ------
        SpatialInputError
            E309 for more than 40 million elements.
        """
        m = len(self.ways[0].codes)
        if len(self.ways) == 1:
            return self.first, np.zeros((m, 0))
        if m * self.others.shape[1] > CELLS:
            raise SpatialInputError("E309", f"this needs a dense matrix of {m:,} rows and {self.others.shape[1]:,} "
                                    "effects", n=self.others.shape[1],
                                    hint="fewer effects behind |, or ols() and slx(), which need none")  # fmt: skip
        size, vectors = np.linalg.eigh(self.S.toarray())
        kept = size > 1e-9
        return self.first, self._without_first(self.others @ (vectors[:, kept] / np.sqrt(size[kept])))

    # -- steps ---------------------------------------------------------------------------------------------

    @cached_property
    def _first_transposed(self):
        return self.first.T.tocsr()

    @cached_property
    def _transposed(self):
        return self.others.T.tocsr()

    @cached_property
    def _cross_transposed(self):
        return self.cross.T.tocsr()

    @cached_property
    def _gram(self):
        """D'D."""
        return (self._transposed @ self.others).tocsr()

    def _without_first(self, x):
        for _ in range(2):  # the second time what rounding left of large means
            x = x - self.first @ (self._first_transposed @ x)
        return x

    def _times(self, b):
        out = b if len(self.ways) == 2 and self.ways[1].plain else self._gram @ b
        return out - self._cross_transposed @ (self.cross @ b)

    def _coefficients(self, right: np.ndarray, size: np.ndarray) -> np.ndarray:
        """b of S b = right (c, columns), by conjugate gradients, each column by its own steps."""
        squares = self._cross_transposed.multiply(self._cross_transposed).sum(axis=1)
        diagonal = self._gram.diagonal() - squares
        scale = np.divide(1, diagonal, out=np.zeros_like(diagonal), where=diagonal > ACCEPTED)[:, None]
        b, r = np.zeros_like(right), right
        z = scale * r
        p, rz, least = z, _dots(r, z), (TOLERANCE * size) ** 2
        for step in range(MAX_STEPS):
            active = _dots(r, r) > least
            if not active.any():
                break
            Sp = self._times(p)
            along = _dots(p, Sp)
            active &= along > 0
            if not active.any():
                break
            alpha = np.divide(rz, along, out=np.zeros_like(rz), where=active)
            b, r = b + alpha * p, r - alpha * Sp
            z = scale * r
            rz, before = _dots(r, z), rz
            p = z + np.divide(rz, before, out=np.zeros_like(rz), where=before > 0) * p
            self.convergence.steps = max(self.convergence.steps, step + 1)
        return b

    def _null_part(self, R: np.ndarray) -> np.ndarray:
        """R - S^+ S R."""
        SR = self._times(R)
        return R - self._coefficients(SR, np.sqrt(_dots(SR, SR)))

    def _left(self, x: np.ndarray, size: np.ndarray) -> float:
        """The certificate: what is left of every group's effects."""
        left = self._transposed @ x
        worst = float((np.sqrt(_dots(left, left)) / np.where(size > 0, size, 1)).max(initial=0))
        self.convergence.left = worst
        return worst

    def _refuse(self, left: float) -> NoReturn:
        ways = " + ".join(map(str, self.ways))
        raise SpatialInputError("E717", f"the effects of {ways} did not leave the data within {ROUNDS * MAX_STEPS:,} "
                                f"steps: a share of {left:.1g} is still there",
                                hint="scale the columns of slopes alike, or leave out the way with the fewest rows per "
                                "group")  # fmt: skip


def _dots(a, b):
    return np.einsum("ij,ij->j", a, b)
