"""What inference costs: robust covariances, policies and effects by group, beside the information or another version.

    python benchmarks/robust.py                      # milliseconds of processor time
    python benchmarks/robust.py --old ../old/tree    # and how often what another version takes: processes by turns
    python benchmarks/robust.py --only robust --rounds 5
    python benchmarks/robust.py --tiny               # the same with few units, once

With ``--old`` figures are medians over the rounds, and a ratio is the median of the rounds' ratios. Times with "oim"
beside those with "robust" show what pairs of scores cost. The second table has richer models beside the plain spatial
Durbin model of the same panel. README.md in this folder has figures, and what is in them.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
import warnings
from itertools import cycle, product
from pathlib import Path

if not sys.flags.safe_path:
    sys.path.pop(0)  # this folder, where "weights" would be the benchmark of that name

ROOT = Path(__file__).resolve().parent.parent
SECONDS = 0.3  # at least, of a measurement
DIFFERS = (  # what is computed since inference was exact, by what a case's name holds
    ("first effects", "no draws: exact law; a window of determinants where the search's is short"),
    ("effects", "no draws: exact law, p by inversion"),
    ("spatial_did", "every unit left out, rho by a Newton step; scale and t"),
    ("did", "every unit left out; scale and t for each period; CR2 of leads"),
    ("oim", "the same"),
    ("sdm", "all pairs of scores: the inverse of I - rho W; CR2 in panels"),
)
FITS = 24  # of a case with fits that have had no effects yet
RESPONSES = ("y", "y1", "y2", "y3", "y4", "y5")  # a fit takes the next one each time: what rho determines is not reused


def panel(N: int, T: int, links: int = 6):
    """(frame, W) with units on the plane, six neighbors each or so many; a third of them adopt a policy."""
    import numpy as np
    import pandas as pd
    from scipy import sparse
    from scipy.spatial import cKDTree

    import weights as wt

    rng, ids = np.random.default_rng(N), [f"u{i:04d}" for i in range(N)]
    places = rng.uniform(size=(N, 2))
    near = cKDTree(places).query(places, links + 1)[1][:, 1:]
    at = np.repeat(np.arange(N), links), near.ravel()
    W = sparse.csr_array((np.full(links * N, 1 / links), at), shape=(N, N))
    data = pd.DataFrame(list(product(ids, range(2000, 2000 + T))), columns=["id", "year"])
    data["x"], data["z"] = rng.normal(size=len(data)), rng.normal(size=len(data))
    data["region"] = np.repeat(rng.integers(0, 24, N), T)
    data["half"] = np.where(data["region"] < 12, "north", "south")
    first = np.where(np.arange(N) % 3 == 0, 2000 + T // 2 + np.arange(N) % 2, 9999)
    data["law"] = (data["year"] >= np.repeat(first, T)).astype(float)
    for name in RESPONSES:
        data[name] = data["x"] + 0.5 * data["law"] + rng.normal(size=len(data))
    data["c"] = data["x"] + data["z"] + rng.normal(size=len(data))
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
    for label, data, w in (("31x13", short, w_short), (at, long, w_long), (one, across, w_across)):
        options = keys if "x" in label else {"entity": "id"}
        fits = [sp.sdm("y ~ x + z", noisy(data, seed), w, **options) for seed in range(2 if tiny else FITS)]
        names[f"first effects {label}"] = [fit.effects for fit in fits]
    names["effects 31x13"] = lambda: panel_fit.effects()
    names[f"effects {one}"] = lambda: plain.effects()
    names[f"effects_by {one}"] = lambda: sp.effects_by(plain, "x", by="region")
    return names


def richer(tiny: bool) -> dict:
    """Models that older versions lack, and first the plain one of the same panel."""
    import spatial as sp

    N, T = (40, 6) if tiny else (285, 20)
    data, near = panel(N, T)
    far = panel(N, T, 20)[1]
    keys = {"entity": "id", "time": "year"}
    gmm = {"method": "gmm", "endog": ["c"], "instruments": ["z"]}

    def fit(w, terms="x + z", model=sp.sdm, **options):
        responses = cycle(RESPONSES)
        return lambda: model(f"{next(responses)} ~ {terms}", data, w, **keys, **options)

    return {
        f"sdm {N}x{T}": fit(near),
        "two regimes, slopes": fit(near, regimes="half"),
        "two regimes, rho each": fit(near, regimes=sp.Regimes("half", rho=True)),
        "two W": fit([near, far]),
        "endogenous, sdm": fit(near, "x + c", **gmm),
        "endogenous, gns": fit(near, "x + c", sp.gns, **gmm),
    }


def noisy(data, seed: int):
    """Another outcome, so that rho differs."""
    import numpy as np

    return data.assign(y=data["x"] + np.random.default_rng(seed).normal(size=len(data)))


def measured(tiny: bool, only: str, which=cases) -> dict[str, float]:
    """Milliseconds of every case in the version whose packages are imported here; processor time."""
    warnings.simplefilter("ignore")
    result = {}
    for name, function in which(tiny).items():
        if only not in name:
            continue
        if isinstance(function, list):  # each once, after one that imports
            function[0]()
            start = time.process_time()
            for one in function[1:]:
                one()
            result[name] = 1e3 * (time.process_time() - start) / (len(function) - 1)
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


def print_beside(options) -> None:
    """Richer models in multiples of the plain one, medians of rounds."""
    rounds = [measured(options.tiny, "", richer) for _ in range(1 if options.tiny else options.rounds)]
    plain, *others = rounds[0]
    print(f"\n{'':32}{'ms':>10}   times {plain}")
    for name in (plain, *others):
        ms = statistics.median(one[name] for one in rounds)
        print(f"{name:32}{ms:>10.2f}{statistics.median(one[name] / one[plain] for one in rounds):>8.1f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--old", type=Path, help="the tree of another version")
    parser.add_argument("--only", default="", help="cases whose name holds this")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--tiny", action="store_true")
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(json.dumps(measured(options.tiny, options.only)))
        return
    if not options.old:
        print("\n".join(f"{k:32}{v:>10.2f} ms" for k, v in measured(options.tiny, options.only).items()))
    else:
        turns = [(in_process(ROOT, options), in_process(options.old.resolve(), options)) for _ in range(options.rounds)]
        print(f"{'':32}{'ms':>10}{'old ms':>10}{'times':>8}   what differs")
        for name in turns[0][0]:
            ms, old = (statistics.median(turn[version][name] for turn in turns) for version in (0, 1))
            times = statistics.median(this[name] / other[name] for this, other in turns)
            print(f"{name:32}{ms:>10.2f}{old:>10.2f}{times:>8.2f}   {next(why for k, why in DIFFERS if k in name)}")
    if not options.only:
        print_beside(options)


if __name__ == "__main__":
    main()
