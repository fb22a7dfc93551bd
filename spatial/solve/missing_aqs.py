"""Adjusted quasi-scores where outcomes are not observed: rho and lambda under errors of unknown, unequal variances.

With y_m and the levels of units and periods as coefficients of G = [C_m, C_o D_o] (``missing_problem``), N the residual
maker of [G, B X], P what gives beta of C y, and eps the errors of all rows, those without y among them,

    e = N C_o y_o = N eps,    A v = X beta^ + B^-1 e,    F = B W A^-1 B^-1,    H = M B^-1

v the completed y less its levels. The slopes of e'e / 2 by rho and lambda, with their signs turned, less e'D e,

    rho:     e'B W v - e'D e,    diag(N (F N + B W A^-1 X P) - N D N) = 0
    lambda:  e'(H - D) e,        diag(N (H - D) N) = 0

have mean zero whatever the variances of the rows are. Their diagonals D solve (N o N) d = t, in which rows without y,
whose share N_ii is of order rho^2, are in units of that share. Where all y are observed these are the scores of
``aqs_several``, and so is the variance; leverages are those of X given G.

Sources: Liu & Yang (2015, Regional Science and Urban Economics 52:50-70); LeSage & Pace (2004, J. Real Estate Finance
and Economics 29:233-254) for the columns.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.linalg import cho_factor, cho_solve

from .aqs import HC2, HC3
from .missing_problem import MissingProblem
from .missing_projection import Projection
from .missing_sample import MissingSample, MissingSolution
from .ml import alone
from .quasi_forms import OWN
from .row_forms import Blocks, OfRows
from .several_roots import STEP, several_root

RIDGE = 1e-8
EDGE = 1e-4  # of the admissible region, at which columns of levels vanish
SHORT = 1e-4  # of differences of what is missing by rho and lambda


@dataclass(frozen=True, eq=False)
class OfAll(OfRows):
    """Of all rows, those without y too; ``effects`` counts the columns of G."""

    @cached_property
    def _scale(self) -> np.ndarray:
        """1 / M_ii, M_ii = sum_j M_ij^2 to the digits that small ones have."""
        own = np.einsum("ij,ij->i", self.M, self.M)
        return np.where(own > OWN, 1 / np.maximum(own, OWN), 0.0)

    @cached_property
    def _scaled(self) -> np.ndarray:
        S = self._scale[:, None] * self.M**2 * self._scale
        S[np.diag_indices(len(S))] = self._scale > 0
        return S

    @cached_property
    def _factor(self):
        S = self._scaled.copy()
        S[np.diag_indices(len(S))] += RIDGE
        return cho_factor(S, overwrite_a=True, check_finite=False)

    def solve(self, target: np.ndarray) -> np.ndarray:
        """Without what is along the null space: d of which M diag(d) M has nothing."""
        S, right = self._scaled, (self._scale * target.T).T

        def once(values):
            return cho_solve(self._factor, S @ cho_solve(self._factor, values))

        d = once(right)
        return (self._scale * (d + once(right - S @ d)).T).T

    @cached_property
    def _directions(self) -> list[tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]]:
        """Rows of every unit; in the directions V that G leaves there, in units of the shares m that it leaves,
        eigenvalues and vectors U of M; V m^-1/2 U and V U."""
        out = []
        for rows in self._of_unit:
            G = self.Q[rows, : self.effects]
            left, V = np.linalg.eigh(np.eye(len(rows)) - G @ G.T)
            V, left = V[:, left > OWN], left[left > OWN]
            scaled = V / np.sqrt(left)
            values, U = np.linalg.eigh(scaled.T @ self.M[np.ix_(rows, rows)] @ scaled)
            out.append((rows, values, scaled @ U, V @ U))
        return out

    def released(self, e: np.ndarray, power: float) -> np.ndarray:
        """As CR2 and CR3 of regressors, in units of the shares that G leaves: a row without y has a small one."""
        out = np.empty_like(e)
        for rows, values, scaled, vectors in self._directions:
            powers = np.where(values > OWN, np.maximum(values, OWN) ** power, 0.0)
            out[rows] = vectors @ (powers * (scaled.T @ e[rows]))
        return out

    def lost(self, columns: np.ndarray) -> list[np.ndarray]:
        return [vectors[:, values <= OWN].T @ columns[rows] for rows, values, _, vectors in self._directions
                if len(values) and values[0] <= OWN]  # fmt: skip

    def pair_products(self, C: np.ndarray, e: np.ndarray) -> np.ndarray:
        """e_i'(C_ik + C_ki')e_k of all pairs of units i < k."""
        weighted = e[:, None] * C * e
        F = self.by_unit(np.ones(len(e)), self.by_unit(np.ones(len(e)), weighted).T).T
        return (F + F.T)[np.triu_indices(len(F), 1)]


class MissingScores:
    """(rho, lambda) -> the adjusted quasi-scores and their derivatives, by central differences."""

    def __init__(self, problem: MissingProblem):
        self.problem, self.J = problem, len(problem.W)
        T, N = problem.seen.shape
        self.units, self.starts = np.tile(np.arange(N), T), N * np.arange(T + 1)

    def __call__(self, psi: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        ends = [(self.at(psi + step).scores, self.at(psi - step).scores) for step in STEP * np.eye(len(psi))]
        return self.at(psi).scores, np.column_stack([(a - b) / (2 * STEP) for a, b in ends])

    def at(self, psi: np.ndarray) -> AtPoint:
        return AtPoint(self, psi)


class AtPoint:
    """The scores at one (rho, lambda), and what they are made of."""

    def __init__(self, of: MissingScores, psi: np.ndarray):
        problem, self.J = of.problem, of.J
        self.projection = p = Projection(problem, problem.split(psi))
        G = p.G if isinstance(p.G, np.ndarray) else p.G.toarray()
        own = np.column_stack([G, p.D])
        Q, R = np.linalg.qr(np.column_stack([own, p.X]))
        self.k = k = p.X.shape[1]
        self.maker = OfAll(of.units, of.starts, own.shape[1], Q)
        self.P = np.linalg.solve(R[-k:, -k:], Q[:, -k:].T)
        self.e = self.maker.clean(p.y)
        beta = self.P @ p.y
        mean = problem.X @ beta + (0.0 if problem.offset is None else problem.offset)
        # 1. B W A^-1 (X beta + offset) and B W A^-1 X; the blocks of F and H.
        images = problem.lagged_solution(p.at.rhos, np.column_stack([mean, problem.X]))
        self.moved = [np.tensordot(problem.shares(p.at)[1], image, 1) for image in images]
        self.forms = _blocks(problem, psi, self.J)
        # 2. The diagonals D.
        targets = [self.maker.squeezed(Z) for Z in self.forms]
        for j, moved in enumerate(self.moved):
            targets[j] = targets[j] + np.einsum("ik,ki->i", self.maker.clean(moved[:, 1:]), self.P)
        self.d = self.maker.solve(np.column_stack(targets)).T

    @property
    def beta(self) -> np.ndarray:
        return self.P @ self.projection.y

    def lagged(self, j: int) -> np.ndarray:
        """B W_j v, or M_l of B^-1 e."""
        return self.maker.times(self.forms[j], self.e) + (self.moved[j][:, 0] if j < self.J else 0.0)

    @property
    def scores(self) -> np.ndarray:
        e = self.e
        return np.array([e @ self.lagged(j) - e @ (d * e) for j, d in enumerate(self.d)])

    def form(self, j: int) -> np.ndarray:
        """C of the score eps'C eps + c'eps, (T N, T N)."""
        M, maker = self.maker.M, self.maker
        MZ = np.concatenate([M[:, at] @ own for at, own in zip(maker._rows, self.forms[j])], axis=1)
        C = (MZ - M * self.d[j]) @ M
        return C + maker.clean(self.moved[j][:, 1:]) @ self.P if j < self.J else C


def _blocks(problem: MissingProblem, psi: np.ndarray, J: int) -> list[Blocks]:
    """F of every rho, then H of every lambda: of each the blocks of all periods."""
    T, N = problem.seen.shape
    rho, lam = np.split(psi, [J])
    each: list[list[np.ndarray]] = []
    last: list[np.ndarray] = []
    for t in range(T):
        if t and not problem.varies:
            each.append(last)
            continue
        at = slice(t * N, (t + 1) * N)
        W, M = ([one[at, at].toarray() for one in some] for some in (problem.W, problem.M))
        A, B = (np.eye(N) - sum((x * one for x, one in zip(some, own)), np.zeros((N, N)))
                for some, own in ((rho, W), (lam, M)))  # fmt: skip
        back = np.linalg.inv(B)
        last = [B @ one @ np.linalg.inv(A) @ back for one in W] + [one @ back for one in M]
        each.append(last)
    return [tuple(own) for own in zip(*each)]


def missing_adjusted(sample: MissingSample, start: np.ndarray, df: int) -> MissingSolution:
    """The root of the adjusted quasi-scores of rho, lambda or both.

    Parameters
    ----------
    start : (p,), (rho, lambda)
    df : int, for t

    Raises
    ------
    SpatialInputError
        E702, E713: see ``several_root``.
    """
    scores, problem = MissingScores(sample.problem), sample.problem

    def inside(psi: np.ndarray) -> bool:
        corners = (psi + sign * EDGE * one for sign in (1, -1) for one in np.eye(len(psi)))
        return all(np.isfinite(sample.logdet(problem.split(point))) for point in corners)

    psi, _ = several_root(scores, start, inside, sample.spatial)
    at, projection = scores.at(psi), Projection(problem, problem.split(psi))
    filled, level = projection.completed
    estimated = problem.levels.estimated
    slopes = np.zeros((len(filled), len(psi)))
    for i, step in enumerate(SHORT * np.eye(len(psi))):
        up, down = (Projection(problem, problem.split(psi + sign * step)).completed[0] for sign in (1, -1))
        slopes[problem.absent, i] = (up - down)[problem.absent] / (2 * SHORT)
    sigma2 = float(at.e @ at.e) / (problem.n - at.k)
    return MissingSolution(
        at.beta, alone(projection.at.rhos), alone(projection.at.lams), sigma2, float("nan"), projection.at,
        projection.errors, covariance=_covariance(at, scores(psi)[1], sigma2),
        filled=np.where(problem.seen.ravel() | estimated, filled, np.nan), level=np.where(estimated, level, np.nan),
        slopes=slopes, absorbed=projection.absorbed, random=projection.random, components=np.full((1, 1), np.nan),
        df=df,
    )  # fmt: skip


def _covariance(at: AtPoint, slopes: np.ndarray, sigma2: float) -> np.ndarray:
    """psi^ - psi = Gamma^-1 score and beta^ - beta = P eps - g (rho^ - rho), g = P B W v."""
    maker, k, p = at.maker, at.k, len(slopes)
    moved = [maker.clean(at.moved[j][:, 0]) for j in range(at.J)]
    c = np.column_stack([at.P.T, *moved, *([np.zeros(len(at.e))] * (p - at.J))])
    sums = maker.by_unit(maker.released(at.e, HC3), c)
    linear = sums.T @ sums + sigma2 * sum((one.T @ one for one in maker.lost(c)), np.zeros((1, 1)))
    narrow = maker.released(at.e, HC2)
    F = np.array([maker.pair_products(at.form(j), narrow) for j in range(p)])
    back = np.linalg.inv(-slopes)
    V = back @ (linear[k:, k:] + F @ F.T) @ back.T
    own = linear[:k, k:] @ back.T
    g = np.zeros((k, p))
    for j in range(at.J):
        g[:, j] = at.P @ at.lagged(j)
    of_beta = linear[:k, :k] + g @ V @ g.T - own @ g.T - g @ own.T
    mixed = own - g @ V
    covariance = np.block([[of_beta, mixed], [mixed.T, V]])
    return (covariance + covariance.T) / 2
