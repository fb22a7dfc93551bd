"""Models whose fixed effects a spatial error's weights carry along: from aligned data to the maximum.

Period effects under weights whose rows do not sum to one, and unit effects of an unbalanced panel: see
``design.carried`` for how they leave, ``solve.carried`` for the likelihood and its correction.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from ..design.arrays import Sample, solve_triangular
from ..design.carried import DENSE_MAX, Carried, Effects, carries_effects, turned_effects
from ..design.checks import refuse_degenerate
from ..design.design import Design, spatial_lag
from ..design.fixed_effects import FixedEffects
from ..design.obs_weights import links_in_units_of_variance
from ..design.period_means import centers, of_deviations
from ..design.sample import demeaned_sample, left_by_means, regressor_columns, weighted
from ..design.specification import Specification
from ..logdet import Jacobian, logdet, period_logdet
from .carried import highest
from .carried_problem import Problem
from .carried_solution import solution_at
from .ml import Solution, maximum_likelihood
from .score_mean import Links, score_mean

AREA, AREA_OF_MANY = 8, 4  # nodes of the integral of what effects take


def maximum_of(
    specification: Specification, d: Design, effects: FixedEffects, correction, method: str | None = None
) -> tuple[Sample, Solution]:
    """Steps 3 and 4 for any fixed effects: the sample, and the maximum of its likelihood before bias corrections."""
    if carries_effects(specification, d, effects):
        return maximum_with_carried_effects(specification, d, effects, correction, method)
    sample = demeaned_sample(specification, d, effects, correction, method)
    return sample, maximum_likelihood(sample)


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
    raw = raw if d.obs_weights is None else weighted(raw, d, effects, correction)
    columns, of_time, _ = turned_effects(d, effects)
    Q, R, _ = raw.basis
    MQ = solve_triangular(R, raw.error_lag_of_X.T, transposed=True).T
    ys = np.column_stack([raw.y, raw.lag_of_y])
    Mys = np.column_stack([raw.error_lag_of_y, raw.error_lag_of_Wy])
    on_X = Q.T @ ys
    carried = Carried(columns, np.hstack([ys - Q @ on_X, Q]), np.hstack([Mys - MQ @ on_X, MQ]))
    # 2. Determinants.
    corrected, T = correction is not False, d.n_periods
    n = d.left(effects) if corrected else d.nobs
    lost = of_time * corrected
    error = _determinant(d.weights_of_error, T, 1 - lost / T, method)
    lag = mean = None
    if specification.lag:
        lag = _determinant(d.weights, T, n / d.nobs, method)
        lag = replace(lag, means=left_by_means(d.weights, effects, True))
        mean = Mean(lag, n / d.nobs, 1 - lost / T, columns, _links(d, effects)) if corrected else None
    # 3. The maximum.
    problem = Problem(carried, n, lag, error, corrected, mean)
    return solution_at(problem, highest(problem), raw)


def _columns(specification: Specification, d: Design, effects: FixedEffects) -> Sample:
    """y, X, W y and their lags, lags taken before the effects: the equation with its dummies."""
    X, names = regressor_columns(d, effects)
    rows, within = d.rows, lambda values: d.within(values, effects)
    y, Xd = within(d.y), within(X)
    refuse_degenerate(d, rows(X), rows(Xd), rows(y), names, effects)
    M = d.weights_of_error
    sample = Sample(y=rows(y), X=rows(Xd), n=d.nobs, My=rows(spatial_lag(M, y)), MX=rows(spatial_lag(M, Xd)),
                    names=tuple(names))  # fmt: skip
    if not specification.lag:
        return sample
    Wy = within(d.lag(d.outcome, effects))
    return replace(sample, Wy=rows(Wy), MWy=rows(spatial_lag(M, Wy)))


def _determinant(w, T: int, share: float, method: str | None) -> Jacobian:
    """A share of the sum of log|I - rho W_t| over periods."""
    if w.varies:
        return Jacobian(period_logdet(w, method), share)
    return Jacobian(logdet(w, method), share * T)


def _links(d: Design, effects: FixedEffects) -> Links:
    T = d.n_periods
    there = np.ones(d.y.shape, dtype=bool) if d.observed is None else d.observed
    W, centered = d.weights, centers(d.weights, effects.time)
    if centered and d.obs_weights is not None:
        W, centered = of_deviations(W), False
    each, M = (links_in_units_of_variance(d, w).each(T) for w in (W, d.weights_of_error))
    return Links(each, M, [np.flatnonzero(row) for row in there], centered)


@dataclass(frozen=True, eq=False)
class Mean:
    """What the slope of a share of log|I - rho W| lacks of K'(rho, lambda): -tr G of the periods that demeaning keeps,
    and what the other effects take.

    Attributes
    ----------
    lag : Jacobian
        The share ``counted`` of log|I - rho W|, over all periods.
    kept : float
        Of the periods.
    """

    lag: Jacobian
    counted: float
    kept: float
    effects: Effects = field(repr=False)
    links: Links = field(repr=False)

    def missing(self, rho: float, lam: float, slope: float) -> float:
        return (self.kept / self.counted - 1) * float(slope) + self._taken(rho, lam, float(slope))

    def area(self, rho: float, lam: float) -> float:
        nodes, weights = np.polynomial.legendre.leggauss(AREA if self.effects.rank <= DENSE_MAX else AREA_OF_MANY)
        rough = self.lag.coarse  # it lowers the noise of a trace, no more
        taken = [self._taken(r, lam, float(rough.d1(r))) for r in (rho / 2 * (nodes + 1)).tolist()]
        return (self.kept / self.counted - 1) * float(self.lag.value(rho)) + rho / 2 * float(weights @ taken)

    def _taken(self, rho: float, lam: float, slope: float) -> float:
        """What is taken of tr G, which ``slope`` is a share of."""
        return score_mean(self.effects, self.effects.factor(lam), self.links, rho, lam, -slope / self.counted)
