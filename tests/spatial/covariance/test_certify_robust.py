"""Coverage of robust, clustered and Driscoll-Kraay intervals."""

import warnings

import numpy as np
import pandas as pd
import pytest

import shapefiles
import spatial as sp
import weights as wt

from ..models.test_certify import band, nearest

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


def panel_design(N, T, serial, rng):
    """Two-way effects, regressor and errors AR(``serial``) in time."""
    W = nearest(rng, N, 4)
    A = np.linalg.inv(np.eye(N) - 0.4 * W)
    index = pd.MultiIndex.from_product([range(T), range(N)], names=["t", "i"])

    def draw():
        x, e = rng.standard_normal((2, T, N))
        for t in range(1, T):
            x[t] += serial * x[t - 1]
            e[t] += serial * e[t - 1]
        y = (x + e + rng.standard_normal(N)) @ A.T
        data = pd.DataFrame({"y": y.ravel(), "x": x.ravel()}, index).reset_index()
        return sp.sar("y ~ x", data, pd.DataFrame(W), entity="i", time="t", effects="twoway")

    return draw


def test_pairs_repair_rho_in_short():
    """200 samples: pairs within the noise of 95 %; rows, which this must be able to see, far below."""
    draw, regions = states_design("sdm", np.random.default_rng(5))
    pairs, six, rows = covered(200, draw, ["robust", sp.Cluster(regions(6)), sp.Robust(pairs=False)])
    low, _ = band(0.95, 200, slack=0.01)
    assert (pairs >= low).all(), pairs
    assert (six >= low).all(), six
    assert rows[0] < 0.85


@pytest.mark.slow
@pytest.mark.parametrize("model", ["sar", "sdm"])
def test_states(model, capsys):
    draw, regions = states_design(model, np.random.default_rng(7))
    kinds = ["robust", sp.Cluster(regions(6)), sp.Cluster(regions(12)), sp.Robust(pairs=False)]
    shares = covered(1000, draw, kinds)
    with capsys.disabled():
        print(f"\n{model} on states, robust, six and twelve regions, rows: {shares.round(3).tolist()}")
    assert (shares[:3] >= 0.93 - 0.01).all(), shares


@pytest.mark.slow
@pytest.mark.parametrize(("N", "T", "serial"), [(31, 13, 0.0), (31, 13, 0.5), (60, 4, 0.0), (31, 5, 0.0)])
def test_panels(N, T, serial, capsys):
    shares = covered(600, panel_design(N, T, serial, np.random.default_rng(N + T)), ["robust", "driscoll_kraay"])
    with capsys.disabled():
        print(f"\nN={N} T={T} AR({serial}): robust {shares[0].round(3)}, Driscoll-Kraay {shares[1].round(3)}")
    assert (shares >= 0.93 - 0.023).all(), shares
