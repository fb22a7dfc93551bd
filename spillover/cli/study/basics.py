"""Steps up to the model: who is whose neighbor, is it clustered, which model, its coefficients."""

from __future__ import annotations

import numpy as np
import pandas as pd

import spatial as sp
from spatial import plot
from spatial.plot.layer import CLUSTERS, cluster_classes, tip
from spatial.plot.page_map import page_map
from spatial.plot.qml import Style, classed
from spatial.report.html import Figure, Table
from spatial.report.text import header
from spatial.report.words import is_log, plain, short

from .question import LEVEL, Chapter, Question


def weights(q: Question, chapters: dict) -> Chapter:
    rows = []
    for name, w in q.weights.items():
        degree = pd.Series(w.csr.indptr).diff().dropna()
        rows.append((name, f"{w.kind}, {w.standardization}-standardised", w.nnz, degree.mean(),
                     f"{int(degree.min())} to {int(degree.max())}", len(w.islands), w.components))  # fmt: skip
    columns = ["W", "what it is", "links", "per unit", "range", "islands", "components"]
    first = next(iter(q.weights))
    drawn = Figure(q.leading.plot(q.map), f"Links of {first}", f"Map of links, {first}")
    return Chapter(
        "Who is whose neighbor",
        q.weights,
        ("Weights say who is whose neighbor, and how much. The model is estimated under the first; it leads.",),
        {"weights": Table(pd.DataFrame(rows, columns=columns), "The weights", digits=2)},
        {"weights": drawn},
    )


def moran(q: Question, chapters: dict, *, columns: list[str], permutations: int = 999) -> Chapter:
    """Moran's I of columns, period by period.

    Parameters
    ----------
    columns : list of texts
        Columns.
    permutations : whole number
        Behind every p-value.
    """
    by = {"time": q.time, "entity": q.entity, "seed": q.seed, "permutations": permutations}
    result = sp.moran_by(q.panel, list(columns), q.leading, **by)
    frame = result.to_frame()
    share = frame.groupby("variable", sort=False)["p_sim"].apply(lambda p: int((p < LEVEL).sum()))
    periods = frame.groupby("variable", sort=False).size()
    text = tuple(
        f"{q.name(name)} is spatially autocorrelated (permutation p below {LEVEL}) in {share[name]} of {periods[name]} "
        "periods."
        for name in share.index
    )
    table = Table(frame.drop(columns=["n", "p_norm", "weights"]), "Moran's I by period")
    drawn = Figure(result.plot(), "Moran's I by period", "Lines of Moran's I")
    return Chapter("Is it clustered?", result, text, {"moran": table}, {"moran": drawn})


def lisa(
    q: Question, chapters: dict, *, columns: list[str], period=None, correction: str = "none",
    permutations: int | None = None,
) -> Chapter:  # fmt: skip
    """Clusters and outliers of each column in one period, the last by default.

    Parameters
    ----------
    columns : list of texts
        Columns.
    period : a period
        Of the map; the last by default.
    correction : text
        Of p for the number of units: "none", "fdr" or "bonferroni".
    permutations : whole number
        Behind every p-value; by default as many as the correction needs.
    """
    period = q.panel[q.time].max() if period is None else period
    units = q.panel[q.panel[q.time] == period].set_index(q.entity)
    how = {"correction": correction, "permutations": permutations, "seed": q.seed}
    results = {column: sp.local_moran(column, q.leading, data=units, **how) for column in columns}
    rows, figures, layers = [], {}, []
    for column, result in results.items():
        frame = result.to_frame()
        significant = frame[frame["cluster"].isin(result.classes)].reset_index(names=q.entity)
        rows.append(significant.assign(variable=column)[["variable", q.entity, "cluster", "I", "p_sim"]])
        caption = f"Clusters of {q.name(column)}, {period}"
        values = units[column].reindex(frame.index)
        readings = {i: f"{q.unit(i)}: {CLUSTERS.get(c, c).lower()}; {q.name(column)} {short(value)}"
                    for i, c, value in zip(frame.index, frame["cluster"].astype(str), values)}  # fmt: skip
        drawn = page_map(q.map, frame["cluster"].astype(str), cluster_classes(result), alt=caption, readings=readings)
        figures[f"lisa_{column}"] = Figure(result.plot(q.map), caption, f"Map of clusters, {column}", drawn)
        layers.append(frame["cluster"].astype(str).rename(f"{column}_cluster"))
    table = Table(pd.concat(rows, ignore_index=True).sort_values(["variable", "cluster"], kind="stable"),
                  f"Units in clusters, {period}")  # fmt: skip
    text = tuple(f"{q.name(column)} in {period}: {_counted(result)} (significant at {result.significance:g}, "
                 f"correction for many tests: {correction})." for column, result in results.items())  # fmt: skip

    def styles(layer, names):
        at = {column: names[f"{column}_cluster"] for column in results}
        return [Style(f"Clusters of {q.name(column)}, {period}", at[column], cluster_classes(result), {},
                      tip(layer, at[column])) for column, result in results.items()]  # fmt: skip

    return Chapter("Where are the clusters?", results, text, {"lisa": table}, figures, layer=pd.concat(layers, axis=1),
                   styles=styles)  # fmt: skip


def _counted(result) -> str:
    """How many units are in each cluster, in words."""
    counts = result.frame["cluster"].value_counts(sort=False)
    return ", ".join(f"{n} {label.lower()}" for label, n in counts.items() if n and label in result.classes) or "none"


def tests(q: Question, chapters: dict) -> Chapter:
    """The tests of a panel paper under every W: LM, Hausman, LR and Wald, and what they lead to."""
    searches = sp.specify(q.formula, q.panel, q.weights, **q.keys)
    frame = searches.table.to_frame().reset_index()
    repeated = frame["section"].duplicated()
    table = Table(frame.assign(section=frame["section"].mask(repeated, "")), "The search under each W")
    first, leading = next(iter(searches.searches.items()))
    text = (f"Under {first}:", *leading.steps, f"Choice: {leading.choice}.")
    return Chapter("Which model?", searches, text, {"tests": table}, papers={"tests": searches.table}, data=("tests",))


def model(q: Question, chapters: dict) -> Chapter:
    fit = q.estimate(q.formula, q.panel, q.leading, **q.keys)
    shared = {key: value for key, value in q.keys.items() if key in ("entity", "time", "effects", "missing")}
    regression = sp.ols(q.formula, q.panel, q.leading, **shared)
    name = fit.specification.name
    tables = {
        "model": Table(fit.tidy(), f"Coefficients of the {name}"),
        "regression": Table(regression.tidy(), "The regression without spatial terms, for comparison"),
    }
    below = {test.name: [None, test] for test in _about_model(chapters, name)}
    paper = sp.etable([regression, fit], labels=q.words, stars=True, tests=below,
                      caption=f"{name} and the regression without space")  # fmt: skip
    return Chapter(f"The model: {name}", fit, tuple(header(fit)), tables, note="Coefficients are not effects.",
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
    values = pd.Series(np.exp(d.y[-1]) if logged else d.y[-1], d.ids).reindex(q.map.index)
    name = plain(d.response, q.name)
    caption = f"{name[:1].upper() + name[1:]}, {d.times[-1]}"
    said = {i: short(value) if np.isfinite(value) else "no value" for i, value in values.items()}
    readings = {i: f"{q.unit(i)}: {words}" for i, words in said.items()}
    drawn = page_map(q.map, values, classed(values), alt=f"Map of {name}", readings=readings)
    figure = Figure(plot.choropleth(q.map, values, title=caption), caption, f"Map of {name}", drawn)
    return Chapter(f"Where is {name} high?", values, (), {}, {"outcome": figure})
