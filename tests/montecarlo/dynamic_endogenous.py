"""A dynamic panel with a regressor that shares the error: c_t = .3 c_{t-1} + v_t + .6 e_t (+ z_t), by GMM."""

from __future__ import annotations

import numpy as np
import pandas as pd

import spatial as sp

from .cell import Draw, Interval, Rejection, interval
from .maps import dense_of, weights_of

RHO, TAU, ETA, BURN = 0.3, 0.4, -0.1, 20
OPTIONS = {"past": {"endog": ["c"]}, "instruments": {"endog": ["c"], "instruments": ["z"]}, "predetermined": {}}


def dynamic_endogenous(*, model: str, N: int, T: int, kind: str) -> Draw:
    """Intervals of every parameter; Hansen's J, and what tells that c is not exogenous.

    Parameters
    ----------
    model : {"slx", "sar", "sdm"}
    N, T : int
        Units, and periods after the first.
    kind : {"past", "instruments", "predetermined"}
        What instruments c. It shares the error of its own period, a predetermined c that of the period before.
    """
    W, weights = dense_of("knn", N), weights_of("knn", N)
    theta, rho = 0.5 * (model != "sar"), RHO * (model != "slx")
    inverse = np.linalg.inv(np.eye(N) - rho * W)
    true = {"lag(y)": TAU, "W:lag(y)": ETA, "x": 1.0, "c": 1.0, "W:x": theta, "W:c": theta, "rho": rho}
    names = {"lag(y)": "tau", "W:lag(y)": "eta", "x": "beta x", "c": "beta c", "W:x": "theta x", "W:c": "theta c"}
    method = sp.ArellanoBond(predetermined=["c"] if kind == "predetermined" else None)

    def results(rng):
        x, z, v, e = rng.standard_normal((4, BURN + T + 1, N))
        unit, period = rng.standard_normal(N), rng.standard_normal(len(x))
        c, y = np.zeros(x.shape), np.zeros(x.shape)
        for t in range(1, len(x)):
            c[t] = 0.3 * c[t - 1] + v[t] + 0.6 * e[t - (kind == "predetermined")] + 0.3 * unit
            c[t] += z[t] * (kind == "instruments")
            mean = TAU * y[t - 1] + ETA * W @ y[t - 1] + x[t] + c[t] + theta * W @ (x[t] + c[t])
            y[t] = inverse @ (mean + unit + period[t] + e[t])
        index = pd.MultiIndex.from_product([range(T + 1), range(N)], names=["t", "i"])
        columns = {"y": y, "x": x, "c": c, "z": z}
        data = pd.DataFrame({name: values[BURN:].ravel() for name, values in columns.items()}, index).reset_index()
        return getattr(sp, model)("y ~ x + c", data, weights, entity="i", time="t", lags="both", method=method,
                                  **OPTIONS[kind])  # fmt: skip

    def outcomes(fit) -> dict[str, Interval | Rejection]:
        ends = fit.conf_int()
        measured: dict[str, Interval | Rejection] = {
            names.get(name, name): interval(*ends.loc[name], true[name]) for name in ends.index
        }
        measured["Hansen J"] = Rejection(sp.instrument_tests(fit)["Hansen J"].p_value < 0.05)
        test = sp.endogeneity_test(fit)["difference in Hansen J of c"]
        return measured | {"c exogenous": Rejection(test.p_value < 0.05, power=True)}

    return Draw(lambda rng: (results(rng),), outcomes)
