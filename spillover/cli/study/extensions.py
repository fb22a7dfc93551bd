"""Steps that ask more of the model: does it move slowly, is it the same everywhere, what strengthens it?"""

from __future__ import annotations

from typing import Any

import spatial as sp
from spatial import plot
from spatial.report.html import Figure, Table
from spatial.report.text import header
from spatial.report.words import estimate, p_words, who

from .question import LEVEL, Chapter, Question


def dynamics(q: Question, chapters: dict, *, lags: str = "both") -> Chapter:
    """The model with its own past: short-run and long-run effects.

    Parameters
    ----------
    lags : text
        "y", "Wy" or "both": which past is among the regressors.
    """
    fit = q.estimate(q.formula, q.panel, q.leading, lags=lags, **q.keys)
    effects = fit.effects()
    runs = "in the short run" if effects.no_long_run else "in the short and in the long run"
    tables = {
        "dynamic_model": Table(fit.tidy(), f"Coefficients of the dynamic {fit.specification.name}"),
        "dynamic_effects": Table(effects.tidy(), f"Effects {runs}"),
    }
    figures = {"short_run": Figure(plot.effects(effects.short_run), "Short-run effects", "Points and intervals")}
    if not effects.no_long_run:
        figures["long_run"] = Figure(plot.effects(effects.long_run), "Long-run effects", "Points and intervals")
    shown: dict[str, Any] = {"labels": q.words, "stars": True}
    papers = {
        "dynamic_model": sp.etable([chapters["model"].result, fit], names=["static", "dynamic"], **shown,
                                   caption=f"The {fit.specification.name} without and with its own past"),
        "dynamic_effects": sp.etable([effects], **shown, caption=f"Effects {runs}"),
    }  # fmt: skip
    words = header(fit) + [f"No long run: {effects.no_long_run}."] * bool(effects.no_long_run)
    return Chapter("In the long run", fit, tuple(words), tables, figures, papers=papers, data=tuple(tables))


def heterogeneity(
    q: Question, chapters: dict, *, by: str, cut=None, variables: list[str] | None = None, permutations: int = 0
) -> Chapter:
    """The model in each group, and whether its effects differ.

    Parameters
    ----------
    by : text
        A column with groups, the period column with cut = [1978], or a number with cut = "median".
    cut : a list or "median"
        Where a column of numbers is cut.
    variables : list of texts
        Regressors whose effects are compared; all by default.
    permutations : whole number
        Of units between groups, for p-values that need no distribution; 0 for none.
    """
    result = sp.heterogeneity(
        q.formula, q.panel, q.leading, by=by, cut=cut, model=q.estimate, variables=variables, seed=q.seed,
        permutations=permutations, **q.keys,
    )  # fmt: skip
    tables = {
        "heterogeneity": Table(result.tidy(), f"Effects by {q.name(by)}"),
        "differences": Table(result.differences.dropna(axis=1, how="all"), "Differences between groups"),
    }
    clear = result.differences[result.differences["p_value"] < LEVEL]
    count = f"{len(clear)} of {len(result.differences)} differences between groups"
    verdict = f"{count} can be told from zero at {LEVEL:.0%}."
    paper = sp.etable(result, labels=q.words, stars=True, caption=f"Effects by {q.name(by)}")
    return Chapter(f"Is it the same for every {q.name(by)}?", result, (verdict, *who(result)), tables,
                   papers={"heterogeneity": paper}, data=("heterogeneity",))  # fmt: skip


def moderation(q: Question, chapters: dict, *, variable: str, moderator: str, at: list[float]) -> Chapter:
    """Effects of a regressor at values of a moderator that it is multiplied with.

    Parameters
    ----------
    variable : text
        The regressor.
    moderator : text
        What it is multiplied with.
    at : list of numbers
        Values of the moderator.
    """
    fit = q.estimate(f"{q.formula} + {variable}:{moderator}", q.panel, q.leading, **q.keys)
    result = sp.effects_by(fit, variable, at={moderator: list(at)})
    tables = {
        "moderation": Table(result.tidy(), f"Effects of {q.name(variable)} at values of {q.name(moderator)}"),
        "moderation_model": Table(fit.tidy(), "Coefficients, the product among them"),
    }
    sentences = tuple(_moderated(q, result, kind) for kind in ("direct", "total") if len(at) > 1)
    heading = f"Does {q.name(moderator)} change the effect of {q.name(variable)}?"
    return Chapter(heading, result, sentences, tables, answer=sentences)


def _moderated(q: Question, result, kind: str) -> str:
    rows = result.tidy().query("effect == @kind")
    low, high = (f"{estimate(row)} where {row['term']}" for _, row in rows.iloc[[0, -1]].iterrows())
    return (
        f"The {kind} effect of {q.name(result.variable)} is {low}, and {high} (equal at all values: "
        f"{p_words(result.test(kind).p_value)})."
    )
