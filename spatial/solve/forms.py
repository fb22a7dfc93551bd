"""Quadratic forms in the errors of every period, with period means taken out or not.

    e'A e,    S = A + A'

Without period means e is J e, J = I - v v', v = 1 / sqrt(N), and the lag is J M: rows of M sum to one constant, so
J M J = J M (Lee & Yu 2010, J. Econometrics 154:165-185, section 4). Then A is J A J, and M'M becomes
M'J M = M'M - c c', c = M'v. None of these N x N matrices is made: a sparse part, one vector and the means do.

With weights w of observations errors and M are those in units of variance (``design.obs_weights``), and period effects
are the direction v = sqrt(w / sum w), which M takes to itself likewise.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from scipy import sparse

from spillover.errors import SpatialInputError

DENSE_MAX = 3_000


@dataclass(frozen=True, eq=False)
class Form:
    """S = J (sparse - low low') J, J = I - v v', or the identity.

    Attributes
    ----------
    sparse : (N, N)
    low : (N,)
    diagonal : (N,)
        Of A.
    v : (N,) or None
        Of length one; None where period means stay.
    """

    sparse: sparse.csr_array = field(repr=False)
    low: np.ndarray = field(repr=False)
    diagonal: np.ndarray = field(repr=False)
    v: np.ndarray | None = field(default=None, repr=False)

    def __matmul__(self, e: np.ndarray) -> np.ndarray:
        """S e for stacked periods (m,); where these are taken out e has no period means."""
        panel = e.reshape(-1, len(self.low))
        out = (self.sparse @ panel.T).T - (panel @ self.low)[:, None] * self.low
        return _without(out, self.v).ravel()

    @property
    def trace(self) -> float:
        """tr A."""
        return float(self.diagonal.sum())

    @property
    def at_mean(self) -> np.ndarray:
        """(sparse - low low') v."""
        assert self.v is not None
        return self.sparse @ self.v - self.low * float(self.low @ self.v)

    def inner(self, other: Form) -> float:
        """tr(S_a S_b)."""
        a, b = self.low, other.low
        product = float((self.sparse * other.sparse).sum())
        product += -float(b @ (self.sparse @ b)) - float(a @ (other.sparse @ a)) + float(a @ b) ** 2
        if self.v is None:
            return product
        r, s = self.at_mean, other.at_mean
        return product - 2 * float(r @ s) + float(r @ self.v) * float(s @ self.v)

    def squares(self, other: Form):
        """S_a times S_b off the diagonal, element by element. Means make every pair of units a link, with weights of
        1/N of the others: they count up to ``DENSE_MAX`` units."""
        if self.v is None or len(self.low) > DENSE_MAX:
            product = (self.sparse * other.sparse).tocoo()
            off = product.row != product.col
            return sparse.csr_array((product.data[off], (product.row[off], product.col[off])), shape=product.shape)
        product = self._dense * other._dense
        np.fill_diagonal(product, 0.0)
        return product

    @property
    def matrix(self) -> sparse.csr_array:
        """S itself; dense in truth where period means are taken out."""
        return sparse.csr_array(self._dense) if self.v is not None else self.sparse

    @cached_property
    def _dense(self) -> np.ndarray:
        assert self.v is not None
        r = self.at_mean
        inside = self.sparse.toarray() - np.outer(self.low, self.low)
        mixed = np.outer(r, self.v)
        return inside - mixed - mixed.T + float(r @ self.v) * np.outer(self.v, self.v)


def form(
    A, c: np.ndarray | None = None, *, v: np.ndarray | None = None, without_diagonal: bool = False
) -> Form:  # fmt: skip
    """The form of A - c c'; without its diagonal where errors have unequal variances.

    Raises
    ------
    SpatialInputError
        E206 the diagonal and the mean cannot both be taken out.
    """
    A = sparse.csr_array(A)
    low = np.zeros(A.shape[0]) if c is None or v is None else c
    diagonal = A.diagonal() - low**2
    if v is not None:
        r = (A + A.T) @ v - 2 * low * float(low @ v)
        diagonal = diagonal - r * v + float(r @ v) / 2 * v**2
    if without_diagonal:
        x = diagonal if v is None else _under_mean(diagonal, v**2)
        A, diagonal = A - sparse.diags_array(x), np.zeros(len(x))
    return Form(sparse.csr_array(A + A.T), np.sqrt(2) * low, diagonal, v)


def _under_mean(diagonal: np.ndarray, share: np.ndarray) -> np.ndarray:
    """x such that J diag(x) J has this diagonal, which is x_i (1 - 2 v_i^2) + v_i^2 sum_j v_j^2 x_j."""
    if share.max() >= 0.5 - 1e-9:
        raise SpatialInputError("E206", "moments of errors of unequal variances beside period effects need three units "
                                "in every period, none of them with half of all weight", hint="vcov='classical', or "
                                "leave that period out")  # fmt: skip
    part = share / (1 - 2 * share)
    total = float(part @ diagonal) / (1 + float(part @ share))
    return (diagonal - share * total) / (1 - 2 * share)


def lag(M, u: np.ndarray, v: np.ndarray | None) -> np.ndarray:
    """M u, or J M u, for stacked periods."""
    return _without((M @ u.reshape(-1, M.shape[0]).T).T, v).ravel()


def _without(panel: np.ndarray, v: np.ndarray | None) -> np.ndarray:
    """Rows (T, N) times J."""
    return panel if v is None else panel - np.outer(panel @ v, v)


def direction(root: np.ndarray) -> np.ndarray:
    """v of units whose weights have these roots."""
    return root / np.linalg.norm(root)
