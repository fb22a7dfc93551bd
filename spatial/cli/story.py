"""The report's words: what was asked, what the numbers say, how to read them. Every number comes from results."""

from __future__ import annotations

import hashlib

import numpy as np
import pandas as pd

from spillover import __version__

from ..report.text import number

LEVEL = 0.05
HOW_TO_READ = (
    "The direct effect is what a rise of the regressor in one unit does to that unit's own outcome, feedback through "
    "neighbours included. The indirect effect, or spillover, is what it does to all other units together. The total "
    "is their sum. Coefficients of a Durbin model are not effects: the lag of y carries every change onwards.",
)


def figures(answer) -> dict:
    """The report's figures as Axes, by file name."""
    from .. import plot

    q, (unit, term, size) = answer.question, answer.shock
    first = next(iter(q.weights))
    label = f"Response of {answer.fit.design.response} to {_signed(size)} in {term}"
    return {
        "weights": q.weights[first].plot(q.map),
        "moran": answer.moran.plot(),
        "effects": plot.effects(answer.effects),
        "spillover_map": plot.response(q.map, answer.response, unit, label=label),
        "by_weights": plot.by_weights(answer.comparison, "indirect"),
    }


def story(answer, drawn: dict) -> dict:
    """Everything that ``render`` needs."""
    q = answer.question
    d = answer.fit.design
    return {
        "title": q.title,
        "subtitle": f"{d.n_units} units, {d.n_periods} periods ({d.times[0]} to {d.times[-1]}). Model: {d.formula}",
        "answer": summary(answer),
        "sections": tuple(
            section(answer, drawn) for section in (_weights, _moran, _tests, _model, _effects, _shock, _comparison)
        ),
        "footer": _footer(answer),
    }


def summary(answer) -> tuple[str, ...]:
    """The findings in sentences: what spills over, how much, and how far that depends on W."""
    effects = answer.effects.tidy().set_index(["effect", "term"])
    terms = answer.effects.variables
    clear = [term for term in terms if effects.loc[("indirect", term), "p_value"] < LEVEL]
    unclear = [term for term in terms if term not in clear]
    name = answer.question.name
    said = []
    if clear:
        said.append(f"Spills over to neighbours: {', '.join(map(name, clear))}.")
    if unclear:
        said.append(f"No spillover that can be told from zero: {', '.join(map(name, unclear))}.")
    return (" ".join(said), *(_about(term, effects, answer) for term in terms), _about_weights(answer))


def _about(term: str, effects: pd.DataFrame, answer) -> str:
    """One sentence in the units of the formula: per cent where a side is in logs."""
    response = answer.fit.design.response
    change, unit, factor = f"One unit more of {answer.question.name(term)}", "", 1.0
    if _is_log(term):
        change, factor = f"1\u00a0% more {answer.question.name(term)}", 0.01
    if _is_log(response):
        unit, factor = "\u00a0%", factor * 100
    own, others = (_estimate(effects.loc[(kind, term)], factor, unit) for kind in ("direct", "indirect"))
    outcome = answer.question.name(response)
    return f"{change} changes a unit's own {outcome} by {own}, and that of all other units together by {others}."


def _checksum(frame: pd.DataFrame) -> str:
    """Short hash of a table's content."""
    hashed = pd.util.hash_pandas_object(frame, index=False).to_numpy()
    return hashlib.sha256(hashed.tobytes()).hexdigest()[:16]


def _is_log(text: str) -> bool:
    return text.startswith("log(") and text.endswith(")") and text.count("(") == 1


def _about_weights(answer) -> str:
    table = answer.comparison.glance()
    best, tidy = answer.comparison.best, answer.comparison.tidy()
    indirect = tidy[tidy["effect"] == "indirect"]
    found = indirect.assign(
        sign=(indirect["p_value"] < LEVEL) * indirect["estimate"].apply(lambda v: 1 if v > 0 else -1)
    )
    same = [term for term, rows in found.groupby("term", sort=False) if rows["sign"].nunique() == 1]
    said = ", ".join(map(answer.question.name, same)) if same else "no regressor"
    share = table["probability"].iloc[0]
    share = "more than 0.999" if share > 0.999 else f"{share:.3f}"
    return (
        f"Of {len(table)} weights the data prefer {best} (posterior probability {share}, from BIC). All weights agree "
        f"on the sign and significance of the spillover of {said}; elsewhere the conclusion rests on the choice of W. "
        "Brackets hold 95 % intervals."
    )


def _weights(answer, drawn):
    from ..report.html import Figure, Section, Table

    rows = []
    for name, w in answer.question.weights.items():
        degree = pd.Series(w.csr.indptr).diff().dropna()
        rows.append((name, f"{w.kind}, {w.standardization}-standardised", w.nnz, degree.mean(),
                     f"{int(degree.min())} to {int(degree.max())}", len(w.islands), w.components))  # fmt: skip
    columns = ["W", "what it is", "links", "per unit", "range", "islands", "components"]
    table = Table(pd.DataFrame(rows, columns=columns), "The weights", digits=2)
    first = next(iter(answer.question.weights))
    text = ("Weights say who is whose neighbour, and how much. The model is estimated under each; the first leads.",)
    return Section(
        "Who is whose neighbour",
        text,
        (table,),
        (Figure(drawn["weights"], f"Links of {first}", f"Map of links, {first}"),),
    )


def _moran(answer, drawn):
    from ..report.html import Figure, Section, Table

    found = answer.moran.to_frame()
    share = found.groupby("variable", sort=False)["p_sim"].apply(lambda p: int((p < LEVEL).sum()))
    periods = found.groupby("variable", sort=False).size()
    text = tuple(
        f"{name} is spatially autocorrelated (permutation p below {LEVEL}) in {share[name]} of {periods[name]} periods."
        for name in share.index
    )
    table = Table(found.drop(columns=["n", "p_norm", "weights"]), "Moran's I by period")
    return Section(
        "Is it clustered?", text, (table,), (Figure(drawn["moran"], "Moran's I by period", "Lines of Moran's I"),)
    )


def _tests(answer, drawn):
    from ..report.html import Section, Table

    tables = tuple(Table(t.tidy().rename(columns={"term": "test"}), t.title) for t in answer.search.tables)
    return Section("Which model?", (*answer.search.steps, f"Choice: {answer.search.choice}."), tables)


def _model(answer, drawn):
    from ..report.html import Section, Table
    from ..report.text import header

    table = Table(answer.fit.tidy(), f"Coefficients of the {answer.fit.specification.name}")
    regression = Table(answer.search.fits["OLS"].tidy(), "The regression without spatial terms, for comparison")
    return Section("The spatial Durbin model", tuple(header(answer.fit)), (table, regression),
                   note="Coefficients are not effects.")  # fmt: skip


def _effects(answer, drawn):
    from ..report.html import Figure, Section, Table

    e = answer.effects
    note = f"Intervals: {e.level:.0%}, from {e.kept:,} draws, seed {e.seed}."
    figure = Figure(drawn["effects"], "Direct, indirect and total effects", "Points and intervals of the effects")
    return Section("Direct, indirect and total effects", HOW_TO_READ, (Table(e.tidy(), "Effects"),), (figure,), note)


def _shock(answer, drawn):
    from ..report.html import Figure, Section, Table

    unit, term, size = answer.shock
    others = answer.response.drop(unit)
    largest = others.abs().sort_values(ascending=False).index[:10]
    text = (
        f"{_signed(size)} in {term} in {unit} changes {answer.fit.design.response} by {number(answer.response[unit])} "
        f"there and by {number(others.sum())} in all other units together, most in {', '.join(map(str, largest[:3]))}.",
    )
    frame = others[largest].rename("response").rename_axis(answer.question.entity).reset_index()
    figure = Figure(drawn["spillover_map"], f"Response to {_signed(size)} in {term} in {unit}", "Map of responses")
    return Section(
        "What one unit's shock does to all others", text, (Table(frame, "The ten largest responses"),), (figure,)
    )


def _comparison(answer, drawn):
    from ..report.html import Figure, Section, Table

    c = answer.comparison
    text = ("A conclusion that holds under one W only is a conclusion about that W.",)
    tidy = c.tidy()
    tables = (
        Table(c.glance().drop(columns=["lambda", "model"]), "Fit under each W, the preferred first"),
        Table(tidy[tidy["effect"] != "total"], "Direct and indirect effects under each W"),
    )
    figure = Figure(drawn["by_weights"], "Indirect effects under each W", "Points and intervals by W")
    note = "; ".join(f"{name} could not be estimated: {why}" for name, why in c.failed.items())
    return Section("How much depends on W", text, tables, (figure,), note)


def _footer(answer) -> dict[str, str]:
    q = answer.question
    return {
        "spillover": __version__,
        "seed": str(q.seed),
        "draws": f"{q.draws:,}",
        "panel": f"{len(q.panel):,} rows, content {_checksum(q.panel)}",
        **{f"W: {name}": answer.comparison.fits[name].design.weights.digest[:16] for name in answer.comparison.fits},
    }


def _estimate(row, factor: float, unit: str) -> str:
    """Estimate and interval, to the second digit of the standard error."""
    digits = max(2, 1 - int(np.floor(np.log10(factor * row["std_error"]))))
    estimate, low, high = (f"{factor * row[column]:.{digits}f}" for column in ("estimate", "conf_low", "conf_high"))
    return f"{estimate}{unit} [{low}, {high}]"


def _signed(size: float) -> str:
    return f"{size:+g}"
