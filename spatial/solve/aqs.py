"""Adjusted quasi-scores: rho or lambda under errors of unknown, unequal variances.

The Gaussian score has mean zero only under equal variances. With B = I - lambda M, M_B the residual maker of B X (and
of fixed effects), f = B A y, e = M_B f, G = W A^-1 and H = M B^-1 the scores

    rho:     e'W y - e'D e,     D diagonal with    diag(M G - M D M) = 0            (B = I)
    lambda:  e'(H - D) e,       D diagonal with    diag(M_B (H - D) M_B) = 0        (A = I)

have mean zero whatever the variances are. (With e'D f in the place of e'D e, as in Liu & Yang, rho would change
when a constant is added to y.) Each is c'eps + eps'C eps with diag C = 0, so that its variance needs no third or
fourth moments:

    sum_i c_i^2 l_i + sum_{i != j} (C_ij^2 + C_ij C_ji) s_i s_j,     l = e^2 / m_ii^2,    s = e^2 / m_ii

with m_ii the diagonal of M_B. In a panel D is the same in all periods and the diagonals are summed over them; the
variance is that by unit and pair of units,

    sum_i (c_i'e_i)^2 + sum_{i < j} (e_i'(C_ij + C_ji')e_j)^2

with CR3 residuals in the first and CR2 residuals in the second term. With fixed effects alone M_ii and (M G)_ii are
multiples of one matrix, and the score has mean zero under any correlation of a unit's errors over time; regressors
change that by O(1 / N T).

Sources: Liu & Yang (2015, Regional Science and Urban Economics 52:50-70); Lin & Lee (2010, J. Econometrics 157:34-52);
l and s are HC3 and HC2 (MacKinnon & White 1985, J. Econometrics 29:305-325), by unit CR3 and CR2 (Bell & McCaffrey
2002, Survey Methodology 28:169-181).
"""

from __future__ import annotations

import numpy as np

from spillover.errors import SpatialInputError

from ..design.arrays import Sample, solve_triangular
from ..design.fixed_effects import FixedEffects
from ..design.period_means import centers
from .ml import residuals
from .quasi_forms import Periods
from .reml import Adjusted, _bordered
from .roots import root

DENSE_MAX = 5_000
STEP = 1e-5  # of central differences, in shares of the interval
HC2, HC3 = -0.5, -1.0


def adjusted_score(sample: Sample, weights, effects: FixedEffects) -> Adjusted:
    """The root of the adjusted quasi-score of a cross-section or a balanced panel, with a spatial lag or error.

    Parameters
    ----------
    sample : Sample
    weights : Weights
        W of the lag or M of the error: ``csr`` (N, N).
    effects : FixedEffects
        That have left the sample.

    Returns
    -------
    Adjusted
        sigma2 = e'e / (n - K), the mean of the variances. ``df`` is n - K in a cross-section, N - 1 in a panel.

    Raises
    ------
    SpatialInputError
        E309 above 5,000 units, E702 score not decreasing at its root, E713 no root, E801 not settled.
    """
    N = weights.n
    if N > DENSE_MAX:
        raise SpatialInputError("E309", f"method='aqs' needs dense {N:,} x {N:,} matrices", n=N,
                                hint="method='gmm' with vcov='robust'")  # fmt: skip
    W, T = weights.csr.toarray(), len(sample.y) // N
    if centers(weights, effects.time):
        W -= W.mean(axis=1, keepdims=True)  # W J
    periods = Periods(N, T - effects.entity, effects.time)
    problem = (_OfLag if sample.lag is not None else _OfError)(sample, W, periods)
    at, slope = root(problem.score, sample)
    if not slope < 0:
        raise SpatialInputError("E702", "the adjusted score does not decrease at its root",
                                hint="drop lagged regressors")  # fmt: skip
    return problem.solution(at, -slope, N - 1 if T > 1 else sample.n - sample.X.shape[1])


class _OfLag:
    def __init__(self, sample: Sample, W: np.ndarray, periods: Periods):
        self.sample, self.W, self.periods, self.Q = sample, W, periods, sample.basis[0]
        self.solve = periods.solver(self.Q)
        self.moved = self._residuals(sample.lag_of_y)

    def score(self, rho: float) -> tuple[float, float]:
        """And its derivative: e' = -M W y, G' = G^2."""
        Wy = self.sample.lag_of_y
        e = self._residuals(self.sample.Ay(rho))
        d, d1 = self._weights(_inverse_lag(self.W, rho)).T
        De = (self.periods.by_period(e) * d).ravel()
        D1e = (self.periods.by_period(e) * d1).ravel()
        return float(e @ Wy - e @ De), float(2 * self.moved @ De - self.moved @ Wy - e @ D1e)

    def solution(self, rho: float, gamma: float, df: int) -> Adjusted:
        """rho^ - rho = score / gamma and beta^ - beta = P eps - g (rho^ - rho), P = (X'X)^-1 X', g = P W y."""
        sample, Q, R, periods = self.sample, self.Q, self.sample.basis[1], self.periods
        beta = solve_triangular(R, Q.T @ sample.Ay(rho))
        e, G = residuals(sample, beta, rho, 0.0), _inverse_lag(self.W, rho)
        c = self._residuals(periods.J(G @ periods.by_period(sample.X @ beta).T).T.ravel())
        narrow = periods.released(e, Q, HC2)
        F = periods.pairs(G, Q, narrow)
        F -= periods.pairs_of_squeezed(np.diag(self._weights(G)[:, 0]), Q, narrow)
        linear = _by_unit(sample, periods, Q, e, np.column_stack([solve_triangular(R, Q.T).T, c]))
        total, own = linear[-1, -1] + _pairs(F), linear[:-1, -1] / gamma
        variance, g = total / gamma**2, solve_triangular(R, Q.T @ sample.lag_of_y)
        slopes = linear[:-1, :-1] + variance * np.outer(g, g) - np.outer(own, g) - np.outer(g, own)
        return _solved(sample, beta, rho, 0.0, e, _bordered(slopes, own - variance * g, variance), df)

    def _residuals(self, values):
        return values - self.Q @ (self.Q.T @ values)

    def _weights(self, G) -> np.ndarray:
        """d and its derivative by rho, (N, 2)."""
        once = self.periods.diagonal(G.diagonal(), self.Q, lambda v: G.T @ v)
        twice = self.periods.diagonal(np.einsum("ij,ji->i", G, G), self.Q, lambda v: G.T @ (G.T @ v))
        return self.solve(np.column_stack([once, twice]))


class _OfError:
    def __init__(self, sample: Sample, M: np.ndarray, periods: Periods):
        self.sample, self.M, self.periods = sample, M, periods

    def score(self, lam: float) -> tuple[float, float]:
        """And its derivative by central differences."""
        lo, hi = self.sample.parts[-1].interval
        h = STEP * min(hi - lo, 2.0)
        at, ahead, behind = (self._form(lam + step)[0] for step in (0.0, h, -h))
        return at, (ahead - behind) / (2 * h)

    def solution(self, lam: float, gamma: float, df: int) -> Adjusted:
        """beta by generalised least squares; without third moments it is not correlated with lambda."""
        sample, periods = self.sample, self.periods
        _, e, Q, Z = self._form(lam)
        P = np.linalg.pinv(sample.BX(lam))
        beta = P @ sample.By(lam)
        variance = _pairs(periods.pairs_of_squeezed(Z, Q, periods.released(e, Q, HC2))) / gamma**2
        slopes = _by_unit(sample, periods, Q, e, P.T)
        return _solved(sample, beta, 0.0, lam, e, _bordered(slopes, np.zeros(len(beta)), variance), df)

    def _form(self, lam: float):
        """e'(H - D) e with e, Q and H - D."""
        sample, periods = self.sample, self.periods
        Q = np.linalg.qr(sample.BX(lam))[0]
        f = sample.By(lam)
        e = f - Q @ (Q.T @ f)
        H = _inverse_lag(self.M, lam)
        Z = H - np.diag(periods.solver(Q)(periods.squeezed_diagonal(H, Q)))
        E = periods.by_period(e)
        return float(np.sum(E * (E @ Z.T))), e, Q, Z


def _by_unit(sample, periods: Periods, Q, e, columns: np.ndarray) -> np.ndarray:
    """sum_i (L_i'e_i)(L_i'e_i)' with CR3 residuals, L (T N, q); the mean variance where a unit has no residual."""
    L = periods.by_period(columns)
    sums = np.einsum("ti,tiq->iq", periods.by_period(periods.released(e, Q, HC3)), L)
    mean = e @ e / (sample.n - sample.X.shape[1])
    extra = [(directions.T @ L[:, i]) for i, directions in periods.lost(Q)]
    return sums.T @ sums + mean * sum((part.T @ part for part in extra), start=np.zeros((L.shape[2],) * 2))


def _pairs(F: np.ndarray) -> float:
    """sum_{i < j} (F_ij + F_ji)^2."""
    both = F + F.T
    return float((np.sum(both**2) - np.sum(both.diagonal() ** 2)) / 2)


def _solved(sample, beta, rho, lam, e, covariance, df) -> Adjusted:
    return Adjusted(beta, rho, lam, float(e @ e) / (sample.n - len(beta)), np.nan, e, covariance, df)


def _inverse_lag(W, at: float) -> np.ndarray:
    """W (I - at W)^-1."""
    return W @ np.linalg.inv(np.eye(len(W)) - at * W)
