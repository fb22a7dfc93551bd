"""Effects of models with several W and regimes by channel: by the W through which they reach a unit.

With A = I - sum_m diag(rho_m,r(i)) W_m and P_k = I, W_1 ... W_M the responses are S = A^-1 sum_k diag(c_k,r(i)) P_k,
and

    C_m = diag(theta_m,r(i)) W_m + R_m S,    R_m = diag(rho_m,r(i)) W_m

is what reaches a unit from its neighbors under W_m: their x, and their y with all that has reached it, each with the
parameter of the unit that receives. Averages are by the regime in which x changes, as in ``regimes_averages``.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from scipy import sparse

from .regimes_averages import RegimeAverages
from .several_averages import PROBES, factor


@dataclass(frozen=True, eq=False)
class ChannelAverages(RegimeAverages):
    """Coefficients of beta_1 ... beta_G, theta_1,1 ... theta_M,G in every effect of every channel.

    Effects are (channel, kind, group): W_1 ... W_M; direct, indirect, total; the G regimes, then all units.

    Attributes
    ----------
    places : tuple of M tuples of int
        Which of the rho belong to W_m: one, one for each regime, or none where it does not lag the response.
    """

    places: tuple[tuple[int, ...], ...] = field(default=(), repr=False)

    def _put_together(self, points, direct, total) -> np.ndarray:  # type: ignore[override]
        """From sums by channel, path, regime where x changes and regime of the coefficient, (Q, M, K, G, G)."""
        sizes = np.maximum(self.members.sum(axis=0), 1)
        out = np.stack([direct, total - direct, total], axis=2)  # (Q, M, 3, K, g, h)
        means = np.concatenate([out / sizes[:, None], out.sum(axis=4, keepdims=True) / self.n], axis=4)
        Q, M, _, K, groups, G = means.shape
        return means.transpose(0, 3, 5, 1, 2, 4).reshape(Q, K * G, M * 3 * groups)

    def _solved(self, points: np.ndarray):  # type: ignore[override]
        """What ``_put_together`` takes."""
        each = zip(*(self._channel(points, m) for m in range(len(self.paths))))
        direct, total = (np.stack(own, axis=1) for own in each)
        return direct, total

    def _channel(self, points: np.ndarray, m: int) -> tuple[np.ndarray, np.ndarray]:
        """Sums of diagonals and of columns of C_m, (Q, K, G, G)."""
        diagonals, sums = self._of_response(points, m) if self.places[m] else (
            np.zeros((len(points), 1 + len(self.paths), len(self.members.T), len(self.members.T))) for _ in range(2))
        i, j, values, picks = self._links[m]
        G = self.members.shape[1]
        diagonals[:, 1 + m] += ((values * (i == j)) @ picks).reshape(G, G)
        sums[:, 1 + m] += (values @ picks).reshape(G, G)
        return diagonals, sums

    def _of_response(self, points: np.ndarray, m: int) -> tuple[np.ndarray, np.ndarray]:
        """The part R_m A^-1 P_k: beta and theta of what reaches the neighbors."""
        scale = self._rho_of_units(points, m)  # (Q, N)
        if self.exact:
            F = scale[:, :, None] * np.stack([self.paths[m] @ Z for Z in self.inverses(points)])
            own, columns = np.diagonal(F, axis1=1, axis2=2), F.sum(axis=1)
            of_paths = [(F[:, j, i] * values) @ picks for i, j, values, picks in self._links]
            return self._by_path(own, of_paths), self._by_path(columns, self._sums(columns))
        rows = [self._by_probes_of(point, own, m) for point, own in zip(points, scale)]
        diagonals, by_path, columns = (np.array(part) for part in zip(*rows))
        return self._by_path(diagonals, list(by_path.swapaxes(0, 1))), self._by_path(columns, self._sums(columns))

    def _sums(self, columns: np.ndarray) -> list[np.ndarray]:
        """Sums of columns times P_k by regime, (Q, G G) of every path."""
        return [(columns[:, i] * values) @ picks for i, _, values, picks in self._links]

    def _by_path(self, own: np.ndarray, of_paths: list[np.ndarray]) -> np.ndarray:
        """(Q, K, G, G) from values of each unit for P_0 = I, and of the other paths."""
        G = self.members.shape[1]
        first = np.eye(G) * (own @ self.members)[:, :, None]
        return np.stack([first, *(part.reshape(-1, G, G) for part in of_paths)], axis=1)

    def _rho_of_units(self, points: np.ndarray, m: int) -> np.ndarray:
        """rho_m of every unit at every point, (Q, N)."""
        own = points[:, list(self.places[m])]
        return own[:, self.codes] if own.shape[1] > 1 else np.repeat(own, self.n, axis=1)

    def _by_probes_of(self, rho: np.ndarray, scale: np.ndarray, m: int):
        """Of large sparse W: diagonals of R P + R C P exactly, and of R C^2 A^-1 P by probes; columns' sums of
        R A^-1."""
        C, E = self.logdet.combined(rho), self.members
        R = sparse.csr_array(sparse.diags_array(scale) @ self.paths[m])
        lu, z = factor(C), np.random.default_rng(0).choice([-1.0, 1.0], (self.n, PROBES))
        RC = sparse.csr_array(R @ C)

        def diagonal(P) -> np.ndarray:
            Pz, back = P @ z, sparse.csr_array(P.T)
            exact = np.asarray(R.multiply(back).sum(axis=1) + RC.multiply(back).sum(axis=1)).ravel()
            return exact + (z * (R @ (lu.solve(np.asarray(Pz)) - Pz - C @ Pz))).sum(axis=1) / PROBES

        of_paths = []
        for path in self.paths:
            by_regime = [E.T @ diagonal(sparse.csr_array(sparse.diags_array(own) @ path)) for own in E.T]
            of_paths.append(np.array(by_regime).T.ravel())
        columns = lu.solve(np.asarray(R.T @ np.ones(self.n)), trans="T")
        return diagonal(sparse.eye_array(self.n, format="csr")), np.array(of_paths), columns
