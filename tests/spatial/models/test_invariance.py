"""Laws of every model over random problems with islands: the unit and zero of y and x, order, names, the scale of W."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

import spatial as sp
import weights as wt
from spillover.errors import SpatialInputError

MODELS = ("slx", "sar", "sem", "sdm", "sdem", "sac", "gns")
COMMON = settings(max_examples=4, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
KIND = st.sampled_from(["row", "binary", "asymmetric"])


def problem(seed, kind, islands, n=36):
    """A response, two regressors and W with islands; asymmetric: k nearest with unequal weights."""
    rng = np.random.default_rng(seed)
    places = rng.uniform(size=(n, 2))
    distance = np.linalg.norm(places[:, None] - places[None], axis=2)
    W = (distance < 0.28).astype(float)
    if kind == "asymmetric":
        W = np.where(np.argsort(np.argsort(distance, axis=1), axis=1) <= 4, 1 / (0.05 + distance), 0)
    np.fill_diagonal(W, 0)
    W[:islands] = 0
    W[:, :islands] = 0
    if kind != "binary":
        W = W / np.where(W.sum(axis=1) > 0, W.sum(axis=1), 1)[:, None]
    top = np.abs(np.linalg.eigvals(W)).max()
    assert top > 0
    X = rng.standard_normal((n, 2))
    u = np.linalg.solve(np.eye(n) - 0.3 / top * W, rng.standard_normal(n))
    y = np.linalg.solve(np.eye(n) - 0.4 / top * W, 1 + X @ [1.0, -0.5] + u)
    ids = [f"u{i:02d}" for i in range(n)]
    return pd.DataFrame({"y": y, "a": X[:, 0], "b": X[:, 1]}, index=ids), pd.DataFrame(W, ids, ids)


def fitted(model, data, W, **options):
    """None where the data have no maximum within the interval."""
    try:
        return getattr(sp, model)("y ~ a + b", data, W, **options)
    except SpatialInputError as error:
        if error.code in ("E701", "E702", "E713", "E801"):
            return None
        raise


def spatial(fit):
    return fit.params.reindex(["rho", "lambda"]).dropna()


def same(one, other, names=None, *, scale=1.0):
    """Estimates and standard errors, to what rounding at the maximum leaves."""
    names = names or [name for name in one.params.index if "Intercept" not in name]
    errors = one.std_errors[names]
    assert (abs(scale * other.params[names] - one.params[names]) < 2e-5 * errors).all()
    np.testing.assert_allclose(scale * other.std_errors[names], errors, rtol=1e-5)


@pytest.mark.parametrize("model", MODELS)
@COMMON
@given(seed=st.integers(0, 9999), kind=KIND, islands=st.integers(0, 3), c=st.sampled_from([-3.0, 11.21, 1e4]))
def test_the_zero_of_y(model, seed, kind, islands, c):
    data, W = problem(seed, kind, islands)
    fit = fitted(model, data, W)
    assume(fit is not None)
    moved = fitted(model, data.assign(y=data["y"] + c), W)
    assert abs(spatial(moved) - spatial(fit)).max() < 1e-6 if len(spatial(fit)) else True
    same(fit, moved)


@pytest.mark.parametrize("model", MODELS)
@COMMON
@given(seed=st.integers(0, 9999), kind=KIND, islands=st.integers(0, 3), k=st.sampled_from([1e-6, 1e4]))
def test_units_and_zero_of_x(model, seed, kind, islands, k):
    data, W = problem(seed, kind, islands)
    fit = fitted(model, data, W)
    assume(fit is not None)
    moved = fitted(model, data.assign(a=k * (data["a"] + 2)), W)
    a = [name for name in fit.params.index if name.endswith("a") and name != "lambda"]
    same(fit, moved, [name for name in fit.params.index if name not in a and "Intercept" not in name])
    same(fit, moved, a, scale=k)


@pytest.mark.parametrize("model", MODELS)
@COMMON
@given(seed=st.integers(0, 9999), kind=KIND, islands=st.integers(0, 3), k=st.sampled_from([1e-5, 1e6]))
def test_unit_of_y(model, seed, kind, islands, k):
    data, W = problem(seed, kind, islands)
    fit = fitted(model, data, W)
    assume(fit is not None)
    moved = fitted(model, data.assign(y=k * data["y"]), W)
    at = list(spatial(fit).index)
    if at:
        same(fit, moved, at)
    same(fit, moved, [name for name in fit.params.index if name not in at], scale=1 / k)
    assert moved.loglik == pytest.approx(fit.loglik - len(data) * np.log(k), abs=1e-6)


@pytest.mark.parametrize("model", MODELS)
@COMMON
@given(seed=st.integers(0, 9999), kind=KIND, islands=st.integers(0, 3))
def test_order_of_rows_and_names_of_units(model, seed, kind, islands):
    data, W = problem(seed, kind, islands)
    fit = fitted(model, data, W)
    assume(fit is not None)
    rng = np.random.default_rng(seed)
    every = list(fit.params.index)
    same(fit, fitted(model, data.sample(frac=1, random_state=seed), W), every)
    order = rng.permutation(len(W))
    same(fit, fitted(model, data, W.iloc[order, order]), every)
    names = dict(zip(W.index, rng.permutation([f"z{i}" for i in range(len(W))])))
    same(fit, fitted(model, data.rename(index=names), W.rename(index=names, columns=names)), every)


@pytest.mark.parametrize("model", MODELS)
@COMMON
@given(seed=st.integers(0, 9999), kind=KIND, islands=st.integers(0, 3), c=st.sampled_from([0.01, 0.5, 30.0]))
def test_scale_of_w(model, seed, kind, islands, c):
    """rho W = (rho / c) c W; the coefficients of W x likewise."""
    data, W = problem(seed, kind, islands)
    fit = fitted(model, data, W)
    assume(fit is not None)
    moved = fitted(model, data, c * W)
    lagged = [name for name in fit.params.index if name in ("rho", "lambda") or name in ("W:a", "W:b")]
    same(fit, moved, lagged, scale=c)
    same(fit, moved, [name for name in fit.params.index if name not in lagged and "Intercept" not in name])
    assert moved.loglik == pytest.approx(fit.loglik, abs=1e-6)


@pytest.mark.parametrize("method", ["reml", "aqs", "gmm"])
@pytest.mark.parametrize("model", ["sar", "sdm", "sem", "sdem"])
@COMMON
@given(seed=st.integers(0, 9999), kind=KIND, islands=st.integers(0, 3))
def test_other_estimators(model, method, seed, kind, islands):
    """The zero of y and the order of rows, together."""
    data, W = problem(seed, kind, islands)
    fit = fitted(model, data, W, method=method)
    assume(fit is not None)
    moved = fitted(model, data.assign(y=data["y"] + 50).sample(frac=1, random_state=seed), W, method=method)
    assert abs(spatial(moved) - spatial(fit)).max() < 1e-6
    same(fit, moved)


@pytest.mark.parametrize("effects", ["none", "random", "entity", "time", "twoway"])
@pytest.mark.parametrize("model", ["sar", "sdm", "sac"])
def test_panels(model, effects):
    """An island in a panel, one and the same in all periods or (with time effects) another in each."""
    rng = np.random.default_rng(5)
    data, W = problem(3, "row", 1, n=20)
    rows = []
    for t in range(4):
        x, e = rng.standard_normal((2, 20))
        y = np.linalg.solve(np.eye(20) - 0.4 * W.to_numpy(), 1 + x + e)
        rows.append(pd.DataFrame({"y": y, "a": x, "b": rng.standard_normal(20), "id": W.index, "t": t}))
    data = pd.concat(rows)
    keys = {"entity": "id", "time": "t", "effects": effects}
    if effects in ("time", "twoway"):
        kept = [W.mul((W.index != W.index[3 + t]).astype(float), axis=0) for t in range(4)]
        W = wt.temporal({t: wt.from_dense(one.to_numpy(), one.index) for t, one in enumerate(kept)})
        if model == "sac":
            pytest.skip("a spatial error with time effects needs rows that sum to one")
    fit, moved = (getattr(sp, model)("y ~ a + b", data.assign(y=data["y"] + c), W, **keys) for c in (0, 25))
    np.testing.assert_allclose(spatial(moved), spatial(fit), atol=1e-6)


@pytest.mark.parametrize("model", MODELS)
def test_the_label_of_w_decides_nothing(model):
    """Row-standardised W with an island, and the same numbers without the label."""
    data, W = problem(11, "binary", 1)
    labelled = wt.from_dense(W.to_numpy(), W.index).standardize("row")
    plain = wt.from_dense(labelled.csr.toarray(), W.index, standardization="none")
    one, other = (getattr(sp, model)("y ~ a + b", data, w) for w in (labelled, plain))
    assert list(one.params.index) == list(other.params.index)
    assert ("W:Intercept" in one.params.index) == (model not in ("sem",))
    np.testing.assert_allclose(other.params, one.params, rtol=1e-6, atol=1e-8)


def test_the_lagged_intercept_can_be_left_out():
    """``durbin=[]`` gives the literal model of spatialreg; one that other regressors span is not added."""
    data, W = problem(11, "row", 1)
    data["island"] = (W.sum(axis=1) == 0).astype(float)
    assert list(sp.sar("y ~ a + b", data, W, durbin=[]).params.index) == ["Intercept", "a", "b", "rho"]
    spanned = sp.sar("y ~ a + b + island", data, W)
    assert "W:Intercept" not in spanned.params.index
    assert spanned.rho == pytest.approx(sp.sar("y ~ a + b", data, W).rho, abs=1e-8)
    with pytest.raises(SpatialInputError, match="E501"):
        sp.sar("y ~ a + b", data, W, durbin=["a"])
