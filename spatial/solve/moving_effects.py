"""What fixed effects take from a likelihood with several rho, lambda or sigma2 under weights that vary over time.

With A_t = I - sum_j rho_j W_jt, B_t = I - sum_l lambda_l M_lt, S the variances by unit and D the effects' dummies,

    B (A y - X beta - D a) = e,    V^-1 = B'S^-1 B,    F = D'V^-1 D

a is estimated by generalised least squares beside beta. Two things mend the likelihood for that:

    restricted   -1/2 ln|F| + 1/2 ln|D'D|, for (lambda, sigma2): the likelihood of what the effects leave
    shift        a_j = tr[F^-1 D'V^-1 G_j D], G_j = W_j A^-1: minus the mean of the score of rho_j at the truth

so that the score of rho_j plus a_j has mean zero (McCullagh & Tibshirani 1990; Lee & Yu 2010, 2012 for one rho, as
``score_mean``). For one W in a balanced panel both are the transformations. Where the likelihood counts a share c of
sum_t ln|A_t|, ``shift`` is a_j - (1 - c) tr G_j: nothing, with unit effects alone in a balanced panel and c = 1 - 1/T.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import ClassVar

import numpy as np
from scipy import sparse
from scipy.linalg import cho_factor, cho_solve

NODES = 6  # of Gauss and Legendre
STEP = 1e-5  # of differences by lambda and ln sigma2


@dataclass(frozen=True, eq=False)
class MovingEffects:
    """The effects' part of the likelihood of ``solve.regimes`` under weights that vary over time.

    Attributes
    ----------
    D : csr_array or ndarray, (m, r)
        Dummies of full rank, rows period by period.
    places : tuple of T arrays
        The units that the rows of each period are.
    lag, error : lists of T tuples of csr_array, (N, N)
    codes : (m,), the group of one variance of every row
    S : int
    share : float
        c, how often the likelihood counts sum_t ln|A_t|.
    centered : bool
        Whether period effects are among them.
    mass : (m,) or None
        Weights of observations.
    """

    D: sparse.csr_array | np.ndarray = field(repr=False)
    places: tuple[np.ndarray, ...] = field(repr=False)
    lag: list[tuple[sparse.csr_array, ...]] = field(repr=False)
    error: list[tuple[sparse.csr_array, ...]] = field(repr=False)
    codes: np.ndarray = field(repr=False)
    S: int
    share: float
    centered: bool
    mass: np.ndarray | None = field(default=None, repr=False)
    nodes: ClassVar[int] = NODES

    @cached_property
    def starts(self) -> np.ndarray:
        return np.concatenate([[0], np.cumsum([len(at) for at in self.places])])

    @cached_property
    def MD(self) -> list:
        """M_l D of every l."""
        blocks = [[matrix[at][:, at] @ self.D[self._rows(t)] for matrix in self.error[t]]
                  for t, at in enumerate(self.places)]  # fmt: skip
        if isinstance(self.D, np.ndarray):
            return [np.vstack(part) for part in zip(*blocks)]
        return [sparse.csr_array(sparse.vstack(part)) for part in zip(*blocks)]

    @cached_property
    def by_period(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """Of every period the columns of D that are not zero in it, and D there."""
        parts = [self.D[self._rows(t)] for t in range(len(self.places))]
        columns = [np.flatnonzero(abs(part).sum(axis=0)) for part in parts]
        return [(at, as_array(part[:, at])) for at, part in zip(columns, parts)]

    @cached_property
    def log_size(self) -> float:
        """ln|D'D|, of weighted observations ln|D'w D|."""
        D = self.D if self.mass is None else self.D * self.mass[:, None]
        return np.linalg.slogdet(as_array(self.D.T @ D))[1]

    def BD(self, lam: np.ndarray) -> sparse.csr_array | np.ndarray:
        out = self.D
        for value, part in zip(lam, self.MD):
            out = out - value * part
        return out if isinstance(out, np.ndarray) else sparse.csr_array(out)

    def weight(self, s: np.ndarray) -> np.ndarray:
        """1 / sigma2 of every row, times its weight."""
        return np.exp(-s)[self.codes] if self.mass is None else np.exp(-s)[self.codes] * self.mass

    def inverse(self, lam: np.ndarray, s: np.ndarray) -> tuple[np.ndarray, float]:
        """F^-1 and ln|F|."""
        BD, w = self.BD(lam), self.weight(s)
        factor = cho_factor(as_array(BD.T @ (BD * w[:, None])), lower=True, check_finite=False)
        log = 2 * float(np.log(np.diag(factor[0])).sum())
        return cho_solve(factor, np.eye(BD.shape[1]), check_finite=False), log

    # -- lambda and sigma2 ------------------------------------------------------------------------------------

    def restricted(self, lam: np.ndarray, s: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
        """-1/2 ln|F| + 1/2 ln|D'D|, its gradient and second derivatives by (lambda, ln sigma2); minus infinity where F
        is singular."""
        L, S = len(lam), self.S
        try:
            inverse, log = self.inverse(lam, s)
        except np.linalg.LinAlgError:
            return -np.inf, np.zeros(L + S), np.zeros((L + S, L + S))
        BD, w = self.BD(lam), self.weight(s)
        groups = [sparse.diags_array(w * (self.codes == g)) for g in range(S)]
        first, slopes = [], []  # dF by every parameter, and F^-1 dF
        for part in self.MD:
            half = part.T @ (BD * w[:, None])
            first.append(-(half + half.T))
        first += [-(BD.T @ (own @ BD)) for own in groups]
        slopes = [inverse @ as_array(one) for one in first]
        gradient = np.array([np.trace(one) for one in slopes])
        H = -np.array([[np.sum(a * b.T) for b in slopes] for a in slopes]).reshape(L + S, L + S)
        for i, left in enumerate(self.MD):
            for j, right in enumerate(self.MD):
                H[i, j] += 2 * np.sum(inverse * as_array(left.T @ (right * w[:, None])))
            for g, own in enumerate(groups):
                half = left.T @ (own @ BD)
                both = 2 * np.sum(inverse * as_array(half))
                H[i, L + g] += both
                H[L + g, i] += both
        H[np.arange(L, L + S), np.arange(L, L + S)] -= gradient[L:]
        return -(log - self.log_size) / 2, -gradient / 2, -H / 2

    # -- rho ----------------------------------------------------------------------------------------------------

    def _weights(self, lam: np.ndarray, s: np.ndarray) -> list[np.ndarray]:
        """F^-1 D'V^-1 of every period, (columns, rows)."""
        inverse, BD, w = self.inverse(lam, s)[0], self.BD(lam), self.weight(s)
        out = []
        for t, (columns, _) in enumerate(self.by_period):
            at, rows = self.places[t], self._rows(t)
            right = as_array(BD[rows][:, columns]) * w[rows, None]
            back = right.copy()
            for value, matrix in zip(lam, self.error[t]):
                back -= value * (matrix[at][:, at].T @ right)
            out.append(inverse[np.ix_(columns, columns)] @ back.T)
        return out

    def _responses(self, rho: np.ndarray, slopes: bool) -> tuple[list, np.ndarray, list, np.ndarray]:
        """G_j D of every period and tr G_j; with ``slopes`` G_j G_i D and tr G_j G_i too."""
        J = len(rho)
        own, second, trace, trace2 = [], [], np.zeros(J), np.zeros((J, J))
        solved: dict[tuple, list[np.ndarray]] = {}
        for t, (_, D) in enumerate(self.by_period):
            at, key = self.places[t], (*map(id, self.lag[t]), self.places[t].tobytes())
            if key not in solved:
                W = [matrix[at][:, at] for matrix in self.lag[t]]
                A = np.eye(len(at)) - sum((value * matrix.toarray() for value, matrix in zip(rho, W)), np.zeros((1, 1)))
                inverse = np.linalg.inv(A)
                solved[key] = [matrix @ inverse for matrix in W]
            G = solved[key]
            GD = [one @ D for one in G]
            own.append(GD)
            trace += [one.trace() for one in G]
            if slopes:
                second.append([[a @ b for b in GD] for a in G])
                trace2 += np.array([[np.sum(a * b.T) for b in G] for a in G])
        return own, trace, second, trace2

    def shift(self, rho: np.ndarray, lam: np.ndarray, s: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """a_j - (1 - c) tr G_j, (J,), and its derivatives by rho, lambda and ln sigma2, (J, J + L + S); by lambda and
        ln sigma2 central differences."""
        own, trace, second, trace2 = self._responses(rho, True)
        J, L, back = len(rho), len(lam), self._weights(lam, s)
        value = _traces(back, own) - (1 - self.share) * trace
        by_rho = np.array([_traces(back, [part[j] for part in second]) for j in range(J)])
        by_rho = by_rho - (1 - self.share) * trace2
        others = []
        for step in STEP * np.eye(L + self.S):
            ahead, behind = (self._weights(lam + sign * step[:L], s + sign * step[L:]) for sign in (1, -1))
            others.append((_traces(ahead, own) - _traces(behind, own)) / (2 * STEP))
        return value, np.column_stack([by_rho, *others])

    def near(self, rho: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
        """c sum_t ln(1'A_t^-1 1 / n_t), its gradient and second derivatives: what period effects take where rows of W
        sum to one and rho is the same everywhere, and close to it elsewhere."""
        J = len(rho)
        value, first, second = 0.0, np.zeros(J), np.zeros((J, J))
        for t, at in enumerate(self.places if self.centered else ()):
            A, one = np.eye(len(at)), np.ones(len(at))
            W = [matrix[at][:, at] for matrix in self.lag[t]]
            for r, matrix in zip(rho, W):
                A -= r * matrix.toarray()
            inverse = np.linalg.inv(A)
            v, u = inverse @ one, one @ inverse
            total, Wv = v.sum(), np.column_stack([matrix @ v for matrix in W])
            if total <= 0:
                return -np.inf, first, second
            slope = u @ Wv / total
            mixed = np.array([u @ (matrix @ (inverse @ Wv)) for matrix in W]) / total
            value += self.share * np.log(total / len(at))
            first += self.share * slope
            second += self.share * (mixed + mixed.T - np.outer(slope, slope))
        return float(value), first, second

    def potential(self, rho: np.ndarray, lam: np.ndarray, s: np.ndarray) -> float:
        """The shift integrated along the ray from zero to rho: what it adds to ln L."""
        nodes, shares = np.polynomial.legendre.leggauss(self.nodes)
        value, back = self.near(rho)[0], self._weights(lam, s)
        for t, w in zip((nodes + 1) / 2, shares / 2):
            own, trace, *_ = self._responses(t * rho, False)
            slope = _traces(back, own) - (1 - self.share) * trace
            value += w * (slope - self.near(t * rho)[1]) @ rho
        return float(value)

    def _rows(self, t: int) -> slice:
        return slice(self.starts[t], self.starts[t + 1])


def _traces(back: list[np.ndarray], own: list[list[np.ndarray]]) -> np.ndarray:
    """sum_t tr(back_t own_jt) of every j."""
    return np.array([sum(np.sum(left * right[j].T) for left, right in zip(back, own)) for j in range(len(own[0]))])


def as_array(values) -> np.ndarray:
    """Of a sparse or a dense matrix."""
    return values.toarray() if sparse.issparse(values) else values
