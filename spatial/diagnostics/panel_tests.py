"""Tests of a panel's residuals: are the errors of one unit correlated over time?"""

from __future__ import annotations

import numpy as np

from spillover.errors import SpatialInputError
from spillover.matrix import refuse_varying

from ..design.checks import refuse_psi, refuse_without_residuals
from ..design.fixed_effects import FixedEffects
from ..design.gaps import refuse_unbalanced
from ..design.obs_weights import refuse_weighted
from ..records.fit import FitRecord
from ..records.tests import TestResult, TestTable
from ..solve.ml import spatially_lagged_error
from .lm import has_exact_moments

NULL = "no first-order serial correlation"


def serial_correlation(fit: FitRecord) -> TestTable:
    """Are errors of one unit correlated from one period to the next?

    Parameters
    ----------
    fit : FitRecord
        A panel of at least 4 periods. Responses and regressors of spatial models are filtered by their rho and
        lambda, as in e = B (A y - X beta).

    Returns
    -------
    TestTable
        "Wooldridge, differences". With unit effects "Wooldridge, within", and except with random effects "LM AR(1)".
        From fits with ``correction=False`` the first two are ``xtserial`` and plm's ``pwartest``.

    Raises
    ------
    SpatialInputError
        E206 fewer than 4 periods, E501 a cross-section.

    Notes
    -----
    Wooldridge (2010, Econometric Analysis of Cross Section and Panel Data, 2nd ed.), sections 10.5.4 and 10.6.3:
    without serial correlation differenced errors have an autocorrelation of -1/2 and within errors -1 / (T - 1). Both
    are F(1, N - 1) of the mean of the units' scores under that null, which few units need (``_mean_score``).
    Drukker (2003, Stata Journal 3:168-177). LM AR(1) is (e'L e / s2 - m)^2 / v, L the lag within units, its mean m
    and variance v those under the projection off the effects, as in ``lm_tests``: right for short panels, where the
    T^2 N / (T - 1) (e'L e / e'e)^2 of Baltagi (2013), eq. 5.22, is not.
    """
    refuse_psi(fit, "serial_correlation", "psi and its interval are in sp.variance_components(fit)")
    T, N = panel_shape(fit, 4)
    if fit._sample.dummies:
        refuse_varying(fit._design.weights_of_error, "serial_correlation after a spatial error with fixed effects")
    effects = fit._settings.effects
    effects.refuse_ways("serial_correlation", "vcov='cluster' allows for it")
    results = [_differences(fit)]
    if effects.entity:
        results.append(_within(fit))
    if not fit._settings.random:
        results.append(_local(fit, T, N, effects))
    return TestTable(f"Serial correlation in {fit.specification.name}: {fit._design.formula}", tuple(results))


def _differences(fit: FitRecord) -> TestResult:
    """First differences on first differences, their residuals on the residuals before: is the slope -1/2?"""
    T, N = fit._design.y.shape
    y, X = _filtered(fit)
    dy, dX = (np.diff(v.reshape(T, N, -1), axis=0).reshape((T - 1) * N, -1) for v in (y, X))
    e = (dy - dX @ np.linalg.lstsq(dX, dy, rcond=None)[0]).reshape(T - 1, N)
    now, before = e[1:], e[:-1]
    if has_exact_moments(fit):
        return TestResult("Wooldridge, differences", _mean_score(now, before, -0.5), (1, N - 1), NULL)
    squares = np.sum(before**2)
    slope = np.sum(now * before) / squares
    scores = np.sum(before * (now - slope * before), axis=0)  # by unit
    variance = N / (N - 1) * np.sum(scores**2) / squares**2
    return TestResult("Wooldridge, differences", (slope + 0.5) ** 2 / variance, (1, N - 1), NULL)


def _within(fit: FitRecord) -> TestResult:
    """Within residuals on a constant and those before: is the slope -1 / (T - 1)?"""
    T, N = fit._design.y.shape
    e = fit._solution.resid.reshape(T, N)
    now, before = e[1:] - e[1:].mean(), e[:-1] - e[:-1].mean()
    if has_exact_moments(fit):
        return TestResult("Wooldridge, within", _mean_score(now, before, -1 / (T - 1)), (1, N - 1), NULL)
    squares = np.sum(before**2)
    slope = np.sum(now * before) / squares
    scores = np.sum(before * (now - slope * before), axis=0)
    F = (slope + 1 / (T - 1)) ** 2 * squares**2 / np.sum(scores**2)
    return TestResult("Wooldridge, within", F, (1, now.size - 2), NULL)


def _mean_score(now: np.ndarray, before: np.ndarray, null: float) -> float:
    """F(1, N - 1) that the slope of ``now`` on ``before`` is ``null``: units' scores s_i = sum_t before (now - null
    before) have the mean zero.

    The variance of s_i is around its mean. Around the slope that was estimated, as in the books, it is too small where
    units are few: 20 units of 6 periods then reject 8 to 10 % of true nulls, 60 of 4 periods 7 %.
    """
    scores = np.sum(before * (now - null * before), axis=0)
    return scores.size * scores.mean() ** 2 / scores.var(ddof=1)


def _local(fit: FitRecord, T: int, N: int, effects: FixedEffects) -> TestResult:
    """The score of an AR(1) at zero, with the moments that the effects leave."""
    e = fit._solution.resid.reshape(T, N)
    n = effects.left(T, N)
    copies = N - effects.time
    Q = np.eye(T) - effects.entity / T
    QL = Q @ np.eye(T, k=-1)
    mean = copies * np.trace(QL)
    variance = copies * (np.sum(QL * QL.T) + np.sum((QL @ Q) * QL)) - 2 * mean**2 / n
    score = np.sum(e[1:] * e[:-1]) / (np.sum(e**2) / n) - mean
    return TestResult("LM AR(1)", score**2 / variance, 1, NULL)


def _filtered(fit: FitRecord) -> tuple[np.ndarray, np.ndarray]:
    """B A y and B X at the estimates, so that e = B A y - B X beta."""
    s, at = fit._sample, fit._solution
    y = s.y if s.lag is None else s.Ay(at.rho)
    if s.error is None:
        return y, s.X
    return y - at.lam * spatially_lagged_error(s, np.zeros_like(at.beta), at.rho), s.BX(at.lam)


def panel_shape(fit: FitRecord, periods: int) -> tuple[int, int]:
    """(T, N) of a balanced panel.

    Raises
    ------
    SpatialInputError
        E501 a cross-section, E206 fewer periods, E703 no residual variance, E1xx gaps.
    """
    if not fit._design.is_panel:
        raise SpatialInputError("E501", "this test needs a panel", hint="give entity= and time=")
    refuse_unbalanced(fit._design.observed, "this test")
    refuse_weighted(fit._design.obs_weights, "this test", "test the residuals of the same model without weights")
    refuse_without_residuals(fit)
    T, N = fit._design.y.shape
    if periods > T:
        raise SpatialInputError("E206", f"this test needs at least {periods} periods, got {T}", n=T,
                                hint="use a longer panel")
    return T, N
