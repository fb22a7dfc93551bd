"""Large means, extreme units, W that identifies nothing: right numbers, or an error that names the cause."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import spatial as sp
from spatial.covariance.information import covariance, observed
from spillover.errors import SpatialInputError

from .test_estimators import PANEL, cross_section, panel_data

MODELS = ("sar", "sem", "sdm", "sdem", "sac", "gns")


@pytest.mark.parametrize("mean", [1e7, 1e8, -3e8])
@pytest.mark.parametrize("model", MODELS)
def test_a_regressor_with_a_large_mean(model, mean):
    """Standard errors of all but the intercept are those of the centred regressor: 1e-6, what the estimates leave."""
    data, W = cross_section(3, n=100, rho=0.4, lam=0.2)
    fit, moved = (getattr(sp, model)("y ~ a + b", data.assign(a=data["a"] + c), W) for c in (0, mean))
    names = [name for name in fit.params.index if name != "Intercept"]
    np.testing.assert_allclose(moved.std_errors[names], fit.std_errors[names], rtol=1e-6)


@pytest.mark.parametrize("model", MODELS)
def test_a_trend_beside_a_large_mean(model):
    """Two regressors with large means that move together: no cross-products of the columns themselves."""
    data, W = cross_section(4, n=80, rho=0.3, lam=0.2)
    plain = data.assign(b=data["a"] + 0.1 * data["b"])
    moved = plain.assign(a=plain["a"] + 1e6, b=plain["b"] - 1e6)
    fit, other = (getattr(sp, model)("y ~ a + b", each, W) for each in (plain, moved))
    names = [name for name in fit.params.index if name != "Intercept"]
    np.testing.assert_allclose(other.std_errors[names], fit.std_errors[names], rtol=1e-6)


@pytest.mark.parametrize("effects", ["none", "entity", "twoway"])
@pytest.mark.parametrize("model", MODELS)
def test_the_covariance_is_the_inverse_of_the_information(model, effects):
    """The other basis changes nothing where the plain inverse is good."""
    data, W = panel_data(8, N=20, T=5)
    fit = getattr(sp, model)("y ~ a + b", data, W, **PANEL, effects=effects, correction=False)
    plain = covariance(observed(fit._sample, fit._solution), list(fit.params.index))
    np.testing.assert_allclose(fit.vcov, plain, rtol=1e-8, atol=1e-12)


@pytest.mark.parametrize("size", [1e150, 1e-150])
@pytest.mark.parametrize("model", MODELS)
def test_extreme_units_of_y(model, size):
    data, W = cross_section(5, rho=0.4, lam=0.2)
    fit, moved = (getattr(sp, model)("y ~ a + b", data.assign(y=data["y"] * k), W) for k in (1.0, size))
    at = [name for name in ("rho", "lambda") if name in fit.params.index]
    np.testing.assert_allclose(moved.params[at], fit.params[at], atol=1e-7)
    np.testing.assert_allclose(moved.std_errors[at], fit.std_errors[at], rtol=1e-6)
    rest = [name for name in fit.params.index if name not in at]
    np.testing.assert_allclose(moved.std_errors[rest] / size, fit.std_errors[rest], rtol=1e-6)


@pytest.mark.parametrize("back", [1e-8, 1e-12])
@pytest.mark.parametrize("model", ["sar", "sem", "sac"])
def test_links_that_are_strong_one_way(model, back):
    """A path of links 1 ahead and almost none back: its symmetric twin has weights beyond double precision."""
    n = 40
    W = np.diag(np.ones(n - 1), 1) + back * np.diag(np.ones(n - 1), -1)
    rng = np.random.default_rng(1)
    a = rng.standard_normal(n)
    y = np.linalg.solve(np.eye(n) - 0.4 * W, 1 + a + rng.standard_normal(n))
    ids = [f"u{i}" for i in range(n)]
    data, w = pd.DataFrame({"y": y, "a": a}, index=ids), pd.DataFrame(W, ids, ids)
    one_way = pd.DataFrame(np.where(W == 1, 1.0, 0.0), ids, ids)
    fit, limit = (getattr(sp, model)("y ~ a", data, each) for each in (w, one_way))
    np.testing.assert_allclose(fit.params, limit.params, atol=1e-5)


@pytest.mark.parametrize("model", ["slx", *MODELS])
def test_no_links_at_all(model):
    data, W = cross_section(6)
    with pytest.raises(SpatialInputError, match="E306"):
        getattr(sp, model)("y ~ a + b", data, 0 * W)
    assert len(sp.ols("y ~ a + b", data, 0 * W).params) == 3


@pytest.mark.parametrize("scale", [1.0, 1 / 39, 7.0])
@pytest.mark.parametrize("model", ["sar", "sem", "sac"])
def test_everybody_is_everybodys_equal_neighbor(model, scale):
    data, _ = cross_section(7, n=40)
    W = pd.DataFrame(scale * (np.ones((40, 40)) - np.eye(40)), data.index, data.index)
    with pytest.raises(SpatialInputError, match=r"not identified.*equal neighbor"):
        getattr(sp, model)("y ~ a + b", data, W)


def test_equal_neighbors_within_groups_of_one_size():
    """With a dummy for each group W y is again a multiple of y."""
    data, _ = cross_section(8, n=40)
    group = np.repeat(np.arange(8), 5)
    W = pd.DataFrame(((group[:, None] == group) - np.eye(40)) / 4, data.index, data.index)
    with pytest.raises(SpatialInputError, match="E714"):
        sp.sar("y ~ a + C(g)", data.assign(g=group), W)
    assert np.isfinite(sp.sar("y ~ a", data, W).rho)


def test_one_parameter_on_the_edge_lets_the_other_settle():
    """Dense W and two-way effects: where lambda lies on its end the search says so, and does not run on."""
    rng = np.random.default_rng(9)
    N, T = 20, 5
    places = rng.uniform(size=(N, 2))
    W = 1 / (np.linalg.norm(places[:, None] - places[None], axis=2) + np.eye(N)) ** 0.5
    np.fill_diagonal(W, 0)
    W /= W.sum(axis=1, keepdims=True)
    ids = [f"u{i}" for i in range(N)]
    w, codes = pd.DataFrame(W, ids, ids), []
    for _ in range(40):
        a, e = rng.standard_normal((2, T, N))
        y = np.linalg.solve(np.eye(N) - 0.3 * W, (a + np.linalg.solve(np.eye(N) - 0.3 * W, e.T).T).T).T
        frame = {"y": y.ravel(), "a": a.ravel(), "id": ids * T, "t": np.repeat(np.arange(T), N)}
        try:
            sp.sac("y ~ a", pd.DataFrame(frame), w, **PANEL, effects="twoway")
        except SpatialInputError as error:
            codes.append(error.code)
    assert set(codes) <= {"E701", "E702"}
    assert "E701" in codes
