"""Formulas: the grammar against formulaic's, terms that a fit owns, names that collide, and what is refused."""

# ruff: noqa: E501  (tables of cases read better in long lines)
import time

import numpy as np
import pandas as pd
import pytest
from formulaic import Formula

import shapefiles
import spatial as sp
import weights as wt
from spatial.design.formula import read_formula
from spatial.design.keys import Rows
from spatial.design.terms import model_columns
from spillover.errors import SpatialInputError, SpatialInputWarning

PANEL = {"entity": "state", "time": "year"}
FORMULA = "log(gsp) ~ log(emp) + unemp"


@pytest.fixture(scope="module")
def columbus():
    return shapefiles.load("columbus")


@pytest.fixture(scope="module")
def w(columbus):
    return wt.queen(columbus).standardize("row")


@pytest.fixture(scope="module")
def states():
    return shapefiles.load_panel("us_states")


@pytest.fixture(scope="module")
def states_w():
    return wt.queen(shapefiles.load("us_states")).standardize("row")


# -- the grammar -------------------------------------------------------------------------------------------------

RNG = np.random.default_rng(1)
TABLE = pd.DataFrame({
    "y": RNG.normal(size=40), "x": RNG.uniform(1, 3, 40), "z": RNG.uniform(1, 3, 40), "gdp per head": RNG.uniform(1, 3, 40),
    "g": pd.Categorical(RNG.choice(list("abc"), 40)), "h": pd.Categorical(RNG.choice(list("uv"), 40)),
    "k": RNG.integers(1, 4, 40),
})  # fmt: skip
SAME = [
    "y ~ x + log( z ) + I(x**2)", "y ~ x*z", "y ~ g", "y ~ 0 + g", "y ~ g + x:g", "y ~ g*h", "y ~ 0 + g:h", "y ~ x:g",
    "y ~ x + x:g", "y ~ g:h", "y ~ g + g:h", "y ~ h + g:h", "y ~ `gdp per head` + log(`gdp per head`)", "y ~ (x + z)**2",
    "y ~ x/z", "y ~ g/x", "y ~ poly(x, 2) + center(z) + scale(x)", "y ~ poly(x,2):g", "y ~ C(k)", "y ~ x - 1",
    "y ~ -1 + x", "y ~ x + 0", "y ~ x:z:g", "y ~ g:x + x", "y ~ x+z+x:z-z", "y ~ (x+z+g)^2-x:z", "y ~ log(x):g",
    "y ~ I(x*-1)", "y ~ +x", "y ~ x %in% g", "y ~ g:h + x:h", "y ~ 0+x:g", "y ~ x+g:x+h:x", "y ~ 0+g+h", "y ~ C( k )*z",
    "y ~ {x+1}", "y ~ 0 + g:h + x", "y ~ g:h:x", "y ~ g*h*x", "y ~ (g+h+x)**3", "y ~ g*h - g", "y ~ g:h - 1",
    "y ~ C(k):C(h)+x:C(k)", "log(x) ~ poly(log(z+1),3)*g", "y ~ center(log(x))*scale(z)", "y ~ (g+x)/(h+z)",
    "y ~ 0 + x:g + h", "y ~ C(k)*g*h",
]  # fmt: skip


def encoded(formula, frame=TABLE):
    terms = read_formula(formula, tuple(frame.columns))
    columns = {c: frame[c].to_numpy(float)[None] if c in terms.bare and frame[c].dtype.kind in "if" else frame[c]
               for c in terms.columns}  # fmt: skip
    return model_columns(terms, columns, Rows(np.arange(len(frame))[None], frame.index, None, None))


@pytest.mark.parametrize("formula", SAME)
def test_columns_are_formulaics(formula):
    """Names, their order, and numbers: R's rules for contrasts."""
    want = Formula(formula).get_model_matrix(TABLE)
    y, X, _ = encoded(formula)
    assert list(X) == list(want.rhs.columns)
    np.testing.assert_allclose(np.column_stack([v[0] for v in X.values()]), want.rhs.to_numpy(float), atol=1e-12)
    np.testing.assert_allclose(y[0], want.lhs.to_numpy(float)[:, 0])


@pytest.mark.parametrize("seed", range(30))
def test_random_sums_of_products_are_formulaics(seed):
    rng = np.random.default_rng(seed)
    terms = [":".join(rng.permutation(["x", "z", "g", "h", "C(k)"])[: rng.integers(1, 4)]) for _ in range(4)]
    formula = f"y ~ {'0 + ' * int(rng.integers(2))}{' + '.join(terms)}"
    want = Formula(formula).get_model_matrix(TABLE)
    X = encoded(formula)[1]
    assert list(X) == list(want.rhs.columns)
    np.testing.assert_allclose(np.column_stack([v[0] for v in X.values()]), want.rhs.to_numpy(float), atol=1e-12)


def test_numbers_scale_terms(columbus, w):
    """Also where categories are; formulaic forgets them."""
    plain = sp.ols("CRIME ~ INC + HOVAL", columbus, w)
    scaled = sp.ols("CRIME ~ 1000:INC + HOVAL", columbus, w)
    assert scaled.params["1000:INC"] == pytest.approx(plain.params["INC"] / 1000)
    both = sp.ols("CRIME ~ INC:0.5 + C(CP)", columbus, w)
    assert both.params["INC:0.5"] == pytest.approx(2 * sp.ols("CRIME ~ INC + C(CP)", columbus, w).params["INC"])
    left = sp.ols("1000:CRIME ~ INC + HOVAL", columbus, w)
    np.testing.assert_allclose(left.params, 1000 * plain.params)


def test_a_power_outside_of_a_function_is_no_square(columbus, w):
    for formula in ("CRIME ~ INC + INC**2", "CRIME ~ log(INC) + log(INC)^2", "CRIME ~ INC + (INC)**3"):
        with pytest.warns(SpatialInputWarning, match=r"I\(.*INC"):
            assert len(sp.ols(formula, columbus, w).params) == 2
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert "INC:HOVAL" in sp.ols("CRIME ~ (INC + HOVAL)**2", columbus, w).params
        assert "I(INC ** 2)" in sp.ols("CRIME ~ INC + I(INC**2)", columbus, w).params


# -- terms belong to the fit -------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["trend", "TC", "BP", "TS1"])
def test_ways_to_write_a_model_predict_alike(columbus, kind):
    reference, new = columbus.iloc[:40], columbus.iloc[40:]
    small, whole = wt.queen(reference).standardize("row"), wt.queen(columbus).standardize("row")
    want = sp.sar("CRIME ~ INC + HOVAL", reference, small).predict(new, whole, kind=kind)
    for term in ("center(INC)", "scale(INC)", "poly(INC, 1)", "scale(I(2 * INC))", "center(center(INC))"):
        got = sp.sar(f"CRIME ~ {term} + HOVAL", reference, small).predict(new, whole, kind=kind)
        np.testing.assert_allclose(got, want, rtol=1e-8)
    if kind == "TC":
        assert want.iloc[0] == pytest.approx(18.916, abs=5e-4)
    squares = sp.sar("CRIME ~ INC + I(INC**2)", reference, small).predict(new, whole, kind=kind)
    basis = sp.sar("CRIME ~ poly(INC, 2)", reference, small)
    np.testing.assert_allclose(basis.predict(new, whole, kind=kind), squares, rtol=1e-6)


def test_levels_belong_to_the_fit(columbus):
    """New units of one level are predicted with the fit's contrasts; a level without a coefficient is refused."""
    reference, new = columbus.iloc[:40], columbus.iloc[40:]
    small, whole = wt.queen(reference).standardize("row"), wt.queen(columbus).standardize("row")
    area = pd.Series(np.where(columbus["X"] > 38, "east", "west"), columbus.index)
    labelled = sp.sdm("CRIME ~ INC + C(area)", reference.assign(area=area), small)
    numeric = sp.sdm("CRIME ~ INC + west", reference.assign(west=(area == "west") * 1.0), small)
    got = labelled.predict(new.assign(area=area), whole)
    np.testing.assert_allclose(got, numeric.predict(new.assign(west=(area == "west") * 1.0), whole), rtol=1e-8)
    with pytest.raises(SpatialInputError, match="'north'") as caught:
        labelled.predict(new.assign(area="north"), whole)
    assert caught.value.code == "E502"


# -- names -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["rho", "lambda", "sigma2", "Intercept", "W:INC", "lag(y)", "INC:z"])
@pytest.mark.parametrize("model", [sp.ols, sp.sdm, sp.sem, sp.sac])
def test_a_column_may_be_named_like_a_parameter(columbus, w, name, model):
    renamed = columbus.rename(columns={"HOVAL": name})
    plain, fit = model("CRIME ~ INC + HOVAL", columbus, w), model(f"CRIME ~ INC + `{name}`", renamed, w)
    np.testing.assert_allclose(fit.params, plain.params, rtol=1e-9)
    assert (fit.rho, fit.lam) == pytest.approx((plain.rho, plain.lam))
    assert f"`{name}`" in fit.params
    assert fit.params.index.is_unique
    got, want = fit.effects(method="delta"), plain.effects(method="delta")
    assert got.total["INC"] == pytest.approx(want.total["INC"])
    assert got.total[f"`{name}`"] == pytest.approx(want.total["HOVAL"])


def test_the_inverse_mills_ratio_needs_no_backticks(columbus, w):
    renamed = columbus.rename(columns={"HOVAL": "lambda", "INC": "import", "CRIME": "yield"})
    fit = sp.sdm("yield ~ log(import) + lambda", renamed, w)
    plain = sp.sdm("CRIME ~ log(INC) + HOVAL", columbus, w)
    np.testing.assert_allclose(fit.params, plain.params)
    assert list(fit.params.index[:3]) == ["Intercept", "log(import)", "`lambda`"]
    only = sp.sdm("yield ~ log(import) + lambda", renamed, w, durbin=["lambda"])
    np.testing.assert_allclose(only.params, sp.sdm("CRIME ~ log(INC) + HOVAL", columbus, w, durbin=["HOVAL"]).params)
    assert "log(lambda)" in sp.ols("yield ~ log(lambda) + I(import / lambda)", renamed, w).params


@pytest.mark.parametrize(("formula", "written", "meant"), [
    ("CRIME ~ INC + I(INC**2)", "I(INC**2)", ["W:I(INC ** 2)"]),
    ("CRIME ~ INC * HOVAL", "HOVAL : INC", ["W:INC:HOVAL"]),
    ("CRIME ~ INC + C(CP)", "C( CP )", ["W:C(CP)[T.1]"]),
    ("CRIME ~ INC + log(HOVAL)", "log( HOVAL )", ["W:log(HOVAL)"]),
    ("CRIME ~ poly(INC, 2)", "poly(INC,2)", ["W:poly(INC, 2)[1]", "W:poly(INC, 2)[2]"]),
])  # fmt: skip
def test_durbin_is_spelled_as_formulas_are(columbus, w, formula, written, meant):
    data = columbus.assign(CP=columbus["CP"].astype(int))
    assert [n for n in sp.slx(formula, data, w, durbin=[written]).params.index if n.startswith("W:")] == meant


# -- categories --------------------------------------------------------------------------------------------------


def test_levels_without_observations_are_left_out_and_noted(states, states_w):
    region = shapefiles.load("us_states")["region"]
    data = states.merge(region.astype("category").cat.add_categories("none").reset_index(), on="state")
    fit = sp.sdm(f"{FORMULA} + region", data, states_w, effects="time", **PANEL)
    plain = sp.sdm(f"{FORMULA} + C(region)", data.assign(region=data["region"].astype(str)), states_w, effects="time", **PANEL)
    np.testing.assert_allclose(fit.params, plain.params)
    assert any("none" in note for note in fit._design.notes)
    dropped = data.assign(gsp=data["gsp"].where(data["region"] != data["region"].iloc[0]))
    assert sp.sar(f"{FORMULA} + region", dropped, states_w, effects="time", missing="drop", **PANEL).nobs < len(data)


def test_dummies_that_the_effects_span_are_left_out_and_noted(states, states_w):
    """Region by year beside two-way effects: the fit is that of the dummies that remain, by hand."""
    region = shapefiles.load("us_states")["region"]
    data = states.merge(region.reset_index(), on="state")
    data = data[data["year"] < 1974]
    fit = sp.sar(f"{FORMULA} + C(region):C(year)", data, states_w, **PANEL)
    cells = [(r, y) for r in sorted(data["region"].unique())[1:] for y in sorted(data["year"].unique())[1:]]
    by_hand = data.assign(**{f"d{j}": ((data["region"] == r) & (data["year"] == y)) * 1.0 for j, (r, y) in enumerate(cells)})
    want = sp.sar(f"{FORMULA} + {' + '.join(f'd{j}' for j in range(len(cells)))}", by_hand, states_w, **PANEL)
    shared = ["log(emp)", "unemp", "rho"]
    np.testing.assert_allclose(fit.params[shared], want.params[shared], rtol=1e-6)
    assert fit.loglik == pytest.approx(want.loglik)
    assert any("left out" in note for note in fit._design.notes)
    absorbed = sp.sdm(f"{FORMULA} + C(year)", states, states_w, **PANEL)
    np.testing.assert_allclose(absorbed.params, sp.sdm(FORMULA, states, states_w, **PANEL).params, rtol=1e-9)


def test_real_regressors_that_are_spanned_stay_errors(states, states_w):
    with pytest.raises(SpatialInputError, match="E205"):
        sp.sar(f"{FORMULA} + twice", states.assign(twice=2 * states["unemp"]), states_w, **PANEL)
    with pytest.raises(SpatialInputError, match="E208"):
        sp.sar("log(gsp) ~ C(year)", states, states_w, **PANEL)


# -- fixed effects behind | --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("behind", "effects"), [("state + year", "twoway"), ("year+state", "twoway"), ("state", "entity"),
                                                 ("year", "time")])  # fmt: skip
def test_fixed_effects_behind_a_bar(states, states_w, behind, effects):
    fit = sp.sdm(f"{FORMULA} | {behind}", states, states_w, **PANEL)
    np.testing.assert_array_equal(fit.params, sp.sdm(FORMULA, states, states_w, effects=effects, **PANEL).params)
    assert str(fit._settings.effects) == effects
    indexed = states.set_index(["state", "year"])
    np.testing.assert_array_equal(sp.sdm(f"{FORMULA} | {behind}", indexed, states_w).params, fit.params)


def test_levels_of_the_index_are_units_and_periods(states, states_w):
    want = sp.sdm(FORMULA, states, states_w, **PANEL).params
    np.testing.assert_array_equal(sp.sdm(FORMULA, states.set_index(["state", "year"]), states_w, **PANEL).params, want)
    np.testing.assert_array_equal(sp.sdm(FORMULA, states.set_index("state"), states_w, **PANEL).params, want)
    backwards = states.set_index(["year", "state"])
    np.testing.assert_array_equal(sp.sdm(FORMULA, backwards, states_w, **PANEL).params, want)


# -- the order of periods ----------------------------------------------------------------------------------------

MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]


def monthly(labels):
    rng = np.random.default_rng(3)
    ids = [f"u{i:02d}" for i in range(25)]
    frame = pd.DataFrame([(i, t) for i in ids for t in range(len(labels))], columns=["id", "t"])
    frame["x"] = rng.normal(size=len(frame))
    frame["y"] = frame["x"] + rng.normal(size=len(frame)).cumsum() / 10
    W = np.roll(np.eye(25), 1, 0) / 2 + np.roll(np.eye(25), -1, 0) / 2
    return frame.assign(label=[labels[t] for t in frame["t"]]), pd.DataFrame(W, ids, ids)


@pytest.mark.parametrize("lagged", [{"formula": "y ~ x", "lags": "y"}, {"formula": "y ~ x + lag(x)"}])
def test_text_periods_have_no_order_of_their_own(lagged):
    for labels in (MONTHS, [f"Y{t}" for t in range(1, 12)]):
        data, W = monthly(labels)
        with pytest.raises(SpatialInputError, match="E106"):
            sp.sdm(data=data, w=W, entity="id", time="label", **lagged)
    want = None
    for labels in ([pd.Timestamp(2001, m, 1) for m in range(1, 13)], [f"2001-{m:02d}" for m in range(1, 13)],
                   [str(2000 + t) for t in range(12)], [str(t) for t in range(1, 13)], list(range(12))):  # fmt: skip
        data, W = monthly(labels)
        params = sp.sdm(data=data, w=W, entity="id", time="label", **lagged).params
        want = params if want is None else want
        np.testing.assert_allclose(params, want)
    data, W = monthly(MONTHS)
    ordered = data.assign(label=pd.Categorical(data["label"], categories=MONTHS, ordered=True))
    np.testing.assert_allclose(sp.sdm(data=ordered, w=W, entity="id", time="label", **lagged).params, want)


@pytest.mark.parametrize("freq", ["W-SUN", "D", "MS", "h", "QS"])
def test_summer_time_makes_no_gap(freq):
    """The clocks change on 29 March 2020: weeks and days by the wall are whole, hours by elapsed time."""
    times = pd.date_range("2020-03-20", periods=12, freq=freq)
    if freq == "h":
        times = times + pd.Timedelta("8D16h")  # from 16:00 on the day before to 04:00
    data, W = monthly(list(times))
    want = sp.sdm("y ~ x", data, W, entity="id", time="label", lags="y").params
    there = data.assign(label=data["label"].dt.tz_localize("UTC").dt.tz_convert("Europe/Berlin") if freq == "h"
                        else data["label"].dt.tz_localize("Europe/Berlin"))  # fmt: skip
    np.testing.assert_array_equal(sp.sdm("y ~ x", there, W, entity="id", time="label", lags="y").params, want)
    with pytest.raises(SpatialInputError, match="E104"):
        sp.sdm("y ~ x", there[there["label"] != there["label"].unique()[5]], W, entity="id", time="label", lags="y")


def test_names_are_not_normalised_to_others(columbus, w):
    """Python reads the ligature in one name as f and i, and an h of mathematics as h: two columns would be one."""
    one, two = columbus["INC"], columbus["HOVAL"]
    data = columbus.assign(**{"\ufb01x": one, "fix": two, "\u210e": one, "h": two})
    want = sp.ols("CRIME ~ log(INC) + I(INC * HOVAL)", data, w).params
    for name, other in (("\ufb01x", "fix"), ("\u210e", "h"), ("`\ufb01x`", "`fix`")):
        fit = sp.ols(f"CRIME ~ log({name}) + I({name} * {other})", data, w)
        np.testing.assert_allclose(fit.params, want)
        assert f"log({name})" in fit.params.index


@pytest.mark.parametrize(("term", "cure"), [
    ("1000*INC", "I(1000 * INC)"), ("1/INC", "I(1 / INC)"), ("INC/1000", "I(INC / 1000)"), ("1000*INC", "1000:INC")])
def test_the_way_to_write_arithmetic_works(columbus, w, term, cure):
    with pytest.raises(SpatialInputError) as caught:
        sp.ols(f"CRIME ~ {term}", columbus, w)
    assert cure.replace("INC", "x") in caught.value.hint
    assert len(sp.ols(f"CRIME ~ {cure}", columbus, w).params) == 2


@pytest.mark.parametrize(("term", "why"), [("I(INC / 0)", "divisors"), ("log(INC - INC)", "positive"),
                                           ("I(INC**9999)", "powers"), ("exp(1000 * INC)", "exp()")])  # fmt: skip
def test_what_is_not_finite_says_what_it_can_be(columbus, w, term, why):
    with pytest.raises(SpatialInputError, match="E207") as caught:
        sp.ols(f"CRIME ~ {term}", columbus, w)
    assert why in caught.value.hint


@pytest.mark.parametrize("text", ["-" * 9000 + "x", "(" * 40 + "x" * 5000, "I(" + "x*" * 2000 + "x)", "x~" * 3000, "`" * 2001,
                                  "f(" + "x" * 9000 + ")", "y x" * 3000, "x**" + "9" * 9000, "\x00" * 9000])  # fmt: skip
def test_messages_do_not_repeat_a_whole_long_formula(columbus, w, text):
    with pytest.raises(SpatialInputError) as caught:
        sp.ols(f"CRIME ~ {text}", columbus, w)
    assert len(str(caught.value)) < 600


def test_whole_periods_without_data_are_noted(states, states_w):
    fit = sp.sar(FORMULA, states[~states["year"].isin([1973, 1980])], states_w, **PANEL)
    assert any("1973, 1980" in note for note in fit._design.notes)
    assert not any("no data" in note for note in sp.sar(FORMULA, states, states_w, **PANEL)._design.notes)
    decades = sp.sar(FORMULA, states[states["year"] % 5 == 0], states_w, **PANEL)
    assert not any("no data" in note for note in decades._design.notes)


# -- what is refused ---------------------------------------------------------------------------------------------

REFUSED = {
    "CRIME ~ 0": "E504", "CRIME ~ INC | NEIG": "E206", "CRIME ~ INC | nowhere": "E502", "CRIME ~ I(1/0)": "E504", "CRIME ~ I(INC/0)": "E207",
    "CRIME ~ abs(INC, 1)": "E503", "CRIME ~ C(INC, 1)": "E503", "CRIME ~ I(_quoted_0)": "E502", "CRIME ~ INC . HOVAL": "E504",
    "CRIME ~ INC + ``": "E504", "CRIME ~ log(``)": "E504", "CRIME ~ log()": "E503", "CRIME ~ lag(INC, 0)": "E503",
    "CRIME ~ lag(INC, 1.5)": "E503", "CRIME ~ lag(INC, HOVAL)": "E503", "CRIME ~ poly(INC, 99999)": "E503",
    "CRIME ~ log(C(INC))": "E503", "CRIME ~ 1000*INC": "E504", "CRIME ~ INC + 2": "E504", "CRIME": "E504", "~ INC": "E504",
    "CRIME ~": "E504", "CRIME ~ INC +": "E504", "CRIME ~ (INC": "E504", "CRIME ~ log(INC": "E504", "CRIME ~ INC)": "E504",
    "CRIME ~ INC HOVAL": "E504", "CRIME + INC ~ HOVAL": "E504", "2 ~ INC": "E504", "CRIME ~ INC ~ HOVAL": "E504",
    "CRIME ~ INC.real": "E502", "CRIME ~ I(INC.real)": "E503", "CRIME ~ open(INC)": "E503", "CRIME ~ I(lambda: 1)": "E504",
    "CRIME ~ I(INC if HOVAL else 1)": "E504", "CRIME ~ 'INC'": "E504", "CRIME ~ I(1 < INC < 2)": "E503", "CRIME ~ INC | ": "E504",
    "C(CP) ~ INC": "E503",
}  # fmt: skip


@pytest.mark.parametrize("formula", REFUSED)
def test_refused(columbus, w, formula):
    with pytest.raises(SpatialInputError) as caught:
        sp.ols(formula, columbus, w)
    assert caught.value.code == REFUSED[formula], caught.value
    assert caught.value.hint or caught.value.code == "E502"


@pytest.mark.parametrize("formula", [
    "y ~ I(((((9)**9)**9)**9)**9*x)", "y ~ (x+z)^99999", f"y ~ ({' + '.join(f'v{j}' for j in range(25))})**9",
    f"y ~ {' * '.join(f'v{j}' for j in range(25))}", "y ~ poly(x, 99999)", f"y ~ I({' + '.join(['x'] * 3000)})",
    f"y ~ {'(' * 400}x{')' * 400}", f"y ~ I({'(' * 400}x{')' * 400})", f"y ~ {'log(' * 300}x{')' * 300}",
    f"y ~ {' + '.join(f'x:v{j}' for j in range(1500))}", f"y ~ {'-' * 3000}x", f"y ~ I({'-' * 3000}x)",
])  # fmt: skip
def test_a_formula_cannot_take_for_ever(formula):
    data = pd.DataFrame({c: np.arange(1.0, 9) for c in ["y", "x", "z", *(f"v{j}" for j in range(25))]})
    start = time.perf_counter()
    with pytest.raises(SpatialInputError):
        sp.ols(formula, data, np.eye(8, k=1))
    assert time.perf_counter() - start < 2


def test_what_else_is_refused(columbus, w, states, states_w):
    one = columbus.assign(a="all")
    with pytest.raises(SpatialInputError, match="E204"):
        sp.ols("CRIME ~ INC + C(a)", one, w)
    with pytest.raises(SpatialInputError, match="E501"):
        sp.ols("CRIME ~ INC", columbus, w, entity=["POLYID"])
    for endog, instruments in ((["HOVAL"], ["HOVAL"]), ("HOVAL", ["OPEN", "HOVAL"]), (["log(HOVAL)"], ["log( HOVAL )"])):
        formula = "CRIME ~ INC + HOVAL" if endog != ["log(HOVAL)"] else "CRIME ~ INC + log(HOVAL)"
        with pytest.raises(SpatialInputError, match="endogenous and as an instrument"):
            sp.sar(formula, columbus, w, method="gmm", endog=endog, instruments=instruments)
    for time_of in (np.inf, -np.inf):
        data = states.assign(year=states["year"].astype(float).where(states["year"] != 1970, time_of))
        with pytest.raises(SpatialInputError, match="E202"):
            sp.sdm(FORMULA, data, states_w, **PANEL)
    with pytest.raises(SpatialInputError, match="the keyword is"):
        sp.sdm(f"{FORMULA} | state", states, states_w, effects="time", **PANEL)
    for keys in ({}, {"entity": "state"}):
        with pytest.raises(SpatialInputError, match=r"entity='state', time='year'"):
            sp.sdm(f"{FORMULA} | state + year", states, states_w, **keys)


@pytest.mark.parametrize("model", [sp.sac, sp.sdm])
def test_cures_of_unbalanced_panels_are_no_circle(states, states_w, model):
    """Each hint names a way that works: units without all rows are dropped as units with missing values are."""
    gaps = states.drop(index=[5, 100]).assign(emp=lambda d: d["emp"].where(d.index != 300))
    gone = set(states.loc[[5, 100, 300], "state"])
    with pytest.raises(SpatialInputError, match="default with gaps"):
        sp.sem(FORMULA, gaps, states_w, missing="period", lags="y", method="aqs", **PANEL)
    with pytest.raises(SpatialInputError, match="drop"):
        model(FORMULA, gaps, states_w, **PANEL)
    fit = model(FORMULA, gaps, states_w, missing="drop", effects="entity", **PANEL)
    kept = states[~states["state"].isin(gone)]
    small = states_w.subset([state for state in states_w.ids if state not in gone])
    np.testing.assert_allclose(fit.params, model(FORMULA, kept, small, effects="entity", **PANEL).params, rtol=1e-7)
    with pytest.raises(SpatialInputError, match="period"):
        model(FORMULA, states[(states["year"] > 1970) | (states["state"] == "OH")], states_w, missing="drop", **PANEL)
