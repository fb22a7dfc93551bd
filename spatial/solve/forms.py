"""Quadratic forms in the errors of every period, with period means taken out or not.

    e'A e,    S = A + A'

Without period means e is J e, J = I - 1 1'/N, and the lag is J M: rows of M sum to one constant, so J M J = J M (Lee &
Yu 2010, J. Econometrics 154:165-185, section 4). Then A is J A J, and M'M becomes M'J M = M'M - c c'/N, c = M'1. None
of these N x N matrices is made: a sparse part, one vector and the means do.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from scipy import sparse

DENSE_MAX = 3_000


@dataclass(frozen=True, eq=False)
class Form:
    """S = J (sparse - low low') J, J the identity unless ``centered``.

    Attributes
    ----------
    sparse : (N, N)
    low : (N,)
    diagonal : (N,)
        Of A.
    centered : bool
    """

    sparse: sparse.csr_array = field(repr=False)
    low: np.ndarray = field(repr=False)
    diagonal: np.ndarray = field(repr=False)
    centered: bool = False

    def __matmul__(self, e: np.ndarray) -> np.ndarray:
        """S e for stacked periods (m,); of a centered form e has no period means."""
        panel = e.reshape(-1, len(self.low))
        out = (self.sparse @ panel.T).T - (panel @ self.low)[:, None] * self.low
        return (out - out.mean(axis=1, keepdims=True) if self.centered else out).ravel()

    @property
    def trace(self) -> float:
        """tr A."""
        return float(self.diagonal.sum())

    @property
    def row_sums(self) -> np.ndarray:
        """(sparse - low low') 1."""
        return self.sparse @ np.ones(len(self.low)) - self.low * self.low.sum()

    def inner(self, other: Form) -> float:
        """tr(S_a S_b)."""
        a, b = self.low, other.low
        product = float((self.sparse * other.sparse).sum())
        product += -float(b @ (self.sparse @ b)) - float(a @ (other.sparse @ a)) + float(a @ b) ** 2
        if not self.centered:
            return product
        N, r, s = len(a), self.row_sums, other.row_sums
        return product - 2 / N * float(r @ s) + float(r.sum()) * float(s.sum()) / N**2

    def squares(self, other: Form):
        """S_a times S_b off the diagonal, element by element. Means make every pair of units a link, with weights of
        1/N of the others: they count up to ``DENSE_MAX`` units."""
        if not self.centered or len(self.low) > DENSE_MAX:
            product = (self.sparse * other.sparse).tocoo()
            off = product.row != product.col
            return sparse.csr_array((product.data[off], (product.row[off], product.col[off])), shape=product.shape)
        product = self._dense * other._dense
        np.fill_diagonal(product, 0.0)
        return product

    @property
    def matrix(self) -> sparse.csr_array:
        """S itself; dense in truth where period means are taken out."""
        return sparse.csr_array(self._dense) if self.centered else self.sparse

    @cached_property
    def _dense(self) -> np.ndarray:
        rows, N = self.row_sums, len(self.low)
        inside = self.sparse.toarray() - np.outer(self.low, self.low)
        return inside - (rows[:, None] + rows) / N + rows.sum() / N**2


def form(A, c: np.ndarray | None = None, *, centered: bool = False, without_diagonal: bool = False) -> Form:
    """The form of A - c c'/N; without its diagonal where errors have unequal variances."""
    A = sparse.csr_array(A)
    N = A.shape[0]
    low = np.zeros(N) if c is None or not centered else c / np.sqrt(N)
    diagonal = A.diagonal() - low**2
    if centered:
        rows = (A + A.T) @ np.ones(N) - 2 * low * low.sum()
        diagonal = diagonal - rows / N + rows.sum() / (2 * N**2)
    if without_diagonal:
        x = diagonal
        if centered:  # diag of J diag(x) J is x (1 - 2 / N) + sum x / N^2
            x = (x - x.sum() / (1 - 1 / N) / N**2) / (1 - 2 / N)
        A, diagonal = A - sparse.diags_array(x), np.zeros(N)
    return Form(sparse.csr_array(A + A.T), np.sqrt(2) * low, diagonal, centered)


def lag(M, u: np.ndarray, centered: bool) -> np.ndarray:
    """M u, or J M u, for stacked periods."""
    out = (M @ u.reshape(-1, M.shape[0]).T).T
    return (out - out.mean(axis=1, keepdims=True) if centered else out).ravel()
