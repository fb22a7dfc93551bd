"""Random unit effects of units that enter and leave: y_t = rho W_t y_t + 1 + x_t + theta W_t x_t + u_t."""

from __future__ import annotations

import numpy as np
import pandas as pd

import spatial as sp

from .cell import Draw, Interval, interval
from .maps import dense_of, weights_of

RHO, LAM, SIGMA_MU = 0.4, 0.4, 1.0
LEAST = 3  # periods that a unit is there


def random_gaps(
    *, model: str, N: int, T: int, w: str = "knn", effects: str = "random", random_error: str | None = None,
    errors: str = "normal", vcov: str | None = None, method: str = "ml",
) -> Draw:  # fmt: skip
    """Intervals of the parameters, of sigma2_mu and of the effects.

    Parameters
    ----------
    model : {"sar", "sdm", "sem"}
    N, T : int
        Each unit is there for 3 to T periods in a row, the same in all samples; W_t is that of the units that are,
        row-standardised again.
    effects : {"random", "correlated"}
        Unit effects follow the mean of x over the unit's periods where they are "correlated".
    random_error : {"kkp", "baltagi"}
        Where unit effects are in a spatial error.
    errors : {"normal", "units"}
        "units": standard deviations that differ between units.
    """
    there = spells(N, T)
    W = np.array([among(dense_of(w, N), row) for row in there])
    eye, weights = np.eye(N), weights_of(w, N)
    rho, lam, theta = RHO * (model != "sem"), LAM * (model == "sem"), 0.5 * (model == "sdm")
    A_inverse, B_inverse = (np.linalg.inv(eye - by * W) for by in (rho, lam))
    S = A_inverse @ (eye + theta * W)
    direct = np.trace(S * there[:, None, :], axis1=1, axis2=2).sum() / there.sum()
    total = (S * there[:, :, None] * there[:, None, :]).sum() / there.sum()
    true = {"rho": rho, "lambda": lam, "x": 1.0, "W:x": theta}
    average = {"direct": direct, "indirect": total - direct, "total": total}
    options = {"entity": "i", "time": "t", "effects": effects, "missing": "period", "vcov": vcov,
               "method": method}  # fmt: skip
    options |= {"random_error": random_error} if random_error else {}
    scale = np.sqrt(np.linspace(0.2, 1.8, N)) if errors == "units" else 1.0
    index = pd.MultiIndex.from_product([range(T), range(N)], names=["t", "i"])

    def results(rng):
        x, e = rng.standard_normal((2, T, N))
        mu = SIGMA_MU * rng.standard_normal(N)
        if effects == "correlated":
            mu = mu + (x * there).sum(axis=0) / there.sum(axis=0)
        inside = random_error == "kkp"
        u = np.einsum("tij,tj->ti", B_inverse, (scale * e + mu * inside) * there) + mu * (not inside)
        mean = 1.0 + x + theta * np.einsum("tij,tj->ti", W, x)
        y = np.einsum("tij,tj->ti", A_inverse, (mean + u) * there)
        data = pd.DataFrame({"y": y.ravel(), "x": x.ravel()}, index).reset_index()[there.ravel()]
        fit = getattr(sp, model)("y ~ x", data, weights, **options)
        return fit, None if model == "sem" else fit.effects()

    def outcomes(fit, averages) -> dict[str, Interval]:
        ends = fit.conf_int()
        names = {"x": "beta", "W:x": "theta"}
        measured = {names.get(name, name): interval(*ends.loc[name], value)
                    for name, value in true.items() if name in ends.index}  # fmt: skip
        if method == "ml":
            components = sp.variance_components(fit).set_index("term").loc["sigma2_mu"]
            measured["sigma2_mu"] = interval(components["conf_low"], components["conf_high"], SIGMA_MU**2)
        if averages is not None:
            for row in averages.tidy().query("term == 'x'").itertuples():
                measured[row.effect] = interval(row.conf_low, row.conf_high, average[row.effect])
        return measured

    return Draw(results, outcomes)


def spells(N: int, T: int) -> np.ndarray:
    """Which units are there, (T, N): spells of 3 to T periods that begin at any time."""
    rng = np.random.default_rng([N, T])
    length = rng.integers(LEAST, T + 1, N)
    first = (rng.random(N) * (T - length + 1)).astype(int)
    t = np.arange(T)[:, None]
    return (t >= first) & (t < first + length)


def among(W: np.ndarray, there: np.ndarray) -> np.ndarray:
    """W of those who are there, row-standardised again."""
    V = W * np.outer(there, there)
    sums = V.sum(axis=1, keepdims=True)
    return np.divide(V, sums, out=np.zeros_like(V), where=sums > 0)
