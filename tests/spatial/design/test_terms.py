"""Terms beyond the textbook: base levels, comparisons, splines, all columns, the past and the future with gaps."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from formulaic import Formula

import shapefiles
import spatial as sp
import weights as wt
from spatial.design.formula import read_formula
from spillover.errors import SpatialInputError

from ..models.test_estimators import PANEL, cross_section, panel_data
from .test_formulas import TABLE, encoded

STORED = json.loads((Path(__file__).parents[2] / "reference" / "splines" / "results.json").read_text())


# -- base levels -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("rest", ["", " + x", " + x:C(g, {t})", " + h", "*h", "*x*h", " - 1"])
def test_a_chosen_base_is_formulaics(rest):
    """Columns and numbers are those of contr.treatment(base=...); the names are those of Treatment()."""
    ours, theirs = "Treatment('b')", "contr.treatment('b')"
    want = Formula(f"y ~ C(g, {theirs}){rest.format(t=theirs)}").get_model_matrix(TABLE).rhs
    for spelled in (ours, theirs, 'Treatment(reference="b")'):
        _, X, _ = encoded(f"y ~ C(g, {spelled}){rest.format(t=spelled)}")
        names = [name.replace(theirs, ours).replace('"', "'") for name in want.columns]
        assert sorted(X) == sorted(names)
        for name, values in zip(names, want.to_numpy(float).T):
            np.testing.assert_allclose(X[name][0], values)


def test_ways_to_say_it_are_one_model():
    data, W = cross_section(2)
    data = data.assign(g=np.resize(["a", "b", "c"], len(data)))
    plain = sp.sar("y ~ a + C(g)", data, W)
    moved = sp.sar("y ~ a + C(g, Treatment('b'))", data, W)
    fixest = sp.sar("y ~ a + i(g, ref='b')", data, W)
    assert moved.params.index.tolist()[2:4] == ["C(g, Treatment('b'))[T.a]", "C(g, Treatment('b'))[T.c]"]
    assert fixest.params.index.tolist()[2:4] == ["i(g, ref='b')[T.a]", "i(g, ref='b')[T.c]"]
    assert moved.loglik == pytest.approx(plain.loglik, abs=1e-8)
    assert fixest.params.to_numpy() == pytest.approx(moved.params.to_numpy(), rel=1e-7)
    assert moved.params.iloc[2] == pytest.approx(-plain.params["C(g)[T.b]"], rel=1e-6)
    contrasts = sp.contrasts(moved, "g")
    assert contrasts.labels == ("a - b", "c - b")
    assert contrasts.direct.iloc[0] == pytest.approx(moved.effects().direct["C(g, Treatment('b'))[T.a]"], rel=1e-8)


def test_event_time_times_treated():
    """i(t, treated, ref=2001): a slope of treated in every period but 2001, as products by hand."""
    data, W = panel_data(3)
    data = data.assign(treated=(data["id"] < "06").astype(float))
    fit = sp.sdm("y ~ a + i(t, treated, ref=2001)", data, W, **PANEL, durbin=["a"])
    years = [t for t in sorted(data["t"].unique()) if t != 2001]
    by_hand = data.assign(**{f"d{t}": data["treated"] * (data["t"] == t) for t in years})
    other = sp.sdm("y ~ a + " + " + ".join(f"d{t}" for t in years), by_hand, W, **PANEL, durbin=["a"])
    assert [name for name in fit.params.index if "i(" in name] == [f"i(t, ref=2001)[T.{t}]:treated" for t in years]
    np.testing.assert_allclose(fit.params.to_numpy(), other.params.to_numpy(), rtol=1e-7)


# -- comparisons and functions ---------------------------------------------------------------------------


@pytest.mark.parametrize(("term", "values"), [
    ("I(x > 2)", lambda t: t["x"] > 2), ("I(x <= z)", lambda t: t["x"] <= t["z"]), ("I(k == 2)", lambda t: t["k"] == 2),
    ("I((x > 2) * (z < 2))", lambda t: (t["x"] > 2) & (t["z"] < 2)), ("I(k != 1)", lambda t: t["k"] != 1),
    ("I((x > 2) & (z < 2))", lambda t: (t["x"] > 2) & (t["z"] < 2)),
    ("I((x > 2) | (z < 2) | (k == 2))", lambda t: (t["x"] > 2) | (t["z"] < 2) | (t["k"] == 2)),
    ("{x >= 2.5}", lambda t: t["x"] >= 2.5), ("log1p(x)", lambda t: np.log1p(t["x"])),
])  # fmt: skip
def test_comparisons_are_zero_and_one(term, values):
    _, X, _ = encoded(f"y ~ {term}")
    (name,) = [name for name in X if name != "Intercept"]
    np.testing.assert_allclose(X[name][0], values(TABLE).astype(float))


@pytest.mark.parametrize(("elsewhere", "here"), [
    ("bs(x, df=4)", "bs(x, 4)"), ("ns(x, df=3)", "ns(x, 3)"), ("poly(x, degree=2)", "poly(x, 2)"),
    ("np.log(x)", "log(x)"),
    ("numpy.sqrt(np.exp(z))", "sqrt(exp(z))"), ("factor(g)", "C(g)"), ("as.factor(g)", "C(g)"),
    ('factor(g):x', "C(g):x"), ("I(np.log1p(x) > 1)", "I(log1p(x) > 1)"), ("lag(x, n=2)", "lag(x, 2)"),
])  # fmt: skip
def test_spellings_of_other_programs_are_the_same_terms(elsewhere, here):
    one, other = (read_formula(f"y ~ {text}", ("y", "x", "z", "g")) for text in (elsewhere, here))
    assert [name for name, _ in one.right] == [name for name, _ in other.right]
    assert one.right == other.right
    assert one.columns == other.columns


@pytest.mark.parametrize(("text", "hint"), [
    ("diff(x)", "I(x - lag(x))"), ("l(x, 1)", "lag(x, 1)"), ("x > 0", "inside I(): I(x > 0)"), ("I(g == 'a')", "C(g)"),
    ("bs(x, df=4, degree=2)", "cubic"), ("poly(x, 2, raw=True)", "I(x**2)"), ("np.where(x > 0, 1, 0)", "I(x > 0)"),
    ("I(x & z)", "each comparison in brackets"), ("I(x > 0 & z > 0)", "each comparison in brackets"),
    ("asinh(x)", "log(x + sqrt(x**2 + 1))"),
])  # fmt: skip
def test_what_is_not_there_is_refused_with_what_is(text, hint):
    with pytest.raises(SpatialInputError) as error:
        read_formula(f"y ~ {text}", ("y", "x", "z", "g"))
    assert hint in error.value.hint


def test_a_long_chain_of_comparisons_is_bounded():
    for text in ("I(" + " & ".join(["(x > 0)"] * 300) + ")", "log(" + "~" * 4000 + "x)", "I(" + "x." * 4000 + "x)"):
        with pytest.raises(SpatialInputError):
            read_formula(f"y ~ {text}", ("y", "x"))


def test_a_category_of_one_number_is_named_by_it():
    frame = pd.DataFrame({"y": [1.0, 2.0, 4.0], "g": [2003, 2003, 2003]})
    with pytest.raises(SpatialInputError, match="one value, 2003:"):
        encoded("y ~ C(g)", frame)


# -- splines ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["bs_3", "bs_5", "ns_1", "ns_3"])
def test_splines_are_rs(name):
    """In the sample, and beyond it: cubic as R's bs(), linear as ns()."""
    function, size = name.split("_")
    frame = pd.DataFrame({"y": np.arange(25.0), "x": STORED["x"]})
    _, X, encoding = encoded(f"y ~ {function}(x, {size})", frame)
    columns = [f"{function}(x, {size})[{k + 1}]" for k in range(int(size))]
    np.testing.assert_allclose(np.stack([X[c][0] for c in columns], axis=1), STORED["inside"][name], atol=1e-12)
    from spatial.design.bases import basis

    new = basis(function, f"{function}(x, {size})", np.array(STORED["new"]), int(size), encoding.states)
    np.testing.assert_allclose(new, STORED["outside"][name], atol=1e-10)


def test_splines_are_terms_like_others():
    """bs of three columns spans the cubic: the same fit, predictions and slopes; new units keep the knots."""
    data, W = cross_section(4)
    data = data.assign(a=data["a"] + 4)
    cubic, spline = (sp.sar(f"y ~ {term} + b", data, W) for term in ("poly(a, 3)", "bs(a, 3)"))
    assert spline.loglik == pytest.approx(cubic.loglik, abs=1e-7)
    np.testing.assert_allclose(spline.predict(kind="TC"), cubic.predict(kind="TC"), rtol=1e-6)
    for at in (None, {"a": [2, 5]}):
        np.testing.assert_allclose(sp.slopes(spline, "a", at=at).estimates, sp.slopes(cubic, "a", at=at).estimates,
                                   rtol=1e-4)  # fmt: skip
    reference = data.index[:-3]
    fits = [sp.slx(f"y ~ {term}", data.loc[reference], W.loc[reference, reference])
            for term in ("poly(a, 3)", "bs(a, 3)")]  # fmt: skip
    new = data.drop(index=reference)
    np.testing.assert_allclose(*(fit.predict(new, W, kind="trend") for fit in fits), rtol=1e-6)


# -- all columns -----------------------------------------------------------------------------------------


def test_a_dot_stands_for_all_other_numbers():
    columbus = shapefiles.load("columbus")[["CRIME", "INC", "HOVAL", "CP", "geometry"]].assign(name="x")
    w = wt.queen(columbus).standardize("row")
    dot, named = sp.sar("log(CRIME) ~ . - CP", columbus, w), sp.sar("log(CRIME) ~ INC + HOVAL", columbus, w)
    pd.testing.assert_series_equal(dot.params, named.params)
    assert dot._design.formula == "log(CRIME) ~ (`INC` + `HOVAL` + `CP`) - CP"
    assert list(sp.slx("CRIME ~ .", columbus, w, durbin=["INC"]).params.index) == [
        "Intercept", "INC", "HOVAL", "CP", "W:INC"]  # fmt: skip
    data, W = panel_data(3)
    assert sp.ols("y ~ .", data.assign(t=data["t"]), W, **PANEL).params.index.tolist() == ["a", "b"]  # not id, not t
    with pytest.raises(SpatialInputError) as refused:
        sp.ols("CRIME ~ .", columbus[["CRIME", "name"]], w)
    assert refused.value.code == "E504"


# -- past and future -------------------------------------------------------------------------------------


def test_leads_are_lags_the_other_way():
    data, W = panel_data(5, T=6)
    lead = sp.slx("y ~ a + lead(b, 2)", data, W, **PANEL, durbin=["a"], effects="entity")
    later = data.assign(later=data.sort_values("t").groupby("id")["b"].shift(-2))
    named = sp.slx("y ~ a + later", later[later["t"] < 2004], W, **PANEL, durbin=["a"], effects="entity")
    np.testing.assert_allclose(lead.params, named.params, rtol=1e-9)
    assert lead.periods.tolist() == [2000, 2001, 2002, 2003]
    assert "lead() left out the last 2 periods" in str(lead)
    both = sp.ols("y ~ lag(a) + lead(b)", data, W, **PANEL, effects="none")
    assert both.periods.tolist() == [2001, 2002, 2003, 2004]


@pytest.mark.parametrize("term", ["lag(a)", "lag(a, 2)", "lead(b)", "log(lag(exp(a)))"])
@pytest.mark.parametrize("model", ["sdm", "sem", "ols"])
def test_gaps_lose_the_rows_that_have_no_other_period(model, term):
    """As the columns made by hand and cut down with missing='period'."""
    data, W = panel_data(6, N=10, T=7)
    gaps = data.drop(index=[13, 14, 41, 66])
    fit = getattr(sp, model)(f"y ~ a + b + {term}", gaps, W, **PANEL, effects="entity", missing="period")
    whole = gaps.set_index(["id", "t"]).unstack().stack(future_stack=True).sort_index()
    name, periods = ("b", -1) if term.startswith("lead") else ("a", 2 if "2" in term else 1)
    moved = whole.groupby("id")[name].shift(periods)
    kept = whole["y"].notna() & moved.notna()
    by_hand = whole.assign(moved=moved)[kept].reset_index()
    other = getattr(sp, model)("y ~ a + b + moved", by_hand, W, **PANEL, effects="entity", missing="period")
    np.testing.assert_allclose(fit.params, other.params, rtol=1e-7)
    np.testing.assert_allclose(fit.std_errors, other.std_errors, rtol=1e-6)
    assert fit.nobs == int(kept.sum())
    assert "absent from the other period" in str(fit)


@pytest.mark.parametrize(("term", "plain"), [("scale(a)", "a"), ("center(a)", "a"), ("poly(a, 2)", "a + I(a**2)"),
                                             ("ns(a, 3)", None), ("bs(a, 3)", "a + I(a**2) + I(a**3)")])  # fmt: skip
def test_terms_of_the_sample_with_gaps(term, plain):
    data, W = panel_data(6, N=10, T=5)
    gaps = data.drop(index=[13, 14, 41])
    fit = sp.sar(f"y ~ b + {term}", gaps, W, **PANEL, effects="entity", missing="period")
    if plain is not None:
        other = sp.sar(f"y ~ b + {plain}", gaps, W, **PANEL, effects="entity", missing="period")
        assert fit.loglik == pytest.approx(other.loglik, abs=1e-6)
    if term == "scale(a)":
        assert fit.params["scale(a)"] == pytest.approx(other.params["a"] * gaps["a"].std(), rel=1e-6)
    assert np.isfinite(fit.std_errors).all()


# -- refused ---------------------------------------------------------------------------------------------

REFUSED = {
    "y ~ C(g, 'b')": "E503", "y ~ C(g, Treatment(b))": "E503", "y ~ C(g, Treatment('b', 'c'))": "E503",
    "y ~ C(g, Treatment('nowhere'))": "E502", "y ~ i(g, reference=x)": "E503", "y ~ i(g, x, z)": "E503",
    "y ~ i(g, ref='nowhere')": "E502", "y ~ C(g, Sum)": "E503", "y ~ log(i(g))": "E503", "y ~ C(g, w='b')": "E503",
    "y ~ bs(x)": "E503", "y ~ bs(x, 2)": "E503", "y ~ bs(x, 99)": "E503", "y ~ ns(x, 0)": "E503",
    "y ~ ns(x, z)": "E503",
    "y ~ log(ns(x, 3))": "E503", "y ~ bs(k, 3)": "E204", "y ~ I(x > 1 > z)": "E503", "y ~ I(x is z)": "E504",
    "y ~ lead(x)": "E501", "y ~ x . z": "E504", ". ~ x": "E504", "y ~ I(g == 'b')": "E503",
}  # fmt: skip


@pytest.mark.parametrize("formula", REFUSED)
def test_refused(formula):
    data = TABLE.set_index(pd.Index([f"u{i}" for i in range(40)], name="id"))
    W = pd.DataFrame(np.eye(40, k=1) + np.eye(40, k=-1), data.index, data.index)
    with pytest.raises(SpatialInputError) as caught:
        sp.ols(formula, data, W)
    assert caught.value.code == REFUSED[formula], caught.value
    assert caught.value.hint


def test_text_of_terms_reads_back():
    columns = ("y", "g", "t", "x", "国 g")
    quoted = "C(`国 g`, Treatment(\"a'b\"))"
    for text in ("C(g, Treatment('b'))", "i(t, ref=2001)", "i(t, ref=-1):x", quoted, "bs(x, 4)"):
        _, first = read_formula(f"y ~ 0 + {text}", columns).right[0]
        again = read_formula("y ~ 0 + " + ":".join(f.text for f in first), columns).right[0][1]
        assert [f.text for f in again] == [f.text for f in first]
        assert [f.base for f in again] == [f.base for f in first]
