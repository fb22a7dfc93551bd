"""Is the model sound? Tests of residuals, collinearity, and restrictions, each with its null in words."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import sparse

from spillover.errors import SpatialInputError
from spillover.matrix import refuse_varying

from ..covariance.information import DENSE_MAX, contrasts, expected, inverse_information
from ..covariance.random import by_random_ml
from ..design.checks import refuse_psi, refuse_without_residuals
from ..design.design import INTERCEPT
from ..design.entry import without_starts
from ..records.fit import FitRecord
from ..records.tests import TestResult, TestTable
from .in_units_of_variance import in_units_of_variance
from .residual_moran import residual_moran


def diagnose(fit: FitRecord) -> TestTable:
    """The residual tests that apply to a fit, with its collinearity in a note.

    Examples
    --------
    >>> import shapefiles, spatial as sp, weights as wt
    >>> columbus = shapefiles.load("columbus")
    >>> w = wt.queen(columbus).standardize("row")
    >>> print(sp.diagnose(sp.ols("CRIME ~ INC + HOVAL", columbus, w))["Moran of residuals"])
    Moran of residuals: z = 2.839, p = 0.0045. Null: no spatial autocorrelation in the errors
    """
    results = [jarque_bera(fit), breusch_pagan(fit)]
    spatial = fit.specification.lag or fit.specification.error
    weights = fit._design.obs_weights
    plain = weights is None or not (weights.sampling or fit._settings.effects.fixed)
    plain = plain and fit._settings.serial is None
    if plain and not spatial and not fit._settings.effects:
        results.append(moran_of_residuals(fit))
    by_ml = plain and fit._settings.method == "ml" and fit._design.n_units <= DENSE_MAX
    if by_ml and not fit._design.weights.varies and fit.specification.lag and not fit.specification.error:
        results.append(lm_residual_error(fit))
    factors = vif(fit)
    note = f"condition number {condition_number(fit):.1f}"
    if len(factors):
        note += f"; largest variance inflation factor {factors.max():.1f} ({factors.idxmax()})"
    return TestTable(f"Diagnostics of {fit.specification.name}: {fit._design.formula}", tuple(results), note)


def jarque_bera(fit: FitRecord) -> TestResult:
    """Are the errors normal? n / 6 (skewness^2 + (kurtosis - 3)^2 / 4).

    Source: Jarque & Bera (1987, International Statistical Review 55:163-172).
    """
    refuse_without_residuals(fit)
    e = fit._solution.resid - fit._solution.resid.mean()
    m2, m3, m4 = (np.mean(e**power) for power in (2, 3, 4))
    statistic = len(e) / 6 * (m3**2 / m2**3 + (m4 / m2**2 - 3) ** 2 / 4)
    return TestResult("Jarque-Bera", float(statistic), 2, "normal errors")


def breusch_pagan(fit: FitRecord) -> TestResult:
    """Does the errors' variance depend on the regressors? Studentised: n R^2 of e^2 on them.

    Source: Koenker (1981, J. Econometrics 17:107-112), on the residuals e = B (A y - X beta) and on
    B X, as Anselin (1988, section 8.1) does for a spatial error; with weights of observations on sqrt(w) e, whose
    variance is one where the weights are right.
    """
    refuse_without_residuals(fit)
    sample, root = fit._sample, fit._design.root
    Z = (sample.X if sample.error is None else sample.BX(fit.lam))[:, : sample.k] / root[:, None]
    if fit._settings.effects.fixed:
        Z = np.column_stack([np.ones(len(Z)), Z])
    df = Z.shape[1] - 1
    if df < 1:
        raise SpatialInputError("E501", "Breusch-Pagan needs at least one regressor besides the intercept",
                                hint="add a regressor")
    squares = fit._solution.resid**2 - np.mean(fit._solution.resid**2)
    Q = np.linalg.qr(Z)[0]
    explained = Q.T @ squares
    return TestResult("Breusch-Pagan", float(len(Z) * explained @ explained / (squares @ squares)), df,
                      "one variance for all errors")  # fmt: skip


def moran_of_residuals(fit: FitRecord) -> TestResult:
    """Moran's I of a regression's residuals as a normal deviate.

    Raises
    ------
    SpatialInputError
        E501 for models with spatial parameters or fixed effects, whose residuals have other moments.

    Notes
    -----
    Cliff & Ord (1981), section 8.3; see ``spatial.explore.moran_residuals``, which also gives I itself.
    """
    spatial = fit.specification.lag or fit.specification.error
    if spatial or fit._settings.effects:
        raise SpatialInputError("E501", "Moran's moments hold for regressions without effects only",
                                hint="lm_tests for effects, lm_residual_error after a spatial lag")  # fmt: skip
    refuse_psi(fit, "Moran's test of residuals", "compare fits by sp.lr_test(small, large)")
    refuse_without_residuals(fit)
    d = without_starts(in_units_of_variance(fit, "Moran's I of residuals")._design)
    W = d.weights.stacked.csr if d.weights.varies else sparse.block_diag([d.weights.csr] * d.n_periods, format="csr")
    moran = residual_moran(fit._solution.resid, fit._sample.basis[0], W)
    return TestResult("Moran of residuals", moran.z, None, "no spatial autocorrelation in the errors")


def lm_residual_error(fit: FitRecord) -> TestResult:
    """Is there a spatial error left after a spatial lag? LM test in the residuals of ``sar`` or ``sdm``.

    (e'W e / s2 - T tr W)^2 / (T22 - t'V t),  T22 = T tr(W'W + W W),  t = T (tr[(W + W') W A^-1], tr(W) / s2)

    with V the covariance of (rho, sigma2) from the expected information; with random effects from the observed one, and
    of kappa = ln(1 + T phi) too, for which t has tr W. Where time effects are transformed out, W
    is F'W F, whose trace is -1 when rows sum to one, and T is as in the likelihood.

    Raises
    ------
    SpatialInputError
        E309 above 5,000 units, E501 for other models.

    Notes
    -----
    Anselin (1988), ch. 6. T21 needs the dense inverse.
    """
    d, spec = fit._design, fit.specification
    if not spec.lag or spec.error or fit._settings.method != "ml":
        raise SpatialInputError("E501", f"this test needs a fit of sar or sdm by maximum likelihood, got {spec.name}",
                                hint="sp.sar(...) or sp.sdm(...) with method='ml'")
    if fit._settings.effects:
        refuse_varying(d.weights, "lm_residual_error beside effects")
    d = (fit := in_units_of_variance(fit, "lm_residual_error"))._design
    if d.obs_weights is not None:
        refuse_varying(d.weights, "lm_residual_error")  # weights of observations that move
    if (size := d.nobs if d.varies else d.n_units) > DENSE_MAX:
        raise SpatialInputError("E309", f"a dense {size:,} x {size:,} inverse is too large",
                                hint="test a sample of the units, or use a test without dense matrices (sp.lm_tests)")
    e, s2, part = fit._solution.resid, fit._solution.sigma2, fit._sample.parts[0]
    links = d.weights.stacked.csr if d.weights.varies else d.weights.csr
    W = links.toarray()
    if part.unit_root:
        F = contrasts(d.n_units)
        W = F.T @ W @ F
    T22 = part.copies * float(np.sum(W * W) + np.sum(W * W.T))
    G = np.linalg.solve((np.eye(len(W)) - fit.rho * W).T, W.T).T  # W A^-1
    T21 = part.copies * float(np.sum((W + W.T) * G.T))
    trace = part.copies * np.trace(W)
    slope = e @ (links @ e.reshape(-1, links.shape[0]).T).T.ravel() / s2 - trace
    if by_random_ml(fit):
        information = fit._settings.random.information
    else:
        information = expected(fit._sample, fit._solution, links, links)
    k = len(fit.params) - 1
    V = inverse_information(information, list(fit.params.index))[k:, k:]
    t = np.array([T21, trace / s2, np.trace(W)])[: len(V)]
    statistic = slope**2 / (T22 - t @ V @ t)
    return TestResult("LM error after a lag", float(statistic), 1, "lambda = 0, given rho")


def vif(fit: FitRecord) -> pd.Series:
    """Variance inflation factors 1 / (1 - R_j^2) of the regressors, effects removed, intercept left out.

    Of two regressors both have the same, 1 / (1 - r^2).
    """
    X, root = _regressors(fit), fit._design.root
    names = list(fit.params.index[: X.shape[1]])
    slopes = [j for j, name in enumerate(names) if name != INTERCEPT]
    Z = X[:, slopes]
    Z = Z - np.outer(root, root @ Z) / (root @ root)
    R = np.linalg.qr(Z / np.linalg.norm(Z, axis=0), mode="r")
    factors = np.sum(np.linalg.inv(R) ** 2, axis=1)
    return pd.Series(factors, index=pd.Index([names[j] for j in slopes], name="term"), name="vif")


def condition_number(fit: FitRecord) -> float:
    """Largest over smallest singular value of the regressors, columns scaled to length one, not centred.

    Above 30 coefficients are hard to tell apart (Belsley, Kuh & Welsch 1980, section 3.2).
    """
    X = _regressors(fit)
    singular = np.linalg.svd(X / np.linalg.norm(X, axis=0), compute_uv=False)
    return float(singular[0] / singular[-1])


def _regressors(fit: FitRecord) -> np.ndarray:
    """X without the effects, (m, k)."""
    sample = fit._sample
    X, U = sample.X[:, : sample.k], sample.X[:, sample.k :]
    return X - U @ (U.T @ X)
