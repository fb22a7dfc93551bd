"""``spillover study`` runs a whole study from a file, ``report`` from options, ``demo`` on the shipped data."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .groups import TARGET, App, Data, Output, command
from .options import DRAWS, FORMULA, JSON, OVERWRITE, SEED, SEVERAL

LANG = Annotated[str | None, typer.Option("--lang", help="Language of the report: en or zh-CN.")]
DIFFERENT = 6  # exit status: a bundle ran again, and not all tables are the same


def register(app: App) -> None:
    for function in (study, report, demo):
        command(app)(function)


FOLDER = Annotated[str, typer.Option("--output", "-o", rich_help_panel=TARGET, help="Folder for report, tables, map "
                                     "and figures.")]


def study(
    *, file: Annotated[str, typer.Argument(help="A study file (.toml), or a bundle (.zip) to run again.")],
    new: Annotated[bool, typer.Option("--new", help="Write a commented template to FILE instead.")] = False,
    check: Annotated[bool, typer.Option("--check", help="Say what is wrong with FILE; run nothing.")] = False,
    bundle: Annotated[str | None, typer.Option("--bundle", rich_help_panel=TARGET, help="Also data, results, checksums "
                                               "and versions in one .zip that runs again.")] = None,
    lang: LANG = None, output: FOLDER = "study", overwrite: OVERWRITE = False, json: JSON = False,
) -> None:  # fmt: skip
    """From boundaries and a panel to a report: every step that the study file asks for.

    A bundle holds data, results, checksums and versions; study replication.zip -o again runs it again and compares:
    the exit status is 6 where a table differs.

    Examples:
      spillover study --new study.toml
      spillover study study.toml -o study --bundle replication.zip
    """
    from spillover.files import check_outputs

    from . import _errors
    from .study import bundle as bundles
    from .study.file import read_study, write_template
    from .study.run import refuse_outputs

    if new:
        path = write_template(file, overwrite=overwrite)
        _say(f"A study to be changed into your own; run it: spillover study {file}", json, [path])
        return
    if not check:
        refuse_outputs(Path(output), overwrite=overwrite)
        check_outputs([bundle], overwrite=overwrite, suffixes=[".zip"], inputs=[file])
    if Path(file).suffix.lower() == ".zip":
        with bundles.unpacked() as folder:
            question = read_study(bundles.unpack(file, Path(folder)), lang)
            if check:
                _say(f"'{file}' is whole and can run", json)
                return
            again: list[bundles.Same] = []

            def compared(written) -> str:
                again.append(bundles.compare(Path(folder), written))
                return str(again[0])

            _run(question, output, overwrite, json, compared)
            if again[0].other:
                _errors.say(f"tables that differ from the bundle's: {len(again[0].other)}")
                raise typer.Exit(DIFFERENT)
        return
    question = read_study(file, lang)
    if check:
        _say(f"'{file}' can run: {len(question.panel):,} rows, {len(question.map)} units, "
             f"{len(question.weights)} weights, steps: {', '.join(question.steps) or 'none'}", json)  # fmt: skip
        return
    after = None if bundle is None else lambda written: "Bundled: " + str(
        bundles.write_bundle(Path(file), written, bundle, overwrite=overwrite))  # fmt: skip
    _run(question, output, overwrite, json, after)


def report(
    source: Data, *, formula: FORMULA, weights: SEVERAL = ["queen"],  # noqa: B006  (typer copies it)
    moran: Annotated[list[str] | None, typer.Option("--moran", help="Column for Moran's I by period; repeat.")] = None,
    effects: Annotated[str, typer.Option(help="none, entity, time or twoway.")] = "twoway",
    shock: Annotated[str | None, typer.Option(help="UNIT:TERM:SIZE to map; by default the clearest spillover.")] = None,
    title: Annotated[str, typer.Option(help="Title of the report.")] = "",
    name: Annotated[str | None, typer.Option(help="Column of the map with what units are called.")] = None,
    word: Annotated[list[str] | None, typer.Option(help="Plain words: 'log(pcap)=public capital'; repeat.")] = None,
    lang: LANG = None, draws: DRAWS = 1000, seed: SEED = 1, output: FOLDER = "report", overwrite: OVERWRITE = False,
    json: JSON = False,
) -> None:  # fmt: skip
    """Weights, Moran's I, tests, model, effects and comparison in one report.

    Examples:
      spillover report example:us_states "log(gsp) ~ log(emp) + unemp" -w queen --moran unemp
      spillover report example:us_states "log(gsp) ~ unemp" -w queen -w knn:k=5 -o unemployment
    """
    from spillover.errors import SpatialInputError
    from spillover.language import language, phrase, tag_of

    from .model_commands import read_shock
    from .source import read_source
    from .study.file import names_of
    from .study.question import Question
    from .study.run import refuse_outputs

    refuse_outputs(Path(output), overwrite=overwrite)
    tag = tag_of(lang or "en")
    rows = read_source(source)
    rows.columns(moran or ())
    if rows.map is None or rows.entity is None or rows.time is None:
        raise SpatialInputError("E501", "a report needs a panel and a map", hint="give --map FILE --panel UNIT,PERIOD")
    named = rows.several_weights(list(weights))
    ids = next(iter(named.values())).ids
    shocked = dict(zip(("unit", "term", "size"), read_shock(shock, ids), strict=True)) if shock else {}
    steps = {"moran": {"columns": list(moran)}} if moran else {}
    steps |= {"tests": {}, "shock": shocked, "by_weights": {}}
    with language(tag):
        title = title or phrase("Direct and indirect effects")
    question = Question(
        title, formula, rows.map, rows.table, rows.entity, rows.time, named, steps, options={"effects": effects},
        names=None if name is None else names_of(rows.map, name), seed=seed, draws=draws, lang=tag,
        words=dict(w.rsplit("=", 1) for w in word or () if "=" in w),
    )  # fmt: skip
    _run(question, output, overwrite, json)


def demo(*, lang: LANG = None, output: FOLDER = "demo", overwrite: OVERWRITE = False, json: JSON = False) -> None:
    """The main job on shipped data: public capital, labour and output of 48 US states, 1970-1986.

    Examples:
      spillover demo
      spillover demo --lang zh-CN -o chinese
    """
    from .study.file import read_demo
    from .study.run import refuse_outputs

    refuse_outputs(Path(output), overwrite=overwrite)
    _run(read_demo(lang), output, overwrite, json)


def _say(text: str, json: bool, files=()) -> None:
    import pandas as pd

    from . import output as out

    out.show(text, lambda: pd.DataFrame({"file": list(map(str, files))}), Output(json=json), files=files)


def _run(question, output: str, overwrite: bool, json: bool, after=None) -> None:
    """``after`` is told what was written, and has the last word."""
    from itertools import count

    from spillover.progress import report
    from spillover.values import counted

    from . import output as out
    from ._errors import say
    from .study.chapters import in_order
    from .study.run import run, write

    done, total = count(), len(in_order(question)) + 1

    def step(part: str) -> None:
        report("study", next(done), total, part)

    chapters, failed = run(question, step)
    step("report, tables and figures")
    written = write(question, chapters, failed, Path(output), overwrite=overwrite)
    report("study", total, total)
    lines = [f"{name}: {w.nnz:,} links, {len(w.islands)} islands, {counted(w.components, 'component')}"
             for name, w in question.weights.items()]  # fmt: skip
    results = "\n\n".join(str(chapters[name].result) for name in ("model", "effects"))
    results += "" if after is None else f"\n\n{after(written)}"
    without = chapters["by_weights"].result.failed if "by_weights" in chapters else {}
    troubles = [f"{name} could not be done: {why}" for name, why in [*failed.items(), *without.items()]]
    out.show(results, chapters["effects"].result.tidy, Output(json=json), notes=lines + troubles * json, files=written)
    for trouble in troubles:
        say(trouble)
    if "interrupted" in failed.values():
        raise KeyboardInterrupt
    if failed or without:
        raise typer.Exit(4)
