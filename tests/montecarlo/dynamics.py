"""Dynamic panels with spatial errors, and by unbiased scores; the others are in ``panels``.

    y_t = rho W y_t + tau y_{t-1} + eta W y_{t-1} + x_t + theta W x_t + c + m_t 1 + u_t,    u_t = lambda W u_t + e_t
"""

from __future__ import annotations

import numpy as np
import pandas as pd

import spatial as sp

from .cell import Draw, interval
from .cross import ERROR, LAG, LAGGED_X
from .maps import dense_of, weights_of

TAU, ETA, LAM, BURN = 0.4, -0.1, 0.4, 30
NAMES = {"lag(y)": "tau", "W:lag(y)": "eta", "x": "beta", "W:x": "theta"}


def dynamics(*, model, N, T, w="knn", effects="twoway", rho=0.3, method="ml", lags="both", burn=BURN, errors="normal"):
    """Intervals of every parameter, of the largest root and of the long-run effects, with y_{t-1} and W y_{t-1} among
    the regressors. ``burn``: periods before the first of the sample; the process begins at zero."""
    W, eye = dense_of(w, N), np.eye(N)
    rho, lam, theta = rho * (model in LAG), LAM * (model in ERROR), 0.5 * (model in LAGGED_X)
    A_inverse, B_inverse = np.linalg.inv(eye - rho * W), np.linalg.inv(eye - lam * W)
    S = np.linalg.solve((1 - TAU) * eye - (rho + ETA) * W, eye + theta * W)
    truth = {"rho": rho, "lambda": lam, "lag(y)": TAU, "W:lag(y)": ETA, "x": 1.0, "W:x": theta}
    long = {"long direct": S.trace() / N, "long indirect": (S.sum() - S.trace()) / N, "long total": S.sum() / N}
    root = np.abs(np.linalg.eigvals(A_inverse @ (TAU * eye + ETA * W))).max()
    index = pd.MultiIndex.from_product([range(T + 1), range(N)], names=["t", "i"])
    options = {"entity": "i", "time": "t", "effects": effects, "lags": lags, "method": method}

    def results(rng):
        x, c = rng.standard_normal((burn + T + 1, N)), rng.standard_normal(N)
        m = rng.standard_normal(len(x)) * (effects == "twoway")
        y = np.zeros((len(x), N))
        for t in range(1, len(x)):
            e = rng.standard_normal(N) if errors == "normal" else (rng.chisquare(3, N) - 3) / np.sqrt(6)
            past = TAU * y[t - 1] + ETA * W @ y[t - 1]
            y[t] = A_inverse @ (past + x[t] + theta * W @ x[t] + c + m[t] + B_inverse @ e)
        data = pd.DataFrame({"y": y[burn:].ravel(), "x": x[burn:].ravel()}, index).reset_index()
        fit = getattr(sp, model)("y ~ x", data, weights_of(w, N), **options)
        effects_of = fit.effects()
        return fit, None if effects_of.no_long_run else effects_of.long_run

    def counted(fit, run):
        ends = fit.conf_int()
        measured = {NAMES.get(k, k): interval(*ends.loc[k], v) for k, v in truth.items() if k in ends.index}
        measured["root"] = interval(*fit.stationarity.interval(), root)
        if run is not None:
            ends = zip(run.conf_low[:, 0], run.conf_high[:, 0])
            measured |= {kind: interval(low, high, long[kind]) for kind, (low, high) in zip(long, ends)}
        return measured

    return Draw(results, counted)
