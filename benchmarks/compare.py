"""Many weights: 1,000 W on a panel of 31 units and 13 periods, 100 W on 285 and 20, against a loop over spreg.

    python benchmarks/compare.py                 # 200 and 40 W, some seconds; ratios are per W
    python benchmarks/compare.py --whole         # 1,000 and 100

The peer is ``spreg.ML_LagFE`` given arrays, W X among them (it has no Durbin panel), with unit effects. Ours starts
from a data frame and gives standard errors and posterior probabilities; ``refit`` gives what the peer gives, estimates
and standard errors; a placebo estimates for one W with its units shuffled, and the effects. Every W is new, its
eigenvalues known to nobody. Estimates are compared before anything is timed: rho and beta, which the Lee-Yu correction
does not move with unit effects. CPU seconds of one process, BLAS on one thread; ours and the peer by turns.

Where ``spmixw`` is installed its ``compare_models``, in a loop over 100 W, is set beside ours: slx, sdm and sdem, the
posterior over W and models. It is asked for exact determinants, and W are Gabriel graphs, whose eigenvalues are real:
docs/disagreements.md says why. Its log-marginals are those of ours but for one exponent, which the comparison of
answers puts in.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
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
SIZES = {(31, 13): (200, 1000), (285, 20): (40, 100)}
PEER_LOOPS = 12  # W that the peer is timed on: its loop has no start-up to share


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


def spreg_fit(frame, w):
    """spreg's ML_LagFE with W X among the regressors: (rho, beta of a, seconds)."""
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


def timed(work):
    start = time.process_time()
    return work(), time.process_time() - start


def against_spreg(N, T, count):
    frame, xy = data(N, T)
    how = {"model": sp.sdm, "formula": FORMULA, "data": frame, "entity": "unit", "time": "year", "effects": "entity"}
    sp.compare_weights(dict(candidates(xy, 4, 9)), **how)  # imports
    ws, *fresh = (dict(candidates(xy, count, seed)) for seed in (2, 3, 4, 5, 6))  # no spectrum is known twice
    result = sp.compare_weights(ws, **how)
    few = list(ws)[:PEER_LOOPS]
    theirs = [spreg_fit(frame, ws[name]) for name in few]
    for (rho, beta, _), name in zip(theirs, few):
        alone, one = result[name], result.estimates[name]  # a fit of its own, by all eigenvalues; and that of the stack
        assert abs(alone.rho - rho) < 1e-5, (alone.rho, rho)
        assert abs(alone.params["a"] - beta) < 1e-5, (alone.params["a"], beta)
        assert np.abs((one.params - alone.params) / alone.std_errors).max() < 1e-6
    times, each, lead = {}, [seconds for *_, seconds in theirs], result[few[0]]
    for w, other in (fresh[:2], fresh[2:]):
        _, seconds = timed(lambda w=w: sp.compare_weights(w, **how).glance())
        times.setdefault("compare_weights: standard errors, posterior", []).append(seconds)
        again, seconds = timed(lambda w=other: sp.refit(lead, w=list(w.values()), std_errors=True))
        times.setdefault("refit: estimates, standard errors", []).append(seconds)
        assert np.isfinite(again["rho"]).all()
        placebo, seconds = timed(lambda: sp.placebo_weights(lead, draws=count))
        times.setdefault(f"placebo: {len(placebo.params)} relabellings, effects", []).append(seconds)
        each += [spreg_fit(frame, ws[name])[-1] for name in few[:4]]
    print(f"{count} W, {N} units x {T} periods, SDM; spreg ML_LagFE {1e3 * np.median(each):.1f} ms a W")
    for name, seconds in times.items():
        own = np.median(seconds) / count
        print(f"  {name:<44} {1e3 * own:6.2f} ms a W   {np.median(each) / own:5.0f}x")


def against_spmixw(N=31, T=13, count=100):
    """The posterior over 100 W and three models."""
    from spmixw import compare_models

    from spatial.compare.posterior import integral

    frame, xy = data(N, T)
    rng = np.random.default_rng(5)
    ws = {f"w{i}": wt.gabriel(xy.to_numpy() + 3 * rng.standard_normal(xy.shape), ids=xy.index,
                              metric="planar").standardize("row") for i in range(count)}  # fmt: skip
    prior = sp.Prior("beta", "diffuse", a=1.0)  # uniform over (-1, 1)
    how = {"formula": FORMULA, "data": frame, "entity": "unit", "time": "year", "effects": "entity"}
    how["correction"] = False
    models = [sp.slx, sp.sdm, sp.sdem]
    theirs, seconds = [], []
    for w in ws.values():
        table, took = timed(lambda w=w: compare_models(FORMULA, frame, w.csr, id="unit", time="year", effects="region",
                                                       lflag=0))  # fmt: skip
        theirs.append(table["log_marginal"].to_numpy())
        seconds.append(took)
    same = []  # with its exponent, (N T - 1) / 2, in the place of ours, (N (T - 1) - k) / 2
    for name in ws:
        fits = [model(w=ws[name], **how) for model in models]
        same.append([integral(fit._sample, N * T - 1 + fit._sample.k, prior) for fit in fits])
    gap = np.array(theirs) - np.array(same)  # its intercept among demeaned data: a constant in slx and sdm
    assert np.abs(gap[:, :2] - np.log(N * T) / -2).max() < 1e-3, gap
    sp.compare_weights(dict(list(ws.items())[:4]), model=models, prior=prior, **how).probabilities  # noqa: B018 (imports)
    result, took = timed(lambda: sp.compare_weights(ws, model=models, prior=prior, **how).probabilities)
    print(f"{count} W x slx, sdm, sdem; {N} units x {T} periods; spmixw {1e3 * np.median(seconds):.0f} ms a W")
    print(f"  compare_weights: all of it {1e3 * took / count:16.2f} ms a W   {np.median(seconds) * count / took:5.0f}x")
    print(f"  log-marginals: slx and sdm as ours with its exponent; its sdem {gap[:, 2].mean() - gap[:, 1].mean():.2f} "
          f"higher; sdm alone, its probabilities move {_moved(theirs, same):.0e} of the mass, and "
          f"{_moved(theirs, result.to_numpy()[1::3]):.0%} with our exponent")  # fmt: skip


def _moved(theirs, ours) -> float:
    """Share of the posterior mass of sdm over W that one must move to come from one to the other."""
    logs = np.array(theirs)[:, 1]
    p = np.exp(logs - logs.max())
    q = np.array(ours)
    q = q / q.sum() if q.ndim == 1 else np.exp(q[:, 1] - q[:, 1].max()) / np.exp(q[:, 1] - q[:, 1].max()).sum()
    return float(np.abs(p / p.sum() - q).sum() / 2)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--whole", action="store_true", help="1,000 and 100 W")
    parser.add_argument("--tiny", action="store_true", help="small, once: does it run?")
    options = parser.parse_args()
    sizes = {(12, 5): (4, 4)} if options.tiny else SIZES
    for (N, T), counts in sizes.items():
        against_spreg(N, T, counts[options.whole])
    if importlib.util.find_spec("spmixw"):
        against_spmixw(**({"count": 5} if options.tiny else {}))


if __name__ == "__main__":
    main()
