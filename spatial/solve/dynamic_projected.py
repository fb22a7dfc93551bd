"""The mean of a dynamic panel's score under any fixed effects, weights of observations, several W, and regimes.

    A_t y_t = sum_p a_p P_{p,t-1} y_{t-1} + X_t beta + c_t + B^-1 R_t^-1 e_t,    A_t = I - sum_j rho_j L_jt

over the rows (t, i) with y_{i,t-1}. L_j are the W of the response, or 1_r W of the units of a regime; P_p is I, W_m,
1_r or 1_r W_m; B = I - sum_l lambda_l M_l; R_t is diagonal, the roots of the weights of observations over the errors'
standard deviations, so that e has one variance. Effects leave R B (A y - ...) by a projection I - U U' over all rows.
With e in the place of y, the response of y_t to the columns of U is

    Y_t = A_t^-1 (B^-1 R_t^-1 U_t + sum_p a_p P_{p,t-1} Y_{t-1}),    Y_0 = 0,

and with V_t = B'R_t U_t the scores of a_p, rho_j and lambda_l, a column of the model times (I - U U') e, have the means

    a_p:        - sum_t tr V_t'P_{p,t-1} Y_{t-1}
    rho_j:      sum_t tr_t L_jt A_t^-1 - tr V_t'L_jt Y_t
    lambda_l:   sum_t tr M_l B^-1 - tr U_t'R_t M_l B^-1 R_t^-1 U_t

less what the determinants of the likelihood take off; tr_t runs over the rows of t. They are exact for any number of
periods, given the starting values. For effects of units alone and one W these are the sums of ``dynamic``. Sources: Yu,
de Jong & Lee (2008, J. Econometrics 146:118-134), the bias; McCullagh & Tibshirani (1990, JRSS B 52:325-344), scores
less their means.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from scipy import sparse

from spillover.errors import SpatialInputError

from ..design.arrays import Sample
from .ml import Solution

DENSE_MAX = 2_000  # units: matrices of as many rows and columns in every period
SPARSE = 0.05  # share of links up to which a sparse factorisation is quicker
SPARSE_FROM = 400  # units

Matrices = Sequence[sparse.csr_array]  # one for each period


@dataclass(frozen=True, eq=False)
class Means:
    """Of the scores: lags (J,), past (P,), error (L,); determinants are not taken off."""

    lags: np.ndarray
    past: np.ndarray
    error: np.ndarray


@dataclass(frozen=True, eq=False)
class Columns:
    """U of the effects, orthonormal over all rows.

    Attributes
    ----------
    unit : ndarray, shape (T, N), or None
        Those of units, each zero outside of its unit.
    others : ndarray, shape (T, N, q)
    """

    unit: np.ndarray | None
    others: np.ndarray

    @property
    def rank(self) -> int:
        """How many observations they take."""
        return self.others.shape[2] + (0 if self.unit is None else int((self.unit != 0).any(axis=0).sum()))

    @property
    def squares(self) -> np.ndarray:
        """Diagonal of U U', (T, N)."""
        own = np.einsum("tnq,tnq->tn", self.others, self.others)
        return own if self.unit is None else own + self.unit**2

    def of(self, t: int) -> np.ndarray:
        """Rows of period t, (N, rank or more)."""
        return self.others[t] if self.unit is None else np.hstack([np.diag(self.unit[t]), self.others[t]])


@dataclass(frozen=True, eq=False)
class Dynamics:
    """What the mean of the score needs of the data.

    Attributes
    ----------
    lags, past, error : tuple of sequences of T csr_array, (N, N)
        L_j, P_p (in period t the matrix that lags y_t) and M_l; the same object in all periods where nothing changes.
    rows : (T, N) of bool
    """

    lags: tuple[Matrices, ...]
    past: tuple[Matrices, ...]
    error: tuple[Matrices, ...]
    rows: np.ndarray = field(repr=False)

    def __post_init__(self):
        N = self.rows.shape[1]
        if N > DENSE_MAX:
            raise SpatialInputError("E309", f"the exact mean of the score of lags= needs dense {N:,} x {N:,} matrices",
                                    n=N, hint="correction=False, whose tau is biased by about -(1 + tau) / T")

    def means(
        self, columns: Columns, root: np.ndarray, rho: np.ndarray, past: np.ndarray, lam: np.ndarray
    ) -> Means:
        """Of the scores at the parameters; ``root`` (T, N) are the roots of weights over standard deviations."""
        T, N = self.rows.shape
        of_lags, of_past, of_error = np.zeros(len(rho)), np.zeros(len(past)), np.zeros(len(lam))
        inverse, Y = Inverses(N), np.zeros((N, 0))
        for t in range(T):
            U, row = columns.of(t), self.rows[t]
            here, M = [one[t] for one in self.lags], [one[t] for one in self.error]
            B = inverse(M, lam)
            left, right = root[t][:, None] * U, B.solve(U / root[t][:, None])
            left = left - sum((value * (one.T @ left) for value, one in zip(lam, M)), np.zeros((1, 1)))
            for place, one in enumerate(M):
                own = B.diagonal(one)[row].sum()
                of_error[place] += own - np.sum(root[t][:, None] * U * (one @ right))
            if t:
                lagged = [one[t - 1] @ Y for one in self.past]
                of_past -= [np.sum(left * one) for one in lagged]
                right = right + sum((value * one for value, one in zip(past, lagged)), np.zeros((1, 1)))
            A = inverse(here, rho)
            Y = A.solve(right)
            for place, one in enumerate(here):
                of_lags[place] += A.diagonal(one)[row].sum() - np.sum(left * (one @ Y))
        return Means(of_lags, of_past, of_error)


@dataclass(frozen=True, eq=False)
class ProjectedScore:
    """The mean of the score of a model with one rho and lambda, as a function of its parameters.

    Attributes
    ----------
    dynamics : Dynamics
    columns : Columns of the effects, or where a spatial error turns these a function of lambda to them
    root : (T, N)
    places : of the past among beta, in the order of ``dynamics.past``
    """

    dynamics: Dynamics
    columns: Columns | Callable[[float], Columns]
    root: np.ndarray
    places: list[int]
    memo: dict = field(default_factory=dict, repr=False)

    def __call__(self, sample: Sample, at: Solution) -> np.ndarray:
        """E[dL/d(beta, rho, lambda, sigma2)] at the true values, of the parameters that the model has."""
        lag, error, k = sample.lag, sample.error, len(at.beta)
        point = tuple(at.rho for _ in self.dynamics.lags), tuple(at.beta[self.places]), tuple(
            at.lam for _ in self.dynamics.error)
        columns = self.columns(at.lam) if callable(self.columns) else self.columns
        if point not in self.memo:
            self.memo.clear()
            self.memo[point] = self.dynamics.means(columns, self.root, *map(np.array, point))
        means, score = self.memo[point], np.zeros(k + len(sample.parts) + 1)
        score[self.places] = means.past
        if lag is not None:
            score[k] = means.lags[0] + float(lag.d1(at.rho))
        if error is not None:
            score[-2] = means.error[0] + float(error.d1(at.lam))
        score[-1] = -(sample.n - int(self.dynamics.rows.sum()) + columns.rank) / (2 * at.sigma2)
        return score


class Inverses:
    """I - sum_j rho_j L_j, factorised: once for the same matrices."""

    def __init__(self, n: int):
        self.n = n
        self._last: tuple = ()

    def __call__(self, matrices: Sequence[sparse.csr_array], values: np.ndarray) -> Factor:
        key = (*map(id, matrices), *np.asarray(values).tolist())
        for kept, factor in self._last:
            if kept == key:
                return factor
        factor = Factor(self.n, matrices, values)
        self._last = ((key, factor), *self._last[:1])
        return factor


class Factor:
    """One of them: nothing where the values are zero, a dense inverse, or a sparse LU of many units."""

    def __init__(self, n: int, matrices: Sequence[sparse.csr_array], values: np.ndarray):
        self.n, self.trivial, self.lu = n, not np.any(values), None
        if self.trivial:
            return
        combined = sparse.csr_array(sum(value * one for value, one in zip(values, matrices)))
        if n < SPARSE_FROM or combined.nnz > SPARSE * n * n:
            self.inverse = np.linalg.inv(np.eye(n) - combined.toarray())
            return
        from scipy.sparse.linalg import splu

        self.lu = splu(sparse.csc_array(sparse.eye_array(n) - combined), permc_spec="MMD_AT_PLUS_A")

    @cached_property
    def inverse(self) -> np.ndarray:
        return self.solve(np.eye(self.n))

    def solve(self, right: np.ndarray) -> np.ndarray:
        """A^-1 right."""
        if self.trivial:
            return right
        return self.inverse @ right if self.lu is None else self.lu.solve(right)

    def diagonal(self, L: sparse.csr_array) -> np.ndarray:
        """Of L A^-1, (n,)."""
        if self.trivial:
            return L.diagonal()
        at = L.tocoo()
        return np.bincount(at.row, at.data * self.inverse[at.col, at.row], self.n)
