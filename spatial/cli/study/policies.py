"""Steps after the effects: a policy, a channel, a threshold, a what-if."""

from __future__ import annotations

import spatial as sp
from spillover.errors import SpatialInputError

from ... import plot
from ...report.html import Figure, Table
from .question import Chapter, Question
from .words import LEVEL, estimate


def policy(q: Question, found: dict, *, treatment: str, method: str = "imputation") -> Chapter:
    """Difference-in-differences, without spillovers and with them."""
    formula = _with_first(q.formula, treatment)
    keys = {"entity": q.entity, "time": q.time, "treatment": treatment}
    alone = sp.did(formula, q.panel, method=method, **keys)
    spatial = sp.spatial_did(formula, q.panel, q.leading, draws=q.draws, seed=q.seed, **keys)
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
    name, neighbours = q.name(treatment), spatial.table.set_index("term").loc["indirect on untreated neighbours"]
    answer = (
        f"{name} changed {q.name(spatial.response)} of those that adopted it by {estimate(alone.table.iloc[0])}; of "
        f"untreated neighbours by {estimate(neighbours)}.",
    )
    notes = "; ".join((*alone.notes, *spatial.notes))
    return Chapter(f"What {name} did", (alone, spatial), answer, tables, figures, notes, answer=answer)


def mechanism(q: Question, found: dict, *, mediators: list[str], variable: str | None = None) -> Chapter:
    """How much of the effect of one regressor passes through each mediator."""
    results = {
        m: sp.mediation(q.formula, q.panel, q.leading, mediator=m, variable=variable, entity=q.entity, time=q.time,
                        effects=q.options["effects"], seed=q.seed)
        for m in mediators
    }  # fmt: skip
    tables = {f"mediation_{i}": Table(r.table, f"Through {q.name(m)}") for i, (m, r) in enumerate(results.items(), 1)}
    clear = [q.name(m) for m, r in results.items() if _mediated(r)["p_value"] < LEVEL]
    part = "A part of the effect" if clear else "Nothing"
    answer = (f"{part} that can be told from zero passes through {', '.join(clear or map(q.name, mediators))}.",)
    return Chapter("Through which channel?", results, answer, tables, answer=answer)


def threshold(q: Question, found: dict, *, variable: str, switching: str | None = None, thresholds: int = 1) -> Chapter:
    """Where the effect of a regressor changes."""
    effects = q.options["effects"]
    if effects not in ("entity", "twoway"):
        raise SpatialInputError("E501", "a threshold needs effects = 'entity' or 'twoway'")
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
    return Chapter("Does the effect change at a threshold?", result, result.notes, tables, figures)


def what_if(
    q: Question, found: dict, *, variable: str, change: float | None = None, percent: float | None = None,
    to=None, share: float = 1.0, units=None, groups: str | None = None,
) -> Chapter:  # fmt: skip
    """A regressor changed in some units, and the response of all."""
    moved = {"change": change, "percent": percent, "to": to, "share": share, "units": units}
    result = sp.what_if(found["model"].result, variable, draws=q.draws, seed=q.seed, **moved)
    tables = {"what_if": Table(result.table.rename_axis(q.entity).reset_index(), "Every unit's change and response")}
    if groups is not None:
        tables["what_if_by_group"] = Table(result.by_group(groups).reset_index(), f"Who gains, by {groups}")
    drawn = Figure(plot.what_if(q.map, result), f"Response to a change of {q.name(variable)}", "Map of responses")
    layer = result.table[["change", "estimate"]].add_prefix("what_if_")
    return Chapter("What if?", result, (), tables, {"what_if": drawn}, layer=layer)


def _with_first(formula: str, term: str) -> str:
    """The formula with ``term`` as its first regressor."""
    left, _, right = formula.partition("~")
    return formula if term in right.split("+")[0].split() else f"{left.strip()} ~ {term} + {right.strip()}"


def _mediated(result):
    rows = result.table
    return rows[(rows["path"] == "mediated") & (rows["effect"] == "total")].iloc[0]
