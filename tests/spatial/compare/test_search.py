"""Profiles over a parameter of W, and mixtures of W."""

import numpy as np
import pytest

import spatial as sp
import weights as wt
from spillover.errors import SpatialInputError

from .conftest import FORMULA, KEYS


def test_a_profile_is_the_likelihoods(states, early):
    def family(k):
        return wt.knn(states, k).standardize("row")

    tuned = sp.tune_weights(family, [3, 4, 5, 60], model=sp.sar, formula=FORMULA, data=early, name="k", **KEYS)
    alone = {k: sp.sar(FORMULA, early, family(k), **KEYS).loglik for k in (3, 4, 5)}
    table = tuned.profile().set_index("value")
    assert table["loglik"].to_dict() == pytest.approx(alone)
    assert tuned.best == max(alone, key=alone.get)
    inside = [k for k in alone if 2 * (max(alone.values()) - alone[k]) <= 3.841458820694124]
    assert tuned.interval == (inside[0], inside[-1])
    assert tuned.failed[60].startswith("E304")
    assert "60 could not be used" in str(tuned)


def test_a_mixture_is_the_maximum_over_the_simplex(several, early):
    """A fine grid never beats it; shares sum to one; the curvature is that of the grid."""
    pair = {name: several[name] for name in ("queen", "inverse")}
    result = sp.mix_weights(pair, model=sp.sar, formula=FORMULA, data=early, **KEYS)
    assert result.shares.sum() == pytest.approx(1)
    q, inv = (several[name].csr for name in pair)

    def loglik(a):
        w = wt.from_sparse(a * q + (1 - a) * inv, ids=several["queen"].ids)
        return sp.sar(FORMULA, early, w, **KEYS).loglik

    grid = np.linspace(0, 1, 41)
    values = np.array([loglik(a) for a in grid])
    assert result.fit.loglik >= values.max() - 1e-9
    assert abs(grid[values.argmax()] - result.shares["queen"]) <= 0.025
    near = result.profiles["queen"]
    np.testing.assert_allclose(np.interp(near["share"], grid, values), near["loglik"], atol=0.05)
    low, high = result.tidy().set_index("term").loc["queen", ["conf_low", "conf_high"]]
    assert low <= result.shares["queen"] <= high


def test_shares_of_three_are_found(several, queen, states, early):
    """Data made with W = .7 queen + .3 inverse: nothing goes to the third, up to noise."""
    third = wt.knn(states, 20).standardize("row")
    ids, rng = list(queen.ids), np.random.default_rng(8)
    W = 0.7 * queen.csr + 0.3 * several["inverse"].csr
    years = sorted(early["year"].unique())
    x = rng.standard_normal((len(years), 48))
    y = np.linalg.solve(np.eye(48) - 0.7 * W.toarray(), (2 * x + 0.3 * rng.standard_normal(x.shape)).T).T
    built = early.sort_values(["year", "state"]).assign(order=lambda d: d["state"].map(ids.index))
    built = built.sort_values(["year", "order"]).assign(y=y.ravel(), x=x.ravel())
    ws = {"queen": queen, "inverse": several["inverse"], "knn20": third}
    result = sp.mix_weights(ws, model=sp.sar, formula="y ~ x", data=built, **KEYS)
    assert result.shares["queen"] == pytest.approx(0.7, abs=0.12)
    table = result.tidy().set_index("term")
    for name, share in {"queen": 0.7, "inverse": 0.3, "knn20": 0.0}.items():
        assert table.loc[name, "conf_low"] - 0.1 <= share <= table.loc[name, "conf_high"] + 0.1
    ends = [result.profiles[name]["loglik"].max() for name in ws]
    assert max(ends) <= result.fit.loglik + 1e-3
    del ws["knn20"]
    two = sp.mix_weights(ws, model=sp.sar, formula="y ~ x", data=built, **KEYS)
    assert result.fit.loglik >= two.fit.loglik - 1e-4
    assert 0 < two.std_errors["queen"] < 0.2


def test_refused(several, early):
    call = {"model": sp.sar, "formula": FORMULA, "data": early, **KEYS}
    with pytest.raises(SpatialInputError, match="E513"):
        sp.tune_weights(lambda k: several["queen"], [1], **call)
    for bad in ({"a": several["queen"]}, {"a": several["queen"], "b": several["queen"]},
                {"a": several["queen"], "b": several["knn5"].standardize("spectral")}):  # fmt: skip
        with pytest.raises(SpatialInputError, match="E513"):
            sp.mix_weights(bad, **call)


def test_a_profile_is_in_order_and_of_one_model(states, early, several):
    def family(k):
        return wt.knn(states, k).standardize("row")

    how = {"formula": FORMULA, "data": early, **KEYS}
    assert sp.tune_weights(family, [5, 3, 4, 3], model=sp.sar, **how).values == (3, 4, 5)
    for options, code in (({"model": [sp.sar, sp.sdm]}, "E513"), ({"model": sp.sar, "prior": "beta"}, "E510")):
        with pytest.raises(SpatialInputError, match=code):
            sp.tune_weights(family, [3, 4], **how, **options)
    with pytest.raises(SpatialInputError, match="E513"):
        sp.mix_weights(several, model=sp.ols, **how)
    assert "lambda" in str(sp.mix_weights({k: several[k] for k in ("queen", "knn5")}, model=sp.sem, **how))
