"""Effect paths with spillovers beside diff-diff's SpilloverDiD: static estimates agreeing first, then times.

    python benchmarks/policies.py [--tiny] [--rounds 5]

Both impute from clean observations. diff-diff regresses effects on indicators of the treated and of the untreated in
each ring, whose coefficients are the means of ours; its standard errors are analytic, ours scaled to independent errors
with Satterthwaite's t, and ours have the path, levels and tests before the event beside them. Without diff-diff our
times alone.
"""

from __future__ import annotations

import argparse
import sys
import time
import warnings

sys.path.pop(0)  # this folder, where "weights" would be the benchmark of that name

import numpy as np
import pandas as pd

import spatial as sp
import weights as wt

RINGS = [0.0, 1.01, 1.45]
KEYS = {"treatment": "d", "entity": "unit", "time": "time"}


def lattice(side: int, T: int, seed: int = 5) -> tuple[pd.DataFrame, dict]:
    """One unit in twelve adopts, at three dates; the nearest gain half as much. The panel, and two rings of weights."""
    rng = np.random.default_rng(seed)
    N = side**2
    row, column = np.divmod(np.arange(N), side)
    first = np.full(N, T)
    first[rng.permutation(N)[: max(N // 12, 4)]] = rng.integers(T - 4, T - 1, max(N // 12, 4))
    D = (np.arange(T)[:, None] >= first) * 1.0
    places = pd.DataFrame({"x": row * 1.0, "y": column * 1.0}, index=pd.Index(np.arange(N), name="unit"))
    near, far = (wt.distance_band(places, cut, metric="planar") for cut in RINGS[1:])
    y = rng.standard_normal((T, N)) + rng.standard_normal(N) + D + 0.5 * ((near.csr @ D.T).T > 0)
    frame = pd.DataFrame({"unit": np.tile(np.arange(N), T), "time": np.repeat(np.arange(T), N), "y": y.ravel(),
                          "d": D.ravel(), "row": np.tile(row, T) * 1.0, "column": np.tile(column, T) * 1.0,
                          "first": np.tile(np.where(first < T, first, 0), T)})  # fmt: skip
    return frame, {"near": near, "far": far}


def ours(frame: pd.DataFrame, rings: dict, **options):
    return sp.exposure_did("y ~ d", frame, rings, **KEYS, **options)


def theirs(frame: pd.DataFrame, model):
    """The effect on the treated, and on the untreated of each ring."""
    fit = model(rings=RINGS, conley_coords=("row", "column"), conley_metric="euclidean", cluster="unit")
    return fit.fit(frame, outcome="y", unit="unit", time="time", first_treat="first")


def agree(one, other) -> float:
    """The largest difference between the same effects."""
    levels = one.levels.query("effect == 'spillover on the untreated'")["estimate"].to_numpy()
    return float(np.abs([one.att - other.att, *(levels - other.spillover_effects["coef"].to_numpy())]).max())


def shortest(function, rounds: int) -> float:
    """Of some rounds, in milliseconds."""
    out = []
    for _ in range(rounds):
        start = time.perf_counter()
        function()
        out.append(1e3 * (time.perf_counter() - start))
    return min(out)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--tiny", action="store_true")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    try:
        from diff_diff.spillover import SpilloverDiD
    except ImportError:
        SpilloverDiD = None
        print("diff-diff is not installed: our times alone")
    rounds = 1 if options.tiny else options.rounds
    for side, T in ((6, 6),) if options.tiny else ((9, 8), (17, 10), (30, 10), (55, 10)):
        frame, rings = lattice(side, T)
        line = f"{side**2:5d} x {T:2d}"
        if SpilloverDiD is not None:
            difference = agree(ours(frame, rings), theirs(frame, SpilloverDiD))
            assert difference < 1e-6, difference
            line += f"   diff-diff {shortest(lambda f=frame: theirs(f, SpilloverDiD), rounds):9.1f} ms"
        for name, more in (("exposure_did", {}), ("neighbors", {"vcov": "neighbors"})):
            line += f"   {name} {shortest(lambda f=frame, r=rings, m=more: ours(f, r, **m), rounds):9.1f} ms"
        tests = shortest(lambda f=frame, r=rings: ours(f, r).pretrends, rounds)
        print(line + f"   with tests before {tests:9.1f} ms", flush=True)


if __name__ == "__main__":
    main()
