"""The command line in this process, for the tests of this folder."""

import sys

import pytest


@pytest.fixture
def spillover(monkeypatch, capsys):
    """Call the command line: (exit status, stdout, stderr)."""
    from spillover.cli import _app
    from spillover.cli._errors import run

    def call(*args):
        monkeypatch.setattr(sys, "argv", ["spillover", *map(str, args)])
        status = run(_app)
        printed = capsys.readouterr()
        return status, printed.out, printed.err

    return call
