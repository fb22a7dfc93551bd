"""Results on maps: as figures, as web pages, and small in a notebook."""

import re
import sys

import numpy as np
import pandas as pd
import pytest

import shapefiles
import spatial as sp
import weights as wt
from spatial.plot import units
from spillover.errors import SpatialInputError

NAMES = ("fit", "effects", "received", "what_if", "moran", "rates", "lisa")


@pytest.fixture(scope="module")
def columbus():
    return shapefiles.load("columbus")


@pytest.fixture(scope="module")
def w(columbus):
    return wt.queen(columbus).standardize("row")


@pytest.fixture(scope="module")
def results(columbus, w):
    """Everything that has a value for each unit, how it is asked, and what it should be."""
    fit = sp.sdm("CRIME ~ INC + HOVAL", columbus, w)
    effects, lisa = fit.effects(method="delta"), sp.local_moran("CRIME", w, data=columbus, permutations=99)
    what_if, moran = sp.what_if(fit, "INC", change=1), sp.moran("CRIME", w, data=columbus, permutations=9)
    rates = sp.smoothed_rates(np.arange(49.0), np.arange(49.0) + 100)
    of_inc = effects.by_unit("INC")
    return {
        "fit": (fit, {}, fit.resid), "effects": (effects, {"variable": "INC"}, of_inc["emitted"]),
        "received": (effects, {"variable": "INC", "column": "received"}, of_inc["received"]),
        "what_if": (what_if, {}, what_if.table["estimate"]), "moran": (moran, {"column": "lag"}, moran.lag),
        "rates": (rates, {}, rates.frame["smoothed"]), "lisa": (lisa, {}, lisa.frame["cluster"]),
    }  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_values_of_units_are_those_of_the_result(name, results):
    result, options, want = results[name]
    got = units.values_of(result, **options)
    assert len(got) == 49
    if name == "lisa":
        assert got.tolist() == want.tolist()
    else:
        np.testing.assert_allclose(got, want)


@pytest.mark.parametrize("name", sorted({*NAMES} - {"rates"}))
def test_a_map_is_drawn_of_whatever_has_units(name, results, columbus):
    """In any order of the map; a map that lacks a unit is refused."""
    result, options, _ = results[name]
    options = {} if name == "what_if" else options
    ax = result.plot(columbus.sample(frac=1, random_state=1), **options)
    assert sum(len(collection.get_paths()) for collection in ax.collections) >= 49
    with pytest.raises(SpatialInputError) as caught:
        result.plot(columbus.iloc[1:], **options)
    assert caught.value.code == "E101"


def test_a_panel_shows_its_last_period():
    states, panel = shapefiles.load("us_states"), shapefiles.load_panel("us_states")
    fit = sp.sar("log(gsp) ~ unemp", panel, wt.queen(states).standardize("row"), entity="state", time="year")
    want = fit.resid[fit.resid.index.get_level_values("year") == 1986].droplevel("year")
    np.testing.assert_allclose(units.values_of(fit).reindex(want.index), want)
    assert units.shapes_of(fit) is None
    with pytest.raises(SpatialInputError, match="without shapes"):
        units.unit_map(fit)


def test_web_pages(results, columbus, w):
    """Every unit is in the page; no map is needed where the data were one."""
    pytest.importorskip("folium")
    fit, lisa, effects = results["fit"][0], results["lisa"][0], results["effects"][0]
    for page in (fit.explore(), fit.explore(columbus, column="fitted"), lisa.explore(), effects.explore("INC"),
                 effects.explore("HOVAL", columbus, column="own"), results["what_if"][0].explore(columbus)):
        assert len(set(re.findall(r'"POLYID": (\d+)', page.get_root().render()))) == 49
    assert "Low-Low" in lisa.explore(columbus).get_root().render()
    text = w.explore(columbus).get_root().render()
    assert len(set(re.findall(r'"link": "(\d+ - \d+)"', text))) == w.nnz // 2
    assert '"link"' not in w.explore(columbus, links=False).get_root().render()


def test_effects_are_explored_by_term(results, columbus):
    pytest.importorskip("folium")
    effects = results["effects"][0]
    for call, code, words in ((lambda: effects.explore(), "E501", "of which regressor"),
                              (lambda: effects.explore(map=columbus), "E501", "of which regressor"),
                              (lambda: effects.explore(columbus), "E501", "should be a term"),
                              (lambda: effects.explore("nothing", columbus), "E502", "'nothing'")):  # fmt: skip
        with pytest.raises(SpatialInputError, match=words) as caught:
            call()
        assert caught.value.code == code


def test_a_term_in_place_of_axes_is_answered_with_the_call_that_draws_it(results):
    effects = results["effects"][0]
    with pytest.raises(SpatialInputError, match="should be an Axes") as caught:
        effects.plot("INC")
    assert caught.value.hint == "plot(variables=['INC'])"
    labels = [label.get_text() for label in effects.plot(variables=["INC"]).get_yticklabels()]
    assert labels == ["INC"]


def test_a_map_has_shapes(results, columbus, w):
    pytest.importorskip("folium")
    table = pd.DataFrame(columbus.drop(columns="geometry"))
    for thing in ("INC", table):
        for call in (results["fit"][0].explore, results["lisa"][0].explore, w.explore):
            with pytest.raises(SpatialInputError, match="a map is a GeoDataFrame") as caught:
                call(thing)
            assert caught.value.code == "E501"


def test_what_has_no_units_says_so(columbus, w, results):
    comparison = sp.compare_weights({"queen": w}, model=sp.sar, formula="CRIME ~ INC", data=columbus)
    for call, words in ((lambda: units.values_of(comparison), "no value for every unit"),
                        (lambda: results["fit"][0].plot(columbus, column="nothing"), "is no value of the units"),
                        (lambda: results["effects"][0].plot(columbus), "which regressor")):
        with pytest.raises(SpatialInputError, match=words):
            call()


def test_without_folium(monkeypatch, results, columbus, w):
    monkeypatch.setitem(sys.modules, "folium", None)
    for call in (lambda: results["fit"][0].explore(), lambda: results["lisa"][0].explore(columbus),
                 lambda: w.explore(columbus)):
        with pytest.raises(SpatialInputError) as caught:
            call()
        assert (caught.value.code, "explore" in caught.value.hint) == ("E515", True)


def test_a_notebook_shows_a_table_and_a_small_map(results, columbus, w):
    html = results["lisa"][0]._repr_html_()
    assert html.count("<path") == 49
    assert html.count('fill="#ff0000"') == (results["lisa"][2] == "High-High").sum()
    assert "<table" in html
    assert "37 more rows" in html
    fit = results["fit"][0]
    assert f"{fit.params['INC']:.6g}" in fit._repr_html_()
    assert "<svg" in fit._repr_html_()
    plain = sp.sdm("CRIME ~ INC", columbus.drop(columns="geometry"), w)
    assert "<svg" not in plain._repr_html_()
    assert "<pre>" in plain._repr_html_()


def test_a_notebook_runs_nothing_that_a_name_says(columbus, w):
    hostile = columbus.rename(columns={"INC": "<script>alert(1)</script>"})
    html = sp.sar("CRIME ~ `<script>alert(1)</script>`", hostile, w)._repr_html_()
    assert "<script" not in html
    assert html.count("&lt;script&gt;") >= 2
