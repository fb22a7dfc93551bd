"""Restricted maximum likelihood with several spatial parameters: the scores of ``reml``, all at once.

With A = I - sum_j rho_j W_j, B = I - sum_l lambda_l M_l, Z the regressors and the dummies of effects, M_B the residual
maker of B Z, e = M_B B A y, q = e'e, m = n - rank Z and G_j = W_j A^-1 the scores

    rho_j:     (m / q) e'B W_j y  - tr(M_B B G_j B^-1)  =  (m / q) e'B W_j y - tr G_j + tr(C^-1 Z'B'B G_j Z)
    lambda_l:  (m / q) e'M_l u    - tr(M_B M_l B^-1)    =  (m / q) e'M_l u - tr M_l B^-1 - d ln|C| / d lambda_l / 2

have mean zero whatever the number of columns is, C = Z'B'B Z. Of errors alone they are the slopes of Patterson &
Thompson's (1971, Biometrika 58:545-554) restricted likelihood, of lags alone those of Martellosio & Hillier's (2020, J.
Econometrics 219:402-422) adjusted profile likelihood; with both there is no likelihood with these slopes, and the root
is the estimator of McCullagh & Tibshirani (1990, JRSS B 52:325-344).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..design.stacked import Stacked, times
from .ml import alone
from .several_problem import SeveralSample, problem_of
from .several_roots import STEP, SeveralAdjusted, several_root


def restricted_of_several(s: Stacked, start: np.ndarray, inside: Callable, names) -> SeveralAdjusted:
    """The restricted estimates of a model with any number of spatial lags and errors.

    Parameters
    ----------
    start : (J + L,)
    inside : callable
        Whether (rho, lambda) is admissible.

    Returns
    -------
    SeveralAdjusted
        sigma2 = q / (n - rank Z). ``covariance`` is the inverse of minus the scores' derivatives, and beta's
        s2 (X'B'B X)^-1 plus what rho adds.

    Raises
    ------
    SpatialInputError
        E702, E713, E801: see ``several_root``.
    """
    scores = Restricted(s)
    psi, fall = several_root(scores, start, inside, names)
    return scores.solution(psi, np.linalg.inv(fall))


class Restricted:
    """(rho, lambda) -> the adjusted scores and their derivatives."""

    def __init__(self, s: Stacked):
        self.s = s
        self.Q, self.R = np.linalg.qr(s.Z)
        sample = SeveralSample(s.y, s.Z, s.lags, s.lagged, len(s.y) - s.Z.shape[1], None, None, (), (self.Q, self.R))
        self.problem, self.shift = problem_of(sample)
        J = s.lags.shape[1]
        self.MQ = [np.linalg.solve(self.R.T, one[:, 1 + J :].T).T for one in s.lagged]

    def __call__(self, psi: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        problem, (rho, lam) = self.problem, self.problem.split(psi)
        J, size = problem.J, len(psi)
        value, slopes = np.zeros(size), np.zeros((size, size))
        value[:J], slopes[:J, :J], GQ = self._of_lags(rho, lam)
        value[J:], slopes[J:, J:] = self._of_errors(lam)
        for place in range(len(lam)):  # what lambda does to the traces of rho
            step = STEP * np.eye(len(lam))[place]
            ahead, behind = (self._traces(lam + sign * step, GQ) for sign in (1, -1))
            slopes[:J, J + place] = (ahead - behind) / (2 * STEP)
        _, gradient, H = problem.expansion(psi, (0.0, value, np.zeros((size, size))))
        return gradient, H + slopes

    def _of_lags(self, rho: np.ndarray, lam: np.ndarray):
        """-tr G_j + tr(C^-1 Q'B'B G_j Q), its derivatives by rho, and G_j Q."""
        J, s = len(rho), self.s
        G, trace, second = self._inverses(s.W, rho)
        GQ = [times(s, G, j, self.Q) for j in range(J)]
        twice = np.array([self._traces(lam, [times(s, G, j, one) for one in GQ]) for j in range(J)]).reshape(J, J)
        return self._traces(lam, GQ) - trace, twice - second, GQ

    def _of_errors(self, lam: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """-tr M_l B^-1 - d ln|C| / 2, and its derivatives."""
        L, BQ = len(lam), self.BQ(lam)
        _, trace, second = self._inverses(self.s.M, lam)
        inverse = np.linalg.inv(BQ.T @ BQ)
        first = [-(MQ.T @ BQ + BQ.T @ MQ) for MQ in self.MQ]
        shares = [inverse @ one for one in first]
        value = -trace - np.array([np.trace(one) for one in shares]) / 2
        bend = np.array([[np.sum(inverse * (a.T @ b)) for b in self.MQ] for a in self.MQ]).reshape(L, L)
        pairs = np.array([[np.sum(a * b.T) for b in shares] for a in shares]).reshape(L, L)
        return value, -second - bend + pairs / 2

    def _inverses(self, matrices, at: np.ndarray):
        """W_j (I - sum_i at_i W_i)^-1 of every period, the sums of their traces and of those of their products."""
        seen: dict[int, tuple] = {}
        out, J = [], len(at)
        trace, second = np.zeros(J), np.zeros((J, J))
        for own in matrices if J else ():
            if id(own) not in seen:
                inverse = np.linalg.inv(np.eye(len(own[0])) - sum(value * W for value, W in zip(at, own)))
                G = tuple(W @ inverse for W in own)
                seen[id(own)] = (G, np.array([np.trace(one) for one in G]),
                                 np.array([[np.sum(a * b.T) for b in G] for a in G]))  # fmt: skip
            G, first, pairs = seen[id(own)]
            out.append(G)
            trace += first
            second += pairs
        return out, trace, second

    def BQ(self, lam: np.ndarray) -> np.ndarray:
        """B Q."""
        return self.Q - sum((value * one for value, one in zip(lam, self.MQ)), np.zeros((1, 1)))

    def _traces(self, lam: np.ndarray, GQ: list[np.ndarray]) -> np.ndarray:
        """tr(C^-1 Q'B'B G_j Q) of every j."""
        if not GQ:
            return np.zeros(0)
        BQ, s = self.BQ(lam), self.s
        left = np.linalg.solve(BQ.T @ BQ, BQ.T).T
        back = left.copy()
        for place, value in enumerate(lam):
            back -= value * times(s, s.M_transposed, place, left)
        return np.array([np.sum(back * one) for one in GQ])

    def solution(self, psi: np.ndarray, V: np.ndarray) -> SeveralAdjusted:
        """beta moves with rho by -g, g = (X'B'B X)^-1 X'B'B W y; it is not correlated with lambda otherwise."""
        s, problem, (rho, lam) = self.s, self.problem, self.problem.split(psi)
        J, p = problem.J, problem.P.shape[1]
        gamma, q = problem.gamma(psi)
        c = np.concatenate([[1.0], -lam])
        S = np.einsum("i,iajb,j->ab", c, problem.P, c)
        C, at_lags = S[1 + J :, 1 + J :], S[1 + J : p, 1 : 1 + J]
        inverse_R, inverse_C = np.linalg.inv(self.R), np.linalg.inv(C)
        coefficients = inverse_R @ (self.shift @ np.concatenate([[1.0], -rho]) + gamma)
        g = np.zeros((len(coefficients), len(psi)))
        g[:, :J] = inverse_R @ (self.shift[:, 1:] + inverse_C @ at_lags)
        s2, k = q / problem.n, s.k
        slopes = s2 * inverse_R @ inverse_C @ inverse_R.T + g @ V @ g.T
        mixed = -g @ V
        covariance = np.block([[slopes[:k, :k], mixed[:k]], [mixed[:k].T, V]])
        e = s.y - s.lags @ rho - s.Z @ coefficients
        v = np.concatenate([[1.0], -rho, -coefficients])
        for value, lagged in zip(lam, s.lagged):
            e = e - value * (lagged @ v)
        return SeveralAdjusted(coefficients[:k], alone(rho), alone(lam), s2, np.nan, s.in_periods(e),
                               (covariance + covariance.T) / 2, problem.n, rhos=rho, lams=lam,
                               sigma2s=np.array([s2]))  # fmt: skip
