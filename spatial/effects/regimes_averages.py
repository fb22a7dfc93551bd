"""Average effects by regime as functions of rho.

With A = I - diag(rho_r(i)) W the responses to a regressor with coefficients beta_r and theta_r are

    S = A^-1 [diag(beta_r(i)) + diag(theta_r(i)) W]

and with several W, or W^2, A = I - sum_m diag(rho_m,r(i)) W_m and diag(theta_m,r(i)) P_m of every path P_m in place of
that of W. Column j is what x in unit j does. By the regime in which x changes: direct effects are means of S_jj over
its units j, total effects means of the columns' sums, what a unit of the regime does to itself and to all others. By
the regime that receives: means over its units i of the rows' sums, what happens there when x rises everywhere. Over all
units both are the usual averages.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from itertools import product

import numpy as np
from scipy import sparse

from ..logdet.regimes import CutLogdet, RegimeLogdet, logdet_of_rows
from ..logdet.windows import SIZES, chebyshev_coefficients, chebyshev_grid
from .several_averages import CLOSE, DIRECT_MAX, PROBES, SeveralAverages, _interpolated, factor


@dataclass(frozen=True, eq=False)
class RegimeAverages(SeveralAverages):
    """Coefficients of beta_1 ... beta_G, theta_1 ... theta_G (of every path) in every effect, as functions of rho.

    Effects are (role, kind, group): the regime where x changes, then the one that receives; direct, indirect, total;
    the G regimes, then all units.

    Attributes
    ----------
    matrices : what every rho multiplies: (W,), or 1_r W
    lag : positions of the matrices that have a rho, () of a model without
    paths : tuple of csr_array, (N, N), what every theta multiplies: (W,), (W, W^2), or W_1, W_2 ...
    weights : how many W have a rho
    codes : (N,), the regime of every unit
    groups : int, G
    """

    paths: tuple[sparse.csr_array, ...] = field(default=(), repr=False)
    weights: int = 1
    codes: np.ndarray = field(default_factory=lambda: np.empty(0, dtype=int), repr=False)
    groups: int = 0

    @cached_property
    def logdet(self) -> RegimeLogdet | CutLogdet:  # type: ignore[override]
        return logdet_of_rows(tuple(self.matrices[m] for m in self.lag), self.weights)

    @property
    def n(self) -> int:
        return len(self.codes)

    @cached_property
    def members(self) -> np.ndarray:
        """(N, G) of 0 and 1."""
        return (self.codes[:, None] == np.arange(self.groups)).astype(float)

    @cached_property
    def _links(self) -> list[tuple[np.ndarray, np.ndarray, np.ndarray, sparse.csr_array]]:
        """Of every path its rows i, columns j and values, and which (regime of j, regime of i) each link belongs to."""
        out, G = [], self.members.shape[1]
        for P in self.paths:
            coo = sparse.coo_array(P)
            i, j = coo.coords
            place = self.codes[j] * G + self.codes[i]
            picks = sparse.csr_array((np.ones(len(place)), (np.arange(len(place)), place)), shape=(len(place), G * G))
            out.append((i, j, coo.data, picks))
        return out

    def at(self, rho: np.ndarray, gradient: np.ndarray | None = None) -> np.ndarray:
        return self.many(np.asarray(rho, dtype=float)[None])[0]

    def point(self, rho: np.ndarray) -> np.ndarray:
        return self.at(rho)

    def _put_together(self, points, *parts) -> np.ndarray:  # type: ignore[override]
        """(Q, K G, effects) of sums by regime: diagonals of A^-1 (Q, G) and of A^-1 1_h P (Q, M, G, G), columns' sums
        of both, and sums of blocks of A^-1 and of A^-1 weighted by P 1, (Q, K, G, G)."""
        diagonal, traces, sums, lagged, blocks = parts
        Q, G = diagonal.shape
        eye, sizes = np.eye(G), np.maximum(self.members.sum(axis=0), 1)
        direct, sent = (np.concatenate([(eye * own[:, :, None])[:, None], more], axis=1)
                        for own, more in ((diagonal, traces), (sums, lagged)))  # (Q, K, g, h)  # fmt: skip
        out = np.stack([direct, sent - direct, sent, direct, blocks - direct, blocks], axis=1)  # (Q, 6, K, g, h)
        means = np.concatenate([out / sizes[:, None], out.sum(axis=3, keepdims=True) / self.n], axis=3)
        return means.transpose(0, 2, 4, 1, 3).reshape(Q, out.shape[2] * G, 6 * (G + 1))

    def _solved(self, points: np.ndarray):  # type: ignore[override]
        """What ``_put_together`` takes."""
        E, ones = self.members, np.ones(self.n)
        right = np.concatenate([E, *(E * (P @ ones)[:, None] for P in self.paths)], axis=1)
        G = E.shape[1]
        if self.exact:
            Z = self.inverses(points)
            diagonals = np.diagonal(Z, axis1=1, axis2=2) @ E
            each = [(Z[:, j, i] * values) @ picks for i, j, values, picks in self._links]
            traces = np.stack(each, axis=1)
            columns, solved = Z.sum(axis=1), Z @ right
        else:
            diagonals, traces, columns, solved = (
                np.array(part) for part in zip(*(self._by_probes(point, right) for point in points))
            )
        lagged = np.stack([(columns[:, i] * values) @ picks for i, _, values, picks in self._links], axis=1)
        shape = (len(points), -1, G, G)
        # by the path and the regime that send, then the regime which receives
        both = (np.swapaxes(solved, 1, 2) @ E).reshape(shape).swapaxes(2, 3)
        return diagonals, traces.reshape(shape), columns @ E, lagged.reshape(shape), both

    def inverses(self, points: np.ndarray) -> np.ndarray:
        """A^-1 at points (Q, J): (Q, N, N)."""
        A = np.broadcast_to(np.eye(self.n), (len(points), self.n, self.n)).copy()
        for rho, m in zip(points.T, self.lag):
            A -= rho[:, None, None] * self.matrices[m].toarray()
        return np.linalg.inv(A) if self.lag else A

    def _by_probes(self, rho: np.ndarray, right: np.ndarray):  # type: ignore[override]
        """Of large sparse W: diagonals of P + C P exactly, P = I or 1_h P_m, and of C^2 A^-1 P by probes."""
        C, E, N = self.logdet.combined(rho), self.members, self.n
        lu, z = factor(C), np.random.default_rng(0).choice([-1.0, 1.0], (N, PROBES))

        def higher(P) -> np.ndarray:
            Pz = P @ z
            return (z * (lu.solve(np.asarray(Pz)) - Pz - C @ Pz)).sum(axis=1) / PROBES

        own = 1 + C.diagonal() + higher(sparse.eye_array(N, format="csr"))
        traces = []
        for path in self.paths:
            of_path = []
            for h in range(E.shape[1]):
                P = sparse.csr_array(sparse.diags_array(E[:, h]) @ path)
                second = np.asarray(C.multiply(sparse.csr_array(P.T)).sum(axis=1)).ravel()
                of_path.append(E.T @ (P.diagonal() + second + higher(P)))
            traces.append(np.array(of_path).T.ravel())
        return own @ E, np.array(traces), lu.solve(np.ones(N), trans="T"), lu.solve(right)

    def over(self, centre: np.ndarray, root: np.ndarray, reach: float) -> Callable[[np.ndarray], np.ndarray]:
        """As with several W; without their exact slopes where W is large."""
        J = len(centre)
        if self._dense and self.n <= DIRECT_MAX:
            return self.many
        corners = centre + reach * np.array(list(product((-1.0, 1.0), repeat=J))) @ root.T
        if J > 3 or not all(self.logdet.admissible(corner) for corner in corners) or not np.diag(root).all():
            return self.many
        low, high, inverse = np.full(J, -reach), np.full(J, reach), np.linalg.inv(root).T
        c = np.empty(0)
        for size in SIZES[1:] if J <= 2 and self._dense else SIZES[:2]:
            points = centre + chebyshev_grid(low, high, size) @ root.T
            values = self.many(points) * self._pole(points)[:, None, None]
            c = chebyshev_coefficients(values.reshape((size,) * J + values.shape[1:]), J)
            last = max(np.abs(np.take(c, -1, axis=axis)).max() for axis in range(J))
            if last < CLOSE * np.abs(c).max():
                break
        return lambda at: _interpolated(c, (at - centre) @ inverse, low, high) / self._pole(at)[:, None, None]
