"""The command line: ``spillover VERB DATA [FORMULA] [options]``, on top of all packages.

Commands are grouped by file; nothing heavy is imported before a command runs.
"""

from __future__ import annotations

import os
import sys


def main() -> None:
    """Run ``spillover`` and leave with its exit status: 0 ok, 1 failed, 2 usage, 3 data, 4 cannot be
    estimated, 5 not converged, 6 a bundle differs, 130 interrupted."""
    from ._errors import run

    _in_utf8()
    sys.exit(run(_app))


def _in_utf8() -> None:
    """Start again in Python's UTF-8 mode where the locale has no letters for the arguments, as LC_ALL=C has none for
    names of columns in Chinese."""
    if not sys.flags.utf8_mode and any("\udc80" <= letter <= "\udcff" for word in sys.argv for letter in word):
        words = [os.fsencode(word) for word in sys.orig_argv[1:]]
        os.execv(sys.executable, [os.fsencode(sys.executable), b"-X", b"utf8", *words])


def _app(words: list[str] | None = None):
    """The application; with the words of a command line only the command that they name is whole."""
    import typer

    from . import (
        compare_commands,
        explore_commands,
        file_commands,
        margin_commands,
        model_commands,
        plot_commands,
        policy_commands,
        qgis_commands,
        study_commands,
        weight_commands,
    )
    from .groups import App

    chosen = inner = None
    if words is not None:
        chosen, inner = [*[word for word in words if not word.startswith("-")], "", ""][:2]
    app = App(chosen, help="Spatial econometrics: weights, Moran's I, spatial Durbin models, direct and indirect "
              "effects.")  # fmt: skip

    @app.callback()
    def options(
        quiet: bool = typer.Option(False, "--quiet", "-q", help="No progress and no warnings; anywhere."),
        progress: str = typer.Option("auto", help="auto: a bar on a terminal; json: lines on stderr; none; anywhere."),
        debug: bool = typer.Option(False, "--debug", help="Show the traceback of an error; anywhere."),
        version: bool = typer.Option(False, "--version", help="Show the version and leave; anywhere."),
    ) -> None:  # ``run`` takes these out of the command line before it is parsed
        pass

    weights = App(inner if chosen == "weights" else chosen and "", help="Build, inspect, convert, compare and draw "
                  "weights.")  # fmt: skip
    weight_commands.register(weights)
    qgis = App(inner if chosen == "qgis" else chosen and "", help="Spillover in QGIS's Processing toolbox.")
    qgis_commands.register(qgis)
    for commands in (explore_commands, model_commands, margin_commands, compare_commands, policy_commands,
                     plot_commands, file_commands, study_commands):  # fmt: skip
        commands.register(app)
    app.add_typer(weights, name="weights")
    app.add_typer(qgis, name="qgis")
    return app
