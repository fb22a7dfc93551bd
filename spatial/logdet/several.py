"""log|I - rho_1 W_1 - ... - rho_J W_J| with its gradient and second derivatives.

With A = I - sum_j rho_j W_j and G_j = W_j A^-1

    dL / drho_j = -tr G_j,        d2L / drho_i drho_j = -tr(G_i G_j)

Small or dense W: one inverse gives all of them. Large sparse W: exact values by sparse LU on the nodes of a short
window, and the polynomial through them (``windows``). The admissible region is the part around zero on which A is not
singular: along every ray t (rho_1, ..., rho_J) it ends at t = 1 / w_max, w_max the largest real eigenvalue of
sum_j rho_j W_j. It is star-shaped, holds all points with sum_j |rho_j| ||W_j|| < 1, and is larger than that where rho_j
of both signs meet. Sources: Lee & Liu (2010, Econometric Theory 26:187-230); Elhorst, Lacombe & Piras (2012, Regional
Science and Urban Economics 42:211-220).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING

import numpy as np
from scipy import sparse

from spillover.errors import SpatialInputError
from spillover.matrix import SpatialWeights

from .asymmetric import interval_of
from .exact import SparseLU
from .structure import REAL_TOLERANCE

if TYPE_CHECKING:
    from .several_periods import SeveralPeriods

DENSE_MAX = 1_000  # units: up to here one dense inverse is as quick as the factorisations of a window
DENSE_SHARE = 0.02  # of all pairs, above which sparse LU fills up
DENSE_LIMIT = 6_000  # units beyond which no dense inverse is tried


@dataclass(frozen=True, eq=False)
class SeveralLogdet:
    """L(rho) of J matrices over n units, rho of shape (J,).

    Attributes
    ----------
    matrices : tuple of J csr_array, (n, n)
    """

    matrices: tuple[sparse.csr_array, ...]
    _values: dict[tuple[float, ...], float] = field(default_factory=dict, repr=False)
    _inside: dict[tuple[float, ...], float] = field(default_factory=dict, repr=False)

    @property
    def n(self) -> int:
        return self.matrices[0].shape[0]

    @cached_property
    def dense(self) -> bool:
        """Whether derivatives come from a dense inverse."""
        links = sum(abs(W) for W in self.matrices).nnz
        dense = self.n <= DENSE_MAX or links > DENSE_SHARE * self.n**2
        if dense and self.n > DENSE_LIMIT:
            raise SpatialInputError("E309", f"several W of {self.n:,} units with {links:,} links in all are too dense "
                                    "for sparse factorisations", n=self.n,
                                    hint="weights with fewer neighbors, such as knn or a shorter band")  # fmt: skip
        return dense

    @property
    def method(self) -> str:
        return "dense LU" if self.dense else "sparse LU"

    @cached_property
    def norms(self) -> np.ndarray:
        """||W_j|| for one norm of all of them, the row or the column sums: sum_j |rho_j| ||W_j|| < 1 is admissible."""
        sums = [[abs(W).sum(axis=axis).max() for W in self.matrices] for axis in (1, 0)]
        return np.array(min(sums, key=max))

    def combined(self, rho: np.ndarray) -> sparse.csr_array:
        """sum_j rho_j W_j."""
        return sparse.csr_array(sum(r * W for r, W in zip(rho, self.matrices)))

    def largest(self, rho: np.ndarray) -> float:
        """The largest real eigenvalue of sum_j rho_j W_j: rho is admissible where it is below one."""
        rho = np.asarray(rho, dtype=float)
        size = float(np.abs(rho).max(initial=0.0))
        if size == 0:
            return 0.0
        key = tuple((rho / size).tolist())
        if key not in self._inside:
            C = self.combined(rho / size)
            if self.n <= DENSE_MAX:
                w = np.linalg.eigvals(C.toarray())
                real = w.real[np.abs(w.imag) <= REAL_TOLERANCE * np.abs(w).max(initial=0.0)]
                self._inside[key] = float(real.max(initial=0.0))
            else:
                high = interval_of(C)[1]
                self._inside[key] = 1 / high if np.isfinite(high) else 0.0
        return self._inside[key] * size

    def admissible(self, rho: np.ndarray) -> bool:
        """Whether I - t sum_j rho_j W_j is not singular for any t from 0 to 1."""
        return self.bound(rho) < 1 or self.largest(rho) < 1

    def bound(self, rho: np.ndarray) -> float:
        """sum_j |rho_j| ||W_j||, which no eigenvalue exceeds."""
        return float(np.abs(rho) @ self.norms)

    def edge(self, rho: np.ndarray) -> float:
        """Where the ray through rho leaves the region, in multiples of rho; infinite where it does not."""
        top = self.largest(rho)
        return 1 / top if top > 0 else np.inf

    # -- exact values ------------------------------------------------------------------------------------

    def value(self, rho: np.ndarray) -> float:
        """L(rho); -inf where the determinant is not positive, and so rho is not admissible."""
        key = tuple(np.asarray(rho, dtype=float).tolist())
        if key not in self._values:
            self._values[key] = self._dense_value(rho) if self.dense else self._sparse_value(rho)
        return self._values[key]

    def _dense_value(self, rho: np.ndarray) -> float:
        sign, value = np.linalg.slogdet(np.eye(self.n) - self.combined(rho).toarray())
        return float(value) if sign > 0 else -np.inf

    def _sparse_value(self, rho: np.ndarray) -> float:
        return SparseLU(self.combined(rho), False)(1.0) if self.admissible(rho) else -np.inf

    @cached_property
    def arrays(self) -> tuple[np.ndarray, ...]:
        """The matrices, dense."""
        return tuple(W.toarray() for W in self.matrices)

    def system(self, rho: np.ndarray) -> np.ndarray:
        """I - sum_j rho_j W_j, dense."""
        A = -sum(r * W for r, W in zip(rho, self.arrays))
        A[np.diag_indices(self.n)] += 1
        return A

    def inverse(self, rho: np.ndarray) -> tuple[float, np.ndarray]:
        """(L, A^-1) by one dense factorisation; L is -inf where the determinant is not positive."""
        from scipy.linalg.lapack import dgetrf, dgetri

        A = self.system(rho)
        lu, pivots, info = dgetrf(A, overwrite_a=True)
        diagonal = np.diag(lu)
        odd = (np.count_nonzero(pivots != np.arange(self.n)) + np.count_nonzero(diagonal < 0)) % 2
        if info > 0 or odd:
            return -np.inf, np.full_like(A, np.nan)
        value = float(np.log(np.abs(diagonal)).sum())
        return value, dgetri(lu, pivots, overwrite_lu=True)[0]

    def expansion(self, rho: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
        """L, its gradient (J,) and its second derivatives (J, J), by a dense inverse."""
        value, inverse = self.inverse(rho)
        J = len(self.matrices)
        gradient, curvature = np.zeros(J), np.zeros((J, J))
        if np.isinf(value):
            return value, gradient, curvature
        G = [W @ inverse for W in self.matrices]
        for i in range(J):
            gradient[i] = -np.trace(G[i])
            for j in range(i + 1):
                curvature[i, j] = curvature[j, i] = -np.einsum("ij,ji->", G[i], G[j])
        return value, gradient, curvature

    # -- a start without factorisations -------------------------------------------------------------------

    @cached_property
    def traces(self) -> list[np.ndarray]:
        """tr W_i, tr W_i W_j, tr W_i W_j W_k and tr W_i W_j W_k W_l, exact."""
        J = range(len(self.matrices))
        W = self.arrays if self.dense and self.n <= DENSE_MAX else self.matrices
        back = [sparse.csr_array(M.T) if sparse.issparse(M) else M.T for M in W]
        pairs = {(i, j): W[i] @ W[j] for i in J for j in J}
        pairs_back = {key: sparse.csr_array(M.T) if sparse.issparse(M) else M.T for key, M in pairs.items()}

        def inner(a, b) -> float:
            return float(a.multiply(b).sum()) if sparse.issparse(a) else float(np.einsum("ij,ij->", a, b))

        first = np.array([M.trace() for M in W])
        second = np.array([[inner(W[i], back[j]) for j in J] for i in J])
        third = np.array([[[inner(pairs[i, j], back[k]) for k in J] for j in J] for i in J])
        fourth = np.array([[[[inner(pairs[i, j], pairs_back[k, m]) for m in J] for k in J] for j in J] for i in J])
        return [first, second, third, fourth]

    def series(self, points: np.ndarray) -> np.ndarray:
        """-sum_k tr(C^k) / k up to k = 4, C = sum_j rho_j W_j, at points (Q, J)."""
        total = np.zeros(len(points))
        for k, traces in enumerate(self.traces, start=1):
            out = np.broadcast_to(traces, (len(points), *traces.shape))
            for _ in range(k):
                out = np.einsum("q...j,qj->q...", out, points)
            total = total - out / k
        return total


@lru_cache(maxsize=16)
def several_logdet(matrices: tuple[SpatialWeights, ...]) -> SeveralLogdet:
    """The log-determinant of several W; remembered by their content."""
    return SeveralLogdet(tuple(w.csr for w in matrices))


@dataclass(frozen=True, eq=False)
class SeveralJacobian:
    """Copies of log|I - sum_j rho_j W_j|, with or without what the time transformation drops:
    log|I - sum_j rho_j F'W_j F| = log|A| + log(1'A^-1 1 / N), A = I - sum_j rho_j W_j, which is log|A| -
    log(1 - sum_j rho_j) where all rows sum to one, and for any others once W_j lags deviations (``means``). Of groups
    of units B with W_j B = B C_j that leave (``carried`` holds the C_j) it is log|A| - log|I - sum_j rho_j C_j|."""

    logdet: SeveralLogdet | SeveralPeriods
    copies: float = 1
    unit_root: int = 0
    means: bool = False
    carried: tuple[np.ndarray, ...] = field(default=(), repr=False)

    @property
    def reduced(self) -> bool:
        """Whether the likelihood counts less than the whole determinant."""
        return bool(self.unit_root or self.carried)

    def added(self, expansion: tuple, rho: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
        """The expansion of L as the likelihood counts it."""
        L, L1, L2 = expansion
        if self.reduced:
            s, s1, s2 = self.left(np.asarray(rho, dtype=float))
            L, L1, L2 = L + s, L1 + s1, L2 + s2
        return self.copies * L, self.copies * L1, self.copies * L2

    def left(self, rho: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
        """What period means leave of one determinant: s = log(1'A^-1 1 / N) with its derivatives; -inf where it is not
        defined."""
        J = len(rho)
        if self.carried:
            return self._of_groups(rho)
        if not self.means:
            left = 1 - float(np.sum(rho))
            return (-np.inf, np.zeros(J), np.zeros((J, J))) if left <= 0 else (
                -np.log(left), np.full(J, 1 / left), np.full((J, J), 1 / left**2))  # fmt: skip
        from scipy.sparse.linalg import splu

        assert isinstance(self.logdet, SeveralLogdet)
        n, W = self.logdet.n, self.logdet.matrices
        one = np.ones(n)
        A = splu(sparse.csc_array(sparse.eye_array(n, format="csr") - self.logdet.combined(rho)))
        u, v = A.solve(one), A.solve(one, "T")
        lagged, back = [w @ u for w in W], [w.T @ v for w in W]
        ahead = [A.solve(x) for x in lagged]
        total = float(u.sum())
        if not total > 0:
            return -np.inf, np.zeros(J), np.zeros((J, J))
        slope = np.array([v @ x for x in lagged]) / total
        bend = np.array([[b @ z for z in ahead] for b in back]) / total
        return float(np.log(total / n)), slope, bend + bend.T - np.outer(slope, slope)

    def _of_groups(self, rho: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
        """-log|I - sum_j rho_j C_j|; -inf beyond the first singular point of the ray through rho."""
        J = len(rho)
        S = np.eye(len(self.carried[0])) - np.einsum("j,jab->ab", rho, np.array(self.carried))
        w = np.linalg.eigvals(S)
        if (w.real[np.abs(w.imag) <= REAL_TOLERANCE * np.abs(w).max(initial=0.0)] <= 0).any():
            return -np.inf, np.zeros(J), np.zeros((J, J))
        each = [np.linalg.solve(S, C) for C in self.carried]
        second = np.array([[np.sum(a * b.T) for b in each] for a in each])
        return -float(np.linalg.slogdet(S)[1]), np.array([np.trace(one) for one in each]), second

    def expansion(self, rho: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
        """Exact, by a dense inverse."""
        return self.added(self.logdet.expansion(rho), rho)

    def value(self, rho: np.ndarray) -> float:
        zeros = np.zeros(len(rho)), np.zeros((len(rho), len(rho)))
        return self.added((self.logdet.value(rho), *zeros), rho)[0]
