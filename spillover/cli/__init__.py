"""The command line: ``spillover``. The one room of ``spatial`` that knows ``weights`` and ``shapefiles``.

Commands are grouped by file; nothing heavy is imported before a command runs.
"""

from __future__ import annotations

import sys


def main() -> None:
    """Run ``spillover`` and leave with its exit status: 0 ok, 1 failed, 2 usage, 3 data, 4 cannot be
    estimated, 5 not converged, 130 interrupted."""
    from ._errors import run

    sys.exit(run(_app()))


def _app():
    import typer

    from . import compare_commands, explore_commands, model_commands, study_commands, weight_commands

    app = typer.Typer(
        help="Spatial econometrics: weights, Moran's I, spatial Durbin models, direct and indirect effects.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
    )

    @app.callback()
    def options(
        debug: bool = typer.Option(False, help="Show the traceback of an error."),
        quiet: bool = typer.Option(False, help="No progress and no warnings."),
    ) -> None:
        """Both are read by ``run``, before any command."""

    app.add_typer(weight_commands.app, name="weights")
    for commands in (explore_commands, model_commands, compare_commands, study_commands):
        commands.register(app)
    return app
