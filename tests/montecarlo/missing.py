"""A fifth of the outcomes is not observed, at random; the process runs on all units."""

from __future__ import annotations

import numpy as np
import pandas as pd

import spatial as sp

from .cell import Draw, Interval, interval
from .maps import dense_of, weights_of

SHARE = 0.2
RHO, LAM = 0.4, 0.4
KINDS = ("direct", "indirect", "total")


def missing(*, model: str, n: int, w: str, periods: int = 1) -> Draw:
    """Intervals of rho, lambda, the slope, its effects, and of an outcome that is not observed.

    Parameters
    ----------
    model : {"sar", "sem", "sdm", "sac"}
    n, periods : int
        Units; periods, with two-way effects of a panel.
    w : str
        Of ``maps.KINDS``.
    """
    W, weights, eye = dense_of(w, n), weights_of(w, n), np.eye(n)
    true = {"rho": RHO * (model != "sem"), "lambda": LAM * (model in ("sem", "sac")), "x": 1.0}
    theta = 0.5 * (model == "sdm")
    A, B = np.linalg.inv(eye - true["rho"] * W), np.linalg.inv(eye - true["lambda"] * W)
    S = A @ (eye + theta * W)
    truth = dict(zip(KINDS, (S.trace() / n, (S.sum() - S.trace()) / n, S.sum() / n)))
    keys = {"entity": "unit", "time": "period", "effects": "twoway"} if periods > 1 else {}

    def results(rng):
        x, e = rng.standard_normal((2, periods, n))
        shifts = rng.standard_normal(n) + rng.standard_normal((periods, 1)) if periods > 1 else 0.0
        y = (1 + shifts + x + theta * (x @ W.T) + e @ B.T) @ A.T
        seen = rng.random((periods, n)) >= SHARE
        data = pd.DataFrame({"x": x.ravel(), "y": np.where(seen, y, np.nan).ravel()})
        if periods > 1:
            data = data.assign(unit=np.tile(np.arange(n), periods), period=np.repeat(np.arange(periods), n))
        fit = getattr(sp, model)("y ~ x", data, weights, missing="model", **keys)
        return fit, None if model == "sem" else fit.effects(), y

    def outcomes(fit, averages, y) -> dict[str, Interval]:
        ends = fit.conf_int()
        measured = {{"x": "beta"}.get(name, name): interval(*ends.loc[name], true[name])
                    for name in ("rho", "lambda", "x") if name in ends.index}  # fmt: skip
        for row in averages.tidy().itertuples() if averages is not None else ():
            measured[row.effect] = interval(row.conf_low, row.conf_high, truth[row.effect])
        table = fit.predict_missing()
        first, t, i = table.iloc[0], *(table.index[0][::-1] if periods > 1 else (0, table.index[0]))
        return measured | {"missing y": interval(first["conf_low"], first["conf_high"], y[t, i])}

    return Draw(results, outcomes)
