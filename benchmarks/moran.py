"""Moran's I and its map against esda and pygeoda: same weights, values and number of permutations.

    python benchmarks/moran.py             # two minutes
    python benchmarks/moran.py --full      # the sizes of the README's table: five minutes (pygeoda if installed)

Every row first shows that both give the same answer. Times are medians of alternating runs in this process, warm: the
first call of each is timed apart, in processes of their own.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import time
import warnings

import numpy as np
import pandas as pd
from scipy import sparse

FIRST_CALL = {
    "ours": "from spatial.explore.moran import moran\nfrom spatial.explore.local import local_moran\n"
    "t = time.perf_counter()\nmoran(y, w)\nlocal_moran(y, w)",
    "esda": "import esda, libpysal\nW = libpysal.weights.WSP(w).to_W(silence_warnings=True); W.transform = 'r'\n"
    "t = time.perf_counter()\nesda.Moran(y, W)\nesda.Moran_Local(y, W)",
}
PREPARE = """
import time, sys, warnings; warnings.simplefilter("ignore")
start = time.perf_counter()
sys.path.insert(0, {here!r})
from moran import queen, field
w = queen(7); y = field(w)
"""


def queen(side: int) -> sparse.csr_array:
    """Row-standardised queen weights of a square lattice."""
    band = sparse.diags_array([np.ones(side - 1), np.ones(side), np.ones(side - 1)], offsets=[-1, 0, 1])
    links = sparse.csr_array(sparse.kron(band, band))
    links.setdiag(0)
    links.eliminate_zeros()
    return sparse.csr_array(sparse.diags_array(1 / np.asarray(links.sum(axis=1)).ravel()) @ links)


def field(w, seed=0) -> np.ndarray:
    """Mild clusters: noise, smoothed once, and noise."""
    rng = np.random.default_rng(seed)
    return 0.5 * (w @ rng.normal(size=w.shape[0])) + 0.5 * rng.normal(size=w.shape[0])


def timed(function):
    """(answer, seconds, CPU seconds)"""
    wall, cpu = time.perf_counter(), time.process_time()
    answer = function()
    return answer, time.perf_counter() - wall, time.process_time() - cpu


def compare(label, ours, peer, agreement, repeats):
    """Alternate, show the agreement, print medians and their ratio."""
    ours(), peer() if repeats > 1 else None  # warm; the slowest peers are run once
    runs = [(timed(ours), timed(peer)) for _ in range(repeats)]
    print(f"\n{label}\n  agreement: {agreement(runs[0][0][0], runs[0][1][0])}")
    medians = np.median([[a[1:], b[1:]] for a, b in runs], axis=0)
    for name, (wall, cpu) in zip(("ours", "peer"), medians):
        print(f"  {name}: {wall:9.4f} s, CPU {cpu:9.4f} s")
    print(f"  ratio: {medians[1, 0] / medians[0, 0]:.1f} x (CPU {medians[1, 1] / medians[0, 1]:.1f} x)", flush=True)


def same_p(ours, theirs, permutations, sides=2):
    """Largest difference of p-values in Monte Carlo standard errors of a difference."""
    tail = np.clip(ours / sides, 1 / min(permutations), None)
    error = sides * np.sqrt(tail * (1 - tail) * sum(1 / p for p in permutations))
    gap = np.abs(ours - theirs)
    return f"p-values differ by {gap.mean():.4f} in the mean, {np.max(gap / error):.1f} standard errors at most"


def libpysal_weights(w):
    import libpysal

    return libpysal.weights.WSP(w.copy()).to_W(silence_warnings=True)


def global_moran(side, repeats):
    import esda

    from spatial.explore.moran import moran

    w = queen(80)
    moran(field(w), w)  # loads the kernel, which smaller maps do without
    w = queen(side)
    y, theirs = field(w), libpysal_weights(w)
    theirs.transform = "r"

    def agreement(a, b):
        spread = f"variance under permutation {np.var(a.simulated):.3e} and {np.var(b.sim):.3e}"
        return f"I {a.I:.12f} and {b.I:.12f}; {spread}"

    label = f"global Moran, 999 permutations, queen {side * side:,}, against esda.Moran"
    compare(label, lambda: moran(y, w), lambda: esda.Moran(y, theirs, permutations=999), agreement, repeats)


def local_moran_esda(side, permutations, repeats):
    import esda

    from spatial.explore.local import local_moran

    w = queen(side)
    y, theirs, n = field(w), libpysal_weights(w), w.shape[0]
    esda.Moran_Local(field(queen(7)), libpysal_weights(queen(7)), permutations=9)  # compiles

    def agreement(a, b):
        gap = np.abs(a.frame["I"] - b.Is * n / (n - 1)).max()
        p = same_p(a.frame["p_sim"].to_numpy(), np.minimum(2 * b.p_sim, 1), [permutations, 999])
        return f"I differs by {gap:.1e} at most; {p}"

    label = f"local Moran, {permutations:,} permutations, {n:,}, against esda.Moran_Local with 999"
    ours = lambda: local_moran(y, w, permutations=permutations)  # noqa: E731
    compare(label, ours, lambda: esda.Moran_Local(y, theirs, permutations=999, seed=1), agreement, repeats)


def local_moran_pygeoda(side, permutations, repeats):
    try:
        import pygeoda
    except ImportError:
        print("\nlocal Moran against pygeoda: not installed")
        return
    import geopandas as gpd
    from shapely.geometry import box

    from spatial.explore.local import local_moran

    w = queen(side)
    y, n = field(w), side * side
    squares = [box(i % side, i // side, i % side + 1, i // side + 1) for i in range(n)]
    theirs = pygeoda.queen_weights(pygeoda.open(gpd.GeoDataFrame({"y": y}, geometry=squares)))

    def agreement(a, b):
        gap = np.abs(a.frame["I"] - np.array(b.lisa_values()) * n / (n - 1)).max()
        p = same_p(a.frame["p_sim"].to_numpy(), np.minimum(2 * np.array(b.lisa_pvalues()), 1), [permutations] * 2)
        return f"I differs by {gap:.1e} at most; {p}"

    def peer():
        options = {"permutations": permutations, "permutation_method": "lookup", "cpu_threads": 2}
        return pygeoda.local_moran(theirs, list(y), **options)

    label = f"local Moran, {permutations:,} permutations, {n:,}, against pygeoda.local_moran (lookup, 2 threads)"
    compare(label, lambda: local_moran(y, w, permutations=permutations), peer, agreement, repeats)


def unequal_million(side):
    """No peer: a million units (a side of 1,000) whose weights differ."""
    from spatial.explore.local import local_moran

    w = queen(side)
    w.data *= np.random.default_rng(1).random(w.nnz) + 0.5
    y = pd.Series(field(w))
    local_moran(y[:10_000], w[:10_000, :10_000], permutations=999)  # compiles
    _, wall, cpu = timed(lambda: local_moran(y, w, permutations=999))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"\nlocal Moran, 999 permutations, {len(y):,}, unequal weights: {wall:.2f} s, CPU {cpu:.2f} s")
    print(f"  memory of the whole process at its peak: {peak:.2f} GB", flush=True)


def first_calls():
    """Import, one global and one local Moran of 49 units, each in a new process."""
    print("\nfirst call in a new process, 49 units, global and local")
    here = str(__import__("pathlib").Path(__file__).parent)
    for name, work in FIRST_CALL.items():
        code = PREPARE.format(here=here) + work + "\nprint(t - start, time.perf_counter() - t)"
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        imports, call = map(float, done.stdout.split())
        print(f"  {name}: {imports:.2f} s until imported, then {call:.2f} s", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--full", action="store_true", help="100,000 and 1,000,000 units")
    parser.add_argument("--only", choices=["first", "global", "esda", "pygeoda", "million"], help="one part of it")
    parser.add_argument("--tiny", action="store_true", help="small, once: does it run?")
    chosen = parser.parse_args()
    warnings.simplefilter("ignore")

    def wanted(part):
        return chosen.only in (None, part)

    if chosen.tiny:
        for part, small in (("global", lambda: global_moran(7, 1)), ("esda", lambda: local_moran_esda(7, 99, 1)),
                            ("million", lambda: unequal_million(10))):  # fmt: skip
            if wanted(part):
                small()
        return

    if wanted("first"):
        first_calls()
    if wanted("global"):
        for side, repeats in ((32, 5), (100, 3), (316, 3))[: 3 if chosen.full else 2]:
            global_moran(side, repeats)
    if wanted("esda"):
        local_moran_esda(*((316, 999, 1) if chosen.full else (50, 999, 3)))
        local_moran_esda(*((316, 99_999, 1) if chosen.full else (50, 99_999, 3)))
    if wanted("pygeoda"):
        local_moran_pygeoda(100, 9_999, 3)
    if wanted("million") and (chosen.full or chosen.only):
        unequal_million(1000)


if __name__ == "__main__":
    main()
