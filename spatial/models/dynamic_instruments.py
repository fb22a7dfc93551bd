"""What instruments a dynamic panel: past values of y and of regressors, exogenous regressors, outside instruments.

=============================  =====================================  ===============================================
regressor                      instruments (xtabond2's words)         valid where
=============================  =====================================  ===============================================
exogenous x                    D x and its spatial lags (ivstyle)     x is unrelated to the errors of all periods
c, endog= and instruments=     D z and its spatial lags (ivstyle)     z is
c, endog= alone                c, two periods or more before, and     c_t is related to errors of its own and earlier
                               its spatial lags (gmmstyle)            periods alone
c, predetermined=              the same, one period or more before    c_t is related to earlier errors alone
=============================  =====================================  ===============================================

The lag W c of a Durbin model is as endogenous as c and has the spatial lags of its instruments (Kukenova & Monteiro
2009, "Spatial dynamic panel model and system GMM"; Lee & Yu 2014, J. Econometrics 180:174-197, section 2). In
forward orthogonal deviations equation t has c of period t - 1 (predetermined: t) and before.

Several W lag what the model lags once more, W_k W_l x, and of the past y alone. With regimes exogenous columns are
those of each regime; past values are cut by regime where tau, eta or rho differ, spatial lags of whole regressors where
rho does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from spillover.errors import SpatialInputError
from spillover.matrix import SpatialWeights, TemporalWeights

from ..design.design import INTERCEPT, Design
from ..design.dynamic_effects import cell_weights, period_deviations
from ..design.fixed_effects import FixedEffects
from ..design.formula import canonical
from ..design.instruments import refuse_strangers
from ..design.lags_of_response import cut_by_regime, has_rho_by_regime, whole_terms
from ..design.past import splits_past
from ..design.regimes import RegimeDesign
from ..design.several import SeveralDesign, several_regressors, weights_of_response
from ..design.specification import Specification
from .moments import LAGGED, lagged_products, order_of_endogenous, refuse_absorbed


@dataclass(frozen=True, eq=False)
class PastAndOwn:
    """Arrays of instruments in levels.

    Attributes
    ----------
    past : (T, N, g)
        Row t has period t - 1.
    predetermined : (T + 1, N, h)
        With the first period.
    own : (T, N, q)
        Their own instruments, to be transformed as the equation is.
    terms : tuple of str
        Whose past instruments.
    """

    past: np.ndarray = field(repr=False)
    predetermined: np.ndarray = field(repr=False)
    own: np.ndarray = field(repr=False)
    terms: tuple[str, ...]


def endogenous_terms(columns: Design, predetermined: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Endogenous and predetermined regressors, as the formula spells them.

    Raises
    ------
    SpatialInputError
        E501 a term that is both, E502 no such regressor.
    """
    terms = tuple(canonical(name) for name in predetermined)
    refuse_strangers(columns, "predetermined", terms)
    if both := set(terms) & {*columns.endog, *columns.instruments}:
        raise SpatialInputError("E501", f"{min(both)!r} is named as predetermined and in endog= or instruments=",
                                column=min(both), hint="leave it out of one of them")  # fmt: skip
    return columns.endog, terms


def instruments_of_panel(
    d: Design, columns: Design, effects: FixedEffects, predetermined: tuple[str, ...], specification: Specification
) -> PastAndOwn:
    """The instruments of a dynamic model.

    Parameters
    ----------
    d : Design
        From the second period on.
    columns : Design
        The same as it was read: with the first period, whose values instrument later ones, under the first W and
        without regimes.

    Raises
    ------
    SpatialInputError
        E208 an instrument that the effects absorb, E501, E502.
    """
    endog, before = endogenous_terms(columns, predetermined)
    if d.instruments:
        refuse_absorbed(d, effects)
    lag = int(specification.lag)  # W y needs instruments of its own
    several, W = isinstance(d, SeveralDesign), [columns.weights]
    if isinstance(d, SeveralDesign):
        W = [d.weights.matrices[m] for m in d.weights.listed]
    lags_of_y = int(any(not name.startswith("lag(") for name in d.lags))
    by_past = () if d.instruments else endog

    def of_past(values: np.ndarray, powers: int, cut: bool) -> np.ndarray:
        """(T + 1, N, g), lagged in space; by regime less period means, which a common path leaves out."""
        values = with_lags(columns, W, values, effects, powers)
        if not (cut and isinstance(d, RegimeDesign)):
            return values
        return cut_by_regime(d, period_deviations(values, cell_weights(columns)) if effects.time else values)

    def of_term(name: str) -> np.ndarray:
        values = columns.X[:, :, [columns.names.index(name)]]
        return of_past(values, lag + lags_in_model(d, name), has_rho_by_regime(d) or _differs(d, name))

    powers = max(lag, lags_of_y) if several else lag + lags_of_y
    own_past = of_past(columns.outcome[:, :, None], powers, has_rho_by_regime(d) or splits_past(d))
    past = [own_past, *map(of_term, by_past)]
    predetermined_columns = [np.empty((*columns.y.shape, 0)), *map(of_term, before)]
    own = _own(d, effects, not_exogenous(d, columns, predetermined), specification)
    return PastAndOwn(np.concatenate(past, axis=2)[:-1], np.concatenate(predetermined_columns, axis=2), own,
                      (*by_past, *before))  # fmt: skip


def _own(d: Design, effects: FixedEffects, others: set[str], specification: Specification) -> np.ndarray:
    """Exogenous regressors, outside instruments and their spatial lags, (T, N, q); ``others`` are not exogenous."""
    lag = int(specification.lag)
    outside = np.stack([np.zeros(d.y.shape), *d.instruments.values()], axis=2)[:, :, 1:]
    if isinstance(d, SeveralDesign):
        X, names = several_regressors(d, effects)
        own, W = X[:, :, are_exogenous(d, names, others)], weights_of_response(d)
        order = lag * (2 - {m for _, m in d.weights.pairs}.issuperset(d.weights.lag))
        of_outside = 2 if lag else order_of_endogenous(d)
        return np.concatenate([with_lags(d, W, own, effects, order), with_lags(d, W, outside, effects, of_outside)],
                              axis=2)  # fmt: skip
    free = are_exogenous(d, d.names, others) & np.array([name != INTERCEPT for name in d.names], dtype=bool)
    own = np.concatenate([d.X[:, :, free], outside], axis=2)
    order = max((lags_in_model(d, term) for term in _terms(d)), default=0)
    powers = 2 + specification.durbin if lag else order
    if not isinstance(d, RegimeDesign):
        return with_lags(d, [d.weights], own, effects, powers)
    unlagged = free & np.array([not LAGGED.match(_term_of(d, name)) for name in d.names], dtype=bool)
    whole = whole_terms(d, unlagged, d.names, constant=True, instruments=True)
    lagged = with_lags(d, [d.weights], whole, effects, powers)[:, :, whole.shape[2] :]
    return np.concatenate([own, cut_by_regime(d, lagged) if has_rho_by_regime(d) else lagged], axis=2)


def not_exogenous(d: Design, columns: Design, predetermined: tuple[str, ...]) -> set[str]:
    """Terms that are not strictly exogenous."""
    return {*d.lags, *(name for terms in endogenous_terms(columns, predetermined) for name in terms)}


def are_exogenous(d: Design, names: Sequence[str], others: set[str]) -> np.ndarray:
    """Which columns of [X, W X] are strictly exogenous."""
    terms = [_term_of(d, name) for name in names]
    return np.array([not others & {term, LAGGED.sub("", term)} for term in terms], dtype=bool)


def lags_in_model(d: Design, term: str) -> int:
    """Up to which power of W a term is lagged among the regressors."""
    if isinstance(d, SeveralDesign):
        return int(any(d.names[j] == term for j, _ in d.weights.pairs))
    if isinstance(d, RegimeDesign):
        return sum(f"{power}{term}" in _terms(d) for power in ("W:", "W2:"))
    return d.wx_order * any(d.names[j] == term for j in d.durbin)


def _terms(d: Design) -> tuple[str, ...]:
    split = d.split if isinstance(d, RegimeDesign) else None
    return d.names if split is None else tuple(split.columns)


def _term_of(d: Design, name: str) -> str:
    """The term that a column belongs to: of ``east: W:x`` ``W:x``."""
    split = d.split if isinstance(d, RegimeDesign) else None
    return name if split is None else next(term for term, columns in split.columns.items() if name in columns)


def _differs(d: Design, term: str) -> bool:
    split = d.split if isinstance(d, RegimeDesign) else None
    return split is not None and len(split.columns[term]) > 1


def with_lags(
    d: Design, weights: Sequence[SpatialWeights | TemporalWeights], values: np.ndarray, effects: FixedEffects,
    powers: int,
) -> np.ndarray:  # fmt: skip
    """[x, W x, W^2 x ...] along the last axis; of several W all products."""
    return np.concatenate([values, *lagged_products(d, weights, values, effects, powers)], axis=2)
