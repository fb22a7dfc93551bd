"""Adjusted quasi-scores: spatial parameters under errors of unknown, unequal variances.

The Gaussian score of (rho, lambda) has mean zero only under equal variances. With B = I - lambda M, M_B the residual
maker of B X, f = B A y, e = M_B f, R = B W A^-1 B^-1 and H = M B^-1 the scores

    rho:     e'(R - D) f,    D diagonal with    diag(M_B (R - D)) = 0
    lambda:  e'(H - D) e,    D diagonal with    diag(M_B (H - D) M_B) = 0

have mean zero whatever the variances are. Each is c'eps + eps'C eps with diag C = 0, so that their variance needs no
third or fourth moments:

    sum_i c_i^2 l_i + sum_{i != j} (C_ij^2 + C_ij C_ji) s_i s_j,     l = e^2 / m_ii^2,    s = e^2 / m_ii

with m_ii the diagonal of M_B. Sources: Liu & Yang (2015, Regional Science and Urban Economics 52:50-70); Lin & Lee
(2010, J. Econometrics 157:34-52); l and s are the HC3 and HC2 of MacKinnon & White (1985).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from spillover.errors import SpatialInputError

from .ml import Sample, Solution, derivatives, residuals
from .reml import Adjusted, names_of, start_of
from .roots import root
from .search import _ends

DENSE_MAX = 5_000
STEP = 1e-5  # of central differences, in shares of the interval


def adjusted_scores(sample: Sample, W=None, M=None) -> Adjusted:
    """The root of the adjusted quasi-scores of a cross-section.

    Parameters
    ----------
    sample : Sample
    W, M : Weights
        Of the lag and of the error; None for what the model has not.

    Returns
    -------
    Adjusted
        sigma2 = e'e / (n - K), the mean variance; loglik is NaN.

    Raises
    ------
    SpatialInputError
        E309 above 5,000 units, E712 no root, E801 not settled.
    """
    n = len(sample.y)
    if n > DENSE_MAX:
        raise SpatialInputError("E309", f"method='aqs' needs dense {n:,} x {n:,} matrices", n=n,
                                hint="method='gmm', which is robust to unequal variances too")  # fmt: skip
    parts = [part for part in (sample.lag, sample.error) if part is not None]
    low, high = (end[:, 0] for end in _ends(parts))
    dense = [None if w is None else w.csr.toarray() for w in (W, M)]
    step = STEP * np.minimum(high - low, 2.0)

    def score(point):
        at = _state(sample, *dense, point)
        if sample.error is None:
            return np.array([at.score[0]]), np.array([[_slope_of_lag(sample, at)]])
        return at.score, _differences(lambda p: _state(sample, *dense, p).score, point, step)

    point = root(score, start_of(sample), low, high, names_of(sample))
    return _solution(sample, _state(sample, *dense, point), point, -score(point)[1])


@dataclass(frozen=True, eq=False)
class State:
    """At one (rho, lambda): B X = Q R, f, e, the scores, and of each its quadratic form R or H and its D."""

    BX: np.ndarray
    Q: np.ndarray
    m: np.ndarray
    f: np.ndarray
    e: np.ndarray
    score: np.ndarray
    forms: list
    D: list


def _state(sample: Sample, W, M, point) -> State:
    eye, rho, lam = np.eye(len(sample.y)), point[0], point[-1]
    BX, f, Wy = sample.X, sample.y, sample.Wy
    if sample.lag is not None:
        f = f - rho * Wy
    if sample.error is not None:
        BX = BX - lam * sample.MX
        f = f - lam * (sample.My if sample.lag is None else sample.My - rho * sample.MWy)
        Wy = Wy if Wy is None else Wy - lam * sample.MWy
    Q = np.linalg.qr(BX)[0]
    m = 1 - np.einsum("ij,ij->i", Q, Q)
    e = f - Q @ (Q.T @ f)
    forms, D, score = [], [], []
    if sample.error is not None:
        B_inverse = np.linalg.inv(eye - lam * M)
    if sample.lag is not None:
        R = W @ np.linalg.inv(eye - rho * W)
        if sample.error is not None:
            R = R @ B_inverse
            R = R - lam * (M @ R)
        d = _diagonal_of_lag(R, Q) / m
        forms, D, score = [R], [d], [e @ (Wy - d * f)]
    if sample.error is not None:
        H = M @ B_inverse
        maker = eye - Q @ Q.T
        d = np.linalg.solve(maker**2, _diagonal_of_error(H, Q))
        forms, D, score = [*forms, H], [*D, d], [*score, e @ (H @ e) - e @ (d * e)]
    return State(BX, Q, m, f, e, np.array(score), forms, D)


def _diagonal_of_lag(R, Q) -> np.ndarray:
    """diag(M_B R)."""
    return R.diagonal() - np.einsum("ij,ij->i", Q, R.T @ Q)


def _diagonal_of_error(H, Q) -> np.ndarray:
    """diag(M_B H M_B)."""
    right, left = H @ Q, H.T @ Q
    return H.diagonal() - np.einsum("ij,ij->i", Q, right + left) + np.einsum("ij,ij->i", Q @ (Q.T @ right), Q)


def _slope_of_lag(sample: Sample, at: State) -> float:
    """d score / d rho without a spatial error: f' = -W y, G' = G^2, D' = diag(M G^2) / diag M."""
    (G,), (d,), Q = at.forms, at.D, at.Q
    squared = np.einsum("ij,ji->i", G, G) - np.einsum("ij,ij->i", Q, G.T @ (G.T @ Q))
    Wy = sample.Wy
    return float(-(Wy - Q @ (Q.T @ Wy)) @ (Wy - d * at.f) + at.e @ (d * Wy - squared / at.m * at.f))


def _differences(score, point, step) -> np.ndarray:
    """Central differences, (p, p)."""
    columns = []
    for j, h in enumerate(step):
        ahead, behind = point.copy(), point.copy()
        ahead[j], behind[j] = point[j] + h, point[j] - h
        columns.append((score(ahead) - score(behind)) / (2 * h))
    return np.column_stack(columns)


def _solution(sample: Sample, at: State, point, gamma) -> Adjusted:
    """beta, and the covariance of all: theta^ - theta = gamma^-1 score, beta^ - beta = P eps + (d beta / d theta) ..."""
    rho = float(point[0]) if sample.lag is not None else 0.0
    lam = float(point[-1]) if sample.error is not None else 0.0
    P = np.linalg.pinv(at.BX)
    beta = P @ at.f
    solved = Solution(beta, rho, lam, np.nan, np.nan, residuals(sample, beta, rho, lam))
    wide, near = at.e**2 / at.m**2, at.e**2 / at.m
    quadratic, linear = [], []
    for name, form, d in zip(names_of(sample), at.forms, at.D):
        C = form - np.diag(d)
        C = C - at.Q @ (at.Q.T @ C)
        if name == "rho":
            linear.append(C @ (at.BX @ beta))
        else:
            C = C - (C @ at.Q) @ at.Q.T
            linear.append(np.zeros(len(at.e)))
        np.fill_diagonal(C, 0.0)
        quadratic.append(C)
    linear = np.array(linear)
    variance = (linear * wide) @ linear.T
    for i, first in enumerate(quadratic):
        for j, second in enumerate(quadratic):
            variance[i, j] += near @ (first * (second + second.T)) @ near
    back = np.linalg.inv(gamma)
    V = back @ variance @ back.T
    D = -P @ derivatives(sample, solved)[:, sample.X.shape[1] :]
    if sample.error is not None:
        D[:, -1] = 0.0  # its mean
    mixed = (P * wide) @ linear.T @ back.T
    first = (P * wide) @ P.T + mixed @ D.T + D @ mixed.T + D @ V @ D.T
    cross = mixed + D @ V
    full = np.block([[first, cross], [cross.T, V]])
    df = sample.n - sample.X.shape[1]
    return Adjusted(beta, rho, lam, float(at.e @ at.e) / df, np.nan, solved.resid, (full + full.T) / 2, df)
