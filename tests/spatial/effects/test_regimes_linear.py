"""Slopes, contrasts, effects by group, what-ifs and average predictions of models with regimes: the plain model,
effects(), dense matrices; what-ifs of several W."""

import numpy as np
import pandas as pd
import pytest

import spatial as sp

from .. import naive_regimes as twin
from ..models.test_estimators import PANEL
from ..models.test_regimes import drawn
from .test_several_linear import READINGS, alike, table

SPATIAL = sp.Regimes("region", rho=True, sigma2=True)


def with_groups(T=1, seed=3, n=30, **more):
    frame, w, W, codes, *_ = drawn(seed, n=n, T=T, rho=(0.5, 0.1), **more)
    frame = frame.assign(g=np.where(frame["id"].str[1:].astype(int) % 3, "few", "many"))
    return (frame if T > 1 else frame.set_index("id")), w, W, codes


@pytest.mark.parametrize("reading", [*READINGS, "what_if"])
@pytest.mark.parametrize("regimes", ["region", SPATIAL])
@pytest.mark.parametrize(("effects", "formula"), [
    (None, "y ~ a + I(a**2) + b"), (None, "y ~ a + b + offset(0.3 * a)"), ("twoway", "y ~ a + I(a**2) + b"),
], ids=str)  # fmt: skip
def test_one_regime_has_the_readings_of_the_plain_model(effects, formula, regimes, reading):
    data, w, *_ = with_groups(T=4 if effects else 1, n=20 if effects else 40)
    options = {**PANEL, "effects": effects} if effects else {"vcov": "robust"}  # whose readings have no likelihood
    if reading in ("effects_by", "what_if"):
        formula = "y ~ a + b"
    plain = sp.sdm(formula, data, w, **options)
    one = sp.sdm(formula, data.assign(region="all"), w, regimes=regimes, **options)
    if reading == "what_if":
        read = lambda fit: sp.what_if(fit, "a", change=1.5, units=["u03", "u07"])  # noqa: E731
        assert list(read(one).table["change"]) == list(read(plain).table["change"])
        got, want = (read(fit).tidy().drop(columns="change") for fit in (one, plain))
        reached = want["estimate"] > 0.02 * want["estimate"].max()  # elsewhere the plain model's curves have few digits
        assert reached.sum() > 5
        alike(got[reached], want[reached])
        alike(read(one).by_group("g").iloc[:, 2:8], read(plain).by_group("g").iloc[:, 2:8])
        return
    alike(READINGS[reading](one).tidy(), READINGS[reading](plain).tidy())


@pytest.mark.parametrize("method", ["ml", "gmm"])
def test_slopes_of_what_enters_alone_are_its_effects(method):
    """Over all units and by region, at the same nodes over both rho."""
    data, w, *_ = with_groups(seed=5)
    regimes = SPATIAL if method == "ml" else "region"
    fit = sp.sdm("y ~ a + b", data, w, regimes=regimes, method=method)
    effects = fit.effects().tidy()
    for by, label in ((None, "a"), ("region", "east: a")):
        got = sp.slopes(fit, "a", by=by).tidy()
        got = got if by is None else got[got["term"] == "east"]
        want = effects[effects["term"] == label]
        pd.testing.assert_frame_equal(got.drop(columns="term").reset_index(drop=True),
                                      want.drop(columns="term").reset_index(drop=True), rtol=2e-3)  # fmt: skip


def test_rho_by_regime_by_dense_matrices():
    data, w, W, codes = with_groups(T=3)
    fit = sp.sdm("y ~ a + I(a**2) + b", data, w, regimes=SPATIAL, **PANEL, effects="none")
    p, n, T = fit.params, len(codes), 3
    rho = p[["east: rho", "south: rho"]].to_numpy()
    a, b = (data[x].to_numpy().reshape(T, n) for x in "ab")

    def coefficients(term):
        return [p[[f"{label}: {lag}{term}" for label in ("east", "south")]].to_numpy() for lag in ("", "W:")]

    def S(t):
        each = [(coefficients("a"), np.ones(n)), (coefficients("I(a ** 2)"), 2 * a[t])]
        return sum(twin.responses(*c, rho, W, codes) * m for c, m in each)

    many = data["g"].to_numpy()[:n] == "many"
    slopes = sp.slopes(fit, "a", by="g")
    assert slopes.direct["many"] == pytest.approx(np.mean([np.diag(S(t))[many] for t in range(T)]), rel=1e-6)
    assert slopes.total["many"] == pytest.approx(np.mean([S(t).sum(axis=0)[many] for t in range(T)]), rel=1e-6)
    # what-if: b rises by 2 in three units
    start = np.isin(np.arange(n), [1, 4, 8]) * 2.0
    got = sp.what_if(fit, "b", change=2.0, units=["u01", "u04", "u08"])
    np.testing.assert_allclose(got.table["estimate"], twin.responses(*coefficients("b"), rho, W, codes) @ start)
    # predictions at a = 1
    A = np.eye(n) - twin.of_unit(rho, codes)[:, None] * W
    right = twin.of_unit(p[["east: Intercept", "south: Intercept"]].to_numpy(), codes) + np.zeros((T, n))
    for term, x in (("a", np.ones((T, n))), ("I(a ** 2)", np.ones((T, n))), ("b", b)):
        own, lagged = (twin.of_unit(c, codes) for c in coefficients(term))
        right += own * x + lagged * (x @ W.T)
    expected = np.linalg.solve(A, right.T).T
    predicted = sp.predictions(fit, at={"a": 1.0}, by="region")
    east = np.broadcast_to(codes == 0, (T, n))
    assert predicted.estimates.iloc[0] == pytest.approx(expected[east].mean())
    differences = predicted.differences()["estimate"].iloc[0]
    assert differences == pytest.approx(expected[~east].mean() - expected[east].mean())


@pytest.mark.parametrize("effects", ["entity", "twoway", "random"])
@pytest.mark.parametrize("rows", [True, False])
def test_average_predictions_of_a_panel_are_those_of_the_sample(effects, rows):
    data, w, *_ = with_groups(T=4, n=20, row=rows)
    if effects == "random":
        fit = sp.sar("y ~ a + b", data, w, regimes="region", **PANEL, effects=effects)
    else:
        fit = sp.sdm("y ~ a + b", data, w, regimes=SPATIAL, **PANEL, effects=effects)
    assert sp.predictions(fit).estimates.iloc[0] == pytest.approx(fit.predict(kind="TC").mean())


def test_what_if_of_two_w_by_dense_matrices_and_its_law_by_effects():
    data, weights, (V, W) = table(rhos=(0.3, 0.2))
    fit = sp.sdm("y ~ a + b", data, weights)
    p, start = fit.params, np.isin(np.arange(40), [2, 9]) * 1.5
    A = np.eye(40) - p["rho_1"] * V - p["rho_2"] * W
    want = np.linalg.solve(A, p["a"] * start + p["W_1:a"] * V @ start + p["W_2:a"] * W @ start)
    got = sp.what_if(fit, "a", change=1.5, units=list(data.index[[2, 9]]))
    np.testing.assert_allclose(got.table["estimate"], want)
    everywhere = sp.what_if(fit, "a", change=1.0).by_group("g").loc["all"]
    total = fit.effects().tidy().query("effect == 'total' and term == 'a'").iloc[0]
    for name in ("estimate", "std_error", "conf_low", "conf_high", "p_value"):
        assert everywhere[name] == pytest.approx(total[name], rel=1e-4), name


def test_sparse_solves_are_dense_ones(monkeypatch):
    from spatial.logdet import several

    data, weights, _ = table(n=60, rhos=(0.3, 0.2))
    fit = sp.sar("y ~ a + b", data, weights)
    dense = sp.what_if(fit, "a", change=1.0, units=list(data.index[:5])).table
    monkeypatch.setattr(several, "DENSE_MAX", 10)
    monkeypatch.setattr(several, "DENSE_SHARE", 1.0)
    sparse = sp.what_if(sp.sar("y ~ a + b", data, weights), "a", change=1.0, units=list(data.index[:5])).table
    pd.testing.assert_frame_equal(sparse, dense, rtol=1e-6)
