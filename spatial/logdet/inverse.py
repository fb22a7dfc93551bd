"""(I - rho W)^-1 applied to vectors, and its diagonal, without the n x n matrix.

Few units are inverted densely. A W that is similar to a symmetric matrix S is solved by conjugate gradients when it
is large: I - rho S is positive definite on the whole admissible interval. Everything else is factorised sparsely,
once per (W, rho).
"""

from __future__ import annotations

from functools import cached_property, lru_cache

import numpy as np

from spillover.errors import SpatialInputError
from spillover.matrix import SpatialWeights

from .exact import BYTES_PER_ELEMENT, SparseLU, memory
from .structure import similar, symmetrizer

DENSE_MAX = 100  # units; up to here a dense inverse is as quick
DIAGONAL_DENSE = 2_000  # units; the selected inverse is compiled, which pays only for more
ITERATE_ABOVE = 20_000  # units; beyond, conjugate gradients beat a factorisation
TOLERANCE = 1e-13
PROBES = 200  # of the stochastic diagonal


@lru_cache(maxsize=4)
def inverse(weights: SpatialWeights, rho: float) -> Inverse:
    """The inverse for one W and rho; remembered, so that shocks and units share one factorisation."""
    return Inverse(weights, rho)


def polynomial(c, W, x):
    """(c_0 + c_1 W + c_2 W^2 ...) x by Horner's rule; W a matrix or a number."""
    out = c[-1] * x
    for c_k in c[-2::-1]:
        out = c_k * x + (W * out if np.ndim(W) == 0 else W @ out)
    return out


@lru_cache(maxsize=4)
def structure_of(weights: SpatialWeights):
    """(D or None, engine of sparse factorisations) of one W, whatever rho."""
    scale = symmetrizer(weights.csr)
    return scale, SparseLU(weights.csr if scale is None else similar(weights.csr, scale), scale is not None)


class Inverse:
    """A^-1 = (I - rho W)^-1 as an operator.

    Examples
    --------
    >>> from spillover.matrix import as_weights
    >>> A_inverse = inverse(as_weights(np.array([[0.0, 1.0], [0.5, 0.0]])), 0.4)
    >>> A_inverse.solve(np.ones(2)).round(6).tolist()
    [1.521739, 1.304348]
    """

    def __init__(self, weights: SpatialWeights, rho: float, structure=None):
        self.weights, self.rho, self.n, self._own = weights, rho, weights.n, structure

    def solve(self, right: np.ndarray, *, transposed: bool = False) -> np.ndarray:
        """A^-1 right, or A'^-1 right; ``right`` of shape (n,) or (n, m)."""
        right = np.asarray(right, dtype=float)
        if self.rho == 0:
            return right.copy()
        if self.n <= DENSE_MAX:
            return (self.dense.T if transposed else self.dense) @ right
        root = self._root if not transposed else 1 / self._root
        scaled = (right.T * root).T
        if self.symmetric and self.n > ITERATE_ABOVE:
            solved = self._conjugate_gradients(scaled)
        else:
            solved = self._factorised(scaled, transposed and not self.symmetric)
        return (solved.T / root).T

    def diagonal(self) -> tuple[np.ndarray, np.ndarray | None]:
        """Diagonal of A^-1, and its Monte Carlo standard errors where it is estimated (large asymmetric W)."""
        if self.rho == 0:
            return np.ones(self.n), None
        if self.n <= DIAGONAL_DENSE:
            return self.dense.diagonal().copy(), None
        if not self.symmetric:
            return self._stochastic_diagonal()
        self._refuse_too_large()
        from ..kernels import elimination

        lu = self._lu
        parent, below = lu.columns
        start = np.concatenate([[0], np.cumsum(below)])
        A = lu.at(self.rho)
        factor = elimination.ldl(A.indptr.astype(np.int64), A.indices.astype(np.int64), A.data, parent, start)
        values = elimination.inverse_diagonal(start, *factor)
        if lu.order is None:
            return values, None
        diagonal = np.empty(self.n)
        diagonal[lu.order] = values
        return diagonal, None

    @property
    def _structure(self):
        """``structure_of`` W: the caller's who keeps those of many W, or that of the few remembered."""
        return structure_of(self.weights) if self._own is None else self._own

    @property
    def symmetric(self) -> bool:
        return self._structure[0] is not None

    @property
    def _root(self) -> np.ndarray:
        """D^1/2: D^1/2 W D^-1/2 is symmetric."""
        scale, _ = self._structure
        return np.ones(self.n) if scale is None else np.sqrt(scale)

    @cached_property
    def dense(self) -> np.ndarray:
        """A^-1, (n, n)."""
        from scipy.linalg import inv  # in place: numpy's solves for n unit vectors

        return inv(np.eye(self.n) - self.rho * self.weights.csr.toarray(), overwrite_a=True, check_finite=False)

    @property
    def _lu(self) -> SparseLU:
        return self._structure[1]

    @cached_property
    def _factor(self):
        self._refuse_too_large()
        return self._lu.factor(self.rho)

    def _refuse_too_large(self):
        if self._lu.bytes_needed > memory():
            raise SpatialInputError(
                "E309",
                f"the factor of I - rho W would take {self._lu.size[0] * BYTES_PER_ELEMENT / 1e9:,.1f} GB, "
                f"{memory() / 1e9:,.1f} GB may be used",
                n=self.n,
                hint="weights with fewer or more local links have smaller factors",
            )

    def _factorised(self, right, transposed):
        order = self._lu.order
        right = right if order is None else right[order]
        solved = self._factor.solve(np.ascontiguousarray(right), trans="T" if transposed else "N")
        if order is None:
            return solved
        back = np.empty_like(solved)
        back[order] = solved
        return back

    def _conjugate_gradients(self, right):
        from scipy.sparse.linalg import cg

        A, order = self._lu.at(self.rho).T, self._lu.order  # symmetric: its transpose is a csr_array of it
        columns = right.reshape(self.n, -1)[order]
        solved = np.empty_like(columns)
        for j, column in enumerate(columns.T):
            solved[order, j], failed = cg(A, column, rtol=TOLERANCE, maxiter=5_000)
            if failed:
                return self._factorised(right, False)
        return solved.reshape(right.shape)

    def _stochastic_diagonal(self):
        """1 + rho W_ii + rho^2 (W^2)_ii exactly, the higher orders from probes (Bekas, Kokiopoulou & Saad 2007)."""
        W, rho = self.weights.csr, self.rho
        low = 1 + rho * W.diagonal() + rho**2 * np.asarray((W * W.T.tocsr()).sum(axis=1)).ravel()
        Z = np.random.default_rng(0).choice([-1.0, 1.0], size=(self.n, PROBES))
        total, squares = np.zeros((2, self.n))
        for z in np.array_split(Z, PROBES // 10, axis=1):
            ahead = rho * (W @ z)
            higher = z * (self.solve(z) - z - ahead - rho * (W @ ahead))
            total += higher.sum(axis=1)
            squares += (higher**2).sum(axis=1)
        mean = total / PROBES
        variance = np.maximum(squares / PROBES - mean**2, 0)
        return low + mean, np.sqrt(variance / (PROBES - 1))
