"""The likelihood of the observed y where the process runs on all units, at one value of (rho, lambda).

    A y = X beta + u,   B u = e,   e ~ N(0, sigma2 I),   A = I - rho W,  B = I - lambda M,  C = B A

over all T N rows; y_o is observed, y_m is not. C'C / sigma2 is the precision of y, and that of y_o alone is the Schur
complement C_o'C_o - C_o'C_m (C_m'C_m)^-1 C_m'C_o: the quadratic form of y_o is the residual sum of squares of

    e = C_o y_o + C_m y_m - B X beta

where y_m are coefficients of the columns C_m, and log|precision of y_o| = 2 log|C| - log|C_m'C_m|. Effects of units and
periods are levels D d of y, which (1 - rho) 1 and A mu are of the equation; contrasts of y_o that D_o does not reach
(Lee & Yu 2010) have the likelihood in which d, as y_m, are coefficients of C_o D_o, and G = [C_m, C_o D_o] takes the
place of C_m:

    ln L = -n/2 (ln(2 pi sigma2) + 1) + ln|C| - ln|G'G| / 2 + ln|D_o'D_o| / 2,    n sigma2 = e'e,   n = m - rank D_o

With weights w of all rows, Var(e) = sigma2 / w, each row of C, B X and G is multiplied with its root, and ln|C| gains
sum ln(w) / 2.
Nothing of size T N x T N is dense: G'G is sparse, of the size of what is missing plus the unit effects.
Sources: LeSage & Pace (2004, J. Real Estate Finance and Economics 29:233-254); Wang & Lee (2013, Econometrics Journal
16:73-102), which has the model and estimators by moments; Lee & Yu (2010, J. Econometrics 154:165-185).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from scipy import sparse

from ..design.arrays import solve_triangular, thin_qr
from .missing_factor import Factor

DENSE = 600_000  # entries of G up to which it is held dense
BLOCK = 128  # columns at a time where many are solved for


@dataclass(frozen=True, eq=False)
class Levels:
    """Dummies of units and periods that what is observed tells apart.

    Attributes
    ----------
    units : sparse (T N, q_1);  periods : ndarray (T N, q_2)
        Over all rows, those that are not observed included.
    estimated : ndarray of bool, shape (T N,)
        Rows whose effects are estimated: units or periods that are never observed have none.
    logdet : float
        ln|D_o'D_o|.
    """

    units: sparse.csc_array = field(repr=False)
    periods: np.ndarray = field(repr=False)
    estimated: np.ndarray = field(repr=False)
    logdet: float = 0.0

    @property
    def rank(self) -> int:
        return self.units.shape[1] + self.periods.shape[1]


def levels(seen: np.ndarray, entity: bool, time: bool) -> Levels:
    """The dummies for one pattern (T, N) of what is observed; one period of every connected part is the base."""
    T, N = seen.shape
    unit, period = np.tile(np.arange(N), T), np.repeat(np.arange(T), N)
    estimated = np.ones(T * N, dtype=bool)
    columns, dummies, logdet = sparse.csc_array((T * N, 0)), np.zeros((T * N, 0)), 0.0
    kept = np.flatnonzero(seen.any(axis=1))
    if entity:
        there = np.flatnonzero(seen.any(axis=0))
        columns = sparse.csc_array(sparse.kron(np.ones((T, 1)), sparse.eye_array(N, format="csc")))[:, there]
        estimated &= np.isin(unit, there)
        logdet = float(np.log(seen.sum(axis=0)[there]).sum())
    if time:
        estimated &= np.isin(period, kept)
        base = _first_of_each_part(seen, kept) if entity else []
        kept = kept[~np.isin(kept, base)]
        dummies = (period[:, None] == kept).astype(float)
        S = seen[kept].astype(float)
        Q = np.diag(S.sum(axis=1))
        if entity:
            Q = Q - (S / np.maximum(seen.sum(axis=0), 1)) @ S.T
        logdet += float(np.linalg.slogdet(Q)[1]) if len(Q) else 0.0
    return Levels(columns, dummies, estimated, logdet)


def _first_of_each_part(seen: np.ndarray, kept: np.ndarray) -> list[int]:
    """The first period of every part of the panel that common units connect."""
    S = sparse.csr_array(seen[kept].astype(float))
    _, part = sparse.csgraph.connected_components(S @ S.T, directed=False)
    return [int(kept[np.argmax(part == label)]) for label in np.unique(part)]


@dataclass(frozen=True, eq=False)
class MissingProblem:
    """Columns and their spatial lags, in this order: themselves, W, M and M W of them.

    Attributes
    ----------
    y : (T N,), zero where not observed;  X : (T N, k)
    seen : (T N,) of bool
    levels : Levels
    W, M : sparse (T N, T N), or None in a model without a lag, an error
    offset : (T N,) or None, what has the coefficient 1 in A y = z + X beta + u
    root : (T N,) or None, roots of weights of all rows: Var(e) = sigma2 / w, and every row is multiplied with its own
    """

    y: np.ndarray = field(repr=False)
    X: np.ndarray = field(repr=False)
    seen: np.ndarray = field(repr=False)
    levels: Levels = field(repr=False)
    W: sparse.csr_array | None = field(repr=False)
    M: sparse.csr_array | None = field(repr=False)
    offset: np.ndarray | None = field(default=None, repr=False)
    root: np.ndarray | None = field(default=None, repr=False)

    @cached_property
    def n(self) -> int:
        """Observations that are left after the effects."""
        return int(self.seen.sum()) - self.levels.rank

    @cached_property
    def absent(self) -> np.ndarray:
        """Rows that are not observed."""
        return np.flatnonzero(~self.seen)

    @cached_property
    def of_y(self) -> np.ndarray:
        """(4, T N) of y_o; less the offset, which W does not lag."""
        out = self._lags(self.y)
        if self.offset is not None:
            out[[0, 2]] -= self._lags(self.offset)[[0, 2]]
        return out

    @cached_property
    def of_X(self) -> np.ndarray:
        """(2, T N, k): X, M X."""
        return self._scaled(np.stack([self.X, np.zeros_like(self.X) if self.M is None else self.M @ self.X]))

    @cached_property
    def of_periods(self) -> np.ndarray:
        """(4, T N, q_2) of the period dummies of observed rows."""
        return self._lags(self.levels.periods * self.seen[:, None])

    @cached_property
    def of_absent(self):
        """The columns of G: (4, T N, g) dense, or data (4, entries) over one pattern of a sparse matrix."""
        rows, m = len(self.y), len(self.absent)
        picks = sparse.csc_array((np.ones(m), (self.absent, np.arange(m))), shape=(rows, m))
        units = sparse.csc_array(self.levels.units.multiply(self.seen[:, None]))
        first = sparse.csc_array(sparse.hstack([picks, units]))
        parts = [first, *(None if w is None else w @ first for w in (self.W, self.M))]
        parts.append(None if self.W is None or self.M is None else self.M @ parts[1])
        if self.root is not None:
            roots = sparse.diags_array(self.root)
            parts = [None if part is None else sparse.csc_array(roots @ part) for part in parts]
        if first.shape[0] * first.shape[1] <= DENSE:
            return np.stack([np.zeros(first.shape) if part is None else part.toarray() for part in parts])
        pattern = sum(abs(part) for part in parts if part is not None)
        pattern = sparse.csc_array(pattern)
        zero = sparse.csc_array((np.zeros(pattern.nnz), pattern.indices, pattern.indptr), shape=pattern.shape)
        place = sparse.csc_array((np.arange(1.0, pattern.nnz + 1), pattern.indices, pattern.indptr), pattern.shape)
        data = np.zeros((4, pattern.nnz))
        for row, part in zip(data, parts):
            if part is not None:
                part = part.tocoo()
                at = np.asarray(place[part.coords[0], part.coords[1]]).ravel().astype(int) - 1
                row[at] = part.data
        return zero, data

    @cached_property
    def products(self) -> np.ndarray:
        """G_i'G_j + G_j'G_i of the lags i < j, and G_i'G_i, where G is dense: (10, g, g)."""
        G = self.of_absent
        pairs = [(i, j) for i in range(4) for j in range(i, 4)]
        each = [G[i].T @ G[j] for i, j in pairs]
        return np.stack([one if i == j else one + one.T for one, (i, j) in zip(each, pairs)])

    def gram(self, c: np.ndarray, G) -> np.ndarray | sparse.csc_matrix:
        """G'G at the shares c of the four lags."""
        if not isinstance(G, np.ndarray):
            return sparse.csc_matrix(G.T @ G)
        shares = np.array([c[i] * c[j] for i in range(4) for j in range(i, 4)])
        return np.tensordot(shares, self.products, 1)

    def columns(self, c: np.ndarray):
        """G at the shares c of the four lags."""
        if isinstance(self.of_absent, np.ndarray):
            return np.tensordot(c, self.of_absent, 1)
        pattern, data = self.of_absent
        return sparse.csc_array((c @ data, pattern.indices, pattern.indptr), shape=pattern.shape)

    def _lags(self, values: np.ndarray) -> np.ndarray:
        none = np.zeros_like(values)
        lag = none if self.W is None else self.W @ values
        error = none if self.M is None else self.M @ values
        return self._scaled(np.stack([values, lag, error, none if self.M is None else self.M @ lag]))

    def _scaled(self, parts: np.ndarray) -> np.ndarray:
        """(4, T N, ...) times the roots of the rows' weights."""
        return parts if self.root is None else parts * self.root.reshape(-1, *(1,) * (parts.ndim - 2))



class Projection:
    """G at one (rho, lambda), and what it leaves of y, X and the period dummies: beta, sigma2 and ln L there."""

    def __init__(self, problem: MissingProblem, rho: float, lam: float):
        self.problem = problem
        c = np.array([1.0, -rho, -lam, rho * lam])
        self.G = problem.columns(c)
        self.factor = Factor(problem.gram(c, self.G))
        self.y = np.tensordot(c, problem.of_y, 1)
        self.X = problem.of_X[0] - lam * problem.of_X[1]
        self.D = np.tensordot(c, problem.of_periods, 1)
        Z = self._off(np.column_stack([self.y, self.X, self.D]))
        self.k = self.X.shape[1]
        self.Q_periods, self.R_periods = thin_qr(np.asfortranarray(Z[:, 1 + self.k :]))
        rest = Z[:, : 1 + self.k]
        for _ in range(2):
            rest = rest - self.Q_periods @ (self.Q_periods.T @ rest)
        self.projected = Z
        self.rest = rest
        self.Q, self.R = thin_qr(np.asfortranarray(rest[:, 1:]))

    @cached_property
    def beta(self) -> np.ndarray:
        return solve_triangular(self.R, self.Q.T @ self.rest[:, 0])

    @cached_property
    def resid(self) -> np.ndarray:
        """e."""
        return self.rest[:, 0] - self.rest[:, 1:] @ self.beta

    @property
    def sigma2(self) -> float:
        return float(self.resid @ self.resid) / self.problem.n

    def loglik(self, logdet: float) -> float:
        """ln L, where ln|C| is ``logdet``."""
        p = self.problem
        taken = self.factor.logdet + 2 * np.log(np.abs(np.diag(self.R_periods))).sum()
        taken -= 0.0 if p.root is None else 2 * np.log(p.root).sum()
        scale = max(self.sigma2, np.finfo(float).tiny)
        return float(-p.n / 2 * (np.log(2 * np.pi * scale) + 1) + logdet - taken / 2 + p.levels.logdet / 2)

    @cached_property
    def completed(self) -> tuple[np.ndarray, np.ndarray]:
        """y with its conditional means where it is missing, and the levels D d, (T N,) each."""
        p, beta = self.problem, self.beta
        # the period effects, then y_m less its level and the unit effects as coefficients of G
        left = self.projected[:, 0] - self.projected[:, 1 : 1 + self.k] @ beta
        d = solve_triangular(self.R_periods, self.Q_periods.T @ left)
        shares = -self.factor.solve(self.G.T @ (self.y - self.X @ beta - self.D @ d))
        m = len(p.absent)
        level = p.levels.periods @ d - p.levels.units @ shares[m:]
        filled = p.y.copy()
        filled[p.absent] = shares[:m] + level[p.absent]
        return filled, level

    def variances(self) -> np.ndarray:
        """Var(y_m - its prediction) / sigma2 given (rho, lambda), what beta and the levels add included: (m,).

        With the coefficients of F = [G, C D, B X] unknown, that of L (F'F)^-1 L', L what y_m is of them (universal
        kriging; Cressie 1993, section 3.4).
        """
        p = self.problem
        m, g = len(p.absent), self.G.shape[1]
        Z = np.column_stack([self.D, self.X])
        U = self.factor.solve(self.G.T @ Z)
        apart = np.column_stack([self.projected[:, 1 + self.k :], self.projected[:, 1 : 1 + self.k]])
        _, R = thin_qr(np.asfortranarray(apart))
        rows = sparse.csr_array(p.levels.units)[p.absent]
        of_periods = np.column_stack([-p.levels.periods[p.absent], np.zeros((m, self.k))])
        out = np.empty(m)
        for start in range(0, m, BLOCK):
            part = np.arange(start, min(start + BLOCK, m))
            L = np.zeros((g, len(part)))
            L[part, np.arange(len(part))] = 1.0
            L[m:] = -rows[part].toarray().T
            own = np.einsum("gj,gj->j", L, self.factor.solve(L))
            left = of_periods[part] - L.T @ U
            out[part] = own + (solve_triangular(R, np.asfortranarray(left.T), transposed=True) ** 2).sum(axis=0)
        return out

    def _off(self, Z: np.ndarray) -> np.ndarray:
        """Z less its projection on G; twice, for the digits that the first loses."""
        for _ in range(2):
            Z = Z - self.G @ self.factor.solve(self.G.T @ Z)
        return Z
