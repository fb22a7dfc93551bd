"""Forecasts and new units: does a response that the fit has not seen lie within its prediction interval?"""

from __future__ import annotations

import numpy as np
import pandas as pd

import spatial as sp

from .cell import Draw, Interval, interval
from .cross import ERROR, LAG, LAGGED_X
from .maps import dense_of, weights_of

AHEAD, BURN, NEW = 3, 30, 4


def forecasts(*, model: str, N: int, T: int, w: str = "knn", effects: str = "entity", random_error: str | None = None,
              lags: str | None = None, rho: float = 0.4, lam: float = 0.4, regimes: str | None = None,
              second: str | None = None) -> Draw:  # fmt: skip
    """Intervals of the response of one unit, another in every sample, one to three periods ahead.

    y_t = rho W y_t + tau y_{t-1} + x_t + theta W x_t + c + u_t, tau .4 in dynamic panels; c, x and e anew. With
    ``regimes`` half of the units have rho .1 and twice the variance; ``second`` is another W of y, whose rho is .2.
    """
    W, weights, eye = dense_of(w, N), weights_of(w, N), np.eye(N)
    rho, lam, tau = rho * (model in LAG), lam * (model in ERROR), 0.4 * (lags is not None)
    theta, S = 0.5 * (model in LAGGED_X), BURN + T + AHEAD
    A_inverse, B_inverse = np.linalg.inv(eye - rho * W), np.linalg.inv(eye - lam * W)
    options = {"entity": "i", "time": "t", "effects": effects}
    options |= {"random_error": random_error} if random_error else {}
    options |= {"lags": lags} if lags else {}
    other = np.arange(N) >= N // 2
    if regimes:
        A_inverse = np.linalg.inv(eye - np.where(other, 0.1, rho)[:, None] * W)
        options |= {"regimes": sp.Regimes("half", rho=True, sigma2=True)}
    if second:
        A_inverse = np.linalg.inv(eye - rho * W - 0.2 * dense_of(second, N))
        weights, options = [weights, weights_of(second, N)], options | {"durbin": ["x"]}
    scale = np.where(other, np.sqrt(2), 1.0) if regimes else 1.0

    def results(rng):
        c, x, e = rng.standard_normal(N) * (effects != "none"), *rng.standard_normal((2, S, N))
        e = e * scale
        y, now = np.empty((S, N)), np.zeros(N)
        inside = random_error == "kkp"
        for t in range(S):
            u = B_inverse @ (e[t] + c) if inside else B_inverse @ e[t] + c
            now = y[t] = A_inverse @ (tau * now + x[t] + theta * W @ x[t] + u)
        y, x = y[BURN:], x[BURN:]
        data = pd.DataFrame({"i": np.tile(np.arange(N), T + AHEAD), "t": np.repeat(np.arange(T + AHEAD), N),
                             "y": y.ravel(), "x": x.ravel(),
                             "half": np.tile(other.astype(int), T + AHEAD)})  # fmt: skip
        fit = getattr(sp, model)("y ~ x", data[data["t"] < T], weights, **options)
        return y[T:], fit.forecast(data[data["t"] >= T]), int(rng.integers(N))

    def outcomes(truth, forecast, unit) -> dict[str, Interval]:
        ends = forecast.table.loc[unit, ["conf_low", "conf_high"]].to_numpy()
        return {f"{h + 1} ahead": interval(*ends[h], truth[h, unit]) for h in range(AHEAD)}

    return Draw(results, outcomes)


def new_units(*, model: str, N: int, T: int, w: str = "knn", effects: str = "random", random_error: str | None = None,
              rho: float = 0.4, lam: float = 0.4) -> Draw:  # fmt: skip
    """Intervals of the response of four units that the fit does not have, in its last period and in the mean of all.

    y_t = rho W y_t + x_t + c + u_t over all N units; the fit has the W of the others, standardised again.
    """
    W, weights, eye = dense_of(w, N), weights_of(w, N), np.eye(N)
    rho, lam = rho * (model in LAG), lam * (model in ERROR)
    A_inverse, B_inverse = np.linalg.inv(eye - rho * W), np.linalg.inv(eye - lam * W)
    fitted = weights.subset(list(range(N - NEW)))
    options = {"entity": "i", "time": "t", "effects": effects}
    options |= {"random_error": random_error} if random_error else {}
    more = {"unit_effects": "mean"} if effects in ("entity", "twoway") else {}

    def results(rng):
        c, x, e = rng.standard_normal(N) * (effects != "none"), *rng.standard_normal((2, T, N))
        u = (e + c) @ B_inverse.T if random_error == "kkp" else e @ B_inverse.T + c
        y = (1 + x + u) @ A_inverse.T
        data = pd.DataFrame({"i": np.tile(np.arange(N), T), "t": np.repeat(np.arange(T), N), "y": y.ravel(),
                             "x": x.ravel()})  # fmt: skip
        old = data["i"] < N - NEW
        fit = getattr(sp, model)("y ~ x", data[old], fitted, **options)
        return y[-1, N - NEW :], fit.predict(data[~old], weights, level=0.95, **more)

    def outcomes(truth, table) -> dict[str, Interval]:
        last = table.xs(T - 1, level="t").loc[range(N - NEW, N)]
        return {f"unit {k + 1}": interval(low, high, truth[k])
                for k, (low, high) in enumerate(zip(last["conf_low"], last["conf_high"]))}  # fmt: skip

    return Draw(results, outcomes)
