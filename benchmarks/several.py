"""Two W in one model beside one, and their effects: 285 units x 20 periods, then sparse W of more units.

    python benchmarks/several.py [--tiny] [--rounds 5]

spreg, spatialreg and panelbox estimate one W. What is printed are ratios to the spatial Durbin model of one W.
"""

from __future__ import annotations

import argparse
import sys
import time
from itertools import product

sys.path.pop(0)  # this folder, where "weights" would be the benchmark of that name

import numpy as np
import pandas as pd

import spatial as sp
import weights as wt

RHO = 0.3, 0.4


def panel(N: int, T: int, further: int = 20):
    """A frame and two W: 5 and 20 (or fewer) nearest of random places."""
    rng = np.random.default_rng(1)
    ids = [f"u{i:05d}" for i in range(N)]
    places = pd.DataFrame(rng.uniform(size=(N, 2)), index=ids, columns=["x", "y"])
    near, far = (wt.knn(places, k, metric="planar").standardize("row") for k in (5, min(further, N // 3)))
    X = rng.normal(size=(2, N, T))
    A = np.eye(N) - RHO[0] * near.csr.toarray() - RHO[1] * far.csr.toarray() if N <= 2_000 else None
    y = X.sum(axis=0) + rng.normal(size=(N, T))
    if A is None:  # a few terms of the series are enough to have something to estimate
        step = y
        for _ in range(60):
            step = RHO[0] * (near.csr @ step) + RHO[1] * (far.csr @ step)
            y = y + step
    else:
        y = np.linalg.solve(A, y)
    frame = pd.DataFrame(list(product(ids, range(T))), columns=["id", "year"])
    return frame.assign(y=y.ravel(), x=X[0].ravel(), z=X[1].ravel()), near, far


def seconds(function, rounds: int) -> float:
    """Processor time of the shortest of some rounds, after one that compiles and remembers."""
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
    options = parser.parse_args()
    N, T, rounds = (40, 5, 1) if options.tiny else (285, 20, options.rounds)
    frame, near, far = panel(N, T)
    keys = {"entity": "id", "time": "year", "effects": "twoway"}
    one = seconds(lambda: sp.sdm("y ~ x + z", frame, near, **keys), rounds)
    two = seconds(lambda: sp.sdm("y ~ x + z", frame, [near, far], **keys), rounds)
    fit = sp.sdm("y ~ x + z", frame, [near, far], **keys)
    print(f"{N} x {T}, sdm of two W: {two / one:.1f} times one W ({1e3 * two:.0f} ms beside {1e3 * one:.1f} ms)")
    print("  spreg, spatialreg, panelbox: no model with two W")
    for method in ("delta", "quadrature"):
        took = seconds(lambda method=method: fit.effects(method=method), 1)
        print(f"  effects by {method}: {took / one:.0f} times one W's estimation ({1e3 * took:.0f} ms)")
    for n in () if options.tiny else (2_000, 5_000):
        frame, near, far = panel(n, 1, 8)
        data = frame.set_index("id")
        both = near, far.subset_at(np.arange(n))
        took = seconds(lambda data=data, both=both: sp.sar("y ~ x + z", data, both), 1)
        print(f"{n:,} units, sar of two sparse W: {took:.1f} s")


if __name__ == "__main__":
    main()
