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
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from spillover.errors import SpatialInputError

from ..design.design import INTERCEPT, Design
from ..design.fixed_effects import FixedEffects
from ..design.formula import canonical
from ..design.instruments import refuse_strangers
from ..design.specification import Specification
from .moments import LAGGED, refuse_absorbed


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


def endogenous_terms(d: Design, predetermined: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Endogenous and predetermined regressors, as the formula spells them.

    Raises
    ------
    SpatialInputError
        E501 a term that is both, E502 no such regressor.
    """
    terms = tuple(canonical(name) for name in predetermined)
    refuse_strangers(d, "predetermined", terms)
    if both := set(terms) & {*d.endog, *d.instruments}:
        raise SpatialInputError("E501", f"{min(both)!r} is named as predetermined and in endog= or instruments=",
                                column=min(both), hint="leave it out of one of them")  # fmt: skip
    return d.endog, terms


def instruments_of_panel(
    d: Design, columns: Design, effects: FixedEffects, predetermined: tuple[str, ...], specification: Specification
) -> PastAndOwn:
    """The instruments of a dynamic model.

    Parameters
    ----------
    d : Design
        From the second period on.
    columns : Design
        The same as it was read: with the first period, whose values instrument later ones.

    Raises
    ------
    SpatialInputError
        E208 an instrument that the effects absorb, E501, E502.
    """
    endog, before = endogenous_terms(d, predetermined)
    if d.instruments:
        refuse_absorbed(d, effects)
    lag = specification.lag  # W y needs instruments of its own
    y_powers = lag + any(name.startswith("W:") for name in d.lags)
    x_powers = 2 + specification.durbin if lag else specification.durbin * d.wx_order
    by_past = () if d.instruments else endog

    def lagged(name: str) -> np.ndarray:
        powers = lag + d.wx_order * any(d.names[j] == name for j in d.durbin)
        return with_lags(columns, columns.X[:, :, [columns.names.index(name)]], effects, powers)

    past = [with_lags(columns, columns.outcome[:, :, None], effects, y_powers), *map(lagged, by_past)]
    predetermined_columns = [np.empty((*columns.y.shape, 0)), *map(lagged, before)]
    not_own = {*d.lags, *endog, *before, INTERCEPT}
    own = [d.X[:, :, j] for j, name in enumerate(d.names) if name not in not_own]
    by_themselves = [values[:, :, None] for values in (*own, *d.instruments.values())]
    levels = np.concatenate([np.empty((*d.y.shape, 0)), *by_themselves], axis=2)
    return PastAndOwn(
        np.concatenate(past, axis=2)[:-1], np.concatenate(predetermined_columns, axis=2),
        with_lags(d, levels, effects, x_powers), (*by_past, *before),
    )  # fmt: skip


def are_exogenous(d: Design, names: list[str], predetermined: tuple[str, ...]) -> np.ndarray:
    """Which columns of [X, W X] are strictly exogenous."""
    others = {*d.lags, *(name for terms in endogenous_terms(d, predetermined) for name in terms)}
    return np.array([name not in others and LAGGED.sub("", name) not in others for name in names])


def with_lags(d: Design, values: np.ndarray, effects: FixedEffects, powers: int) -> np.ndarray:
    """[x, W x, W^2 x ...] along the last axis."""
    out = [values]
    for _ in range(powers):
        out.append(d.lag(out[-1], effects))
    return np.concatenate(out, axis=2)
