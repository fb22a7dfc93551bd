"""Models whose fixed effects a spatial error's weights carry along: from aligned data to the maximum.

Period effects under weights whose rows do not sum to one, and unit effects of an unbalanced panel: see
``design.carried`` for how they leave, ``solve.carried`` for the likelihood and its correction.
"""

from __future__ import annotations

import numpy as np

from spillover.errors import SpatialInputError

from ..design.arrays import Sample, solve_triangular
from ..design.carried import DENSE_MAX, Carried, Effects, demeans_units, effects_of
from ..design.checks import refuse_degenerate
from ..design.design import Design, spatial_lag
from ..design.fixed_effects import FixedEffects
from ..design.sample import regressor_columns
from ..design.specification import Specification
from ..logdet import Jacobian, logdet, period_logdet
from ..solve.carried import Problem, highest, solution_at
from ..solve.ml import Solution
from ..solve.score_mean import Links, score_mean

AREA, AREA_OF_MANY = 8, 4  # nodes of the integral of what effects take


def maximum_with_carried_effects(
    specification: Specification, d: Design, effects: FixedEffects, correction, method: str | None
) -> tuple[Sample, Solution]:
    """The maximum of the likelihood, the score of rho mended; and the sample at this maximum.

    Raises
    ------
    SpatialInputError
        E204-E208 columns that say nothing, E309 too many units, E701 and E801 no maximum.
    """
    # 1. Columns, demeaned for the sake of their digits, and their lags.
    raw = _columns(specification, d, effects)
    columns = effects_of(d, effects)
    Q, R, _ = raw.basis
    MQ = solve_triangular(R, raw.error_lag_of_X.T, transposed=True).T
    ys = np.column_stack([raw.y, raw.lag_of_y])
    Mys = np.column_stack([raw.error_lag_of_y, raw.error_lag_of_Wy])
    on_X = Q.T @ ys
    carried = Carried(columns, np.hstack([ys - Q @ on_X, Q]), np.hstack([Mys - MQ @ on_X, MQ]))
    # 2. Determinants.
    corrected, T = correction is not False, d.n_periods
    n = d.left(effects) if corrected else d.nobs
    lost = int(corrected and demeans_units(d, effects))
    error = _determinant(d.weights_of_error, T, 1 - lost / T, method)
    lag = missing = area = None
    if specification.lag:
        share = n / d.nobs
        lag = _determinant(d.weights, T, share, method)
        if corrected:
            missing, area = _missing(d, columns, lag, share, 1 - lost / T)
    # 3. The maximum.
    problem = Problem(carried, n, lag, error, corrected, missing, area)
    return solution_at(problem, highest(problem), raw)


def _columns(specification: Specification, d: Design, effects: FixedEffects) -> Sample:
    """y, X, W y and their lags, lags taken before the effects."""
    X, names = regressor_columns(d, effects)
    rows, within = d.rows, lambda values: d.within(values, effects)
    y, Xd = within(d.y), within(X)
    refuse_degenerate(d, rows(X), rows(Xd), rows(y), names, effects)
    lag = {}
    if specification.lag:
        Wy = within(spatial_lag(d.weights, d.y))
        lag = {"Wy": rows(Wy), "MWy": rows(spatial_lag(d.weights_of_error, Wy))}
    M = d.weights_of_error
    return Sample(y=rows(y), X=rows(Xd), n=d.nobs, My=rows(spatial_lag(M, y)), MX=rows(spatial_lag(M, Xd)),
                  names=tuple(names), **lag)  # fmt: skip


def _determinant(w, T: int, share: float, method: str | None) -> Jacobian:
    """A share of the sum of log|I - rho W_t| over periods."""
    if w.varies:
        return Jacobian(period_logdet(w, method), share)
    return Jacobian(logdet(w, method), share * T)


def _missing(d: Design, effects: Effects, lag: Jacobian, share: float, kept: float):
    """What the slope of a share of log|I - rho W| lacks of K'(rho, lambda), and the integral of that from zero.

    K' is -tr G of the periods that demeaning keeps, and what the other effects take.
    """
    T = d.n_periods
    there = np.ones(d.y.shape, dtype=bool) if d.observed is None else d.observed
    links = Links(d.weights.each(T), d.weights_of_error.each(T), [np.flatnonzero(row) for row in there])

    def mean(rho: float, lam: float, slope: float) -> float:
        return score_mean(effects, effects.factor(lam), links, rho, lam, slope)

    def missing(rho: float, lam: float, slope: float) -> float:
        """``slope`` is that of the share."""
        return (kept / share - 1) * slope + mean(rho, lam, -slope / share)

    def area(rho: float, lam: float) -> float:
        nodes, weights = np.polynomial.legendre.leggauss(AREA if effects.rank <= DENSE_MAX else AREA_OF_MANY)
        rough = lag.coarse  # it lowers the noise of a trace, no more
        means = [mean(r, lam, -float(rough.d1(r)) / share) for r in (rho / 2 * (nodes + 1)).tolist()]
        return (kept / share - 1) * float(lag.value(rho)) + rho / 2 * float(weights @ means)

    return missing, area


def correction_of_carried(correction) -> bool:
    """True or False as requested.

    Raises
    ------
    SpatialInputError
        E501 for the additive correction.
    """
    if correction == "additive":
        raise SpatialInputError("E501", "correction='additive' is for a spatial lag alone: beside an error the score of "
                                "rho is corrected by its mean", hint="leave correction= out")  # fmt: skip
    return bool(correction)
