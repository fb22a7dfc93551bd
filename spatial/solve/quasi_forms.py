"""Sums over periods of what an adjusted quasi-score needs: N x N matrices for all T periods.

Fixed effects leave P = J_T (x) J of the errors: J_T = I - 11'/T with unit effects, J = I - 11'/N with period effects.
M = P - QQ' removes the regressors too, Q (T N, K) an orthonormal basis of them. With D = I (x) diag(d), sums over t are

    sum_t (M D M)_it,it = sum_j S_ij d_j,      S = r J o J - 2 J o C + B B'
    sum_t (M G)_it,it   = ((r J - C) G)_ii,    r = tr J_T,   C = sum_t Q_t Q_t',   B_i = vec(Q_i'Q_i)

o the product of elements. A cross-section has T = 1 and J = I: S = (I - C) o (I - C).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import cho_factor, cho_solve

OWN = 1e-10  # share of a unit's variance that the regressors must leave
RIDGE = 1e-12


@dataclass(frozen=True)
class Periods:
    """What fixed effects leave of T periods of N units.

    Attributes
    ----------
    N : int
    rank : int
        r, the periods that unit effects leave.
    centered : bool
        Whether period effects are out.
    """

    N: int
    rank: int
    centered: bool = False

    @property
    def share(self) -> float:
        """Diagonal of J."""
        return 1 - self.centered / self.N

    def J(self, values: np.ndarray) -> np.ndarray:
        """J times (N, ...)."""
        return values - values.mean(axis=0) if self.centered else values

    def by_period(self, rows: np.ndarray) -> np.ndarray:
        """(T N, ...) as (T, N, ...)."""
        return rows.reshape(len(rows) // self.N, self.N, *rows.shape[1:])

    def wide(self, Q: np.ndarray) -> np.ndarray:
        """(T N, K) as (N, T K): Q_t side by side."""
        return self.by_period(Q).swapaxes(0, 1).reshape(self.N, Q.size // self.N)

    def solver(self, Q: np.ndarray):
        """S d = target, (N,) or (N, r): a function of the target.

        The ridge selects a solution where d is not unique: two units with one residual between them, or one with none.
        """
        QT = self.by_period(Q)
        C, B = self.wide(Q) @ self.wide(Q).T, np.einsum("tik,til->ikl", QT, QT).reshape(self.N, Q.shape[1] ** 2)
        S = B @ B.T
        if self.centered:
            S += 2 / self.N * C
            S += self.rank / self.N**2
        at = np.diag_indices(self.N)
        S[at] += self.rank * (self.share**2 - (self.centered / self.N) ** 2) - 2 * C[at] + RIDGE
        factor = cho_factor(S, overwrite_a=True, check_finite=False)
        return lambda target: cho_solve(factor, target)

    def diagonal(self, diagonal, Q: np.ndarray, back) -> np.ndarray:
        """((r J - C) G)_ii from G's diagonal and ``back``, values to G' values."""
        own = diagonal - back(np.ones((self.N, 1)))[:, 0] / self.N if self.centered else diagonal
        wide = self.wide(Q)
        return self.rank * own - np.einsum("ij,ij->i", wide, back(wide))

    def squeezed_diagonal(self, Z: np.ndarray, Q: np.ndarray) -> np.ndarray:
        """sum_t (M (I (x) Z) M)_it,it, (N,)."""
        QT = self.by_period(Q)
        ahead, back, inner = self._around(Z, QT)
        JZJ = self.J(self.J(Z).T).diagonal()
        crossed = np.einsum("tik,tik->i", QT, ahead + back)
        return self.rank * JZJ - crossed + np.einsum("tik,kl,til->i", QT, inner, QT)

    def pairs_of_squeezed(self, Z: np.ndarray, Q: np.ndarray, e: np.ndarray) -> np.ndarray:
        """e_i'[M (I (x) Z) M]_ij e_j, (N, N), of errors (T N,) that effects have left."""
        QT, E = self.by_period(Q), self.by_period(e)
        ahead, back, inner = self._around(Z, QT)
        a, u, v = (np.einsum("ti,tik->ik", E, part) for part in (QT, ahead, back))
        return self.J(self.J(Z).T).T * (E.T @ E) - u @ a.T - a @ v.T + a @ inner @ a.T

    def pairs(self, G: np.ndarray, Q: np.ndarray, e: np.ndarray) -> np.ndarray:
        """e_i'[M (I (x) G)]_ij e_j, (N, N)."""
        QT, E = self.by_period(Q), self.by_period(e)
        a, b = np.einsum("ti,tik->ik", E, QT), np.einsum("ti,tik->ik", E, self._times(G.T, QT))
        return self.J(G) * (E.T @ E) - a @ b.T

    def _around(self, Z, QT):
        """J Z Q_t, J Z'Q_t and Q'(I (x) Z) Q."""
        ahead, back = self._times(Z, QT), self._times(Z.T, QT)
        inner = np.einsum("tik,til->kl", QT, ahead)
        return self._centered(ahead), self._centered(back), inner

    def _times(self, Z, values):
        """Z times every period's (N, K)."""
        T, N, K = values.shape
        return (Z @ values.swapaxes(0, 1).reshape(N, T * K)).reshape(N, T, K).swapaxes(0, 1)

    def _centered(self, values):
        return values - values.mean(axis=1, keepdims=True) if self.centered else values

    # -- residuals without their own pull on the estimate -------------------------------------------------

    def released(self, e: np.ndarray, Q: np.ndarray, power: float) -> np.ndarray:
        """M_ii^power e_i of every unit, (T N,): -1/2 is HC2 and CR2, -1 is HC3 and CR3."""
        QT, E = self.by_period(Q), self.by_period(e)
        values, vectors = self._pull(QT)
        left = self.share - values
        powers = np.where(left > OWN, np.maximum(left, OWN) ** power, 0.0) - self.share**power
        share = np.divide(powers, values, out=np.zeros_like(values), where=values > 1e-14)
        turned = np.einsum("ikl,ti,tik->il", vectors, E, QT) * share
        return (self.share**power * E + np.einsum("tik,ikl,il->ti", QT, vectors, turned)).ravel()

    def lost(self, Q: np.ndarray) -> list[tuple[int, np.ndarray]]:
        """Units of which the regressors leave nothing in some direction: (unit, orthonormal directions (T, l))."""
        QT = self.by_period(Q)
        values, vectors = self._pull(QT)
        gone = self.share - values <= OWN
        return [(i, QT[:, i] @ (vectors[i][:, gone[i]] / np.sqrt(values[i][gone[i]])))
                for i in np.flatnonzero(gone.any(axis=1)).tolist()]  # fmt: skip

    def _pull(self, QT):
        return np.linalg.eigh(np.einsum("tik,til->ikl", QT, QT))
