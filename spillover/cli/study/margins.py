"""Steps that read the model at other values: slopes of columns, expected outcomes, forecasts of the last periods."""

from __future__ import annotations

import numpy as np
import pandas as pd

import spatial as sp
from spatial.report.html import Figure, Table
from spatial.report.words import PERCENT, estimate, is_log, p_words, plain, short
from spillover.errors import SpatialInputError
from spillover.language import phrase

from .question import Chapter, Question

MOST = 6  # sentences of one column
BAND = 3.0  # binomial standard errors below the level: intervals hold too few outcomes


def slopes(
    q: Question, chapters: dict, *, columns: list[str], at: dict | None = None, by: str | None = None,
    kind: str = "dydx", run: str = "short",
) -> Chapter:  # fmt: skip
    """What one unit more of a column does, through all terms of the formula that hold it.

    Parameters
    ----------
    columns : list of texts
        Columns of numbers.
    at : table
        Columns and the values that all units are given: { unemp = [4, 8] }. By default every unit has its own.
    by : text
        A column, "entity" or "time": slopes of what the units of each group emit.
    kind : text
        "dydx", "eyex" (per cent per per cent), "eydx" or "dyex".
    run : text
        Of a dynamic model: "short", in the period of the change, or "long", of a change that stays.
    """
    fit = chapters["model"].result
    results = {column: sp.slopes(fit, column, at=at, by=by, kind=kind, run=run) for column in columns}
    frame = pd.concat([result.tidy().assign(variable=column) for column, result in results.items()], ignore_index=True)
    frame = frame[["variable", *frame.columns.drop("variable")]]
    first = next(iter(results.values()))
    caption = phrase("Slopes of {variable}", variable=q.name(first.variable))
    sentences = tuple(sentence for result in results.values() for sentence in _about_slopes(q, result, kind))
    return Chapter(
        phrase("Slopes, with all terms of a column"),
        results,
        sentences,
        {"slopes": Table(frame, phrase("Direct, indirect and total slopes"))},
        {"slopes": Figure(first.plot(), caption, phrase("Points and intervals"))},
        answer=sentences,
    )


def _about_slopes(q: Question, result, kind: str) -> tuple[str, ...]:
    """A sentence for each label: the slope on the unit itself, and the sum over all others."""
    table = result.tidy().set_index(["effect", "term"])
    name, response = q.name(result.variable), result.fit._design.response
    in_per_cent = phrase("{response}, in per cent,", response=response)
    as_share = phrase("{response}, as a share,", response=response)
    one_more = phrase("one unit more of {variable}", variable=name)
    changed, response = {
        "dydx": (one_more, response),
        "eyex": (phrase("1\u00a0% more {variable}", variable=name), in_per_cent),
        "eydx": (one_more, as_share),
        "dyex": (phrase("100\u00a0% more {variable}", variable=name), response),
    }[kind]
    out = []
    for label in result.labels[:MOST]:
        own, others = (estimate(table.loc[(effect, label)]) for effect in ("direct", "indirect"))
        of = {"change": changed, "response": response, "own": own, "others": others}
        if label == "all":
            out.append(phrase("In a unit {change} changes {response} there by {own}, and in all others together by "
                              "{others}.", **of))  # fmt: skip
        else:
            out.append(phrase("Where {where}, in a unit {change} changes {response} there by {own}, and in all others "
                              "together by {others}.", where=q.words_of(label), **of))  # fmt: skip
    return tuple(out)


def predictions(q: Question, chapters: dict, *, at: dict | None = None, by: str | None = None) -> Chapter:
    """The outcome that the model expects on average, where all units are given some values.

    Parameters
    ----------
    at : table
        Columns and the values that all units are given, in all combinations: { unemp = [4, 8] }.
    by : text
        A column, "entity" or "time": averages over the units of each group.
    """
    result = sp.predictions(chapters["model"].result, at=at, by=by)
    response = result.fit._design.response
    tables = {"predictions": Table(result.tidy(), phrase("Expected {response}, averages", response=response))}
    rows = result.tidy().set_index("term")
    sentences: list[str] = []
    if len(result.labels) > 1:
        differences = result.differences()
        first, last = result.labels[0], result.labels[-1]
        row = differences[differences["term"] == f"{last} less {first}"].iloc[0]
        words = [phrase("{last} less {first}", last=a, first=b) for i, a in enumerate(result.labels)
                 for b in result.labels[:i]]  # fmt: skip
        shown = differences.assign(term=words)
        tables["prediction_differences"] = Table(shown, phrase("Differences between the averages"))
        percent = is_log(response)
        sentences.append(phrase(
            "Where {first}, mean {response} is expected to be {low}; where {last}, {outcome} is expected to differ "
            "from that by {difference} ({p}).", first=q.words_of(first), last=q.words_of(last), response=response,
            outcome=plain(response, q.name), low=estimate(rows.loc[first]), difference=estimate(row, percent=percent),
            p=p_words(row["p_value"])))  # fmt: skip
    else:
        sentences.append(phrase("Mean {response} is expected to be {value}.", response=response,
                                value=estimate(rows.iloc[0])))  # fmt: skip
    drawn = Figure(result.plot(), phrase("Expected {response}", response=response), phrase("Points and intervals"))
    return Chapter(phrase("What the model expects"), result, tuple(sentences), tables, {"predictions": drawn},
                   answer=tuple(sentences))  # fmt: skip


def forecast(q: Question, chapters: dict, *, since: int | str, period_effects: str = "last") -> Chapter:
    """The last periods forecast from those before, and compared with what was observed.

    Parameters
    ----------
    since : number or text
        The first period that is forecast; the model is estimated on those before.
    period_effects : text
        "last" or "mean": the effects of the forecast periods, where the model has period effects.
    """
    whole = chapters["model"].result
    d = whole._design
    _refuse_sample_response(d)
    periods = d.periods
    if since not in periods or since == periods[0]:
        raise SpatialInputError("E107", f"[forecast] since = {since!r} is no later period of the panel",
                                ids=[since], hint=f"periods are {periods[0]} to {periods[-1]}")  # fmt: skip
    new = q.panel[q.time].isin(periods[periods.get_loc(since) :])
    fit = q.estimate(q.formula, q.panel[~new & q.panel[q.time].isin(periods)], q.leading, **q.keys)
    options = {"period_effects": period_effects} if fit._settings.effects.time else {}
    result = fit.forecast(q.panel[new], **options)
    observed = d.labelled(d.outcome, "observed").reindex(result.table.index)
    frame = result.table.assign(observed=observed, error=observed - result.table["estimate"])
    table = frame.rename_axis([q.entity, q.time]).reset_index()
    layer = result.table.xs(periods[-1], level=1)[["estimate"]].rename(columns={"estimate": "forecast"})
    sentences = _how_well(result, frame)
    caption = phrase("Forecast of {outcome}", outcome=plain(d.response, q.name))
    return Chapter(
        phrase("How well the last periods are forecast"),
        result,
        sentences,
        {"forecast": Table(table.head(MOST * 2), phrase("The first forecasts")), "forecasts": Table(table, caption)},
        {"forecast": Figure(result.plot(), caption, phrase("Lines of the observed and the forecast outcome"))},
        data=("forecasts",),
        answer=sentences[:1],
        layer=layer,
    )


def _refuse_sample_response(d) -> None:
    """A response that is centered or scaled by the sample has other values in other periods."""
    functions = frozenset().union(*(factor.functions for factor in d.encoding.terms.left))
    if functions & {"center", "scale"}:
        raise SpatialInputError("E501", f"{d.response!r} depends on the sample: forecasts of it have no observations",
                                hint="leave center() and scale() out of the left side")  # fmt: skip


def _how_well(result, frame: pd.DataFrame) -> tuple[str, ...]:
    """The root mean squared error, that of the last value carried on, and how many outcomes the intervals hold."""
    d = result.fit._design
    frame = frame[frame["observed"].notna()]
    last = pd.Series(d.outcome[-1], d.ids).reindex(frame.index.get_level_values(0)).to_numpy()
    naive, own = (float(np.sqrt(np.mean(error**2))) for error in (frame["observed"] - last, frame["error"]))
    inside = (frame["observed"] >= frame["conf_low"]) & (frame["observed"] <= frame["conf_high"])
    of = {"since": frame.index.get_level_values(1).min(), "response": d.response, "own": short(own),
          "naive": short(naive), "inside": int(inside.sum()), "all": len(frame),
          "level": f"{100 * result.level:g}{PERCENT}"}  # fmt: skip
    first = phrase("From the periods before {since} the model forecasts {response} with a root mean squared error of "
                   "{own}, the last value carried on has {naive}; {inside} of {all} outcomes lie in their {level} "
                   "intervals.", **of)  # fmt: skip
    taken = phrase("Prediction intervals take the regressors of the forecast periods as known.")
    share, level = inside.mean(), result.level
    if share < level - BAND * np.sqrt(level * (1 - level) / len(frame)):
        return first, phrase("That is less than the level: the errors, or the effects, of the forecast periods are not "
                             "like those of the periods before."), taken  # fmt: skip
    return first, taken
