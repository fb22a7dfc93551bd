"""Steps after the effects: a policy, a channel, a threshold, a what-if."""

from __future__ import annotations

from typing import Any

import spatial as sp
from spatial import plot
from spatial.plot.layer import tip
from spatial.plot.page_map import page_map
from spatial.plot.qml import Style, classed
from spatial.report.html import Figure, Table
from spatial.report.words import PERCENT, estimate, is_log, p_words, plain, short, who
from spillover.errors import SpatialInputError
from spillover.language import listed, phrase, semicolons, stored

from .basics import reading
from .question import LEVEL, Chapter, Question


def policy(
    q: Question, chapters: dict, *, treatment: str, method: str = "imputation", control: str | None = None,
    adjustment: str | None = None, window: list[int] | None = None
) -> Chapter:  # fmt: skip
    """Difference-in-differences, without spillovers and with them.

    Parameters
    ----------
    treatment : text
        A column: 0 before, 1 from the first treated period on.
    method : text
        "imputation", "group_time" or "twfe".
    control : text
        Comparison of "group_time": "never" treated, the default, or "not_yet".
    adjustment : text
        How "group_time" takes covariates into account: "doubly_robust", the default, "improved",
        "regression" or "weighting".
    window : list of whole numbers
        First and last period of the event study, since adoption.
    """
    formula = with_first(q.formula, treatment)
    keys: dict[str, Any] = {"entity": q.entity, "time": q.time, "treatment": treatment}
    keys |= {"window": tuple(window)} if window else {}
    alone = sp.did(formula, q.panel, method=method, control=control, adjustment=adjustment, **keys)
    spatial = sp.spatial_did(formula, q.panel, q.leading, **keys)
    tables = {
        "did": Table(alone.table, phrase("Average effect on the treated, as if nothing spilled over")),
        "spatial_did": Table(spatial.table, phrase("Direct and indirect effects of the policy")),
    }
    figures, alt = {}, phrase("Points and intervals by period")
    if alone.path is not None:
        tables["event_study"] = Table(alone.path, phrase("Effect by period since adoption"))
        figures["trends"] = Figure(plot.trends(alone), phrase("Mean outcome by cohort"), phrase("Lines of means"))
        figures["event_study"] = Figure(plot.event_study(alone), phrase("Event study"), alt)
    if spatial.path is not None:
        drawn = Figure(plot.event_study(spatial), phrase("Event study at home and next door"), alt)
        figures["spatial_event_study"] = drawn
    name, neighbors = q.name(treatment), spatial.table.set_index("term").loc["indirect on untreated neighbors"]
    percent = is_log(spatial.response)
    answer = (
        phrase("{policy} changed {outcome} of those that adopted it by {own}; of untreated neighbors by {others}.",
               policy=name, outcome=plain(spatial.response, q.name),
               own=estimate(alone.table.iloc[0], percent=percent), others=estimate(neighbors, percent=percent)),
    )  # fmt: skip
    before = (*(phrase("Alone: {test}", test=text) for text in _before(alone)),
              *(phrase("With neighbors: {test}", test=text) for text in _before(spatial)))  # fmt: skip
    notes = semicolons(map(stored, (*alone.notes, *spatial.notes)))
    text = (*answer, *before, *who(alone), *who(spatial))
    both = {phrase("without neighbors"): alone, phrase("with neighbors"): spatial}
    caption = phrase("What {policy} did, without neighbors and with them", policy=name)
    paper = sp.etable(both, labels=q.labels, stars=True, caption=caption)
    heading = phrase("What {policy} did", policy=name)
    return Chapter(heading, (alone, spatial), text, tables, figures, notes, papers={"policy": paper},
                   data=("did", "spatial_did"), answer=answer)  # fmt: skip


def _before(result) -> tuple[str, ...]:
    """The test for effects before adoption; nothing where there is no such period."""
    try:
        return (str(result.pretrends),)
    except SpatialInputError:
        return ()


def mechanism(q: Question, chapters: dict, *, mediators: list[str], variable: str | None = None) -> Chapter:
    """How much of the effect of one regressor, the formula's first unless named, passes through each mediator.

    Parameters
    ----------
    mediators : list of texts
        What the effect may pass through, one at a time.
    variable : text
        The regressor; the formula's first by default.
    """
    variable = variable or q.formula.partition("~")[2].split("+")[0].strip()
    results = {
        m: sp.mediation(q.formula, q.panel, q.leading, mediator=m, variable=variable, entity=q.entity, time=q.time,
                        effects=q.options["effects"], draws=q.draws, seed=q.seed)
        for m in mediators
    }  # fmt: skip
    tables = {f"mediation_{i}": Table(r.table, phrase("Through {mediator}", mediator=q.name(m)))
              for i, (m, r) in enumerate(results.items(), 1)}  # fmt: skip
    clear = [q.name(m) for m, r in results.items() if _mediated(r)["p_value"] < LEVEL]
    term = q.name(next(iter(results.values())).settings["x"])
    if clear:
        sentence = phrase("A part of the effect of {variable} that can be told from zero passes through {mediators}.",
                          variable=term, mediators=listed(clear))  # fmt: skip
    else:
        sentence = phrase("No part of the effect of {variable} that can be told from zero passes through {mediators}.",
                          variable=term, mediators=listed(map(q.name, mediators)))  # fmt: skip
    answer = (sentence,)
    text = (*answer, *(line for r in results.values() for line in who(r)))
    return Chapter(phrase("Through which channel?"), results, text, tables, answer=answer)


def threshold(
    q: Question, chapters: dict, *, variable: str, switching: str | None = None, thresholds: int = 1
) -> Chapter:
    """Where the effect of a regressor changes.

    Parameters
    ----------
    variable : text
        The column whose value decides.
    switching : text
        The regressor whose effect changes; the formula's first by default.
    thresholds : whole number
        How many.
    """
    effects = q.options["effects"]
    if effects not in ("entity", "twoway"):
        raise SpatialInputError("E501", "a threshold needs effects = 'entity' or 'twoway'",
                                hint="effects = 'twoway' in [options]")
    result = sp.threshold(
        q.formula, q.panel, threshold_variable=variable, switching=switching, thresholds=thresholds, effects=effects,
        w=q.leading, entity=q.entity, time=q.time, seed=q.seed,
    )  # fmt: skip
    tables = {
        "thresholds": Table(result.thresholds, phrase("Thresholds in {variable}", variable=q.name(variable))),
        "regimes": Table(result.table, phrase("Coefficients in each regime")),
    }
    figures = {
        f"threshold_{k}": Figure(plot.threshold(result, number=k), phrase("Threshold {number}", number=k),
                                 phrase("Likelihood ratio by threshold"))
        for k in range(1, len(result.thresholds) + 1)
    }
    first = result.thresholds.iloc[0]
    value, low, high = (f"{first[column]:.4g}" for column in ("threshold", "conf_low", "conf_high"))
    of = {"term": q.name(result.settings["switching"]), "variable": q.name(variable), "p": p_words(first["p_value"]),
          "value": value, "low": low, "high": high}  # fmt: skip
    answer = (
        phrase("That the effect of {term} changes with {variable} can be told from chance (bootstrap {p}); the "
               "likeliest threshold is {value} [{low}, {high}].", **of)
        if first["p_value"] < LEVEL else
        phrase("That the effect of {term} changes with {variable} cannot be told from chance (bootstrap {p}); the "
               "likeliest threshold is {value} [{low}, {high}].", **of),
    )  # fmt: skip
    heading = phrase("Does the effect change at a threshold?")
    return Chapter(heading, result, (*answer, *who(result)), tables, figures, answer=answer)


def what_if(
    q: Question, chapters: dict, *, variable: str, change: float | None = None, percent: float | None = None,
    to=None, share: float = 1.0, units=None, groups: str | None = None,
) -> Chapter:  # fmt: skip
    """A regressor changed in some units, and the response of all.

    Parameters
    ----------
    variable : text
        The regressor.
    change : number
        Added to it.
    percent : number
        It grows by so many per cent.
    to : number or text
        It is set to this value, or to "median", "mean" and the like.
    share : number
        The part of the way that is gone.
    units : list of units or table
        Where; a table picks by columns: { region = "West" }. All by default.
    groups : text
        A column whose groups the responses are averaged over.
    """
    moved = {"change": change, "percent": percent, "to": to, "share": share, "units": units}
    result = sp.what_if(chapters["model"].result, variable, **moved)
    tables = {"what_if": Table(result.table.rename_axis(q.entity).reset_index(),
                               phrase("Every unit's change and response"))}
    answer: tuple[str, ...] = ()
    if groups is not None:
        means = result.by_group(groups)
        by = phrase("Who gains, by {variable}", variable=q.name(groups))
        tables["what_if_by_group"] = Table(means.rename(index={"all": phrase("all")}).reset_index(), by)
        answer = (_who_gains(q, result, means),)
    caption = phrase("Response to a change of {variable}", variable=q.name(variable))
    drawn = Figure(plot.what_if(q.map, result), caption, phrase("Map of responses"), _drawn(q, result, caption))
    layer = result.table[["change", "estimate"]].add_prefix("what_if_")

    def styles(layer, names):
        column = names["what_if_estimate"]
        return [Style(caption, column, classed(layer[column]), {column: caption}, tip(layer, column))]

    return Chapter(phrase("What if?"), result, (*answer, *who(result)), tables, {"what_if": drawn}, answer=answer,
                   layer=layer, styles=styles)  # fmt: skip


def _drawn(q: Question, result, alt: str) -> str:
    """The map of responses for the page, with every unit's interval under the pointer."""
    percent = "percent" in result.table
    shown = ["percent", "percent_low", "percent_high"] if percent else ["estimate", "conf_low", "conf_high"]
    readings = {i: reading(q, i, f"{short(value)}{PERCENT * percent} [{short(low)}, {short(high)}]")
                for i, value, low, high in result.table[shown].itertuples()}  # fmt: skip
    values = result.table[shown[0]]
    return page_map(q.map, values, classed(values), alt=alt, readings=readings)


def _who_gains(q: Question, result, means) -> str:
    outcome, changed = result.fit._design.response, int((result.table["change"] != 0).sum())
    percent = is_log(outcome)
    each = listed(phrase("{value} in {group}", value=estimate(row, percent=percent), group=group)
                  for group, row in means.iloc[:-1].iterrows())  # fmt: skip
    return phrase("Were {variable} changed as the study asks in {n} of {units} units, mean {outcome} would change by "
                  "{each}, and {whole} over all.", variable=q.name(result.variable), n=changed,
                  units=len(result.table), outcome=plain(outcome, q.name), each=each,
                  whole=estimate(means.iloc[-1], percent=percent))  # fmt: skip


def with_first(formula: str, term: str) -> str:
    """The formula with ``term`` as its first regressor."""
    left, _, right = formula.partition("~")
    return formula if term in right.split("+")[0].split() else f"{left.strip()} ~ {term} + {right.strip()}"


def _mediated(result):
    rows = result.table
    return rows[(rows["path"] == "mediated") & (rows["effect"] == "total")].iloc[0]
