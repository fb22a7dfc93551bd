"""The design of a model with regimes as its formula has it, and its columns by regime at other regressors."""

from __future__ import annotations

from dataclasses import fields

import numpy as np

from .design import INTERCEPT, Design
from .fixed_effects import NO_EFFECTS, FixedEffects
from .regimes import RegimeDesign

LAG = "W:"


def unsplit(d: Design) -> Design:
    """One column for each term, the same in all regimes; other designs as they are."""
    if not isinstance(d, RegimeDesign):
        return d
    assert d.split is not None
    place = {name: j for j, name in enumerate(d.names)}
    terms = [term for term in d.split.columns if not _is_lag(d, term)]
    own = {term: [d.X[:, :, place[name]] for name in d.split.columns[term]] for term in terms}
    columns = [np.ones(d.y.shape) if term == INTERCEPT else sum(parts) for term, parts in own.items()]
    kept = {one.name: getattr(d, one.name) for one in fields(Design)}
    X = np.stack(columns, axis=2) if columns else np.empty((*d.y.shape, 0))
    durbin = tuple(j for j, term in enumerate(terms) if LAG + term in d.split.columns)
    return Design(**kept | {"X": X, "names": tuple(terms), "durbin": durbin})


def split_columns(d: RegimeDesign, X: np.ndarray | None = None, effects: FixedEffects = NO_EFFECTS) -> np.ndarray:
    """The columns of ``d`` where the terms are X, (T, N, k) in the order of ``unsplit``; lags as these effects have
    them, of whole columns by default."""
    plain = unsplit(d)
    X = plain.X if X is None else X
    assert d.split is not None
    own = dict(zip(plain.names, np.moveaxis(X, 2, 0)))
    regime, columns = {f"{label}: ": codes for label, codes in zip(d.split.labels, d.split.members)}, {}
    for term, names in d.split.columns.items():
        values = d.lag(own[term.removeprefix(LAG)], effects) if _is_lag(d, term) else own[term]
        for name in names:
            columns[name] = values if name == term else np.where(regime[name.removesuffix(term)], values, 0.0)
    return np.stack([columns[name] for name in d.names], axis=2) if d.names else d.X


def _is_lag(d: RegimeDesign, term: str) -> bool:
    """Whether a term of the split is the spatial lag of another; W y_{t-1} is a term of its own."""
    assert d.split is not None
    return term.startswith(LAG) and term not in d.lags and term.removeprefix(LAG) in d.split.columns
