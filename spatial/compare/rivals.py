"""Tests between two W: Vuong's of fit, and the J-test of whether one W predicts the residuals under the other."""

from __future__ import annotations

import numpy as np

from spillover.errors import SpatialInputError

from ..design.design import spatial_lag
from ..design.sample import flat
from ..models.fit import Fit
from ..records.tests import TestResult

SINGULAR = 1e-10  # share of a column that must be left after the others


def vuong(first: Fit, second: Fit) -> TestResult:
    """Do two W fit equally well? z > 0 favours the first.

    z = [sum_i (l1_i - l2_i) - (k1 - k2) ln(n) / 2] / (sqrt(m) sd(l1_i - l2_i))

    with l_i the log-likelihood of row i, determinants spread evenly over the m rows. For models with spatial
    dependence the rows are not independent, so take p as a guide.

    Raises
    ------
    SpatialInputError
        E511 for fits without a likelihood, or of other data or transformations.

    Notes
    -----
    Vuong (1989, Econometrica 57:307-333), with the correction of his eq. 5.7 in Schwarz' form.
    """
    rows = [_row_logliks(fit) for fit in (first, second)]
    if len(rows[0]) != len(rows[1]) or first._sample.n != second._sample.n:
        raise SpatialInputError("E511", "the two fits do not have likelihoods of the same data",
                                hint="give both the same rows, effects and correction=")  # fmt: skip
    gap = rows[0] - rows[1]
    penalty = (first.n_parameters - second.n_parameters) / 2 * np.log(first._sample.n)
    spread = np.sqrt(len(gap)) * gap.std()
    if spread <= 1e-12 * max(1.0, abs(first.loglik)):
        raise SpatialInputError("E511", "the two fits are the same, so there is nothing to test",
                                hint="give two different fits")
    return TestResult("Vuong", float((gap.sum() - penalty) / spread), None, "both fit equally well")


def j_test(null: Fit, rival: Fit) -> TestResult:
    """Does the rival W predict the residuals of the model under the null's W?

    y = rho W y + X beta + delta f + u,   f = rho_r W_r y + X_r beta_r,   H0: delta = 0

    by two-stage least squares with instruments [X, X_r and their first two lags by both W]. Without a spatial lag
    f and X need no instruments: it is the J-test of Davidson & MacKinnon (1981). A small p rejects the null's W;
    test both ways.

    Raises
    ------
    SpatialInputError
        E511 for models with a spatial error, whose means do not depend on W, or fits of other data.

    Notes
    -----
    Kelejian (2008, Regional Science and Urban Economics 38:3-10); Kelejian & Piras (2011, same journal 41:281-292),
    whose predictor is the right-hand side of the rival model.
    """
    for fit in (null, rival):
        if fit._settings.composed:
            raise SpatialInputError("E511", "the J-test is for fixed effects or none",
                                    hint="use effects='entity', 'time', 'twoway' or 'none'")
        if fit.specification.error or not (fit.specification.lag or fit.specification.durbin):
            raise SpatialInputError("E511", f"the J-test is for sar, sdm and slx, not for {fit.specification.name}",
                                    hint="estimate both fits by sar, sdm or slx")
    if len(null._sample.y) != len(rival._sample.y) or null._settings.effects != rival._settings.effects:
        raise SpatialInputError("E511", "the two fits are not of the same data and effects",
                                hint="estimate both on the same data with the same effects=")
    y, X = null._sample.y, null._sample.X
    f = y - rival._solution.resid
    lag = null.specification.lag or rival.specification.lag
    Z = np.column_stack([X, *([null._sample.lag_of_y] if null.specification.lag else []), f])
    H = np.column_stack([X, rival._sample.X, *_lags(null, rival)]) if lag else Z
    H = _basis(H)
    Zhat = H @ (H.T @ Z)
    if np.linalg.matrix_rank(Zhat / np.linalg.norm(Zhat, axis=0), tol=1e-8) < Z.shape[1]:
        raise SpatialInputError("E511", "the rival's prediction is one of the null's regressors: nothing to test",
                                hint="the two models make the same prediction: choose another rival")
    coefficients = np.linalg.lstsq(Zhat, y, rcond=None)[0]
    e = y - Z @ coefficients
    s2 = e @ e / null._sample.n
    variance = s2 * np.linalg.inv(Zhat.T @ Zhat)[-1, -1]
    return TestResult("J", float(coefficients[-1] ** 2 / variance), 1, "the rival W adds nothing")


def _lags(null: Fit, rival: Fit) -> list[np.ndarray]:
    """W X and W W X of the regressors' design, by both W, effects removed."""
    d = null._design
    effects = null._settings.effects
    columns = d.X[:, :, [j for j, name in enumerate(d.names) if name != "Intercept"]]
    out = []
    for fit in (null, rival):
        lagged = columns
        for _ in range(2 + fit.specification.durbin):
            lagged = spatial_lag(fit._design.weights, lagged)
            out.append(flat(effects.demean(lagged)))
    return out


def _basis(H: np.ndarray) -> np.ndarray:
    """An orthonormal basis of the columns, without those that are collinear."""
    from scipy.linalg import qr

    Q, R, _ = qr(H / np.linalg.norm(H, axis=0), mode="economic", pivoting=True)
    return Q[:, np.abs(np.diag(R)) > SINGULAR * abs(R[0, 0])]


def _row_logliks(fit: Fit) -> np.ndarray:
    """The log-likelihood by row; it sums to ``fit.loglik``."""
    if fit._settings.method != "ml" or fit._settings.composed:
        raise SpatialInputError("E511", "Vuong's test needs maximum likelihood, with fixed effects or none",
                                hint="estimate both with method='ml'")
    e, m = fit._solution.resid, len(fit._solution.resid)
    shares = -(e**2) / (2 * fit._solution.sigma2)
    return shares + (fit._solution.loglik - shares.sum()) / m
