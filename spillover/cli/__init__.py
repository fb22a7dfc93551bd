"""The command line: ``spillover VERB DATA [FORMULA] [options]``, on top of all packages.

Commands are grouped by file; nothing heavy is imported before a command runs.
"""

from __future__ import annotations

import atexit
import gc
import os
import sys


def main() -> None:
    """Run ``spillover`` and leave with its exit status: 0 ok, 1 failed, 2 usage, 3 data, 4 cannot be
    estimated, 5 not converged, 6 a bundle differs, 130 interrupted."""
    _in_utf8()
    before = gc.get_threshold()
    gc.set_threshold(300_000)  # imports make half as many objects, and next to no garbage
    atexit.register(gc.freeze)  # when the process ends the system takes its memory back: nothing to look through
    try:
        from ._errors import run

        sys.exit(run(_app))
    finally:
        gc.set_threshold(*before)


def _in_utf8() -> None:
    """Start again in Python's UTF-8 mode where the locale has no letters for the arguments, as LC_ALL=C has none for
    names of columns in Chinese."""
    if not sys.flags.utf8_mode and any("\udc80" <= letter <= "\udcff" for word in sys.argv for letter in word):
        words = [os.fsencode(word) for word in sys.orig_argv[1:]]
        os.execv(sys.executable, [os.fsencode(sys.executable), b"-X", b"utf8", *words])


COMMANDS = {
    "explore_commands": ("moran", "lisa", "hotspots"),
    "model_commands": ("fit", "effects", "diagnose", "table"),
    "margin_commands": ("slopes", "predictions", "forecast"),
    "compare_commands": ("compare",),
    "policy_commands": ("did", "shock", "what-if"),
    "plot_commands": ("plot",),
    "file_commands": ("info", "join", "doctor"),
    "study_commands": ("study", "report", "demo"),
    "weight_commands": ("weights",),
    "qgis_commands": ("qgis",),
}
GROUPS = {"weights": "Build, inspect, convert, compare and draw weights.",
          "qgis": "Spillover in QGIS's Processing toolbox."}  # fmt: skip


def _app(words: list[str] | None = None):
    """The application; with the words of a command line only the command that they name is whole, and the files of
    others are not imported where it is one of ours."""
    from importlib import import_module

    import typer

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

    files = [file for file, names in COMMANDS.items() if chosen in names] or list(COMMANDS)
    for file in files:
        commands, (name, *_) = import_module(f".{file}", __name__), COMMANDS[file]
        if name in GROUPS:
            group = App(inner if chosen == name else chosen and "", help=GROUPS[name])
            commands.register(group)
            app.add_typer(group, name=name)
        else:
            commands.register(app)
    return app
