"""The plugin in a real QGIS, through ``processing.run``: every algorithm, and what may go wrong."""

# ruff: noqa: E501  (cases read better whole)
import json
import os
import sys
import time
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest

import shapefiles
import spatial as sp
import weights as wt
from spillover.cli.qgis_profile import Profile

pytestmark = pytest.mark.qgis
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with blanks and Chinese in its name: a map, a panel, and the command."""
    folder = tmp_path_factory.mktemp("中 文 maps")
    states, panel = shapefiles.load("us_states"), shapefiles.load_panel("us_states")
    one = panel[panel["year"] == 1986].set_index("state")
    states.join(one.drop(columns=["region"], errors="ignore")).rename(columns={"unemp": "失业 率"}).reset_index().to_file(
        folder / "各 州.gpkg", layer="states")  # fmt: skip
    panel.assign(reform=(panel["state"].isin(["IL", "OH", "TX"]) & (panel["year"] >= 1980)).astype(int)).to_csv(
        folder / "面板.csv", index=False)  # fmt: skip
    command = folder / "run spillover"
    command.write_text(f'#!/bin/sh\nexec env PYTHONPATH="{ROOT}" "{sys.executable}" -m spillover "$@"\n')
    command.chmod(0o755)
    return folder


@pytest.fixture(scope="module")
def plugins(tmp_path_factory):
    """Where the plugin is installed."""
    profile = Profile(tmp_path_factory.mktemp("profile") / "default")
    profile.install()
    return profile.plugin.parent


@pytest.fixture(scope="module")
def toolbox(in_qgis, folder, plugins, tmp_path_factory):
    """Run algorithms: a list of (name, parameters), with layers by "@name"."""
    layers = {"states": {"path": f"{folder / '各 州.gpkg'}|layername=states"}, "panel": {"path": str(folder / "面板.csv")},
              "west": {"path": f"{folder / '各 州.gpkg'}|layername=states", "filter": "region = 'West'"},
              "memory": {"path": f"{folder / '各 州.gpkg'}|layername=states", "memory": True},
              "south": {"path": f"{folder / '各 州.gpkg'}|layername=states", "select": "region = 'South'"}}  # fmt: skip

    def run(runs, command=folder / "run spillover", **environment):
        file = tmp_path_factory.mktemp("cases") / "cases.json"
        runs = [run if isinstance(run, dict) else {"algorithm": run[0], "parameters": run[1]} for run in runs]
        cases = {"plugins": str(plugins), "command": command and str(command), "layers": layers, "runs": runs}
        file.write_text(json.dumps(cases), encoding="utf-8")
        return in_qgis("toolbox.py", file, **environment)

    return run


LISA = {"INPUT": "@states", "ID": "state", "FIELD": "失业 率", "WEIGHTS": 0, "PERMUTATIONS": 999, "OUTPUT": "TEMPORARY_OUTPUT"}
MODEL = {"INPUT": "@states", "ID": "state", "OUTCOME": "gsp", "REGRESSORS": ["emp", "失业 率"], "WEIGHTS": 2, "K": 4}
PANEL = {"INPUT": "@states", "ID": "state", "TABLE": "@panel", "ENTITY": "state", "TIME": "year", "WEIGHTS": 0}


def test_lisa_of_whole_filtered_selected_and_memory_layers(toolbox, folder):
    target = str(folder / "结果 lisa.gpkg")
    page = str(folder / "报告.html")
    runs = [("lisa", LISA | {"OUTPUT": target, "REPORT": page}), ("lisa", LISA | {"INPUT": "@west"}),
            {"algorithm": "lisa", "parameters": LISA | {"INPUT": "@memory"}, "load": True}, ("lisa", LISA | {"INPUT": "@south"}),
            ("hotspots", LISA | {"CORRECTION": 1})]  # fmt: skip
    whole, west, memory, south, hot = answers = toolbox(runs)["answers"]
    assert not [answer["error"] for answer in answers if "error" in answer]
    states, panel = shapefiles.load("us_states"), shapefiles.load_panel("us_states")
    one = panel[panel["year"] == 1986].set_index("state")["unemp"]
    lisa = sp.local_moran(one, wt.queen(states).standardize("row"), permutations=999)
    back = gpd.read_file(target, layer="结果 lisa").set_index("state")
    assert back["cluster"].to_dict() == lisa.frame["cluster"].astype(str).to_dict()
    np.testing.assert_allclose(back.loc[lisa.frame.index, "I"], lisa.frame["I"])
    assert "name" in back
    assert "失业 率" in back
    for answer, n in ((whole, 48), (west, 11), (memory, 48), (south, (states["region"] == "South").sum())):
        out = answer["results"]["OUTPUT"]
        assert (out["features"], out["renderer"]) == (n, "categorizedSymbol")
        assert answer["steps"]
    assert memory["results"]["OUTPUT"]["labels"] == whole["results"]["OUTPUT"]["labels"]
    assert "high, among high neighbors (4)" in whole["results"]["OUTPUT"]["labels"]
    assert any("hot spot" in label or "not significant" in label for label in hot["results"]["OUTPUT"]["labels"])
    assert memory["loaded"] == [["Local Moran (LISA): 失业 率", "categorizedSymbol"]]
    assert "Local Moran" in Path(page).read_text(encoding="utf-8")


def test_weights_and_moran(toolbox, folder):
    target = str(folder / "w.gal")
    runs = [("weights", {"INPUT": "@states", "ID": "state", "WEIGHTS": 0, "OUTPUT": target}),
            ("moran", {"INPUT": "@states", "ID": "state", "FIELDS": ["失业 率", "gsp"], "WEIGHTS": 6, "WEIGHTS_FILE": target,
                       "REPORT": str(folder / "moran.html")})]  # fmt: skip
    answers = toolbox(runs)["answers"]
    assert not [answer["error"] for answer in answers if "error" in answer]
    states = shapefiles.load("us_states")
    assert wt.load(target).nnz == wt.queen(states).nnz
    panel = shapefiles.load_panel("us_states")
    one = panel[panel["year"] == 1986].set_index("state")["unemp"]
    estimate = sp.moran(one, wt.queen(states).standardize("row")).estimate
    assert f"{estimate:.3f}" in (folder / "moran.html").read_text(encoding="utf-8")


def test_models_and_changes(toolbox, folder):
    html = str(folder / "panel.html")
    runs = [("regression", MODEL | {"OUTPUT": "TEMPORARY_OUTPUT"}),
            ("compare", MODEL | {"SEVERAL": "queen; knn:k=4"}),
            ("shock", MODEL | {"UNIT": "IL", "TERM": "失业 率", "OUTPUT": "TEMPORARY_OUTPUT"}),
            ("what_if", MODEL | {"TERM": "失业 率", "AMOUNT": 1, "WHERE": "IL; OH", "OUTPUT": "TEMPORARY_OUTPUT"}),
            ("panel", PANEL | {"OUTCOME": "gsp", "REGRESSORS": ["emp", "unemp"], "OUTPUT": "TEMPORARY_OUTPUT",
                               "REPORT": html}),
            ("did", PANEL | {"OUTCOME": "unemp", "REGRESSORS": [], "TREATMENT": "reform"})]  # fmt: skip
    answers = toolbox(runs)["answers"]
    assert not [answer["error"] for answer in answers if "error" in answer]
    regression, _, shock, what_if, panel, _ = answers
    assert regression["results"]["OUTPUT"]["renderer"] == "graduatedSymbol"
    assert "IL, the unit of the shock" in shock["results"]["OUTPUT"]["labels"]
    assert what_if["results"]["OUTPUT"]["features"] == 48
    assert panel["results"]["OUTPUT"]["features"] == 48
    table, states = shapefiles.load_panel("us_states"), shapefiles.load("us_states")
    fit = sp.sdm("gsp ~ emp + unemp", table, wt.queen(states).standardize("row"), entity="state", time="year")
    indirect = fit.effects().tidy().query("effect == 'indirect' and term == 'emp'")["estimate"].iloc[0]
    assert f"{indirect:.5g}" in Path(html).read_text(encoding="utf-8")


def test_what_goes_wrong_is_said_with_the_next_step(toolbox, folder):
    runs = [("lisa", LISA | {"FIELD": "没有"}), ("lisa", LISA | {"OUTPUT": str(folder / "x.shp")}),
            ("lisa", LISA | {"WEIGHTS": 3}), ("lisa", LISA | {"FIELD": "name"}),
            ("shock", MODEL | {"UNIT": "ZZ", "OUTPUT": "TEMPORARY_OUTPUT"})]  # fmt: skip
    field, suffix, distance, text, unit = (answer["error"] for answer in toolbox(runs)["answers"])
    assert "没有" in field
    assert "its fields are" in field
    assert ".gpkg" in suffix
    assert "distance" in distance
    assert "E2" in text
    assert "next:" in text
    assert "ZZ" in unit
    assert not list(folder.glob("x.*"))


def test_a_missing_command_says_how_to_get_it(toolbox, plugins, folder):
    installed = plugins / "spillover_processing" / "command.json"
    before = installed.read_text()
    installed.write_text(json.dumps({"command": [str(folder / "not there")]}))
    try:
        error = toolbox([("lisa", LISA)], command=None)["answers"][0]["error"]
    finally:
        installed.write_text(before)
    assert "not there" in error
    assert "spillover qgis install" in error


def test_a_cancelled_run_ends_its_child_and_writes_nothing(toolbox, folder):
    marker = folder / "pid"
    slow = folder / "slow"
    slow.write_text(f'#!/bin/sh\necho $$ > "{marker}"\n(sleep 60; echo late > "{folder / "late"}") &\n'
                    'echo \'{"step": "waiting", "done": 1, "total": 4}\' >&2\nwait\n')  # fmt: skip
    slow.chmod(0o755)
    target = folder / "cancelled.gpkg"
    begun = time.monotonic()
    case = {"algorithm": "lisa", "parameters": LISA | {"OUTPUT": str(target)}, "cancel": True}
    answer = toolbox([case], command=slow)["answers"][0]
    assert "Cancelled" in answer["error"]
    assert answer["steps"] == [[25.0, "waiting"]]
    assert answer["ended_after"] < 8
    assert time.monotonic() - begun < 60
    assert not target.exists()
    with pytest.raises(ProcessLookupError):
        os.kill(int(marker.read_text()), 0)


def test_a_cancelled_run_of_the_real_command_leaves_nothing(toolbox, folder):
    target = folder / "gone.gpkg"
    case = {"algorithm": "lisa", "parameters": LISA | {"PERMUTATIONS": 5_000_000, "OUTPUT": str(target)}, "cancel": True}
    answer = toolbox([case])["answers"][0]
    assert "Cancelled" in answer["error"]
    assert answer["ended_after"] < 8
    assert not list(folder.glob("*gone*"))


def test_variables_of_qgis_do_not_reach_the_command(toolbox, folder):
    spy = folder / "spy"
    spy.write_text(f'#!/bin/sh\nenv > "{folder / "env"}"\nexec "{folder / "run spillover"}" "$@"\n')
    spy.chmod(0o755)
    broken = {"PYTHONHOME_": "x", "GDAL_DATA": "/nowhere", "PROJ_LIB": "/nowhere", "PYTHONPATH": "/usr/share/qgis/python"}
    answer = toolbox([("lisa", LISA)], command=spy, **broken)["answers"][0]
    assert "error" not in answer
    seen = {line.partition("=")[0] for line in (folder / "env").read_text().splitlines()}
    assert not [name for name in seen if name.startswith(("GDAL_", "PROJ_", "QT_", "LD_LIBRARY")) or name == "PYTHONPATH"]


def test_every_algorithm_and_parameter_has_help(toolbox):
    algorithms = toolbox([])["algorithms"]
    assert set(algorithms) == {"weights", "moran", "lisa", "hotspots", "regression", "panel", "did", "shock", "what_if",
                               "compare"}  # fmt: skip
    for name, algorithm in algorithms.items():
        assert algorithm["help"], name
        for parameter, help in algorithm["parameters"].items():
            assert help, (name, parameter)


def test_moran_by_period_of_a_layer(toolbox, folder):
    states, panel = shapefiles.load("us_states"), shapefiles.load_panel("us_states")
    some = panel[panel["year"].isin([1985, 1986])][["state", "year", "unemp"]]
    gpd.GeoDataFrame(some.merge(states[["geometry"]].reset_index(), on="state"), crs=states.crs).to_file(folder / "long.gpkg")
    runs = [("moran", {"INPUT": str(folder / "long.gpkg"), "ID": "state", "FIELDS": ["unemp"], "TIME": "year", "WEIGHTS": 0,
                       "REPORT": str(folder / "by.html")})]  # fmt: skip
    answer = toolbox(runs)["answers"][0]
    assert "error" not in answer, answer["error"]
    w = wt.queen(states).standardize("row")
    expected = sp.moran_by(some, ["unemp"], w, time="year", entity="state").to_frame()["I"]
    text = (folder / "by.html").read_text(encoding="utf-8")
    for value in expected:
        assert f"{value:.5g}" in text
    assert pd.notna(expected).all()
