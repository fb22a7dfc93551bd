"""Variances of the score by group and pair of groups: double loops, figures from elsewhere, laws, coverage in short."""

import numpy as np
import pandas as pd
import pytest

import spatial as sp
import weights as wt
from spatial.covariance import pairs as engine
from spatial.covariance import score_forms
from spatial.covariance.groups import group_codes
from spatial.covariance.information import observed
from spatial.covariance.leverage import CR2, CR3, adjusted_residuals

from .. import naive_pairs
from ..cases import states_case
from ..models.test_estimators import PANEL, cross_section, panel_data

MODELS = ["sar", "sem", "sac", "sdm"]


def inverse(fit):
    return np.linalg.inv(observed(fit._sample, fit._solution))


def test_states():
    """Raw residuals with N / (N - 1): .173386; e / sqrt(M_ii) without a factor, n - p degrees of freedom: .181588."""
    data, w, _ = states_case()
    fit = sp.sar("y ~ x + z", data, w)
    assert fit.rho == pytest.approx(0.353307, abs=1e-6)
    assert fit.with_vcov(sp.Robust(pairs=False)).std_errors["rho"] == pytest.approx(0.123399, abs=1e-6)
    meat = engine.pairs_meat(fit, np.arange(48), fit._solution.resid)
    V = 48 / 47 * inverse(fit) @ meat @ inverse(fit)
    assert np.sqrt(V[3, 3]) == pytest.approx(0.173386, abs=1e-6)
    ours = fit.with_vcov("robust")
    assert ours.std_errors["rho"] == pytest.approx(0.181588, abs=1e-6)
    assert ours.df_resid == 48 - 4
    assert "pair of units" in ours.summary()


@pytest.mark.parametrize("model", MODELS)
def test_cross_section_is_the_double_loop(model):
    data, W = cross_section(3, rho=0.4, lam=0.3)
    fit = getattr(sp, model)("y ~ a + b", data, W)
    codes = np.arange(len(data))
    e = naive_pairs.adjusted_residuals(fit, codes, -0.5)
    want = inverse(fit) @ naive_pairs.pairs_meat(fit, codes, e) @ inverse(fit)
    np.testing.assert_allclose(fit.with_vcov("robust").vcov, want[:-1, :-1], rtol=1e-8, atol=1e-12)


@pytest.mark.parametrize("by", ["region", "id", "t"])
@pytest.mark.parametrize("effects", ["none", "entity", "time", "twoway"])
@pytest.mark.parametrize("model", MODELS)
def test_panel_is_the_double_loop(model, effects, by):
    """Groups of whole units: the projection off effects and regressors, its blocks to the power -1/2 (14) or -1 (4)."""
    data, W = panel_data(4)
    data["region"] = data["id"].map(dict(zip(W.index, np.arange(14) % 4)))
    fit = getattr(sp, model)("y ~ a + b", data, W, **PANEL, effects=effects)
    codes, _ = group_codes(fit._design, by)
    G = codes.max() + 1
    e = naive_pairs.adjusted_residuals(fit, codes, CR3)  # fewer than 20 groups
    np.testing.assert_allclose(adjusted_residuals(fit, codes, CR3), e, rtol=1e-7, atol=1e-10)
    want = inverse(fit) @ naive_pairs.pairs_meat(fit, codes, e) @ inverse(fit)
    got = fit.with_vcov("cluster", by=by)
    np.testing.assert_allclose(got.vcov, want[:-1, :-1], rtol=1e-7, atol=1e-12)
    assert got.df_resid == G - 1


@pytest.mark.parametrize("effects", ["entity", "twoway"])
def test_robust_in_a_panel_is_cr2_by_unit(effects):
    data, W = panel_data(6, N=24)
    fit = sp.sar("y ~ a + b", data, W, **PANEL, effects=effects)
    codes, _ = group_codes(fit._design, "entity")
    e = naive_pairs.adjusted_residuals(fit, codes, -0.5)
    want = 24 / 23 * inverse(fit) @ naive_pairs.pairs_meat(fit, codes, e) @ inverse(fit)
    for vcov in ("robust", "cluster"):
        got = fit.with_vcov(vcov)
        np.testing.assert_allclose(got.vcov, want[:-1, :-1], rtol=1e-7, atol=1e-12)
        assert got.df_resid == 23


@pytest.mark.parametrize("model", ["sar", "sem"])
def test_unbalanced_panels_and_moving_weights(model):
    data, W = panel_data(5)
    data = data.drop(data.index[[3, 17, 40]])
    fit = getattr(sp, model)("y ~ a + b", data, W, **PANEL, effects="entity", missing="period")
    codes, _ = group_codes(fit._design, "entity")
    e = naive_pairs.adjusted_residuals(fit, codes, CR2)
    np.testing.assert_allclose(adjusted_residuals(fit, codes, CR2), e, rtol=1e-7, atol=1e-10)
    want = naive_pairs.pairs_meat(fit, codes, e)
    np.testing.assert_allclose(engine.pairs_meat(fit, codes, e), want, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("model", ["sar", "sac"])
def test_random_signs_estimate_the_pairs_of_many_units(model, monkeypatch):
    """Units counted as too many for dense matrices: the same operators solved for, the sum over pairs within 10 %."""
    rng = np.random.default_rng(2)
    w = wt.knn(rng.uniform(size=(900, 2)), 5, metric="planar").standardize("row")
    x = rng.standard_normal(900)
    A = np.eye(900) - 0.5 * w.csr.toarray()
    data = pd.DataFrame({"y": np.linalg.solve(A, x + rng.standard_normal(900)), "x": x}, index=w.ids)
    fit = getattr(sp, model)("y ~ x", data, w)
    exact = fit.with_vcov("robust").std_errors
    few = fit.with_vcov("cluster", by=pd.Series(np.arange(900) % 30, index=w.ids)).std_errors
    monkeypatch.setattr(score_forms, "DENSE_UNITS", 100)
    np.testing.assert_allclose(fit.with_vcov("robust").std_errors, exact, rtol=0.03)
    again = fit.with_vcov("cluster", by=pd.Series(np.arange(900) % 30, index=w.ids)).std_errors
    np.testing.assert_allclose(again, few, rtol=0.02)  # 30 columns are solved for, the diagonal has signs


def test_groups_of_periods_hold_all_pairs():
    """W links nothing across periods: by period pair scores are the rows' sums, but for the residuals."""
    data, W = panel_data(8)
    fit = sp.sar("y ~ a + b", data, W, **PANEL, effects="none")
    codes, _ = group_codes(fit._design, "time")
    meat = engine.pairs_meat(fit, codes, fit._solution.resid)
    from spatial.covariance.sandwich import sums_by_group
    from spatial.covariance.scores import scores

    sums = sums_by_group(scores(fit._sample, fit._solution), codes)
    np.testing.assert_allclose(meat, sums.T @ sums, rtol=1e-7, atol=1e-9)


def test_random_effects_have_pairs_too():
    data, W = panel_data(9)
    fit = sp.sar("y ~ a + b", data, W, **PANEL, effects="random")
    got, rows = fit.with_vcov("robust"), fit.with_vcov(sp.Robust(pairs=False))
    assert (np.linalg.eigvalsh(got.vcov) > 0).all()
    assert got.std_errors["rho"] != pytest.approx(rows.std_errors["rho"], rel=1e-3)
    assert (got.df_resid, rows.df_resid) == (13, None)
