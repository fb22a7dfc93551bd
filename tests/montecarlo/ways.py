"""Effects of units, periods and regions by period: 28 units on a random map, four nearest neighbors, four regions.

A fifth of the links leave their region, so that no transformation is exact. Regressors and outcomes have shocks by
region and period; rho = lambda = .4.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

import spatial as sp
import weights as wt

from .cell import Draw, Interval, interval

N, RHO, THETA = 28, 0.4, 0.5
BEHIND = "y ~ x | i + t + r^t"


def ways(*, model: str, T: int = 10, correction: bool = True, vcov: str | None = None, errors: str = "") -> Draw:
    """Intervals of rho or lambda, of the slope, and of its effects in a model with a lag.

    Parameters
    ----------
    model : {"ols", "sar", "sdm", "sem", "sac"}
        Errors of "ols" are correlated over time by .5, its standard errors clustered by unit.
    vcov : str, optional
    errors : {"", "chi2"}
        Normal, or chi2 with 3 degrees of freedom in units of its standard deviation.
    """
    W, region = _world()
    weights = wt.from_dense(W, ids=list(range(N)))
    spread = np.linalg.inv(np.eye(N) - RHO * W)
    S = spread @ (np.eye(N) + THETA * (model == "sdm") * W)
    truth = {"direct": S.trace() / N, "indirect": (S.sum() - S.trace()) / N, "total": S.sum() / N}
    more = {"vcov": "cluster"} if model == "ols" else {} if vcov is None else {"vcov": vcov}

    def results(rng):
        x = rng.normal(size=(T, N)) + rng.normal(size=(T, 4))[:, region]
        mean = x + rng.normal(size=(T, 4))[:, region] + rng.normal(size=N)
        e = rng.normal(size=(T, N)) if errors != "chi2" else (rng.chisquare(3, size=(T, N)) - 3) / np.sqrt(6)
        if model == "ols":
            for t in range(1, T):
                e[t] = 0.5 * e[t - 1] + np.sqrt(0.75) * e[t]
            y = mean + e
        elif model == "sem":
            y = mean + e @ spread.T
        elif model == "sac":
            y = (mean + e @ spread.T) @ spread.T
        else:
            y = (mean + THETA * (model == "sdm") * x @ W.T + e) @ spread.T
        index = {"i": np.tile(np.arange(N), T), "t": np.repeat(np.arange(T), N), "r": np.tile(region, T)}
        data = pd.DataFrame({"x": x.ravel(), "y": y.ravel(), **index})
        fit = getattr(sp, model)(BEHIND, data, weights, entity="i", time="t", correction=correction, **more)
        return fit, fit.effects() if model in ("sar", "sdm", "sac") else None

    def outcomes(fit, averages) -> dict[str, Interval]:
        ends = fit.conf_int()
        spatial = [name for name in ("rho", "lambda") if name in ends.index]
        measured = {name: interval(*ends.loc[name], RHO) for name in spatial}
        measured["beta"] = interval(*ends.loc["x"], 1.0)
        if averages is not None:
            for row in averages.tidy().query("term == 'x'").itertuples():
                measured[row.effect] = interval(row.conf_low, row.conf_high, truth[row.effect])
        return measured

    return Draw(results, outcomes)


def _world() -> tuple[np.ndarray, np.ndarray]:
    """W and the units' regions, quarters of the map."""
    places = np.random.default_rng(0).uniform(size=(N, 2))
    apart = np.linalg.norm(places[:, None] - places[None], axis=2)
    np.fill_diagonal(apart, np.inf)
    W = np.zeros((N, N))
    np.put_along_axis(W, np.argsort(apart, axis=1)[:, :4], 0.25, axis=1)
    return W, (places[:, 0] > 0.5) * 2 + (places[:, 1] > 0.5)
