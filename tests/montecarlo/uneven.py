"""Period effects under W whose rows do not all sum to one: what W y does with a path that all units share.

    python -m tests.montecarlo.uneven [samples] [models]

Two processes, with W of an island among row-standardised rows or over its largest eigenvalue:

    inside    y_t = (I - rho W)^-1 (x_t + theta W x_t + c + a_t 1 + u_t)      the path passes through W
    outside   y_t = a_t 1 + (I - rho W)^-1 (x_t + theta W x_t + c + u_t)      it does not

and three treatments:

    deviations     effects="twoway": W (y - means of periods)
    dummies        effects="entity" and dummies of periods in the formula: W y
    W 1 x period   | unit + period[sums], sums the row sums of W: every period has an effect of W 1 beside that of 1

rho = .4, theta = .5 (sdm), lambda = .3 (sac); a_t is a trend and a random walk of the size ``path`` in standard
deviations of e.
"""

from __future__ import annotations

import sys
import warnings
from itertools import product

import numpy as np
import pandas as pd

import spatial as sp
import weights as wt

RHO, THETA, LAMBDA = 0.4, 0.5, 0.3
SIZES, ROWS, PROCESSES, PATHS = ((31, 8), (60, 6)), ("an island", "spectral"), ("inside", "outside"), (1, 30)
TREATMENTS = ("deviations", "dummies", "W 1 x period")
KEYS = {"entity": "i", "time": "t"}


def matrix(N: int, rows: str) -> np.ndarray:
    """Three nearest neighbors of random places, both ways."""
    places = np.random.default_rng(7).random((N, 2))
    apart = ((places[:, None] - places) ** 2).sum(axis=2) + np.diag(np.full(N, np.inf))
    A = np.zeros((N, N))
    np.put_along_axis(A, np.argsort(apart, axis=1)[:, :3], 1.0, axis=1)
    A = np.maximum(A, A.T)
    if rows == "spectral":
        return A / np.abs(np.linalg.eigvalsh(A)).max()
    A[0], A[:, 0] = 0.0, 0.0
    return A / np.maximum(A.sum(axis=1, keepdims=True), 1.0)


def panel(rng, W: np.ndarray, T: int, model: str, process: str, path: float) -> pd.DataFrame:
    """One sample."""
    N, lam, theta = len(W), LAMBDA * (model == "sac"), THETA * (model == "sdm")
    A, B = (np.linalg.inv(np.eye(N) - r * W) for r in (RHO, lam))
    c = rng.standard_normal(N)
    x = rng.standard_normal((T, N)) + c / 2
    a = path * (np.cumsum(rng.standard_normal(T)) / np.sqrt(T) + np.arange(T) / T)[:, None]
    right = x + theta * x @ W.T + c + rng.standard_normal((T, N)) @ B.T
    y = (right + a) @ A.T if process == "inside" else right @ A.T + a
    return pd.DataFrame({"i": np.tile(np.arange(N), T), "t": np.repeat(np.arange(T), N), "x": x.ravel(),
                         "y": y.ravel(), "sums": np.tile(W.sum(axis=1), T)})  # fmt: skip


def estimated(treatment: str, model: str, data: pd.DataFrame, w):
    """The fit, and the term whose effects are looked at."""
    build = getattr(sp, model)
    if treatment == "dummies":
        lags = {"durbin": ["x"]} if model == "sdm" else {}
        return build("y ~ x + C(t)", data, w, **KEYS, effects="entity", **lags)
    return build("y ~ x | i + t[sums]" if treatment == "W 1 x period" else "y ~ x", data, w, **KEYS)


def cell(size, rows: str, process: str, model: str, path: float, treatment: str, samples: int) -> np.ndarray:
    """Of every sample rho and the indirect effect of x less the truth, and whether their 95 % intervals hold it."""
    N, T = size
    W = matrix(N, rows)
    w = wt.from_dense(W, ids=list(range(N)))
    S = np.linalg.inv(np.eye(N) - RHO * W) @ (np.eye(N) + THETA * (model == "sdm") * W)
    indirect, out = (S.sum() - np.trace(S)) / N, []
    for r in range(samples):
        fit = estimated(treatment, model, panel(np.random.default_rng([12, r]), W, T, model, process, path), w)
        low, high = fit.conf_int().loc["rho"]
        one = fit.effects().tidy().query("term == 'x' and effect == 'indirect'").iloc[0]
        holds = low <= RHO <= high, one.conf_low <= indirect <= one.conf_high
        out.append([fit.rho - RHO, one.estimate - indirect, *holds])
    return np.array(out, dtype=float)


def main() -> None:
    warnings.simplefilter("ignore")
    samples = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    models = sys.argv[2].split(",") if len(sys.argv) > 2 else ("sar", "sdm", "sac")
    print("| model | units x periods, W | process, path | treatment | rho: bias | rmse | cover | indirect: bias | rmse "
          "| cover |")  # fmt: skip
    for model, size, rows, process, path in product(models, SIZES, ROWS, PROCESSES, PATHS):
        for treatment in TREATMENTS:
            errors = cell(size, rows, process, model, path, treatment, samples)
            bias, rmse = errors[:, :2].mean(axis=0), np.sqrt((errors[:, :2] ** 2).mean(axis=0))
            shares = errors[:, 2:].mean(axis=0)
            numbers = " | ".join(f"{b:+.3f} | {e:.3f} | {c:.3f}" for b, e, c in zip(bias, rmse, shares))
            case = f"{model} | {size[0]} x {size[1]}, {rows} | {process}, {path}"
            print(f"| {case} | {treatment} | {numbers} |", flush=True)


if __name__ == "__main__":
    main()
