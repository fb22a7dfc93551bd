"""Coverage of robust, clustered and Driscoll-Kraay intervals."""

import warnings

import numpy as np
import pandas as pd

import shapefiles
import spatial as sp
import weights as wt

from ..designs import band

TRUTH = {"rho": 0.4, "x": 1.0}


def covered(samples, fit_of, kinds):
    """Shares of samples whose 95 % interval holds rho and the slope, (kinds, 2)."""
    hits = np.zeros((len(kinds), 2))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for _ in range(samples):
            fit = fit_of()
            for row, kind in enumerate(kinds):
                interval = fit.with_vcov(kind).conf_int()
                hits[row] += [interval.loc[name, "conf_low"] < at < interval.loc[name, "conf_high"]
                              for name, at in TRUTH.items()]  # fmt: skip
    return hits / samples


def states_design(model, rng):
    """48 states, and groups of them from west to east."""
    states = shapefiles.load("us_states")
    w = wt.queen(states).standardize("row")
    A = np.linalg.inv(np.eye(48) - 0.4 * w.csr.toarray())
    order = np.argsort(states.to_crs(5070).geometry.centroid.x.to_numpy())

    def regions(count):
        codes = np.empty(48, dtype=int)
        codes[order] = np.arange(48) * count // 48
        return pd.Series(codes, index=w.ids)

    def draw():
        x = rng.standard_normal(48)
        data = pd.DataFrame({"y": A @ (1 + x + rng.standard_normal(48)), "x": x}, index=w.ids)
        return getattr(sp, model)("y ~ x", data, w)

    return draw, regions


def test_pairs_repair_rho_in_short():
    """200 samples: pairs within the noise of 95 %; rows, which this must be able to see, far below."""
    draw, regions = states_design("sdm", np.random.default_rng(5))
    pairs, six, rows = covered(200, draw, ["robust", sp.Cluster(regions(6)), sp.Robust(pairs=False)])
    low, _ = band(0.95, 200, slack=0.01)
    assert (pairs >= low).all(), pairs
    assert (six >= low).all(), six
    assert rows[0] < 0.85
