"""Layers for other programs: classes hold every value, names stay apart, nothing is written where it may not be."""

import itertools
import json

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import spatial as sp
from spatial.plot.geopackage import fill, write_layer
from spatial.plot.layer import analysed, write_response
from spatial.plot.qml import Class, Style, classed, qml
from spillover.errors import SpatialInputError

SIZES = st.floats(-1e6, 1e6, allow_nan=False).filter(lambda x: x == 0 or abs(x) > 1e-12)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # the machine may be busy
@given(st.lists(SIZES, min_size=1, max_size=40))
def test_every_value_is_in_a_class_of_its_sign(values):
    classes = classed(values)
    for before, after in itertools.pairwise(classes):
        assert before.high == after.low
    for value in values:
        inside = [c for c in classes if c.low <= value <= c.high]
        assert inside
        if value > 0:
            assert any(c.low >= 0 for c in inside)
    for each in classes:
        assert not each.low < 0 < each.high


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # the machine may be busy
@given(st.lists(SIZES, min_size=1, max_size=10), SIZES)
def test_a_value_beyond_all_others_has_a_class_of_its_own(values, special):
    classes = classed(values, special=(special, "here"))
    own = [c for c in classes if c.label == "here"]
    plain = classed(values)
    beyond = special > plain[-1].high or special < plain[0].low
    assert bool(own) == beyond
    assert not own or own[0].low <= special <= own[0].high


def test_the_legend_says_the_limits():
    assert [c.label for c in classed([5.0, 15, 25, 35, 45, 55])] == [
        "5 to 15", "15 to 25", "25 to 35", "35 to 45", "45 to 55"]  # fmt: skip
    assert [c.label for c in classed([-3.0, -2, -1])][-1] == "−1.4 to −1"
    assert [c.label for c in classed([0.0, np.nan])] == ["0, or no more than rounding"]


def test_markup_and_quotes_in_names_do_not_break_the_style():
    from xml.etree import ElementTree as ET

    style = Style("a & <b>", 'x"<y>', (Class("<1 & 2>", "#ff0000", "v"),), {'x"<y>': "人均 & <收入>"})
    root = ET.fromstring(qml(style).split("\n", 1)[1])
    assert root.find("renderer-v2").get("attr") == 'x"<y>'
    assert root.find("aliases/alias").get("name") == "人均 & <收入>"


@pytest.fixture(scope="module")
def fit(panel, queen):
    return sp.sdm("log(gsp) ~ log(pcap) + unemp", panel, queen, entity="state", time="year")


def test_analysed_variables_are_those_of_the_last_period(fit, panel):
    values = analysed(fit._design)
    last = panel[panel["year"] == 1986].set_index("state").loc[values.index]
    assert list(values) == ["gsp_1986", "pcap_1986", "unemp_1986"]
    for column in ("gsp", "pcap", "unemp"):
        np.testing.assert_array_equal(values[f"{column}_1986"], last[column])


def test_a_response_as_geojson_has_the_colors_of_the_style(tmp_path, states, fit):
    response = fit.effects().shock("IL", "unemp", 1)
    write_response(response, states.sample(frac=1, random_state=1), tmp_path / "r.geojson", unit="IL")
    features = json.loads((tmp_path / "r.geojson").read_text(encoding="utf-8"))["features"]
    back = pd.DataFrame([f["properties"] for f in features]).set_index("state")
    np.testing.assert_allclose(back.loc[response.index, "response"], response)
    assert back.loc["IL", "fill"] == "#4d4d4d"
    strongest = response.drop("IL").abs().idxmax()
    assert back.loc[strongest, "fill"] == "#a50f15"
    assert back["name"]["IL"] == "Illinois"


def test_what_if_and_effects_are_written_whole_or_not_at_all(tmp_path, states, fit):
    result = sp.what_if(fit, "unemp", change=1.0, units=["IL"])
    for save in (result.to_file, fit.effects().to_file):
        for map, path, code in ((states, "x.shp", "E501"), (states.drop("IL"), "x.gpkg", "E101")):
            with pytest.raises(SpatialInputError) as error:
                save(map, tmp_path / path)
            assert error.value.code == code
        assert not list(tmp_path.iterdir())
    result.to_file(states, tmp_path / "if.gpkg")
    back = gpd.read_file(tmp_path / "if.gpkg", layer="if").set_index("state")
    np.testing.assert_allclose(back.loc[result.table.index, "conf_high"], result.table["conf_high"])
    with pytest.raises(SpatialInputError, match="E603"):
        result.to_file(states, tmp_path / "if.gpkg")


def test_values_in_no_class_have_no_color(tmp_path):
    layer = gpd.GeoDataFrame({"id": ["a", "b"], "x": [1.0, np.nan]}, geometry=gpd.points_from_xy([0, 1], [0, 1]),
                             crs=4326)
    style = Style("x", "x", classed(layer["x"]))
    assert fill(layer, style)[1] is None
    write_layer(layer, tmp_path / "x.gpkg", [style])
    assert len(gpd.read_file(tmp_path / "x.gpkg", layer="x")) == 2
