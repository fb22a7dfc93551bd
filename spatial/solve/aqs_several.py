"""Adjusted quasi-scores with several spatial parameters, and in panels with gaps or W that varies: see ``aqs``.

With B = I - sum_l lambda_l M_l, f = B A y, M_B the residual maker of B [X, D], e = M_B f, G_j = W_j A^-1, H_l = M_l
B^-1 the scores

    rho_j:     e'B W_j y - e'D_j e,     diag(M_B B G_j B^-1 - M_B D_j M_B) = 0
    lambda_l:  e'(H_l - D_l) e,         diag(M_B (H_l - D_l) M_B) = 0

have mean zero whatever the variances are. Each is c'eps + eps'C eps with diag C = 0 and c = M_B B G_j [X, D] delta
(zero for lambda): the covariance of two of them is

    sum_i (c_i'e_i)(b_i'e_i) + sum_{i < k} (e_i'(C_ik + C_ki')e_k)(e_i'(B_ik + B_ki')e_k)

over units and pairs of units, with CR3 residuals in the first and CR2 residuals in the second sum.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..design.stacked import Stacked
from .aqs import HC2, HC3
from .ml import alone
from .row_forms import Blocks, OfRows, OfUnits
from .several_roots import STEP, SeveralAdjusted, several_root

Maker = OfRows | OfUnits


def adjusted_of_several(
    s: Stacked, maker: Callable[[np.ndarray], Maker], start: np.ndarray, inside: Callable, names, left: int, df: int
) -> SeveralAdjusted:  # fmt: skip
    """The root of the adjusted quasi-scores of any number of spatial lags and errors.

    Parameters
    ----------
    maker : callable
        An orthonormal basis of B [X, D] to what is needed of its residual maker.
    start : (J + L,)
    inside : callable
        Whether (rho, lambda) is admissible.
    left : int
        n - K, for sigma2 = e'e / (n - K), the mean of the variances.
    df : int
        For t and F.

    Raises
    ------
    SpatialInputError
        E702, E713: see ``several_root``.
    """
    scores = Scores(s, maker)
    psi, _ = several_root(scores, start, inside, names)
    return scores.solution(psi, left, df)


class Scores:
    """(rho, lambda) -> the adjusted quasi-scores and their derivatives, by central differences; columns are y, W y, the
    dummies D and X."""

    def __init__(self, s: Stacked, maker: Callable[[np.ndarray], Maker]):
        self.s, self.maker, self.J, self.L = s, maker, s.lags.shape[1], len(s.lagged)
        order = [*range(1 + self.J), *1 + self.J + np.roll(np.arange(s.Z.shape[1]), -s.k)]  # effects first
        self.whole = np.column_stack([s.y, s.lags, s.Z])[:, order]
        self.lagged = s.lagged[:, :, order]
        self._kept: dict[bytes, tuple[np.ndarray, np.ndarray, Maker]] = {}

    def __call__(self, psi: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        ends = [(self.values(psi + step), self.values(psi - step)) for step in STEP * np.eye(len(psi))]
        return self.values(psi), np.column_stack([(a - b) / (2 * STEP) for a, b in ends])

    def values(self, psi: np.ndarray) -> np.ndarray:
        """The scores."""
        rho, lam = np.split(psi, [self.J])
        columns, _, maker = self._filtered(lam)
        e = self._errors(columns, maker, rho)
        out = []
        for j, (Z, d) in enumerate(self._forms(maker, rho, lam)):
            moved = columns[:, 1 + j] if j < self.J else maker.times(Z, e)
            out.append(e @ moved - e @ maker.weighted(d, e))
        return np.array(out)

    def _filtered(self, lam: np.ndarray) -> tuple[np.ndarray, np.ndarray, Maker]:
        """B [y, W y, D, X], R of B [D, X] = Q R, and the residual maker."""
        key = lam.tobytes()
        if key not in self._kept:
            columns = self.whole - sum((x * one for x, one in zip(lam, self.lagged)), np.zeros((1, 1)))
            Q, R = np.linalg.qr(columns[:, 1 + self.J :])
            self._kept = {key: (columns, R, self.maker(Q))}
        return self._kept[key]

    def _errors(self, columns: np.ndarray, maker: Maker, rho: np.ndarray) -> np.ndarray:
        f = columns[:, : 1 + self.J] @ np.concatenate([[1.0], -rho])
        return f - maker.Q @ (maker.Q.T @ f)

    def _forms(self, maker: Maker, rho: np.ndarray, lam: np.ndarray) -> list[tuple[Blocks, np.ndarray]]:
        """(Z, d) of every score: B G_j B^-1, then H_l, and the diagonals."""
        blocks = self._blocks(rho, lam)
        sides = [maker.sides(Z) if j < self.J else maker.squeezed(Z) for j, Z in enumerate(blocks)]
        return list(zip(blocks, maker.solve(np.column_stack(sides)).T))

    def _blocks(self, rho: np.ndarray, lam: np.ndarray) -> list[Blocks]:
        """Of every parameter the blocks of all periods; those that are the same computed once."""
        seen: dict[tuple, list[np.ndarray]] = {}
        each = []
        for W, M in zip(self.s.W, self.s.M):
            key = (id(W), id(M))
            if key not in seen:
                n = len((W or M)[0])
                B = np.eye(n) - sum((x * one for x, one in zip(lam, M)), np.zeros((1, 1)))
                back = np.linalg.inv(B) if M else B
                A = np.eye(n) - sum((x * one for x, one in zip(rho, W)), np.zeros((1, 1)))
                inverse = np.linalg.inv(A) if W else A
                G = [one @ inverse for one in W]
                seen[key] = [B @ one @ back if M else one for one in G] + [one @ back for one in M]
            each.append(seen[key])
        return [tuple(own) for own in zip(*each)]

    def solution(self, psi: np.ndarray, left: int, df: int) -> SeveralAdjusted:
        """psi^ - psi = Gamma^-1 score and beta^ - beta = P eps - g (rho^ - rho), P = (B X)^+ given D, g = P B W y."""
        s, J, k = self.s, self.J, self.s.k
        rho, lam = np.split(psi, [J])
        slopes = self(psi)[1]
        columns, R, maker = self._filtered(lam)
        e = self._errors(columns, maker, rho)
        P = np.linalg.solve(R, maker.Q.T)
        delta = P @ (columns[:, : 1 + J] @ np.concatenate([[1.0], -rho]))
        of_X = P[len(P) - k :]
        forms = self._forms(maker, rho, lam)
        moved = [maker.clean(maker.times(Z, columns[:, 1 + J :] @ delta)) for Z, _ in forms[:J]]
        c = np.column_stack([of_X.T, *moved, *([np.zeros(len(e))] * self.L)])
        sums = maker.by_unit(maker.released(e, HC3), c)
        linear = sums.T @ sums + e @ e / left * sum((one.T @ one for one in maker.lost(c)), np.zeros((1, 1)))
        narrow = maker.released(e, HC2)
        F = np.array([_both(maker.pairs(Z, d, narrow, j >= J)) for j, (Z, d) in enumerate(forms)])
        back = np.linalg.inv(-slopes)
        V = back @ (linear[k:, k:] + F @ F.T) @ back.T
        own = linear[:k, k:] @ back.T
        g = np.zeros((k, len(psi)))
        g[:, :J] = of_X @ columns[:, 1 : 1 + J]
        of_beta = linear[:k, :k] + g @ V @ g.T - own @ g.T - g @ own.T
        mixed = own - g @ V
        covariance = np.block([[of_beta, mixed], [mixed.T, V]])
        sigma2 = float(e @ e) / left
        return SeveralAdjusted(delta[len(P) - k :], alone(rho), alone(lam), sigma2, np.nan, s.in_periods(e),
                               (covariance + covariance.T) / 2, df, rhos=rho, lams=lam,
                               sigma2s=np.array([sigma2]))  # fmt: skip

def _both(F: np.ndarray) -> np.ndarray:
    """F_ik + F_ki of the pairs i < k."""
    return (F + F.T)[np.triu_indices(len(F), 1)]
