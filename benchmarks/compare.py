"""Many weights: 1,000 W on a panel of 31 units and 13 periods, 100 W on 285 and 20, against a loop over spreg.

    python benchmarks/compare.py                 # 200 and 20 W, some minutes; ratios are per W
    python benchmarks/compare.py --whole         # 1,000 and 100

The peer is ``spreg.ML_LagFE`` given arrays, W X among them (it has no Durbin panel), with unit effects. Ours starts
from a data frame and gives standard errors, and posterior probabilities too; ``refit`` gives estimates alone, a placebo
those of one W with its units shuffled. Estimates are compared before anything is timed: rho and beta, which the Lee-Yu
correction does not move with unit effects. CPU seconds of one process, BLAS on one thread.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import sys
import time
import warnings

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
sys.path.pop(0)  # this folder, where "weights" would be the benchmark of that name

import numpy as np
import pandas as pd

import spatial as sp
import weights as wt

FORMULA = "y ~ a + b"
SIZES = {(31, 13): (200, 1000), (285, 20): (20, 100)}
PEER_LOOPS = 10  # W that the peer is timed on: its loop has no start-up to share


def data(N, T, seed=1):
    """A panel made with a spatial lag over five nearest points, and points to draw W from."""
    rng = np.random.default_rng(seed)
    xy = pd.DataFrame(rng.random((N, 2)) * 100, columns=["x", "y"], index=[f"u{i:03d}" for i in range(N)])
    W = wt.knn(xy.to_numpy(), 5, ids=xy.index, metric="planar").standardize("row").csr
    a, b = rng.standard_normal((2, T, N))
    A = np.eye(N) - 0.4 * W.toarray()
    y = np.linalg.solve(A, (a - 0.5 * b + 0.3 * (W @ a.T).T + rng.standard_normal((T, N))).T).T
    frame = pd.DataFrame({"unit": np.tile(xy.index, T), "year": np.repeat(np.arange(T), N), "y": y.ravel(),
                          "a": a.ravel(), "b": b.ravel()})  # fmt: skip
    return frame, xy


def candidates(xy, count, seed):
    """Different W of one kind: k nearest of points that were moved a little."""
    rng = np.random.default_rng(seed)
    for i in range(count):
        moved = xy.to_numpy() + rng.standard_normal(xy.shape)
        yield f"w{i}", wt.knn(moved, 3 + i % 6, ids=xy.index, metric="planar").standardize("row")


def peer(frame, w):
    """spreg's ML_LagFE with W X among the regressors: (rho, beta of a)."""
    from spreg import ML_LagFE

    T = frame["year"].nunique()
    y = frame["y"].to_numpy().reshape(-1, 1)
    X = frame[["a", "b"]].to_numpy()
    WX = np.concatenate([w.csr @ part for part in np.split(X, T)])
    W = w.to_W()
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        start = time.process_time()
        fit = ML_LagFE(y, np.column_stack([X, WX]), w=W)
        return float(fit.rho), float(np.ravel(fit.betas)[0]), time.process_time() - start


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--whole", action="store_true", help="1,000 and 100 W")
    whole = parser.parse_args().whole
    for (N, T), counts in SIZES.items():
        frame, xy = data(N, T)
        ws, fresh = (dict(candidates(xy, counts[whole], seed)) for seed in (2, 3))  # no spectrum is known twice
        how = {"entity": "unit", "time": "year", "effects": "entity"}
        warm = sp.compare_weights(dict(candidates(xy, 3, 4)), model=sp.sdm, formula=FORMULA, data=frame, **how)
        warm.probabilities  # noqa: B018
        start = time.process_time()
        found = sp.compare_weights(ws, model=sp.sdm, formula=FORMULA, data=frame, **how)
        fitted = time.process_time() - start
        found.probabilities  # noqa: B018 (computed on first use)
        judged = time.process_time() - start
        lead = next(iter(found.fits.values()))
        start = time.process_time()
        again = sp.refit(lead, w=list(fresh.values()))
        refitted = time.process_time() - start
        start = time.process_time()
        placebo = sp.placebo_weights(lead, draws=counts[whole])
        shuffled = time.process_time() - start
        theirs = [peer(frame, w) for w in list(ws.values())[:PEER_LOOPS]]
        same = sp.refit(lead, w=list(ws.values())[:PEER_LOOPS])["rho"]
        assert np.isfinite(again["rho"]).all()
        for (rho, beta, _), fit, other in zip(theirs, found.fits.values(), same):
            assert abs(fit.rho - rho) < 1e-5, (fit.rho, rho)
            assert abs(fit.params["a"] - beta) < 1e-5, (fit.params["a"], beta)
            assert abs(other - fit.rho) < 1e-9
        each = np.median([seconds for *_, seconds in theirs])
        n = len(ws)
        print(f"{n} W, {N} units x {T} periods, SDM; spreg ML_LagFE {1e3 * each:.1f} ms a W")
        times = {
            "compare_weights, standard errors": fitted, "with posterior probabilities": judged,
            "refit, estimates": refitted, f"placebo, {len(placebo.params)} relabellings": shuffled,
        }  # fmt: skip
        for name, seconds in times.items():
            print(f"  {name:<36} {1e3 * seconds / n:6.2f} ms a W   {each * n / seconds:5.0f}x")


if __name__ == "__main__":
    main()
