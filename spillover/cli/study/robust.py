"""The robustness step: the same model with one thing changed at a time, all in one table."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise

import pandas as pd

import spatial as sp
from spatial.design.formula import read_formula
from spatial.report.html import Table
from spatial.report.words import sign
from spillover.errors import SpatialInputError, check_option
from spillover.language import listed, phrase

from .question import Chapter, Question


def robustness(
    q: Question, chapters: dict, *, weights: bool = True, winsorize: float = 0.01, lagged: bool = True,
    without: list | None = None, outcome: str | None = None, periods: list | None = None,
    models: list[str] | None = None, methods: list[str] | None = None,
) -> Chapter:  # fmt: skip
    """Effects with one thing changed at a time.

    Parameters
    ----------
    weights : bool
        Under every other W of the study.
    winsorize : float
        Columns of the formula cut at this quantile and its counterpart; 0 for not.
    lagged : bool
        Regressors of the period before.
    without : list of units
        Left out together, such as municipalities; W is cut down.
    outcome : str
        Another left side.
    periods : list of [first, last]
        Spans of time.
    models : list of str
        Other models: "sar", "slx" ...
    methods : list of str
        Other estimators of the same model: "reml", "aqs", "gmm".
    """
    variants = {
        **_others(q, weights, models, methods), **_samples(q, without, periods),
        **_columns(q, winsorize, lagged, outcome),
    }  # fmt: skip
    if not variants:
        raise SpatialInputError("E501", "[robustness] changes nothing", hint="winsorize = 0.01, or leave it empty")
    base = phrase("as above")
    fits, failed = {base: chapters["model"].result}, {}
    for name, estimate in variants.items():
        try:
            fits[name] = estimate()
        except SpatialInputError as error:
            failed[name] = f"{error.code}: {error.message}"
    caption = phrase("The effects, one thing changed at a time")
    table = sp.etable(fits, effects=True, labels=q.labels, stars=True, caption=caption)
    effects = {name: fit.effects().tidy() for name, fit in fits.items()}
    every = pd.concat([t.assign(variant=name) for name, t in effects.items()], ignore_index=True)
    answer = tuple(_about(q, effects.pop(base), effects))
    text = answer + tuple(phrase("{name} could not be estimated: {why}", name=name, why=why)
                          for name, why in failed.items())  # fmt: skip
    tables = {"robustness": Table(every, phrase("Effects of every variant"))}
    return Chapter(phrase("Is it robust?"), fits, text, tables, papers={"robustness": table}, data=("robustness",),
                   answer=answer)  # fmt: skip


def _others(q: Question, weights: bool, models: list[str] | None, methods: list[str] | None) -> dict[str, Callable]:
    out: dict[str, Callable] = {}
    if weights:
        others = list(q.weights.items())[1:]
        out |= {phrase("W: {name}", name=name): lambda w=w: q.estimate(q.formula, q.panel, w, **q.keys)
                for name, w in others}  # fmt: skip
    for name in models or ():
        check_option("models of [robustness]", name, ("slx", "sar", "sem", "sdm", "sdem", "sac", "gns"))
        out[name.upper()] = lambda name=name: getattr(sp, name)(q.formula, q.panel, q.leading, **q.keys)
    for name in methods or ():
        check_option("methods of [robustness]", name, ("ml", "reml", "aqs", "gmm"))
        keys = {**q.keys, "method": name}
        out[name.upper()] = lambda keys=keys: q.estimate(q.formula, q.panel, q.leading, **keys)
    return out


def _samples(q: Question, without: list | None, periods: list | None) -> dict[str, Callable]:
    out: dict[str, Callable] = {}
    if without:
        units = pd.Index(q.panel[q.entity].unique())
        if unknown := [unit for unit in without if unit not in units]:
            raise SpatialInputError("E101", "[robustness] leaves out units that are not there", ids=unknown,
                                    hint="without = [] names units of the panel")

        def fewer():
            rows = q.panel[~q.panel[q.entity].isin(without)]
            ids = q.leading.ids[~q.leading.ids.isin(without)]
            return q.estimate(q.formula, rows, q.leading.subset(ids), **q.keys)

        out[phrase("without {units}", units=listed(without))] = fewer
    for span in periods or ():
        if not (isinstance(span, list) and len(span) == 2):
            raise SpatialInputError("E501", f"periods = {periods!r} must be a list of spans",
                                    hint="periods = [[1970, 1977], [1978, 1986]]")
        rows = q.panel[q.panel[q.time].between(*span)]
        out[f"{span[0]}-{span[1]}"] = lambda rows=rows: q.estimate(q.formula, rows, q.leading, **q.keys)
    return out


def _columns(q: Question, winsorize: float, lagged: bool, outcome: str | None) -> dict[str, Callable]:
    terms = read_formula(q.formula, tuple(q.panel.columns))
    right = {c for _, factors in terms.right for factor in factors for c in factor.columns}
    out: dict[str, Callable] = {}
    if outcome:
        other = f"{outcome} ~{q.formula.partition('~')[2]}"
        label = phrase("outcome {variable}", variable=q.name(outcome))
        out[label] = lambda: q.estimate(other, q.panel, q.leading, **q.keys)
    if winsorize:
        cut = q.panel.assign(**{c: _winsorized(q.panel[c], winsorize) for c in terms.columns if _spread(q.panel[c])})
        label = phrase("winsorized at {share} %", share=f"{100 * winsorize:g}")
        out[label] = lambda: q.estimate(q.formula, cut, q.leading, **q.keys)
    if lagged:
        before = _before(q, sorted(right))
        out[phrase("regressors lagged")] = lambda: q.estimate(q.formula, before, q.leading, **q.keys)
    return out


def _spread(column: pd.Series) -> bool:
    """Whether cutting tails means something: numbers with more than two values."""
    return pd.api.types.is_numeric_dtype(column) and column.nunique() > 2


def _winsorized(column: pd.Series, share: float) -> pd.Series:
    if not 0 < share < 0.5:
        raise SpatialInputError("E501", f"winsorize = {share} must lie between 0 and 0.5", hint="winsorize = 0.01")
    return column.clip(float(column.quantile(share)), float(column.quantile(1 - share)))


def _before(q: Question, columns: list[str]) -> pd.DataFrame:
    """The panel with these columns of the period before; the first period leaves."""
    times = pd.Index(q.panel[q.time].unique()).sort_values()
    after = dict(pairwise(times))
    moved = q.panel[[q.entity, q.time, *columns]].assign(**{q.time: q.panel[q.time].map(after)})
    rest = q.panel.drop(columns=columns)
    return rest[rest[q.time] != times[0]].merge(moved.dropna(subset=[q.time]), on=[q.entity, q.time])


def _about(q: Question, base: pd.DataFrame, others: dict[str, pd.DataFrame]) -> Iterator[str]:
    """Of each regressor in how many variants the indirect effect has the base's sign and is significant."""
    base, *variants = (t.query("effect == 'indirect'").set_index("term") for t in (base, *others.values()))
    indirect = dict(zip(others, variants, strict=True))
    for term in base.index[(sign(base) != 0).to_numpy()]:
        here = {name: t for name, t in indirect.items() if term in t.index}
        same = [name for name, t in here.items() if sign(t.loc[term]) == sign(base.loc[term])]
        of = {"term": q.name(term), "n": len(same), "variants": len(here)}
        if lost := [name for name in here if name not in same]:
            yield phrase("The spillover of {term} keeps its sign and significance in {n} of {variants} variants; not "
                         "{lost}.", lost=listed(lost), **of)  # fmt: skip
        else:
            yield phrase("The spillover of {term} keeps its sign and significance in {n} of {variants} variants.", **of)
