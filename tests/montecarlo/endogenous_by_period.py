"""Endogenous regressors by moments in panels with gaps, with W that moves, or whose rows do not sum to one."""

from __future__ import annotations

import numpy as np
import pandas as pd

import spatial as sp
import weights as wt

from .cell import Draw, Interval, interval
from .cross import ERROR, LAG, LAGGED_X
from .maps import dense_of

RHO, LAM, THETA, SHARED, STRENGTH, ABSENT = 0.3, 0.4, 0.5, 0.6, 0.7, 0.15


def endogenous_by_period(
    *, model: str, n: int, T: int, shape: str, effects: str = "twoway", vcov: str = "classical"
) -> Draw:
    """Intervals of the spatial parameters, of the endogenous slope and of its effects.

    Parameters
    ----------
    shape : {"moving", "gaps", "uneven"}
        Other neighbors in every period; 15 % of the rows absent, the process among those that are there; a spectral W.
    effects : {"none", "entity", "time", "twoway"}
    """
    each, there, weights = shaped(shape, n, T)
    theta = THETA * (model in LAGGED_X)
    true = {"rho": RHO * (model in LAG), "lambda": LAM * (model in ERROR), "c": 1.0, "W:c": theta}
    A_inverse, B_inverse = (np.linalg.inv(np.eye(n) - true[p] * each) for p in ("rho", "lambda"))
    S = A_inverse @ (np.eye(n) + theta * each)
    absent, rows = (~there).sum(), there.sum()  # those who are absent have no links
    direct, total = (np.trace(S, axis1=1, axis2=2).sum() - absent) / rows, (S.sum() - absent) / rows
    averages = {"direct": direct, "indirect": total - direct, "total": total}
    i, t = np.tile(np.arange(n), T), np.repeat(np.arange(T), n)

    def sample(rng) -> pd.DataFrame:
        x, z1, z2, v, e = rng.standard_normal((5, T, n))
        c = STRENGTH * (z1 + z2) + 0.3 * x + 0.8 * v + SHARED * e
        unit = (rng.standard_normal(n) + z1.mean(axis=0)) * (effects in ("entity", "twoway"))
        period = rng.standard_normal((T, 1)) * (effects in ("time", "twoway"))
        y = times(A_inverse, 1 + x + c + theta * times(each, x + c) + period + unit + times(B_inverse, e))
        columns = {"y": y, "x": x, "c": c, "z1": z1, "z2": z2}
        data = pd.DataFrame({name: values.ravel() for name, values in columns.items()}).assign(i=i, t=t)
        return data[there.ravel()]

    def results(rng):
        fit = getattr(sp, model)("y ~ x + c", sample(rng), weights, entity="i", time="t", effects=effects, method="gmm",
                                 endog=["c"], instruments=["z1", "z2"], missing="period", vcov=vcov)  # fmt: skip
        return fit, None if model == "sem" else fit.effects()

    def outcomes(fit, impacts) -> dict[str, Interval]:
        ends, words = fit.conf_int(), {"c": "beta", "W:c": "theta"}
        measured = {words.get(name, name): interval(*ends.loc[name], true[name]) for name in true if name in ends.index}
        if impacts is not None:
            for row in impacts.tidy().query("term == 'c'").itertuples():
                measured[row.effect] = interval(row.conf_low, row.conf_high, averages[row.effect])
        return measured

    return Draw(results, outcomes)


def times(matrices: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Each period's matrix times its row of (T, n)."""
    return np.einsum("tij,tj->ti", matrices, values)


def shaped(shape: str, n: int, T: int) -> tuple[np.ndarray, np.ndarray, object]:
    """W of every period (T, n, n), who is there (T, n), and W as the models take it."""
    W, there, ids = dense_of("knn", n), np.ones((T, n), dtype=bool), list(range(n))
    if shape == "moving":
        orders = (np.random.default_rng([n, t]).permutation(n) for t in range(T))
        each = np.array([W[np.ix_(order, order)] for order in orders])
        return each, there, wt.temporal({t: wt.from_dense(one, ids=ids) for t, one in enumerate(each)})
    if shape == "gaps":
        there = np.random.default_rng(n).random((T, n)) > ABSENT
        links = np.array([W * np.outer(row, row) for row in there])
        sums = links.sum(axis=2, keepdims=True)
        return links / np.where(sums > 0, sums, 1), there, wt.from_dense(W, ids=ids).standardize("row")
    weights = wt.from_dense((W + W.T > 0) * 1.0, ids=ids).standardize("spectral")
    return np.array([weights.csr.toarray()] * T), there, weights
