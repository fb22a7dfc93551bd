"""Panels whose errors have parts, beside several rho: y = sum_j rho_j W_j y + 1 + x + W x / 2 + mu + nu, nu an AR(1),
of two W or of one W and two regimes; and with weights of observations, nu = v / sqrt(w)."""

from __future__ import annotations

import numpy as np
import pandas as pd

import spatial as sp
import weights as wt

from .cell import Draw, Interval, interval
from .maps import dense_of, weights_of

RHOS, SIGMA2S = (0.3, 0.2), np.array([1.0, 2.0])


def composed(*, what: str, N: int, T: int, effects: str, psi: float = 0.0, phi: float = 1.0) -> Draw:
    """Intervals of every rho, the slope, and of phi and psi where the model has them.

    Parameters
    ----------
    what : {"several", "regimes", "weights"}
        Two W, nearest neighbors and a ring over the units' numbers; rho and sigma2 of two regimes; one rho and weights
        that are lognormal and the same in all periods.
    effects : str
        Random effects have the variance phi, in regimes times that of the errors; with "correlated", and with fixed
        effects, the unit means of x come to it.
    psi : float
        0: independent over time.
    """
    W, w = dense_of("knn", N), weights_of("knn", N)
    codes = (np.arange(N) >= N // 2).astype(int)
    if what == "several":
        apart = np.abs(np.subtract.outer(np.arange(N), np.arange(N)))
        ring = np.isin(np.minimum(apart, N - apart), (1, 2)) / 4
        C, weights = RHOS[0] * W + RHOS[1] * ring, [w, wt.from_dense(ring, list(range(N)))]
        truth = {"rho_1": RHOS[0], "rho_2": RHOS[1], "x": 1.0}
    elif what == "regimes":
        C, weights = np.array(RHOS)[codes][:, None] * W, w
        truth = {"east: rho": RHOS[0], "west: rho": RHOS[1], "east: x": 1.0, "west: x": 1.0}
    else:
        C, weights, truth = RHOS[0] * W, w, {"rho": RHOS[0], "x": 1.0}
    sd = np.sqrt(SIGMA2S[codes]) if what == "regimes" else np.ones(N)
    A_inverse, options = np.linalg.inv(np.eye(N) - C), {"effects": effects}
    options |= {"serial": "ar1"} if psi else {}
    options |= {"regimes": sp.Regimes("region", rho=True, sigma2=True)} if what == "regimes" else {}
    options |= {"obs_weights": "people"} if what == "weights" else {}

    def results(rng):
        x, e = (_autoregressive(rng, N, T, share) for share in (0.5, psi))
        people = np.exp(0.8 * rng.standard_normal(N)) if what == "weights" else np.ones(N)
        mu = np.sqrt(phi) * rng.standard_normal(N) * sd
        if effects in ("correlated", "entity", "twoway"):
            mu = mu + x.mean(axis=0)
        shifts = rng.standard_normal((T, 1)) * (effects == "twoway")
        y = (1 + x + 0.5 * x @ W.T + shifts + mu + e * sd / np.sqrt(people)) @ A_inverse.T
        data = pd.DataFrame({"x": x.ravel(), "y": y.ravel(), "people": np.tile(people, T),
                             "region": np.tile(np.array(["east", "west"])[codes], T),
                             "unit": np.tile(np.arange(N), T), "period": np.repeat(np.arange(T), N)})  # fmt: skip
        return (sp.sdm("y ~ x", data, weights, entity="unit", time="period", **options),)

    def outcomes(fit) -> dict[str, Interval]:
        ends = fit.conf_int()
        measured = {name: interval(*ends.loc[name], value) for name, value in truth.items()}
        table = sp.variance_components(fit).set_index("term")
        for term, value in (("phi", phi), ("psi", psi)):
            if term in table.index:
                measured[term] = interval(*table.loc[term, ["conf_low", "conf_high"]], value)
        return measured

    return Draw(results, outcomes)


def _autoregressive(rng, N: int, T: int, share: float) -> np.ndarray:
    """Stationary, with innovations of variance one."""
    e = rng.standard_normal((T, N))
    e[0] /= np.sqrt(1 - share**2)
    for t in range(1, T):
        e[t] += share * e[t - 1]
    return e
