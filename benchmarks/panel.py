"""Panel spatial Durbin models, first and again, against spreg; and thousands of refits.

    python benchmarks/panel.py [--rounds 7]          # some minutes
    python benchmarks/panel.py --full                # 3,000 units, for which spreg takes many minutes, and 100,000
    python benchmarks/panel.py --r                   # R's splm as well, where Rscript has it

spreg demeans y and lags that, without a correction: ours does the same (``correction=False``) and spreg is given
[X, W X], so that estimates can be compared before any time is taken. spreg knows unit effects alone, so y and X
reach it without their period means: then its unit effects make them two-way. It reports neither the correction nor
standard errors of effects. "new W" is a fit on weights seen for the first time, spectrum included; "again" another fit
on the same weights, from the data frame; "again, sp.refit" one of many fits whose responses differ, which is what
placebos and bootstraps ask for. Both sides run by turns in one process; medians of CPU time, which other work on the
machine disturbs least (set OMP_NUM_THREADS=1).
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
from statistics import median

sys.path.pop(0)  # this folder, where "weights" would be the benchmark of that name

import numpy as np
import pandas as pd

import spatial as sp
import weights as wt
from spatial import logdet as _logdet

FORMULA = "y ~ a + b"
KEYS = {"entity": "unit", "time": "year", "effects": "twoway"}
NEIGHBOURS = 6
RHO = 0.4
REFITS = 50  # responses in one call
R_SCRIPT = """
options(digits = 15)
a <- commandArgs(TRUE)
d <- read.csv(a[1]); W <- as.matrix(read.csv(a[2], header = FALSE)); dimnames(W) <- NULL
d <- d[order(d$year, d$unit), ]; N <- nrow(W); T <- nrow(d) / N
cpu <- function(f) { f(); t <- sapply(1:5, function(i) sum(system.time(f())[1:2])); median(t) }
lw <- spdep::mat2listw(W, style = "W")
d$Wa <- as.vector(W %*% matrix(d$a, N)); d$Wb <- as.vector(W %*% matrix(d$b, N))
f <- function() splm::spml(y ~ a + b + Wa + Wb, d, index = c("unit", "year"), listw = lw, model = "within",
                           effect = "twoways", lag = TRUE, spatial.error = "none")
cat(coef(f())["lambda"], cpu(f))
"""
PATIENCE = 20  # seconds; a peer that takes longer is timed once


def nearest(n: int) -> wt.SpatialWeights:
    """Row-standardised weights of random places, neighbors made mutual."""
    places = np.random.default_rng(1).random((n, 2))
    return wt.knn(places, NEIGHBOURS, symmetric="union", metric="planar").standardize("row")


def panel(w, T: int) -> pd.DataFrame:
    """A two-way spatial Durbin process with rho = 0.4, by its power series; a row per unit and year."""
    rng, N = np.random.default_rng(2), len(w.ids)
    a, b = rng.standard_normal((2, N, T))
    y = term = a - b + 0.5 * (w.csr @ a) + rng.standard_normal((N, 1)) + rng.standard_normal((N, T)) + np.arange(T) / T
    while np.abs(term).max() > 1e-13:
        term = RHO * (w.csr @ term)
        y = y + term
    unit, year = np.repeat(np.arange(N), T), np.tile(np.arange(2000, 2000 + T), N)
    return pd.DataFrame({"unit": unit, "year": year, "y": y.ravel(), "a": a.ravel(), "b": b.ravel()})


def fit(w, data, *, cached: bool, **options):
    if not cached:
        _logdet.logdet.cache_clear()
    return sp.sdm(FORMULA, data, w, **KEYS, **options)


def spreg_fits(w, data, T) -> dict:
    """{name: call} on arrays in spreg's order: units fastest within periods, period means taken out."""
    import spreg
    from libpysal.weights import WSP

    table = data.sort_values(["year", "unit"])
    y, X = (table[columns].to_numpy().reshape(T, len(w.ids), -1) for columns in (["y"], ["a", "b"]))
    X = np.concatenate([X, np.stack([w.csr @ x for x in X])], axis=2)
    y, X = ((values - values.mean(axis=1, keepdims=True)).reshape(-1, values.shape[2]) for values in (y, X))
    theirs = WSP(w.csr.copy()).to_W(silence_warnings=True)
    theirs.transform = "r"

    def quietly(estimator):
        def call():
            with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
                warnings.simplefilter("ignore")
                return estimator(y, X, theirs)

        return call

    return {name: quietly(getattr(spreg, name)) for name in ("ML_LagFE", "Panel_FE_Lag")}


def against_spreg(N: int, T: int, rounds: int) -> None:
    w = nearest(N)
    data = panel(w, T)
    same = fit(w, data, cached=False, correction=False)
    print(f"\nSDM, two-way effects, N = {N:,}, T = {T}: rho {same.rho:.8f}")
    y = same._design.y + np.random.default_rng(4).standard_normal((REFITS, T, N))
    runs = {
        "new W": (lambda: fit(w, data, cached=False), 1),
        "again": (lambda: fit(w, data, cached=True), 1),
        "again, effects with intervals": (lambda: fit(w, data, cached=True).effects(), 1),
        "again, sp.refit": (lambda: sp.refit(same, y=y), REFITS),
    }
    for name, peer in spreg_fits(w, data, T).items():
        began = time.process_time()
        gap = abs(float(np.ravel(peer().rho)[0]) - same.rho)
        once = time.process_time() - began
        print(f"  spreg.{name}: rho differs by {gap:.1e}")
        assert gap < 1e-4, f"{name} disagrees"
        for title, (ours, fits) in runs.items():
            a, b = by_turns(ours, peer, rounds) if once < PATIENCE else (cpu(ours), once)
            print(f"    {title:<34}{a / fits * 1e3:9.2f} ms {b * 1e3:10.1f} ms {b * fits / a:6.0f} x", flush=True)


def against_r(N: int, T: int) -> None:
    """splm, given [X, W X]; medians of CPU time in a process of its own."""
    w = nearest(N)
    data = panel(w, T)
    same = fit(w, data, cached=False, correction=False)
    with tempfile.TemporaryDirectory() as folder:
        script, table, matrix = (Path(folder, name) for name in ("peer.R", "data.csv", "w.csv"))
        script.write_text(R_SCRIPT)
        data.to_csv(table, index=False, float_format="%.17g")
        np.savetxt(matrix, w.csr.toarray(), delimiter=",", fmt="%.17g")
        done = subprocess.run(["Rscript", str(script), str(table), str(matrix)], capture_output=True, text=True)
    if done.returncode:
        print("  splm: " + " ".join(done.stderr.split())[:300])
        return
    rho, seconds = map(float, done.stdout.split())
    assert abs(rho - same.rho) < 1e-5, "splm disagrees"
    ours = median(cpu(lambda: fit(w, data, cached=False), rounds=1) for _ in range(15))
    print(f"\nSDM, two-way effects, N = {N:,}, T = {T}: splm's rho differs by {abs(rho - same.rho):.1e}")
    print(f"    {'new W':<34}{ours * 1e3:9.2f} ms {seconds * 1e3:10.1f} ms {seconds / ours:6.0f} x")


def by_turns(a, b, rounds: int) -> tuple[float, float]:
    """Median seconds of CPU of both, A B A B ..."""
    times = ([], [])
    for _ in range(rounds):
        for call, kept in zip((a, b), times):
            began = time.process_time()
            call()
            kept.append(time.process_time() - began)
    return median(times[0]), median(times[1])


def refits(N: int, T: int, R: int = 1000) -> None:
    """Fits a second and core by ``sp.refit``; the first replicates are single fits bit by bit."""
    w = nearest(N)
    data = panel(w, T).sort_values(["year", "unit"])
    print(f"\nrefits, two-way effects, N = {N}, T = {T}: fits per second of CPU")
    print(f"  {'':<8}{'single fits':>14}{'responses':>14}{'relabelled W':>14}")
    for name in ("sar", "sdm", "sem", "sdem", "sac"):
        print(f"  {name:<8}" + "".join(f"{rate:14,.0f}" for rate in rates(name, w, data, R)), flush=True)


def rates(name: str, w, data, R: int) -> tuple[float, float, float]:
    model, rng = getattr(sp, name), np.random.default_rng(3)
    first = model(FORMULA, data, w, **KEYS)
    y = first._design.y + rng.standard_normal((R, *first._design.y.shape))
    places = np.array([rng.permutation(len(w.ids)) for _ in range(R)])
    many = sp.refit(first, y=y[:3])
    for r in range(3):
        assert (many.params[r] == model(FORMULA, data.assign(y=y[r].ravel()), w, **KEYS).params).all()
    single = cpu(lambda: [model(FORMULA, data, w, **KEYS) for _ in range(50)])
    return 50 / single, R / cpu(lambda: sp.refit(first, y=y)), R / cpu(lambda: sp.refit(first, relabel=places))


def cpu(call, rounds: int = 5) -> float:
    """Least seconds of CPU."""
    times = []
    for _ in range(rounds):
        began = time.process_time()
        call()
        times.append(time.process_time() - began)
    return min(times)


def alone(N: int, T: int) -> None:
    """Ours at a size that no peer reaches, in a process of its own so that the memory is its own."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        rho, error, seconds, effects, peak = pool.apply(_alone, (N, T))
    print(f"\nSDM, two-way effects, N = {N:,}, T = {T}: rho {rho:.6f} (s.e. {error:.6f})")
    print(f"  fit, new W: CPU {seconds:.1f} s; effects with intervals: CPU {effects:.1f} s")
    print(f"  memory at its peak, data and imports included: {peak:.2f} GB")


def _alone(N, T):
    w = nearest(N)
    data = panel(w, T)
    began = time.process_time()
    result = fit(w, data, cached=False)
    fitted = time.process_time()
    result.effects()
    done = time.process_time()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    return result.rho, result.std_errors["rho"], fitted - began, done - fitted, peak


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--full", action="store_true", help="3,000 and 100,000 units as well")
    parser.add_argument("--r", action="store_true", help="R's splm as well")
    parser.add_argument("--tiny", action="store_true", help="small, once: does it run?")
    chosen = parser.parse_args()
    if chosen.tiny:
        refits(24, 8, 5)
        against_spreg(24, 8, 1)
        return
    refits(31, 13)
    print("\nours, spreg, ratio")
    against_spreg(31, 13, chosen.rounds)
    against_spreg(285, 20, chosen.rounds)
    if chosen.r:
        against_r(31, 13)
        against_r(285, 20)
    if chosen.full:
        against_spreg(3_000, 20, chosen.rounds)
        alone(100_000, 10)


if __name__ == "__main__":
    main()
