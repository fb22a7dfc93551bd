"""One grammar: data first, a layer with its own attributes is data, and what every command understands."""

import json
import os
import re
import shlex
import subprocess
import sys

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from shapely.geometry import box

import shapefiles
import spatial as sp
import weights as wt

SLOW = ("demo", "study", "report", "qgis doctor")  # their examples run in tests of their own


def commands():
    """Every command with its help."""
    import typer

    from spillover.cli import _app

    group = typer.main.get_command(_app())
    for name, one in group.commands.items():
        inner = getattr(one, "commands", None)
        yield from [(f"{name} {k}", c) for k, c in inner.items()] if inner else [(name, one)]


LINE = re.compile(r"^\s*(spillover .+)$", re.MULTILINE)
EXAMPLES = [(name, line) for name, one in commands() for line in LINE.findall(one.epilog or "")]


def test_every_command_ends_its_help_with_two_examples(spillover, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    for name, _ in commands():
        lines = [line.strip() for line in spillover(*name.split(), "--help")[1].splitlines() if line.strip()]
        assert lines[-3:] == ["Examples:", *[line for n, line in EXAMPLES if n == name]]
    assert all(sum(n == name for n, _ in EXAMPLES) == 2 for name, _ in commands()), EXAMPLES


@pytest.fixture
def files(tmp_path, monkeypatch, states):
    """The files that the examples name."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))  # where a profile of QGIS would be
    w = wt.queen(states).standardize("row")
    for name in ("queen.parquet", "queen.gwt", "queen.csv"):
        w.save(name)
    wt.knn(states, 4).standardize("row").save("knn4.gwt")
    regions = gpd.GeoDataFrame({"code": ["01", "02", "03"]}, geometry=[box(i, 0, i + 1, 1) for i in range(3)], crs=3857)
    regions.to_file("regions.gpkg")
    regions.to_file("regions.shp")
    pd.DataFrame({"code": ["01", "02", "03"], "income": [1, 2, 3]}).to_csv("income.csv", index=False)
    pd.DataFrame({"code": ["1", "2"] * 2, "year": [2018, 2018, 2019, 2019], "y": [1, 2, 3, 4]}).to_csv("panel.csv")
    return tmp_path


@pytest.mark.parametrize("line", [line for name, line in EXAMPLES if name not in SLOW])
def test_examples_of_the_help_run(line, spillover, files):
    args = shlex.split(line)[1:]
    again = args[:2] in (["weights", "convert"], ["weights", "build"])
    status, out, err = spillover(*args, *["--overwrite"] * again)
    assert status == 0, err
    assert out or "-o" in args


def test_a_layer_with_its_own_attributes_is_data(spillover, tmp_path):
    columbus = shapefiles.load("columbus")
    path = tmp_path / "哥伦布 tracts.gpkg"
    columbus.reset_index().to_file(path)
    want = sp.moran("CRIME", wt.queen(columbus).standardize("row"), data=columbus)
    status, out, err = spillover("moran", path, "-c", "CRIME", "-w", "queen")
    assert status == 0, err
    assert f"{want.I:.6g}"[:7] in out
    target = tmp_path / "l.gpkg"
    status, _, err = spillover("lisa", path, "-c", "CRIME", "-w", "queen", "--id", "POLYID", "-o", target)
    assert status == 0, err
    assert len(gpd.read_file(target, layer=0)) == 49


@pytest.fixture
def shuffled(tmp_path):
    """A map and a table that share a column of ids 0 to 30, in different orders."""
    provinces = shapefiles.load("china_provinces").reset_index()
    order = np.random.default_rng(3).permutation(31)
    provinces["id"] = order
    provinces[["id", "geometry"]].to_file(tmp_path / "map.gpkg")
    x, y = provinces.geometry.centroid.x, provinces.geometry.centroid.y
    table = pd.DataFrame({"id": order, "gdp": x + y}).sort_values("id")
    table.to_csv(tmp_path / "table.csv", index=False)
    named = provinces.set_index("id")
    want = sp.moran("gdp", wt.queen(named).standardize("row"), data=table.set_index("id"))
    return tmp_path, want.I


def test_row_numbers_of_a_map_never_match_a_column(spillover, shuffled):
    """The column that both have is found and named; I is that of the matched units."""
    folder, want = shuffled
    status, out, err = spillover("moran", folder / "table.csv", "-c", "gdp", "-w", "queen", "-m", folder / "map.gpkg",
                                 "--json")  # fmt: skip
    assert status == 0, err
    result = json.loads(out)
    assert result["table"][0]["estimate"] == pytest.approx(want)
    assert result["notes"] == ["table column 'id' = map column 'id'"]


def test_a_map_without_a_shared_column_is_refused(spillover, shuffled):
    folder, _ = shuffled
    pd.read_csv(folder / "table.csv").rename(columns={"id": "region"}).to_csv(folder / "other.csv", index=False)
    call = ("moran", folder / "other.csv", "-c", "gdp", "-w", "queen", "-m", folder / "map.gpkg")
    status, _, err = spillover(*call)
    assert (status, "give --id id --entity region" in err) == (3, True)
    status, out, err = spillover(*call, "--id", "id", "--entity", "region")
    assert status == 0, err
    assert "'region'" in out


def test_codes_match_across_files(spillover, tmp_path):
    """Codes that lost their zeros, or became floats in a merge, find their units; and it is said."""
    regions = gpd.GeoDataFrame({"code": ["010", "020", "030", "040"]}, geometry=[box(i, 0, i + 1, 1) for i in range(4)],
                               crs=3857)  # fmt: skip
    regions.to_file(tmp_path / "m.gpkg")
    for codes, words in (([10, 20, 30, 40], "zero padding"), ([10.0, 20.0, 30.0, 40.0], "zero padding")):
        pd.DataFrame({"code": codes, "y": [1.0, 2, 4, 5]}).to_csv(tmp_path / "t.csv", index=False)
        status, out, err = spillover("moran", tmp_path / "t.csv", "-c", "y", "-w", "queen", "-m", tmp_path / "m.gpkg",
                                     "--id", "code")  # fmt: skip
        assert status == 0, err
        assert words in out


@pytest.mark.parametrize("table", ["panel.csv", "example:castle"])
def test_join_refuses_a_table_in_place_of_the_map(spillover, files, table):
    status, _, err = spillover("join", table, table)
    assert status == 3
    assert "E404" in err
    assert "is a table, not a map" in err


def test_join_counts_and_lists_what_has_no_partner(spillover, files):
    status, _, err = spillover("join", "panel.csv", "regions.gpkg", "--where", "year=2019")
    assert (status, "1 only in 'regions.gpkg'" in err) == (3, True)
    status, out, err = spillover("join", "panel.csv", "regions.gpkg", "--where", "year=2019", "--allow-unmatched",
                                 "-o", "joined.gpkg")  # fmt: skip
    assert status == 0, err
    assert "left out: 0 units of the table, 1 of the map" in out
    assert gpd.read_file("joined.gpkg").set_index("code")["y"].to_dict() == {"01": 3, "02": 4}


def test_flags_stand_anywhere_and_outputs_follow_their_suffix(spillover, tmp_path):
    call = ("fit", "example:columbus", "CRIME ~ INC", "--model", "sar", "-w", "queen")
    want = sp.sar("CRIME ~ INC", shapefiles.load("columbus"), wt.queen(shapefiles.load("columbus")).standardize("row"))
    for suffix, read in ((".csv", pd.read_csv), (".parquet", pd.read_parquet), (".xlsx", pd.read_excel),
                         (".json", pd.read_json)):  # fmt: skip
        status, _, err = spillover(*call, "-q", "-o", tmp_path / f"fit{suffix}")
        assert status == 0, err
        np.testing.assert_allclose(read(tmp_path / f"fit{suffix}")["estimate"], want.params, rtol=1e-9)
    for suffix in (".md", ".tex", ".html"):
        assert spillover(*call, "-o", tmp_path / f"fit{suffix}")[0] == 0
        assert "INC" in (tmp_path / f"fit{suffix}").read_text(encoding="utf8")
    status, out, _ = spillover(*call, "-o", "-")
    assert out.splitlines()[0].startswith("term,estimate")
    assert spillover("--version")[1].startswith("spillover ")
    assert spillover("-h")[0] == 0
    status, _, err = spillover(*call, "-o", tmp_path / "fit.doc")
    assert (status, "must end in" in err) == (2, True)


def test_a_reader_that_has_enough_is_no_failure():
    line = f"{shlex.quote(sys.executable)} -m spillover moran example:us_states -c unemp -w queen -o - | head -1"
    done = subprocess.run(["bash", "-o", "pipefail", "-c", line], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("weights,variable,year")


def test_a_terminal_without_the_characters_still_gets_the_numbers(tmp_path):
    pd.DataFrame({"产出": [1.0, 2, 4, 5], "码": list("abcd")}).to_csv(tmp_path / "t.csv", index=False)
    wt.from_dense(np.eye(4, k=1) + np.eye(4, k=-1), ids=list("abcd")).save(tmp_path / "w.parquet")
    line = ["moran", tmp_path / "t.csv", "-c", "产出", "-w", tmp_path / "w.parquet", "--entity", "码"]
    done = subprocess.run([sys.executable, "-m", "spillover", *map(str, line)], capture_output=True, timeout=120,
                          env={**os.environ, "PYTHONIOENCODING": "ascii"})  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert b"I = " in done.stdout


def test_arguments_that_the_locale_has_no_letters_for(tmp_path):
    """Columns, files and builders in Chinese under LC_ALL=C."""
    (tmp_path / "数据").mkdir()
    file = tmp_path / "数据" / "表.csv"
    pd.DataFrame({"产出": [1.0, 2, 4, 5], "码": list("甲乙丙丁")}).to_csv(file, index=False)
    wt.from_dense(np.eye(4, k=1) + np.eye(4, k=-1), ids=list("甲乙丙丁")).save(tmp_path / "邻.parquet")
    for column, status, words in (("产出", 0, "产出"), ("产值", 2, "产值")):
        line = ["moran", file, "-c", column, "-w", tmp_path / "邻.parquet", "--entity", "码"]
        done = subprocess.run([sys.executable, "-m", "spillover", *map(str, line)], capture_output=True, timeout=120,
                              env={**os.environ, "PYTHONUTF8": "0", "LC_ALL": "C"})  # fmt: skip
        assert done.returncode == status, done.stderr
        assert words in (done.stdout + done.stderr).decode("utf-8")


@pytest.mark.parametrize(("words", "message"), [
    (["weights", "queen", "map.shp"], "weights with one of build, info, convert, compare, plot"),
    (["fitt", "data.csv"], "with one of moran, lisa, hotspots"),
    (["fit"], "spillover fit --help"),
    (["fit", "a.csv", "y ~ x", "--modle", "sdm"], "spillover fit --help"),
])  # fmt: skip
def test_a_line_that_cannot_be_parsed_says_where_to_read_on(spillover, words, message):
    status, _, err = spillover(*words)
    assert status == 2
    assert message in err.splitlines()[-1]


@pytest.mark.parametrize("words", [[], ["weights"]])
def test_no_command_prints_the_help_and_no_error(spillover, words):
    status, out, err = spillover(*words)
    assert (status, err) == (2, "")
    assert "Commands" in out


def test_units_of_the_wrong_column_are_met_with_the_right_one(spillover, tmp_path):
    """The codes of the panel are not on the map; its names are."""
    cells = [box(i, 0, i + 1, 1) for i in range(4)]
    squares = gpd.GeoDataFrame({"name_zh": ["甘肃", "青海", "西藏", "四川"]}, geometry=cells, crs=3857)
    squares.to_file(tmp_path / "map.gpkg")
    panel = pd.DataFrame({"code": [62, 63, 54, 51] * 2, "unit": [*squares["name_zh"]] * 2, "year": [1] * 4 + [2] * 4,
                          "y": [1, 2, 4, 3, 5, 7, 6, 8]})  # fmt: skip
    panel.to_csv(tmp_path / "panel.csv", index=False)
    line = ["moran", tmp_path / "panel.csv", "-c", "y", "-w", "queen", "--map", tmp_path / "map.gpkg", "--panel"]
    status, _, err = spillover(*line, "code,year")
    assert status == 3
    assert "give --id name_zh --panel unit,year;" in err
    status, _, err = spillover(*line, "unit,year", "--id", "name_zh")
    assert status == 0, err


@pytest.mark.parametrize("line", [
    ["moran", "example:columbus", "-c", "CRIME", "-w", "queen", "--permutations", "9"],
    ["moran", "example:columbus", "-c", "CRIME", "-c", "INC", "-w", "queen", "--permutations", "9"],
    ["fit", "example:columbus", "CRIME ~ INC", "-w", "queen", "--model", "sar"],
])  # fmt: skip
def test_json_says_what_a_result_was_made_of(spillover, line):
    status, out, _ = spillover(*line, "--json")
    assert status == 0
    built = json.loads(out)["provenance"]
    columbus = shapefiles.load("columbus")
    w = wt.queen(columbus).standardize("row")
    assert built["weights"] == {"W": w.fingerprint}
    assert built["versions"]["numpy"] == np.__version__
    assert built["seed"] == (1 if line[0] == "moran" else None)
    if line.count("-c") == 1:
        assert built["data"] == sp.moran("CRIME", w, data=columbus, permutations=9).provenance.data
    status, out, _ = spillover("info", "example:columbus", "--json")
    assert json.loads(out)["provenance"] is None


@pytest.mark.parametrize("words", [["--help"], ["moran", "--help"], ["weights", "build", "--help"]])
def test_help_without_docstrings(words):
    """Python -OO drops them; the help is the same."""
    plain, bare = (subprocess.run([sys.executable, *flags, "-m", "spillover", *words], capture_output=True, text=True,
                                  timeout=120) for flags in ([], ["-OO"]))
    assert bare.returncode == 0, bare.stderr
    assert bare.stdout == plain.stdout
    assert "Moran" in bare.stdout or "weights" in bare.stdout
