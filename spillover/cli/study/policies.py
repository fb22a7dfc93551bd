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

from .question import LEVEL, Chapter, Question


def policy(
    q: Question, chapters: dict, *, treatment: str, method: str = "imputation", window: list[int] | None = None
) -> Chapter:
    """Difference-in-differences, without spillovers and with them.

    Parameters
    ----------
    treatment : text
        A column: 0 before, 1 from the first treated period on.
    method : text
        "imputation", "group_time" or "twfe".
    window : list of whole numbers
        First and last period of the event study, since adoption.
    """
    formula = _with_first(q.formula, treatment)
    keys: dict[str, Any] = {"entity": q.entity, "time": q.time, "treatment": treatment}
    keys |= {"window": tuple(window)} if window else {}
    alone = sp.did(formula, q.panel, method=method, **keys)
    spatial = sp.spatial_did(formula, q.panel, q.leading, **keys)
    tables = {
        "did": Table(alone.table, "Average effect on the treated, as if nothing spilled over"),
        "spatial_did": Table(spatial.table, "Direct and indirect effects of the policy"),
    }
    figures = {}
    if alone.path is not None:
        tables["event_study"] = Table(alone.path, "Effect by period since adoption")
        figures["trends"] = Figure(plot.trends(alone), "Mean outcome by cohort", "Lines of means")
        figures["event_study"] = Figure(plot.event_study(alone), "Event study", "Points and intervals by period")
    if spatial.path is not None:
        drawn = Figure(plot.event_study(spatial), "Event study at home and next door", "Points and intervals by period")
        figures["spatial_event_study"] = drawn
    name, neighbors = q.name(treatment), spatial.table.set_index("term").loc["indirect on untreated neighbors"]
    percent = is_log(spatial.response)
    answer = (
        f"{name} changed {plain(spatial.response, q.name)} of those that adopted it by "
        f"{estimate(alone.table.iloc[0], percent=percent)}; of untreated neighbors by "
        f"{estimate(neighbors, percent=percent)}.",
    )
    before = _before("Alone", alone) + _before("With neighbors", spatial)
    notes = "; ".join((*alone.notes, *spatial.notes))
    text = (*answer, *before, *who(alone), *who(spatial))
    both = {"without neighbors": alone, "with neighbors": spatial}
    paper = sp.etable(both, labels=q.words, stars=True, caption=f"What {name} did, without neighbors and with them")
    return Chapter(f"What {name} did", (alone, spatial), text, tables, figures, notes, papers={"policy": paper},
                   data=("did", "spatial_did"), answer=answer)  # fmt: skip


def _before(model: str, result) -> tuple[str, ...]:
    """The test for effects before adoption; nothing where there is no such period."""
    try:
        return (f"{model}: {result.pretrends}",)
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
    tables = {f"mediation_{i}": Table(r.table, f"Through {q.name(m)}") for i, (m, r) in enumerate(results.items(), 1)}
    clear = [q.name(m) for m, r in results.items() if _mediated(r)["p_value"] < LEVEL]
    effect = f"of the effect of {q.name(next(iter(results.values())).settings['x'])}"
    part = f"A part {effect}" if clear else f"No part {effect}"
    answer = (f"{part} that can be told from zero passes through {', '.join(clear or map(q.name, mediators))}.",)
    text = (*answer, *(line for r in results.values() for line in who(r)))
    return Chapter("Through which channel?", results, text, tables, answer=answer)


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
        "thresholds": Table(result.thresholds, f"Thresholds in {q.name(variable)}"),
        "regimes": Table(result.table, "Coefficients in each regime"),
    }
    figures = {
        f"threshold_{k}": Figure(plot.threshold(result, number=k), f"Threshold {k}", "Likelihood ratio by threshold")
        for k in range(1, len(result.thresholds) + 1)
    }
    first = result.thresholds.iloc[0]
    verdict = "can" if first["p_value"] < LEVEL else "cannot"
    value, low, high = (f"{first[column]:.4g}" for column in ("threshold", "conf_low", "conf_high"))
    answer = (
        f"That the effect of {q.name(result.settings['switching'])} changes with {q.name(variable)} {verdict} be told "
        f"from chance (bootstrap {p_words(first['p_value'])}); the likeliest threshold is {value} [{low}, {high}].",
    )
    heading = "Does the effect change at a threshold?"
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
    tables = {"what_if": Table(result.table.rename_axis(q.entity).reset_index(), "Every unit's change and response")}
    answer: tuple[str, ...] = ()
    if groups is not None:
        means = result.by_group(groups)
        tables["what_if_by_group"] = Table(means.reset_index(), f"Who gains, by {q.name(groups)}")
        answer = (_who_gains(q, result, means),)
    caption = f"Response to a change of {q.name(variable)}"
    drawn = Figure(plot.what_if(q.map, result), caption, "Map of responses", _drawn(q, result, caption))
    layer = result.table[["change", "estimate"]].add_prefix("what_if_")

    def styles(layer, names):
        column, label = names["what_if_estimate"], f"Response to a change of {q.name(result.variable)}"
        return [Style(label, column, classed(layer[column]), {column: label}, tip(layer, column))]

    return Chapter("What if?", result, (*answer, *who(result)), tables, {"what_if": drawn}, answer=answer, layer=layer,
                   styles=styles)  # fmt: skip


def _drawn(q: Question, result, alt: str) -> str:
    """The map of responses for the page, with every unit's interval under the pointer."""
    percent = "percent" in result.table
    shown = ["percent", "percent_low", "percent_high"] if percent else ["estimate", "conf_low", "conf_high"]
    readings = {i: f"{q.unit(i)}: {short(value)}{PERCENT * percent} [{short(low)}, {short(high)}]"
                for i, value, low, high in result.table[shown].itertuples()}  # fmt: skip
    values = result.table[shown[0]]
    return page_map(q.map, values, classed(values), alt=alt, readings=readings)


def _who_gains(q: Question, result, means) -> str:
    outcome, changed = result.fit._design.response, int((result.table["change"] != 0).sum())
    percent = is_log(outcome)
    each = ", ".join(f"{estimate(row, percent=percent)} in {group}" for group, row in means.iloc[:-1].iterrows())
    return (
        f"Were {q.name(result.variable)} changed as the study asks in {changed} of {len(result.table)} units, mean "
        f"{plain(outcome, q.name)} would change by {each}, and {estimate(means.iloc[-1], percent=percent)} over all."
    )


def _with_first(formula: str, term: str) -> str:
    """The formula with ``term`` as its first regressor."""
    left, _, right = formula.partition("~")
    return formula if term in right.split("+")[0].split() else f"{left.strip()} ~ {term} + {right.strip()}"


def _mediated(result):
    rows = result.table
    return rows[(rows["path"] == "mediated") & (rows["effect"] == "total")].iloc[0]
