"""Forecasts: does the response of new periods lie within its prediction interval?"""

from __future__ import annotations

import numpy as np
import pandas as pd

import spatial as sp

from .cell import Draw, Interval, interval
from .cross import ERROR, LAG, LAGGED_X
from .maps import dense_of, weights_of

AHEAD, BURN = 3, 30


def forecasts(*, model: str, N: int, T: int, w: str = "knn", effects: str = "entity", random_error: str | None = None,
              lags: str | None = None, rho: float = 0.4, lam: float = 0.4) -> Draw:  # fmt: skip
    """Intervals of the response of one unit, another in every sample, one to three periods ahead.

    y_t = rho W y_t + tau y_{t-1} + x_t + theta W x_t + c + u_t, tau .4 in dynamic panels; c, x and e anew.
    """
    W, weights, eye = dense_of(w, N), weights_of(w, N), np.eye(N)
    rho, lam, tau = rho * (model in LAG), lam * (model in ERROR), 0.4 * (lags is not None)
    theta, S = 0.5 * (model in LAGGED_X), BURN + T + AHEAD
    A_inverse, B_inverse = np.linalg.inv(eye - rho * W), np.linalg.inv(eye - lam * W)
    options = {"entity": "i", "time": "t", "effects": effects}
    options |= {"random_error": random_error} if random_error else {}
    options |= {"lags": lags} if lags else {}

    def results(rng):
        c, x, e = rng.standard_normal(N) * (effects != "none"), *rng.standard_normal((2, S, N))
        y, now = np.empty((S, N)), np.zeros(N)
        inside = random_error == "kkp"
        for t in range(S):
            u = B_inverse @ (e[t] + c) if inside else B_inverse @ e[t] + c
            now = y[t] = A_inverse @ (tau * now + x[t] + theta * W @ x[t] + u)
        y, x = y[BURN:], x[BURN:]
        data = pd.DataFrame({"i": np.tile(np.arange(N), T + AHEAD), "t": np.repeat(np.arange(T + AHEAD), N),
                             "y": y.ravel(), "x": x.ravel()})  # fmt: skip
        fit = getattr(sp, model)("y ~ x", data[data["t"] < T], weights, **options)
        return y[T:], fit.forecast(data[data["t"] >= T]), int(rng.integers(N))

    def outcomes(truth, forecast, unit) -> dict[str, Interval]:
        ends = forecast.table.loc[unit, ["conf_low", "conf_high"]].to_numpy()
        return {f"{h + 1} ahead": interval(*ends[h], truth[h, unit]) for h in range(AHEAD)}

    return Draw(results, outcomes)
