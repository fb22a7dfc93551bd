"""Unit effects that follow the regressors: mu_i = xbar_i pi + alpha_i, with alpha_i unrelated to them (Mundlak 1978,
Econometrica 46:69-85), or with the regressors of every period in the place of their means (Chamberlain 1982).

By moments the regressors that the effects follow are the exogenous ones, W X among them, and the instruments of the
endogenous ones, with as many lags in space as these have: then e_it may be related to endogenous regressors at will,
and mu_i to the instruments. Without W y the slopes are those of two-stage least squares within units, whatever phi is
(Joshi & Wooldridge 2019, Annals of Economics and Statistics 134:243-268, Proposition 2.1).
"""

from __future__ import annotations

from dataclasses import replace
from typing import TypeVar

import numpy as np

from ..design.arrays import Sample
from ..design.design import Design
from ..design.fixed_effects import NO_EFFECTS, FixedEffects
from ..design.several import SeveralDesign, weights_of_error, weights_of_response
from ..design.unit_means import projection
from ..solve.gmm import MomentSample
from .moments import lagged_products, order_of_endogenous

S = TypeVar("S", bound=Sample)


def with_unit_means(raw: S, d: Design, effects: FixedEffects) -> S:
    """What the unit effects follow, as regressors of their own: unit means of the regressors, W X among them, or the
    regressors of every period.

    Those that the regressors span already are left out: means of what never changes, or of year dummies.

    Raises
    ------
    SpatialInputError
        E716 when no regressor has means of its own, E206 when there are too few units for so many.
    """
    return _extended(raw, d, effects, raw.X, raw.MX, raw.names)


def moments_with_unit_means(raw: MomentSample, d: Design, effects: FixedEffects) -> MomentSample:
    """The same of exogenous regressors and of the instruments of endogenous ones; all that is added is exogenous.

    Raises
    ------
    SpatialInputError
        E206, E716.
    """
    own, labels = _instruments(d)
    X, MX = np.column_stack([raw.X[:, raw.exogenous], own]), None
    if raw.MX is not None:
        lagged = d.lag(d.panel(own), NO_EFFECTS, weights_of_error(d))
        MX = np.column_stack([raw.MX[:, raw.exogenous], d.rows(lagged)])
    names = (*(name for name, own in zip(raw.names, raw.exogenous) if own), *labels)
    out = _extended(raw, d, effects, X, MX, names)
    added = out.X.shape[1] - raw.X.shape[1]
    return replace(out, exogenous=np.concatenate([raw.exogenous, np.ones(added, dtype=bool)]))


def _instruments(d: Design) -> tuple[np.ndarray, list[str]]:
    """Rows of the instruments that the formula does not have, lagged in space as endogenous regressors are."""
    if not d.instruments:
        return np.empty((d.nobs, 0)), []
    columns, order = np.stack(list(d.instruments.values()), axis=2), order_of_endogenous(d)
    weights = weights_of_response(d) if order else ()
    if isinstance(d, SeveralDesign):
        prefixes = ["", *(f"W_{d.weights.matrices.index(w) + 1}:" for w in weights)]
    else:
        prefixes = ["", "W:", "W2:"][: 1 + order]
    values = np.concatenate([columns, *lagged_products(d, weights, columns, NO_EFFECTS, order)], axis=2)
    return d.rows(values), [prefix + name for prefix in prefixes for name in d.instruments]


def _extended(raw: S, d: Design, effects: FixedEffects, X: np.ndarray, MX, names: tuple[str, ...]) -> S:
    """The sample with what the unit effects follow of X; ``MX`` is M of it."""
    added, labels = projection(raw.X, X, names, d, effects)
    lagged = None if raw.MX is None else np.column_stack([raw.MX, added(MX)])
    return replace(raw, X=np.column_stack([raw.X, added(X)]), MX=lagged, names=(*raw.names, *labels))
