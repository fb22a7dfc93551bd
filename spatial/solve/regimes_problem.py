"""The likelihood of a model with regimes in cross-products of each group of one variance; see ``regimes``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import splu

from .moving_effects import MovingEffects
from .projected_effects import ProjectedEffects, StayingEffects
from .several_problem import Problem, SeveralSample, blocks_of

RAY_NODES = 6  # of Gauss and Legendre
STEP = 1e-5  # of differences


@dataclass(frozen=True, eq=False)
class RegimeSample(SeveralSample):
    """Demeaned data of a model with rho, lambda or sigma2 by regime.

    Attributes
    ----------
    absorbed : (m, q) dummies of effects that stay in the likelihood, none where these are out
    groups : (m,), the group of one variance of every row
    sizes : (S,), rows of each group that unit effects leave
    periods : PeriodEffects, MovingEffects, ProjectedEffects or None
    """

    absorbed: np.ndarray = field(default_factory=lambda: np.empty((0, 0)), repr=False)
    groups: np.ndarray = field(default_factory=lambda: np.empty(0, dtype=int), repr=False)
    sizes: np.ndarray = field(default_factory=lambda: np.empty(0), repr=False)
    periods: PeriodEffects | MovingEffects | ProjectedEffects | None = field(default=None, repr=False)

    @property
    def estimated(self) -> bool:
        return self.absorbed.size > 0

    @property
    def effects_of_error(self) -> MovingEffects | None:
        """The effects that a spatial error under W that vary turns, or many ways: all stay in the likelihood."""
        if isinstance(self.periods, StayingEffects):
            return self.periods
        return self.periods if isinstance(self.periods, MovingEffects) and self.error is not None else None

    @property
    def groups_of_rows(self) -> np.ndarray:
        return self.groups


@dataclass(frozen=True, eq=False)
class PeriodEffects:
    """What period effects that are estimated take from the likelihood.

    With d = B 1 and S = diag(sigma2_r): the restricted likelihood of one period has -1/2 ln(d'S^-1 d / N), and the
    score of rho_r, whose expectation they shift by -d'S^-1 B 1_r W A^-1 1 / (d'S^-1 d), is freed of that (Lee & Yu
    2010). For rho and sigma2 that are the same everywhere both are the likelihood by transformation.

    Attributes
    ----------
    copies : periods that unit effects leave
    lag, error : tuples of csr_array, (N, N)
    codes : (N,), the group of one variance of every unit
    """

    copies: int
    lag: tuple[sparse.csr_array, ...]
    error: tuple[sparse.csr_array, ...]
    codes: np.ndarray
    S: int

    def __post_init__(self):
        u = np.stack([np.ones(len(self.codes)), *(M @ np.ones(len(self.codes)) for M in self.error)])
        of_group = np.array([u[:, self.codes == g] @ u[:, self.codes == g].T for g in range(self.S)])
        object.__setattr__(self, "H", of_group)  # (S, L + 1, L + 1), sums of (M_a 1)(M_b 1)

    @cached_property
    def sums(self) -> np.ndarray:
        """Row sums of 1_r W, (J, N)."""
        return np.array([np.asarray(W.sum(axis=1)).ravel() for W in self.lag])

    @cached_property
    def _system(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Rows and column ends of I - sum_r rho_r 1_r W by columns, and the values of I and of every 1_r W there."""
        n, parts = len(self.codes), [sparse.eye_array(len(self.codes), format="coo"), *(W.tocoo() for W in self.lag)]
        key, at = np.unique(np.concatenate([part.col.astype(np.int64) * n + part.row for part in parts]),
                            return_inverse=True)  # fmt: skip
        places = np.split(at, np.cumsum([part.nnz for part in parts])[:-1])
        values = np.array([np.bincount(place, part.data, len(key)) for place, part in zip(places, parts)])
        return (key % n).astype(np.int32), np.searchsorted(key, n * np.arange(n + 1)).astype(np.int32), values

    def restricted(self, lam: np.ndarray, s: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
        """-copies / 2 ln(d'S^-1 d / N), its gradient and second derivatives by (lambda, ln sigma2)."""
        c, w, L = np.concatenate([[1.0], -lam]), np.exp(-s), len(lam)
        H = self.H  # type: ignore[attr-defined]
        Hc = H @ c
        own = w * (Hc @ c)
        D, first, second = own.sum(), np.empty(L + len(s)), np.zeros((L + len(s),) * 2)
        first[:L], first[L:] = -2 * w @ Hc[:, 1:], -own
        second[:L, :L] = 2 * np.tensordot(w, H[:, 1:, 1:], 1)
        second[:L, L:] = 2 * (w[:, None] * Hc[:, 1:]).T
        second[L:, :L], second[L:, L:] = second[:L, L:].T, np.diag(own)
        half = self.copies / 2
        return (-half * np.log(D / len(self.codes)), -half * first / D,
                -half * (second / D - np.outer(first, first) / D**2))  # fmt: skip

    def solved(self, rho: np.ndarray) -> tuple[np.ndarray, Callable]:
        """1_r W A^-1 1, (N, J), and what solves A x = b."""
        n, (rows, ends, values) = len(self.codes), self._system
        solve = splu(sparse.csc_array((values[0] - rho @ values[1:], rows, ends), shape=(n, n))).solve
        x = solve(np.ones(n))
        return np.column_stack([W @ x for W in self.lag]), solve

    def weights(self, lam: np.ndarray, s: np.ndarray) -> np.ndarray:
        """copies d'S^-1 B / (d'S^-1 d), (N,)."""
        weight, d = np.exp(-s)[self.codes], np.ones(len(self.codes))
        for value, M in zip(lam, self.error):
            d = d - value * (M @ np.ones(len(d)))
        right = d * weight
        back = right.copy()
        for value, M in zip(lam, self.error):
            back -= value * (M.T @ right)
        return self.copies * back / (right @ d)

    def shift(self, rho: np.ndarray, lam: np.ndarray, s: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """copies d'S^-1 B 1_r W A^-1 1 / (d'S^-1 d), (J,), and its derivatives by rho, lambda and ln sigma2, (J, J + L
        + S); by lambda and ln sigma2 central differences."""
        own, solve = self.solved(rho)
        moved = solve(own)
        back, L, others = self.weights(lam, s), len(lam), []
        for step in STEP * np.eye(L + len(s)):
            ahead, behind = (self.weights(lam + sign * step[:L], s + sign * step[L:]) for sign in (1, -1))
            others.append((ahead - behind) / (2 * STEP) @ own)
        by_rho = np.array([back @ (W @ moved) for W in self.lag])
        return back @ own, np.column_stack([by_rho, *others])

    def near(self, rho: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
        """-copies / N sum_i ln(1 - sum_j rho_j W_ji 1), its gradient and second derivatives by rho: the shift's
        integral where rho is the same everywhere and rows of W sum to one, and close to it elsewhere."""
        share, sums = self.copies / len(self.codes), self.sums
        left = 1 - rho @ sums
        if left.min(initial=1.0) <= 0:
            return -np.inf, np.zeros(len(rho)), np.zeros((len(rho),) * 2)
        slopes = sums / left
        return -share * float(np.log(left).sum()), share * slopes.sum(axis=1), share * slopes @ slopes.T

    def potential(self, rho: np.ndarray, lam: np.ndarray, s: np.ndarray) -> float:
        """The shift integrated along the ray from zero to rho: what it adds to ln L, -copies ln(1 - rho) where rho is
        the same everywhere and rows of W sum to one."""
        nodes, shares = np.polynomial.legendre.leggauss(RAY_NODES)
        value, back = self.near(rho)[0], self.weights(lam, s)
        for t, w in zip((nodes + 1) / 2, shares / 2):
            value += w * (back @ self.solved(t * rho)[0] - self.near(t * rho)[1]) @ rho
        return float(value)


class Weighted(Problem):
    """Cross-products with every group divided by its variance: Q is not orthonormal in them."""

    def gamma(self, psi: np.ndarray) -> tuple[np.ndarray, float]:
        rho, lam = self.split(psi)
        c, a, s = np.concatenate([[1.0], -lam]), np.concatenate([[1.0], -rho]), 1 + self.J
        S = np.einsum("i,iajb,j->ab", c, self.P, c)
        at_y = S[s:, :s] @ a
        gamma = np.linalg.solve(S[s:, s:], at_y)
        return gamma, float(a @ S[:s, :s] @ a - at_y @ gamma)


@dataclass(frozen=True, eq=False)
class RegimeProblem:
    """ln L as a function of (rho, lambda, ln sigma2), gamma concentrated out.

        ln L = -1/2 sum_g [n_g ln sigma2_g + e_g'e_g / sigma2_g] - n/2 ln 2 pi + ln|A| + ln|B|

    Attributes
    ----------
    P : (S, L + 1, p, L + 1, p), cross-products of each group
    sizes : (S,)
    n, J, L, k : int
    periods : PeriodEffects, MovingEffects, ProjectedEffects or None
    near : bool
        Whether what period effects take from the score of rho is added, close enough for a search.
    """

    P: np.ndarray
    sizes: np.ndarray
    n: int
    J: int
    L: int
    k: int
    periods: PeriodEffects | MovingEffects | ProjectedEffects | None
    near: bool = False

    def split(self, theta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """rho and lambda."""
        return theta[: self.J], theta[self.J : self.J + self.L]

    def variances(self, theta: np.ndarray) -> np.ndarray:
        """ln sigma2, (S,)."""
        return theta[self.J + self.L :]

    def sigma2s(self, theta: np.ndarray) -> np.ndarray:
        """(S,)."""
        return np.exp(self.variances(theta))

    def weighted(self, theta: np.ndarray) -> Weighted:
        """Cross-products with every group divided by its variance."""
        w = np.exp(-self.variances(theta))
        return Weighted(np.tensordot(w, self.P, 1), self.n, self.J, self.L, self.k)

    def gamma(self, theta: np.ndarray) -> np.ndarray:
        return self.weighted(theta).gamma(theta[: self.J + self.L])[0]

    def full(self, theta: np.ndarray, determinants) -> tuple[float, np.ndarray, np.ndarray]:
        """ln L, its gradient and second derivatives by (gamma, rho, lambda, ln sigma2), at the best gamma."""
        psi, s, S = theta[: self.J + self.L], self.variances(theta), len(self.sizes)
        lam, w, k, q = psi[self.J :], np.exp(-self.variances(theta)), self.k, self.k + self.J + self.L
        together = self.weighted(theta)
        gamma, total = together.gamma(psi)
        _, half, second = together.derivatives(psi)
        own, slopes = self._by_group(psi, gamma)
        value, by_psi, bend = determinants
        gradient, H = np.zeros(q + S), np.zeros((q + S, q + S))
        gradient[:q], gradient[q:] = -half, (w * own - self.sizes) / 2
        gradient[k:q] += by_psi
        H[:q, :q] = -second
        H[k:q, k:q] += bend
        H[:q, q:] = (w[:, None] * slopes).T
        H[q:, :q] = H[:q, q:].T
        H[q:, q:] -= np.diag(w * own) / 2
        value += -self.n / 2 * np.log(2 * np.pi) - self.sizes @ s / 2 - total / 2
        if self.periods is not None:
            R, R1, R2 = self.periods.restricted(lam, s)
            value, at = value + R, slice(k + self.J, None)
            gradient[at] += R1
            H[at, at] += R2
        if self.periods is not None and self.near:
            R, R1, R2 = self.periods.near(psi[: self.J])
            value, at = value + R, slice(k, k + self.J)
            gradient[at] += R1
            H[at, at] += R2
        return value, gradient, H

    def _by_group(self, psi: np.ndarray, gamma: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """e'e of every group, (S,), and half of its gradient by (gamma, rho, lambda), (S, k + J + L)."""
        rho, lam = psi[: self.J], psi[self.J :]
        c, v = np.concatenate([[1.0], -lam]), np.concatenate([[1.0], -rho, -gamma])
        Pe = np.einsum("giajb,j,b->gia", self.P, c, v, optimize=True)  # (S, L + 1, p)
        by_v = -np.einsum("i,gia->ga", c, Pe)
        order = [*range(1 + self.J, self.P.shape[2]), *range(1, 1 + self.J)]
        by_lam = -Pe[:, 1:] @ v
        return np.einsum("i,gia,a->g", c, Pe, v), np.concatenate([by_v[:, order], by_lam], axis=1)

    def expansion(self, theta: np.ndarray, determinants) -> tuple[float, np.ndarray, np.ndarray]:
        """The same by (rho, lambda, ln sigma2), gamma concentrated out."""
        value, gradient, H = self.full(theta, determinants)
        k = self.k
        if k:
            H = H[k:, k:] - H[k:, :k] @ np.linalg.solve(H[:k, :k], H[:k, k:])
        return value, gradient[k:], H


def regime_problem(sample: RegimeSample) -> tuple[RegimeProblem, np.ndarray]:
    """Cross-products by group over [y, W y, Q], Q an orthonormal basis of X and the dummies of periods; Q'[y, W y]."""
    blocks, shift = blocks_of(sample)
    p, L, S = blocks[0].shape[1], len(sample.lagged), len(sample.sizes)
    F = np.column_stack(blocks)
    P = np.array([(own := F[sample.groups == g] if S > 1 else F).T @ own for g in range(S)])
    P = P.reshape(S, L + 1, p, L + 1, p)
    k = sample.basis[0].shape[1]
    return RegimeProblem(P, sample.sizes, sample.n, sample.lags.shape[1], L, k, sample.periods), shift
