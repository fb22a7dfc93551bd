"""Layers open colored in QGIS: the default style loads, its classes are as meant, and each unit has its color."""

import pytest

import spatial as sp
from spatial.plot.classes_of_units import COLOURS
from spatial.plot.geopackage import fill
from spatial.plot.layer import CLUSTERS, analysed, responses, write_response
from spatial.plot.qml import SHOCKED

pytestmark = pytest.mark.qgis


@pytest.fixture(scope="module")
def fit(panel, queen):
    return sp.sdm("log(gsp) ~ log(pcap) + log(emp) + unemp", panel, queen, entity="state", time="year")


@pytest.mark.parametrize("statistic", [sp.local_moran, sp.local_g])
@pytest.mark.parametrize("shape", ["Polygon", "Point"])
def test_clusters(in_qgis, tmp_path, states, panel, queen, statistic, shape):
    one = panel[panel["year"] == 1986].set_index("state")
    map = states if shape == "Polygon" else states.set_geometry(states.to_crs(5070).centroid.to_crs(states.crs))
    result = statistic("unemp", queen, data=one)
    path = tmp_path / "各 省 lisa.gpkg"
    result.to_file(map, path)
    shown = in_qgis("look.py", path, path.stem, tmp_path / "map.png")
    assert shown["loaded"], shown["message"]
    assert (shown["renderer"], shown["column"]) == ("categorizedSymbol", "cluster")
    counts = result.frame["cluster"].value_counts()
    words = [f"{CLUSTERS[name]} ({counts[name]})" for name in result.classes if counts.get(name)]
    assert shown["labels"][:len(words)] == words
    assert shown["drawn"] == {unit: COLOURS[name] for unit, name in result.frame["cluster"].items()}
    assert set(shown["colors"]) <= set(shown["seen"])
    assert shown["aliases"]["p_sim"] == "p from permutations"
    assert "name" in shown["tip"]


def test_a_shock(in_qgis, tmp_path, states, fit):
    response = fit.effects().shock("IL", "unemp", 1)
    path = tmp_path / "shock.gpkg"
    write_response(response, states, path, unit="IL", values=analysed(fit._design), label="Response of output")
    shown = in_qgis("look.py", path, "shock", tmp_path / "map.png")
    assert shown["loaded"]
    assert (shown["renderer"], shown["column"]) == ("graduatedSymbol", "response")
    assert "IL, the unit of the shock" in shown["labels"]
    layer = states.loc[response.index].assign(response=response)
    style = responses(layer.reset_index(), "response", unit="IL", at=response.index, label="Response of output")
    assert shown["drawn"] == dict(zip(response.index, fill(layer, style), strict=True))
    assert shown["drawn"]["IL"] == SHOCKED
    assert set(shown["colors"]) <= set(shown["seen"])


def test_effects_of_units_and_a_what_if(in_qgis, tmp_path, states, fit):
    effects = fit.effects()
    effects.to_file(states, tmp_path / "effects.gpkg")
    shown = in_qgis("look.py", tmp_path / "effects.gpkg", "effects", tmp_path / "map.png")
    assert shown["loaded"]
    assert shown["renderer"] == "graduatedSymbol"
    assert len(shown["styles"]) == 9  # three of each regressor
    assert shown["column"] == "log_pcap_emitted"
    assert None not in shown["drawn"].values()
    sp.what_if(fit, "log(pcap)", percent=10, units=["IL", "CA"]).to_file(states, tmp_path / "if.gpkg")
    shown = in_qgis("look.py", tmp_path / "if.gpkg", "if", tmp_path / "map.png")
    assert shown["loaded"]
    assert shown["column"] == "percent"
    assert None not in shown["drawn"].values()
    assert shown["drawn"]["CA"] == shown["colors"][-1]


def test_a_study(in_qgis, tmp_path):
    from spillover.cli import _app

    target = tmp_path / "研究 demo"
    _app()(["demo", "-o", str(target)], standalone_mode=False)
    shown = in_qgis("look.py", target / "spillovers.gpkg", "spillovers", tmp_path / "map.png")
    assert shown["loaded"]
    assert shown["renderer"] == "graduatedSymbol"
    assert shown["column"] == "shock_response"
    assert "unemployment" in shown["styles"][0]
    assert "Illinois (IL), the unit of the shock" in shown["labels"]
    assert "public capital: what a rise in a unit does to all others" in shown["styles"]
