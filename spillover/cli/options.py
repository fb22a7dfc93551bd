"""Single options that several commands share."""

from __future__ import annotations

from typing import Annotated

import typer

from .groups import TARGET

FORMULA = Annotated[str, typer.Argument(help="'log(gsp) ~ log(pcap) + unemp'")]
MODEL = Annotated[str, typer.Option("--model", "-M", help="ols, slx, sar, sem, sdm, sdem, sac or gns.")]
WEIGHTS = Annotated[str, typer.Option("--weights", "-w", help="File of weights, or a builder: queen, knn:k=5.")]
AT_ONCE = Annotated[list[str], typer.Option("--weights", "-w", help="File of weights, or a builder: queen, knn:k=5. "
                                            "Twice: both in one model, rho_1 and rho_2.")]
SEVERAL = Annotated[list[str], typer.Option("--weights", "-w", help="[NAME=]file or builder; repeat for each W.")]
PERMUTATIONS = Annotated[int, typer.Option(help="Random permutations.")]
LEVEL = Annotated[float, typer.Option(help="Coverage of intervals, a share.")]
DRAWS = Annotated[int, typer.Option(help="Draws, where something is simulated.")]
SEED = Annotated[int, typer.Option(help="Seed of what is random.")]
MISSING = Annotated[str, typer.Option(help="error, or drop: leave units with missing values out.")]
FIGURE = Annotated[str | None, typer.Option(help="PNG, PDF or SVG.")]
JSON = Annotated[bool, typer.Option("--json", rich_help_panel=TARGET, help="The result as JSON on stdout, instead of "
                                    "text.")]
OVERWRITE = Annotated[bool, typer.Option("--overwrite", rich_help_panel=TARGET, help="Replace files where they "
                                         "exist.")]
JOBS = Annotated[int, typer.Option("--jobs", "-j", help="Processes; -1 for all cores.")]
