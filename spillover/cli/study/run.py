"""Go through the steps of a study and leave its files."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from pathlib import Path

import pandas as pd

from spatial.report.heads import meanings
from spatial.report.html import Section, Table, write_html
from spillover.errors import SpatialInputError
from spillover.files import check_outputs, write_table
from spillover.language import language, phrase, stored
from spillover.provenance import fingerprint

from .chapters import ALWAYS, function, in_order
from .question import Chapter, Question

FIXED = ("report.html", "tables.tex", "tables.docx", "spillovers.gpkg")


def _in_language(function: Callable) -> Callable:
    """The function in the language of its first argument, a question."""

    @wraps(function)
    def within(question: Question, *args, **options):
        with language(question.lang):
            return function(question, *args, **options)

    return within


@_in_language
def run(question: Question, step: Callable[[str], None]) -> tuple[dict[str, Chapter], dict[str, str]]:
    """Take every step that is wanted.

    Parameters
    ----------
    question : Question
    step : callable
        Is told which step comes next.

    Returns
    -------
    chapters : dict of step to Chapter
    failed : dict of step to str
        Steps that could not be taken, and why; the others go on. Ctrl-C ends the study with what is done.

    Raises
    ------
    SpatialInputError
        When the weights, the model or its effects fail: nothing stands without them.
    """
    chapters: dict[str, Chapter] = {}
    failed: dict[str, str] = {}
    wanted = in_order(question)
    for at, (name, options) in enumerate(wanted.items()):
        step(name.replace("_", " "))
        try:
            chapters[name] = function(name)(question, chapters, **options)
        except SpatialInputError as error:
            if name in ALWAYS:
                raise
            failed[name] = str(error)
        except KeyboardInterrupt:
            if "effects" not in chapters:
                raise
            failed |= dict.fromkeys(list(wanted)[at:], "interrupted")
            break
    return chapters, failed


@_in_language
def write(question: Question, chapters: dict, failed: dict, folder: Path, *, overwrite: bool = False) -> list[Path]:
    """Leave the report, the tables, the figures and the map in ``folder``: every number as .csv, and in .tex and .docx
    the tables that papers print.

    Where two chapters have a table of one name its file is the later one's: ``effects.csv`` has all weights.
    """
    from spatial import plot
    from spatial.report.papers import write_latex, write_word

    from .naming import in_words

    folder, listed = Path(folder), list(chapters.values())
    refuse_outputs(folder, overwrite=overwrite)
    tables = {_file(name): table for chapter in listed for name, table in chapter.tables.items()}
    figures = {_file(name): figure for chapter in listed for name, figure in chapter.figures.items()}
    paths = [folder / "report.html"]
    write_html(paths[0], overwrite=overwrite, **_report(question, chapters, failed))
    for name, table in tables.items():
        paths.append(folder / f"{name}.csv")
        write_table(table.frame, paths[-1], overwrite=overwrite)
    for name, figure in figures.items():
        paths.append(folder / f"{name}.png")
        plot.save(figure.image, paths[-1], overwrite=overwrite)
    paths += [folder / "tables.tex", folder / "tables.docx", folder / "spillovers.gpkg"]
    printed = {_file(name): in_words(table, question) for chapter in listed for name, table in chapter.printed.items()}
    write_latex(printed, paths[-3], overwrite=overwrite)
    write_word(printed, paths[-2], title=question.title, overwrite=overwrite)
    _write_layer(question, chapters, paths[-1], overwrite=overwrite)
    return paths


def _file(name: str) -> str:
    """A name that may hold a column's, such as ``gdp/人口``, as the name of a file."""
    return "".join(c if c.isalnum() else "_" for c in name)


def refuse_outputs(folder: Path, *, overwrite: bool) -> None:
    """Fail before any work when an output is there."""
    check_outputs([Path(folder) / name for name in FIXED], overwrite=overwrite)


def _report(q: Question, chapters: dict, failed: dict) -> dict:
    """Everything that ``write_html`` needs."""
    d = chapters["model"].result._design
    sections = [chapter.section(q) for chapter in chapters.values()]
    if failed:
        lines = tuple(phrase("{step}: {why}", step=stored(name.replace("_", " ")), why=stored(why))
                      for name, why in failed.items())  # fmt: skip
        sections.insert(0, Section(phrase("What could not be done"), lines))
    return {
        "title": q.title,
        "subtitle": phrase("{units} units, {periods} periods ({first} to {last}). Model: {formula}", units=d.n_units,
                           periods=d.n_periods, first=d.times[0], last=d.times[-1], formula=d.formula),
        "answer": first_sentences(chapters),
        "leading": leading(q, chapters),
        "sections": (*sections, _meanings(chapters)),
        "footer": _footer(q, chapters["model"].result),
        "lang": q.lang,
    }


def _meanings(chapters: dict) -> Section:
    """What the heads and symbols of the report's tables mean."""
    columns = [column for chapter in chapters.values() for table in chapter.printed.values()
               if isinstance(table, Table) for column in table.frame.columns]  # fmt: skip
    frame = pd.DataFrame(meanings([*columns, *SYMBOLS]), columns=["head", "meaning"])
    table = Table(frame, phrase("Heads of the tables in this report"))
    return Section(phrase("What the columns and symbols mean"), (), (table,))


# Of paper tables, whose rows are labelled by symbols.
SYMBOLS = ("term", "rho", "sigma2", "loglik", "aic", "r2_within", "std_error", "p_value")

# Whose answers come behind that of the effects, and whose maps stand first, the most telling first.
TELLING = ("policy", "exposure", "what_if", "threshold", "mechanism", "by_weights", "robustness", "shock", "gaps",
           "heterogeneity", "moderation", "slopes", "predictions", "forecast", "dynamics")  # fmt: skip
MAPS = ("what_if", "shock", "lisa", "outcome")


def first_sentences(chapters: dict) -> tuple[str, ...]:
    """Three sentences: what spills over, the clearest effect in numbers, and the first thing that the next most telling
    chapter found; the others stand in their chapters."""
    effects = chapters["effects"]
    table = effects.result.tidy() if hasattr(effects.result, "tidy") else None
    indirect = None if table is None else table[table["effect"].str.endswith("indirect")]
    terms = list(effects.result.variables)
    at = 0 if indirect is None or indirect.empty else terms.index(
        indirect.loc[indirect["statistic"].abs().idxmax(), "term"])  # fmt: skip
    sentences = [effects.answer[0], *effects.answer[1:][at : at + 1]]
    rest = (chapters[name].answer[0] for name in TELLING if name in chapters and chapters[name].answer)
    return (*sentences, *rest)[:3]


def leading(q: Question, chapters: dict) -> tuple:
    """A map and a figure for the first screen."""
    from .naming import figure_in_words

    maps = (figure for name in MAPS if name in chapters for figure in chapters[name].figures.values() if figure.svg)
    others = (chapters[name].figures.get(name) for name in ("effects",) if name in chapters)
    return tuple(figure_in_words(figure, q) for figure in (next(maps, None), next(others, None)) if figure is not None)


def _footer(q: Question, model) -> dict[str, str]:
    """How the numbers were made."""
    provenance = model.provenance
    return {
        **provenance.versions,
        phrase("data of the model"): stored(provenance.data),
        phrase("seed"): str(q.seed),
        phrase("draws"): f"{q.draws:,}",
        phrase("panel"): phrase("{n} rows, content {fingerprint}", n=f"{len(q.panel):,}",
                                fingerprint=fingerprint(q.panel.reset_index(drop=True))),
        **{phrase("column {name}", name=column.name): stored(column.how) for column in q.computed},
        **{phrase("W: {name}", name=name): w.fingerprint for name, w in q.weights.items()},
    }


LEADING = ("shock", "what_if", "effects")  # whose styles come first; QGIS opens the layer with the first of all


def _write_layer(q: Question, chapters: dict, path: Path, *, overwrite: bool) -> None:
    """The map with the variables analysed, in the last period, and what the chapters computed for every unit."""
    from spatial.plot.geopackage import write_layer
    from spatial.plot.layer import analysed, on_map

    parts = {name: chapter.layer for name, chapter in chapters.items() if chapter.layer is not None}
    columns = pd.concat([part.reindex(q.map.index) for part in parts.values()], axis=1)
    layer, names = on_map(q.map, columns, values=analysed(chapters["model"].result._design))
    order = [*LEADING, *(name for name in parts if name not in LEADING)]
    styles = [style for name in order if name in parts and chapters[name].styles
              for style in chapters[name].styles(layer, names)]  # fmt: skip
    write_layer(layer, path, styles, overwrite=overwrite, name="spillovers")
