"""Doors that once stayed shut for people who come from a GIS: each with the words that open it."""

import json
import os
import shlex
import subprocess
import sys
import time
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from shapely.geometry import box

import shapefiles
import spatial as sp
import weights as wt

US = "example:us_states"


@pytest.mark.parametrize("codes", [["110000", "120000", "011", "210000"], ["01", "02", "03", "04"]])
@pytest.mark.parametrize("suffix", [".csv", ".xlsx", ".json"])
def test_digit_codes_meet_the_ids_of_weights(codes, suffix, spillover, tmp_path):
    """Also after a merge in pandas made them 110000.0, and without being told which column they are."""
    w = wt.from_dense(np.eye(4, k=1) + np.eye(4, k=-1), ids=codes)
    w.save(tmp_path / "w.gal")
    want = sp.moran(pd.Series([1.5, 2.5, 4.5, 5.5], codes), w.standardize("row")).I
    for column in (codes, [float(code) for code in codes], [int(code) for code in codes]):
        table = pd.DataFrame({"y": [1.5, 2.5, 4.5, 5.5], "code": column})
        {".csv": lambda t, p: t.to_csv(p, index=False), ".xlsx": lambda t, p: t.to_excel(p, index=False),
         ".json": lambda t, p: t.to_json(p, orient="records")}[suffix](table, tmp_path / f"t{suffix}")  # fmt: skip
        status, out, err = spillover("moran", tmp_path / f"t{suffix}", "-c", "y", "-w", tmp_path / "w.gal", "--json")
        assert status == 0, err
        assert json.loads(out)["notes"] == ["units are in column 'code'"]
        assert json.loads(out)["table"][0]["estimate"] == pytest.approx(want)


@pytest.mark.parametrize("verb", [
    ("effects", "-o", "x.gpkg"), ("effects", "--shock", "OH:unemp:1", "-o", "x.gpkg"), ("fit", "-o", "x.geojson"),
    ("shock", "-s", "OH:unemp:1", "-o", "x.parquet"),
    ("what-if", "--term", "unemp", "--change", "1", "-o", "x.geojson"),
])  # fmt: skip
def test_models_write_layers(verb, spillover, tmp_path):
    status, _, err = spillover(verb[0], US, "log(gsp) ~ unemp", "-w", "queen", *verb[1:-1], tmp_path / verb[-1])
    assert status == 0, err
    path = tmp_path / verb[-1]
    layer = gpd.read_parquet(path) if path.suffix == ".parquet" else gpd.read_file(path, layer=0)
    panel, w = shapefiles.load_panel("us_states"), wt.queen(shapefiles.load("us_states")).standardize("row")
    fit = sp.sdm("log(gsp) ~ unemp", panel, w, entity="state", time="year")
    effects = fit.effects(method="delta")
    column, want = {
        "fit": ("residual", fit.resid), "shock": ("response", effects.shock("OH", "unemp", 1.0)),
        "effects": ("unemp_emitted", effects.by_unit("unemp")["emitted"]) if "--shock" not in verb else (
            "response", effects.shock("OH", "unemp", 1.0)),
        "what-if": ("estimate", sp.what_if(fit, "unemp", change=1).table["estimate"]),
    }[verb[0]]  # fmt: skip
    keys = ["state", "year"] if verb[0] == "fit" else "state"
    np.testing.assert_allclose(layer.set_index(keys)[column].reindex(want.index), want, rtol=1e-6, atol=1e-12)


@pytest.mark.parametrize("verb", ["moran", "lisa", "fit", "effects", "shock", "what-if", "diagnose", "table", "compare",
                                  "did", "join", "plot", "info", "doctor"])  # fmt: skip
def test_outputs_are_refused_before_the_data_are_read(verb, spillover, tmp_path):
    """The data are not even there: it is the output that is said to be wrong."""
    words = {"moran": ["-c", "y", "-w", "queen"], "lisa": ["-c", "y", "-w", "queen"], "plot": ["-c", "y"],
             "join": ["map.gpkg"], "doctor": [], "info": [], "did": ["y ~ x"],
             "shock": ["y ~ x", "-w", "queen", "-s", "a:x:1"],
             "what-if": ["y ~ x", "-w", "queen", "--term", "x"]}  # fmt: skip
    data = [] if verb == "doctor" else [tmp_path / "absent.csv"]
    line = [verb, *data, *words.get(verb, ["y ~ x", "-w", "queen"])]
    status, _, err = spillover(*line, "-o", tmp_path / "x.shp")
    assert (status, "must end in" in err) == (2, True), err
    (tmp_path / "there.csv").write_text("mine")
    status, _, err = spillover(*line, "-o", tmp_path / "there.csv")
    assert (status, err.startswith("E603"), "--overwrite" in err) == (3, True, True), err
    assert "overwrite=" not in err


def test_names_that_are_nearly_right(spillover, tmp_path):
    squares = gpd.GeoDataFrame({"code": list("abcd"), "name": list("wxyz"), "area": [1.0, 2, 3, 4]},
                               geometry=[box(i, 0, i + 1, 1) for i in range(4)], crs=3857)  # fmt: skip
    squares.to_file(tmp_path / "map.gpkg")
    status, _, err = spillover("moran", tmp_path / "map.gpkg", "-c", "area", "-w", "queen", "--id", "Code")
    assert status == 2
    assert "did you mean 'code'? Columns are code, name, area, geometry" in err
    status, _, err = spillover("moran", tmp_path / "map.gpkg", "-c", "Area", "-w", "queen")
    assert "did you mean 'area'?" in err
    (tmp_path / "panel_first.xlsx").write_text("")
    assert "panel_first" not in spillover("moran", tmp_path / "nonexist.shp", "-c", "y", "-w", "queen")[2]
    assert "did you mean 'map.gpkg'?" in spillover("moran", tmp_path / "maps.gpkg", "-c", "y", "-w", "queen")[2]
    assert "did you mean example:us_states?" in spillover("info", "example:us_state")[2]
    wt.lattice(2, 2).save(tmp_path / "queen.gal")
    status, _, err = spillover("weights", "info", tmp_path / "quen.gal")
    assert (status, "did you mean 'queen.gal'?" in err) == (3, True)


PYTHON = ("=True", "wt.", "sp.", "gdf", ".subset", "encoding=", "layer=", "entity=", "metric=")


@pytest.mark.parametrize("line", [
    f"fit {US} 'log(gsp) ~ unemp' -w queen --effects nothing", "fit example:columbus 'CRIME ~ INC' -w knn:k=4",
    "fit example:columbus 'CRIME ~ INC' -w queen --effects twoway", f"lisa {US} -c unemp -w queen",
    "did example:castle 'log(homicide) ~ nothing'", f"compare {US} 'log(gsp) ~ unemp' -M sar,sdn -w queen",
    "weights build queen example:columbus -o /proc/w.gal", "shock example:columbus 'CRIME ~ INC' -w queen -s 6:INK:1",
    "what-if example:columbus 'CRIME ~ INC' -w queen --term INC --percent 3",
])  # fmt: skip
def test_advice_is_in_the_words_of_the_shell(line, spillover):
    status, _, err = spillover(*shlex.split(line))
    assert status in (2, 3, 4)
    advice = err.partition("next:")[2]
    assert advice.strip()
    assert not any(words in advice.replace("metric=planar", "").replace(":metric=", "") for words in PYTHON), advice


def process(line, **options):
    command = f"{shlex.quote(sys.executable)} -m spillover {line}"
    words = ["bash", "-o", "pipefail", "-c", command]
    return subprocess.run(words, capture_output=True, text=True, timeout=120, **options)


def test_progress_is_lines_for_programs_and_nothing_on_a_pipe(spillover, tmp_path):
    n = 120
    cells = [box(i, j, i + 1, j + 1) for i in range(n) for j in range(n)]
    grid = gpd.GeoDataFrame({"y": np.random.default_rng(1).normal(size=n * n)}, geometry=cells, crs=3857)
    grid.to_parquet(tmp_path / "grid.parquet")
    line = ("lisa", tmp_path / "grid.parquet", "-c", "y", "-w", "queen", "--permutations", "9999",
            "-o", tmp_path / "l.csv")  # fmt: skip
    status, _, err = spillover(*line, "--progress", "json")
    assert status == 0, err
    steps = [json.loads(text) for text in err.splitlines() if text.startswith("{")]
    assert {step["step"] for step in steps} >= {"reading grid.parquet", "building queen", "permutations"}
    assert all({"step", "done", "total"} <= set(step) for step in steps)
    paced = [step for step in steps if step["step"] == "permutations" and 0 < step["done"] < step["total"]]
    assert paced == sorted(paced, key=lambda step: step["done"])
    assert all(step["seconds_left"] >= 0 for step in paced)
    for quiet in ((), ("--progress", "none"), ("-q", "--progress", "json")):
        status, _, err = spillover(*line, "--overwrite", *quiet)
        assert (status, [text for text in err.splitlines() if not text.startswith("warning")]) == (0, [])


def test_comparisons_and_placebos_report(spillover, tmp_path):
    call = ("compare", "example:columbus", "CRIME ~ INC", "-M", "sar", "-w", "queen", "-w", "rook",
            "--folder", tmp_path / "f", "--placebo", "19", "--progress", "json", "-o", "-")  # fmt: skip
    status, out, err = spillover(*call)
    assert status == 0, err
    steps = {json.loads(text)["step"] for text in err.splitlines() if text.startswith("{")}
    assert {"comparing", "placebos"} <= steps
    assert out.startswith("weights,")


def test_a_bar_on_a_terminal_that_follows_no_color(tmp_path):
    pty = pytest.importorskip("pty")
    code = ("import sys, time\nfrom spillover.cli._progress import shown\nfrom spillover import progress\n"
            "with shown('auto', False):\n    for _ in progress.over(range(20), 'waiting'):\n        time.sleep(.05)\n")
    seen = {}
    for color in ("", "1"):
        main, side = pty.openpty()
        env = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "90"} | ({"NO_COLOR": "1"} if color else {})
        child = subprocess.Popen([sys.executable, "-c", code], stderr=side, stdout=subprocess.DEVNULL, env=env)
        os.close(side)
        seen[color] = b""
        try:
            while part := os.read(main, 4096):
                seen[color] += part
        except OSError:  # the end of a terminal
            pass
        assert child.wait(timeout=60) == 0
        os.close(main)
    assert b"waiting" in seen[""]
    assert b"20" in seen["1"]
    assert b"\x1b[38;" in seen[""]
    assert b"\x1b[38;" not in seen["1"]


def test_readers_that_have_enough(tmp_path):
    for line in ("--help | head -1", f"info {US} | head -1", "lisa example:us_counties -c x -w queen --help | head -1",
                 "weights build lattice:rows=300,columns=300 -o - | head -2"):  # fmt: skip
        done = process(line)
        assert (done.returncode, done.stderr) == (0, ""), line
        assert done.stdout


def test_completion_of_a_shell():
    words = {"COMP_WORDS": "spillover wha", "COMP_CWORD": "1", "_SPILLOVER_COMPLETE": "complete_bash"}
    done = process("", env={**os.environ, **words})
    assert "what-if" in done.stdout.split(), done.stderr
    words |= {"COMP_WORDS": "spillover lisa --over", "COMP_CWORD": "2"}
    assert "--overwrite" in process("", env={**os.environ, **words}).stdout.split()


def test_figures_of_chinese_names_say_nothing_beside_the_result(tmp_path):
    """No words of the drawing library on stderr; with -q none at all."""
    table = pd.DataFrame({"码": list("abcd"), "收入": [1.0, 2, 4, 5]})
    cells = [box(i, 0, i + 1, 1) for i in range(4)]
    gpd.GeoDataFrame(table, geometry=cells, crs=3857).to_file(tmp_path / "m.gpkg")
    line = f"plot {tmp_path}/m.gpkg -c 收入 -w queen --kind scatter --id 码 -o {tmp_path}/m.png"
    done = process(line)
    assert done.returncode == 0, done.stderr
    assert "findfont" not in done.stderr
    assert process(line + " --overwrite -q").stderr == ""


def test_options_that_a_file_cannot_mean_are_refused(spillover, tmp_path):
    shapes = [box(i, 0, i + 1, 1) for i in range(4)]
    gpd.GeoDataFrame({"y": [1.0, 2, 4, 5]}, geometry=shapes, crs=3857).to_file(tmp_path / "m.shp")
    pd.DataFrame({"y": [1.0, 2]}).to_csv(tmp_path / "t.csv")
    for file, option in (("t.csv", "--sheet"), ("m.shp", "--sep"), ("m.shp", "--decimal"), ("t.csv", "--layer"),
                         ("m.shp", "--layer")):  # fmt: skip
        status, _, err = spillover("info", tmp_path / file, option, ",")
        assert status in (2, 3)
        assert option in err
    assert spillover("info", tmp_path / "m.shp", "--layer", "m")[0] == 0
    status, _, err = spillover("moran", tmp_path / "t.csv", tmp_path / "m.shp", "-c", "y", "-w", "queen")
    assert (status, "--map FILE" in err) == (2, True)
    status, _, err = spillover("moran", "example:columbus", "-c", "CRIME", "-w", "inverse_distance:cutof=3")
    assert (status, "did you mean cutoff?" in err, "***" in err) == (2, True, False)


def test_a_study_has_clusters(spillover, tmp_path):
    (tmp_path / "s.toml").write_text(
        'title = "t"\nformula = "log(gsp) ~ unemp"\n[data]\nmap = "example:us_states"\npanel = "example:us_states"\n'
        'unit = "state"\nperiod = "year"\n[weights]\nqueen = "queen"\n'
        '[steps.lisa]\ncolumns = ["unemp"]\nperiod = 1986\n')
    status, _, err = spillover("study", tmp_path / "s.toml", "-o", tmp_path / "out")
    assert status == 0, err
    panel, states = shapefiles.load_panel("us_states"), shapefiles.load("us_states")
    last = panel[panel["year"] == 1986].set_index("state")
    clusters = sp.local_moran("unemp", wt.queen(states).standardize("row"), data=last).to_frame()["cluster"].astype(str)
    table = pd.read_csv(tmp_path / "out" / "lisa.csv")
    assert table.set_index("state")["cluster"].to_dict() == clusters[clusters != "Not significant"].to_dict()
    layer = gpd.read_file(tmp_path / "out" / "spillovers.gpkg", layer="spillovers").set_index("state")
    assert layer["unemp_cluster"].to_dict() == clusters.to_dict()
    assert Path(tmp_path / "out" / "lisa_unemp.png").exists()
    assert "Where are the clusters?" in (tmp_path / "out" / "report.html").read_text(encoding="utf-8")


def test_help_answers_at_once():
    """A loose bound for busy machines; benchmarks/startup.py has the figures."""
    best = min(_seconds() for _ in range(3))
    assert best < 3


def _seconds():
    before = time.perf_counter()
    assert process("--help").returncode == 0
    return time.perf_counter() - before
