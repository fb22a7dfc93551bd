"""Effects by their exact distribution beside 1,000 draws, by turns.

    python benchmarks/effects.py [--rounds 15] [--large]

Each case is one fit; ``fit.effects()`` and ``fit.effects(method="simulate")`` run alternately in one process, after
both ran once. Printed are medians of CPU time, their ratio (draws over exact) and how far the ends of the draws'
intervals lie from the exact ones, in widths.
"""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import replace
from statistics import median

import numpy as np
import pandas as pd
from scipy import sparse

sys.path.pop(0)  # this folder, where "weights" would be the benchmark of that name

import shapefiles
import spatial as sp
import weights as wt


def cases(large: bool):
    """(name, fit)."""
    columbus = shapefiles.load("columbus")
    w = wt.queen(columbus).standardize("row")
    for model in ("sar", "sdm", "gns"):
        fit = getattr(sp, model)("CRIME ~ INC + HOVAL", columbus, w)
        yield f"columbus {model}, t({fit.df_resid})", fit
        yield f"columbus {model}, normal", replace(fit, df_resid=None)
    panel, states = shapefiles.load_panel("us_states"), wt.queen(shapefiles.load("us_states")).standardize("row")
    keys = {"entity": "state", "time": "year"}
    yield "48 states x 17 years sdm", sp.sdm("log(gsp) ~ log(pcap) + log(pc) + log(emp) + unemp", panel, states, **keys)
    yield "the same, long run", sp.sdm("log(gsp) ~ log(emp) + unemp", panel, states, lags="both", **keys)
    for side in (55, *((316,) if large else ())):
        yield f"{side} x {side} lattice sdm", lattice(side)


def lattice(side: int):
    i, j = np.divmod(np.arange(side**2), side)
    below, right = np.flatnonzero(i < side - 1), np.flatnonzero(j < side - 1)
    a, b = np.r_[below, right], np.r_[below + side, right + 1]
    W = sparse.csr_array((np.ones(2 * len(a)), (np.r_[a, b], np.r_[b, a])), shape=(side**2, side**2))
    w = wt.from_sparse(W, ids=pd.RangeIndex(side**2)).standardize("row")
    rng = np.random.default_rng(1)
    x, e = rng.standard_normal((2, side**2))
    y = x + 0.5 * (w.csr @ x) + e
    for _ in range(60):  # (I - .5 W)^-1 by its series
        y = x + 0.5 * (w.csr @ x) + e + 0.5 * (w.csr @ y)
    return sp.sdm("y ~ x", pd.DataFrame({"y": y, "x": x}, index=w.ids), w)


def alternately(a, b, rounds: int) -> tuple[float, float]:
    """Median CPU seconds of both, A B A B ..."""
    times = ([], [])
    for _ in range(rounds):
        for call, seconds in zip((a, b), times):
            began = time.process_time()
            call()
            seconds.append(time.process_time() - began)
    return median(times[0]), median(times[1])


def main(rounds: int, large: bool) -> None:
    print(f"{'median of ' + str(rounds) + ' rounds':36s} {'exact':>9s} {'draws':>9s} {'ratio':>6s} {'ends':>6s}")
    for name, fit in cases(large):
        def exact(fit=fit):
            result = fit.effects()
            return getattr(result, "long_run", result)

        def drawn(fit=fit):
            result = fit.effects(method="simulate")
            return getattr(result, "long_run", result)

        one, other = exact(), drawn()
        width = one.conf_high - one.conf_low
        away = max(np.abs((a - b) / width).max()
                   for a, b in ((one.conf_low, other.conf_low), (one.conf_high, other.conf_high)))  # fmt: skip
        a, b = alternately(exact, drawn, rounds)
        print(f"{name:36s} {1e3 * a:7.1f}ms {1e3 * b:7.1f}ms {b / a:6.2f} {away:6.3f}", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--large", action="store_true", help="100,000 units too")
    main(**vars(parser.parse_args()))
