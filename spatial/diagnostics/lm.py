"""Scores of a spatial lag and a spatial error in a regression's residuals, at rho = lambda = 0.

Fixed effects leave e = M u, M the projection off the effects. They are tested as in the likelihood of the data
with the effects transformed out (Lee & Yu 2010): with P off the unit vector where there are time effects, else the
identity, and T - 1 copies where there are unit effects, else T,

    d_lambda = e'W e / s2 - copies tr(P W)
    d_rho    = e'W y / s2 - copies tr(P W)
    T_W      = copies [tr(P W P W) + tr(P W P W')] - 2 [copies tr(P W)]^2 / n

s2 = e'e / n and n counts what the effects leave; the last term is what estimating s2 takes. Anselin, Le Gallo &
Jayet (2008) and Elhorst (2014) put M = I in traces and n: tr(P W) = -1 for row-standardised W, so a score under
time effects then has mean -T, and the tests reject too often. ``correction=False`` gives those.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from ..design.design import Design, spatial_lag
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
    """The scores of one regression, with fixed effects as its ``correction`` says."""
    d, e, effects = fit.design, fit.solution.resid, transformed(fit)
    n = d.left(effects)
    trace, squares = panel_traces(d, effects)
    s2 = e @ e / n
    lag_of = lagger(fit)
    y = d.rows(d.y) if effects else fit.sample.y
    WXb = without(fit, lag_of(y - e))
    error = e @ lag_of(e) / s2 - trace
    information = squares - 2 * trace**2 / n
    return Scores(e @ WXb / s2 + error, error, WXb, information, s2)


def lagged_regressors(fit: FitRecord) -> np.ndarray:
    """W X, (m, k), the effects and X projected out."""
    d, lag_of = fit.design, lagger(fit)
    X = fit.sample.X
    if transformed(fit):  # W x, then demeaned
        X = d.rows(d.X[:, :, [d.names.index(name) for name in fit.params.index]])
    return np.column_stack([without(fit, lag_of(column)) for column in X.T])


def transformed(fit: FitRecord) -> FixedEffects:
    """The fixed effects that the tests take out of the scores' moments: those of the fit, or none."""
    effects = fit.settings.effects
    return effects if fit.settings.corrected else NO_EFFECTS


def without(fit: FitRecord, values: np.ndarray) -> np.ndarray:
    """A column less its projection on the effects and on X."""
    d = fit.design
    within = d.rows(d.within(d.panel(values), transformed(fit)))
    Q = np.linalg.qr(fit.sample.X)[0]
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
        return tuple((T - unit) * part for part in within_traces(weights.csr, time))
    trace, squares = np.sum([within_traces(w.csr, time) for w in weights.matrices], axis=0)
    if not unit:
        return float(trace), float(squares)
    mean = sum(w.csr for w in weights.matrices) / T
    return float((1 - 1 / T) * trace), float((1 - 2 / T) * squares + within_traces(mean, time)[1])


def _traces_across_gaps(weights, gaps: Gaps) -> tuple[float, float]:
    """The same with M = I - U U': tr(M W M V) = tr(W V) - tr(U'W V U) - tr(U'V W U) + tr(U'W U U'V U)."""
    trace = squares = 0.0
    inner = 0.0  # U'W U
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
    d = fit.design
    return lambda values: d.rows(spatial_lag(d.weights, d.panel(values)))
