"""Bad input: one error, with its code, the column or ids at fault, and the next step; nothing is touched."""

# ruff: noqa: E501  (a table of cases reads better in long lines)
import numpy as np
import pandas as pd
import pytest
from scipy import sparse

import spatial as sp
from spillover.errors import SpatialInputError, SpatialInputWarning

KEYS = {"entity": "state", "time": "year"}
FORMULA = "log(gsp) ~ log(pcap) + log(emp) + unemp"


def change(panel, rows, column, value):
    out = panel.copy()
    out[column] = out[column].astype(object if isinstance(value, str) else float)
    out.loc[rows, column] = value
    return out


def dense(w):
    return pd.DataFrame(w.csr.toarray(), index=w.ids, columns=w.ids)


CASES = {
    # name: (code, what the message or its place must hold, how to call)
    "ids differ": ("E101", "XX", lambda p, w: sp.sdm(FORMULA, p.replace({"state": {"OH": "XX"}}), w, **KEYS)),
    "units missing from the data": ("E101", "OH", lambda p, w: sp.sdm(FORMULA, p[p["state"] != "OH"], w, **KEYS)),
    "ids in another column": ("E101", "entity='state'", lambda p, w: sp.sar("gsp ~ emp", p[p["year"] == 1986], w)),
    "units repeat": ("E102", "AL", lambda p, w: sp.sar("gsp ~ emp", p, w, entity="state")),
    "pair repeats": ("E103", "('AL', 1970)", lambda p, w: sp.sdm(FORMULA, pd.concat([p, p.iloc[:1]]), w, **KEYS)),
    "year missing": ("E104", "('AL', 1975)", lambda p, w: sp.sdm(
        FORMULA, p[~((p["state"] == "AL") & (p["year"] == 1975))], w, **KEYS)),
    "no labels, other n": ("E105", "48", lambda p, w: sp.sdm(FORMULA, p, np.eye(47, k=1), **KEYS)),
    "mixed key types": ("E106", "astype", lambda p, w: sp.sdm(
        FORMULA, p.assign(year=[str(v) if v == 1970 else v for v in p["year"]]), w, **KEYS)),
    "mixed units": ("E106", "astype(str)", lambda p, w: sp.sdm(
        FORMULA, p.assign(state=[1 if s == "OH" and y < 1975 else s for s, y in zip(p["state"], p["year"])]), w, **KEYS)),
    "mixed units in the weights": ("E101", "astype(str)", lambda p, w: sp.sdm(
        FORMULA, p, dense(w).rename(index={"OH": 1}, columns={"OH": 1}), **KEYS)),
    "periods as text without an order": ("E106", "ordered=True", lambda p, w: sp.sdm(
        FORMULA, p.assign(year="Y" + (p["year"] - 1965).astype(str)), w, **KEYS, lags="y")),
    "NaN": ("E201", "'pcap' 2", lambda p, w: sp.sdm(FORMULA, change(p, [3, 40], "pcap", np.nan), w, **KEYS)),
    "NaN key": ("E201", "'state'", lambda p, w: sp.sdm(FORMULA, p.assign(state=p["state"].where(p.index != 3)), w, **KEYS)),
    "infinite": ("E202", "'unemp'", lambda p, w: sp.sdm(FORMULA, change(p, [3], "unemp", np.inf), w, **KEYS)),
    "text in a number": ("E203", "1,234.5", lambda p, w: sp.sdm(FORMULA, change(p, [3], "emp", "1,234.5"), w, **KEYS)),
    "constant regressor": ("E204", "'k'", lambda p, w: sp.sdm("gsp ~ emp + k", p.assign(k=3.0), w, **KEYS, effects="none")),
    "constant response": ("E204", "'k'", lambda p, w: sp.sdm("k ~ emp", p.assign(k=3.0), w, **KEYS)),
    "collinear": ("E205", "it equals 2 pcap", lambda p, w: sp.sar("gsp ~ pcap + z", p.assign(z=2 * p["pcap"]), w, **KEYS)),
    "collinear lag": ("E205", "'W:h'", lambda p, w: sp.sdm(
        "y ~ x + h", pd.DataFrame({"y": np.arange(8.0) ** 2, "x": [3.0, 1, 4, 1, 5, 9, 2, 6], "h": [1.0] * 4 + [0.0] * 4}),
        np.kron(np.eye(2), (np.roll(np.eye(4), 1, 0) + np.roll(np.eye(4), -1, 0)) / 2))),
    "too few": ("E206", "coefficients", lambda p, w: sp.slx(
        "y ~ x + z", pd.DataFrame({"y": [1.0, 2, 4], "x": [1.0, 3, 2], "z": [0.0, 1, 7]}), np.eye(3)[[1, 2, 0]])),
    "one period": ("E206", "2 periods", lambda p, w: sp.sdm(FORMULA, p[p["year"] == 1980], w, **KEYS, effects="entity")),
    "log of zero": ("E207", "log(emp)", lambda p, w: sp.sdm(FORMULA, change(p, [3], "emp", 0.0), w, **KEYS)),
    "absorbed": ("E208", "'area'", lambda p, w: sp.sdm(
        "gsp ~ emp + area", p.assign(area=p["state"].map(lambda s: float(ord(s[0])))), w, **KEYS)),
    "perfect fit": ("E703", "'gsp'", lambda p, w: sp.sar("gsp ~ z", p.assign(z=p["gsp"] * 3 + 1), w, **KEYS)),
    "weights not square": ("E311", "48 x 47", lambda p, w: sp.sdm(FORMULA, p, w.csr[:, :47], **KEYS)),
    "weights not finite": ("E302", "finite", lambda p, w: sp.sdm(FORMULA, p, dense(w).replace(0.5, np.nan), **KEYS)),
    "labels of W in two orders": ("E311", "different labels", lambda p, w: sp.sdm(
        FORMULA, p, dense(w).rename(columns={"ME": "XX"}), **KEYS)),
    "no such column": ("E502", "did you mean 'gsp'", lambda p, w: sp.sdm("gps ~ emp", p, w, **KEYS)),
    "no such key": ("E502", "entity='region'", lambda p, w: sp.sdm(FORMULA, p, w, entity="region", time="year")),
    "durbin names none": ("E502", "'pc'", lambda p, w: sp.sdm(FORMULA, p, w, **KEYS, durbin=["pc"])),
    "code in a formula": ("E503", "not allowed", lambda p, w: sp.sdm("gsp ~ {__import__('os').getcwd()}", p, w, **KEYS)),
    "formula broken": ("E504", "not closed", lambda p, w: sp.sdm("log(gsp ~ emp", p, w, **KEYS)),
    "unknown effects": ("E501", "'twoway'", lambda p, w: sp.sdm(FORMULA, p, w, **KEYS, effects="fixed")),
    "unknown covariance": ("E501", "'oim'", lambda p, w: sp.sdm(FORMULA, p, w, **KEYS, vcov="hc9")),
    "effects without a panel": ("E501", "needs a panel", lambda p, w: sp.sar(
        "gsp ~ emp", p[p["year"] == 1986], w, entity="state", effects="entity")),
    "weights of no known kind": ("E501", "queen", lambda p, w: sp.sdm(FORMULA, p, "queen", **KEYS)),
    "LM tests of an SDM": ("E501", "ols()", lambda p, w: sp.lm_tests(sp.sdm(FORMULA, p, w, **KEYS))),
    "LR of fits that differ": ("E501", "differ", lambda p, w: sp.lr_test(
        sp.sar(FORMULA, p, w, **KEYS, effects="entity"), sp.sdm(FORMULA, p, w, **KEYS, effects="twoway"))),
    "no such unit": ("E101", "'ZZ'", lambda p, w: sp.sdm(FORMULA, p, w, **KEYS).effects(draws=5).shock("ZZ", "unemp")),
    "weights all fail": ("E101", "XX", lambda p, w: sp.compare_weights(
        {"a": w}, model=sp.sdm, formula=FORMULA, data=p.replace({"state": {"OH": "XX"}}), **KEYS)),
}  # fmt: skip


@pytest.mark.filterwarnings("ignore::spillover.errors.SpatialInputWarning")
@pytest.mark.parametrize("name", CASES)
def test_refused(name, panel, queen):
    code, message, call = CASES[name]
    before = panel.copy(deep=True)
    with pytest.raises(SpatialInputError) as caught:
        call(panel, queen)
    error = caught.value
    assert error.code == code
    assert message in str(error) or message in map(str, error.ids), str(error)
    assert isinstance(error, ValueError)
    pd.testing.assert_frame_equal(panel, before)


def test_missing_units_are_dropped_only_on_request(panel, queen):
    holes = change(panel, panel.index[panel["state"] == "ME"][:2], "pcap", np.nan)
    fit = sp.sdm(FORMULA, holes, queen, **KEYS, missing="drop")
    assert (fit._design.n_units, "ME" in fit._design.ids) == (47, False)
    np.testing.assert_allclose(fit._design.weights.row_sums, 1)
    assert "1 unit with missing values dropped: ME" in str(fit)
    by_hand = sp.sdm(FORMULA, panel[panel["state"] != "ME"], queen.subset([i for i in queen.ids if i != "ME"]), **KEYS)
    np.testing.assert_allclose(fit.params, by_hand.params, rtol=1e-9)


@pytest.mark.parametrize("also", [False, True])
def test_periods_without_values_are_left_out_and_no_unit_is_dropped_for_them(also, panel, queen):
    """A source that skips a year: dropping units would drop all; the next step works when it is followed."""
    holes = change(panel, panel.index[panel["year"] == 1975], "pcap", np.nan)
    if also:
        holes = change(holes, holes.index[(holes["state"] == "ME") & (holes["year"] == 1980)], "pcap", np.nan)
    with pytest.raises(SpatialInputError, match=r"'pcap' 4[89]") as caught:
        sp.sdm(FORMULA, holes, queen, **KEYS)
    assert caught.value.hint.startswith("no unit is complete in 1975: leave out these periods")
    assert ('missing="drop"' in caught.value.hint) is also
    rest = holes[holes["year"] != 1975]
    fit = sp.sdm(FORMULA, rest, queen, **KEYS, missing="drop" if also else "error")
    assert "no data for the periods 1975" in str(fit)


def test_weights_without_labels_are_taken_in_the_datas_order_with_a_warning(panel, queen):
    tidy = panel.sort_values(["year", "state"]).set_index("state").loc[list(queen.ids)].reset_index()
    with pytest.warns(SpatialInputWarning, match="could not be checked"):
        fit = sp.sdm(FORMULA, tidy, sparse.csr_array(queen.csr), **KEYS)
    assert fit.rho == pytest.approx(sp.sdm(FORMULA, panel, queen, **KEYS).rho, rel=1e-9)


@pytest.mark.parametrize("kind", ["Graph", "W", "frame"])
def test_weights_of_other_libraries_bring_their_labels(kind, panel, queen):
    w = {"Graph": queen.to_graph, "W": queen.to_W, "frame": lambda: dense(queen)}[kind]()
    assert sp.sdm(FORMULA, panel, w, **KEYS).rho == pytest.approx(sp.sdm(FORMULA, panel, queen, **KEYS).rho, rel=1e-8)


def test_islands_are_allowed_and_said(panel, queen):
    alone = dense(queen)
    alone.loc["ME"] = 0
    fit = sp.sdm(FORMULA, panel, alone, **KEYS)
    assert "1 island" in str(fit)
    assert "by transformation" in str(fit)  # W lags deviations from period means


def test_chinese_names_are_everyday_input(panel, queen):
    words = {"gsp": "地区 产出", "emp": "就业", "state": "省份", "year": "年份"}
    fit = sp.sdm("log(`地区 产出`) ~ log(就业) + unemp", panel.rename(columns=words), queen, entity="省份", time="年份")
    assert fit.rho == pytest.approx(sp.sdm("log(gsp) ~ log(emp) + unemp", panel, queen, **KEYS).rho, rel=1e-12)
    assert "log(就业)" in str(fit)


def test_odd_column_types_are_numbers_or_refused(panel, queen):
    want = sp.sar(FORMULA, panel, queen, **KEYS).params
    odd = panel.astype({"emp": "Float64", "unemp": "float32", "pcap": object})
    with pytest.raises(SpatialInputError, match="E203"):
        sp.sar(FORMULA, odd, queen, **KEYS)
    np.testing.assert_allclose(sp.sar(FORMULA, odd.astype({"pcap": float}), queen, **KEYS).params, want, rtol=1e-5)


def test_a_failing_w_is_reported_and_the_rest_goes_on(panel, queen):
    both = sp.compare_weights({"good": queen, "bad": queen.subset(list(queen.ids[:40]))}, model=sp.sar, formula=FORMULA,
                              data=panel, **KEYS)  # fmt: skip
    assert list(both.fits) == ["good"]
    assert both.failed["bad"].startswith("E101")
    assert "bad could not be estimated" in str(both)


@pytest.mark.parametrize("option", [
    {"method": 3}, {"method": ["ml"]}, {"correction": None}, {"missing": None}, {"wx_order": "2"}, {"durbin": 5},
    {"effects": ["entity"]}, {"vcov": 3}, {"lags": True}, {"method": "gmm", "endog": 3, "instruments": 4}])  # fmt: skip
def test_options_of_another_type(panel, queen, option):
    with pytest.raises(SpatialInputError, match="E501"):
        sp.sdm(FORMULA, panel, queen, **KEYS, **option)


@pytest.mark.parametrize("option", [{"draws": 0}, {"draws": 99.0}, {"draws": True}, {"draws": -3}, {"seed": 1.5},
                                    {"seed": -1}, {"seed": "x"}, {"level": 95}, {"level": "a"}, {"level": None}])  # fmt: skip
def test_numbers_of_draws_seeds_and_levels(panel, queen, option):
    fit = sp.sar(FORMULA, panel, queen, **KEYS)
    with pytest.raises(SpatialInputError, match="E501"):
        fit.effects(method="simulate", **option)
    if "level" in option:
        with pytest.raises(SpatialInputError, match="E501"):
            fit.conf_int(**option)
    else:
        with pytest.raises(SpatialInputError, match="E501"):
            fit.with_vcov("bootstrap", **option)
