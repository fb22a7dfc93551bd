"""Many ways of effects beside pyfixest: least squares clustered by unit, coefficients agreeing first.

    python benchmarks/ways.py [--tiny] [--rounds 7]

pyfixest keeps its default tolerance, 1e-6; ours is 1e-12, and its count of the degrees of freedom is exact.
"""

from __future__ import annotations

import argparse
import sys
import time
import warnings

sys.path.pop(0)  # this folder, where "weights" would be the benchmark of that name

import numpy as np
import pandas as pd
from scipy import sparse

import spatial as sp
from spillover.matrix import SpatialWeights

WAYS = ("i + t + r^t", "i + r^t + ind^t", "i + t + ind")
FORMULA = "y ~ x + z + v"


def panel(N: int, T: int, regions: int, industries: int) -> tuple[pd.DataFrame, SpatialWeights]:
    """Units on a circle, regions of units, industries that change."""
    rng = np.random.default_rng(1)
    ids = [f"u{i:05d}" for i in range(N)]
    frame = pd.DataFrame({"i": np.repeat(ids, T), "t": np.tile(np.arange(T), N)})
    frame["r"], frame["ind"] = np.repeat(np.arange(N) % regions, T), rng.integers(0, industries, N * T)
    for name in "xzv":
        frame[name] = rng.normal(size=N * T) + 0.01 * frame["ind"]
    frame["y"] = frame["x"] - frame["z"] + 0.1 * frame["ind"] + rng.normal(size=N * T)
    at = np.arange(N)
    rows, columns = np.concatenate([at, at]), np.concatenate([(at + 1) % N, (at - 1) % N])
    ring = sparse.csr_array((np.full(2 * N, 0.5), (rows, columns)), shape=(N, N))
    return frame, SpatialWeights(ring, pd.Index(ids), "ring", "row")


def by_turns(functions, rounds: int) -> list[float]:
    """The shortest of some rounds of each, in milliseconds."""
    times = np.empty((rounds, len(functions)))
    for row in times:
        for j, function in enumerate(functions):
            start = time.perf_counter()
            function()
            row[j] = 1e3 * (time.perf_counter() - start)
    return times.min(axis=0).tolist()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--tiny", action="store_true")
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    try:
        import pyfixest
    except ImportError:
        pyfixest = None
        print("pyfixest is not installed: our times alone")
    for N, T, regions, industries in ((30, 5, 3, 4),) if options.tiny else ((285, 20, 7, 30), (5_000, 20, 50, 400)):
        frame, w = panel(N, T, regions, industries)
        for ways in WAYS:
            formula = f"{FORMULA} | {ways}"
            runs = [lambda formula=formula, frame=frame, w=w: sp.ols(formula, frame, w, entity="i", time="t",
                                                                     vcov="cluster")]  # fmt: skip
            digits = ""
            if pyfixest is not None:
                runs.append(lambda formula=formula, frame=frame: pyfixest.feols(formula, frame, vcov={"CRV1": "i"},
                                                                                fixef_rm="none"))  # fmt: skip
                apart = np.abs(runs[0]().params / runs[1]().coef() - 1).max()
                digits = f", {-np.log10(max(apart, 1e-16)):.0f} digits the same"
                if apart > 1e-6:
                    raise SystemExit(f"{ways}: coefficients differ by {apart:.1e}")
            times = by_turns(runs, 1 if options.tiny else options.rounds)
            peer = f", pyfixest {times[1]:.1f} ms" if len(times) > 1 else ""
            print(f"{N:,} x {T}, {ways}: {times[0]:.1f} ms{peer}{digits}", flush=True)


if __name__ == "__main__":
    main()
