"""Diagnostics against spdep, spatialreg and statsmodels, against dense twins, and in size."""

import json
import warnings

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from statsmodels.stats.diagnostic import het_breuschpagan
from statsmodels.stats.outliers_influence import variance_inflation_factor
from statsmodels.stats.stattools import jarque_bera as sm_jarque_bera

import spatial as sp
from spatial.records.tests import TestResult
from spillover.errors import SpatialInputError

from ..models.test_estimators import PANEL, cross_section, panel_data


@pytest.fixture(scope="module")
def reference(shared):
    """(data, W by style, stored result by name) of columbus, rows shuffled."""
    folder = shared / "reference"
    data = pd.read_csv(folder / "columbus.csv")

    def weights(style):
        links = pd.read_csv(folder / f"columbus_w_gal_{style}.csv")
        W = np.zeros((49, 49))
        W[links["i"] - 1, links["j"] - 1] = links["w"]
        return pd.DataFrame(W, index=data.index, columns=data.index)

    return data.sample(frac=1, random_state=5), weights, lambda path: json.loads((folder / f"{path}.json").read_text())


FORMULA = "CRIME ~ INC + HOVAL"


def test_koley_bera(reference):
    data, weights, stored = reference
    tests = sp.durbin_lm_tests(sp.ols(FORMULA, data, weights("W"), correction=False))
    want = stored("spdep/columbus_W_lmtests")["tests"]
    names = {"SDM_RSlag": "LM lag", "SDM_adjRSlag": "robust LM lag", "SDM_RSWX": "LM WX", "SDM_adjRSWX": "robust LM WX",
             "SDM_Joint": "LM lag and WX", "SDEM_RSerr": "LM error", "SDEM_RSWX": "LM WX",
             "SDEM_Joint": "LM error and WX"}  # fmt: skip
    for r_name, name in names.items():
        assert tests[name].statistic == pytest.approx(want[f"SD_{r_name}"]["statistic"], rel=1e-9)
        assert tests[name].df == want[f"SD_{r_name}"]["df"]
        assert tests[name].p_value == pytest.approx(want[f"SD_{r_name}"]["p_value"], rel=1e-8)


@pytest.mark.parametrize("style", ["W", "B"])
def test_moran_of_residuals(reference, style):
    data, weights, stored = reference
    test = sp.diagnose(sp.ols(FORMULA, data, weights(style)))["Moran of residuals"]
    want = stored(f"spdep/columbus_{style}_lmtests")["tests"]["lm_moran"]
    assert test.statistic == pytest.approx(want["statistic"]["Moran I statistic standard deviate"], rel=1e-9)
    assert test.p_value == pytest.approx(want["p_value"], rel=1e-8)


@pytest.mark.parametrize("style", ["W", "B"])
@pytest.mark.parametrize(("case", "model"), [("lag", "sar"), ("sdm", "sdm"), ("error", "sem")])
def test_tests_of_spatialreg(reference, style, case, model):
    """Breusch-Pagan, the LM test after a lag (R's Var(rho) is the expected information's), spatial Hausman."""
    data, weights, stored = reference
    literal = {"durbin": []} if model in ("sar", "sac") else {}  # without W 1
    fit = getattr(sp, model)(FORMULA, data, weights(style), correction=False, vcov="eim", **literal)
    want = stored(f"spatialreg/columbus_{style}_{case}")["tests"]
    assert sp.breusch_pagan(fit).statistic == pytest.approx(want["BP"]["statistic"], rel=1e-5)
    if model == "sem":
        test = sp.spatial_hausman(fit)
        assert test.statistic == pytest.approx(want["Hausman"]["statistic"], rel=2e-4)
        assert test.df == want["Hausman"]["df"]
    else:
        left = want["LM_residual_autocorrelation"]["statistic"]
        assert sp.lm_residual_error(fit).statistic == pytest.approx(left, rel=1e-4)
    if model == "sdm":
        test = sp.common_factor(fit, sp.sem(FORMULA, data, weights(style)))
        assert test.statistic == pytest.approx(want["LR_common_factor_vs_error"]["statistic"], rel=1e-5)
        assert test.df == want["LR_common_factor_vs_error"]["df"]


def test_least_squares_diagnostics_as_statsmodels():
    data, W = cross_section(2)
    data["b"] += 0.8 * data["a"]
    fit, X = sp.ols("y ~ a + b", data, W), sm.add_constant(data[["a", "b"]])
    e = sm.OLS(data["y"], X).fit().resid
    assert sp.jarque_bera(fit).statistic == pytest.approx(sm_jarque_bera(e)[0], rel=1e-9)
    assert sp.breusch_pagan(fit).statistic == pytest.approx(het_breuschpagan(e, X)[0], rel=1e-9)
    for j, name in ((1, "a"), (2, "b")):
        assert sp.vif(fit)[name] == pytest.approx(variance_inflation_factor(X.to_numpy(), j), rel=1e-9)
    r2 = np.corrcoef(data["a"], data["b"])[0, 1] ** 2
    assert sp.vif(fit)["a"] == pytest.approx(1 / (1 - r2), rel=1e-9)


def test_condition_number_as_spreg():
    """spreg scales as Belsley does."""
    spreg = pytest.importorskip("spreg.diagnostics")
    data, W = cross_section(2)
    fit = sp.ols("y ~ a + b", data, W)

    class Regression:
        x = fit._sample.X
        xtx = fit._sample.X.T @ fit._sample.X

    with warnings.catch_warnings():  # 1.9.1 takes eigenvalues of X'X that NumPy 2.5 returns as complex numbers
        warnings.simplefilter("ignore", np.exceptions.ComplexWarning)
        theirs = float(spreg.condition_index(Regression))
    assert sp.condition_number(fit) == pytest.approx(theirs, rel=1e-8)


def test_spatial_hausman_with_asymmetric_weights():
    """The dense formula with both transposes in their places; W'B'B and B'BW' differ here."""
    data, W = cross_section(7, rho=0.0, lam=0.5, symmetric=False)
    fit = sp.sem("y ~ a + b", data, W)
    X = np.column_stack([np.ones(40), data[["a", "b"]]])
    B = np.eye(40) - fit.lam * W.to_numpy()
    bread, s2 = np.linalg.inv(X.T @ X), fit._solution.sigma2
    V_ols = s2 * bread @ X.T @ np.linalg.inv(B.T @ B) @ X @ bread
    d = bread @ X.T @ data["y"] - fit.params.iloc[:3]
    want = d @ np.linalg.solve(V_ols - s2 * np.linalg.inv(X.T @ B.T @ B @ X), d)
    assert sp.spatial_hausman(fit).statistic == pytest.approx(want, rel=1e-8)


def test_durbin_lm_tests_are_score_tests_of_the_likelihood():
    """n R^2-like: theta's LM is the gain of X, W X over X in squares; panels of one period are cross-sections."""
    data, W = cross_section(4)
    tests = sp.durbin_lm_tests(sp.ols("y ~ a + b", data, W))
    y, X = data["y"].to_numpy(), np.column_stack([np.ones(40), data[["a", "b"]]])
    e = y - X @ np.linalg.lstsq(X, y, rcond=None)[0]
    Z = np.column_stack([X, W @ data["a"], W @ data["b"]])
    gain = e @ Z @ np.linalg.lstsq(Z, e, rcond=None)[0]
    assert tests["LM WX"].statistic == pytest.approx(37 * gain / (e @ e), rel=1e-9)
    assert tests["robust LM lag"].statistic + tests["LM WX"].statistic == pytest.approx(
        tests["LM lag and WX"].statistic, rel=1e-12
    )
    wide = data.assign(t=1).rename_axis("id").reset_index()
    again = sp.durbin_lm_tests(sp.ols("y ~ a + b", wide, W, **PANEL, effects="none"))
    for test in tests:
        assert again[test.name].statistic == pytest.approx(test.statistic, rel=1e-9)


@pytest.mark.parametrize("small", ["none", "entity", "time"])
@pytest.mark.parametrize("model", ["ols", "sdm"])
def test_effects_are_tested_together(model, small):
    """Least squares: the statistic is n times the log of the ratio of squares; corrected fits: Bartlett's factor."""
    data, W = panel_data(2)
    less, more = (getattr(sp, model)("y ~ a", data, W, **PANEL, effects=e, correction=False) for e in (small, "twoway"))
    test = sp.effects_test(less, more)
    corrected = sp.effects_test(*(getattr(sp, model)("y ~ a", data, W, **PANEL, effects=e) for e in (small, "twoway")))
    left = 13 * 4 - {"ols": 1, "sdm": 3}[model]
    assert corrected.df == test.df
    assert corrected.statistic == pytest.approx(test.statistic * (left + test.df / 2 - 1) / 70, rel=1e-7)
    assert test.df == {"none": 13 + 4, "entity": 4, "time": 13}[small]
    if model == "ols":
        squares = [fit._solution.resid @ fit._solution.resid for fit in (less, more)]
        assert test.statistic == pytest.approx(70 * np.log(squares[0] / squares[1]), rel=1e-9)


def test_diagnose_collects_what_applies():
    data, W = cross_section(1)
    names = {m: [t.name for t in sp.diagnose(getattr(sp, m)("y ~ a", data, W))] for m in ("slx", "sdm", "sac")}
    assert names["slx"][-1] == "Moran of residuals"
    assert names["sdm"][-1] == "LM error after a lag"
    assert names["sac"] == ["Jarque-Bera", "Breusch-Pagan"]
    panel, V = panel_data(1)
    shown = str(sp.diagnose(sp.sdm("y ~ a + b", panel, V, **PANEL)))
    assert "condition number" in shown
    assert "one variance for all errors" in shown


def test_distributions():
    from scipy import stats

    assert TestResult("", 2.5, None, "").p_value == pytest.approx(2 * stats.norm.sf(2.5), rel=1e-12)
    assert TestResult("", 2.5, (3, 40), "").p_value == pytest.approx(stats.f.sf(2.5, 3, 40), rel=1e-12)
    assert TestResult("", 2.5, 3, "").p_value == pytest.approx(stats.chi2.sf(2.5, 3), rel=1e-12)
    assert np.isnan(TestResult("", -1.0, 3, "").p_value)
    assert "F(3, 40) = 2.500" in str(TestResult("x", 2.5, (3, 40), ""))


@pytest.mark.slow
def test_size_of_the_durbin_tests():
    """Under the null five per cent reject: 300 samples give 5 % +- 3.3 %, and small samples a little more."""
    rejected = {"lag": 0, "wx": 0, "joint": 0}
    rng = np.random.default_rng(11)
    data, W = cross_section(0, n=49)
    for _ in range(300):
        data["y"] = 1 + data["a"] + rng.standard_normal(49)
        tests = sp.durbin_lm_tests(sp.ols("y ~ a + b", data, W))
        rejected["lag"] += tests["robust LM lag"].p_value < 0.05
        rejected["wx"] += tests["robust LM WX"].p_value < 0.05
        rejected["joint"] += tests["LM lag and WX"].p_value < 0.05
    for count in rejected.values():
        assert 0.015 <= count / 300 <= 0.095


@pytest.mark.parametrize("call", [
    lambda f: sp.durbin_lm_tests(f["sar"]), lambda f: sp.common_factor(f["sem"], f["sdm"]),
    lambda f: sp.spatial_hausman(f["sar"]), lambda f: sp.effects_test(f["sar"], f["sem"]),
    lambda f: sp.lm_residual_error(f["sem"]), lambda f: sp.breusch_pagan(f["empty"]),
    lambda f: sp.effects_test(f["twoway"], f["entity"]), lambda f: sp.pesaran_cd(f["sar"]),
    lambda f: sp.serial_correlation(f["sar"]), lambda f: sp.random_effects_tests(f["twoway"]),
    lambda f: sp.robust_hausman(f["sar"]),
])  # fmt: skip
def test_refusals(call):
    data, W = cross_section(1)
    fits = {name: getattr(sp, name)("y ~ a", data, W) for name in ("sar", "sem", "sdm")}
    panel, V = panel_data(1)
    fits["empty"] = sp.ols("y ~ 1", data, W)
    fits |= {e: sp.sar("y ~ a", panel, V, **PANEL, effects=e) for e in ("entity", "twoway")}
    with pytest.raises(SpatialInputError) as caught:
        call(fits)
    assert caught.value.code == "E501"


def test_the_search_shows_the_new_tests_and_respects_a_durbin_subset():
    """With a regressor that is not lagged the SEM is not nested in the SDM: no test pretends that it is."""
    data, W = cross_section(1)
    whole, part = sp.specify("y ~ a + b", data, W), sp.specify("y ~ a + b", data, W, durbin=["a"], vcov="robust")
    assert {"LM lag and WX", "LR SDM vs SEM", "Jarque-Bera"} <= set(whole.tidy()["term"])
    assert not {"LR SDM vs SEM", "Wald SDM vs SEM"} & set(part.tidy()["term"])
    with pytest.raises(SpatialInputError, match="every regressor is lagged"):
        sp.lr_test(part.fits["SEM"], part.fits["SDM"])
    with pytest.raises(SpatialInputError, match="every regressor is lagged"):
        sp.wald_test(part.fits["SDM"], "SEM")


def test_hausman_does_not_depend_on_the_covariance_shown():
    data, W = panel_data(5)
    fits = {v: [sp.ols("y ~ a + b", data, W, **PANEL, effects=e, vcov=v) for e in ("entity", "random")]
            for v in ("oim", "robust")}  # fmt: skip
    assert sp.hausman(*fits["robust"]).statistic == pytest.approx(sp.hausman(*fits["oim"]).statistic, rel=1e-12)


def test_a_lag_leaves_no_error_behind_in_a_panel():
    """Under the null the statistic behaves like chi2(1) when both effects are transformed out."""
    values = [
        sp.lm_residual_error(sp.sdm("y ~ a + b", *panel_data(seed, N=30, T=6), **PANEL, effects="twoway")).statistic
        for seed in range(60)
    ]
    assert min(values) >= 0
    assert 0.5 < np.mean(values) < 1.6  # mean 1, standard error .18
