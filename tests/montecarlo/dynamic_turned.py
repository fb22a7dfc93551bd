"""Dynamic panels with a spatial error that turns the effects: effects of regions in years, gaps, W that varies.

    y_t = rho W_t y_t + tau y_{t-1} + eta W_{t-1} y_{t-1} + x_t + theta W_t x_t + c + m_t + u_t,
    u_t = lambda M_t u_t + e_t
"""

from __future__ import annotations

import numpy as np
import pandas as pd

import spatial as sp
import weights as wt

from .cell import Draw, Interval, interval
from .cross import ERROR, LAG, LAGGED_X
from .maps import dense_of, weights_of
from .moving import _nearest

RHO, LAM, TAU, ETA, BURN, REGIONS, ABSENT = 0.3, 0.4, 0.4, -0.1, 20, 4, 0.1
NAMES = {"lag(y)": "tau", "W:lag(y)": "eta", "x": "beta", "W:x": "theta"}
FORMULAS = {"ways": "y ~ x | i + t + region^t", "gaps": "y ~ x", "moving": "y ~ x"}


def dynamic_turned(*, model: str, N: int, T: int, kind: str) -> Draw:
    """Intervals of every parameter, also with the covariance for unequal variances of units.

    Parameters
    ----------
    model : {"sem", "sdem", "sac", "gns"}
    N, T : int
        Units, and periods after the first.
    kind : {"ways", "gaps", "moving"}
        Effects of four regions in years, whose links leave the regions; a tenth of rows missing, at random; the four
        nearest neighbors of points that move.
    """
    length, rng = BURN + T + 1, np.random.default_rng(N)
    there = np.ones((length, N), dtype=bool)
    if kind == "gaps":
        there[BURN:] = rng.random((T + 1, N)) > ABSENT
    rows = np.vstack([there[:1], there[1:] & there[:-1]])
    whole = [_nearest(np.random.default_rng([N, t]).random((N, 2))) if kind == "moving" else dense_of("knn", N)
             for t in range(length)]  # fmt: skip
    W = np.stack([_among(one, here) for one, here in zip(whole, there)])
    M = np.stack([_among(one, row) for one, row in zip(whole, rows)])
    rho, theta, lam = RHO * (model in LAG), 0.5 * (model in LAGGED_X), LAM * (model in ERROR)
    A, B = (np.linalg.inv(np.eye(N) - value * one) for value, one in ((rho, W), (lam, M)))
    weights = weights_of("knn", N)
    if kind == "moving":
        weights = wt.TemporalWeights([wt.from_dense(one, ids=list(range(N))) for one in W[BURN:]], pd.RangeIndex(T + 1))
    true = {"lag(y)": TAU, "W:lag(y)": ETA, "x": 1.0, "W:x": theta, "rho": rho, "lambda": lam}
    region, index = np.arange(N) % REGIONS, pd.MultiIndex.from_product([range(T + 1), range(N)], names=["t", "i"])

    def results(rng):
        x, e = rng.standard_normal((2, length, N))
        c, m, y = rng.standard_normal(N), rng.standard_normal((length, REGIONS)), np.zeros((length, N))
        for t in range(1, length):
            period = m[t, region] if kind == "ways" else m[t, 0]
            mean = TAU * y[t - 1] + ETA * W[t - 1] @ y[t - 1] + x[t] + theta * W[t] @ x[t]
            y[t] = A[t] @ (mean + c + period + B[t] @ e[t])
        data = pd.DataFrame({"y": y[BURN:].ravel(), "x": x[BURN:].ravel(), "region": np.tile(region, T + 1)}, index)
        data = data[there[BURN:].ravel()].reset_index()
        return (getattr(sp, model)(FORMULAS[kind], data, weights, entity="i", time="t", lags="both",
                                   missing="period" if kind == "gaps" else "error"),)  # fmt: skip

    def outcomes(fit) -> dict[str, Interval]:
        usual, robust = fit.conf_int(), fit.with_vcov("robust").conf_int()
        measured = {NAMES.get(name, name): interval(*usual.loc[name], true[name]) for name in usual.index}
        return measured | {f"{NAMES.get(name, name)} robust": interval(*robust.loc[name], true[name])
                           for name in ("lag(y)", "lambda")}  # fmt: skip

    return Draw(results, outcomes)


def _among(W: np.ndarray, there: np.ndarray) -> np.ndarray:
    """Row-standardised again among those who are there."""
    W = W * np.outer(there, there)
    return W / np.maximum(W.sum(axis=1, keepdims=True), 1e-12)
