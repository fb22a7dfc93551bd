"""Predictions against spatialreg, against the conditional normal distribution, and laws."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import shapefiles
import spatial as sp
import weights as wt
from spillover.errors import SpatialInputError

from ..models.test_estimators import PANEL, cross_section, panel_data

STORED = json.loads((Path(__file__).parents[2] / "reference" / "predict" / "results.json").read_text())


@pytest.fixture(scope="module")
def columbus():
    data = shapefiles.load("columbus")
    new = [int(i) for i in STORED["new"]]
    return data, wt.queen(data).standardize("row"), data.drop(index=new), data.loc[new]


@pytest.mark.parametrize("model", ["sar", "sdm", "sem"])
def test_in_sample_as_spatialreg(columbus, model):
    data, w, *_ = columbus
    fit = getattr(sp, model)("CRIME ~ INC + HOVAL", data.sample(frac=1, random_state=0), w)
    for kind, want in STORED["inside"][model].items():
        want = pd.Series(want).rename(int)
        np.testing.assert_allclose(fit.predict(kind=kind)[want.index], want, rtol=1e-6)


@pytest.mark.parametrize("model", ["sar", "sdm", "sem"])
def test_out_of_sample_as_spatialreg(columbus, model):
    _, w, reference, new = columbus
    fit = getattr(sp, model)("CRIME ~ INC + HOVAL", reference, wt.queen(reference).standardize("row"))
    for kind, want in STORED["outside"][model].items():
        got = fit.predict(new.drop(columns="CRIME").iloc[::-1], w, kind=kind)
        want = pd.Series(want).rename(int)
        np.testing.assert_allclose(got[want.index], want, rtol=1e-5)


@pytest.mark.parametrize("model", ["slx", "sar", "sem", "sdm", "sdem", "sac"])
def test_bp_is_the_conditional_mean(model):
    """E[y_o | y_s] of the joint normal distribution with the estimated parameters, from dense inverses."""
    data, W = cross_section(3, lam=0.3, symmetric=False)
    reference, new = data.iloc[:30], data.iloc[30:]
    small = W.iloc[:30, :30]
    fit = getattr(sp, model)("y ~ a + b", reference, small.div(small.sum(axis=1), axis=0).fillna(0))
    p, w, n = fit.params, W.to_numpy(), len(data)
    X = np.column_stack([np.ones(n), data[["a", "b"]]])
    mean = X @ p[["Intercept", "a", "b"]] + sum(w @ data[c] * p.get(f"W:{c}", 0.0) for c in "ab")
    A, B = np.eye(n) - fit.rho * w, np.eye(n) - fit.lam * w
    mean, V = np.linalg.solve(A, mean), np.linalg.inv(A.T @ B.T @ B @ A)
    gain = V[30:, :30] @ np.linalg.inv(V[:30, :30])
    want = mean[30:] + gain @ (reference["y"] - mean[:30]).to_numpy()
    got = fit.predict(new.sample(frac=1, random_state=1), W)
    np.testing.assert_allclose(got[new.index], want, rtol=1e-8)
    np.testing.assert_allclose(fit.predict(new, W, kind="TC"), mean[30:], rtol=1e-8)


def test_bp_in_sample_is_the_conditional_mean_of_each_unit_given_all_others():
    data, W = cross_section(5, lam=0.3)
    fit = sp.sac("y ~ a + b", data, W)
    w, n = W.to_numpy(), len(data)
    A, B = np.eye(n) - fit.rho * w, np.eye(n) - fit.lam * w
    mean = np.linalg.solve(A, np.column_stack([np.ones(n), data[["a", "b"]]]) @ fit.params.iloc[:3])
    V, got = np.linalg.inv(A.T @ B.T @ B @ A), fit.predict(kind="BP")
    for i in (0, 17, 39):
        rest = np.delete(np.arange(n), i)
        gap = np.linalg.solve(V[np.ix_(rest, rest)], data["y"].to_numpy()[rest] - mean[rest])
        assert got.iloc[i] == pytest.approx(mean[i] + V[i, rest] @ gap, rel=1e-9)


@pytest.mark.parametrize("effects", ["none", "entity", "time", "twoway"])
@pytest.mark.parametrize("model", ["ols", "sdm", "sem", "sac"])
def test_panels_with_dummies_of_their_effects(model, effects):
    """TS leaves the residuals; trend has the effects in it: A y - trend has no means left along them."""
    data, W = panel_data(4)
    fit = getattr(sp, model)("y ~ a + b", data, W, **PANEL, effects=effects)
    pd.testing.assert_series_equal(fit.predict(), fit.fitted, check_names=False)
    trend, y = fit.predict(kind="trend"), fit._design.labelled(fit._design.y, "y")
    A = np.eye(14) - fit.rho * W.to_numpy()
    left = (y.unstack("t").loc[W.index].T @ A.T).to_numpy() - trend.unstack("t").loc[W.index].T.to_numpy()
    if effects in ("entity", "twoway"):
        np.testing.assert_allclose(left.mean(axis=0), 0, atol=1e-10)
    if effects in ("time", "twoway"):
        np.testing.assert_allclose(left.mean(axis=1), 0, atol=1e-10)
    TC = np.linalg.solve(A, trend.unstack("t").loc[W.index])
    np.testing.assert_allclose(fit.predict(kind="TC").unstack("t").loc[W.index], TC, rtol=1e-9)


def test_transformed_responses_and_categories_come_from_the_formula():
    data, W = cross_section(6)
    data = data.assign(y=np.exp(data["y"] / 4), 区=np.tile(["东", "西"], 20))
    reference = data.iloc[:36]
    small = W.iloc[:36, :36]
    fit = sp.sdm("log(y) ~ a + C(区)", reference, small.div(small.sum(axis=1), axis=0).fillna(0))
    whole = W.iloc[[*range(36), 39], [*range(36), 39]]
    one, b = fit.predict(data.iloc[[39]].drop(columns="y"), whole, kind="trend"), fit.params
    assert one.index.tolist() == ["u39"]
    assert one.iloc[0] == pytest.approx(
        b["Intercept"] + b["a"] * data["a"].iloc[39] + b.filter(like="C(").iloc[0]
        + b["W:a"] * (W.iloc[39, :36] @ data["a"].iloc[:36])
        + b.filter(like="W:C(").iloc[0] * (W.iloc[39, :36] @ (data["区"].iloc[:36] == "西"))
    )  # fmt: skip


@pytest.mark.parametrize(("code", "change"), [
    ("E501", {"kind": "BP1"}), ("E501", {"w": None}), ("E101", {"data": slice(28, 40)}), ("E101", {"w": slice(0, 39)}),
    ("E501", {"w": "unlabelled"}), ("E201", {"data": "hole"}), ("E502", {"data": "absent"}),
])  # fmt: skip
def test_refusals(code, change):
    data, W = cross_section(2)
    fit = sp.slx("y ~ a", data.iloc[:30], W.iloc[:30, :30])
    new, w = data.iloc[change["data"] if isinstance(change.get("data"), slice) else slice(30, 40)], W
    if change.get("data") == "hole":
        new = new.assign(a=np.nan)
    if change.get("data") == "absent":
        new = new.drop(columns="a")
    if "w" in change:
        c = change["w"]
        w = None if c is None else W.to_numpy() if c == "unlabelled" else W.iloc[c, c]
    with pytest.raises(SpatialInputError) as caught:
        fit.predict(new, w, kind=change.get("kind"))
    assert caught.value.code == code


def test_panels_out_of_sample_are_refused():
    data, W = panel_data(1)
    fit = sp.sar("y ~ a", data, W, **PANEL, effects="entity")
    with pytest.raises(SpatialInputError, match="fitted already"):
        fit.predict(data)
    with pytest.raises(SpatialInputError, match="fixed effects of new units are not estimated"):
        fit.predict(data, W, kind="BP")
