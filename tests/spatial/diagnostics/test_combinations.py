"""Combinations of coefficients: regressions written in other ways, effects by the delta method, finite differences."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

import shapefiles
import spatial as sp
import weights as wt
from spatial.diagnostics.differentiate import derived
from spillover.errors import SpatialInputError

COLUMBUS = shapefiles.load("columbus")
W = wt.queen(COLUMBUS).standardize("row")
SDM = sp.sdm("CRIME ~ INC + HOVAL", COLUMBUS, W)
PLAIN = sp.sdm("CRIME ~ INC + HOVAL", COLUMBUS, W, correction=False)
COLUMNS = ["estimate", "std_error", "statistic", "p_value", "conf_low", "conf_high"]


@pytest.mark.parametrize("model", [sp.ols, sp.sar, sp.sem])
@pytest.mark.parametrize("vcov", ["oim", "robust"])
def test_a_difference_is_the_coefficient_of_the_same_model_written_otherwise(model, vcov):
    """a x + b z = (a - b) x + b (x + z)."""
    fit = model("CRIME ~ INC + HOVAL", COLUMBUS, W, vcov=vcov)
    other = model("CRIME ~ INC + I(INC + HOVAL)", COLUMBUS, W, vcov=vcov)
    ours = sp.lincom(fit, "INC - HOVAL").tidy().loc[0, COLUMNS].astype(float)
    theirs = other.tidy().set_index("term").loc["INC", COLUMNS].astype(float)  # by ratios of likelihoods where oim
    np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6)


def test_the_total_effect_is_that_of_the_delta_method():
    """W has rows that sum to one: the total effect is (beta + theta) / (1 - rho)."""
    ours = sp.nlcom(SDM, {"INC": "(INC + W:INC) / (1 - rho)", "HOVAL": "(HOVAL + W:HOVAL) / (1 - rho)"}).tidy()
    theirs = SDM.effects(method="delta").tidy()
    theirs = theirs[theirs["effect"] == "total"]
    np.testing.assert_allclose(ours[COLUMNS[:2]], theirs[COLUMNS[:2]], rtol=1e-8)


def test_the_joint_test_is_the_wald_test_of_the_model():
    theta = sp.lincom(SDM, {"a": "W:INC", "b": "W:HOVAL"}).joint
    wald = sp.wald_test(SDM, "SAR")
    assert theta.statistic == pytest.approx(wald.statistic, rel=1e-12)
    assert theta.df == wald.df
    textbook = sp.wald_test(PLAIN, "SEM")
    factor = sp.nlcom(PLAIN, {"a": "W:INC + rho * INC", "b": "W:HOVAL + rho * HOVAL"}).joint
    assert factor.statistic == pytest.approx(textbook.statistic, rel=1e-10)


@pytest.mark.parametrize(("method", "formula"), [
    ("ml", "CRIME ~ INC + HOVAL"), ("reml", "CRIME ~ INC + HOVAL"), ("ml", "CRIME ~ INC"),
    ("ml", "I(1000 * CRIME) ~ INC + DISCBD"),
])  # fmt: skip
def test_the_common_factor_is_the_distance_to_its_curve(method, formula):
    """The smallest quadratic form over all parameters on the curve, whichever way the restriction is written."""
    fit = sp.sdm(formula, COLUMBUS, W, method=method)
    lagged = [name for name in fit.params.index if name.startswith("W:")]
    names = ["rho", *(name[2:] for name in lagged), *lagged]
    at, V, q = fit.params[names].to_numpy(), fit.vcov.loc[names, names].to_numpy(), len(lagged)

    def distance(free):
        rho, beta = free[0], free[1:] * at[1 : q + 1]
        away = np.array([rho, *beta, *(-rho * beta)]) - at
        return away @ np.linalg.solve(V, away)

    best = min(minimize(distance, [start, *[1.0] * q], tol=1e-14).fun for start in (at[0], 0.0, 0.5))
    test = sp.wald_test(fit, "SEM")
    assert q * test.statistic == pytest.approx(best, rel=1e-6)
    assert test.df == (q, fit.df_resid)


EXPRESSIONS = [
    "x*z - z/x + 3", "exp(x/10)*log(z**2)", "sqrt(x + `W:x`)**3", "-(x - z)**-2", "2*x/(1 - rho) + `log(z)`",
    "log(z) - log(2)", "((x))", "1e-3*x*1E3", "(x + W:x)/(1 - rho)",
]  # fmt: skip


@settings(max_examples=50, derandomize=True, deadline=None)
@given(st.sampled_from(EXPRESSIONS), st.lists(st.floats(0.5, 3), min_size=5, max_size=5))
def test_derivatives_are_those_of_finite_differences(text, values):
    b = pd.Series(values, ["x", "z", "W:x", "rho", "log(z)"])
    b["rho"] /= 4
    if abs(b["x"] - b["z"]) < 0.1:
        b["z"] += 0.2
    at = derived(text, b)
    for i, name in enumerate(b.index):
        h = 1e-6
        up, down = (derived(text, b + step * (b.index == name)).value for step in (h, -h))
        assert at.slope[i] == pytest.approx((up - down) / (2 * h), rel=1e-4, abs=1e-6)


@pytest.mark.parametrize(("text", "linear"), [
    ("x + 2*z - 3", True), ("(x - z)/2", True), ("x*2*3", True), ("x**1", True), ("exp(2)*x", True), ("-x", True),
    ("x*z", False), ("1/x", False), ("x**2", False), ("exp(x)", False), ("x*(z - z)", True),
])  # fmt: skip
def test_what_is_linear_is_told(text, linear):
    b = pd.Series({"x": 1.5, "z": 2.0})
    assert derived(text, b).linear == linear


REFUSED = {
    "E502": ["INCOME", "`rent`"],
    "E503": ["INC * HOVAL", "INC / rho", "__import__('os')", "INC.real", "max(INC, 1)", "INC if rho else 0", "INC**rho",
             "lambda: INC", "1j*INC", "'a'*INC", "True*INC"],
    "E504": ["INC +", "", 3, "`INC`` + 1", "(" * 900 + "INC", "INC HOVAL", "9" * 2000],
    "E505": ["log(-INC*INC)", "INC/0", "10**400*INC", "exp(1e6)*INC", "(-2)**0.5*INC"],
}  # fmt: skip


@pytest.mark.parametrize(("code", "text"), [(code, text) for code, texts in REFUSED.items() for text in texts])
def test_what_is_not_allowed_is_named(code, text):
    with pytest.raises(SpatialInputError) as caught:
        sp.lincom(SDM, text)
    assert caught.value.code == code
    assert caught.value.hint


def test_names_that_hold_other_names_are_taken_whole():
    data = COLUMBUS.rename(columns={"INC": "rho", "HOVAL": "收入"})
    fit = sp.sdm("CRIME ~ `rho` + log(收入)", data, W)
    text = "`rho` + W:log(收入)"
    expected = fit.params.iloc[1] if fit.params.index[1] == "rho" else None
    with_backticks = [name for name in fit.params.index if name.startswith("`")]
    assert expected is None
    assert with_backticks == ["`rho`"]
    result = sp.lincom(fit, text)
    assert result.estimates[0] == pytest.approx(fit.params["`rho`"] + fit.params["W:log(收入)"])


def test_it_prints_and_draws():
    text = str(sp.nlcom(SDM, "(INC + W:INC) / (1 - rho)"))
    assert "delta method" in text
    assert "-2.5" in text
    ax = sp.lincom(SDM, {"a": "INC", "b": "HOVAL"}).plot()
    assert "95 % interval" in ax.get_xlabel()


@pytest.mark.parametrize("text", ["1", "INC - INC", "0 * INC + 3"])
def test_what_does_not_change_with_the_coefficients_is_no_estimate(text):
    with pytest.raises(SpatialInputError, match="no standard error") as caught:
        sp.nlcom(SDM, text)
    assert caught.value.code == "E504"


@pytest.mark.parametrize(("call", "code"), [
    (lambda: sp.lincom(SDM.effects(), "INC"), "E501"), (lambda: sp.nlcom(None, "INC"), "E501"),
    (lambda: sp.lincom(SDM, "INC", level=95), "E501"), (lambda: sp.nlcom(SDM, ["INC", "HOVAL"]), "E504"),
])  # fmt: skip
def test_arguments_of_the_wrong_kind_are_named_at_once(call, code):
    with pytest.raises(SpatialInputError) as caught:
        call()
    assert caught.value.code == code


def test_a_column_with_a_word_of_python_is_written_in_backticks():
    fit = sp.sdm("CRIME ~ INC + lambda", COLUMBUS.rename(columns={"HOVAL": "lambda"}), W)
    with pytest.raises(SpatialInputError) as caught:
        sp.lincom(fit, "INC + lambda")
    assert "`lambda` is written with its backticks" in caught.value.hint
    assert sp.lincom(fit, "INC + `lambda`").estimates[0] == pytest.approx(fit.params["INC"] + fit.params["`lambda`"])
