"""Every benchmark runs: small and once. What it measures is read by people; that it still runs is tested here."""

import importlib.util
import runpy
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[1] / "benchmarks"
SMALL = {
    "compare": "--tiny",
    "effects": "--rounds 1",
    "intervals": "--samples 2 --peers 1",
    "main_job": "--rounds 1",
    "moran": "--tiny --only global",  # the peer of the map takes half a minute to compile
    "panel": "--tiny",
    "policies": "--tiny",
    "regression": "--tiny",
    "road": "",
    "robust": "--tiny",
    "several": "--tiny",
    "ways": "--tiny",
    "endogenous": "--tiny",
    "sizes": "--samples 1",
    "startup": "--rounds 1",
    "weights": "--no-counties --cells 300 --bricks 12 --points 300 --economies 50 --rounds 1",
}
PEERS = ("spreg", "esda", "libpysal")


def test_every_benchmark_is_run_here():
    assert sorted(SMALL) == sorted(path.stem for path in FOLDER.glob("*.py"))


@pytest.mark.parametrize("name", SMALL)
def test_a_benchmark_runs(name, monkeypatch, capsys):
    if missing := [peer for peer in PEERS if importlib.util.find_spec(peer) is None]:
        pytest.skip(f"needs {missing}")
    monkeypatch.syspath_prepend(str(FOLDER))  # where Python puts the folder of a script
    monkeypatch.setattr(sys, "argv", [f"{name}.py", *SMALL[name].split()])
    runpy.run_path(str(FOLDER / f"{name}.py"), run_name="__main__")
    assert any(character.isdigit() for character in capsys.readouterr().out)
