"""W y by moments: one column, one for every W, or with rho by regime one for every regime; and what instruments them.

With rho by regime the lag is sum_r rho_r 1_r W y. Each 1_r W y has the instruments of W y in the units of regime r,
1_r W x and 1_r W^2 x of whole terms x: W lags over the borders of regimes, as in y.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from spillover.matrix import SpatialWeights, TemporalWeights

from .design import INTERCEPT, Design
from .fixed_effects import NO_EFFECTS, FixedEffects
from .regimes import RegimeDesign
from .several import SeveralDesign


def lags_of_response(
    d: Design, weights: Sequence[SpatialWeights | TemporalWeights], effects: FixedEffects
) -> np.ndarray:
    """(T, N), or (T, N, J) of several rho.

    Where rho differs between regimes W lags whole y: 1_r W of a common path has another share of it in every regime.
    """
    if has_rho_by_regime(d):
        return np.concatenate([cut_by_regime(d, d.lag(d.outcome, NO_EFFECTS, W)[..., None]) for W in weights], axis=2)
    lags = [d.lag(d.outcome, effects, W) for W in weights]
    return np.stack(lags, axis=2) if isinstance(d, SeveralDesign) else lags[0]


def has_rho_by_regime(d: Design) -> bool:
    """Whether every regime has a rho of its own."""
    return isinstance(d, RegimeDesign) and d.several_rhos


def cut_by_regime(d: Design, values: np.ndarray) -> np.ndarray:
    """(T, N, k) as (T, N, k G): zero outside each regime."""
    assert isinstance(d, RegimeDesign)
    assert d.split is not None
    return np.concatenate([np.where(inside[:, None], values, 0.0) for inside in d.split.members], axis=2)


def whole_terms(
    d: Design, exogenous: np.ndarray, names: Sequence[str], *, constant: bool, instruments: bool
) -> np.ndarray:
    """The ``exogenous`` terms, (k,) of the regressors' ``names``, as they were before they were cut by regime, and the
    ``instruments``: (T, N, q). The intercept is among them unless W of it is ``constant``."""
    assert isinstance(d, RegimeDesign)
    assert d.split is not None
    free = {name for name, own in zip(names, exogenous) if own}
    columns = []
    for term, own in d.split.columns.items():
        if term == INTERCEPT:
            columns += [] if constant else [np.ones(d.y.shape)]
        elif free.issuperset(own):
            columns.append(d.X[:, :, [d.names.index(name) for name in own]].sum(axis=2))
    prefixes = tuple(f"{label}: " for label in d.split.labels)
    cut: dict[str, np.ndarray] = {}
    for name, values in d.instruments.items() if instruments else ():
        term = next((name.removeprefix(prefix) for prefix in prefixes if name.startswith(prefix)), name)
        cut[term] = cut[term] + values if term in cut else values
    columns += cut.values()
    return np.stack(columns, axis=2) if columns else np.empty((*d.y.shape, 0))
