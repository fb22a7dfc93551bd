"""``spillover study`` runs a whole study from a file, ``report`` from options, ``demo`` on the shipped data."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .groups import Data, command
from .options import DRAWS, FORMULA, SEED, SEVERAL


def register(app: typer.Typer) -> None:
    for function in (study, report, demo):
        command(app)(function)


FOLDER = Annotated[str, typer.Option("--output", "-o", help="Folder for report, tables, map and figures.")]
OVERWRITE = Annotated[bool, typer.Option("--overwrite", help="Replace files where they exist.")]


def study(
    *, file: Annotated[str, typer.Argument(help="A study file (.toml).")],
    new: Annotated[bool, typer.Option("--new", help="Write a commented template to FILE instead.")] = False,
    check: Annotated[bool, typer.Option("--check", help="Say what is wrong with FILE; run nothing.")] = False,
    output: FOLDER = "study", overwrite: OVERWRITE = False,
) -> None:  # fmt: skip
    """From boundaries and a panel to a report: every step that the study file asks for.

    Examples:
      spillover study --new study.toml
      spillover study study.toml -o study
    """
    from .study.file import read_study, write_template
    from .study.run import refuse_outputs

    if new:
        print(f"Written: {write_template(file, overwrite=overwrite)}\nRun it: spillover study {file}")
        return
    if not check:
        refuse_outputs(Path(output), overwrite=overwrite)
    question = read_study(file)
    if check:
        print(f"'{file}' can run: {len(question.panel):,} rows, {len(question.map)} units, "
              f"{len(question.weights)} weights, steps: {', '.join(question.steps) or 'none'}")  # fmt: skip
        return
    _run(question, output, overwrite)


def report(
    source: Data, *, formula: FORMULA, weights: SEVERAL = ["queen"],  # noqa: B006  (typer copies it)
    moran: Annotated[list[str] | None, typer.Option("--moran", help="Column for Moran's I by period; repeat.")] = None,
    effects: Annotated[str, typer.Option(help="none, entity, time or twoway.")] = "twoway",
    shock: Annotated[str | None, typer.Option(help="UNIT:TERM:SIZE to map; by default the clearest spillover.")] = None,
    title: Annotated[str, typer.Option(help="Title of the report.")] = "Direct and indirect effects",
    word: Annotated[list[str] | None, typer.Option(help="Plain words: 'log(pcap)=public capital'; repeat.")] = None,
    draws: DRAWS = 1000, seed: SEED = 1, output: FOLDER = "report", overwrite: OVERWRITE = False,
) -> None:  # fmt: skip
    """Weights, Moran's I, tests, model, effects and comparison in one report.

    Examples:
      spillover report example:us_states "log(gsp) ~ log(emp) + unemp" -w queen --moran unemp
      spillover report example:us_states "log(gsp) ~ unemp" -w queen -w knn:k=5 -o unemployment
    """
    from spillover.errors import SpatialInputError

    from .model_commands import read_shock
    from .source import read_source
    from .study.question import Question
    from .study.run import refuse_outputs

    refuse_outputs(Path(output), overwrite=overwrite)
    rows = read_source(source)
    rows.columns(moran or ())
    if rows.map is None or rows.entity is None or rows.time is None:
        raise SpatialInputError("E501", "a report needs a panel and a map", hint="give --map FILE --panel UNIT,PERIOD")
    named = rows.several_weights(list(weights))
    ids = next(iter(named.values())).ids
    shocked = dict(zip(("unit", "term", "size"), read_shock(shock, ids), strict=True)) if shock else {}
    steps = {"moran": {"columns": list(moran)}} if moran else {}
    steps |= {"tests": {}, "shock": shocked, "by_weights": {}}
    question = Question(
        title, formula, rows.map, rows.table, rows.entity, rows.time, named, steps, options={"effects": effects},
        seed=seed, draws=draws, words=dict(w.rsplit("=", 1) for w in word or () if "=" in w),
    )  # fmt: skip
    _run(question, output, overwrite)


def demo(*, output: FOLDER = "demo", overwrite: OVERWRITE = False) -> None:
    """The main job on shipped data: public capital, labour and output of 48 US states, 1970-1986.

    Examples:
      spillover demo
      spillover demo -o first --overwrite
    """
    from importlib.resources import as_file, files

    from .study.file import read_study
    from .study.run import refuse_outputs

    refuse_outputs(Path(output), overwrite=overwrite)
    with as_file(files("spillover.cli.study").joinpath("demo.toml")) as file:
        question = read_study(file)
    _run(question, output, overwrite)


def _run(question, output: str, overwrite: bool) -> None:
    from ._errors import say
    from ._progress import steps
    from .study.chapters import in_order
    from .study.run import run, write

    with steps(len(in_order(question)) + 1) as step:
        chapters, failed = run(question, step)
        step("report, tables and figures")
        written = write(question, chapters, failed, Path(output), overwrite=overwrite)
    for name, w in question.weights.items():
        print(f"{name}: {w.nnz:,} links, {len(w.islands)} islands, {w.components} component(s)")
    results = "\n\n".join(str(chapters[name].result) for name in ("model", "effects"))
    print(f"\n{results}\n\nWritten to {output}/: " + ", ".join(path.name for path in written))
    without: dict[str, str] = chapters["by_weights"].result.failed if "by_weights" in chapters else {}
    for name, why in [*failed.items(), *without.items()]:
        say(f"{name} could not be done: {why}")
    if "interrupted" in failed.values():
        raise KeyboardInterrupt
    if failed or without:
        raise typer.Exit(4)
