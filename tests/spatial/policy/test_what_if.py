"""What-ifs: the shock of the effects' engine, targets by hand, groups that add up, bad input."""

import numpy as np
import pandas as pd
import pytest

import shapefiles
import spatial as sp
from spatial.records.schema import SCHEMA
from spillover.errors import SpatialInputError, SpatialInputWarning

FORMULA = "log(gsp) ~ log(pc) + log(emp) + unemp"
KEYS = {"entity": "state", "time": "year"}


@pytest.fixture(scope="module")
def data(panel, states):
    return panel.merge(states["region"].reset_index(), on="state").sample(frac=1, random_state=1)


@pytest.fixture(scope="module")
def fit(data, queen):
    return sp.sdm(FORMULA, data, queen, **KEYS)


def test_one_unit_is_the_shock_and_all_units_the_total_effect(fit, data, queen):
    for model in (fit, sp.slx(FORMULA, data, queen, **KEYS), sp.sar(FORMULA, data, queen, **KEYS)):
        effects = model.effects()
        one = sp.what_if(model, "unemp", change=2.0, units=["IL"])
        pd.testing.assert_series_equal(one.table["estimate"], effects.shock("IL", "unemp", 2.0), check_names=False)
        everywhere = sp.what_if(model, "unemp", change=1.0).by_group("region").loc["all"]
        wanted = effects.tidy().query("effect == 'total' and term == 'unemp'").iloc[0]
        for name in SCHEMA[1:]:
            assert everywhere[name] == pytest.approx(wanted[name], rel=1e-6)


def test_changes_and_percentages_by_hand(fit, data):
    x = data.query("year == 1986").set_index("state")["pc"].pipe(np.log).reindex(fit._design.ids)
    half = sp.what_if(fit, "log(pc)", to="mean", share=0.5, units={"region": ["West", "South"]})
    there = data.drop_duplicates("state").set_index("state")["region"].reindex(x.index).isin(["West", "South"])
    np.testing.assert_allclose(half.table["change"], 0.5 * (x.mean() - x).clip(lower=0) * there)
    ten = sp.what_if(fit, "log(pc)", percent=10, period=1970)
    np.testing.assert_allclose(ten.table["change"], np.log(1.1))
    np.testing.assert_allclose(ten.response, 100 * (np.exp(ten.table["estimate"]) - 1))
    assert (ten.table["percent_low"] < ten.table["percent"]).all()


def test_groups_add_up(fit, data):
    west = sp.what_if(fit, "log(pc)", percent=10, units={"region": "West"})
    table = west.by_group("region")
    parts = table.drop("all")
    assert parts["share"].sum() == pytest.approx(1)
    assert (parts["units"] * parts["estimate"]).sum() == pytest.approx(48 * table.loc["all", "estimate"])
    by_series = west.by_group(data.drop_duplicates("state").set_index("state")["region"])
    pd.testing.assert_frame_equal(by_series, table)
    blocks = fit.effects().by_group(data.drop_duplicates("state").set_index("state")["region"], "log(pc)")
    np.testing.assert_allclose(parts["estimate"], blocks["West"] * np.log(1.1))
    assert "11 of 48 units as of 1986" in str(west)
    assert list(west.tidy().columns[:7]) == SCHEMA


@pytest.mark.parametrize(("options", "code"), [
    ({"change": 1, "percent": 2}, "E501"), ({}, "E501"), ({"percent": 5, "variable": "unemp"}, "E535"),
    ({"to": -50.0}, "E535"), ({"to": "min"}, "E501"), ({"change": 1, "units": ["ZZ"]}, "E101"),
    ({"to": "mean", "share": 3}, "E501"), ({"change": 1, "share": 0.5}, "E501"),
    ({"change": 1, "units": {"region": "Süd"}}, "E501"), ({"change": 1, "units": {"unemp": 1}}, "E236"),
    ({"change": 1, "period": 2020}, "E501"), ({"change": 1, "variable": "gsp"}, "E502"),
    ({"change": 0}, "E535"), ({"change": "x"}, "E501"), ({"change": np.nan}, "E501"), ({"to": [1]}, "E501"),
    ({"percent": "5 %"}, "E501"), ({"to": "mean", "share": "half"}, "E501"),
])  # fmt: skip
def test_what_cannot_be_asked(fit, options, code):
    with pytest.raises(SpatialInputError) as caught:
        sp.what_if(fit, **{"variable": "log(pc)", **options})
    assert caught.value.code == code


def test_models_that_cannot_answer(data, queen):
    square = sp.sdm("log(gsp) ~ log(pc) + unemp + I(unemp**2)", data, queen, **KEYS)
    with pytest.raises(SpatialInputError, match="is not all of its variable") as caught:
        sp.what_if(square, "unemp", change=1)
    assert caught.value.code == "E536"
    with pytest.warns(SpatialInputWarning):
        dynamic = sp.sdm("log(gsp) ~ lag(log(gsp)) + unemp", data, queen, **KEYS)
    with pytest.raises(SpatialInputError) as caught:
        sp.what_if(dynamic, "unemp", change=1)
    assert caught.value.code == "E537"


def test_units_absent_from_the_period_neither_change_nor_respond(data, queen):
    gone = data[(data["state"] != "TX") | (data["year"] != 1986)]
    fit = sp.sdm(FORMULA, gone, queen, missing="period", **KEYS)
    result = sp.what_if(fit, "unemp", to="mean", period=1986)
    assert "TX" not in result.table.index
    assert len(result.table) == 47
    x = gone.query("year == 1986").set_index("state")["unemp"].reindex(result.table.index)
    np.testing.assert_allclose(result.table["change"], (x.mean() - x).clip(lower=0))
    response = fit.effects().matrix("unemp", period=1986).loc[result.table.index, result.table.index]
    np.testing.assert_allclose(result.table["estimate"], response @ result.table["change"], atol=1e-12)
    assert result.by_group("region")["units"].to_dict()["South"] == 15
    assert len(sp.what_if(fit, "unemp", change=1.0, period=1985).table) == 48


def test_figure(fit, states):
    result = sp.what_if(fit, "log(pc)", percent=10, units={"region": "West"})
    ax = sp.plot.what_if(states, result)
    assert "outlined: changed" in ax.texts[-1].get_text()
    everywhere = sp.plot.what_if(states, sp.what_if(fit, "log(pc)", percent=10))
    assert "outlined" not in everywhere.texts[-1].get_text()
    shapes = shapefiles.load("us_states").drop("IL")
    with pytest.raises(SpatialInputError) as caught:
        sp.plot.what_if(shapes, result)
    assert caught.value.code == "E101"
