"""Steps that ask more of the model: does it move slowly, is it the same everywhere, what strengthens it?"""

from __future__ import annotations

from typing import Any

import spatial as sp
from spatial import plot
from spatial.report.header import header
from spatial.report.html import Figure, Table
from spatial.report.words import estimate, p_words, who
from spillover.language import phrase, stored

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
    runs = phrase("Effects in the short run") if effects.no_long_run else phrase(
        "Effects in the short and in the long run")  # fmt: skip
    model, alt = fit.specification.name, phrase("Points and intervals")
    tables = {
        "dynamic_model": Table(fit.tidy(), phrase("Coefficients of the dynamic {model}", model=model)),
        "dynamic_effects": Table(effects.tidy(), runs),
    }
    figures = {"short_run": Figure(plot.effects(effects.short_run), phrase("Short-run effects"), alt)}
    if not effects.no_long_run:
        figures["long_run"] = Figure(plot.effects(effects.long_run), phrase("Long-run effects"), alt)
    shown: dict[str, Any] = {"labels": q.labels, "stars": True}
    papers = {
        "dynamic_model": sp.etable([chapters["model"].result, fit], names=[phrase("static"), phrase("dynamic")],
                                   caption=phrase("The {model} without and with its own past", model=model), **shown),
        "dynamic_effects": sp.etable([effects], **shown, caption=runs),
    }  # fmt: skip
    words = header(fit)
    if effects.no_long_run:
        words.append(phrase("No long run: {why}.", why=stored(effects.no_long_run)))
    return Chapter(phrase("In the long run"), fit, tuple(words), tables, figures, papers=papers, data=tuple(tables))


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
        "heterogeneity": Table(result.tidy(), phrase("Effects by {variable}", variable=q.name(by))),
        "differences": Table(result.differences.dropna(axis=1, how="all"), phrase("Differences between groups")),
    }
    clear = result.differences[result.differences["p_value"] < LEVEL]
    verdict = phrase("{n} of {all} differences between groups can be told from zero at {level}.", n=len(clear),
                     all=len(result.differences), level=f"{LEVEL:.0%}")  # fmt: skip
    paper = sp.etable(result, labels=q.labels, stars=True, caption=phrase("Effects by {variable}", variable=q.name(by)))
    heading = phrase("Is it the same for every {variable}?", variable=q.name(by))
    return Chapter(heading, result, (verdict, *who(result)), tables,
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
    named = {"variable": q.name(variable), "moderator": q.name(moderator)}
    tables = {
        "moderation": Table(result.tidy(), phrase("Effects of {variable} at values of {moderator}", **named)),
        "moderation_model": Table(fit.tidy(), phrase("Coefficients, the product among them")),
    }
    sentences = tuple(_moderated(q, result, kind) for kind in ("direct", "total") if len(at) > 1)
    heading = phrase("Does {moderator} change the effect of {variable}?", **named)
    return Chapter(heading, result, sentences, tables, answer=sentences)


def _moderated(q: Question, result, kind: str) -> str:
    rows = result.tidy().query("effect == @kind")
    (_, first), (_, last) = rows.iloc[[0, -1]].iterrows()
    of = {
        "variable": q.name(result.variable), "first": estimate(first), "last": estimate(last),
        "low": q.words_of(first["term"]), "high": q.words_of(last["term"]), "p": p_words(result.test(kind).p_value),
    }  # fmt: skip
    if kind == "direct":
        return phrase("The direct effect of {variable} is {first} where {low}, and {last} where {high} (equal at all "
                      "values: {p}).", **of)  # fmt: skip
    return phrase("The total effect of {variable} is {first} where {low}, and {last} where {high} (equal at all "
                  "values: {p}).", **of)  # fmt: skip
