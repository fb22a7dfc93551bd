"""Several rho under W that moves, in panels with gaps: two W, two regimes; and errors that are correlated over time."""

from __future__ import annotations

import numpy as np
import pandas as pd

import spatial as sp
import weights as wt

from .cell import Draw, interval
from .moving import _nearest

RHOS, PSI, LAM = np.array([0.4, 0.2]), 0.6, 0.3


def moving_several(*, what: str, model: str, N: int, T: int, gaps: float = 0.0, effects: str = "twoway") -> Draw:
    """Intervals of beta, of every rho, of psi, and of direct and indirect effects.

    Parameters
    ----------
    what : {"several", "regimes", "serial"}
    model : {"sar", "sac"}
        The error of sac has lambda = .3 under the first W.
    N, T : int
    gaps : float
        The share of rows that are absent, the same in every sample; W of each period is that of who is there.
    effects : str
    """
    rng = np.random.default_rng([N, T])
    there = rng.random((T, N)) >= gaps
    matrices = [[_cut(_nearest(rng.random((N, 2))), row) for row in there] for _ in range(2)]
    w = [wt.temporal({t: wt.from_dense(one, ids=list(range(N))) for t, one in enumerate(each)}) for each in matrices]
    codes, regimes = np.arange(N) % 2, what == "regimes"
    rho = RHOS if what == "several" else RHOS[codes] if regimes else RHOS[:1]

    def matrix(t: int) -> np.ndarray:
        if what == "several":
            return rho[0] * matrices[0][t] + rho[1] * matrices[1][t]
        return (rho[:, None] if regimes else rho[0]) * matrices[0][t]

    inverses = np.array([np.linalg.inv(np.eye(N) - matrix(t)) for t in range(T)])
    back = np.array([np.linalg.inv(np.eye(N) - LAM * (model == "sac") * one) for one in matrices[0]])
    direct = np.mean(np.concatenate([np.diag(S)[row] for S, row in zip(inverses, there)]))
    total = sum(S[np.ix_(row, row)].sum() for S, row in zip(inverses, there)) / there.sum()
    options = {"regimes": sp.Regimes("region", terms=[], rho=True)} if regimes else {}
    options |= {"serial": "ar1"} if what == "serial" else {}
    if what == "several" and model == "sac":
        options["w_error"] = w[0]

    def results(rng):
        x, e = rng.standard_normal((2, T, N))
        if what == "serial":
            e[0] /= np.sqrt(1 - PSI**2)
            for t in range(1, T):
                e[t] += PSI * e[t - 1]
        shifts = (rng.standard_normal(N) + rng.standard_normal((T, 1))) * (effects == "twoway")
        y = np.einsum("tij,tj->ti", inverses, x + shifts + np.einsum("tij,tj->ti", back, e))
        index = pd.MultiIndex.from_product([range(T), range(N)], names=["t", "i"])
        data = pd.DataFrame({"y": y.ravel(), "x": x.ravel()}, index).reset_index().assign(region=np.tile(codes, T))
        fit = getattr(sp, model)("y ~ x", data[there.ravel()], w if what == "several" else w[0], entity="i", time="t",
                                 effects=effects, missing="period", **options)  # fmt: skip
        return fit, fit.effects()

    def outcomes(fit, averages) -> dict:
        ends = fit.conf_int()
        spatial = [name for name in ends.index if "rho" in name]
        measured = {"beta": interval(*ends.loc["x"], 1.0)}
        measured |= {f"rho {k + 1}": interval(*ends.loc[name], RHOS[k]) for k, name in enumerate(spatial)}
        if what == "serial":
            measured["psi"] = interval(*fit._settings.serial.interval(1.959964), PSI)
        for row in averages.tidy().query("term == 'x'").itertuples():
            truth = {"direct": direct, "indirect": total - direct, "total": total}[row.effect]
            measured[row.effect] = interval(row.conf_low, row.conf_high, truth)
        return measured

    return Draw(results, outcomes)


def _cut(W: np.ndarray, there: np.ndarray) -> np.ndarray:
    """W among those who are there, rows that sum to one again."""
    own = W * np.outer(there, there)
    sums = own.sum(axis=1, keepdims=True)
    return np.divide(own, sums, where=sums > 0, out=np.zeros_like(own))
