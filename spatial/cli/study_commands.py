"""``spillover report`` runs the main job on a user's files; ``spillover demo`` on the shipped data."""

from __future__ import annotations

from pathlib import Path

import typer

from .weight_commands import ID, LAYER, OVERWRITE

DEMO_FORMULA = "log(gsp) ~ log(pcap) + log(pc) + log(emp) + unemp"
DEMO_WEIGHTS = {
    "queen": "queen",
    "5 nearest": "knn:k=5",
    "inverse distance": "inverse_distance:cutoff=1500",
    "economic": "economic:x=gsp",
}
DEMO_WORDS = {
    "log(gsp)": "output",
    "log(pcap)": "public capital",
    "log(pc)": "private capital",
    "log(emp)": "labour",
    "unemp": "unemployment (percentage points)",
}


def register(app: typer.Typer) -> None:
    app.command()(report)
    app.command()(demo)


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
    from .job import Question, check_outputs
    from .model_commands import read_shock

    check_outputs(Path(output), overwrite=overwrite)
    entity, _, time = (part.strip() for part in panel.partition(","))
    gdf, table = read_map(map, id=id, layer=layer), read_table(data, keys=(entity, time))
    require_columns(table, (entity, time, *moran), data)
    named = named_weights(list(weights), gdf=gdf, table=table, entity=entity, time=time)
    ids = next(iter(named.values())).ids
    where = read_shock(shock, ids) if shock else None
    table = with_ids_of(table, entity, ids)
    question = Question(title, formula, gdf, table, entity, time, named, tuple(moran), effects, where, seed, draws,
                        dict(w.rsplit("=", 1) for w in word if "=" in w))  # fmt: skip
    _run(question, output, overwrite)


def demo(
    output: str = typer.Option("demo", "--output", "-o", help="Folder for report, tables, map and figures."),
    overwrite: bool = OVERWRITE,
) -> None:
    """The main job on shipped data: public capital, labour and output of 48 US states, 1970-1986."""
    import numpy as np

    import shapefiles

    from ._inputs import named_weights
    from .job import Question, check_outputs

    check_outputs(Path(output), overwrite=overwrite)
    states, panel = shapefiles.load("us_states"), shapefiles.load_panel("us_states")
    panel = panel.assign(log_gsp=np.log(panel["gsp"]))
    named = named_weights(
        [f"{name}={spec}" for name, spec in DEMO_WEIGHTS.items()], gdf=states, table=panel, entity="state", time="year"
    )
    question = Question(
        title="Do a state's public capital and labour raise output in its neighbours?",
        formula=DEMO_FORMULA, map=states, panel=panel, entity="state", time="year", weights=named,
        autocorrelated=("log_gsp", "unemp"), shock=("IL", "unemp", 1.0), words=DEMO_WORDS,
    )  # fmt: skip
    _run(question, output, overwrite)


def _run(question, output: str, overwrite: bool) -> None:
    from ._progress import steps
    from .job import STEPS, run, write

    with steps(STEPS) as step:
        answer = run(question, step)
        step("report, tables and figures")
        written = write(answer, Path(output), overwrite=overwrite)
    for name, w in question.weights.items():
        print(f"{name}: {w.nnz:,} links, {len(w.islands)} islands, {w.components} component(s)")
    print(f"\n{answer.fit}\n\n{answer.effects}\n\nWritten to {output}/: " + ", ".join(path.name for path in written))
