"""The design of a model with regimes as its formula has it, and its columns by regime at other regressors."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np

from .design import INTERCEPT, Design
from .fixed_effects import NO_EFFECTS, FixedEffects
from .regimes import RegimeDesign, SplitDesign
from .several import SeveralDesign


def unsplit(d: Design) -> Design:
    """One column for each term, the same in all regimes; other designs as they are."""
    if not isinstance(d, RegimeDesign):
        return d
    assert d.split is not None
    place = {name: j for j, name in enumerate(d.names)}
    lags = _lags(d)
    terms = [term for term in d.split.columns if term not in lags]
    own = {term: [d.X[:, :, place[name]] for name in d.split.columns[term]] for term in terms}
    columns = [np.ones(d.y.shape) if term == INTERCEPT else sum(parts) for term, parts in own.items()]
    kept = {one.name: getattr(d, one.name) for one in fields(Design)}
    X = np.stack(columns, axis=2) if columns else np.empty((*d.y.shape, 0))
    kept |= {"X": X, "names": tuple(terms)}
    lagged = [(terms.index(of), path) for of, path in lags.values()]
    if isinstance(d, SplitDesign):
        return SeveralDesign(**kept | {"weights": replace(d.weights, pairs=tuple((j, m) for j, (m,) in lagged))})
    order = max((len(path) for _, path in lagged), default=1)
    return Design(**kept | {"durbin": tuple(j for j, path in lagged if len(path) == 1), "wx_order": order})


def split_columns(d: RegimeDesign, X: np.ndarray | None = None, effects: FixedEffects = NO_EFFECTS) -> np.ndarray:
    """The columns of ``d`` where the terms are X, (T, N, k) in the order of ``unsplit``; lags as these effects have
    them, of whole columns by default."""
    plain = unsplit(d)
    X = plain.X if X is None else X
    assert d.split is not None
    own, lags = dict(zip(plain.names, np.moveaxis(X, 2, 0))), _lags(d)
    regime, columns = {f"{label}: ": codes for label, codes in zip(d.split.labels, d.split.members)}, {}
    for term, names in d.split.columns.items():
        of, path = lags.get(term, (term, ()))
        values = d.along(own[of], path, effects)
        for name in names:
            columns[name] = values if name == term else np.where(regime[name.removesuffix(term)], values, 0.0)
    return np.stack([columns[name] for name in d.names], axis=2) if d.names else d.X


def _lags(d: RegimeDesign) -> dict:
    """The terms that are lags of other terms of the model."""
    assert d.split is not None
    return {name: own for name, own in d.split.lags.items() if own[0] in d.split.columns}
