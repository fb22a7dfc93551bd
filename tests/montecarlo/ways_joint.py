"""Effects of units, periods and regions by period beside two W, rho by regime, or errors that are correlated over time:
28 units on the map of ``ways``, four regions, a fifth of the links across them."""

from __future__ import annotations

import numpy as np
import pandas as pd

import spatial as sp
import weights as wt

from .cell import Draw, Interval, interval
from .ways import BEHIND, THETA, N, _world

RHOS, LAM, PSI = (0.4, 0.2), 0.3, 0.5


def ways_joint(*, model: str, kind: str, T: int = 10, vcov: str | None = None, behind: str = BEHIND) -> Draw:
    """Intervals of every spatial parameter, of psi and of the slope.

    Parameters
    ----------
    model : {"sar", "sdm", "sem", "sac"}
    kind : {"two W", "regimes", "serial"}
        rho_1 = .4, rho_2 = .2 under neighbors and a second ring of them, an error under the first; rho = .4 and .2,
        lambda .3 and .3 and standard deviations 1 and 1.5 by regime; psi = .5.
    vcov : str, optional
    behind : str
        The formula. Shocks are of regions and periods, or trends of regions, as it has them; trends of units with i[t].
    """
    W, region = _world()
    second = np.roll(np.eye(N), 3, axis=1) / 2 + np.roll(np.eye(N), -5, axis=1) / 2
    one, other = (wt.from_dense(matrix, ids=list(range(N))) for matrix in (W, second))
    half, lag, error = np.arange(N) % 2, model != "sem", model in ("sem", "sac")
    rows = np.where(half, *RHOS[::-1])[:, None] if kind == "regimes" else RHOS[0]
    A = np.eye(N) - lag * (rows * W + RHOS[1] * second * (kind == "two W"))
    A, B = np.linalg.inv(A), np.linalg.inv(np.eye(N) - error * LAM * W)
    years = np.linspace(-1, 1, T)[:, None]
    more = {"w_error": one} if error and kind == "two W" else {}
    if kind == "regimes":
        more["regimes"] = sp.Regimes("half", terms=[], rho=lag, lam=error, sigma2=True)
    more |= {"serial": "ar1"} if kind == "serial" else {}
    more |= {} if vcov is None else {"vcov": vcov}

    def results(rng):
        shocks = rng.normal(size=(2, T, 4)) if "r^t" in behind else years * rng.normal(size=(2, 1, 4))
        x = rng.normal(size=(T, N)) + shocks[0][:, region]
        mean = x + THETA * (model == "sdm") * x @ W.T
        mean += shocks[1][:, region] + rng.normal(size=N) + years * rng.normal(size=N) * ("i[t]" in behind)
        e = rng.normal(size=(T, N)) * (1 + half / 2 * (kind == "regimes"))
        if kind == "serial":
            e[0] /= np.sqrt(1 - PSI**2)
            for t in range(1, T):
                e[t] += PSI * e[t - 1]
        y = (mean + e @ B.T) @ A.T
        index = {"i": np.tile(np.arange(N), T), "t": np.repeat(np.arange(T), N), "r": np.tile(region, T)}
        data = pd.DataFrame({"x": x.ravel(), "y": y.ravel(), "half": np.tile(half, T), **index})
        weights = [one, other] if kind == "two W" else one
        return (getattr(sp, model)(behind, data, weights, entity="i", time="t", **more),)

    truths = {"rho": RHOS[0], "rho_1": RHOS[0], "rho_2": RHOS[1], "half = 0: rho": RHOS[0], "half = 1: rho": RHOS[1],
              "lambda": LAM, "lambda_1": LAM, "lambda_2": 0.0, "half = 0: lambda": LAM, "half = 1: lambda": LAM,
              "x": 1.0}  # fmt: skip

    def outcomes(fit) -> dict[str, Interval]:
        ends = fit.conf_int()
        measured = {{"x": "beta"}.get(name, name.replace("half = ", "")): interval(*ends.loc[name], truths[name])
                    for name in ends.index if name in truths}  # fmt: skip
        if kind == "serial":
            measured["psi"] = interval(*fit._settings.serial.interval(1.959964), PSI)
        return measured

    return Draw(results, outcomes)
