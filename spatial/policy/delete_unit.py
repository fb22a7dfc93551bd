"""Spatial models without each unit in turn: coefficients, rho and averages of responses.

    A(rho) y_t = C_t g + alpha + e_t,    A = I - rho W

Deleting unit i deletes its equation; W y, W X and exposure stay as they were. At any rho the regression loses a unit
exactly (``within.Within``); rho takes one Newton step on the score of the others,

    score_(-i)(rho) = m (r_12 - rho r_22) / SSR(rho) - sum_{j != i} tau_j,    tau_j = n / N (W A^-1)_jj + a constant

with r the residual cross-products of (y, W y) without i and tau adding up to the score's trace at the maximum. lambda
of an error model is held fixed. Coefficients move from the estimates by what the regression moves: where time effects
are taken out before y is lagged (no exact transformation), its own coefficients are not the estimates to all digits.
Scale and degrees of freedom are those of the same average in the linear regression of A y (``delete_one``), where rho
is a constant.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from spillover.errors import SpatialInputError

from ..design.design import spatial_lag
from ..logdet.inverse import Inverse
from ..models.fit import Fit
from .channels import channels_of, powers, presence
from .delete_one import Jackknife, of_contrasts, plain
from .within import Within, period_dummies, within

NODES = 8  # Chebyshev nodes over the deleted rho


@dataclass(frozen=True, eq=False)
class Deleted:
    """A fit and its N deletions.

    Attributes
    ----------
    names : list of the q regressors' names
    design : Within
    y : ndarray, shape (N, T)
        A y (B y with a spatial error), the linear regression's outcome.
    coefficients : ndarray, shape (N, q);  rho : ndarray, shape (N,)
        Without each unit.
    """

    names: list[str]
    design: Within = field(repr=False)
    y: np.ndarray = field(repr=False)
    coefficients: np.ndarray = field(repr=False)
    rho: np.ndarray = field(repr=False)

    @property
    def offset(self) -> int:
        """How many columns of the design come before the named ones."""
        return self.design.U.shape[2] - len(self.names)


def deleted(fit: Fit) -> Deleted:
    """Every unit of a panel with unit effects left out in turn."""
    d, effects = fit._design, fit._settings.effects
    T, N = d.y.shape
    if fit.specification.error and d.varies:  # B_t c changes from period to period: no unit dummies take it out
        raise SpatialInputError("E533", "the jackknife over units needs the same W in all periods with a spatial error",
                                hint="model='sdm', or vcov='cluster'")  # fmt: skip
    names = [*fit.params.index[: len(fit.params) - fit.specification.lag - fit.specification.error]]
    own = np.nan_to_num(d.X[:, :, [d.names.index(name if name in d.names else name.removeprefix("W:"))
                                   for name in names]])  # fmt: skip
    far = d.lag(own, effects)
    X = np.stack([own[:, :, k] if name in d.names else far[:, :, k] for k, name in enumerate(names)], axis=2)
    C = X.transpose(1, 0, 2)
    y = np.stack([np.nan_to_num(d.y).T, d.lag(d.outcome, effects).T])  # (2, N, T)
    if fit.specification.error:
        C = C - fit.lam * spatial_lag(d.weights, effects.demean(X)).transpose(1, 0, 2)
        y[0] -= fit.lam * d.lag(d.y, effects).T
    if effects.time:
        C = np.concatenate([period_dummies(T, np.zeros(N, dtype=int)), C], axis=2)
    design = within(presence(d), C, np.arange(N), slice(C.shape[2] - len(names), C.shape[2]))
    of_y = np.einsum("ntq,ant->anq", design.U, y)
    left = of_y.sum(axis=1, keepdims=True) - of_y
    g = np.stack([design.without(one)[0] for one in left])
    full, rho = of_y.sum(axis=1) @ design.inverse, np.zeros(N)
    if fit.specification.lag:
        rho = _newton(fit, design, y, of_y, left, g)
    moved = (g[0] - rho[:, None] * g[1] - (full[0] - fit.rho * full[1])) / design.scale
    coefficients = fit.params.to_numpy()[: len(names)] + moved[:, -len(names) :]
    return Deleted(names, design, y[0] - fit.rho * y[1], coefficients, rho)


def _newton(fit: Fit, design: Within, y, of_y, left, g) -> np.ndarray:
    """rho without each unit."""
    d, n, rho = fit._design, fit._sample.n, fit.rho
    there = presence(d)
    share = there.sum(axis=1) / there.sum()  # of a unit in all observations
    centered = (y - ((y * there).sum(axis=2) / there.sum(axis=1))[:, :, None]) * there
    own = np.einsum("ant,bnt->abn", centered, centered)
    total = of_y.sum(axis=1)
    r = own.sum(axis=2) - total @ design.inverse @ total.T
    r_left = own.sum(axis=2)[:, :, None] - own - np.einsum("anq,bnq->abn", g, left)
    trace, squares = np.zeros(len(share)), 0.0
    for one in channels_of(d):
        G = one.weights.csr @ Inverse(one.weights, rho).solve(np.eye(len(share)))
        trace += n / there.sum() * len(one.periods) * np.diag(G)
        squares += n / there.sum() * len(one.periods) * (G * G.T).sum()
    of_all = _score(r, rho, n)[0]
    tau = trace + (of_all - trace.sum()) * share
    score, slope = _score(r_left, rho, n * (1 - share))
    slope = slope - squares * (1 - share)
    return rho - (score - (of_all - tau)) / slope


def _score(r, rho, m):
    """m (r_12 - rho r_22) / SSR and its derivative."""
    top = r[0, 1] - rho * r[1, 1]
    size = r[0, 0] - 2 * rho * r[0, 1] + rho**2 * r[1, 1]
    return m * top / size, m * (2 * top**2 - r[1, 1] * size) / size**2


def averages(fit: Fit, lost: Deleted, terms: list[str], V: list[np.ndarray], read: Callable) -> Jackknife:
    """Averages of the responses to V through each of the terms, with delete-one standard errors.

    Parameters
    ----------
    terms : list of str
        Estimates come term by term.
    V : list of ndarray, (N, m) for each channel of W
        Changes, one per column.
    read : function from responses, a list of (N, m), to (E,), linear
    """
    curves = powers([one.weights for one in channels_of(fit._design)], V, read, 2)
    here, there = curves(fit.rho), _interpolated(curves, lost.rho)
    place = {name: k for k, name in enumerate(lost.names)}
    places = [[place.get(name) for name in (term, f"W:{term}")] for term in terms]
    q = len(lost.names)
    L = np.zeros((len(terms), here.shape[1], q))
    of_terms, drawn = [], []
    values = fit.params.to_numpy()[:q]
    for row, pair in zip(L, places):
        for k, p in enumerate(pair):
            if p is not None:
                row[:, p] = here[k]
        of_terms.append(row @ values)
        drawn.append(sum(lost.coefficients[:, [p]] * there[:, k] for k, p in enumerate(pair) if p is not None))
    estimates = np.concatenate(of_terms)
    d = np.concatenate(drawn, axis=1).T - estimates[:, None]
    return _with_linear_scale(lost, L.reshape(-1, q), estimates, d)


def _with_linear_scale(lost: Deleted, L, estimates, d) -> Jackknife:
    """The jackknife of deletions d (E, N), with scale and degrees of freedom of the linear regression's L g."""
    full = np.hstack([np.zeros((len(L), lost.offset)), L])
    used = np.abs(L).max(axis=1) > 0
    f = plain(lost.design.n_groups)
    linear = of_contrasts(lost.design, full[used], lost.y)
    scale, df = np.full(len(L), np.nan), np.full(len(L), np.nan)
    scale[used], df[used] = linear.scale, linear.df
    v = np.zeros((len(L), *lost.y.shape))
    v[used] = linear.v
    V = (d * f) @ d.T * np.outer(scale, scale)
    return Jackknife(estimates, np.sqrt(np.diag(V)), df, scale, V, v)


def _interpolated(curves: Callable, rho: np.ndarray) -> np.ndarray:
    """The curves at many rho, (N, 2, E)."""
    from numpy.polynomial import chebyshev

    lo, hi = rho.min(), rho.max()
    if hi - lo < 1e-12:
        return np.broadcast_to(curves(lo), (len(rho), *curves(lo).shape))
    nodes = chebyshev.chebpts1(NODES + 1)
    values = np.array([curves((hi + lo) / 2 + (hi - lo) / 2 * node) for node in nodes])
    fitted = chebyshev.chebfit(nodes, values.reshape(len(nodes), -1), NODES)
    values_at = chebyshev.chebval((2 * rho - hi - lo) / (hi - lo), fitted)
    return values_at.T.reshape(len(rho), *values.shape[1:])
