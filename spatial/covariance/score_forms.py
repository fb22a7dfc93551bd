"""The matrices of the score's quadratic forms in independent errors: P of a spatial lag, H of a spatial error.

    P = B W A^-1 B^-1,    H = M B^-1;    with several W and M one for each of them
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from scipy import sparse

from spillover.matrix import SpatialWeights

from ..design.design import Design
from ..design.obs_weights import links_in_units_of_variance, refuse_weighted
from ..logdet.inverse import inverse
from ..logdet.several_periods import per_period
from ..records.fit import FitRecord
from .as_lagged import as_lagged, several_as_lagged
from .deviations import deviations, has_several

DENSE_UNITS = 1_500  # beyond, P acts through factorisations
PROBES = 16
NEAR_MAX = 3e7  # products in W^2 up to which it belongs to the near part


@dataclass(frozen=True, eq=False)
class Form(ABC):
    """A form of every period: one matrix, or one for each where weights vary.

    ``centered``: errors that have lost their period means know no more of Q than J Q J, J = I - dd'/d'd with d = 1,
    or with d the roots of the weights of observations; d is its value, None without period effects.
    """

    n: int  # units
    count: int  # matrices
    centered: np.ndarray | None

    @property
    def whole(self) -> np.ndarray:
        """Q where it is the same in all periods, (N, N)."""
        return self._dense[0]

    def times(self, t: int, values: np.ndarray, *, transposed: bool = False) -> np.ndarray:
        """Q_t or Q_t' times (N, r)."""
        t = t % self.count
        if self.n <= DENSE_UNITS:
            return (self._dense[t].T if transposed else self._dense[t]) @ values
        return self._solved(t, values, transposed)

    def between(self, t: int, left: sparse.csr_array, right: sparse.csr_array) -> np.ndarray:
        """L'Q_t R of few sparse columns, (G, G)."""
        if self.n > DENSE_UNITS:
            return left.T @ self.times(t, right.toarray())
        return left.T @ (right.T @ self._dense[t % self.count].T).T

    def near(self, t: int) -> sparse.csr_array:
        """The first terms of Q_t by powers of rho and lambda, not centered."""
        return self._near[t % self.count]

    def of_rows(self, d: Design, e: np.ndarray) -> np.ndarray:
        """Q_t e_t of every period, (m,)."""
        E = np.nan_to_num(d.panel(e))
        if self.count == 1 and self.n <= DENSE_UNITS:
            return d.rows(E @ self.whole.T)
        return d.rows(np.stack([self.times(t, E[t][:, None])[:, 0] for t in range(len(E))]))

    def diagonals(self, d: Design) -> np.ndarray:
        """(Q_t)_ii of every row, (m,)."""
        return d.rows(np.stack([self._diagonals[t % self.count] for t in range(d.n_periods)]))

    @cached_property
    @abstractmethod
    def _near(self) -> list[sparse.csr_array]:
        """The near part of each matrix."""

    @cached_property
    @abstractmethod
    def _dense(self) -> list[np.ndarray]:
        """Each matrix, (N, N), up to ``DENSE_UNITS``."""

    @abstractmethod
    def _solved(self, t: int, values: np.ndarray, transposed: bool) -> np.ndarray:
        """Q_t or Q_t' times values by factorisations."""

    @cached_property
    def _diagonals(self):
        if self.n <= DENSE_UNITS:
            return [Q.diagonal() for Q in self._dense]
        z = np.random.default_rng(2).choice([-1.0, 1.0], size=(self.n, PROBES))
        return [near.diagonal() + np.mean(z * (self._solved(t, z, False) - near @ z), axis=1)
                for t, near in enumerate(self._near)]

    def _within(self, values: np.ndarray) -> np.ndarray:
        """J values."""
        return values if self.centered is None else less_means(values, self.centered)


def less_means(values: np.ndarray, d: np.ndarray) -> np.ndarray:
    """J values, J = I - dd'/d'd."""
    return values - d[:, None] * (d @ values / (d @ d))


@dataclass(frozen=True, eq=False)
class QuadraticForm(Form):
    """B W A^-1 B^-1 (``lag``) or M B^-1 with one W in the lag, one M in the error, of every period."""

    weights: tuple = field(repr=False)
    error_weights: tuple = field(repr=False)
    rho: float
    lam: float
    lag: bool

    @cached_property
    def _near(self) -> list[sparse.csr_array]:
        parts = []
        for w, m in zip(self.weights, self.error_weights):
            W, M = w.csr, m.csr
            first = W if self.lag else M
            if max(W.nnz, M.nnz) ** 2 > NEAR_MAX * w.n:
                parts.append(first)
            elif not self.lag:
                parts.append(M + self.lam * (M @ M))
            elif self.lam and w is not m:
                parts.append(W + self.rho * (W @ W) + self.lam * (W @ M - M @ W))
            else:
                parts.append(W + self.rho * (W @ W))
        return parts

    @cached_property
    def _dense(self) -> list[np.ndarray]:
        forms = []
        for w, m in zip(self.weights, self.error_weights):
            Q = _times_inverse(w, self.rho) if self.lag else _times_inverse(m, self.lam)
            if self.lag and self.lam:
                B = np.eye(w.n) - self.lam * m.csr.toarray()
                Q = np.linalg.solve(B.T, _filtered(m.csr, self.lam, Q).T).T
            forms.append(self._within(self._within(Q).T).T)
        return forms

    def _solved(self, t, values, transposed) -> np.ndarray:
        w, m = self.weights[t], self.error_weights[t]
        A, B = inverse(w, self.rho), inverse(m, self.lam)
        out = self._within(values)
        if not transposed:
            out = B.solve(out)
            out = _filtered(m.csr, self.lam, w.csr @ A.solve(out)) if self.lag else m.csr @ out
        else:
            out = A.solve(w.csr.T @ _filtered(m.csr.T, self.lam, out), transposed=True) if self.lag else m.csr.T @ out
            out = B.solve(out, transposed=True)
        return self._within(out)


@dataclass(frozen=True, eq=False)
class Identity(Form):
    """I, of sigma2."""

    @cached_property
    def _near(self) -> list[sparse.csr_array]:
        return [sparse.csr_array(sparse.eye_array(self.n))]

    @cached_property
    def _dense(self) -> list[np.ndarray]:
        return [np.eye(self.n)]

    def _solved(self, t, values, transposed) -> np.ndarray:
        return values


@dataclass(frozen=True, eq=False)
class SeveralForm(Form):
    """S^-1 B W_j A^-1 B^-1 S (``lag``) or S^-1 M_l B^-1 S with A = I - C, B = I - D, S the errors' standard deviations.

    Attributes
    ----------
    W : tuple of csr_array, W_j or M_l of every period, or one
    C, D : tuples of csr_array, sum_j rho_j W_j and sum_l lambda_l M_l
    sd : (N,)
    centered : (count, N) or None
        As with one W, of every matrix.
    """

    W: tuple[sparse.csr_array, ...] = field(repr=False)
    C: tuple[sparse.csr_array, ...] = field(repr=False)
    D: tuple[sparse.csr_array, ...] = field(repr=False)
    sd: np.ndarray = field(repr=False)
    lag: bool

    @cached_property
    def _near(self) -> list[sparse.csr_array]:
        out = []
        for W, C, D in zip(self.W, self.C, self.D):
            if max(W.nnz, C.nnz, D.nnz) ** 2 <= NEAR_MAX * self.n:
                W = W + W @ C + W @ D - D @ W if self.lag else W + W @ D
            out.append(sparse.csr_array(sparse.diags_array(1 / self.sd) @ W @ sparse.diags_array(self.sd)))
        return out

    @cached_property
    def _dense(self) -> list[np.ndarray]:
        eye, out = np.eye(self.n), []
        for t, (W, C, D) in enumerate(zip(self.W, self.C, self.D)):
            Q, B = W.toarray(), eye - D.toarray()
            if self.lag:
                Q = B @ np.linalg.solve((eye - C.toarray()).T, Q.T).T
            Q = np.linalg.solve(B.T, Q.T).T * (self.sd / self.sd[:, None])
            out.append(self._less_means(t, self._less_means(t, Q).T).T)
        return out

    @cached_property
    def _factors(self) -> list:
        """Sparse LU of A and of B."""
        from scipy.sparse.linalg import splu

        eye = sparse.eye_array(self.n, format="csc")
        return [[splu(sparse.csc_array(eye - matrix), permc_spec="MMD_AT_PLUS_A") for matrix in pair]
                for pair in zip(self.C, self.D)]  # fmt: skip

    def _solved(self, t, values, transposed) -> np.ndarray:
        (A, B), sd, W, D = self._factors[t], self.sd[:, None], self.W[t], self.D[t]
        out = self._less_means(t, values)
        if not transposed:
            out = B.solve(sd * out)
            if self.lag:
                out = W @ A.solve(out)
                out = out - D @ out
            else:
                out = W @ out
            return self._less_means(t, out / sd)
        out = out / sd
        out = A.solve(W.T @ (out - D.T @ out), "T") if self.lag else W.T @ out
        return self._less_means(t, sd * B.solve(out, "T"))

    def _less_means(self, t: int, values: np.ndarray) -> np.ndarray:
        return values if self.centered is None else less_means(values, self.centered[t])


def quadratic_forms(fit: FitRecord, *, centered: bool = True) -> list[Form]:
    """P for every spatial lag, H for every spatial error; ``centered`` where period effects are out by their means."""
    d, spec, settings = fit._design, fit.specification, fit._settings
    if has_several(fit):
        return _forms_of_several(fit, centered)
    W, M = (links_in_units_of_variance(d, w) for w in as_lagged(fit))
    one = d.n_periods if W.varies or M.varies else 1
    pair = tuple(W.each(one)) if W.varies else (W,) * one, tuple(M.each(one)) if M.varies else (M,) * one
    root = None
    if centered and settings.correction is True and settings.effects.time:
        root = np.ones(d.n_units) if d.obs_weights is None else d.obs_weights.root[0]
    kinds = [True] * spec.lag + [False] * spec.error
    return [QuadraticForm(d.n_units, one, root, *pair, fit.rho, fit.lam, lag) for lag in kinds]


def _forms_of_several(fit: FitRecord, centered: bool) -> list[Form]:
    d, s, at, settings = fit._design, fit._sample, fit._solution, fit._settings
    n, count = d.n_units, d.n_periods if d.varies else 1
    matrices = [[()] * count if part is None else per_period(part.logdet, count) for part in (s.lag, s.error)]
    matrices = several_as_lagged(fit) or matrices
    C, D = (tuple(sparse.csr_array(sum((r * W for r, W in zip(values, own)), sparse.csr_array((n, n))))
                  for own in periods) for values, periods in zip((at.rhos, at.lams), matrices))  # type: ignore[attr-defined]  # fmt: skip
    sd = np.nanmax(d.panel(deviations(fit)), axis=0)
    if d.obs_weights is not None:
        if not d.obs_weights.fixed:
            refuse_weighted(d.obs_weights, "a sandwich of several W with weights that change over time",
                            "vcov='oim', or pairs=False")  # fmt: skip
        sd = sd / np.nanmax(d.obs_weights.root, axis=0)
    means = None
    if centered and settings.correction is True and settings.effects.time:
        there = np.ones((count, n)) if d.observed is None else d.observed.astype(float)
        means = np.array([(one - matrix @ one) / sd for one, matrix in zip(there, D)])
    return [SeveralForm(n, count, means, W, C, D, sd, lag)
            for lag, periods in zip((True, False), matrices) for W in zip(*periods)]  # fmt: skip


def _times_inverse(weights: SpatialWeights, by: float) -> np.ndarray:
    """W (I - by W)^-1, dense."""
    return weights.csr @ inverse(weights, by).dense if by else weights.csr.toarray()


def _filtered(M, lam, values):
    return values - lam * (M @ values) if lam else values
