"""Spatial Durbin models and their effects against spreg, and against R's spatialreg where Rscript is installed.

    python benchmarks/regression.py              # 1,024 and 2,500 units against spreg, 10,000 of ours: two minutes
    python benchmarks/regression.py --sizes 100000 1000000
    python benchmarks/regression.py --sizes 10000 100000 --r       # spatialreg as well
    python benchmarks/regression.py --logdet sparse                # nothing optional: scipy's SuperLU

Estimates are compared before anything is timed. Times are medians of alternating runs in one process, CPU beside
them; "new W" is a fit on weights seen for the first time, "same W" a second specification on the same weights.
Squares of queen neighbors, the sizes rounded to a square.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import multiprocessing
import resource
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np
import pandas as pd

sys.path[:] = [p for p in sys.path if Path(p).resolve() != Path(__file__).resolve().parent]  # its "weights" is a file

FORMULA = "y ~ a + b"
RHO = 0.5
PEER_MAX = 3_000  # units; spreg's dense matrices

R_SCRIPT = """
suppressMessages({library(spdep); library(spatialreg)})
args <- commandArgs(TRUE); side <- as.integer(args[1]); d <- read.csv(args[2])
lw <- nb2listw(cell2nb(side, side, type = "queen"), style = "W")
set.seed(1); t <- system.time(fit <- lagsarlm(y ~ a + b, d, lw, Durbin = TRUE, method = args[3], quiet = TRUE))
direct <- NA
t2 <- system.time({tr <- trW(as(lw, "CsparseMatrix"), type = "MC")
  e <- try(impacts(fit, tr = tr, R = 1000), silent = TRUE); if (!inherits(e, "try-error")) direct <- e$res$direct[1]})
cat(sprintf("%.12f", c(fit$rho, fit$rho.se, direct)),
    t[["elapsed"]], t[["user.self"]] + t[["sys.self"]], t2[["elapsed"]], t2[["user.self"]] + t2[["sys.self"]])
"""


def lattice(side: int):
    """Row-standardised queen weights of a square."""
    import weights as wt

    return wt.lattice(side, side, rule="queen").standardize("row")


def data(w, seed=1) -> pd.DataFrame:
    """y from a spatial Durbin process with rho = 0.5, by its power series."""
    rng = np.random.default_rng(seed)
    n = len(w.ids)
    X = rng.standard_normal((n, 2))
    y = term = 1 + X @ [1, -1] + 0.5 * (w.csr @ X[:, 0]) + rng.standard_normal(n)
    while np.abs(term).max() > 1e-13:
        term = RHO * (w.csr @ term)
        y = y + term
    return pd.DataFrame({"y": y, "a": X[:, 0], "b": X[:, 1]}, index=w.ids)


def timed(function):
    """(answer, seconds, CPU seconds)"""
    wall, cpu = time.perf_counter(), time.process_time()
    answer = function()
    return answer, time.perf_counter() - wall, time.process_time() - cpu


def row(label, wall, cpu, more=""):
    print(f"  {label:<42}{wall:9.3f} s   CPU {cpu:9.3f} s   {more}", flush=True)


def our_fit(w, frame, logdet, *, cached: bool):
    import spatial as sp
    from spatial import logdet as _logdet

    if not cached:
        _logdet.logdet.cache_clear()
    return sp.sdm(FORMULA, frame, w, logdet=logdet)


def against_spreg(side: int, logdet, repeats: int):
    """SDM by maximum likelihood: ours and spreg's quickest method, alternately."""
    import spreg
    from libpysal.weights import WSP

    w = lattice(side)
    frame = data(w)
    theirs = WSP(w.csr.copy()).to_W(silence_warnings=True)
    theirs.transform = "r"
    y, X = frame[["y"]].to_numpy(), frame[["a", "b"]].to_numpy()

    def peer(method):
        def fit():
            with contextlib.redirect_stdout(io.StringIO()):  # it prints its name
                return spreg.ML_Lag(y, X, w=theirs, slx_lags=1, method=method, spat_impacts=None, vm=True)

        return fit

    tried = {method: timed(peer(method))[1] for method in ("full", "ord", "LU")[2 * (side > 40) :]}
    best = min(tried, key=tried.get)
    ours = our_fit(w, frame, logdet, cached=False)
    their = peer(best)()
    print(f"\nSDM, {side * side:,} units, against spreg.ML_Lag(method={best!r})")
    gap = abs(ours.rho - float(np.squeeze(their.rho)))
    print(
        f"  agreement: rho differs by {gap:.1e}, s.e. of rho {ours.std_errors['rho']:.6f} and {their.std_err[-1]:.6f}"
    )
    runs = {"ours, new W": [], "ours, same W": [], "spreg": []}
    for _ in range(repeats):
        runs["ours, new W"].append(timed(lambda: our_fit(w, frame, logdet, cached=False))[1:])
        runs["ours, same W"].append(timed(lambda: our_fit(w, frame, logdet, cached=True))[1:])
        runs["spreg"].append(timed(peer(best))[1:])
    medians = {name: np.median(times, axis=0) for name, times in runs.items()}
    for name, (wall, cpu) in medians.items():
        ratio = medians["spreg"][0] / wall
        row(name, wall, cpu, f"{ratio:.0f} x" if name != "spreg" else "")


def alone(side: int, logdet, rscript):
    """Ours at one size, in a process of its own so that the memory is its own."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        figures = pool.apply(_alone, (side, logdet))
    show(side, figures)
    if rscript:
        against_r(side, figures)


def show(side: int, figures: dict):
    print(f"\nSDM, {side * side:,} units: rho {figures['rho']:.6f} (s.e. {figures['se']:.6f}), {figures['method']}")
    for name in ("fit with standard errors, new W", "another specification, same W", "effects with intervals"):
        row(name, *figures[name])
    print(f"  memory at its peak, data and imports included: {figures['peak']:.2f} GB")


def _alone(side, logdet):
    from spatial.models.family import sar

    w = lattice(side)
    frame = data(w)
    our_fit(small := lattice(7), data(small), None, cached=True)  # imports
    figures = {}
    fit, *figures["fit with standard errors, new W"] = timed(lambda: our_fit(w, frame, logdet, cached=False))
    effects, *figures["effects with intervals"] = timed(lambda: fit.effects())
    if side < 500:
        _, *figures["another specification, same W"] = timed(lambda: sar(FORMULA, frame, w, logdet=logdet))
    else:
        figures["another specification, same W"] = timed(lambda: our_fit(w, frame, logdet, cached=True))[1:]
    L = fit._sample.lag.logdet
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    count = f", {L.factorisations} factorisations" if hasattr(L, "factorisations") else ""
    return figures | {"rho": fit.rho, "se": fit.std_errors["rho"], "direct": effects.direct["a"],
                      "method": f"{L.method}{count}", "peak": peak}  # fmt: skip


def against_r(side, ours):
    w = lattice(side)
    with tempfile.TemporaryDirectory() as folder:
        script, table = Path(folder, "peer.R"), Path(folder, "data.csv")
        script.write_text(R_SCRIPT)
        data(w).to_csv(table, index=False, float_format="%.17g")
        done = subprocess.run(["Rscript", str(script), str(side), str(table), "Matrix"], capture_output=True, text=True)
    if done.returncode:
        print("  spatialreg: " + " ".join(done.stderr.split())[:300])
        return
    rho, se, direct, *times = (float(word.replace("NA", "nan")) for word in done.stdout.split())
    print(f"  spatialreg, method Matrix: rho differs by {abs(rho - ours['rho']):.1e}, its s.e. {se:.6f}, "
          f"direct effect by {abs(direct - ours['direct']):.1e}")  # fmt: skip
    for name, mine, (wall, cpu) in (
        ("spatialreg: lagsarlm", ours["fit with standard errors, new W"], times[:2]),
        ("spatialreg: trW and impacts, 1,000 draws", ours["effects with intervals"], times[2:]),
    ):
        row(name, wall, cpu, f"ours {wall / mine[0]:.1f} x (CPU {cpu / mine[1]:.1f} x)")


def overhead():
    """49 units: everything but the likelihood is formula, alignment and tables."""
    import spatial as sp
    from spatial.solve.ml import maximum_likelihood

    w = lattice(7)
    frame = data(w)
    fit = sp.sdm(FORMULA, frame, w)
    whole = np.median([timed(lambda: sp.sdm(FORMULA, frame, w))[1:] for _ in range(30)], axis=0)
    inner = np.median([timed(lambda: maximum_likelihood(fit._sample))[1:] for _ in range(30)], axis=0)
    print("\nSDM, 49 units, warm")
    row("whole call", *whole)
    row("of which formula, alignment, inference", *(whole - inner))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[1024, 2500, 10_000], help="units")
    parser.add_argument(
        "--logdet", choices=["eigen", "sparse", "cholmod", "stochastic"], help="ours, if not its choice"
    )
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--r", action="store_true", help="spatialreg too, through Rscript")
    parser.add_argument("--tiny", action="store_true", help="small, once: does it run?")
    chosen = parser.parse_args()
    warnings.simplefilter("ignore")
    overhead()
    if chosen.tiny:
        against_spreg(7, chosen.logdet, 1)
        show(7, _alone(7, chosen.logdet))
        return
    for size in chosen.sizes:
        side = round(size**0.5)
        if size <= PEER_MAX:
            against_spreg(side, chosen.logdet, chosen.repeats)
        if size > PEER_MAX or chosen.r:
            alone(side, chosen.logdet, chosen.r)


if __name__ == "__main__":
    main()
