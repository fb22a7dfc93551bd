"""Tests and intervals outside the models: convergence, chains, thresholds, mediation, regressions before a model."""

from __future__ import annotations

import numpy as np
import pandas as pd

import spatial as sp

from .cell import interval, rejection
from .maps import dense_of, weights_of

KEYS = {"entity": "i", "time": "t"}
LAWS = {
    "normal": lambda rng, size: rng.standard_normal(size), "t4": lambda rng, size: rng.standard_t(4, size),
    "exponential": lambda rng, size: rng.exponential(size=size) - 1,
}  # fmt: skip


def _long(y: np.ndarray, **more: np.ndarray) -> pd.DataFrame:
    """Arrays (T, N) as a frame."""
    T, N = y.shape
    columns = {name: np.ravel(values) for name, values in {"y": y, **more}.items()}
    return pd.DataFrame({"i": np.tile(np.arange(N), T), "t": np.repeat(np.arange(T), N), **columns})


def sigma(*, n, law="normal", rho=0.0, w="queen", persistence=0.9):
    """Pitman and Morgan's test on two periods of one variance, whose units are alike where they are neighbors."""
    weights, inverse, draw_one = weights_of(w, n), np.linalg.inv(np.eye(n) - rho * dense_of(w, n)), LAWS[law]

    def draw(rng):
        x = np.sqrt(persistence) * draw_one(rng, n) + np.sqrt(1 - persistence) * draw_one(rng, (2, n))
        data = _long(np.exp(0.2 * x @ inverse.T))
        test = sp.indicators.sigma_convergence(data, "y", weights, **KEYS).tests["all"]
        return {"sigma convergence": rejection(test.p_value)}

    return draw


def chain(*, n, T, w="queen", root=0.9, permutations=199):
    """LR and Q of a spatial Markov chain where paths are autocorrelated and neighbors do not matter."""
    weights = weights_of(w, n)

    def draw(rng):
        y = np.zeros((T, n))
        y[0] = rng.standard_normal(n) / np.sqrt(1 - root**2)
        for t in range(1, T):
            y[t] = root * y[t - 1] + rng.standard_normal(n)
        options = {"classes": 3, "relative": False, "permutations": permutations, "seed": int(rng.integers(2**31))}
        found = sp.indicators.spatial_markov(_long(y), "y", weights, **options, **KEYS)
        return {f"spatial Markov, {test.name}": rejection(test.p_value) for test in found.tests}

    return draw


def threshold(*, N, T, grid=300, jump=0.5):
    """The interval of a threshold at .3, on a grid coarser than q's values, and of the slopes beside it."""
    def draw(rng):
        q, x, e = rng.standard_normal((3, T, N))
        y = rng.standard_normal(N) + np.where(q <= 0.3, 1.0, 1.0 + jump) * x + e
        found = sp.threshold("y ~ x", _long(y, x=x, q=q), threshold_variable="q", grid=grid, draws=0, **KEYS)
        row, slopes = found.thresholds.iloc[0], found.table
        pairs = zip(("x below", "x above"), (1.0, 1.0 + jump), slopes["conf_low"], slopes["conf_high"])
        return {"threshold": interval(row["conf_low"], row["conf_high"], 0.3)} | {
            name: interval(low, high, truth) for name, truth, low, high in pairs}

    return draw


def no_mediation(*, N, T, a, b, w="knn", draws=199):
    """What passes through a mediator that x does not move, or that does not move y."""
    weights = weights_of(w, N)

    def draw(rng):
        x, e, u = rng.standard_normal((3, T, N))
        m = a * x + rng.standard_normal(N) + u
        data = _long(0.5 * x + b * m + rng.standard_normal(N) + e, x=x, m=m)
        table = sp.mediation("y ~ x", data, weights, variable="x", mediator="m", model="slx", draws=draws,
                             seed=int(rng.integers(2**31)), **KEYS).table  # fmt: skip
        rows = table[table["path"] == "mediated"]
        return {f"mediated, {row.effect}": interval(row.conf_low, row.conf_high, 0.0) for row in rows.itertuples()}

    return draw
