"""Scores of a spatial lag and a spatial error in a regression's residuals, at rho = lambda = 0, with exact moments.

Residuals are e = M u, M the projection off the fixed effects and off X. Under normal errors of one variance e'W e and
e'e / m, m = tr M, have the moments (Cliff & Ord 1981, section 8.3, by Pizzetti's theorem)

    d_lambda = e'W e / s2 - tr(M W)
    d_rho    = e'W y / s2 - tr(M W)
    T_W      = {m [tr(M W M W) + tr(M W M W')] - 2 tr(M W)^2} / (m + 2),      s2 = e'e / m

so the scores have mean zero and d_lambda the variance T_W in samples of any size. Textbooks put M = I in the traces and
m = n: with a dense W the tests of a cross-section then reject 0 to 2 % of true nulls at 5 %; under time effects, where
tr(M W) is about -T, they reject too often. ``correction=False`` gives those: the numbers of R, GeoDa and splm.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np

from ..design.checks import refuse_psi, refuse_without_residuals
from ..design.design import Design, spatial_lag
from ..design.entry import given_starts, starts
from ..design.fixed_effects import NO_EFFECTS, FixedEffects
from ..design.unbalanced import Gaps
from ..records.fit import FitRecord


@dataclass(frozen=True, eq=False)
class Scores:
    """What the LM tests of a regression are made of.

    Attributes
    ----------
    lag, error : float
        d_rho and d_lambda.
    WXb : (m,)
        W times the fitted values, the effects and X projected out.
    information : float
        T_W.
    s2 : float
    """

    lag: float
    error: float
    WXb: np.ndarray = field(repr=False)
    information: float
    s2: float


def scores_of(fit: FitRecord) -> Scores:
    """The scores of one regression, with exact moments or the textbook's as its ``correction`` says."""
    refuse_psi(fit, "an LM test", "compare fits by sp.lr_test(small, large)")
    refuse_without_residuals(fit)
    fit._settings.effects.refuse_ways("an LM test", "sar, sem and sdm have these effects: compare their likelihoods")
    fit, of_starts = among_rows(fit)
    d, e, effects = fit._design, fit._solution.resid, transformed(fit)
    m = d.left(effects)
    trace, squares = panel_traces(d, effects)
    if has_exact_moments(fit):
        m -= fit._sample.X.shape[1]
        less, fewer = _traces_of_regressors(fit, effects)
        trace, squares = trace - less, squares - fewer
        information = (m * squares - 2 * trace**2) / (m + 2)
    else:
        information = squares - 2 * trace**2 / m
    s2 = e @ e / m
    lag_of = lagger(fit)
    y = fit._sample.y if not effects and d.offset is None else d.rows(d.outcome)
    WXb = without(fit, lag_of(y - e) + of_starts)
    error = e @ lag_of(e) / s2 - trace
    return Scores(e @ WXb / s2 + error, error, WXb, information, s2)


def among_rows(fit: FitRecord) -> tuple[FitRecord, np.ndarray | float]:
    """The fit with W among its rows alone, and W y of the starting values of a dynamic panel with gaps, (m,)."""
    d = fit._design
    if starts(d) is None:
        return fit, 0.0
    weights, fixed = given_starts(d)
    return replace(fit, _design=replace(d, weights=weights)), d.rows(np.asarray(fixed))


def has_exact_moments(fit: FitRecord) -> bool:
    return fit._settings.correction is not False


def _traces_of_regressors(fit: FitRecord, effects: FixedEffects) -> tuple[float, float]:
    """What X takes off tr(M W) and off tr(M W M W) + tr(M W M W'): M = P - Q Q', P off the effects, Q a basis of P X.

    tr(M W M V) = tr(P W P V) - tr(Q'W P V Q) - tr(Q'V P W Q) + tr(Q'W Q Q'V Q), V either W or W'.
    """
    d, Q = fit._design, np.linalg.qr(fit._sample.X)[0]
    both = partial(spatial_lag, d.weights), _lead(d)
    WQ, VQ = (d.rows(d.within(lag(d.panel(Q)), effects)) for lag in both)
    small = Q.T @ WQ
    squares = 2 * np.sum(WQ * VQ) + np.sum(WQ**2) + np.sum(VQ**2) - np.sum(small * small.T) - np.sum(small**2)
    return float(np.trace(small)), float(squares)


def _lead(d: Design):
    """W' applied to the unit axis of a (T, N, k) array."""
    if not d.weights.varies:
        return partial(spatial_lag, d.weights.csr.T.tocsr())
    return lambda values: np.stack([w.csr.T @ each for w, each in zip(d.weights.matrices, values)])


def lagged_regressors(fit: FitRecord) -> np.ndarray:
    """W X, (m, k), the effects and X projected out."""
    d, lag_of = fit._design, lagger(fit)
    X = fit._sample.X
    if starts(d) is not None:  # who enters has regressors, but no row
        whole = d.X[:, :, [d.names.index(name) for name in fit.params.index]]
        lagged = d.rows(d.lag(np.where(np.isnan(whole), 0.0, whole), fit._settings.effects))
        return np.column_stack([without(fit, column) for column in lagged.T])
    if transformed(fit):  # W x, then demeaned
        X = d.rows(d.X[:, :, [d.names.index(name) for name in fit.params.index]])
    return np.column_stack([without(fit, lag_of(column)) for column in X.T])


def transformed(fit: FitRecord) -> FixedEffects:
    """The fixed effects that the tests take out of the scores' moments: those of the fit, or none."""
    effects = fit._settings.effects
    return effects if fit._settings.corrected else NO_EFFECTS


def without(fit: FitRecord, values: np.ndarray) -> np.ndarray:
    """A column less its projection on the effects and on X."""
    d = fit._design
    within = d.rows(d.within(d.panel(values), transformed(fit)))
    Q = np.linalg.qr(fit._sample.X)[0]
    return within - Q @ (Q.T @ within)


def panel_traces(d: Design, effects: FixedEffects) -> tuple[float, float]:
    """tr(M W) and tr(M W M W) + tr(M W M W') over all periods, M off the effects.

    For W that varies over time M W_s M W_t with s != t counts too: 1 / T^2 of it, which the mean of W_t adds up.
    """
    weights, T = d.weights, d.n_periods
    if d.observed is not None and effects:
        return _traces_across_gaps(weights, Gaps(d.observed, effects))
    unit, time = effects.entity, effects.time
    if not weights.varies:
        trace, squares = within_traces(weights.csr, time)
        return (T - unit) * trace, (T - unit) * squares
    trace, squares = np.sum([within_traces(w.csr, time) for w in weights.matrices], axis=0)
    if not unit:
        return float(trace), float(squares)
    mean = sum(w.csr for w in weights.matrices) / T
    return float((1 - 1 / T) * trace), float((1 - 2 / T) * squares + within_traces(mean, time)[1])


def _traces_across_gaps(weights, gaps: Gaps) -> tuple[float, float]:
    """The same with M = I - U U': tr(M W M V) = tr(W V) - tr(U'W V U) - tr(U'V W U) + tr(U'W U U'V U)."""
    trace = squares = 0.0
    inner: np.ndarray = np.zeros((1, 1))  # U'W U
    for t, w in enumerate(weights.matrices):
        U, W = gaps.basis(t), w.csr
        WU, UW = W @ U, W.T @ U
        inner = inner + U.T @ WU
        trace += W.trace() - np.sum(U * WU)
        squares += W.multiply(W).sum() + W.multiply(W.T).sum()
        squares -= 2 * np.sum(UW * WU) + np.sum(WU**2) + np.sum(UW**2)
    return float(trace), float(squares + np.sum(inner**2) + np.sum(inner * inner.T))


def within_traces(W, time_effects: bool) -> tuple[float, float]:
    """tr(P W) and tr(P W P W) + tr(P W P W'), P = I - 11'/N under time effects, else I.

    Examples
    --------
    >>> from scipy import sparse
    >>> within_traces(sparse.csr_array([[0.0, 1.0], [1.0, 0.0]]), True)
    (-1.0, 2.0)
    """
    trace, squares = W.trace(), W.multiply(W).sum() + W.multiply(W.T).sum()
    if time_effects:
        N = W.shape[0]
        rows, columns = W.sum(axis=1), W.sum(axis=0)
        mean = rows.sum() / N
        squares += 2 * mean**2 - (2 * rows @ columns + rows @ rows + columns @ columns) / N
        trace -= mean
    return float(trace), float(squares)


def lagger(fit: FitRecord):
    """W applied to a stacked (T N,) column, period by period."""
    d = fit._design
    return lambda values: d.rows(d.lag(d.panel(values), fit._settings.effects))
