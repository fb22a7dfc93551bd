"""Observations with weights w: Var(e) = 1 / w, or errors of one variance in a sample that is drawn with 1 / w.

Weights are lognormal and drawn anew in every sample; with a standard deviation of .8 of ln w the largest of 100 is
about fifty times the smallest. In panels they change over time. Sampling weights go with x: the more x, the less
probable is the unit, and a curved regression makes the weighted line another one than the unweighted; its truth is that
of the population.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

import spatial as sp
import weights as wt

from .cell import Draw, Interval, interval
from .cross import ERROR, LAG, LAGGED_X
from .maps import dense_of, weights_of

CURVE = 0.3  # of x^2 in the population that sampling weights stand for


def weighted(
    *, model: str, n: int, w: str, periods: int = 1, rho: float = 0.4, lam: float = 0.4, method: str = "ml",
    vcov: str | None = None, sampling: bool = False, spread: float = 0.8, shape: str = "",
) -> Draw:  # fmt: skip
    """Intervals of rho, lambda, the slope and, of spatial models, its effects.

    Parameters
    ----------
    model, method, vcov : str
    n, periods : int
        Units; periods, with two-way effects of a panel.
    w : str
        Of ``maps.KINDS``.
    sampling : bool
        Sampling weights: errors have one variance.
    spread : float
        Standard deviation of ln w.
    shape : {"", "moving", "gaps", "random"}
        Of a panel: W whose units change places from period to period, a tenth of the rows not there, random unit
        effects of the variance one.
    """
    if shape:
        return _of_shape(model, n, w, periods, shape, rho * (model in LAG), lam * (model in ERROR), spread, vcov)
    W, eye = dense_of(w, n), np.eye(n)
    rho, lam = rho * (model in LAG), lam * (model in ERROR)
    theta = 0.5 * (model in LAGGED_X)
    A_inverse, B_inverse = np.linalg.inv(eye - rho * W), np.linalg.inv(eye - lam * W)
    S = A_inverse @ (eye + theta * W)
    direct, total = S.trace() / n, S.sum() / n
    truth = {"direct": direct, "indirect": total - direct, "total": total}
    panel = {"entity": "unit", "time": "period", "effects": "twoway"} if periods > 1 else {}
    curve = CURVE * (sampling and model == "ols")

    def results(rng):
        x, size = rng.standard_normal((periods, n)), np.exp(spread * rng.standard_normal((periods, n)))
        e = rng.standard_normal((periods, n))
        if sampling:  # in a sample with density phi(x) / w, w = exp(s x), x has the mean -s
            x, size = x - spread, np.exp(spread * (x - spread))
        else:
            e = e / np.sqrt(size)
        shifts = rng.standard_normal(n) + rng.standard_normal((periods, 1)) if periods > 1 else 0.0
        y = (1 + shifts + x + curve * x**2 + theta * x @ W.T + e @ B_inverse.T) @ A_inverse.T
        data = pd.DataFrame({"y": y.ravel(), "x": x.ravel(), "size": size.ravel()})
        if periods > 1:
            data = data.assign(unit=np.tile(np.arange(n), periods), period=np.repeat(np.arange(periods), n))
        how = {"method": method} if method != "ml" else {}
        fit = getattr(sp, model)("y ~ x", data, weights_of(w, n), vcov=vcov, **how, **panel,
                                 obs_weights=sp.Sampling("size") if sampling else "size")  # fmt: skip
        return data, fit, None if model in ("ols", "sem") else fit.effects()

    def outcomes(_, fit, averages) -> dict[str, Interval]:
        ends = fit.conf_int()
        true = {"x": 1.0, "rho": rho, "lambda": lam}
        measured = {{"x": "beta"}.get(name, name): interval(*ends.loc[name], value) for name, value in true.items()
                    if name in ends.index}  # fmt: skip
        if averages is not None:
            for row in averages.tidy().itertuples():
                measured[row.effect] = interval(row.conf_low, row.conf_high, truth[row.effect])
        return measured

    return Draw(results, outcomes)


def _of_shape(model: str, n: int, w: str, periods: int, shape: str, rho, lam, spread, vcov) -> Draw:
    """Effects where W or the units change, or random ones: intervals of the parameters."""
    effects = "random" if shape == "random" else "twoway"
    keys = {"entity": "unit", "time": "period", "effects": effects, "vcov": vcov, "obs_weights": "size"}
    W = [np.roll(dense_of(w, n), (t, t), (0, 1)) if shape == "moving" else dense_of(w, n) for t in range(periods)]
    weights = weights_of(w, n)
    if shape == "moving":
        weights = wt.temporal({t: wt.from_dense(one, ids=list(range(n))) for t, one in enumerate(W)})
    truth = {"x": ("beta", 1.0), "rho": ("rho", rho), "lambda": ("lambda", lam)}

    def results(rng):
        there = rng.random((periods, n)) > 0.1 * (shape == "gaps")
        x, size = rng.standard_normal((periods, n)), np.exp(spread * rng.standard_normal((periods, n)))
        e, y = rng.standard_normal((periods, n)) / np.sqrt(size), np.zeros((periods, n))
        shifts = 1 + rng.standard_normal(n) + rng.standard_normal((periods, 1)) * (shape != "random")
        for t, at in enumerate(there):
            Wt = W[t][np.ix_(at, at)]
            Wt = Wt / np.maximum(Wt.sum(axis=1, keepdims=True), 1e-300)
            A, B = (np.eye(len(Wt)) - by * Wt for by in (rho, lam))
            y[t, at] = np.linalg.solve(A, (shifts + x)[t, at] + np.linalg.solve(B, e[t, at]))
        data = pd.DataFrame({"y": y.ravel(), "x": x.ravel(), "size": size.ravel()})
        data = data.assign(unit=np.tile(np.arange(n), periods), period=np.repeat(np.arange(periods), n))[there.ravel()]
        return (getattr(sp, model)("y ~ x", data, weights, missing="period" if shape == "gaps" else "error", **keys),)

    def outcomes(fit) -> dict[str, Interval]:
        ends = fit.conf_int()
        return {name: interval(*ends.loc[term], value) for term, (name, value) in truth.items() if term in ends.index}

    return Draw(results, outcomes)
