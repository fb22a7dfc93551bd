"""A dynamic panel whose units enter, leave or miss periods.

    y_t = rho W_t y_t + tau y_{t-1} + eta W_{t-1} y_{t-1} + x_t + theta W_t x_t + c + m_t 1 + e_t

W_t runs over the units that are there in t. Who enters starts at a value of its own, and answers to its neighbors.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

import spatial as sp

from .cell import Draw, Interval, interval
from .maps import dense_of, weights_of

RHO, TAU, ETA, BURN = 0.3, 0.4, -0.1, 20
NAMES = {"lag(y)": "tau", "W:lag(y)": "eta", "x": "beta", "W:x": "theta"}


def gaps(*, model: str, N: int, T: int, kind: str, effects: str = "twoway", method: str = "ml") -> Draw:
    """Intervals of every parameter, of short-run and of long-run effects.

    Parameters
    ----------
    N, T : int
        Units, and periods after the first.
    kind : {"exit", "entry", "holes", "anew"}
        20 % of the units leave; the same, and 20 % come later; 15 % of the pairs are missing, who is away goes on
        alone; the same, and who comes back starts anew.
    """
    seen, W = _pattern(N, T, kind), dense_of("knn", N)
    each = [_cut(W, np.ones(N, dtype=bool))] * BURN + [_cut(W, there) for there in seen]
    inverses, theta = [np.linalg.inv(np.eye(N) - RHO * one) for one in each], 0.5 * (model in ("sdm", "slx"))
    sums, traces, count = 0.0, 0.0, seen[1:].sum()
    for A_inverse, one, there in zip(inverses[BURN + 1 :], each[BURN + 1 :], seen[1:]):
        S = (A_inverse @ (np.eye(N) + theta * one))[np.ix_(there, there)]
        sums, traces = sums + S.sum() / count, traces + np.trace(S) / count
    long = np.linalg.solve((1 - TAU) * np.eye(N) - (RHO + ETA) * W, np.eye(N) + theta * W)
    effect = {"direct": traces, "indirect": sums - traces, "long total": long.sum() / N}
    true = {"lag(y)": TAU, "W:lag(y)": ETA, "x": 1.0, "rho": RHO} | ({"W:x": theta} if theta else {})
    index = pd.MultiIndex.from_product([range(T + 1), range(N)], names=["t", "i"])
    options = {"entity": "i", "time": "t", "effects": effects, "lags": "both", "missing": "period", "method": method}

    def results(rng):
        x, e = rng.standard_normal((2, BURN + T + 1, N))
        c, m, y = rng.standard_normal(N), rng.standard_normal(len(x)) * (effects == "twoway"), np.zeros((len(x), N))
        for t in range(1, len(x)):
            past = TAU * y[t - 1] + ETA * each[t - 1] @ y[t - 1]
            if t > BURN:
                here, before = seen[t - BURN], seen[: t - BURN]
                new = here & (~before[-1] if kind == "anew" else ~before.any(axis=0))
                past = np.where(new, TAU * (c / (1 - TAU) + rng.standard_normal(N)), past)
            y[t] = inverses[t] @ (c + m[t] + past + x[t] + theta * each[t] @ x[t] + e[t])
        data = pd.DataFrame({"y": y[BURN:].ravel(), "x": x[BURN:].ravel()}, index).reset_index()[seen.ravel()]
        fit = getattr(sp, model)("y ~ x", data, weights_of("knn", N), **options)
        run = fit.effects()
        return fit, run.short_run, None if run.no_long_run else run.long_run

    def outcomes(fit, short, long_run) -> dict[str, Interval]:
        ends = fit.conf_int()
        measured = {NAMES.get(name, name): interval(*ends.loc[name], value) for name, value in true.items()}
        for row in short.tidy().itertuples():
            if row.effect in effect:
                measured[row.effect] = interval(row.conf_low, row.conf_high, effect[row.effect])
        if long_run is not None:
            row = long_run.tidy().set_index("effect").loc["total"]
            measured["long total"] = interval(row["conf_low"], row["conf_high"], effect["long total"])
        return measured

    return Draw(results, outcomes)


def _pattern(N: int, T: int, kind: str) -> np.ndarray:
    """Who is there, (T + 1, N): the same in every sample."""
    rng, seen = np.random.default_rng([N, T, 7]), np.ones((T + 1, N), dtype=bool)
    if kind in ("holes", "anew"):
        seen = rng.random(seen.shape) > 0.15
        seen[:2, ~(seen[1:] & seen[:-1]).any(axis=0)] = True
        return seen
    order, share = rng.permutation(N), N // 5
    for i in order[:share]:
        seen[rng.integers(3, T + 1) :, i] = False
    if kind == "entry":
        for i in order[share : 2 * share]:
            seen[: rng.integers(1, T - 1), i] = False
    return seen


def _cut(W: np.ndarray, there: np.ndarray) -> np.ndarray:
    W = W * np.outer(there, there)
    sums = W.sum(axis=1, keepdims=True)
    return np.divide(W, sums, out=np.zeros_like(W), where=sums > 0)
