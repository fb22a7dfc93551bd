"""Panels with gaps, ``missing="period"``: dense twins with the dummies themselves, linearmodels, laws."""

import numpy as np
import pandas as pd
import pytest

import spatial as sp
import weights as wt
from spatial.design.fixed_effects import TWOWAY_EFFECTS, FixedEffects
from spatial.design.unbalanced import Gaps

from .. import naive
from .test_estimators import PANEL, panel_data
from .test_time_varying import moving_panel

EFFECTS = ["none", "entity", "time", "twoway"]
GAPS = {**PANEL, "missing": "period"}


def with_gaps(data, seed, share=0.15):
    """Some rows gone, some values missing."""
    rng = np.random.default_rng(seed)
    lost = rng.random(len(data)) < share
    data = data.copy()
    data.loc[lost & (rng.random(len(data)) < 0.5), "a"] = np.nan
    return data[~lost | data["a"].isna()]


def stacked(data, W):
    """(y, X, W, unit, period) of the complete rows, W block diagonal and row-standardised among those who are there.

    ``W`` is one matrix, or a function of the period.
    """
    rows = data.dropna().sort_values(["t", "id"], ignore_index=True)
    big = np.zeros((len(rows), len(rows)))
    for t, part in rows.groupby("t"):
        w = (W(t) if callable(W) else W).loc[part["id"], part["id"]].to_numpy()
        sums = w.sum(axis=1, keepdims=True)
        big[np.ix_(part.index, part.index)] = np.divide(w, sums, where=sums > 0, out=np.zeros_like(w))
    return rows["y"].to_numpy(), rows[["a", "b"]].to_numpy(), big, rows["id"], rows["t"]


# -- dense twins ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("effects", ["entity", "time", "twoway"])
def test_demeaning_is_the_projection_off_the_dummies(effects):
    rng = np.random.default_rng(1)
    observed = rng.random((6, 9)) < 0.6
    observed[0], observed[:, 0] = True, True
    period, unit = np.nonzero(observed)
    M = naive.dummy_projection(unit, period, effects)
    gaps = Gaps(observed, FixedEffects.parse(effects))
    x = rng.standard_normal((6, 9, 2))
    np.testing.assert_allclose(gaps.demean(x)[observed], M @ x[observed], atol=1e-12)
    assert gaps.rank == round(len(M) - np.trace(M))
    for t in range(6):
        here = period == t
        np.testing.assert_allclose(gaps.block(t)[np.ix_(observed[t], observed[t])], M[np.ix_(here, here)], atol=1e-12)


def test_a_panel_of_two_separate_parts_has_two_constants():
    observed = np.zeros((4, 6), dtype=bool)
    observed[:2, :3], observed[2:, 3:] = True, True
    assert Gaps(observed, TWOWAY_EFFECTS).rank == 6 + 4 - 2


@pytest.mark.parametrize("moving", [False, True])
@pytest.mark.parametrize("effects", ["entity", "time", "twoway"])
@pytest.mark.parametrize("model", ["sar", "sdm"])
def test_the_score_with_dummies_less_its_mean_is_zero(model, effects, moving):
    full, W = moving_panel(2) if moving else panel_data(2)
    data = with_gaps(full, 3)
    fit = getattr(sp, model)("y ~ a + b", data, W, **GAPS, effects=effects)
    matrix = (lambda t: pd.DataFrame(W[t].csr.toarray(), W.ids, W.ids)) if moving else W
    y, X, big, unit, period = stacked(data, matrix)
    assert fit.nobs == len(y) < len(full)
    X = np.column_stack([X, big @ X]) if model == "sdm" else X
    beta = fit.params.drop("rho").to_numpy()
    score = naive.adjusted_score(fit.rho, beta, y, X, big, unit, period, effects=effects)
    assert score == pytest.approx(0, abs=1e-5)
    M = naive.dummy_projection(unit, period, effects)
    want = np.linalg.lstsq(M @ X, M @ (y - fit.rho * big @ y), rcond=None)[0]
    np.testing.assert_allclose(beta, want, rtol=1e-8)
    e = M @ (y - fit.rho * big @ y - X @ beta)
    assert fit.sigma2 == pytest.approx(e @ e / np.trace(M), rel=1e-9)


@pytest.mark.parametrize("effects", ["entity", "twoway"])
def test_without_correction_it_is_the_likelihood_with_dummies(effects):
    full, W = panel_data(4)
    data = with_gaps(full, 5)
    fit = sp.sar("y ~ a + b", data, W, **GAPS, effects=effects, correction=False)
    y, X, big, unit, period = stacked(data, W)
    D = np.column_stack([pd.get_dummies(unit, dtype=float), pd.get_dummies(period, dtype=float).iloc[:, 1:]])
    D = D if effects == "twoway" else D[:, : unit.nunique()]
    Z = np.column_stack([X, D])

    def profile(rho):
        e = y - rho * big @ y
        e = e - Z @ np.linalg.lstsq(Z, e, rcond=None)[0]
        return np.linalg.slogdet(np.eye(len(y)) - rho * big)[1] - len(y) / 2 * (np.log(2 * np.pi * e @ e / len(y)) + 1)

    assert fit.loglik == pytest.approx(profile(fit.rho), abs=1e-8)
    assert profile(fit.rho) > max(profile(fit.rho - 1e-3), profile(fit.rho + 1e-3))


@pytest.mark.parametrize("model", ["sar", "sem", "sdm", "sdem", "sac", "gns", "slx", "ols"])
def test_pooled_it_is_the_stacked_cross_section(model):
    full, W = panel_data(6, N=20)
    data = with_gaps(full, 7)
    a = getattr(sp, model)("y ~ a + b", data, W, **GAPS, effects="none")
    y, X, big, unit, period = stacked(data, W)
    labels = [f"{i}-{t}" for i, t in zip(unit, period)]
    flat = pd.DataFrame({"y": y, "a": X[:, 0], "b": X[:, 1]}, index=labels)
    b = getattr(sp, model)("y ~ a + b", flat, wt.from_dense(big, ids=labels))
    np.testing.assert_allclose(a.params, b.params, rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(a.vcov, b.vcov, rtol=1e-5, atol=1e-9)
    np.testing.assert_allclose(a.effects(draws=30).estimates, b.effects(draws=30).estimates, rtol=1e-6)
    if model == "ols":
        for mine, theirs in zip(sp.lm_tests(a), sp.lm_tests(b)):
            assert mine.statistic == pytest.approx(theirs.statistic, rel=1e-8)
        for mine, theirs in zip(sp.diagnose(a), sp.diagnose(b)):
            assert mine.statistic == pytest.approx(theirs.statistic, rel=1e-8)


@pytest.mark.parametrize("effects", ["entity", "time", "twoway"])
def test_lm_scores_have_the_dense_moments(effects):
    from spatial.diagnostics.lm import panel_traces

    full, W = panel_data(8)
    data = with_gaps(full, 9)
    fit = sp.ols("y ~ a + b", data, W, **GAPS, effects=effects)
    y, X, big, unit, period = stacked(data, W)
    M = naive.dummy_projection(unit, period, effects)
    want = np.trace(M @ big), np.trace(M @ big @ M @ (big + big.T))
    assert panel_traces(fit._design, fit._settings.effects) == pytest.approx(want, abs=1e-9)
    test = sp.lm_tests(fit)["LM error"].statistic
    assert test == pytest.approx(naive.lm_error(y, X, big, M), rel=1e-8)


# -- linearmodels --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("effects", ["entity", "time", "twoway"])
@pytest.mark.parametrize("model", ["ols", "slx"])
def test_least_squares_is_linearmodels(model, effects):
    panel = pytest.importorskip("linearmodels.panel")
    full, W = panel_data(10, N=20)
    data = with_gaps(full, 11)
    y, X, big, unit, period = stacked(data, W)
    frame = pd.DataFrame({"y": y, "a": X[:, 0], "b": X[:, 1]})
    if model == "slx":
        frame[["W:a", "W:b"]] = big @ X
    frame.index = pd.MultiIndex.from_arrays([unit, period])
    flags = {"entity_effects": effects != "time", "time_effects": effects != "entity"}
    model_of_theirs = panel.PanelOLS(frame["y"], frame.drop(columns="y"), **flags)
    want = model_of_theirs.fit()
    fit = getattr(sp, model)("y ~ a + b", data, W, **GAPS, effects=effects)
    np.testing.assert_allclose(fit.params, want.params[fit.params.index], rtol=1e-8)
    np.testing.assert_allclose(fit.std_errors, want.std_errors[fit.params.index], rtol=1e-8)
    clustered = model_of_theirs.fit(cov_type="clustered", cluster_time=True, debiased=False, group_debias=False)
    T = fit._design.n_periods
    ratio = fit.with_vcov("cluster", by="t").std_errors / clustered.std_errors[fit.params.index]
    assert ratio.std() < 1e-8  # the same meat, another small-sample factor
    assert 1 < ratio.iloc[0] < np.sqrt(2 * T / (T - 1))


# -- laws ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("effects", EFFECTS)
@pytest.mark.parametrize("model", ["sar", "sem", "sdm", "sac"])
def test_a_balanced_panel_has_no_gaps(model, effects):
    data, W = panel_data(12, N=30)
    a, b = (getattr(sp, model)("y ~ a + b", data, W, **PANEL, effects=effects, missing=m) for m in ("error", "period"))
    pd.testing.assert_series_equal(a.params, b.params, check_exact=True)
    pd.testing.assert_frame_equal(a.vcov, b.vcov, check_exact=True)
    assert str(a) == str(b)


@pytest.mark.filterwarnings("ignore:errors that are correlated")
@pytest.mark.parametrize("model", ["ols", "sdm"])
def test_order_of_rows_and_units_changes_nothing(model):
    full, W = panel_data(13, N=20)
    data = with_gaps(full, 14)
    a = getattr(sp, model)("y ~ a + b", data, W, **GAPS)
    order = np.random.default_rng(0).permutation(W.index)
    b = getattr(sp, model)("y ~ a + b", data.sample(frac=1, random_state=2), W.loc[order, order], **GAPS)
    np.testing.assert_allclose(a.params, b.params, rtol=1e-7, atol=1e-9)
    pd.testing.assert_series_equal(a.resid, b.resid.reindex(a.resid.index), atol=1e-8)
    coords = pd.DataFrame(np.random.default_rng(3).random((20, 2)) * 5, index=W.index)
    for vcov in ("robust", sp.Cluster("entity"), sp.Cluster(["entity", "time"]), sp.DriscollKraay(1),
                 sp.Conley(200, coords=coords)):  # fmt: skip
        np.testing.assert_allclose(a.with_vcov(vcov).vcov, b.with_vcov(vcov).vcov, rtol=1e-5, atol=1e-10)
    near = a.with_vcov(sp.Conley(1e-3, coords=coords))  # scores summed by unit; the factor knows how many rows each has
    np.testing.assert_allclose(near.vcov, a.with_vcov(sp.Robust(pairs=False)).vcov, rtol=0.01)


def test_constants_per_unit_and_period_change_nothing():
    full, W = panel_data(15)
    data = with_gaps(full, 16)
    a = sp.slx("y ~ a + b", data, W, **GAPS)
    moved = data.assign(y=data["y"] + 7 * data["id"].astype(int) - 3 * data["t"])
    np.testing.assert_allclose(a.params, sp.slx("y ~ a + b", moved, W, **GAPS).params, atol=1e-8)


def test_a_missing_value_is_an_absent_row():
    full, W = panel_data(17)
    gone = full.index % 11 == 0
    a = sp.sar("y ~ a", full[~gone], W, **GAPS)
    b = sp.sar("y ~ a", full.assign(a=full["a"].mask(gone)), W, **GAPS)
    np.testing.assert_array_equal(a.params, b.params)
    assert len(a.resid) == len(a.fitted) == (~gone).sum() == len(a.predict(kind="TC")) == len(b.predict(kind="BP"))


def test_the_header_says_what_was_left_out():
    full, W = panel_data(18)
    lone = W.index[W.loc["05"] > 0]
    data = full[~((full["t"] == 2001) & full["id"].isin(lone))]
    message = str(sp.sar("y ~ a", data, W, **GAPS))
    assert f"unbalanced: {len(lone)} of {len(full)} (unit, period) pairs left out ({len(lone)} absent)" in message
    assert "islands made by it: 05 in 2001" in message
    assert "5 periods, unbalanced, twoway effects" in message


def test_effects_count_who_is_there():
    full, W = panel_data(19)
    data = with_gaps(full, 20).assign(all="all")
    fit = sp.sdm("y ~ a + b", data, W, **GAPS)
    eff = fit.effects(draws=20)
    big = stacked(data, W)[2]
    want = naive.effects(fit.params["a"], fit.params["W:a"], fit.rho, big)
    np.testing.assert_allclose(eff.estimates[:, 0], want, rtol=1e-9)
    everyone = sp.effects_by(fit, "a", "all")
    np.testing.assert_allclose(everyone.direct.iloc[0], want[0], rtol=1e-9)
    np.testing.assert_allclose(everyone.total.iloc[0], want[2], rtol=1e-9)
    there = data.dropna().query("t == 2001")["id"]
    assert set(eff.matrix("a", period=2001).index) == set(there) == set(eff.by_unit("a", period=2001).index)
    assert eff.by_period().query("period == 2001 and term == 'a' and effect == 'direct'")["estimate"].iloc[0] \
        == pytest.approx(np.diag(eff.matrix("a", period=2001)).mean())  # fmt: skip
    absent = next(i for i in W.index if i not in set(there))
    with pytest.raises(sp.SpatialInputError, match="no unit of this fit"):
        eff.shock(absent, "a", period=2001)


# -- the door ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("act", "code", "message"), [
    (lambda d, w: sp.sar("y ~ a", d, w, **PANEL), "E104", "missing=\"period\""),
    (lambda d, w: sp.sar("y ~ a", d[d["id"] != "03"], w, **GAPS), "E101", "03"),
    (lambda d, w: sp.sar("y ~ a", d.assign(a=d["a"].mask(d["id"] == "03")), w, **GAPS), "E108", "03"),
    (lambda d, w: sp.sar("y ~ a", d.assign(a=d["a"].mask(d["t"] == 2003)), w, **GAPS), "E108", "2003"),
    (lambda d, w: sp.sem("y ~ a", d, w, **GAPS, method="gmm", vcov="cluster"), "E501", "need errors of one variance"),
    (lambda d, w: sp.ols("y ~ a", d, w, **GAPS, effects="chamberlain"), "E109", "effects='correlated'"),
    (lambda d, w: sp.sar("y ~ a", d, w, **GAPS, logdet="sparse"), "E501", "needs eigenvectors"),
    (lambda d, w: sp.sar("y ~ a", d, w, **GAPS, vcov="bootstrap"), "E109", "vcov='bootstrap' needs"),
    (lambda d, w: sp.sac("y ~ a", d, w, **GAPS, lags="y", method="aqs"), "E109", "needs"),
    (lambda d, w: sp.refit(sp.sar("y ~ a", d, w, **GAPS), y=np.zeros((1, 5, 14))), "E109", "refit needs"),
    (lambda d, w: sp.pesaran_cd(sp.ols("y ~ a", d, w, **GAPS)), "E109", "this test needs"),
    (lambda d, w: sp.serial_correlation(sp.ols("y ~ a", d, w, **GAPS)), "E109", "this test needs"),
    (lambda d, w: sp.random_effects_tests(sp.ols("y ~ a", d, w, **GAPS, effects="none")), "E109", "this test needs"),
    (lambda d, w: sp.sar("y ~ a", d, w, **GAPS, vcov="eim"), "E109", "vcov='eim' beside"),
    (lambda d, w: sp.sar("y ~ a", d.query("t == 2001"), w, entity="id", missing="period"), "E501", "needs a panel"),
    (lambda d, w: sp.sar("y ~ a", pd.concat([d, d.iloc[:1]]), w, **GAPS), "E103", "repeat"),
])  # fmt: skip
def test_what_needs_a_balanced_panel_says_so(act, code, message):
    full, w = panel_data(21)
    with pytest.raises(sp.SpatialInputError) as caught:
        act(full.drop(index=[3, 20, 41]), w)
    assert caught.value.code == code
    assert message in f"{caught.value} {caught.value.hint}"
