"""The likelihood with several W in cross-products: e'e, its gradient and second derivatives; see ``several``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from spillover.errors import SpatialInputError

from ..design.arrays import Sample, solve_triangular
from ..logdet.several import SeveralJacobian


@dataclass(frozen=True, eq=False)
class SeveralSample:
    """Demeaned data of a model with several W.

    Attributes
    ----------
    y : (m,);  X : (m, k);  lags : (m, J), W_j y
    lagged : (L, m, 1 + J + k), M_l of [y, lags, X]
    n : int, observations left after the fixed effects
    lag, error : SeveralJacobian or None
    names : tuple of str, of X's columns
    dummies : 0
    log_weights : float, what weights of observations add to the log-likelihood
    """

    y: np.ndarray = field(repr=False)
    X: np.ndarray = field(repr=False)
    lags: np.ndarray = field(repr=False)
    lagged: np.ndarray = field(repr=False)
    n: int
    lag: SeveralJacobian | None
    error: SeveralJacobian | None
    names: tuple[str, ...]
    basis: tuple[np.ndarray, np.ndarray] = field(repr=False)
    dummies: int = 0
    log_weights: float = 0.0

    @property
    def k(self) -> int:
        return self.X.shape[1]

    @property
    def estimated(self) -> bool:
        """Whether effects are still in the data, with coefficients of their own."""
        return False

    @property
    def groups_of_rows(self) -> np.ndarray:
        """The group of one variance of every row, (m,)."""
        return np.zeros(len(self.y), dtype=int)

    def __getattr__(self, name: str):
        if name not in Sample.__dataclass_fields__ and not hasattr(Sample, name):
            raise AttributeError(name)
        raise SpatialInputError("E324", "this is defined for models with one W",
                                hint="estimate the model with each W alone, or see the fit's effects() and tests")


@dataclass(frozen=True, eq=False)
class Problem:
    """The cross-products P (L + 1, p, L + 1, p), p = 1 + J + k, and the sizes."""

    P: np.ndarray
    n: int
    J: int
    L: int
    k: int

    def split(self, psi: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return psi[: self.J], psi[self.J :]

    def gamma(self, psi: np.ndarray) -> tuple[np.ndarray, float]:
        """gamma at its minimum of e'e given (rho, lambda), and that minimum."""
        rho, lam = self.split(psi)
        c, a = np.concatenate([[1.0], -lam]), np.concatenate([[1.0], -rho])
        S = np.einsum("i,iajb,j->ab", c, self.P, c) if self.L else self.P[0, :, 0]
        s = 1 + self.J
        at_y = S[s:, :s] @ a
        gamma = np.linalg.solve(S[s:, s:], at_y) if self.L else at_y
        return gamma, float(a @ S[:s, :s] @ a - at_y @ gamma)

    def derivatives(self, psi: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
        """e'e, half of its gradient J'e and of its second derivatives by (gamma, rho, lambda), at the best gamma."""
        (rho, lam), (gamma, q) = self.split(psi), self.gamma(psi)
        L, p, s, k = self.L, self.P.shape[1], 1 + self.J, self.k
        c, v = np.concatenate([[1.0], -lam]), np.concatenate([[1.0], -rho, -gamma])
        P = self.P.reshape((L + 1) * p, (L + 1) * p)
        order = [*range(s, p), *range(1, s)]  # gamma, then rho
        D = np.zeros(((L + 1) * p, k + self.J + L))
        D[:, : k + self.J] = -np.kron(c[:, None], np.eye(p)[:, order])
        for i in range(L):
            D[(i + 1) * p : (i + 2) * p, k + self.J + i] = -v
        Pe = P @ np.kron(c, v)
        second = D.T @ P @ D
        for i in range(L):  # d2e / d(gamma, rho) d lambda_l = M_l [Q, W y]
            cross = Pe[(i + 1) * p : (i + 2) * p][order]
            second[: k + self.J, k + self.J + i] += cross
            second[k + self.J + i, : k + self.J] += cross
        return q, D.T @ Pe, second

    def value(self, psi: np.ndarray, determinants: float) -> float:
        """The log-likelihood."""
        q = max(self.gamma(psi)[1], np.finfo(float).tiny)
        return -self.n / 2 * (np.log(2 * np.pi * q / self.n) + 1) + determinants

    def expansion(self, psi: np.ndarray, determinants) -> tuple[float, np.ndarray, np.ndarray]:
        """ln L, its gradient and second derivatives by (rho, lambda), gamma and sigma2 concentrated out."""
        q, half, second = self.derivatives(psi)
        value, gradient, curvature = determinants
        n, k = self.n, self.k
        H = -n / q * second + 2 * n / q**2 * np.outer(half, half)
        if k:
            H = H[k:, k:] - H[k:, :k] @ np.linalg.solve(H[:k, :k], H[:k, k:])
        return -n / 2 * (np.log(2 * np.pi * q / n) + 1) + value, gradient - n / q * half[k:], H + curvature


def blocks_of(sample: SeveralSample) -> tuple[list[np.ndarray], np.ndarray]:
    """[y, W y, Q], y and W y as residuals from Q, and M_l of the same; Q'[y, W y]."""
    Q, R = sample.basis
    ys = np.column_stack([sample.y, sample.lags])
    shift = Q.T @ ys
    blocks = [np.column_stack([ys - Q @ shift, Q])]
    for lagged in sample.lagged:
        s = ys.shape[1]
        MQ = solve_triangular(R, lagged[:, s:].T, transposed=True).T
        blocks.append(np.column_stack([lagged[:, :s] - MQ @ shift, MQ]))
    return blocks, shift


def problem_of(sample: SeveralSample) -> tuple[Problem, np.ndarray]:
    """Cross-products over the blocks, and Q'[y, W y]."""
    blocks, shift = blocks_of(sample)
    F = np.column_stack(blocks)
    p, L = blocks[0].shape[1], len(sample.lagged)
    P = (F.T @ F).reshape(L + 1, p, L + 1, p)
    return Problem(P, sample.n, sample.lags.shape[1], L, sample.k), shift


def joined(sample, problem: Problem, psi, of_part: Callable) -> tuple[float, np.ndarray, np.ndarray]:
    """The determinants of lag and error together: value, gradient, second derivatives by (rho, lambda)."""
    size, (rho, lam) = len(psi), problem.split(psi)
    value, gradient, curvature = 0.0, np.zeros(size), np.zeros((size, size))
    places = (slice(0, problem.J), slice(problem.J, size))
    for part, at, place in zip((sample.lag, sample.error), (rho, lam), places):
        if part is not None:
            L, L1, L2 = of_part(part, at)
            value += L
            gradient[place], curvature[place, place] = L1, L2
    return value, gradient, curvature
