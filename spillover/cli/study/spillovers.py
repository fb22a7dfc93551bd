"""Steps from the model on: direct and indirect effects, one unit's shock, and all of it under every W."""

from __future__ import annotations

import numpy as np

import spatial as sp
from spatial import plot
from spatial.plot.layer import by_unit, responses
from spatial.plot.page_map import page_map
from spatial.plot.qml import classed
from spatial.report.html import Figure, Table
from spatial.report.intervals import intervals_text
from spatial.report.words import (
    PERCENT,
    about_shock,
    about_spillovers,
    about_weights,
    default_size,
    how_to_read,
    is_log,
    plain,
    shock_words,
    short,
)
from spillover.language import phrase, semicolons

from .basics import reading
from .question import Chapter, Question


def effects(q: Question, chapters: dict) -> Chapter:
    e = chapters["model"].result.effects()
    columns, styles = by_unit(e, q.name)
    title = phrase("Direct, indirect and total effects")
    drawn = Figure(plot.effects(e), title, phrase("Points and intervals of the effects"))
    return Chapter(
        title,
        e,
        how_to_read(),
        {"effects": Table(e.tidy(), phrase("Effects"))},
        {"effects": drawn},
        papers={"effects": sp.etable([e], labels=q.labels, stars=True, caption=title)},
        data=("effects",),
        note=phrase("{intervals}.", intervals=intervals_text(e)),
        answer=about_spillovers(e, q.name),
        layer=columns,
        styles=styles,
    )


def shock(q: Question, chapters: dict, *, unit=None, term: str | None = None, size: float | None = None) -> Chapter:
    """What one unit's change does to all others.

    Parameters
    ----------
    unit : a unit
        Where it happens; by default the unit with most neighbors.
    term : text
        The regressor; by default that whose indirect effect is clearest.
    size : number
        Of the change, in units of the term; by default 10 % more of what is in logs, else one standard deviation.
    """
    e = chapters["effects"].result
    default_unit, default_term = clearest_shock(e)
    unit, term = default_unit if unit is None else unit, term or default_term
    d = e.fit._design
    values = d.X[:, :, d.names.index(term)]
    size = default_size(term, values) if size is None else size
    response, outcome = e.shock(unit, term, size), d.response
    others = response.drop(unit)
    largest = others.abs().sort_values(ascending=False).index[:10]
    change = shock_words(term, size, q.name, values)
    text = (about_shock(change, unit, response, outcome, q.name, q.unit),)
    frame = others[largest].rename("response").rename_axis(q.entity).reset_index()
    of = {"outcome": plain(outcome, q.name), "change": change}
    label = phrase("Response of {outcome} to {change} in {unit}", unit=q.unit(unit), **of)
    caption = phrase("Response of {outcome} to {change} in {unit}, per cent", unit=q.unit(unit), **of) if is_log(
        outcome) else label  # fmt: skip
    axes = plot.response(q.map, response, unit, label=phrase("Response of {outcome} to {change}", **of))
    drawn = _drawn(q, response, unit, label, percent=is_log(outcome))

    def styles(layer, names):
        return [responses(layer, names["shock_response"], unit=unit, at=q.map.index, label=label,
                          name=q.unit(unit))]  # fmt: skip

    return Chapter(
        phrase("What one unit's shock does to all others"),
        response,
        (),
        {"shock": Table(frame, phrase("The ten largest responses"))},
        {"spillover_map": Figure(axes, caption, phrase("Map of responses"), drawn)},
        answer=text,
        layer=response.rename("shock_response").to_frame(),
        styles=styles,
    )


def _drawn(q: Question, response, unit, alt: str, *, percent: bool) -> str:
    """The map of responses for the page; of a logarithm in per cent."""
    values, mark = (100 * np.expm1(response), PERCENT) if percent else (response, "")
    own = phrase("{unit}, the unit of the shock: {value}", unit=q.unit(unit), value=f"{short(values[unit])}{mark}")
    special = float(values[unit]), own
    readings = {i: reading(q, i, f"{short(value)}{mark}") for i, value in values.items()}
    return page_map(q.map, values, classed(values.drop(unit), special=special), alt=alt, readings=readings)


def clearest_shock(effects) -> tuple:
    """The unit with most neighbors, and the term whose indirect effect is clearest."""
    table = effects.tidy().query("effect == 'indirect'")
    d = effects.fit._design
    return d.ids[int((d.weights.csr > 0).sum(axis=0).argmax())], table.loc[table["statistic"].abs().idxmax(), "term"]


def by_weights(q: Question, chapters: dict) -> Chapter:
    """Effects and posterior probabilities under every W."""
    comparison = sp.compare_weights(q.weights, model=q.estimate, formula=q.formula, data=q.panel, **q.keys)
    glance = comparison.glance()
    tables = {
        "by_weights": Table(
            glance.drop(columns=["lambda", "model"]), phrase("Fit under each W, the preferred first")),
        "effects": Table(comparison.tidy(), phrase("Direct, indirect and total effects under each W")),
    }
    axes = plot.by_weights(comparison, "indirect")
    drawn = Figure(axes, phrase("Indirect effects under each W"), phrase("Points and intervals by W"))
    caption = phrase("Direct, indirect and total effects under each W")
    paper = sp.etable(comparison, effects=True, labels=q.labels, stars=True, caption=caption)
    return Chapter(
        phrase("How much depends on W"),
        comparison,
        (phrase("A conclusion that holds under one W only is a conclusion about that W."),),
        tables,
        {"by_weights": drawn},
        papers={"effects_by_weights": paper},
        data=("effects",),
        note=semicolons(phrase("{name} could not be estimated: {why}", name=name, why=why)
                        for name, why in comparison.failed.items()),
        answer=about_weights(comparison, q.name),
    )
