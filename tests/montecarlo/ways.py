"""Effects of units, periods and regions by period in models of space: coverage with and without the correction.

    python -m tests.montecarlo.ways [samples]

28 units on a random map, four nearest neighbors, ten periods, four regions; a fifth of the links leave their region, so
that no transformation is exact. Regressors and outcomes have shocks by region and period; rho = lambda = .4.
"""

from __future__ import annotations

import sys
import warnings

import numpy as np
import pandas as pd

import spatial as sp
import weights as wt

N, T, RHO = 28, 10, 0.4
BEHIND = "y ~ x | i + t + r^t"
KEYS = {"entity": "i", "time": "t"}


def world() -> tuple[np.ndarray, np.ndarray]:
    """W and the units' regions, quarters of the map."""
    places = np.random.default_rng(0).uniform(size=(N, 2))
    apart = np.linalg.norm(places[:, None] - places[None], axis=2)
    np.fill_diagonal(apart, np.inf)
    W = np.zeros((N, N))
    np.put_along_axis(W, np.argsort(apart, axis=1)[:, :4], 0.25, axis=1)
    return W, (places[:, 0] > 0.5) * 2 + (places[:, 1] > 0.5)


def sample(rng, W: np.ndarray, region: np.ndarray):
    """Estimate, standard error and whether the interval holds the truth, by design."""
    A, w = np.linalg.inv(np.eye(N) - RHO * W), wt.from_dense(W, ids=list(range(N)))
    x = rng.normal(size=(T, N)) + rng.normal(size=(T, 4))[:, region]
    shocks, c, e = rng.normal(size=(T, 4))[:, region], rng.normal(size=N), rng.normal(size=(T, N))
    serial = e.copy()
    for t in range(1, T):
        serial[t] = 0.5 * serial[t - 1] + np.sqrt(0.75) * e[t]
    index = pd.MultiIndex.from_product([range(T), range(N)], names=["t", "i"])
    mean = x + shocks + c
    designs = [
        ("sdm", (mean + 0.5 * x @ W.T + e) @ A.T, "rho", RHO, {}),
        ("sar", (mean + e) @ A.T, "rho", RHO, {}),
        ("sem", mean + e @ A.T, "lambda", RHO, {}),
        ("ols", mean + serial, "x", 1.0, {"vcov": "cluster"}),
    ]
    for model, y, term, truth, more in designs:
        frame = pd.DataFrame({"y": y.ravel(), "x": x.ravel(), "r": np.tile(region, T)}, index=index).reset_index()
        for correction in (True, False) if model in ("sdm", "sar") else (True,):
            fit = getattr(sp, model)(BEHIND, frame, w, correction=correction, **KEYS, **more)
            low, high = fit.conf_int().loc[term]
            yield (model, term, correction), (fit.params[term], fit.std_errors[term], low <= truth <= high)


def main() -> None:
    warnings.simplefilter("ignore")
    W, region = world()
    results: dict = {}
    for r in range(int(sys.argv[1]) if len(sys.argv) > 1 else 150):
        for design, numbers in sample(np.random.default_rng([7, r]), W, region):
            results.setdefault(design, []).append(numbers)
    for (model, term, correction), each in results.items():
        estimate, error, holds = np.array(each, dtype=float).T
        print(f"{model} {term} correction={correction}: mean {estimate.mean():.3f}, standard deviation "
              f"{estimate.std():.3f}, mean standard error {error.mean():.3f}, coverage {holds.mean():.3f} of "
              f"{len(each)}")


if __name__ == "__main__":
    main()
