"""Adjusted quasi-scores: rho or lambda under errors of unknown, unequal variances.

The Gaussian score has mean zero only under equal variances. With B = I - lambda M, M_B the residual maker of B X,
f = B A y, e = M_B f, G = W A^-1 and H = M B^-1 the scores

    rho:     e'W y - e'D e,     D diagonal with    diag(M G - M D M) = 0            (B = I)
    lambda:  e'(H - D) e,       D diagonal with    diag(M_B (H - D) M_B) = 0        (A = I)

have mean zero whatever the variances are. (With e'D f in the place of e'D e, as in Liu & Yang, rho would change
when a constant is added to y.) Each is c'eps + eps'C eps with diag C = 0, so that its variance needs no third or
fourth moments:

    sum_i c_i^2 l_i + sum_{i != j} (C_ij^2 + C_ij C_ji) s_i s_j,     l = e^2 / m_ii^2,    s = e^2 / m_ii

with m_ii the diagonal of M_B. Sources: Liu & Yang (2015, Regional Science and Urban Economics 52:50-70); Lin & Lee
(2010, J. Econometrics 157:34-52); l and s are HC3 and HC2 (MacKinnon & White 1985, J. Econometrics 29:305-325).
"""

from __future__ import annotations

import numpy as np
from scipy.linalg import solve

from spillover.errors import SpatialInputError

from ..design.arrays import Sample, solve_triangular
from .ml import residuals
from .reml import Adjusted, _bordered
from .roots import root

DENSE_MAX = 5_000
OWN = 1e-10  # share of a unit's variance that the regressors must leave
RIDGE = 1e-12
STEP = 1e-5  # of central differences, in shares of the interval


def adjusted_score(sample: Sample, weights) -> Adjusted:
    """The root of the adjusted quasi-score of a cross-section with a spatial lag or a spatial error.

    Parameters
    ----------
    sample : Sample
    weights : Weights
        W of the lag or M of the error: ``csr`` (n, n).

    Returns
    -------
    Adjusted
        sigma2 = e'e / (n - K), the mean of the variances.

    Raises
    ------
    SpatialInputError
        E309 above 5,000 units, E702 score not decreasing at its root, E713 no root, E801 not settled.
    """
    n = len(sample.y)
    if n > DENSE_MAX:
        raise SpatialInputError("E309", f"method='aqs' needs dense {n:,} x {n:,} matrices", n=n,
                                hint="method='gmm' with vcov='robust'")  # fmt: skip
    W = weights.csr.toarray()
    score, finish = (_score_of_lag, _with_lag) if sample.lag is not None else (_score_of_error, _with_error)
    at, slope = root(lambda point: score(sample, W, point), sample)
    if not slope < 0:
        raise SpatialInputError("E702", "the adjusted score does not decrease at its root",
                                hint="drop lagged regressors")  # fmt: skip
    return finish(sample, W, at, -slope)


def _score_of_lag(sample: Sample, W, rho: float) -> tuple[float, float]:
    """And its derivative: e' = -M W y, G' = G^2."""
    Q, Wy, f = sample.basis[0], sample.lag_of_y, sample.Ay(rho)
    e, moved = f - Q @ (Q.T @ f), Wy - Q @ (Q.T @ Wy)
    G = _inverse_lag(W, rho)
    GQ = G.T @ Q
    targets = [G.diagonal() - _rows(Q, GQ), np.einsum("ij,ji->i", G, G) - _rows(Q, G.T @ GQ)]
    d, d1 = _diagonals(Q, np.column_stack(targets)).T
    return float(e @ Wy - e @ (d * e)), float(2 * moved @ (d * e) - moved @ Wy - e @ (d1 * e))


def _score_of_error(sample: Sample, M, lam: float) -> tuple[float, float]:
    """And its derivative by central differences."""
    lo, hi = sample.parts[-1].interval
    h = STEP * min(hi - lo, 2.0)
    at, ahead, behind = (_quadratic_form(sample, M, lam + step)[0] for step in (0.0, h, -h))
    return at, (ahead - behind) / (2 * h)


def _quadratic_form(sample: Sample, M, lam: float):
    """e'(H - D) e with e, Q, m and M_B (H - D) M_B."""
    Q, f = np.linalg.qr(sample.BX(lam))[0], sample.By(lam)
    e = f - Q @ (Q.T @ f)
    H = _inverse_lag(M, lam)
    right = H - Q @ (Q.T @ H)
    C = right - (right @ Q) @ Q.T
    d = _diagonals(Q, C.diagonal())
    return float(e @ (H @ e) - e @ (d * e)), e, Q, C - _between(Q, d)


def _with_lag(sample: Sample, W, rho: float, gamma: float) -> Adjusted:
    """rho^ - rho = score / gamma and beta^ - beta = P eps - g (rho^ - rho), P = (X'X)^-1 X', g = P W y."""
    Q, R, _ = sample.basis
    m = _left(Q)
    beta = solve_triangular(R, Q.T @ sample.Ay(rho))
    e = residuals(sample, beta, rho, 0.0)
    C = _inverse_lag(W, rho)
    C -= Q @ (Q.T @ C)
    c = C @ (sample.X @ beta)
    C -= _between(Q, _diagonals(Q, C.diagonal()))
    l, P = _variances(sample, e, m**2), solve_triangular(R, Q.T)
    variance = (c**2 @ l + _pairs(C, e**2 / m)) / gamma**2
    g, own = P @ sample.lag_of_y, (P * l) @ c / gamma  # own: covariance of P eps and rho^
    slopes = (P * l) @ P.T + variance * np.outer(g, g) - np.outer(own, g) - np.outer(g, own)
    return _solved(sample, beta, rho, 0.0, e, _bordered(slopes, own - variance * g, variance))


def _with_error(sample: Sample, M, lam: float, gamma: float) -> Adjusted:
    """beta by generalised least squares; without third moments it is not correlated with lambda."""
    _, e, Q, C = _quadratic_form(sample, M, lam)
    P = np.linalg.pinv(sample.BX(lam))
    beta = P @ sample.By(lam)
    m = _left(Q)
    variance = _pairs(C, e**2 / m) / gamma**2
    slopes = (P * _variances(sample, e, m**2)) @ P.T
    return _solved(sample, beta, 0.0, lam, e, _bordered(slopes, np.zeros(len(beta)), variance))


def _solved(sample, beta, rho, lam, e, covariance) -> Adjusted:
    df = sample.n - len(beta)
    return Adjusted(beta, rho, lam, float(e @ e) / df, np.nan, e, covariance, df)


def _inverse_lag(W, at: float) -> np.ndarray:
    """W (I - at W)^-1."""
    return W @ np.linalg.inv(np.eye(len(W)) - at * W)


def _diagonals(Q, target) -> np.ndarray:
    """d with diag(M D M) = target, M = I - QQ': (M o M) d = target.

    The ridge selects a solution where d is not unique: two units with one residual between them, or one with none.
    """
    maker = -Q @ Q.T
    maker[np.diag_indices_from(maker)] += 1
    squares = maker**2
    squares[np.diag_indices_from(squares)] += RIDGE
    return solve(squares, target, assume_a="pos")


def _between(Q, d) -> np.ndarray:
    """M D M."""
    right = np.diag(d) - (d[:, None] * Q) @ Q.T
    return right - Q @ (Q.T @ right)


def _left(Q) -> np.ndarray:
    """Diagonal of I - QQ'; infinite for a unit that has a regressor of its own, whose residual is zero."""
    m = 1 - _rows(Q, Q)
    return np.where(m > OWN, m, np.inf)


def _variances(sample, e, scale) -> np.ndarray:
    """e^2 over its scale; the mean variance for a unit that has no residual."""
    mean = e @ e / (sample.n - sample.X.shape[1])
    return np.where(np.isfinite(scale), e**2 / scale, mean)


def _rows(left, right) -> np.ndarray:
    return np.einsum("ij,ij->i", left, right)


def _pairs(C, s) -> float:
    """sum_{i != j} (C_ij^2 + C_ij C_ji) s_i s_j."""
    products = C * (C + C.T)
    np.fill_diagonal(products, 0.0)
    return float(s @ products @ s)
