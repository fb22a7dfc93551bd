"""What the columns of G leave of y, X and the effects at one point: beta, sigma2, ln L, and what is missing."""

from __future__ import annotations

from functools import cached_property

import numpy as np
from scipy import sparse

from ..design.arrays import solve_triangular, thin_qr
from .missing_factor import Factor
from .missing_problem import MissingProblem, Point

BLOCK = 128  # columns at a time where many are solved for


class Projection:
    """G at one point, and what it leaves of y, X, the period dummies and what is absorbed."""

    def __init__(self, problem: MissingProblem, at: Point):
        self.problem, self.at = problem, at
        lagged, equation = problem.shares(at)
        shares = problem.shares_of_G(at)
        self.G = problem.columns(shares)
        self.factor = Factor(problem.gram(shares, self.G))
        self.y = np.tensordot(lagged, problem.of_y, 1)
        self.X = np.tensordot(equation, problem.of_X, 1)
        self.periods = problem.of_periods.shape[2]
        self.D = np.column_stack([np.tensordot(lagged, problem.of_periods, 1),
                                  np.tensordot(equation, problem.of_absorbed, 1)])  # fmt: skip
        Z = self._off(np.column_stack([self.y, self.X, self.D]))
        self.k = self.X.shape[1]
        self.Q_effects, self.R_effects = thin_qr(np.asfortranarray(Z[:, 1 + self.k :]))
        rest = Z[:, : 1 + self.k]
        for _ in range(2):
            rest = rest - self.Q_effects @ (self.Q_effects.T @ rest)
        self.projected = Z
        self.rest = rest
        self.Q, self.R = thin_qr(np.asfortranarray(rest[:, 1:]))

    @cached_property
    def beta(self) -> np.ndarray:
        return solve_triangular(self.R, self.Q.T @ self.rest[:, 0])

    @cached_property
    def resid(self) -> np.ndarray:
        """e, and with random effects z below it."""
        return self.rest[:, 0] - self.rest[:, 1:] @ self.beta

    @property
    def errors(self) -> np.ndarray:
        """e of all rows, (T N,)."""
        return self.resid[: len(self.problem.y)]

    @property
    def sigma2(self) -> float:
        return float(self.resid @ self.resid) / self.problem.n

    def loglik(self, logdet: float) -> float:
        """ln L, where ln|C| is ``logdet``."""
        p = self.problem
        taken = self.factor.logdet + 2 * np.log(np.abs(np.diag(self.R_effects))).sum()
        taken -= 0.0 if p.root is None else 2 * np.log(p.root).sum()
        taken += 2 * np.log(np.abs(np.diag(self.R))).sum() if p.restricted else 0.0
        scale = max(self.sigma2, np.finfo(float).tiny)
        logdet = logdet + p.log_of_time(self.at)
        return float(-p.n / 2 * (np.log(2 * np.pi * scale) + 1) + logdet - taken / 2 + p.levels.logdet / 2)

    def mean_of_score(self) -> np.ndarray:
        """What makes the slope of ln L by rho unbiased, (J,), where columns D of the equation are absorbed.

        ln|D'B'M_G B D| in ln L has a slope that the columns A^-1 D of y bring along as they turn with rho. The score
        y'P V_j P y - tr(P V_j) of rho_j, P the projection with what is estimated, is without it:

            + tr[(D'B'M_G B D)^-1 D'B'M_G B W_j A^-1 D]
        """
        p, q = self.problem, self.periods
        Z = np.zeros((len(p.y), 0)) if p.absorbed is None else p.absorbed
        Q, R = self.Q_effects[:, q:], self.R_effects[q:, q:]
        if p.restricted:
            across = Q.T @ self.projected[:, 1 : 1 + self.k]
            R = np.block([[R, across], [np.zeros((self.k, len(R))), self.R]])
            Z, Q = np.column_stack([Z, p.X]), np.column_stack([Q, self.Q])
        _, equation = p.shares(self.at)
        images = (np.tensordot(equation, lagged, 1) for lagged in p.lagged_solution(self.at.rhos, Z))
        return np.array([np.trace(solve_triangular(R, Q.T @ image)) for image in images])

    @cached_property
    def of_effects(self) -> np.ndarray:
        """Coefficients of the period dummies and of what is absorbed."""
        left = self.projected[:, 0] - self.projected[:, 1 : 1 + self.k] @ self.beta
        return solve_triangular(self.R_effects, self.Q_effects.T @ left)

    @property
    def absorbed(self) -> np.ndarray:
        """D d, (T N,), the absorbed effects in the equation."""
        p = self.problem
        return np.zeros(len(p.y)) if p.absorbed is None else p.absorbed @ self.of_effects[self.periods :]

    @cached_property
    def _shares(self) -> np.ndarray:
        """Coefficients of G with their sign: y_m less its level, less the unit effects, z."""
        return -self.factor.solve(self.G.T @ (self.y - self.X @ self.beta - self.D @ self.of_effects))

    @property
    def random(self) -> np.ndarray:
        """Best predictions of the random effects, (N,)."""
        p = self.problem
        start = len(p.absent) + p.levels.units.shape[1]
        return self.at.s * self._shares[start:]

    @cached_property
    def completed(self) -> tuple[np.ndarray, np.ndarray]:
        """y with its conditional means where it is missing, and the levels D d, (T N,) each."""
        p = self.problem
        # the period effects, then y_m less its level and the unit effects as coefficients of G
        m, q = len(p.absent), p.levels.units.shape[1]
        level = p.levels.periods @ self.of_effects[: self.periods] - p.levels.units @ self._shares[m : m + q]
        filled = p.y.copy()
        filled[p.absent] = self._shares[:m] + level[p.absent]
        return filled, level

    def variances(self) -> np.ndarray:
        """Var(y_m - its prediction) / sigma2 given the point, what beta and the effects add included: (m,).

        With the coefficients of F = [G, C D, B X] unknown, that of L (F'F)^-1 L', L what y_m is of them (universal
        kriging; Cressie 1993, section 3.4).
        """
        p = self.problem
        m, q, g = len(p.absent), p.levels.units.shape[1], self.G.shape[1]
        Z = np.column_stack([self.D, self.X])
        U = self.factor.solve(self.G.T @ Z)
        apart = np.column_stack([self.projected[:, 1 + self.k :], self.projected[:, 1 : 1 + self.k]])
        _, R = thin_qr(np.asfortranarray(apart))
        rows = sparse.csr_array(p.levels.units)[p.absent]
        of_periods = np.zeros((m, Z.shape[1]))
        of_periods[:, : self.periods] = -p.levels.periods[p.absent]
        out = np.empty(m)
        for start in range(0, m, BLOCK):
            part = np.arange(start, min(start + BLOCK, m))
            L = np.zeros((g, len(part)))
            L[part, np.arange(len(part))] = 1.0
            L[m : m + q] = -rows[part].toarray().T
            own = np.einsum("gj,gj->j", L, self.factor.solve(L))
            left = of_periods[part] - L.T @ U
            out[part] = own + (solve_triangular(R, np.asfortranarray(left.T), transposed=True) ** 2).sum(axis=0)
        return out

    def _off(self, Z: np.ndarray) -> np.ndarray:
        """Z less its projection on G; twice, for the digits that the first loses."""
        for _ in range(2):
            Z = Z - self.G @ self.factor.solve(self.G.T @ Z)
        return Z
