"""A share of the outcomes is not observed, and variances go with the number of neighbors."""

from __future__ import annotations

import numpy as np
import pandas as pd

import spatial as sp
import weights as wt

from .adjusted import _linked, _standardized
from .cell import Draw, interval

RHO, LAM, SHARE = 0.4, 0.4, 0.15


def missing_unequal(*, model: str, N: int, T: int = 1, method: str, missing: str = "model", effects: str = "twoway",
                    vcov: str | None = None) -> Draw:  # fmt: skip
    """Intervals of the slope, rho, lambda and the indirect effect.

    Parameters
    ----------
    model : {"sar", "sem", "sdm", "sdem", "sac"}
    N, T : int
        Units, periods; a cross-section where T is 1.
    method : {"ml", "aqs"}
    missing : {"model", "drop", "period"}
    effects : str
    vcov : str, optional
    """
    A = _linked(np.random.default_rng([N, T]), N)
    W, eye = _standardized(A.astype(float)), np.eye(N)
    weights = wt.from_dense(W, ids=list(range(N)))
    lag, error = model in ("sar", "sdm", "sac"), model in ("sem", "sdem", "sac")
    theta = 0.5 * (model in ("sdm", "sdem"))
    back_A, back_B = np.linalg.inv(eye - RHO * lag * W), np.linalg.inv(eye - LAM * error * W)
    degrees = A.sum(axis=1)
    deviations = degrees / np.sqrt(np.mean(degrees**2))
    S = back_A @ (eye + theta * W)
    indirect = (S.sum() - S.trace()) / N
    keys = {"entity": "i", "time": "t", "effects": effects} if T > 1 else {}

    def results(rng):
        x, e = rng.standard_normal((T, N)), deviations * rng.standard_normal((T, N))
        shifts = (rng.standard_normal(N) + rng.standard_normal((T, 1))) * (T > 1)
        y = (1 + shifts + x + theta * (x @ W.T) + e @ back_B.T) @ back_A.T
        y = np.where(rng.random((T, N)) >= SHARE, y, np.nan)
        data = pd.DataFrame({"i": np.tile(np.arange(N), T), "t": np.repeat(np.arange(T), N), "x": x.ravel(),
                             "y": y.ravel()})  # fmt: skip
        data = data if T > 1 else data.set_index("i")
        fit = getattr(sp, model)("y ~ x", data, weights, missing=missing, method=method, vcov=vcov, **keys)
        return fit, None if model in ("sem", "sdem") else fit.effects(method="delta")

    def outcomes(fit, averages) -> dict:
        ends = fit.conf_int()
        truth = {"x": 1.0, "rho": RHO, "lambda": LAM}
        measured = {{"x": "beta"}.get(name, name): interval(*ends.loc[name], value) for name, value in truth.items()
                    if name in ends.index}  # fmt: skip
        if averages is not None:
            row = averages.tidy().set_index("effect").loc["indirect"]
            measured["indirect"] = interval(row["conf_low"], row["conf_high"], indirect)
        return measured

    return Draw(results, outcomes)
