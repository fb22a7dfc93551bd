"""How a command starts: what it imports, which words it reads by itself, and that a closed pipe is no error."""

import os
import subprocess
import sys

import pytest

MORAN = ("moran", "example:columbus", "-c", "CRIME", "-w", "queen")
NEEDLESS = {"pydantic", "numba", "matplotlib", "rich", "jinja2", "openpyxl", "sqlite3", "scipy.stats",
            "scipy.optimize", "scipy.linalg", "scipy.spatial", "weights.economic", "weights.graphs",
            "spatial.models.fit", "spillover.cli.model_commands"}  # fmt: skip
START = """
import sys
from spillover.cli import main
try:
    main()
except SystemExit as error:
    assert error.code == 0
print(*sorted(sys.modules), sep="\\n", file=sys.stderr)
"""


def test_a_small_answer_imports_what_it_needs():
    done = subprocess.run([sys.executable, "-c", START, *MORAN], capture_output=True, text=True, check=True)
    imported = set(done.stderr.split())
    assert "I = 0.5" in done.stdout
    assert {"pandas", "weights.contiguity"} <= imported
    assert NEEDLESS & imported == set()


@pytest.mark.parametrize(("words", "shown"), [(["--permutations", "99"], "99 permutations"),
                                              (["--permutations", " 99 "], "99 permutations"),
                                              (["--permutations=9_9"], "99 permutations"),
                                              (["--seed", "7"], "seed 7")])  # fmt: skip
def test_numbers_are_read(words, shown, spillover):
    status, text, _ = spillover(*MORAN, *words)
    assert status == 0
    assert shown in text


@pytest.mark.parametrize("words", [["--permutations", "9x"], ["--permutations", "9.5"], ["--permutations", ""],
                                   ["--seed", "1e3"]])  # fmt: skip
def test_numbers_that_are_none_are_refused(words, spillover):
    status, text, message = spillover(*MORAN, *words)
    assert status == 2
    assert "valid integer" in message
    assert not text


def test_every_command_is_there_alone_as_among_all(monkeypatch):
    """Only the file of the command that is named is imported: the table of files names them all."""
    import typer

    from spillover.cli import COMMANDS, _app

    monkeypatch.delenv("_SPILLOVER_COMPLETE", raising=False)
    all_of_them = typer.main.get_command(_app()).commands
    assert set(all_of_them) == {name for names in COMMANDS.values() for name in names}
    for name, command in all_of_them.items():
        alone = typer.main.get_command(_app([name])).commands[name]
        assert [p.name for p in alone.params] == [p.name for p in command.params]
        for inner in getattr(command, "commands", ()):
            group = typer.main.get_command(_app([name, inner])).commands[name]
            assert [p.name for p in group.commands[inner].params] == [p.name for p in command.commands[inner].params]


@pytest.mark.parametrize("words", [[], ["weights"], ["--help"], ["moran", "-h"], MORAN, [*MORAN, "--json"],
                                   ["moran", "example:nowhere", "-c", "CRIME", "-w", "queen", "--json"]],
                         ids=" ".join)  # fmt: skip
def test_a_reader_that_has_enough_is_no_error(words):
    """As in ``spillover ... | head -1``: the pipe is closed before anything is printed."""
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run([sys.executable, "-m", "spillover", *words], stdout=write, stderr=subprocess.PIPE, text=True)
    os.close(write)
    assert done.returncode == 0
    assert "Traceback" not in done.stderr
