"""A variable that acts through several terms: slopes, contrasts and average predictions."""

from __future__ import annotations

import numpy as np
import pandas as pd

import spatial as sp

from .cell import Draw, Interval, interval
from .maps import dense_of, weights_of

BETA = {"x": 1.0, "I(x ** 2)": 0.3, "x:z": 0.5, "z": -0.5}
AT = {"x": 1.0, "z": 0.5}
KINDS = ("direct", "indirect", "total")


def margins(*, model: str, n: int, w: str, rho: float = 0.4, more: int = 0) -> Draw:
    """Intervals of slopes at x = 1 and z = .5, of the step of x from 0 to 1, of the average prediction at x = 1, and of
    the difference of the coefficients of x and z. ``more`` regressors have no effect.

    y = rho W y + 1 + x + .3 x^2 + .5 x z - .5 z + theta W (the same) + e, theta half of beta in sdm; x, z, e anew.
    """
    W, weights = dense_of(w, n), weights_of(w, n)
    beta = np.array(list(BETA.values()))
    theta = 0.5 * beta * (model == "sdm")
    A_inverse = np.linalg.inv(np.eye(n) - rho * W)

    def expected(x, z):
        X = np.stack([x, x**2, x * z, z], axis=1)
        return A_inverse @ (1 + X @ beta + W @ X @ theta)

    def effects(change):
        """Direct, indirect and total effects of the same change of the terms in every unit."""
        S = A_inverse @ (change @ beta * np.eye(n) + change @ theta * W)
        direct, total = S.trace() / n, S.sum() / n
        return direct, total - direct, total

    slope = effects(np.array([1, 2 * AT["x"], AT["z"], 0]))
    step = effects(np.array([1, 1, AT["z"], 0]))

    def results(rng):
        x, z, e = rng.standard_normal((3, n))
        data = pd.DataFrame({"y": expected(x, z) + A_inverse @ e, "x": x, "z": z})
        data = data.assign(**{f"v{j}": rng.standard_normal(n) for j in range(more)})
        others = "".join(f" + v{j}" for j in range(more))
        return data, getattr(sp, model)(f"y ~ x + I(x**2) + x:z + z{others}", data, weights)

    def outcomes(data, fit) -> dict[str, Interval]:
        of_slope = sp.slopes(fit, "x", at=AT).tidy()
        of_step = sp.contrasts(fit, "x", [0, 1], at={"z": AT["z"]}).tidy()
        level = sp.predictions(fit, at={"x": 1.0}).tidy().iloc[0]
        truth = expected(np.ones(n), data["z"].to_numpy()).mean()
        measured = {"prediction": interval(level["conf_low"], level["conf_high"], truth)}
        row = sp.lincom(fit, "x - z").tidy().iloc[0]
        measured["difference"] = interval(row["conf_low"], row["conf_high"], BETA["x"] - BETA["z"])
        for name, table, values in (("slope", of_slope, slope), ("step", of_step, step)):
            for kind, value, row in zip(KINDS, values, table.itertuples()):
                measured[f"{name}, {kind}"] = interval(row.conf_low, row.conf_high, value)
        return measured

    return Draw(results, outcomes)
