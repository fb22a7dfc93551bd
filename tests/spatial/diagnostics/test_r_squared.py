"""R2 against linearmodels, statsmodels, the printed log of xsmle and dense matrices."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm

import shapefiles
import spatial as sp
import weights as wt

XSMLE = json.loads((Path(__file__).parents[2] / "reference/xsmle/china_tfp.json").read_text(encoding="utf-8"))
FORMULA = "log(gsp) ~ log(pcap) + log(pc) + log(emp) + unemp"
KEYS = {"entity": "state", "time": "year"}


@pytest.fixture(scope="module")
def states():
    return shapefiles.load_panel("us_states"), wt.queen(shapefiles.load("us_states")).standardize("row")


def correlation(a, b):
    return np.corrcoef(np.ravel(a), np.ravel(b))[0, 1] ** 2


@pytest.mark.parametrize("name", XSMLE["r_squared"])
def test_xsmle_prints_these(name, shared):
    """Within, between, overall of three models of a published log, to the four digits it has."""
    model, _, which = name.partition(" ")
    panel = pd.read_csv(shared / "china_tfp_panel.csv")
    w = wt.from_frame(pd.read_csv(shared / f"china_tfp_w_{which}.csv"), ids=panel["province_id"].unique())
    fit = getattr(sp, model)("ln_tfp ~ " + " + ".join(XSMLE["order"]), panel, w, entity="province_id", time="year",
                             effects="entity", correction=False)  # fmt: skip
    r2 = fit.r_squared
    np.testing.assert_allclose([r2.within, r2.between, r2.overall], XSMLE["r_squared"][name], atol=6e-5)


@pytest.mark.parametrize("effects", ["entity", "none"])
def test_regressions_of_panels_against_linearmodels(states, effects):
    linear = pytest.importorskip("linearmodels")
    panel, w = states
    indexed = panel.set_index(["state", "year"])
    X = np.log(indexed[["pcap", "pc", "emp"]]).join(indexed[["unemp"]])
    y = np.log(indexed["gsp"])
    if effects == "entity":
        theirs = linear.PanelOLS(y, X, entity_effects=True).fit()
        inclusive = theirs.rsquared_inclusive
    else:
        theirs = linear.PooledOLS(y, sm.add_constant(X)).fit()
        inclusive = theirs.rsquared
    r2 = sp.ols(FORMULA, panel, w, effects=effects, **KEYS).r_squared
    want = [theirs.corr_squared_within, theirs.corr_squared_between, theirs.corr_squared_overall, inclusive]
    np.testing.assert_allclose([r2.within, r2.between, r2.overall, r2.r2], want, rtol=1e-9)


def test_a_cross_section_has_the_usual_r2():
    data = shapefiles.load("columbus")
    w = wt.queen(data).standardize("row")
    theirs = sm.OLS(data["CRIME"].to_numpy(), sm.add_constant(data[["INC", "HOVAL"]].to_numpy())).fit()
    r2 = sp.ols("CRIME ~ INC + HOVAL", data, w).r_squared
    np.testing.assert_allclose([r2.r2, r2.corr, r2.adjusted], [theirs.rsquared, theirs.rsquared, theirs.rsquared_adj])
    assert np.isnan([r2.within, r2.between, r2.overall]).all()


@pytest.mark.parametrize(("model", "options"), [
    ("sdm", {}), ("sar", {"effects": "time"}), ("sac", {"effects": "none"}), ("sar", {"effects": "random"}),
    ("sdm", {"lags": "both"}), ("sar", {"method": "gmm"}),
])  # fmt: skip
def test_squared_correlations_are_those_of_the_dense_reduced_form(states, model, options):
    panel, w = states
    fit = getattr(sp, model)(FORMULA, panel, w, **KEYS, **options)
    d, W, b = fit._design, w.csr.toarray(), fit.params
    expected = np.zeros(d.y.shape)
    for name, value in b.drop(["rho", "lambda"], errors="ignore").items():
        x = d.X[:, :, d.names.index(name.removeprefix("W:") if name not in d.names else name)]
        expected += value * (x if name in d.names else x @ W.T)
    expected = expected @ np.linalg.inv(np.eye(len(W)) - fit.rho * W).T
    r2 = fit.r_squared
    assert r2.overall == pytest.approx(correlation(d.y, expected), rel=1e-9)
    assert r2.between == pytest.approx(correlation(d.y.mean(0), expected.mean(0)), rel=1e-9)
    assert r2.within == pytest.approx(correlation(d.y - d.y.mean(0), expected - expected.mean(0)), rel=1e-9)
    own = fit._settings.effects.demean
    assert r2.corr == pytest.approx(correlation(own(d.y), own(expected)), rel=1e-9)


def test_gaps_and_weights_over_time(states):
    """A panel without some rows: rows that are there count, each once, under that period's W."""
    panel, w = states
    gone = panel.sample(frac=0.9, random_state=1)
    fit = sp.sar(FORMULA, gone, w, **KEYS, missing="period")
    d, r2 = fit._design, fit.r_squared
    total, rows = [], []
    for t in range(d.n_periods):
        there = d.observed[t]
        W = d.weights.matrices[t].csr.toarray()[np.ix_(there, there)]
        kept = [name for name in d.names if name in fit.params]
        x = d.X[t][there][:, [d.names.index(name) for name in kept]] @ fit.params[kept].to_numpy()
        x = x + fit.params.get("W:Intercept", 0.0) * W.sum(axis=1)  # a unit whose neighbors are all absent
        total.append(np.linalg.solve(np.eye(len(W)) - fit.rho * W, x))
        rows.append(d.y[t][there])
    assert r2.overall == pytest.approx(correlation(np.concatenate(rows), np.concatenate(total)), rel=1e-9)
    assert 0 < r2.within < 1


def test_glance_says_how_a_model_was_estimated(states):
    panel, w = states
    row = sp.sdm(FORMULA, panel, w, **KEYS, vcov="robust").glance().iloc[0]
    assert (row["nobs"], row["n"], row["units"], row["periods"]) == (816, 752, 48, 17)
    assert (row["effects"], row["method"], row["correction"], row["df_resid"]) == ("twoway", "ml", "True", 47)
    assert "pair of units" in row["vcov"]
    text = str(sp.sdm(FORMULA, panel, w, **KEYS))
    assert f"within {row['r2_within']:.4f}" in text


def test_no_reduced_form_no_correlation():
    """A response without regressors that vary has nothing to be correlated with."""
    data = shapefiles.load("columbus")
    w = wt.queen(data).standardize("row")
    r2 = sp.sar("CRIME ~ 1", data, w).r_squared
    assert np.isnan(r2.corr)
    assert 0 < r2.r2 < 1
