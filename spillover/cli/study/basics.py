"""Steps up to the model: who is whose neighbor, is it clustered, which model, its coefficients."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

import spatial as sp
from spatial import plot
from spatial.plot.page_map import page_map
from spatial.plot.qml import classed
from spatial.plot.style import legible
from spatial.report.header import header
from spatial.report.html import Figure, Table
from spatial.report.search_table import search_table
from spatial.report.words import is_log, plain, short
from spillover.language import phrase, stored

from .question import LEVEL, Chapter, Question


def weights(q: Question, chapters: dict) -> Chapter:
    rows = []
    for name, w in q.weights.items():
        degree = pd.Series(w.csr.indptr).diff().dropna()
        rows.append((name, f"{w.kind}, {w.standardization}-standardised", w.nnz, degree.mean(),
                     f"{int(degree.min())} to {int(degree.max())}", len(w.islands), w.components))  # fmt: skip
    columns = ["W", "what it is", "links", "per unit", "range", "islands", "components"]
    first = next(iter(q.weights))
    drawn = Figure(legible(q.leading.plot(q.map)), phrase("Links of {weights}", weights=first),
                   phrase("Map of links, {weights}", weights=first))  # fmt: skip
    return Chapter(
        phrase("Who is whose neighbor"),
        q.weights,
        (phrase("Weights say who is whose neighbor, and how much. The model is estimated under the first; it leads."),),
        {"weights": Table(pd.DataFrame(rows, columns=columns), phrase("The weights"), digits=2)},
        {"weights": drawn},
    )


def moran(q: Question, chapters: dict, *, columns: list[str] | None = None, permutations: int = 999) -> Chapter:
    """Moran's I of columns, period by period.

    Parameters
    ----------
    columns : list of texts
        Columns; by default the outcome's.
    permutations : whole number
        Behind every p-value.
    """
    by: dict[str, Any] = {"time": q.time, "entity": q.entity, "seed": q.seed, "permutations": permutations}
    result = sp.moran_by(q.panel, list(columns or q.outcome_columns), q.leading, **by)
    frame = result.to_frame()
    share = frame.groupby("variable", sort=False)["p_sim"].apply(lambda p: int((p < LEVEL).sum()))
    periods = frame.groupby("variable", sort=False).size()
    text = tuple(
        phrase("{variable} is spatially autocorrelated (permutation p below {level}) in {n} of {periods} periods.",
               variable=q.name(name), level=LEVEL, n=share[name], periods=periods[name])
        for name in share.index
    )
    table = Table(frame.drop(columns=["n", "p_norm", "weights"]), phrase("Moran's I by period"))
    drawn = Figure(result.plot(), phrase("Moran's I by period"), phrase("Lines of Moran's I"))
    return Chapter(phrase("Is it clustered?"), result, text, {"moran": table}, {"moran": drawn})


def tests(q: Question, chapters: dict) -> Chapter:
    """The tests of a panel paper under every W: LM, Hausman, LR and Wald, and what they lead to."""
    searches = sp.specify(q.formula, q.panel, q.weights, **q.keys)
    frame = searches.table.to_frame().reset_index()
    repeated = frame["section"].duplicated()
    table = Table(frame.assign(section=frame["section"].mask(repeated, "")), phrase("The search under each W"))
    first, leading = next(iter(searches.searches.items()))
    text = (phrase("Under {weights}:", weights=first), *map(stored, leading.steps),
            phrase("Choice: {model}.", model=leading.choice))  # fmt: skip
    paper = search_table(searches.searches, searches.failed, q.words_of)
    return Chapter(phrase("Which model?"), searches, text, {"tests": table}, papers={"tests": paper}, data=("tests",))


def model(q: Question, chapters: dict) -> Chapter:
    fit = q.estimate(q.formula, q.panel, q.leading, **q.keys)
    shared = {key: value for key, value in q.keys.items() if key in ("entity", "time", "effects", "missing")}
    regression = sp.ols(q.formula, q.panel, q.leading, **shared)
    name = fit.specification.name
    tables = {
        "model": Table(fit.tidy(), phrase("Coefficients of the {model}", model=name)),
        "regression": Table(regression.tidy(), phrase("The regression without spatial terms, for comparison")),
    }
    below = {stored(test.name): [None, test] for test in _about_model(chapters, name)}
    caption = phrase("{model} and the regression without space", model=name)
    paper = sp.etable([regression, fit], labels=q.labels, stars=True, tests=below, caption=caption)
    return Chapter(phrase("The model: {model}", model=name), fit, tuple(header(fit)), tables,
                   note=phrase("Coefficients are not effects."),
                   papers={"model": paper}, data=tuple(tables))  # fmt: skip


def _about_model(chapters: dict, name: str) -> list:
    """Of the tests under the leading W those that compare the model with simpler ones, and Hausman's."""
    if "tests" not in chapters:
        return []
    search = next(iter(chapters["tests"].result.searches.values()))
    heads = (f"LR {name} vs ", f"Wald {name} vs ", f"robust Hausman, {name}")
    return [test for table in search.tables for test in table if test.name.startswith(heads)]


def outcome(q: Question, chapters: dict) -> Chapter:
    """The outcome of every unit in the last period; of a logarithm, what stands in it."""
    d = chapters["model"].result._design
    logged = is_log(d.response)
    values = pd.Series(np.exp(d.outcome[-1]) if logged else d.outcome[-1], d.ids).reindex(q.map.index)
    name = plain(d.response, q.name)
    caption = phrase("{variable}, {period}", variable=name[:1].upper() + name[1:], period=d.times[-1])
    readings = {i: reading(q, i, short(v) if np.isfinite(v) else phrase("no value")) for i, v in values.items()}
    alt = phrase("Map of {variable}", variable=name)
    drawn = page_map(q.map, values, classed(values), alt=alt, readings=readings)
    figure = Figure(plot.choropleth(q.map, values, title=caption), caption, alt, drawn)
    return Chapter(phrase("Where is {variable} high?", variable=name), values, (), {}, {"outcome": figure})


def reading(q: Question, unit, words: str) -> str:
    """What a map says of a unit under the pointer."""
    return phrase("{unit}: {value}", unit=q.unit(unit), value=words)
