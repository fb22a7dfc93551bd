"""Where clusters are: local Moran statistics of a column, on a map of one period and on small maps of all."""

from __future__ import annotations

from typing import Any

import pandas as pd

import spatial as sp
from spatial.plot.layer import cluster_classes, cluster_words, tip
from spatial.plot.page_map import page_map
from spatial.plot.page_maps import page_maps
from spatial.plot.qml import Style
from spatial.plot.small_maps import cluster_maps
from spatial.report.html import Figure, Table
from spatial.report.words import short
from spillover.language import listed, phrase, stored

from .question import Chapter, Question


def lisa(
    q: Question, chapters: dict, *, columns: list[str] | None = None, period=None, correction: str = "none",
    permutations: int | None = None, every: bool = True,
) -> Chapter:  # fmt: skip
    """Clusters and outliers of each column in one period, the last by default, and small maps of all periods.

    Parameters
    ----------
    columns : list of texts
        Columns; by default the outcome's.
    period : a period
        Of the map; the last by default.
    correction : text
        Of p for the number of units: "none", "fdr" or "bonferroni".
    permutations : whole number
        Behind every p-value; by default as many as the correction needs.
    every : true or false
        Whether small maps of all periods stand below.
    """
    periods = sorted(q.panel[q.time].dropna().unique())
    period = periods[-1] if period is None else period
    how: dict[str, Any] = {"correction": correction, "permutations": permutations, "seed": q.seed}

    def of(column: str, at):
        units = q.panel[q.panel[q.time] == at].set_index(q.entity)
        return sp.local_moran(column, q.leading, data=units, **how)

    results = {column: of(column, period) for column in columns or q.outcome_columns}
    rows, figures, layers = [], {}, []
    for column, result in results.items():
        frame = result.to_frame()
        significant = frame[frame["cluster"].isin(result.classes)].reset_index(names=q.entity)
        rows.append(significant.assign(variable=column)[["variable", q.entity, "cluster", "I", "p_sim"]])
        figures[f"lisa_{column}"] = _map(q, column, result, period)
        figures[f"moran_scatter_{column}"] = _scatter(q, column, period)
        if every and len(periods) > 1:
            each = {at: result if at == period else of(column, at) for at in periods}
            figures[f"lisa_{column}_by_period"] = _small_maps(q, column, each)
        layers.append(frame["cluster"].astype(str).rename(f"{column}_cluster"))
    table = Table(pd.concat(rows, ignore_index=True).sort_values(["variable", "cluster"], kind="stable"),
                  phrase("Units in clusters, {period}", period=period))  # fmt: skip
    text = tuple(_counted(q, column, result, period) for column, result in results.items())

    def styles(layer, names):
        at = {column: names[f"{column}_cluster"] for column in results}
        return [Style(_caption(q, column, period), at[column], cluster_classes(result), {}, tip(layer, at[column]))
                for column, result in results.items()]  # fmt: skip

    return Chapter(phrase("Where are the clusters?"), results, text, {"lisa": table}, figures,
                   layer=pd.concat(layers, axis=1), styles=styles)  # fmt: skip


def _caption(q: Question, column: str, period) -> str:
    return phrase("Clusters of {variable}, {period}", variable=q.name(column), period=period)


def _scatter(q: Question, column: str, period) -> Figure:
    """The column against its spatial lag, quadrants and units far out by their names."""
    units = q.panel[q.panel[q.time] == period].set_index(q.entity)
    result = sp.moran(column, q.leading, data=units, permutations=0)
    caption = phrase("{variable} and its spatial lag, {period}", variable=q.name(column), period=period)
    return Figure(result.plot(), caption, phrase("Moran scatter plot of {variable}", variable=q.name(column)))


def _map(q: Question, column: str, result, period) -> Figure:
    """The map of one period; what each unit is stands under the pointer."""
    clusters = result.frame["cluster"].astype(str)
    values = pd.Series(result.values.iloc[:, 0].to_numpy(), result.values.index).reindex(clusters.index)
    readings = {
        i: phrase("{unit}: {cluster}; {variable} {value}", unit=q.unit(i), cluster=cluster_words(c),
                  variable=q.name(column), value=short(value))
        for i, c, value in zip(clusters.index, clusters, values)
    }  # fmt: skip
    caption = _caption(q, column, period)
    drawn = page_map(q.map, clusters, cluster_classes(result), alt=caption, readings=readings)
    alt = phrase("Map of clusters, {variable}", variable=q.name(column))
    return Figure(result.plot(q.map), caption, alt, drawn)


def _small_maps(q: Question, column: str, each: dict) -> Figure:
    """One small map for every period, all with one legend."""
    clusters = pd.DataFrame({at: result.frame["cluster"].astype(str) for at, result in each.items()})
    first, last = clusters.columns[[0, -1]]
    caption = phrase("Clusters of {variable}, {first} to {last}", variable=q.name(column), first=first, last=last)
    drawn = page_maps(q.map, clusters, alt=caption, name=q.unit)
    return Figure(cluster_maps(q.map, clusters, title=caption), caption, caption, drawn)


def _counted(q: Question, column: str, result, period) -> str:
    """How many units are in each cluster, in words."""
    counts = result.frame["cluster"].value_counts(sort=False)
    of = {"variable": q.name(column), "period": period, "level": f"{result.significance:g}",
          "correction": stored(result.correction)}  # fmt: skip
    there = [phrase("{n} {cluster}", n=n, cluster=stored(label).lower()) for label, n in counts.items()
             if n and label in result.classes]  # fmt: skip
    if not there:
        return phrase("{variable} in {period}: no unit is in a cluster (at {level}, correction for many tests: "
                      "{correction}).", **of)  # fmt: skip
    return phrase("{variable} in {period}: {counts} (significant at {level}, correction for many tests: {correction}).",
                  counts=listed(there), **of)  # fmt: skip
