"""A slow twin of the adjusted quasi-scores of outcomes that are observed in part: forms by polarisation, no formulas.

A score is a quadratic function s(eps) of the errors of all rows. The element C_ii of its form is s of the i-th unit
vector where beta = 0, C_ij + C_ji comes from sums of two, and the linear part from s(mu + eps) - s(mu - eps).
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.optimize import root


@dataclass(eq=False)
class Twin:
    """y, X (T N, k), seen (T, N), W and M (N, N) or None, roots of weights (T N,)."""

    y: np.ndarray
    X: np.ndarray
    seen: np.ndarray
    W: np.ndarray | None
    M: np.ndarray | None
    entity: bool = False
    time: bool = False
    roots: np.ndarray | None = None

    @cached_property
    def dummies(self):
        T, N = self.seen.shape
        return np.column_stack([np.zeros((T * N, 1)), *[np.kron(np.ones((T, 1)), np.eye(N))] * self.entity,
                                *[np.kron(np.eye(T), np.ones((N, 1)))] * self.time])  # fmt: skip

    def at(self, psi):
        """A, B, the columns of what has coefficients, and the residual makers of G and of all of them."""
        T, N = self.seen.shape
        psi, eye = list(psi), np.eye(T * N)
        W, M = (0 * eye if one is None else np.kron(np.eye(T), one) for one in (self.W, self.M))
        A = eye - (psi.pop(0) if self.W is not None else 0.0) * W
        r = np.ones(T * N) if self.roots is None else self.roots
        B = r[:, None] * (eye - (psi.pop(0) if self.M is not None else 0.0) * M)
        o = self.seen.ravel()
        G = B @ A @ np.column_stack([eye[:, ~o], o[:, None] * self.dummies])
        H = np.column_stack([G, B @ self.X])
        off = [eye - Z @ np.linalg.pinv(Z, rcond=1e-10) for Z in (G, H)]
        return W, r[:, None] * M, A, B, H, off

    def raw(self, psi, y, here=None):
        """The scores without their diagonals, e, beta and B W v."""
        W, M, A, B, H, _ = here or self.at(psi)
        o, k = self.seen.ravel(), self.X.shape[1]
        own = np.where(o, y, 0.0)
        a = np.linalg.lstsq(H, B @ A @ own, rcond=1e-10)[0]
        v = np.where(o, own - self.dummies @ a[(~o).sum() : -k], 0.0)
        v[~o] = -a[: (~o).sum()]
        e = B @ (A @ v - self.X @ a[-k:])
        moved = [B @ W @ v] * (self.W is not None) + [M @ (A @ v - self.X @ a[-k:])] * (self.M is not None)
        return np.array([e @ one for one in moved]), e, a[-k:], moved

    def diagonals(self, psi, here):
        """D of every score."""
        _, _, A, B, _, (_, off) = here
        reduced = np.linalg.inv(B @ A)
        own = np.array([self.raw(psi, column, here)[0] for column in reduced.T])
        return (np.linalg.pinv(off**2, rcond=1e-11) @ own).T

    def scores(self, psi, y=None):
        here = self.at(psi)
        raw, e, *_ = self.raw(psi, self.y if y is None else y, here)
        return raw - np.array([e @ (d * e) for d in self.diagonals(psi, here)])

    def solve(self, start):
        return root(self.scores, start, tol=1e-12).x

    def covariance(self, psi):
        """Of (beta, psi), and sigma2."""
        T, N = self.seen.shape
        here = self.at(psi)
        _, _, A, B, _, (of_G, off) = here
        reduced, D, p, k = np.linalg.inv(B @ A), self.diagonals(psi, here), len(psi), self.X.shape[1]
        _, e, beta, moved = self.raw(psi, self.y, here)
        mean = np.linalg.solve(A, self.X @ beta)

        def s(eps, mu=0.0):
            raw, own, *_ = self.raw(psi, mu + reduced @ eps, here)
            return raw - np.array([own @ (d * own) for d in D])

        eye, size = np.eye(T * N), T * N
        single = np.array([s(one) for one in eye])
        both = np.zeros((p, size, size))
        for i in range(size):
            for j in range(i):
                both[:, i, j] = both[:, j, i] = s(eye[i] + eye[j]) - single[i] - single[j]
        of_beta = np.array([self.raw(psi, reduced @ one, here)[2] for one in eye])
        c = np.column_stack([of_beta, [(s(one, mean) - s(-one, mean)) / 2 for one in eye]])
        units = [np.arange(u, size, N) for u in range(N)]
        wide, narrow = (self.released(e, units, of_G, off, power) for power in (-1.0, -0.5))
        sums = np.array([c[rows].T @ wide[rows] for rows in units])
        linear = sums.T @ sums
        for u in range(N):
            for w in range(u):
                pair = np.einsum("i,pij,j->p", narrow[units[u]], both[:, units[u]][:, :, units[w]], narrow[units[w]])
                linear[k:, k:] += np.outer(pair, pair)
        slope = np.array([(self.scores(psi + h) - self.scores(psi - h)) / 2e-5 for h in 1e-5 * np.eye(p)]).T
        # beta^ - beta = P eps - P B W v (rho^ - rho)
        turn = np.block([[np.eye(k), np.zeros((k, p))], [np.zeros((p, k)), np.linalg.inv(-slope)]])
        g = np.zeros((k, p))
        if self.W is not None:
            g[:, 0] = np.linalg.lstsq(here[4], moved[0], rcond=1e-10)[0][-k:]
        move = np.block([[np.eye(k), -g], [np.zeros((p, k)), np.eye(p)]]) @ turn
        return move @ linear @ move.T, e @ e / (np.trace(off))

    @staticmethod
    def released(e, units, of_G, off, power):
        out = np.zeros_like(e)
        for rows in units:
            L = raised(of_G[np.ix_(rows, rows)], -0.5)
            out[rows] = raised(L @ off[np.ix_(rows, rows)] @ L, power) @ L @ e[rows]
        return out


def raised(S, power):
    """A power of a symmetric matrix on its range."""
    values, vectors = np.linalg.eigh(S)
    scale = np.where(values > 1e-10, np.maximum(values, 1e-10) ** power, 0.0)
    return (vectors * scale) @ vectors.T
