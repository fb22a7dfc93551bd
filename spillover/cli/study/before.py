"""Steps before the model: the columns that were made, how units compare, and the gaps between them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

import spatial as sp
from spatial.report.html import Figure, Table
from spillover.language import phrase, semicolons, stored

from .question import LEVEL, Chapter, Question


def columns(q: Question, chapters: dict) -> Chapter:
    text = tuple(phrase("{variable} is {how}.", variable=q.name(column.name), how=stored(column.how))
                 for column in q.computed)  # fmt: skip
    tables, figures = {}, {}
    for column in q.computed:
        if hasattr(column.result, "weights"):
            frame = column.result.weights.replace({"group": {"index": phrase("index")}})
            tables[f"weights_of_{column.name}"] = Table(
                frame, phrase("Weights in {variable}", variable=q.name(column.name)))
        if hasattr(column.result, "by_period") and hasattr(column.result, "plot"):
            means = column.result.by_period.reset_index()
            title = stored(column.result.title)
            tables[column.name] = Table(means, phrase("{title}: means over units", title=title))
            figures[column.name] = Figure(column.result.plot(), title, phrase("Lines of mean changes by period"))
        if hasattr(column.result, "params"):
            tables[column.name] = Table(column.result.tidy(), stored(column.result.title))
    return Chapter(phrase("What was computed first"), q.computed, text, tables, figures)


def growth(
    q: Question, chapters: dict, *, columns: list[str] | None = None, units: list | None = None
) -> Chapter:
    """Growth rates, shares and levels of columns.

    Parameters
    ----------
    columns : list of texts
        Columns; by default the outcome's.
    units : list of units
        Units that the table shows; all when there are none.
    """
    columns = list(columns or q.outcome_columns)
    result = sp.indicators.growth_table(q.panel, columns, entity=q.entity, time=q.time, units=units)
    start, end = result.start, result.end
    heads = {"first": f"{start}", "last": f"{end}", "growth": "growth a period", "share_first": f"share {start}",
             "share_last": f"share {end}", "level_last": f"level {end}"}  # fmt: skip
    caption = phrase("Levels, growth a period and shares of the whole (0.01 is 1 %), and the level when {base} = 100",
                     base=result.base)  # fmt: skip
    table = Table(result.table.rename(columns=heads), caption)
    return Chapter(phrase("How units compare"), result, (), {"growth": table})


def gaps(
    q: Question, chapters: dict, *, column: str, groups: str | None = None, controls: Sequence[str] = (),
    classes: int = 4,
) -> Chapter:  # fmt: skip
    """Gini and Theil with their parts, sigma and beta convergence, densities and transitions of one column.

    Parameters
    ----------
    column : text
        The column.
    groups : text
        A column with the group of every unit, whose parts are told apart.
    controls : list of texts
        Regressors of conditional beta convergence.
    classes : whole number
        Of the spatial Markov chain.
    """
    keys: dict[str, Any] = {"entity": q.entity, "time": q.time}
    sp_ = sp.indicators
    gini, theil = (f(q.panel, column, groups=groups, **keys) for f in (sp_.gini, sp_.theil))
    sigma = sp_.sigma_convergence(q.panel, column, q.leading, groups=groups, **keys)
    beta = sp_.beta_convergence(q.panel, column, q.leading, model=q.model, controls=list(controls), **keys)
    densities = sp_.kernel_densities(q.panel, column, **keys)
    moves = sp_.spatial_markov(q.panel, column, q.leading, classes=classes, **keys)
    tables = {
        "gini": Table(_parts(gini), phrase("Gini coefficient and Dagum's parts") if groups else
                      phrase("Gini coefficient")),
        "theil": Table(_parts(theil), phrase("Theil index and its parts") if groups else phrase("Theil index")),
        "sigma": _tests(sigma.tests, phrase("Sigma convergence: variance, first and last")),
        "beta": Table(beta.table.rename(columns={"term": "effect"}), phrase("Beta convergence: speed and half-life")),
        "transitions": Table(_matrices(moves), phrase("Probabilities of moving between classes, by the class of the "
                                                      "neighbors")),
        "transition_tests": _tests(moves.tests, phrase("Do the neighbors matter?")),
    }  # fmt: skip
    name = q.name(column)
    figures = {
        "sigma": Figure(sigma.plot(), phrase("Spread of {variable} by period", variable=name),
                        phrase("Lines of the coefficient of variation")),
        "densities": Figure(densities.plot(), phrase("Densities of {variable} by period", variable=name),
                            phrase("Kernel densities")),
        "transitions": Figure(moves.overall.plot(), phrase("Transitions between classes"),
                              phrase("Heat map of probabilities")),
    }  # fmt: skip
    answer = (_about_gaps(name, gini, moves),)
    return Chapter(phrase("Do the gaps close?"), {"gini": gini, "theil": theil, "beta": beta}, answer, tables, figures,
                   answer=answer)  # fmt: skip


def _tests(tests, caption: str) -> Table:
    return Table(tests.tidy().rename(columns={"term": "test"}).replace({"test": {"all": phrase("all")}}), caption)


def _parts(chapters) -> pd.DataFrame:
    """One row per period: the measure, its parts and their shares."""
    return chapters.frame.join(chapters.shares.add_prefix("share ")).reset_index()


def _matrices(moves) -> pd.DataFrame:
    """The matrix of all units above those of each class of neighbors."""
    parts = []
    for neighbors, chain in {"all": moves.overall, **moves.by_lag}.items():
        part = chain.probabilities.add_prefix("to ").reset_index()
        parts.append(part.assign(moves=chain.counts.sum(axis=1).to_numpy()).assign(neighbors=str(neighbors)))
    whole = pd.concat(parts, ignore_index=True)
    return whole[["neighbors", *whole.columns.drop("neighbors")]]


def _about_gaps(name: str, gini, moves) -> str:
    whole = gini.frame.iloc[:, 0]
    p = moves.tests["LR"].p_value
    of = {"variable": name, "first": f"{whole.iloc[0]:.3f}", "start": whole.index[0], "last": f"{whole.iloc[-1]:.3f}",
          "end": whole.index[-1]}  # fmt: skip
    if whole.iloc[-1] < whole.iloc[0]:
        change = phrase("The Gini coefficient of {variable} fell from {first} in {start} to {last} in {end}", **of)
    else:
        change = phrase("The Gini coefficient of {variable} rose from {first} in {start} to {last} in {end}", **of)
    if p < LEVEL:
        place = phrase("a unit's move between classes depends on where it lies (p = {p}).", p=f"{p:.3f}")
    else:
        place = phrase("a unit's move between classes cannot be shown to depend on where it lies (p = {p}).",
                       p=f"{p:.3f}")  # fmt: skip
    return semicolons([change, place])
