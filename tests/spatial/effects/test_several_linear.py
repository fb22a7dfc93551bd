"""Slopes, contrasts, effects by group and average predictions of models with several W: one W, effects(), by hand."""

import numpy as np
import pandas as pd
import pytest

import spatial as sp
from spillover.errors import SpatialInputError

from ..models.test_estimators import PANEL
from ..models.test_several import drawn

READINGS = {
    "slopes": lambda fit: sp.slopes(fit, "a"),
    "by and at": lambda fit: sp.slopes(fit, "a", by="g", at={"b": [0.0, 1.0]}),
    "elasticity": lambda fit: sp.slopes(fit, "a", kind="dyex"),
    "contrasts": lambda fit: sp.contrasts(fit, "a", [0, 1, 2]),
    "effects_by": lambda fit: sp.effects_by(fit, "b", by="g"),
    "predictions": sp.predictions,
    "predictions at": lambda fit: sp.predictions(fit, at={"a": [0.0, 2.0]}, by="g"),
}


def table(T=1, seed=5, n=40, rhos=(0.3, 0.0)):
    frame, weights, arrays, *_ = drawn(seed, n=n, T=T, rhos=rhos)
    frame = frame.assign(g=(frame.groupby("id", sort=False).ngroup() % 2).map({0: "even", 1: "odd"}))
    return (frame if T > 1 else frame.set_index("id")), weights, arrays


@pytest.mark.parametrize("reading", READINGS)
@pytest.mark.parametrize(("model", "formula"), [("sdm", "y ~ a + I(a**2) + b"), ("slx", "y ~ a * b + I(a**2)"),
                                                ("gns", "y ~ a + b + offset(0.3 * a)")])  # fmt: skip
def test_one_w_for_every_regressor_has_the_readings_of_the_ordinary_model(model, formula, reading):
    data, (w, _), _ = table()
    read, options = READINGS[reading], {} if model == "slx" else {"vcov": "robust"}  # whose readings have no likelihood
    if reading == "effects_by" and "*" in formula and model == "slx":
        formula = "y ~ a + b"
    one = getattr(sp, model)(formula, data, w, **options)
    terms = one._design.regressors
    other = getattr(sp, model)(formula, data, w, durbin=dict.fromkeys(terms, w), **options)
    alike(read(other).tidy(), read(one).tidy())
    alike(*(sp.slopes(fit, "b", by="g").differences() for fit in (other, one)))


def alike(got, want):
    """The same estimates; ends within a two-hundredth of a standard error: there are 72 nodes of rho, with one W more
    where tails need them."""
    upto = got.columns.get_loc("estimate") + 1
    pd.testing.assert_frame_equal(got.iloc[:, :upto], want.iloc[:, :upto], rtol=1e-6, atol=1e-9)
    for name in ("conf_low", "conf_high", "std_error"):
        assert (np.abs(got[name] - want[name]) <= 5e-3 * want["std_error"] + 1e-9).all(), name
    for name in ("statistic", "p_value"):
        assert np.abs(got[name] - want[name]).max() < 5e-3 * (1 + np.abs(want[name]).max()), name


@pytest.mark.parametrize("reading", ["slopes", "effects_by", "predictions at"])
@pytest.mark.parametrize("effects", ["none", "entity", "twoway"])
def test_panels(effects, reading):
    data, (w, _), _ = table(T=4, n=20)
    keys = {**PANEL, "effects": effects}
    one = sp.sdm("y ~ a + b", data, w, **keys)
    other = sp.sdm("y ~ a + b", data, w, durbin={"a": w, "b": w}, **keys)
    alike(READINGS[reading](other).tidy(), READINGS[reading](one).tidy())


@pytest.mark.parametrize("method", ["ml", "gmm"])
def test_slopes_of_what_enters_alone_are_its_effects(method):
    """Nodes over rho_1 and rho_2 are the same."""
    data, weights, _ = table(rhos=(0.3, 0.2))
    fit = sp.sdm("y ~ a + b", data, weights, durbin={"a": weights[0]}, method=method)
    want = fit.effects().tidy().query("term == 'a'").drop(columns="term").reset_index(drop=True)
    pd.testing.assert_frame_equal(sp.slopes(fit, "a").tidy().drop(columns="term"), want, rtol=1e-6)
    assert sp.predictions(fit).estimates.iloc[0] == pytest.approx(fit.predict(kind="TC").mean())


def test_groups_emit_by_dense_matrices():
    data, weights, (V, W) = table(rhos=(0.3, 0.2))
    fit = sp.sdm("y ~ a + I(a**2) + b", data, weights)
    p, a = fit.params, data["a"].to_numpy()
    A = np.eye(40) - p["rho_1"] * V - p["rho_2"] * W
    right = np.zeros((40, 40))
    for term, m in (("a", np.ones(40)), ("I(a ** 2)", 2 * a)):
        own = np.diag(m)
        right += p[term] * own + p[f"W_1:{term}"] * V @ own + p[f"W_2:{term}"] * W @ own
    S, even = np.linalg.solve(A, right), data["g"].to_numpy() == "even"
    got = sp.slopes(fit, "a", by="g")
    assert got.direct["even"] == pytest.approx(np.diag(S)[even].mean(), rel=1e-6)
    assert got.total["even"] == pytest.approx(S.sum(axis=0)[even].mean(), rel=1e-6)
    expected = np.linalg.solve(A, p["Intercept"] + at_two(p, V, W, data))
    odd = sp.predictions(fit, at={"a": 2.0}, by="g").estimates.filter(like="odd").iloc[0]
    assert odd == pytest.approx(expected[~even].mean())


def at_two(p, V, W, data):
    out = 0.0
    for term, x in (("a", np.full(40, 2.0)), ("I(a ** 2)", np.full(40, 4.0)), ("b", data["b"].to_numpy())):
        out = out + p[term] * x + p[f"W_1:{term}"] * (V @ x) + p[f"W_2:{term}"] * (W @ x)
    return out


def test_interpolated_nodes_are_exact_ones(monkeypatch):
    """Above ``DIRECT_MAX`` units curves are Chebyshev series in rho_1 and rho_2."""
    from spatial.effects import several_averages

    data, weights, _ = table(n=60, rhos=(0.3, 0.2))
    fit = sp.sar("y ~ a + I(a**2) + b", data, weights)
    series = sp.slopes(fit, "a").tidy(), sp.predictions(fit, at={"a": 1.0}).tidy()
    monkeypatch.setattr(several_averages, "DIRECT_MAX", 100)
    exact = sp.slopes(fit, "a").tidy(), sp.predictions(fit, at={"a": 1.0}).tidy()
    for got, want in zip(series, exact):
        pd.testing.assert_frame_equal(got, want, rtol=1e-3, atol=1e-6)


def test_that_effects_of_groups_are_equal():
    """The least distance over rho_1 and rho_2 of three settings: of the direct effect of a model without rho Wald's."""
    data, weights, _ = table(rhos=(0.3, 0.2))
    plain = sp.slx("y ~ a + I(a**2) + I(a**3) + b", data, weights)
    R = np.array([[0, -2.0, 3.0], [0, 3.0, 6.75]])  # the slope at a is b_1 + 2 a b_2 + 3 a^2 b_3, here less that at 0
    terms = ["a", "I(a ** 2)", "I(a ** 3)"]
    g, V = R @ plain.params[terms], R @ plain.vcov.loc[terms, terms] @ R.T
    direct = sp.slopes(plain, "a", at={"a": [-1.0, 0.0, 1.5]}).test("direct")
    assert direct.statistic == pytest.approx(g @ np.linalg.solve(V, g) / 2, rel=1e-5)
    two = sp.sdm("y ~ a + I(a**2) + I(a**3) + b", data, weights)
    test = sp.slopes(two, "a", at={"a": [-1.0, 0.0, 1.5]}).test("total")
    assert test.df[0] == 2
    assert 0 < test.p_value < 1


def test_four_rho_on_a_lattice_are_draws_and_more_are_refused(monkeypatch):
    from spatial.effects import several_source

    data, weights, _ = table(n=20, T=8)
    third, fourth = (sp_weights(w, data["id"].unique()) for w in (1, 2))
    fit = sp.sar("y ~ a + b", data, [*weights, third, fourth], **PANEL, effects="none")
    exact, drawn = fit.effects().tidy(), fit.effects(method="simulate").tidy()
    for name in ("conf_low", "conf_high"):  # of a percentile of 1,000 draws three standard errors are 0.25
        assert (np.abs(exact[name] - drawn[name]) < 0.25 * exact["std_error"]).all()
    slope = sp.slopes(fit, "a").tidy()
    np.testing.assert_allclose(slope["conf_low"], exact[exact["term"] == "a"]["conf_low"])
    monkeypatch.setattr(several_source, "MOST_RHOS", 3)
    with pytest.raises(SpatialInputError, match=r"E501.*up to 3 rho"):
        sp.slopes(fit, "a")


def sp_weights(seed, ids):
    import weights as wt

    from ..models.test_estimators import random_weights

    return wt.from_dense(random_weights(np.random.default_rng(seed), len(ids)), list(ids))
