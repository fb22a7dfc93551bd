"""The command line: ``spillover VERB DATA [FORMULA] [options]``, on top of all packages.

Commands are grouped by file; nothing heavy is imported before a command runs.
"""

from __future__ import annotations

import os
import sys


def main() -> None:
    """Run ``spillover`` and leave with its exit status: 0 ok, 1 failed, 2 usage, 3 data, 4 cannot be
    estimated, 5 not converged, 130 interrupted."""
    from ._errors import run

    _in_utf8()
    sys.exit(run(_app()))


def _in_utf8() -> None:
    """Start again in Python's UTF-8 mode where the locale has no letters for the arguments, as LC_ALL=C has none for
    names of columns in Chinese."""
    if not sys.flags.utf8_mode and any("\udc80" <= letter <= "\udcff" for word in sys.argv for letter in word):
        words = [os.fsencode(word) for word in sys.orig_argv[1:]]
        os.execv(sys.executable, [os.fsencode(sys.executable), b"-X", b"utf8", *words])


def _app():
    import typer

    from . import (
        compare_commands,
        explore_commands,
        file_commands,
        model_commands,
        policy_commands,
        study_commands,
        weight_commands,
    )

    app = typer.Typer(
        help="Spatial econometrics: weights, Moran's I, spatial Durbin models, direct and indirect effects.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )

    @app.callback(invoke_without_command=True)
    def options(
        version: bool = typer.Option(False, "--version", help="Show the version and leave."),
        debug: bool = typer.Option(False, "--debug", help="Show the traceback of an error; anywhere."),
        quiet: bool = typer.Option(False, "--quiet", "-q", help="No progress and no warnings; anywhere."),
    ) -> None:
        if version:
            from spillover import __version__

            print(f"spillover {__version__}")
            raise typer.Exit()

    app.add_typer(weight_commands.app, name="weights")
    for commands in (explore_commands, model_commands, compare_commands, policy_commands, file_commands,
                     study_commands):  # fmt: skip
        commands.register(app)
    return app
