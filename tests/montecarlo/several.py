"""Two W in one model: y = rho_1 W_1 y + rho_2 W_2 y + 1 + x + W_1 x theta_1 + W_2 x theta_2 + e."""

from __future__ import annotations

import numpy as np
import pandas as pd

import spatial as sp

from .cell import Draw, Interval, interval
from .maps import dense_of, weights_of

RHO = 0.3, 0.3
KINDS = ("direct", "indirect", "total")


def several(*, model: str, n: int, w: tuple[str, str], k: int = 1, rho: tuple[float, float] = RHO, periods: int = 1,
            effects: str = "quadrature", method: str = "ml", vcov: str | None = None, errors: str = "normal",
            weighted: bool = False) -> Draw:  # fmt: skip
    """Intervals of rho_1, rho_2, the first slope, its effects, and its indirect effect through each W.

    Parameters
    ----------
    model : {"sar", "sdm"}
    n, periods, k : int
        Units; periods, with two-way effects of a panel; regressors.
    w : pair of str
        Of ``maps.KINDS``.
    rho : pair of float
    effects : str
        Method of the effects' intervals.
    method, vcov : str
    errors : {"normal", "chi2", "ar"}
        Of one variance; skewed; or correlated by .5 from one period to the next.
    weighted : bool
        Errors of the variance 1 / w, and ``obs_weights``.
    """
    arrays, weights = [dense_of(kind, n) for kind in w], [weights_of(kind, n) for kind in w]
    beta = np.array([1.0, *[0.5 * (-1) ** j for j in range(1, k)]])
    thetas = [0.5 * beta * (model == "sdm"), -0.25 * beta * (model == "sdm")]
    A_inverse = np.linalg.inv(np.eye(n) - rho[0] * arrays[0] - rho[1] * arrays[1])
    S = A_inverse @ (beta[0] * np.eye(n) + thetas[0][0] * arrays[0] + thetas[1][0] * arrays[1])
    channels = [W @ (theta[0] * np.eye(n) + r * S) for W, theta, r in zip(arrays, thetas, rho)]
    truth = dict(zip(KINDS, (S.trace() / n, (S.sum() - S.trace()) / n, S.sum() / n)))
    through = [(C.sum() - C.trace()) / n for C in channels]
    names = [f"x{j + 1}" for j in range(k)]
    keys = {"entity": "unit", "time": "period", "effects": "twoway"} if periods > 1 else {}
    keys |= {"method": method, "vcov": vcov}
    keys |= {"obs_weights": "size"} if weighted else {}

    def results(rng):
        X, e = rng.standard_normal((periods, n, k)), drawn(rng, errors, periods, n)
        size = np.tile(np.exp(0.8 * rng.standard_normal(n)), (periods, 1)) if weighted else np.ones((periods, n))
        e = e / np.sqrt(size)
        shifts = rng.standard_normal(n) + rng.standard_normal((periods, 1)) if periods > 1 else 0.0
        mean = 1 + shifts + X @ beta + sum(np.einsum("ij,tjk,k->ti", W, X, theta) for W, theta in zip(arrays, thetas))
        y = (mean + e) @ A_inverse.T
        data = pd.DataFrame(X.reshape(-1, k), columns=names).assign(y=y.ravel(), size=size.ravel())
        if periods > 1:
            data = data.assign(unit=np.tile(np.arange(n), periods), period=np.repeat(np.arange(periods), n))
        fit = getattr(sp, model)("y ~ " + " + ".join(names), data, weights, **keys)
        return data, fit, fit.effects(method=effects)

    def outcomes(_, fit, averages) -> dict[str, Interval]:
        ends = fit.conf_int()
        true = {"rho_1": rho[0], "rho_2": rho[1], "x1": beta[0]}
        measured = {{"x1": "beta"}.get(name, name): interval(*ends.loc[name], value) for name, value in true.items()}
        for row in averages.tidy().query("term == 'x1'").itertuples():
            measured[row.effect] = interval(row.conf_low, row.conf_high, truth[row.effect])
        own = averages.by_channel().query("term == 'x1' and effect == 'indirect'")
        for row, value in zip(own.itertuples(), through):
            measured[f"indirect, {row.weights}"] = interval(row.conf_low, row.conf_high, value)
        return measured

    return Draw(results, outcomes)


def drawn(rng, errors: str, periods: int, n: int) -> np.ndarray:
    """(periods, n) errors of the variance 1."""
    if errors == "chi2":
        return (rng.chisquare(3, (periods, n)) - 3) / np.sqrt(6)
    e = rng.standard_normal((periods, n))
    for t in range(1, periods) if errors == "ar" else ():
        e[t] = 0.5 * e[t - 1] + np.sqrt(0.75) * e[t]
    return e
