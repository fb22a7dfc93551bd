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


def missing(
    *, model: str, n: int, w: str, periods: int = 1, vcov: str | None = None, errors: str = "normal",
    weighted: bool = False,
) -> Draw:  # fmt: skip
    """Intervals of rho, lambda, the slope, its effects, and of an outcome that is not observed.

    Parameters
    ----------
    model : {"sar", "sem", "sdm", "sac"}
    n, periods : int
        Units; periods, with two-way effects of a panel.
    w : str
        Of ``maps.KINDS``.
    vcov : str, optional
    errors : {"normal", "chi2", "ar"}
        Those of chi2 with 3 degrees of freedom; "ar" are correlated over time by .5. All have the variance one.
    weighted : bool
        Errors of the variance 1 / w, w lognormal with a standard deviation of .8 of ln w.
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
        size = np.exp(0.8 * rng.standard_normal((periods, n))) if weighted else np.ones((periods, n))
        e = (rng.chisquare(3, e.shape) - 3) / np.sqrt(6) if errors == "chi2" else e / np.sqrt(size)
        for t in range(1, periods * (errors == "ar")):
            e[t] = 0.5 * e[t - 1] + np.sqrt(0.75) * e[t]
        shifts = rng.standard_normal(n) + rng.standard_normal((periods, 1)) if periods > 1 else 0.0
        y = (1 + shifts + x + theta * (x @ W.T) + e @ B.T) @ A.T
        seen = rng.random((periods, n)) >= SHARE
        data = pd.DataFrame({"x": x.ravel(), "y": np.where(seen, y, np.nan).ravel(), "size": size.ravel()})
        if periods > 1:
            data = data.assign(unit=np.tile(np.arange(n), periods), period=np.repeat(np.arange(periods), n))
        fit = getattr(sp, model)("y ~ x", data, weights, missing="model", vcov=vcov, **keys,
                                 obs_weights="size" if weighted else None)  # fmt: skip
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
