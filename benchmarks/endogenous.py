"""Panels with an endogenous regressor by moments beside a plain spatial Durbin model: 285 units x 20 periods.

    python benchmarks/endogenous.py [--tiny] [--rounds 5]

What is printed are milliseconds, and ratios to ``sp.sdm`` by maximum likelihood of the same panel.
"""

from __future__ import annotations

import argparse
import sys
import time
from functools import partial

sys.path.pop(0)  # this folder, where "weights" would be the benchmark of that name

import numpy as np
import pandas as pd

import spatial as sp
import weights as wt

MODELS = ("ols", "slx", "sar", "sdm", "sem", "sdem", "sac", "gns")


def panel(N: int, T: int):
    """A frame with c that z moves and that shares the error, and the W of 5 nearest places."""
    rng = np.random.default_rng(1)
    ids = [f"u{i:03d}" for i in range(N)]
    places = pd.DataFrame(rng.uniform(size=(N, 2)), index=ids, columns=["x", "y"])
    w = wt.knn(places, 5, metric="planar").standardize("row")
    x, z, e = rng.normal(size=(3, T, N))
    c = x + z + e
    y = np.linalg.solve(np.eye(N) - 0.4 * w.csr.toarray(), (x + c + 0.5 * e + rng.normal(size=(T, N))).T).T
    frame = pd.DataFrame({name: values.ravel() for name, values in {"y": y, "x": x, "c": c, "z": z}.items()})
    return frame.assign(id=np.tile(ids, T), year=np.repeat(np.arange(T), N)), w


def seconds(function, rounds: int) -> float:
    """Processor time of the shortest of some rounds, after one that compiles."""
    function()
    times = []
    for _ in range(rounds):
        start = time.process_time()
        function()
        times.append(time.process_time() - start)
    return min(times)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--tiny", action="store_true")
    parser.add_argument("--rounds", type=int, default=5)
    args = parser.parse_args()
    N, T = (20, 4) if args.tiny else (285, 20)
    frame, w = panel(N, T)
    keys = {"entity": "id", "time": "year", "effects": "twoway"}
    plain = seconds(lambda: sp.sdm("y ~ x + c", frame, w, **keys), args.rounds)
    print(f"{N} x {T}: sdm by maximum likelihood {1e3 * plain:.1f} ms")
    iv = {"method": "gmm", "endog": ["c"], "instruments": ["z"]}
    for model in MODELS:
        for vcov in ("classical", "cluster"):
            estimate = partial(getattr(sp, model), "y ~ x + c", frame, w, **keys, **iv, vcov=vcov)
            taken = seconds(estimate, args.rounds)
            print(f"{model:5} {vcov:10} {1e3 * taken:8.1f} ms   {taken / plain:5.1f} times")
    taken = seconds(lambda: sp.sdm("y ~ x + c", frame, w, **{**keys, "effects": "random"}, **iv), args.rounds)
    print(f"sdm   random     {1e3 * taken:8.1f} ms   {taken / plain:5.1f} times")


if __name__ == "__main__":
    main()
