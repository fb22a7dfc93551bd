"""A regressor that shares the error: y = rho W y + x + c + W x theta + W c theta + u, c = z_1 + z_2 + .3 x + v."""

from __future__ import annotations

import numpy as np
import pandas as pd

import spatial as sp

from .cell import Draw, Interval, interval
from .cross import ERROR, LAG, LAGGED_X
from .maps import dense_of, weights_of

THETA, SERIAL, SHARED = 0.5, 0.5, 0.6


def endogenous(*, model: str, n: int, T: int = 1, w: str = "knn", effects: str | None = None, errors: str = "normal",
               vcov: str = "classical", rho: float = 0.3, lam: float = 0.4, strength: float = 0.7,
               sets: bool = False) -> Draw:  # fmt: skip
    """Intervals of the spatial parameters, of the endogenous slope and of its effects.

    Parameters
    ----------
    effects : {None, "entity", "twoway", "random"}
        Of a panel; unit effects follow z_1 unless they are random, and are inside the error process then.
    errors : {"normal", "units", "serial"}
        "units": variances that differ between units; "serial": AR(.5) within units, too.
    strength : float
        What the instruments add to c.
    sets : bool
        Anderson & Rubin's sets in the place of intervals; the slope alone.
    """
    W, weights = dense_of(w, n), weights_of(w, n)
    theta = THETA * (model in LAGGED_X)
    true = {"rho": rho * (model in LAG), "lambda": lam * (model in ERROR), "c": 1.0, "W:c": theta}
    A_inverse, B_inverse = (np.linalg.inv(np.eye(n) - true[p] * W) for p in ("rho", "lambda"))
    S = A_inverse @ (np.eye(n) + theta * W)
    averages = {"direct": S.trace() / n, "indirect": (S.sum() - S.trace()) / n, "total": S.sum() / n}
    keys = {"entity": "i", "time": "t", "effects": effects} if T > 1 else {}

    def sample(rng) -> pd.DataFrame:
        x, z1, z2, v, e = rng.standard_normal((5, T, n))
        for t in range(1, T if errors == "serial" else 0):
            e[t] = SERIAL * e[t - 1] + np.sqrt(1 - SERIAL**2) * e[t]
        if errors in ("units", "serial"):
            e = e * np.sqrt(np.linspace(0.2, 1.8, n))
        c = strength * (z1 + z2) + 0.3 * x + 0.8 * v + SHARED * e
        unit = rng.standard_normal(n) + (z1.mean(axis=0) if effects in ("entity", "twoway") else 0.0)
        unit = unit * (T > 1 and effects != "none")
        period = rng.standard_normal((T, 1)) * (effects == "twoway")
        inside = effects == "random"
        mean = 1 + x + c + theta * (x + c) @ W.T + period + unit * (not inside)
        y = (mean + (e + unit * inside) @ B_inverse.T) @ A_inverse.T
        columns = {"y": y, "x": x, "c": c, "z1": z1, "z2": z2}
        data = pd.DataFrame({name: values.ravel() for name, values in columns.items()})
        return data.assign(i=np.tile(np.arange(n), T), t=np.repeat(np.arange(T), n)) if T > 1 else data

    def results(rng):
        data = sample(rng)
        fit = getattr(sp, model)("y ~ x + c", data, weights, method="gmm", endog=["c"], instruments=["z1", "z2"],
                                 vcov=vcov, **keys)  # fmt: skip
        return data, fit, None if sets or model in ("ols", "sem") else fit.effects()

    def outcomes(_, fit, impacts) -> dict[str, Interval]:
        if sets:
            table = sp.anderson_rubin(fit).query("term == 'c'")
            holds = bool(((table["conf_low"] <= 1) & (table["conf_high"] >= 1)).any())
            zero = bool(((table["conf_low"] <= 0) & (table["conf_high"] >= 0)).any())
            return {"beta": Interval(holds, float((table["conf_high"] - table["conf_low"]).sum()), not zero)}
        ends, words = fit.conf_int(), {"c": "beta", "W:c": "theta"}
        measured = {words.get(name, name): interval(*ends.loc[name], true[name]) for name in true if name in ends.index}
        if impacts is not None:
            for row in impacts.tidy().query("term == 'c'").itertuples():
                measured[row.effect] = interval(row.conf_low, row.conf_high, averages[row.effect])
        return measured

    return Draw(results, outcomes)
