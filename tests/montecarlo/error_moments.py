"""Moments of a spatial error in panels: errors that reach others later, weights of rows, further effects, two W.

    y = rho W y + x + a_i + c_t + u,    u = lambda_1 M_1 u + lambda_2 M_2 u + e
"""

from __future__ import annotations

import numpy as np
import pandas as pd

import spatial as sp
import weights as wt

from .cell import Draw, interval
from .maps import dense_of

RHO, LAM, SECOND, DELAYED = 0.3, 0.4, 0.25, 0.8
KINDS = ("delayed", "weights", "ways", "two")


def error_moments(*, model: str, n: int, T: int, kind: str, vcov: str = "classical") -> Draw:
    """Intervals of rho, of every lambda, and of the slope.

    Parameters
    ----------
    kind : {"delayed", "weights", "ways", "two"}
        "delayed": e and x of a unit are in those of another unit one period later; "weights": variances are one over
        weights; "ways": effects of region by period; "two": two W of the error.
    """
    M, ids = dense_of("knn", n), list(range(n))
    second = M @ M * (1 - np.eye(n))
    second /= second.sum(axis=1, keepdims=True)
    first, other = (wt.from_dense(A, ids=ids) for A in (M, second))
    two = kind == "two"
    true = {"x": 1.0, **({"rho": RHO} if model == "sac" else {})}
    true |= {"lambda_1": LAM, "lambda_2": SECOND} if two else {"lambda": LAM}
    A_inverse = np.linalg.inv(np.eye(n) - true.get("rho", 0.0) * M)
    B_inverse = np.linalg.inv(np.eye(n) - LAM * M - SECOND * two * second)
    design = np.random.default_rng([n, T])
    people, region, order = design.uniform(0.4, 3, n), np.arange(n) * 6 // n, design.permutation(n)
    i, t = np.tile(np.arange(n), T), np.repeat(np.arange(T), n)

    def sample(rng) -> pd.DataFrame:
        x, e = rng.standard_normal((2, T, n))
        if kind == "delayed":
            x[1:], e[1:] = x[1:] + DELAYED * x[:-1, order], e[1:] + DELAYED * e[:-1, order]
        unit, period = rng.standard_normal(n) + x.mean(axis=0), rng.standard_normal((T, 1))
        e = e / np.sqrt(people) if kind == "weights" else e
        local = rng.standard_normal((T, 6))[:, region] * (kind == "ways")
        y = (1 + x + unit + period + local + e @ B_inverse.T) @ A_inverse.T
        return pd.DataFrame({"y": y.ravel(), "x": x.ravel(), "i": i, "t": t, "r": region[i], "people": people[i]})

    more: dict = {"obs_weights": "people"} if kind == "weights" else {}
    more |= {"w_error": [first, other]} if two and model == "sac" else {}
    w = [first, other] if two and model != "sac" else first

    def results(rng):
        formula = "y ~ x | i + t + r^t" if kind == "ways" else "y ~ x"
        fit = getattr(sp, model)(formula, sample(rng), w, entity="i", time="t", method="gmm", vcov=vcov, **more)
        return (fit,)

    def outcomes(fit):
        ends = fit.conf_int()
        return {{"x": "beta"}.get(name, name): interval(*ends.loc[name], value) for name, value in true.items()}

    return Draw(results, outcomes)
