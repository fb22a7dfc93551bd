"""The road of one call, sp.sdm at N = 31, T = 13: what it passes through, and its time by turns with another version.

    python benchmarks/road.py                      # functions, files, milliseconds
    python benchmarks/road.py --old ../old/tree    # the same of both, in processes that take turns
    python benchmarks/road.py --list               # every function in the order of its first call
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from itertools import product
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("spatial", "spillover", "weights")
ROUNDS, REPEATS = 7, 60


def call():
    """A function that estimates the spatial Durbin model from a frame."""
    import numpy as np
    import pandas as pd

    import spatial as sp
    import weights as wt

    rng, (N, T) = np.random.default_rng(1), (31, 13)
    ids = [f"u{i:02d}" for i in range(N)]
    places = rng.uniform(size=(N, 2))
    apart = ((places[:, None] - places) ** 2).sum(axis=-1)
    near = np.argsort(apart, axis=1)[:, 1:6]
    W = np.zeros((N, N))
    W[np.arange(N)[:, None], near] = 0.2
    w = wt.from_dense(W, ids).standardize("row")
    data = pd.DataFrame(list(product(ids, range(2000, 2000 + T))), columns=["id", "year"])
    data["x"], data["z"] = rng.normal(size=len(data)), rng.uniform(1, 2, size=len(data))
    data["y"] = data["x"] + rng.normal(size=len(data))
    return lambda: sp.sdm("y ~ x + log(z)", data, w, entity="id", time="year", effects="twoway")


def passed(function, top: str) -> list[tuple[str, str]]:
    """(file, function) in the order of their first call; comprehensions and lambdas belong to where they stand."""
    result: dict[tuple[str, str], None] = {}

    def watch(frame, event, _):
        file = frame.f_code.co_filename
        if event == "call" and file.startswith(top) and not frame.f_code.co_name.startswith("<"):
            result[os.path.relpath(file, top), frame.f_code.co_qualname] = None

    sys.setprofile(watch)
    function()
    sys.setprofile(None)
    return [key for key in result if key[0].split(os.sep)[0] in PACKAGES]


def measured(top: str) -> dict:
    """Of the version whose packages are imported here; processor time, so that a busy machine matters less."""
    function = call()
    function()
    function()
    functions = passed(function, top)
    best = float("inf")
    for _ in range(3):
        start = time.process_time()
        for _ in range(REPEATS):
            function()
        best = min(best, (time.process_time() - start) / REPEATS)
    return {"functions": functions, "ms": 1e3 * best}


def in_process(top: Path) -> dict:
    """The same in a process of its own."""
    environment = {**os.environ, "PYTHONPATH": str(top), "OPENBLAS_NUM_THREADS": "1"}
    command = [sys.executable, "-P", __file__, "--one", str(top)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, cwd=top)
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--old", type=Path, help="the tree of another version")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(json.dumps(measured(options.one)))
        return
    trees = {"this": ROOT, **({"old": options.old.resolve()} if options.old else {})}
    best: dict[str, dict] = {}
    for _ in range(ROUNDS if options.old else 1):
        for name, top in trees.items():
            one = in_process(top)
            best[name] = one if name not in best else {**one, "ms": min(one["ms"], best[name]["ms"])}
    print(f"{'version':8}{'functions':>10}{'files':>7}{'ms of processor':>17}")
    for name, one in best.items():
        files = {file for file, _ in one["functions"]}
        print(f"{name:8}{len(one['functions']):>10}{len(files):>7}{one['ms']:>17.2f}")
    if options.list:
        print("\n".join(f"{file}  {function}" for file, function in best["this"]["functions"]))


if __name__ == "__main__":
    main()
