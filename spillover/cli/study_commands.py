"""``spillover study`` runs a whole study from a file, ``report`` from options, ``demo`` on the shipped data."""

from __future__ import annotations

from pathlib import Path

import typer

from .weight_commands import ID, LAYER, OVERWRITE


def register(app: typer.Typer) -> None:
    for command in (study, report, demo):
        app.command()(command)


def study(
    file: str = typer.Argument(help="A study file (.toml)."),
    new: bool = typer.Option(False, "--new", help="Write a commented template to FILE instead."),
    output: str = typer.Option("study", "--output", "-o", help="Folder for report, tables, map and figures."),
    overwrite: bool = OVERWRITE,
) -> None:
    """From boundaries and a panel to a report: every step that the study file asks for."""
    from .study.file import read_study, write_template
    from .study.run import refuse_outputs

    if new:
        print(f"Written: {write_template(file, overwrite=overwrite)}\nRun it: spillover study {file}")
        return
    refuse_outputs(Path(output), overwrite=overwrite)
    _run(read_study(file), output, overwrite)


def report(
    formula: str = typer.Argument(help="'log(gsp) ~ log(pcap) + unemp'"),
    data: str = typer.Option(..., "--data", "-d", help="Panel (.csv, .parquet, .xlsx, .dta)."),
    map: str = typer.Option(..., "--map", "-m", help="Boundary file."),
    weights: list[str] = typer.Option(["queen"], "--weights", "-w", help="[NAME=]file or builder; the first leads."),
    panel: str = typer.Option(..., "--panel", help="UNIT,PERIOD columns."),
    moran: list[str] = typer.Option(..., "--moran", help="Column for Moran's I by period; repeat for several."),
    id: str = ID,
    layer: str = LAYER,
    effects: str = typer.Option("twoway", help="none, entity, time or twoway."),
    shock: str = typer.Option(None, help="UNIT:TERM:SIZE to map; by default the clearest spillover."),
    title: str = typer.Option("Direct and indirect effects", help="Title of the report."),
    word: list[str] = typer.Option([], help="Plain words for a term: 'log(pcap)=public capital'; repeat."),
    draws: int = typer.Option(1000, help="Draws for the intervals of effects."),
    seed: int = typer.Option(1, help="Seed of permutations and draws."),
    output: str = typer.Option("report", "--output", "-o", help="Folder for report, tables, map and figures."),
    overwrite: bool = OVERWRITE,
) -> None:
    """Weights, Moran's I, tests, model, effects and comparison in one report."""
    from ._inputs import named_weights, read_map, read_table, require_columns, with_ids_of
    from .model_commands import read_shock
    from .study.question import Question
    from .study.run import refuse_outputs

    refuse_outputs(Path(output), overwrite=overwrite)
    entity, _, time = (part.strip() for part in panel.partition(","))
    gdf, table = read_map(map, id=id, layer=layer), read_table(data, keys=(entity, time))
    require_columns(table, (entity, time, *moran), data)
    named = named_weights(list(weights), gdf=gdf, table=table, entity=entity, time=time)
    ids = next(iter(named.values())).ids
    shocked = dict(zip(("unit", "term", "size"), read_shock(shock, ids))) if shock else {}
    steps = {"moran": {"columns": list(moran)}, "tests": {}, "shock": shocked, "by_weights": {}}
    question = Question(
        title, formula, gdf, with_ids_of(table, entity, ids), entity, time, named, steps, options={"effects": effects},
        seed=seed, draws=draws, words=dict(w.rsplit("=", 1) for w in word if "=" in w),
    )  # fmt: skip
    _run(question, output, overwrite)


def demo(
    output: str = typer.Option("demo", "--output", "-o", help="Folder for report, tables, map and figures."),
    overwrite: bool = OVERWRITE,
) -> None:
    """The main job on shipped data: public capital, labour and output of 48 US states, 1970-1986."""
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
        found, failed = run(question, step)
        step("report, tables and figures")
        written = write(question, found, failed, Path(output), overwrite=overwrite)
    for name, w in question.weights.items():
        print(f"{name}: {w.nnz:,} links, {len(w.islands)} islands, {w.components} component(s)")
    results = "\n\n".join(str(found[name].result) for name in ("model", "effects"))
    print(f"\n{results}\n\nWritten to {output}/: " + ", ".join(path.name for path in written))
    for name, why in failed.items():
        say(f"{name} could not be done: {why}")
    if "interrupted" in failed.values():
        raise KeyboardInterrupt
    if failed:
        raise typer.Exit(4)
