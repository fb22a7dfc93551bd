"""The panel spatial Durbin model of the main job: ours against spreg's two fixed-effects estimators.

    python benchmarks/main_job.py [--rounds 15]

Same panel (48 states, 17 years), same W, same regressors W x included. The models differ:

* spreg.ML_LagFE and spreg.Panel_FE_Lag know unit effects only, have no Lee-Yu correction and report no
  standard errors of effects (their Durbin direct effects leave theta out);
* spreg takes arrays in the order of W; ours takes a frame in any order, a formula and labels. One line is measured
  from arrays to estimates on both sides;
* ours is asked for the same unit effects without correction, so that estimates can be compared, and then for
  what the main job needs: two-way effects, the correction, and effects with intervals.

Estimates are compared before any time is taken. Both sides run alternately in one process; medians.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import sys
import time
import tracemalloc
import warnings
from dataclasses import replace
from statistics import median

import numpy as np

sys.path.pop(0)  # this folder, where "weights" would be the benchmark of that name

import shapefiles
import spatial as sp
import weights as wt
from spatial.design.sample import demeaned_sample
from spatial.models.family import SDM
from spatial.solve.ml import maximum_likelihood

FORMULA = "log(gsp) ~ log(pcap) + log(pc) + log(emp) + unemp"


def main(rounds: int) -> None:
    states, panel = shapefiles.load("us_states"), shapefiles.load_panel("us_states")
    w = wt.queen(states).standardize("row")
    keys = {"entity": "state", "time": "year"}

    def same_model():
        return sp.sdm(FORMULA, panel, w, **keys, effects="entity", correction=False)

    def same_model_from_arrays():
        sample = demeaned_sample(SDM, first._design, first._settings.effects, False)
        return replace(first, _sample=sample, _solution=maximum_likelihood(sample)).with_vcov("oim")

    def whole_job():
        return sp.sdm(FORMULA, panel, w, **keys, effects="twoway").effects()

    began = time.perf_counter()
    first = same_model()
    cold = time.perf_counter() - began
    peers = spreg_fits(panel, w)

    print("agreement (unit effects, no correction): rho")
    print(f"  {'ours':24s} {first.rho:.8f}")
    for name, (_, rho) in peers.items():
        print(f"  {name:24s} {rho:.8f}   difference {abs(rho - first.rho):.1e}")
        assert abs(rho - first.rho) < 1e-5, f"{name} disagrees"

    print(f"\nours, first call in this process (imports, spectrum): {cold * 1e3:.0f} ms")
    print(f"{'median of ' + str(rounds) + ' rounds':40s} {'ours':>9s} {'spreg':>9s} {'ratio':>7s}")
    for title, ours in (
        ("same model", same_model),
        ("same model, from arrays", same_model_from_arrays),
        ("two-way, corrected, with effects", whole_job),
    ):
        for name, (peer, _) in peers.items():
            a, b = alternately(ours, peer, rounds)
            print(f"{title + ' / ' + name:40s} {a * 1e3:7.1f}ms {b * 1e3:7.1f}ms {b / a:6.0f}x")
    print(f"\npeak extra memory: ours {peak(same_model):.1f} MB, " + ", ".join(
        f"{name} {peak(peer):.1f} MB" for name, (peer, _) in peers.items()))  # fmt: skip


def spreg_fits(panel, w) -> dict:
    """{name: (call, rho)} on arrays in spreg's order: units fastest within periods."""
    import spreg

    wide = panel.assign(position=w.ids.get_indexer(panel["state"])).sort_values(["year", "position"])
    y = np.log(wide[["gsp"]].to_numpy())
    X = np.column_stack([np.log(wide[["pcap", "pc", "emp"]]), wide["unemp"]])
    WX = np.vstack([w.csr @ block for block in X.reshape(-1, w.n, X.shape[1])])
    with quiet():
        W = w.to_W()
        W.transform = "r"

    def lag_fe():
        with quiet():
            return spreg.ML_LagFE(y, np.hstack([X, WX]), W)

    def panel_fe_lag():
        with quiet():
            return spreg.Panel_FE_Lag(y, np.hstack([X, WX]), W)

    calls = {"ML_LagFE": lag_fe, "Panel_FE_Lag": panel_fe_lag}
    return {name: (call, float(np.ravel(call().rho)[0])) for name, call in calls.items()}


def alternately(a, b, rounds: int) -> tuple[float, float]:
    """Median seconds of both, A B A B ..."""
    times = ([], [])
    for _ in range(rounds):
        for call, kept in zip((a, b), times):
            began = time.perf_counter()
            call()
            kept.append(time.perf_counter() - began)
    return median(times[0]), median(times[1])


def peak(call) -> float:
    """Largest extra memory in MB."""
    tracemalloc.start()
    call()
    size = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return size / 1e6


@contextlib.contextmanager
def quiet():
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        yield


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=15)
    main(parser.parse_args().rounds)
