"""What inference costs: robust covariances, policies and effects by group, beside the information or another version.

    python benchmarks/robust.py                      # milliseconds of processor time
    python benchmarks/robust.py --old ../old/tree    # and how often what another version takes: processes by turns
    python benchmarks/robust.py --only robust --rounds 5
    python benchmarks/robust.py --tiny               # the same with few units, once

Times with "oim" beside those with "robust" show what pairs of scores cost.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
import warnings
from itertools import cycle, product
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SECONDS = 0.3  # at least, of a measurement
RESPONSES = ("y", "y1", "y2", "y3", "y4", "y5")  # a fit takes the next one each time: what rho determines is not reused


def panel(N: int, T: int):
    """(frame, W) with units on the plane, six neighbors each; a third of them adopt a policy."""
    import numpy as np
    import pandas as pd
    from scipy import sparse
    from scipy.spatial import cKDTree

    import weights as wt

    rng, ids = np.random.default_rng(N), [f"u{i:04d}" for i in range(N)]
    places = rng.uniform(size=(N, 2))
    near = cKDTree(places).query(places, 7)[1][:, 1:]
    W = sparse.csr_array((np.full(6 * N, 1 / 6), (np.repeat(np.arange(N), 6), near.ravel())), shape=(N, N))
    data = pd.DataFrame(list(product(ids, range(2000, 2000 + T))), columns=["id", "year"])
    data["x"], data["z"] = rng.normal(size=len(data)), rng.normal(size=len(data))
    data["region"] = np.repeat(rng.integers(0, 24, N), T)
    first = np.where(np.arange(N) % 3 == 0, 2000 + T // 2 + np.arange(N) % 2, 9999)
    data["law"] = (data["year"] >= np.repeat(first, T)).astype(float)
    for name in RESPONSES:
        data[name] = data["x"] + 0.5 * data["law"] + rng.normal(size=len(data))
    return data, wt.from_sparse(W, ids)


def cases(tiny: bool) -> dict:
    """Name of what is measured: function."""
    import spatial as sp

    small, middle, large = (40, 60, 80) if tiny else (285, 500, 3_000)
    short, w_short = panel(31, 13)
    long, w_long = panel(small, 6 if tiny else 20)
    across, w_across = panel(middle, 1)
    wide, w_wide = panel(large, 1)
    keys = {"entity": "id", "time": "year"}
    at, one, many = f"{small}x{long['year'].nunique()}", f"n={middle}", f"n={large}"
    names: dict = {}

    def fit(data, w, vcov, **options):
        responses = cycle(RESPONSES)
        return lambda: sp.sdm(f"{next(responses)} ~ x + z", data, w, vcov=vcov, **options)

    for vcov in ("oim", "robust", "cluster"):
        names[f"sdm {at} {vcov}"] = fit(long, w_long, vcov, **keys)
    names[f"sdm {at} 24 regions"] = fit(long, w_long, sp.Cluster("region"), **keys)
    for label, data, w in ((one, across, w_across), (many, wide, w_wide)):
        for vcov in ("oim", "robust"):
            names[f"sdm {label} {vcov}"] = fit(data, w, vcov, entity="id")
    policy = {"treatment": "law", **keys}
    names["did 31x13"] = lambda: sp.did("y ~ law + x", short, **policy)
    names[f"did {at}"] = lambda: sp.did("y ~ law + x", long, **policy)
    names[f"did {at} twfe"] = lambda: sp.did("y ~ law + x", long, method="twfe", **policy)
    names["spatial_did 31x13"] = lambda: sp.spatial_did("y ~ law + x", short, w_short, **policy)
    names[f"spatial_did {at}"] = lambda: sp.spatial_did("y ~ law + x", long, w_long, **policy)
    plain = sp.sdm("y ~ x + z", across, w_across, entity="id")
    panel_fit = sp.sdm("y ~ x + z", short, w_short, **keys)
    names["effects 31x13"] = lambda: panel_fit.effects()
    names[f"effects {one}"] = lambda: plain.effects()
    names[f"effects_by {one}"] = lambda: sp.effects_by(plain, "x", by="region")
    return names


def measured(tiny: bool, only: str) -> dict[str, float]:
    """Milliseconds of every case in the version whose packages are imported here; processor time."""
    warnings.simplefilter("ignore")
    result = {}
    for name, function in cases(tiny).items():
        if only not in name:
            continue
        function()
        start, done = time.process_time(), 0
        while done == 0 or (not tiny and time.process_time() - start < SECONDS):
            function()
            done += 1
        result[name] = 1e3 * (time.process_time() - start) / done
    return result


def in_process(top: Path, options) -> dict[str, float]:
    """The same in a process of its own."""
    environment = {**os.environ, "PYTHONPATH": str(top), "OPENBLAS_NUM_THREADS": "1"}
    command = [sys.executable, "-P", __file__, "--one", "--only", options.only, *["--tiny"] * options.tiny]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, cwd=top)
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--old", type=Path, help="the tree of another version")
    parser.add_argument("--only", default="", help="cases whose name holds this")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--tiny", action="store_true")
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one or not options.old:
        result = measured(options.tiny, options.only)
        print(json.dumps(result) if options.one else "\n".join(f"{k:32}{v:>10.2f} ms" for k, v in result.items()))
        return
    best: dict[str, dict[str, float]] = {"this": {}, "old": {}}
    for _ in range(options.rounds):
        for version, top in (("this", ROOT), ("old", options.old.resolve())):
            for name, ms in in_process(top, options).items():
                best[version][name] = min(ms, best[version].get(name, ms))
    print(f"{'':32}{'ms':>10}{'old ms':>10}{'times':>8}")
    for name, ms in best["this"].items():
        old = best["old"][name]
        print(f"{name:32}{ms:>10.2f}{old:>10.2f}{ms / old:>8.2f}")


if __name__ == "__main__":
    main()
