"""SCPC: figures from elsewhere, the rejection rate against simulation, conditional size, subsets, refusals."""

import numpy as np
import pandas as pd
import pytest

import spatial as sp
import weights as wt
from spatial.covariance import components as engine
from spatial.covariance.places import great_circle
from spatial.covariance.scpc import influence
from spillover.errors import SpatialInputError

from .. import naive
from ..cases import states_case
from ..models.test_estimators import PANEL, panel_data


@pytest.fixture(scope="module")
def places():
    rng = np.random.default_rng(3)
    return np.column_stack([rng.uniform(0, 10, 200), rng.uniform(30, 38, 200)])


def test_two_hundred_places(places):
    at = engine.components(places, 0.03)
    assert at.q == 8
    assert at.critical_value == pytest.approx(2.6146, rel=3e-4)  # .02 % apart: the other one's grid is its own
    np.testing.assert_allclose(at.R.T @ at.R, np.eye(9), atol=1e-9)
    D = great_circle(places)
    assert D[3, 5] == pytest.approx(naive.great_circle(places[3], places[5]), rel=1e-9)
    S = np.exp(-at.grid[0] * D)
    assert (S.sum() - 200) / (200 * 199) == pytest.approx(0.03, rel=1e-6)
    M = np.eye(200) - 1 / 200
    for j in range(1, 9):  # eigenvectors of M Sigma M, and none is larger than the first
        v = M @ S @ M @ at.R[:, j]
        np.testing.assert_allclose(v, (v @ at.R[:, j]) * at.R[:, j], atol=1e-7)


def test_rejection_rate_by_simulation(places):
    at = engine.components(places, 0.03)
    rng = np.random.default_rng(1)
    for omega in (at.covariances(at.R[None])[0], at.covariances(at.R[None])[5]):
        z = rng.standard_normal((400_000, 9)) @ np.linalg.cholesky(omega).T
        share = np.mean(z[:, 0] ** 2 > at.critical_value**2 * np.mean(z[:, 1:] ** 2, axis=1))
        assert engine.rejection(omega, at.critical_value) == pytest.approx(share, abs=0.0015)


def test_conditional_size_is_that_of_the_whole_procedure():
    """Errors exp(-c0 d) on 48 states, 4,000 samples: t from the fit itself rejects 5 % at most, and near it."""
    data, w, states = states_case()
    fit = sp.ols("y ~ x + z", data, w, vcov=sp.SCPC(coords=states))
    kind = sp.SCPC(coords=states)
    points = kind._components(fit).points
    c0 = kind._components(fit).grid[0]
    L = np.linalg.cholesky(np.exp(-c0 * great_circle(points)) + 1e-12 * np.eye(48))
    rng, inside = np.random.default_rng(9), np.zeros(3)
    X = fit._sample.X
    T = X @ np.linalg.inv(X.T @ X)
    at = kind._components(fit)
    width = np.array([at.conditional(kind._directions(fit, at, t, T, X)) for t in T.T])
    for _ in range(4000):
        u = L @ rng.standard_normal(48)
        error, e = T.T @ u, u - X @ (T.T @ u)
        half = width * np.sqrt(48 / at.q * np.sum((at.R[:, 1:].T @ (T * e[:, None])) ** 2, axis=0))
        inside += np.abs(error) > half
    share = inside / 4000
    assert (share < 0.062).all(), share
    assert share.max() > 0.03
    half = width * np.sqrt(48 / at.q * np.sum((at.R[:, 1:].T @ (T * fit._solution.resid[:, None])) ** 2, axis=0))
    low, high = fit.conf_int().to_numpy().T
    np.testing.assert_allclose((high - low) / 2, half, rtol=1e-9)
    np.testing.assert_allclose(fit.pvalues < 0.05, (low > 0) | (high < 0))


def test_two_stage_least_squares():
    """The influence gives the estimates and the residuals; likelihoods and moments of an error are refused."""
    data, w, states = states_case()
    kind = sp.SCPC(coords=states)
    fit = sp.sar("y ~ x + z", data, w, method="gmm", vcov=kind)
    assert fit.df_resid == 7
    T, Z = influence(fit)
    np.testing.assert_allclose(T.T @ data["y"], fit.params, rtol=1e-9)
    np.testing.assert_allclose(data["y"] - Z @ fit.params, fit._solution.resid, rtol=1e-7, atol=1e-9)
    np.testing.assert_allclose(fit.with_vcov("scpc", coords=states).vcov, fit.vcov)
    with pytest.raises(SpatialInputError, match="maximum likelihood"):
        sp.sar("y ~ x + z", data, w, vcov=kind)
    with pytest.raises(SpatialInputError, match="E501"):
        sp.sac("y ~ x + z", data, w, method="gmm", vcov=kind)
    with pytest.raises(SpatialInputError, match="E501"):
        sp.SCPC(avc=3)


def test_a_panel_of_one_period_is_a_cross_section():
    data, w, states = states_case()
    long = data.assign(t=1).rename_axis("id").reset_index()
    kind = sp.SCPC(coords=states.rename_axis("id"))
    a = sp.slx("y ~ x + z", data, w, vcov=sp.SCPC(coords=states))
    b = sp.slx("y ~ x + z", long, w, entity="id", time="t", effects="none", vcov=kind)
    np.testing.assert_allclose(b.vcov, a.vcov, rtol=1e-8)
    c = sp.slx("y ~ x + z", long.iloc[::-1], w, entity="id", time="t", effects="none", vcov=kind)
    np.testing.assert_allclose(c.vcov, a.vcov, rtol=1e-8)


def test_effects_are_out_of_the_directions():
    """Two-way effects: the same as the regression on all dummies, whose influence has them among X."""
    data, W = panel_data(3, N=20, T=4)
    rng = np.random.default_rng(5)
    points = pd.DataFrame({"lon": rng.uniform(0, 10, 20), "lat": rng.uniform(30, 38, 20)}, index=W.index)
    kind = sp.SCPC(coords=points)
    a = sp.ols("y ~ a + b", data, W, **PANEL, effects="twoway", vcov=kind)
    b = sp.ols("y ~ a + b + C(id) + C(t)", data, W, **PANEL, effects="none", vcov=kind)
    np.testing.assert_allclose(a.vcov, b.vcov.loc[["a", "b"], ["a", "b"]], rtol=1e-7)


def test_a_subset_stands_in_for_many_places(monkeypatch):
    """1,200 places, 900 of them landmarks: critical value within 2 %, the same directions, widths within 5 %."""
    rng = np.random.default_rng(7)
    points = np.column_stack([rng.uniform(0, 10, 1200), rng.uniform(30, 38, 1200)])
    exact = engine.components(points, 0.03)
    x = points[:, 0] + rng.standard_normal(1200)
    columns = np.column_stack([np.ones(1200), exact.R[:, 1:] * np.sqrt(1200)]) * (x - x.mean())[:, None]
    wide = exact.conditional(columns[None])
    monkeypatch.setattr(engine, "LANDMARKS", 900)
    few = engine.components(points, 0.03)
    assert abs(few.q - exact.q) <= 1  # seven or eight are as short
    assert few.critical_value == pytest.approx(exact.critical_value, rel=0.02)
    shared = np.linalg.svd(few.R[:, 1:].T @ exact.R[:, 1:])[1]
    assert shared.min() > 0.97
    assert few.conditional(columns[None, :, : few.q + 1]) == pytest.approx(wide, rel=0.05)


@pytest.mark.slow
@pytest.mark.parametrize("kilometers", [0.0, 75.0, 150.0])
def test_coverage_of_a_slope(places, kilometers, capsys):
    """n = 200, correlation ranging to 0, 75, 150 km in x and e: 1,000 samples; x is drawn anew, so cv too."""
    rng = np.random.default_rng(int(kilometers))
    D = great_circle(places)
    S = np.exp(-D / kilometers * 3) if kilometers else np.eye(200)
    L = np.linalg.cholesky(S + 1e-12 * np.eye(200))
    w = wt.knn(places, 4, metric="planar")
    covered = 0
    for _ in range(1000):
        x, e = L @ rng.standard_normal(200), L @ rng.standard_normal(200)
        data = pd.DataFrame({"y": x + e, "x": x}, index=w.ids)
        low, high = sp.ols("y ~ x", data, w, vcov=sp.SCPC(coords=places)).conf_int().loc["x"]
        covered += low < 1 < high
    with capsys.disabled():
        print(f"\nSCPC, range {kilometers:g} km: {covered / 1000:.3f}")
    assert covered / 1000 > 0.93 - 0.023
