"""Panels whose errors are correlated over time: y = rho W y + 1 + x + W x / 2 + mu + nu, nu an AR(1)."""

from __future__ import annotations

import numpy as np
import pandas as pd

import spatial as sp

from .cell import Draw, Interval, interval
from .maps import dense_of, weights_of

RHO = 0.4


def serial(*, model: str, N: int, T: int, psi: float, phi: float = 0.0, effects: str = "none", w: str = "knn",
           random_error: str | None = None) -> Draw:  # fmt: skip
    """Intervals of rho, lambda, the slope, its effects and psi.

    Parameters
    ----------
    model : {"sar", "sdm", "sem"}
        ``sem`` has lambda in the place of rho and no W x.
    psi, phi : float
        Of the errors; the variance of unit effects over that of the innovations. x is correlated over time by .5.
    effects : {"none", "random", "correlated"}
        With "correlated" the unit effects have the unit means of x added.
    """
    W, weights = dense_of(w, N), weights_of(w, N)
    spread = np.linalg.inv(np.eye(N) - RHO * W)
    theta = 0.5 * (model == "sdm")
    S = np.eye(N) if model == "sem" else spread @ (np.eye(N) + theta * W)
    truth = {"direct": S.trace() / N, "indirect": (S.sum() - S.trace()) / N, "total": S.sum() / N}

    def results(rng):
        x, e = (_autoregressive(rng, N, T, share) for share in (0.5, psi))
        mu = np.sqrt(phi) * rng.standard_normal(N) + (effects == "correlated") * x.mean(axis=0)
        if model == "sem":
            u = (mu + e) @ spread.T if random_error != "baltagi" else mu + e @ spread.T
            y = 1 + x + u
        else:
            y = (1 + x + theta * x @ W.T + mu + e) @ spread.T
        index = {"unit": np.tile(np.arange(N), T), "period": np.repeat(np.arange(T), N)}
        data = pd.DataFrame({"x": x.ravel(), "y": y.ravel(), **index})
        more = {"random_error": random_error} if random_error else {}
        fit = getattr(sp, model)("y ~ x", data, weights, entity="unit", time="period", effects=effects, serial="ar1",
                                 **more)  # fmt: skip
        return data, fit, fit.effects()

    def outcomes(_, fit, averages) -> dict[str, Interval]:
        ends, spatial = fit.conf_int(), "lambda" if model == "sem" else "rho"
        measured = {spatial: interval(*ends.loc[spatial], RHO), "beta": interval(*ends.loc["x"], 1.0)}
        table = sp.variance_components(fit).set_index("term")
        measured["psi"] = interval(*table.loc["psi", ["conf_low", "conf_high"]], psi)
        if model != "sem":
            for row in averages.tidy().query("term == 'x'").itertuples():
                measured[row.effect] = interval(row.conf_low, row.conf_high, truth[row.effect])
        return measured

    return Draw(results, outcomes)


def _autoregressive(rng, N: int, T: int, share: float) -> np.ndarray:
    """Stationary, with innovations of variance one."""
    e = rng.standard_normal((T, N))
    e[0] /= np.sqrt(1 - share**2)
    for t in range(1, T):
        e[t] += share * e[t - 1]
    return e
