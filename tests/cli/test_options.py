"""Every command has every option that can mean something for it; what is not offered stands here with its reason."""

import json

import pytest

from .test_grammar import EXAMPLES, commands

EVERYWHERE = ("--help", "-h", "--version", "--quiet", "-q", "--debug", "--progress", "--json")
FILES = ("--layer", "--sheet", "--encoding", "--sep", "--decimal", "--na", "--crs", "--sql", "--where")
OPTIONS = (*EVERYWHERE, *FILES, "--output", "-o", "--overwrite", "--seed", "--jobs")

NO_FILES = "it reads no table and no map"
OWN_FILES = "the study file says how its data are read"
WEIGHTS = "a file of weights has options of its own, as in w.csv:labels=true"
NOTHING_DRAWN = "nothing in it is drawn at random"
ONE_JOB = "it is one piece of work, whose compiled loops share the cores by themselves"
IN_FILE = "the study file says it"
NOT_OFFERED = {
    **{(name, option): why for name, why in {"doctor": NO_FILES, "demo": NO_FILES, "study": OWN_FILES,
                                                 "qgis install": NO_FILES, "qgis doctor": NO_FILES}.items()
       for option in FILES},
    **{(f"weights {name}", option): WEIGHTS for name in ("info", "convert", "compare") for option in FILES},
    **{("weights plot", option): "it draws on a map, of which no rows are chosen and no values are read"
       for option in ("--sheet", "--sep", "--decimal", "--na", "--sql", "--where")},
    **{(name, "--seed"): NOTHING_DRAWN for name in (
        "fit", "diagnose", "table", "did", "shock", "what-if", "slopes", "predictions", "forecast",
        "info", "join", "doctor", "weights build",
        "weights info", "weights convert", "weights compare", "weights plot", "qgis install", "qgis doctor")},
    ("study", "--seed"): IN_FILE, ("demo", "--seed"): IN_FILE,
    **{(name, "--jobs"): ONE_JOB for name, _ in commands() if name != "compare"},
    ("weights convert", "--output"): "its second argument is the output",
    ("weights convert", "-o"): "its second argument is the output",
}  # fmt: skip


def names_of(command):
    return {name for parameter in command.params for name in parameter.opts} | {"--help", "-h"}


@pytest.mark.parametrize(("name", "command"), commands(), ids=lambda value: value if isinstance(value, str) else "")
def test_every_option_is_offered_or_has_a_reason_not_to(name, command):
    missing = {option for option in OPTIONS if option not in names_of(command)}
    assert missing == {option for at, option in NOT_OFFERED if at == name}


@pytest.mark.parametrize("name", [name for name, _ in commands()])
def test_flags_are_understood_before_and_after_the_command(name, spillover):
    for words in ([*name.split(), "--version"], ["--version", *name.split()]):
        status, out, err = spillover(*words)
        assert (status, out.startswith("spillover "), err) == (0, True, "")
    for flag in ("-h", "--help"):
        status, out, _ = spillover(*name.split(), flag, "-q", "--debug", "--progress", "none")
        assert status == 0
        assert out.startswith(f"Usage: spillover {name} ")


def test_a_wrong_kind_of_progress_is_refused(spillover):
    status, _, err = spillover("doctor", "--progress", "loud")
    assert (status, "auto" in err) == (2, True)


KEYS = ["spillover", "result", "notes", "files", "table", "text", "provenance"]
CALLS = {
    "info": ["info", "example:columbus"], "doctor": ["doctor"],
    "moran": ["moran", "example:columbus", "-c", "CRIME", "-w", "queen"],
    "lisa": ["lisa", "example:columbus", "-c", "CRIME", "-w", "queen", "--permutations", "99"],
    "hotspots": ["hotspots", "example:columbus", "-c", "CRIME", "-w", "queen", "--permutations", "99"],
    "plot": ["plot", "example:columbus", "-c", "CRIME", "-o", "{tmp}/map.png"],
    "fit": ["fit", "example:columbus", "CRIME ~ INC", "-w", "queen", "--model", "sar"],
    "effects": ["effects", "example:columbus", "CRIME ~ INC", "-w", "queen"],
    "shock": ["shock", "example:columbus", "CRIME ~ INC", "-w", "queen", "-s", "6:INC:1"],
    "what-if": ["what-if", "example:columbus", "CRIME ~ INC", "-w", "queen", "--term", "INC", "--change", "1"],
    "slopes": ["slopes", "example:columbus", "CRIME ~ INC", "-w", "queen", "--of", "INC"],
    "predictions": ["predictions", "example:columbus", "CRIME ~ INC", "-w", "queen", "--at", "INC=10,20"],
    "forecast": ["forecast", "example:us_states", "log(gsp) ~ unemp", "-w", "queen", "--model", "sar",
                 "--since", "1986", "--effects", "entity"],
    "diagnose": ["diagnose", "example:columbus", "CRIME ~ INC", "-w", "queen"],
    "table": ["table", "example:columbus", "CRIME ~ INC", "-w", "queen", "-M", "ols", "-M", "sar"],
    "compare": ["compare", "example:columbus", "CRIME ~ INC", "-M", "sar", "-w", "queen", "-w", "rook"],
    "did": ["did", "example:castle", "log(homicide) ~ post", "--method", "twfe"],
    "join": ["join", "{tmp}/crime.csv", "example:columbus"],
    "weights build": ["weights", "build", "queen", "example:columbus"],
    "weights info": ["weights", "info", "{tmp}/w.gal"],
    "weights convert": ["weights", "convert", "{tmp}/w.gal", "{tmp}/w.gwt"],
    "weights compare": ["weights", "compare", "{tmp}/w.gal", "{tmp}/w.gal"],
    "weights plot": ["weights", "plot", "{tmp}/w.gal", "-m", "example:columbus", "-o", "{tmp}/w.png"],
    "study": ["study", "--new", "{tmp}/study.toml"],
}  # fmt: skip
ELSEWHERE = ("report", "demo", "qgis install", "qgis doctor")  # test_study and test_qgis run them


@pytest.fixture
def folder(tmp_path):
    import shapefiles
    import weights as wt

    columbus = shapefiles.load("columbus")
    wt.queen(columbus).save(tmp_path / "w.gal")
    columbus[["CRIME"]].rename(columns={"CRIME": "crime"}).to_csv(tmp_path / "crime.csv")
    return tmp_path


def call(name, folder, *more):
    return [word.replace("{tmp}", str(folder)) for word in CALLS[name]] + list(more)


@pytest.mark.parametrize("name", CALLS)
def test_json_has_one_schema(name, spillover, folder):
    status, out, err = spillover(*call(name, folder, "--json"))
    assert status == 0, err
    result = json.loads(out)
    assert list(result) == KEYS
    assert result["text"]
    assert isinstance(result["table"], list)
    assert result["table"] == [] or all(isinstance(row, dict) for row in result["table"])
    for file in result["files"]:
        assert (folder / file).exists()


def test_every_command_is_called_with_json():
    assert {name for name, _ in EXAMPLES} == {*CALLS, *ELSEWHERE}


def test_an_error_is_json_too(spillover, folder):
    status, out, err = spillover("moran", "example:columbus", "-c", "CRIMES", "-w", "queen", "--json")
    error = json.loads(out)["error"]
    assert status == error["exit_status"] == 2
    assert error["code"] == "E502"
    assert err.startswith("E502")


@pytest.mark.parametrize("name", [name for name in CALLS if "{tmp}/" not in CALLS[name][-1] or name == "weights info"])
def test_csv_on_stdout(name, spillover, folder):
    import io

    import pandas as pd

    status, out, err = spillover(*call(name, folder, "-o", "-"))
    assert status == 0, err
    table = pd.read_csv(io.StringIO(out))
    want = json.loads(spillover(*call(name, folder, "--json"))[1])["table"]
    assert len(table) == len(want)
    assert list(table.columns) == list(want[0])
