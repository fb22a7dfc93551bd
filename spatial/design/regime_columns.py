"""Columns by regime, 1_r x and 1_r (W x) of each regime r, and what cannot be estimated within one: see ``regimes``."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import numpy as np
import pandas as pd

from spillover.errors import SpatialInputError
from spillover.values import counted

from .behind_bar import left_by_ways
from .checks import COLLINEAR, collinear
from .design import INTERCEPT, Design, columns_of_term
from .fixed_effects import UNIT_EFFECTS, FixedEffects
from .instruments import instruments_by_regime
from .regimes import Path, RegimeDesign, Regimes, Split, SplitDesign, matrices_of
from .sample import SPANNED, lagged_by_power, own_columns
from .several import SeveralDesign
from .specification import Specification


def split_of(d: Design, regimes: Regimes) -> tuple[tuple[str, ...], np.ndarray]:
    """Labels of the regimes and the regime of every unit.

    Raises
    ------
    SpatialInputError
        E502 no such column, E201 units without a regime, E501 a regime that changes over time.
    """
    by = regimes.by
    if by not in d.frame.columns:
        raise SpatialInputError("E502", f"regimes={by!r} is no column of the data", column=by,
                                hint="regimes= takes the name of a column with the regime of every unit")
    there = np.ones(d.order.shape, dtype=bool) if d.observed is None else d.observed
    flat, levels = pd.factorize(pd.Series(d.frame[by].to_numpy()[d.order[there]]), sort=False)
    if (flat < 0).any():
        ids = d.ids[np.unique(np.nonzero(there)[1][flat < 0])]
        raise SpatialInputError("E201", f"{by!r} has no regime for {counted(len(ids), 'unit')}", column=by, n=len(ids),
                                ids=list(ids), hint="fill the column, or leave these units out")  # fmt: skip
    codes = np.zeros(there.shape, dtype=int)
    codes[there] = flat
    codes = np.where(there, codes, codes[there.argmax(axis=0), np.arange(d.n_units)])
    if (codes != codes[0]).any():
        ids = d.ids[np.flatnonzero((codes != codes[0]).any(axis=0))]
        raise SpatialInputError("E501", f"the regime {by!r} changes over time in {counted(len(ids), 'unit')}",
                                column=by, ids=list(ids), hint=f"a column fixed for each unit, or terms x:C({by})")
    numbers = all(isinstance(level, int | float | np.number) for level in levels)
    order = sorted(range(len(levels)), key=lambda i: levels[i] if numbers else str(levels[i]))
    labels = tuple(label_of_level(by, levels[i]) for i in order) if numbers else tuple(str(levels[i]) for i in order)
    if len(set(labels)) < len(labels):
        raise SpatialInputError("E501", f"{by!r} mixes numbers and text that read alike", column=by,
                                hint="make the column text: data[column].astype(str)")  # fmt: skip
    return labels, np.argsort(order)[codes[0]]


def label_of_level(by: str, level) -> str:
    """A regime as its column has it, in words: of numbers with the column's name."""
    return f"{by} = {level:g}" if isinstance(level, int | float | np.number) else str(level)


def regime_design(specification: Specification, d: Design, regimes: Regimes, effects: FixedEffects) -> RegimeDesign:
    """The design with its columns split by regime; spatial lags of regressors become columns too.

    Raises E206 for a regime with as few rows as coefficients, E205 collinear or E208 absorbed within a regime, E502
    where terms= names no term; else as ``split_of``.
    """
    labels, codes = split_of(d, regimes)
    varying = _varying(d, regimes) if len(labels) > 1 else set()  # one regime is the model without regimes
    # 1. The terms, and their lags: (T, N) each.
    base = {d.names[j]: (d.X[:, :, j], d.names[j] in varying) for j in own_columns(d, effects)}
    lags = _lags(d, effects)
    for name, (of, path) in lags.items():
        values = d.X[:, :, d.names.index(of)]
        for m in path:
            values = d.lag(values, effects, matrices_of(d)[m])
        base[name] = (values, of in varying)
    # 2. A column for each regime, regime by regime; then what all share.
    differences = INTERCEPT in varying and (
        left_by_ways(d, codes == 0, effects) if effects.ways else effects.time and not effects.entity)
    if differences:
        base = {INTERCEPT: (np.ones(d.y.shape), True), **base}
    columns: dict[str, np.ndarray] = {}
    places: dict[str, tuple[str, ...]] = dict.fromkeys(base, ())
    for g, label in enumerate(labels):
        inside = codes == g
        names = [name for name, (_, differs) in base.items() if differs and not (name == INTERCEPT and differences
                                                                                 and g == 0)]  # fmt: skip
        within = {name: np.where(inside, base[name][0], 0.0) for name in names}
        for name, values in _checked(d, regimes, label, inside, within, lags, effects).items():
            columns[f"{label}: {name}"] = values
            places[name] = (*places[name], f"{label}: {name}")
    for name, (values, differs) in base.items():
        if not differs:
            columns[name], places[name] = values, (name,)
    lags = {name: own for name, own in lags.items() if places[name]}
    split = Split(regimes, labels, codes, {name: at for name, at in places.items() if at}, differences, lags)
    of_term = {name: lags[name][0] if name in lags else name for name in places}
    own = instruments_by_regime(d, labels, codes, places, of_term)
    kept = {one.name: getattr(d, one.name) for one in fields(Design)} | own
    X = np.stack(list(columns.values()), axis=2) if columns else np.empty((*d.y.shape, 0))
    changed: dict[str, Any] = {"X": X, "names": tuple(columns), "durbin": (), "wx_order": 1,
                               "notes": (split.describe(), *d.notes)}  # fmt: skip
    if isinstance(d, SeveralDesign):
        changed["weights"] = replace(d.weights, pairs=())
        return SplitDesign(**{**kept, **changed}, split=split)
    return RegimeDesign(**{**kept, **changed}, split=split)


def _lags(d: Design, effects: FixedEffects) -> dict[str, tuple[str, Path]]:
    """The lags of terms by their names: of which term, and along which W. W lags deviations from period means beside
    period effects, and W^2 1 of the intercept says nothing more there."""
    if isinstance(d, SeveralDesign):
        return {f"W_{m + 1}:{d.names[j]}": (d.names[j], (m,)) for j, m in d.weights.pairs}
    out: dict[str, tuple[str, Path]] = {}
    for power, columns in enumerate(lagged_by_power(d) if d.durbin else (), start=1):
        for j in columns:
            if power == 1 or d.names[j] != INTERCEPT or not effects.fixed:
                out[("W:" if power == 1 else "W2:") + d.names[j]] = (d.names[j], (0,) * power)
    return out


def _varying(d: Design, regimes: Regimes) -> set[str]:
    """The terms whose coefficients differ."""
    if regimes.terms is None:
        return set(d.names) | {INTERCEPT}
    slopes = [name for name in d.names if name != INTERCEPT]
    out: set[str] = set()
    for term in regimes.terms:
        match = [INTERCEPT] if term == INTERCEPT else columns_of_term(term, slopes, d.encoding)
        if not match or (term == INTERCEPT and INTERCEPT not in d.names):
            raise SpatialInputError("E502", f"terms= of regimes names {term!r}, which is no term of the model",
                                    column=term, hint="the terms are " + ", ".join(map(repr, d.names)))  # fmt: skip
        out |= set(match)
    return out


def _checked(
    d: Design, regimes: Regimes, label: str, inside, within: dict, lags: dict, effects: FixedEffects
) -> dict:
    """Columns of one regime; W 1 is left out where the others span it there.

    Raises
    ------
    SpatialInputError
        E206, E205, E208.
    """
    counted_rows = getattr(d, "seen", d.observed)  # those with y, where it is not observed everywhere
    there = np.broadcast_to(inside, d.y.shape) & (True if counted_rows is None else counted_rows)
    for name in [name for name in within if name in lags and lags[name][0] == INTERCEPT]:
        if _spanned(counted_rows, inside, there, within, name, effects):
            within = {other: values for other, values in within.items() if other != name}
    rows = int(there.sum()) - effects.entity * int(there.any(axis=0).sum())
    if rows <= len(within):
        raise SpatialInputError(
            "E206", f"the regime {label!r} has {rows} rows and {len(within)} coefficients", column=regimes.by, n=rows,
            hint=f"merge it with another regime, or let fewer terms differ: sp.Regimes({regimes.by!r}, terms=['x'])",
        )  # fmt: skip
    if not within:
        return within
    X = np.stack(list(within.values()), axis=2)
    left = UNIT_EFFECTS.demean(X, counted_rows) if effects.entity else X
    before, after = (np.linalg.norm(v[there], axis=0) for v in (X, left))
    names = [f"{label}: {name}" for name in within]
    advice = f"leave it out of the formula, or let it be the same everywhere: terms= of sp.Regimes({regimes.by!r})"
    for name, full, rest in zip(within, before, after):
        if full == 0 or rest <= COLLINEAR * full:
            what = "is zero" if full == 0 else f"does not vary within the {effects} effects"
            message = f"in the regime {label!r} the regressor {name!r} {what}"
            raise SpatialInputError("E208" if full else "E204", message, column=name, hint=advice)
    flat = left[there]
    spanned = np.abs(np.diag(np.linalg.qr(flat)[1])) <= COLLINEAR * after
    if spanned.any():
        problem = collinear(flat, spanned, names)
        raise SpatialInputError("E205", problem.message, column=problem.column, hint=advice)
    return within


def _spanned(counted_rows, inside, there: np.ndarray, within: dict, name: str, effects: FixedEffects) -> bool:
    """Whether the constant and the other columns of a regime span this lag of the intercept."""
    columns = np.stack([inside * np.ones(there.shape), *(v for other, v in within.items() if other != name),
                        within[name]], axis=2)  # fmt: skip
    columns = (UNIT_EFFECTS.demean(columns, counted_rows) if effects.entity else columns)[there]
    others, one = columns[:, 1 - effects.constant :-1], columns[:, -1]
    left = one - others @ np.linalg.lstsq(others, one, rcond=None)[0]
    return bool(np.linalg.norm(left) <= SPANNED * max(float(np.linalg.norm(one)), 1.0))
