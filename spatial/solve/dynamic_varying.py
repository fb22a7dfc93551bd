"""The bias of a dynamic panel's score from estimated unit effects where W differs between periods.

    y_t = rho W_t y_t + tau y_{t-1} + eta W_{t-1} y_{t-1} + X_t beta + c + u_t,    S_t = I - rho W_t,    B u_t = e_t

The unit mean of y_{t-1} contains the errors of the sample. With P_t the sum of the responses of y_t to all errors up to
period t, times B,

    P_t = S_t^-1 (I + (tau I + eta W_{t-1}) P_{t-1}),    P_0 = 0,

the score of the demeaned data has the mean

    E[dL/d(tau, eta, rho)] = -(1/T) sum_t (tr J P_{t-1}, tr J W_{t-1} P_{t-1}, tr J W_t P_t),
    E[dL/dsigma2] = -N* / (2 sigma2)

with J = I, or I - 11'/N where period effects are taken out, and N* = tr J. These are the sums over the sample: exact
for any number of periods and without stationarity, and the estimates are the root of the score less these means
(``covariance.additive.corrected_at_root``); ``solve.dynamic`` has their limit for one W. The error's weights are the
same in all periods, where traces do not depend on B. Source: Lee & Yu (2012, Spatial Economic Analysis 7:31-74), the
model and its bias.
"""

from __future__ import annotations

import numpy as np

from spillover.errors import SpatialInputError
from spillover.matrix import TemporalWeights

from ..design.arrays import Sample
from .ml import Solution

DENSE_MAX = 2_000  # units: one N x N system for every period


def score_of_unit_effects_varying(
    sample: Sample, at: Solution, weights: TemporalWeights, lags: list[int | None], *, time: bool
) -> np.ndarray:  # fmt: skip
    """E[dL/d(beta, rho, lambda, sigma2)] at the true values, without the places of parameters that there are not.

    Parameters
    ----------
    weights : TemporalWeights of the periods of the sample
    lags : [tau, eta]
        Their places in beta; None where the model has no such term.
    time : bool
        Whether period effects are taken out.

    Raises
    ------
    SpatialInputError
        E309 beyond 2,000 units.
    """
    if weights.n > DENSE_MAX:
        raise SpatialInputError("E309", f"lags= with W that varies needs dense {weights.n:,} x {weights.n:,} matrices",
                                n=weights.n, hint="correction=False")  # fmt: skip
    tau, eta = (0.0 if place is None else at.beta[place] for place in lags)
    of_past, of_lagged, of_lag = traces(weights, at.rho, tau, eta, time=time)
    score, k = np.zeros(len(at.beta) + len(sample.parts) + 1), len(at.beta)
    for place, trace in zip(lags, (of_past, of_lagged)):
        if place is not None:
            score[place] = -trace
    if sample.lag is not None:
        score[k] = -of_lag
    if sample.error is not None:
        score[-2] = float(sample.error.d1(at.lam)) / sample.error.copies
    score[-1] = -(weights.n - time) / (2 * at.sigma2)
    return score


def traces(weights: TemporalWeights, rho: float, tau: float, eta: float, *, time: bool) -> tuple[float, float, float]:
    """Means over the periods of tr J P_{t-1}, tr J W_{t-1} P_{t-1} and tr J W_t P_t."""
    n, T = weights.n, len(weights)
    eye = np.eye(n)

    def trace(M: np.ndarray) -> float:
        return float(np.trace(M)) - float(M.sum()) / n * time

    P, WP, totals = np.zeros((n, n)), np.zeros((n, n)), np.zeros(3)
    for w in weights.matrices:
        totals[:2] += trace(P), trace(WP)
        P = np.linalg.solve(eye - rho * w.csr.toarray(), eye + tau * P + eta * WP)
        WP = w.csr @ P
        totals[2] += trace(WP)
    of_past, of_lagged, of_lag = totals / T
    return float(of_past), float(of_lagged), float(of_lag)
