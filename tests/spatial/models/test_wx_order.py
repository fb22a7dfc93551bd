"""Regressors lagged twice, W X and W^2 X: estimates, and effects against dense matrices."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import spatial as sp
from spatial.effects.propagate import NEAR_ZERO, Averages
from spillover.errors import SpatialInputError

from .test_estimators import COMMON, PANEL, cross_section, panel_data

KINDS = [{}, {"islands": 2}, {"symmetric": False}, {"row": False, "rho": 0.08}]


def responses(params, name, W):
    """S_r, dense."""
    n = len(W)
    P = params[name] * np.eye(n) + params.get(f"W:{name}", 0) * W + params.get(f"W2:{name}", 0) * W @ W
    return np.linalg.solve(np.eye(n) - params.get("rho", 0.0) * W, P)


def averages(S):
    direct, total = S.trace() / len(S), S.sum() / len(S)
    return np.array([direct, total - direct, total])


def test_names_and_estimates():
    data, W = cross_section(1)
    w, a = W.to_numpy(), data["a"].to_numpy()
    fit = sp.slx("y ~ a + b", data, W, durbin=["a"], wx_order=2)
    assert list(fit.params.index) == ["Intercept", "a", "b", "W:a", "W2:a"]
    X = np.column_stack([np.ones(len(w)), data[["a", "b"]], w @ a, w @ w @ a])
    np.testing.assert_allclose(fit.params, np.linalg.lstsq(X, data["y"], rcond=None)[0], rtol=1e-9)


@pytest.mark.parametrize("model", ["slx", "sdem", "sdm", "gns"])
def test_the_first_order_is_nested(model):
    data, W = panel_data(3, N=30)
    one, two = (getattr(sp, model)("y ~ a + b", data, W, **PANEL, wx_order=k) for k in (1, 2))
    assert sp.lr_test(one, two).df == 2
    assert one.loglik < two.loglik
    assert list(two.params.index[:6]) == ["a", "b", "W:a", "W:b", "W2:a", "W2:b"]


@COMMON
@given(seed=st.integers(0, 1_000), model=st.sampled_from(["slx", "sdem", "sdm", "gns"]), kind=st.sampled_from(KINDS))
def test_effects_equal_the_dense_inverse(seed, model, kind):
    data, W = cross_section(seed, **kind)
    fit = getattr(sp, model)("y ~ a + b", data, W, wx_order=2)
    eff = fit.effects(draws=20)
    for name in ("a", "b"):
        want = averages(responses(fit.params, name, W.to_numpy()))
        got = [eff.direct[name], eff.indirect[name], eff.total[name]]
        np.testing.assert_allclose(got, want, rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("model", ["sdem", "sdm", "gns"])
def test_delta_errors_are_the_numeric_gradient(model, kind):
    data, W = cross_section(6, **kind)
    fit = getattr(sp, model)("y ~ a + b", data, W, wx_order=2)
    at, names, w = fit.params.to_numpy(), fit.params.index, W.to_numpy()

    def dense(params):
        return averages(responses(pd.Series(params, index=names), "a", w))

    J = np.array([(dense(at + h) - dense(at - h)) / 2e-6 for h in np.eye(len(at)) * 1e-6]).T
    want = np.sqrt(np.diag(J @ fit.vcov.to_numpy() @ J.T))
    np.testing.assert_allclose(fit.effects(method="delta").std_errors[:, 0], want, rtol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_averages_at_many_rho(kind):
    """One rho, many rho, and derivatives; on both sides of the series near zero."""
    data, W = cross_section(6, **kind)
    fit, w = sp.sdm("y ~ a + b", data, W, wx_order=2), W.to_numpy()
    n, average = len(w), Averages(fit)

    def dense(rho):
        G = [np.linalg.solve(np.eye(n) - rho * w, np.linalg.matrix_power(w, k)) for k in range(3)]
        return np.array([[S.trace() / n for S in G], [S.sum() / n for S in G]])

    near = NEAR_ZERO * np.abs(average.logdet.interval).min()
    grid = np.array([-0.07, -1.001 * near, -0.9 * near, 0.0, near / 50, 0.99 * near, 0.02, 0.1])
    many = np.array(average.many(grid))
    for j, rho in enumerate(grid):
        np.testing.assert_allclose(average.at(rho), dense(rho), atol=1e-7, rtol=1e-8)
        np.testing.assert_allclose(many[:, :, j], dense(rho), atol=1e-7, rtol=1e-8)
        slopes = (dense(rho + 1e-5) - dense(rho - 1e-5)) / 2e-5
        np.testing.assert_allclose(average.slopes(rho), slopes, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("model", ["slx", "sdm"])
def test_parts_of_effects_add_up(model):
    data, W = cross_section(4, islands=1)
    fit = getattr(sp, model)("y ~ a + b", data, W, wx_order=2)
    eff, S = fit.effects(draws=10), responses(fit.params, "a", W.to_numpy())
    np.testing.assert_allclose(eff.matrix("a"), S, atol=1e-10)
    np.testing.assert_allclose(eff.shock("u07", "a", 2.0), 2 * S[:, 7], atol=1e-10)
    units = eff.by_unit("a")
    np.testing.assert_allclose(units["own"], S.diagonal(), atol=1e-9)
    np.testing.assert_allclose(units["emitted"], S.sum(0) - S.diagonal(), atol=1e-9)
    np.testing.assert_allclose(units["received"], S.sum(1) - S.diagonal(), atol=1e-9)
    orders = eff.by_order(200).query("term == 'a'").groupby("effect")["estimate"].sum()
    assert orders["direct"] == pytest.approx(eff.direct["a"], rel=1e-6)
    assert orders["indirect"] == pytest.approx(eff.indirect["a"], rel=1e-6)


def test_simulated_and_delta_errors_agree(panel, queen):
    fit = sp.sdm("log(gsp) ~ log(pcap) + unemp", panel, queen, entity="state", time="year", wx_order=2)
    drawn, delta = fit.effects(method="simulate", draws=20_000), fit.effects(method="delta")
    np.testing.assert_allclose(drawn.std_errors, delta.std_errors, rtol=0.05)


def test_instruments_of_the_second_order():
    """W^2 X is a regressor: its own lags are what is left to instrument W y."""
    data, W = cross_section(9, n=100)
    w, X = W.to_numpy(), data[["a", "b"]].to_numpy()
    fit = sp.sdm("y ~ a + b", data, W, wx_order=2, method="gmm")
    powers = [np.linalg.matrix_power(w, k) @ X for k in range(5)]
    exogenous = np.column_stack([np.ones(100), *powers[:3]])
    Z, H = np.column_stack([exogenous, w @ data["y"]]), np.column_stack([np.ones(100), *powers])
    Zh = H @ np.linalg.lstsq(H, Z, rcond=None)[0]
    np.testing.assert_allclose(fit.params, np.linalg.solve(Zh.T @ Z, Zh.T @ data["y"]), rtol=1e-6)


@pytest.mark.parametrize(("call", "message"), [
    (lambda d, w: sp.sdm("y ~ a + b", d, w, wx_order=3), "wx_order=3"),
    (lambda d, w: sp.wald_test(sp.sdm("y ~ a + b", d, w, wx_order=2), "SAR"), "lr_test"),
])  # fmt: skip
def test_refused(call, message):
    data, W = cross_section(2)
    with pytest.raises(SpatialInputError, match="E501") as caught:
        call(data, W)
    assert message in str(caught.value)


def test_predictions_have_the_second_lag():
    data, W = cross_section(2)
    w, X = W.to_numpy(), data[["a", "b"]].to_numpy()
    fit = sp.sdm("y ~ a + b", data, W, wx_order=2)
    trend = np.column_stack([np.ones(len(w)), X, w @ X, w @ w @ X]) @ fit.params.drop("rho").to_numpy()
    np.testing.assert_allclose(fit.predict(kind="trend"), trend, rtol=1e-10)
    np.testing.assert_allclose(fit.predict(kind="TC"), np.linalg.solve(np.eye(len(w)) - fit.rho * w, trend), rtol=1e-10)
