"""A dynamic panel whose W moves: y_t = rho W_t y_t + tau y_{t-1} + eta W_{t-1} y_{t-1} + x_t + c + e_t."""

from __future__ import annotations

import numpy as np
import pandas as pd

import spatial as sp
import weights as wt

from .cell import Draw, Interval, interval

RHO, TAU, ETA, BURN = 0.3, 0.4, -0.1, 20


def moving(*, model: str, N: int, T: int, effects: str = "twoway") -> Draw:
    """Intervals of every parameter and of the short-run effects.

    Parameters
    ----------
    model : {"sar", "sdm"}
    N, T : int
        Units, and periods after the first. W has the four nearest neighbors of points that move from period to period.
    effects : {"entity", "twoway"}
    """
    W = np.array([_nearest(np.random.default_rng([N, t]).random((N, 2))) for t in range(BURN + T + 1)])
    weights = wt.TemporalWeights([wt.from_dense(one, ids=list(range(N))) for one in W[BURN:]], pd.RangeIndex(T + 1))
    inverses = np.linalg.inv(np.eye(N) - RHO * W)
    theta = 0.5 * (model == "sdm")
    S = inverses @ (np.eye(N) + theta * W)
    traces, sums = np.trace(S, axis1=1, axis2=2)[BURN + 1 :] / N, S.sum(axis=(1, 2))[BURN + 1 :] / N
    effect = {"direct": traces.mean(), "indirect": (sums - traces).mean(), "total": sums.mean()}
    true = {"lag(y)": TAU, "W:lag(y)": ETA, "x": 1.0, "rho": RHO} | ({"W:x": theta} if theta else {})
    names = {"lag(y)": "tau", "W:lag(y)": "eta", "x": "beta", "W:x": "theta"}

    def results(rng):
        x, e = rng.standard_normal((2, BURN + T + 1, N))
        c, m, y = rng.standard_normal(N), rng.standard_normal(len(x)) * (effects == "twoway"), np.zeros((len(x), N))
        for t in range(1, len(x)):
            mean = c + m[t] + TAU * y[t - 1] + ETA * W[t - 1] @ y[t - 1] + x[t] + theta * W[t] @ x[t]
            y[t] = inverses[t] @ (mean + e[t])
        index = pd.MultiIndex.from_product([range(T + 1), range(N)], names=["t", "i"])
        data = pd.DataFrame({"y": y[BURN:].ravel(), "x": x[BURN:].ravel()}, index).reset_index()
        fit = getattr(sp, model)("y ~ x", data, weights, entity="i", time="t", effects=effects, lags="both")
        return fit, fit.effects().short_run

    def outcomes(fit, averages) -> dict[str, Interval]:
        ends = fit.conf_int()
        measured = {names.get(name, name): interval(*ends.loc[name], value) for name, value in true.items()}
        for row in averages.tidy().itertuples():
            measured[row.effect] = interval(row.conf_low, row.conf_high, effect[row.effect])
        return measured

    return Draw(results, outcomes)


def _nearest(places: np.ndarray) -> np.ndarray:
    D = np.linalg.norm(places[:, None] - places, axis=2) + np.diag(np.full(len(places), np.inf))
    W = np.zeros(D.shape)
    W[np.arange(len(W))[:, None], np.argsort(D, axis=1)[:, :4]] = 1 / 4
    return W
