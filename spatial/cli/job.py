"""The main job: from boundaries and a panel to direct and indirect effects, under several weights.

``run`` computes, ``write`` leaves the files; each step is one public call that a user could make.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

import spatial as sp
from spillover.files import refuse_existing, replacing, write_table

OUTPUTS = ("report.html", "effects.csv", "spillovers.gpkg", "weights.png", "moran.png", "effects.png",
           "spillover_map.png", "by_weights.png")  # fmt: skip


@dataclass(frozen=True, eq=False)
class Question:
    """What is asked of which data.

    Attributes
    ----------
    title : str
    formula : str
    map : GeoDataFrame, indexed by unit
    panel : DataFrame
    entity, time : str
    weights : dict of names to weights; the first leads
    autocorrelated : tuple of str
        Columns for Moran's I by period.
    effects : str
        Fixed effects.
    shock : (unit, term, size) or None
        None takes the best linked unit and the term with the clearest spillover.
    seed, draws : int
    words : dict
        Plain words for terms of the formula, for the report's sentences.
    """

    title: str
    formula: str
    map: object = field(repr=False)
    panel: pd.DataFrame = field(repr=False)
    entity: str
    time: str
    weights: dict = field(repr=False)
    autocorrelated: tuple[str, ...]
    effects: str = "twoway"
    shock: tuple | None = None
    seed: int = 1
    draws: int = 1000
    words: dict = field(default_factory=dict)

    def name(self, term: str) -> str:
        return self.words.get(term, term)


@dataclass(frozen=True, eq=False)
class Answer:
    """Everything that was found."""

    question: Question
    moran: object
    search: object
    fit: sp.Fit
    effects: sp.Effects
    shock: tuple
    response: pd.Series
    comparison: sp.Comparison


STEPS = 6


def run(question: Question, step) -> Answer:
    """Compute every step; ``step(words)`` is told what comes next."""
    q = question
    keys = {"entity": q.entity, "time": q.time, "effects": q.effects}
    leading = next(iter(q.weights.values()))

    step("Moran's I by period")
    moran = sp.moran_by(q.panel, list(q.autocorrelated), leading, by=q.time, entity=q.entity, seed=q.seed)
    step("specification tests")
    search = sp.specify(q.formula, q.panel, leading, **keys)
    step("spatial Durbin model")
    fit = sp.sdm(q.formula, q.panel, leading, **keys)
    step("direct and indirect effects")
    effects = fit.effects(draws=q.draws, seed=q.seed)
    shock = q.shock or clearest_shock(effects)
    response = effects.shock(*shock)
    step("the same under every W")
    comparison = sp.compare_weights(
        q.weights, model=sp.sdm, formula=q.formula, data=q.panel, draws=q.draws, seed=q.seed, **keys
    )
    return Answer(q, moran, search, fit, effects, shock, response, comparison)


def clearest_shock(effects) -> tuple:
    """A rise by one in the term whose indirect effect is clearest, in the unit with most neighbours."""
    table = effects.tidy().query("effect == 'indirect'")
    term = table.loc[table["statistic"].abs().idxmax(), "term"]
    d = effects.fit.design
    return d.ids[int((d.weights.csr > 0).sum(axis=0).argmax())], term, 1.0


def spillover_layer(answer: Answer):
    """The map with every unit's own, emitted and received effects of each term, and the shock's response."""
    layer = answer.question.map.copy()
    for term in answer.effects.variables:
        parts = answer.effects.by_unit(term)
        name = "".join(c if c.isalnum() else "_" for c in term).strip("_")
        layer = layer.join(parts.add_prefix(f"{name}_"))
    return layer.join(answer.response.rename("shock_response")).reset_index()


def write(answer: Answer, folder: Path, *, overwrite: bool = False) -> list[Path]:
    """Leave the report, the tables, the map and the figures in ``folder``."""
    from .. import plot
    from ..report.html import write_html
    from .story import figures, story

    folder = Path(folder)
    check_outputs(folder, overwrite=overwrite)
    drawn = figures(answer)
    for name, axes in drawn.items():
        plot.save(axes, folder / f"{name}.png", overwrite=overwrite)
    write_table(answer.comparison.tidy(), folder / "effects.csv", overwrite=overwrite)
    with replacing(folder / "spillovers.gpkg", overwrite=overwrite) as part:
        spillover_layer(answer).to_file(part, layer="spillovers", driver="GPKG")
    write_html(folder / "report.html", overwrite=overwrite, **story(answer, drawn))
    return [folder / name for name in OUTPUTS]


def check_outputs(folder: Path, *, overwrite: bool) -> None:
    """Fail before any work when an output is there."""
    refuse_existing([Path(folder) / name for name in OUTPUTS], overwrite=overwrite)
