"""Average effects of models with several W as functions of rho: direct, indirect, total, and by channel.

The matrix of responses to a regressor with coefficients beta and theta_1 ... theta_M is

    S = A^-1 (beta I + sum_m theta_m W_m),    A = I - sum_m rho_m W_m

(rho_m is 0 where W_m does not lag the response). From A S = beta I + sum_m theta_m W_m follows

    S = beta I + sum_m C_m,    C_m = W_m (theta_m I + rho_m S)

C_m is what reaches a unit from its neighbors under W_m: their x, and their y with all that has reached it. These are
the channels: indirect effects of all channels add up to the indirect effect, and direct ones to the direct effect less
beta. Direct effects are average diagonals, total effects average row sums.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from itertools import product

import numpy as np
from scipy import sparse

from ..logdet.several import SeveralLogdet
from ..logdet.windows import SIZES, Window, chebyshev_coefficients, chebyshev_grid, window
from .average import DENSE_MAX

CLOSE = 1e-5  # last coefficients of interpolated averages, as a share of these
NEAR = 0.02  # half-width of the window around an estimate, as a share of the way to the region's edge
BLOCK = 4_000_000  # numbers in the inverses that are computed at a time
PROBES = 100  # for the traces of a large sparse W
DIRECT_MAX = 50  # units up to which an inverse at every node is quicker than an interpolation


@dataclass(frozen=True, eq=False)
class SeveralAverages:
    """Averages of the responses as functions of rho: coefficients of beta, theta_1 ... theta_M in every effect.

    Attributes
    ----------
    matrices : tuple of M csr_array, (N, N)
    lag : tuple of int
        Which of them have a rho, in the order of rho.
    """

    matrices: tuple[sparse.csr_array, ...]
    lag: tuple[int, ...]
    memo: dict = field(default_factory=dict, repr=False)

    @property
    def n(self) -> int:
        return self.matrices[0].shape[0]

    @property
    def size(self) -> int:
        """Effects of one regressor: 3, and 3 of each channel."""
        return 3 + 3 * len(self.matrices)

    @cached_property
    def logdet(self) -> SeveralLogdet:
        return SeveralLogdet(tuple(self.matrices[m] for m in self.lag))

    @cached_property
    def products(self) -> list[sparse.coo_array]:
        """W_m for every m, then W_k W_m for every m and k: traces of their products with A^-1 are needed."""
        matrices = [*self.matrices, *(W_k @ W_m for W_m in self.matrices for W_k in self.matrices)]
        return [sparse.coo_array(P) for P in matrices]

    def at(self, rho: np.ndarray, gradient: np.ndarray | None = None) -> np.ndarray:
        """(1 + M, size): direct, indirect, total, then the same of each channel, by beta and theta."""
        traces, sums = self._solved(np.asarray(rho, dtype=float)[None])
        if gradient is not None:  # exact where traces are estimated
            traces[0, list(self.lag)] = -gradient / self.n
        return self._put_together(np.asarray(rho, dtype=float)[None], traces, sums)[0]

    def many(self, points: np.ndarray) -> np.ndarray:
        """The same at points (Q, J): (Q, 1 + M, size)."""
        block = max(1, BLOCK // self.n**2)
        parts = [points[start : start + block] for start in range(0, len(points), block)]
        return np.concatenate([self._put_together(part, *self._solved(part)) for part in parts])

    def _put_together(self, points: np.ndarray, traces: np.ndarray, sums: np.ndarray) -> np.ndarray:
        """From traces tr(W_m A^-1) / N and tr(W_m A^-1 W_k) / N, (Q, M + M^2), and sums [1, W_1, ...]'A^-1 [1, W_1 1,
        ...] / N, (Q, 1 + M, 1 + M)."""
        Q, M = len(points), len(self.matrices)
        g, mixed = traces[:, :M], traces[:, M:].reshape(Q, M, M)
        full = np.zeros((Q, M))
        full[:, list(self.lag)] = points
        direct, total = np.column_stack([1 + (full * g).sum(axis=1), g]), sums[:, 0]
        rows = [direct, total - direct, total]
        for m, W in enumerate(self.matrices):
            direct_m = full[:, [m]] * np.column_stack([g[:, m], mixed[:, m]])
            total_m = full[:, [m]] * sums[:, 1 + m]
            direct_m[:, 1 + m] += W.trace() / self.n
            total_m[:, 1 + m] += W.sum() / self.n
            rows += [direct_m, total_m - direct_m, total_m]
        return np.stack(rows, axis=2)

    def _solved(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """What ``_put_together`` takes."""
        N, ones = self.n, np.ones(self.n)
        right = np.column_stack([ones, *(W @ ones for W in self.matrices)])
        left = np.column_stack([ones, *(W.T @ ones for W in self.matrices)])
        if not self.exact:
            traces, sums = zip(*(self._by_probes(point, right) for point in points))
            return np.array(traces), left.T @ np.array(sums) / N
        A = np.broadcast_to(np.eye(N), (len(points), N, N)).copy()
        for rho, m in zip(points.T, self.lag):
            A -= rho[:, None, None] * self.matrices[m].toarray()
        Z = np.linalg.inv(A) if self.lag else A
        of_products = [np.einsum("p,qp->q", P.data, Z[:, P.coords[1], P.coords[0]]) / N for P in self.products]
        return np.column_stack(of_products), left.T @ (Z @ right) / N

    def _by_probes(self, rho: np.ndarray, right: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Of a large sparse W: traces of P + P C exactly, C = sum_j rho_j W_j, and of P C^2 A^-1 by probes."""
        C, probes = self.logdet.combined(rho), np.random.default_rng(0).choice([-1.0, 1.0], (self.n, PROBES))
        lu = factor(C)
        higher, back = lu.solve(probes) - probes - C @ probes, sparse.csr_array(C.T)
        traces = []
        for P in map(sparse.csr_array, self.products):
            exact = P.trace() + P.multiply(back).sum()
            traces.append(exact + np.einsum("ij,ij->", probes, P @ higher) / PROBES)
        return np.array(traces) / self.n, lu.solve(right)

    @property
    def exact(self) -> bool:
        """Whether traces come from a dense inverse, or none is needed."""
        return not self.lag or self._dense

    @property
    def _dense(self) -> bool:
        return self.n <= DENSE_MAX and self.logdet.dense

    def point(self, rho: np.ndarray) -> np.ndarray:
        """As ``at``, the traces of the lags' W exact also where N is large."""
        if self.exact:
            return self.at(rho)
        return self.at(rho, self.near(rho).expansion(rho)[1])

    def near(self, rho: np.ndarray) -> Window:
        """The log-determinant around rho, for its slope."""
        half = np.full(len(rho), NEAR * (1 - min(self.logdet.largest(rho), 0.999)) / self.logdet.norms.max())
        return window(self.logdet, rho - half, rho + half, 1.0)

    def over(self, centre: np.ndarray, root: np.ndarray, reach: float) -> Callable[[np.ndarray], np.ndarray]:
        """A function of points (Q, J) to (Q, 1 + M, size): interpolated over rho = centre + root z, |z_j| <= reach,
        where that is exact enough."""
        J = len(centre)
        if self._dense and self.n <= DIRECT_MAX:
            return self.many
        corners = centre + reach * np.array(list(product((-1.0, 1.0), repeat=J))) @ root.T
        if J > 3 or not all(self.logdet.admissible(corner) for corner in corners) or not np.diag(root).all():
            return self.many
        low, high = np.full(J, -reach), np.full(J, reach)
        inverse = np.linalg.inv(root).T
        near = None if self._dense else window(Turned(self.logdet, centre, root), low, high, 1.0)
        for size in SIZES[1:] if J <= 2 else SIZES[:2]:
            z = chebyshev_grid(low, high, size)
            points = centre + z @ root.T
            if near is None:
                values = self.many(points)
            else:
                values = np.array([self.at(p, inverse @ near.expansion(q)[1]) for p, q in zip(points, z)])
            values = values * self._pole(points)[:, None, None]
            c = chebyshev_coefficients(values.reshape((size,) * J + values.shape[1:]), J)
            last = max(np.abs(np.take(c, -1, axis=axis)).max() for axis in range(J))
            if last < CLOSE * np.abs(c).max():
                break
        return lambda at: _interpolated(c, (at - centre) @ inverse, low, high) / self._pole(at)[:, None, None]

    def _pole(self, points: np.ndarray) -> np.ndarray:
        """1 - sum_j rho_j s_j where rows of W_j sum to s_j: A^-1 1 = 1 / that."""
        sums = [np.asarray(self.matrices[m].sum(axis=1)).ravel() for m in self.lag]
        constant = all(np.ptp(s) <= 1e-9 * np.abs(s).max() for s in sums)
        return 1 - points @ np.array([s[0] for s in sums]) if constant else np.ones(len(points))


@dataclass(frozen=True, eq=False)
class Turned:
    """log|A| as a function of z, rho = centre + root z."""

    logdet: SeveralLogdet
    centre: np.ndarray
    root: np.ndarray

    def value(self, z: np.ndarray) -> float:
        return self.logdet.value(self.centre + self.root @ z)


def _interpolated(c: np.ndarray, points: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Tensor Chebyshev series at points (Q, J): (Q, ...)."""
    x = (points - (low + high) / 2) / ((high - low) / 2)
    out = np.empty(0)
    for axis in range(points.shape[1]):
        v = np.polynomial.chebyshev.chebvander(x[:, axis], c.shape[axis] - 1)
        out = np.einsum("qk,qk...->q...", v, out) if axis else np.tensordot(v, c, axes=1)
    return out


def factor(C: sparse.csr_array):
    """LU of I - C."""
    from scipy.sparse.linalg import splu

    return splu(sparse.csc_array(sparse.eye_array(C.shape[0]) - C), permc_spec="MMD_AT_PLUS_A")
