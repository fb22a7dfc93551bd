"""Restrictions between models: common factor, spatial Hausman, fixed effects together."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from spillover.errors import SpatialInputError
from spillover.matrix import refuse_varying

from ..design.checks import refuse_psi
from ..logdet.inverse import inverse
from ..records.fit import FitRecord
from ..records.missing import refuse_missing
from ..records.regimes import refuse_regimes
from ..records.tests import TestResult, TestTable
from ..solve.carried_effects import maximum_of
from .in_units_of_variance import in_units_of_variance
from .lm import lagged_regressors, scores_of
from .random_nested import lr_test_of_random
from .tests import lr_test, refuse_without_likelihood


def durbin_lm_tests(fit: FitRecord) -> TestTable:
    """LM tests for lagged regressors beside a spatial lag or error, from a regression's residuals.

    Parameters
    ----------
    fit : FitRecord
        From ``ols``, a cross-section or a panel with any fixed effects.

    Returns
    -------
    TestTable
        For SDM "LM lag", "LM WX", "robust LM lag", "robust LM WX" and "LM lag and WX"; for SDEM "LM error" and
        "LM error and WX". "robust" means whatever the other parameter is.

    Notes
    -----
    Koley & Bera (2024, Spatial Economic Analysis 19:30-56). With M the residual maker of X and Z = W X,
    the information of (rho, theta) is J = [[(WXb)'M WXb / s2 + T, (WXb)'M Z / s2], [., Z'M Z / s2]]; that of
    (lambda, theta) is block diagonal. Intercepts are lagged only where W's rows do not sum to one. Fixed effects
    are taken out of the scores as in ``lm_tests``.
    """
    refuse_regimes(fit)
    if fit.specification.name != "OLS":
        raise SpatialInputError("E501", f"these tests start from ols(), not from {fit.specification.name}",
                                hint="sp.ols(formula, data, w, ...)")
    fit = in_units_of_variance(fit, "durbin_lm_tests")
    at = scores_of(fit)
    dy, de, WXb, T, s2 = at.lag, at.error, at.WXb, at.information, at.s2
    X, e, Z = fit._sample.X, fit._solution.resid, lagged_regressors(fit)
    Z = Z[:, np.linalg.norm(Z, axis=0) > 1e-10 * np.linalg.norm(X, axis=0)]  # W 1 = 1 is no new regressor
    k = Z.shape[1]
    if k == 0:
        raise SpatialInputError("E501", "no regressor is left whose spatial lag is new",
                                hint="the lags equal the regressors: use sar instead of sdm")
    dz = Z.T @ e / s2
    J = np.block([[np.atleast_2d(WXb @ WXb / s2 + T), (WXb @ Z / s2)[None]], [(Z.T @ WXb / s2)[:, None], Z.T @ Z / s2]])
    only_lag, only_wx = dy**2 / J[0, 0], float(dz @ np.linalg.solve(J[1:, 1:], dz))
    d = np.concatenate([[dy], dz])
    together = float(d @ np.linalg.solve(J, d))
    error = de**2 / T
    results = (
        TestResult("LM lag", only_lag, 1, "rho = 0"),
        TestResult("LM WX", only_wx, k, "theta = 0"),
        TestResult("robust LM lag", together - only_wx, 1, "rho = 0, whatever theta is"),
        TestResult("robust LM WX", together - only_lag, k, "theta = 0, whatever rho is"),
        TestResult("LM lag and WX", together, k + 1, "rho = 0 and theta = 0"),
        TestResult("LM error", error, 1, "lambda = 0"),
        TestResult("LM error and WX", error + only_wx, k + 1, "lambda = 0 and theta = 0"),
    )
    return TestTable("Lagrange multiplier tests for Durbin models", results)


def common_factor(sdm: FitRecord, sem: FitRecord) -> TestResult:
    """Likelihood ratio of the SDM against the SEM that it nests when theta = -rho beta.

    Source: Burridge (1981, Environment and Planning A 13:795-800); LeSage & Pace (2009), section 3.3.
    """
    if (sdm.specification.name, sem.specification.name) != ("SDM", "SEM"):
        raise SpatialInputError("E501", "common_factor needs a fit of sdm and one of sem, in this order",
                                hint="sp.common_factor(sp.sdm(...), sp.sem(...))")
    test = lr_test(sem, sdm)
    return TestResult("LR common factor", test.statistic, test.df, "theta + rho beta = 0")


def spatial_hausman(fit: FitRecord) -> TestResult:
    """Do least squares and the spatial error model estimate the same beta?

    d' [V_ols - V_sem]^-1 d with d = b_ols - b_sem, V_sem = s2 (X'B'B X)^-1 and, under the error process,
    V_ols = s2 (X'X)^-1 X'(B'B)^-1 X (X'X)^-1.

    Parameters
    ----------
    fit : FitRecord
        From ``sem`` or ``sdem``.

    Notes
    -----
    Pace & LeSage (2008, Economics Letters 101:282-284). A rejection means that regressors are missing or lagged
    ones belong in the model. B^-1 and its transpose differ when W is asymmetric.
    """
    sample, spec = fit._sample, fit.specification
    if spec.lag or not spec.error:
        raise SpatialInputError("E501", f"the spatial Hausman test needs a fit of sem or sdem, got {spec.name}",
                                hint="sp.spatial_hausman(sp.sem(...))")
    refuse_varying(fit._design.weights_of_error, "the spatial Hausman test")
    refuse_psi(fit, "the spatial Hausman test")
    if fit._settings.random and fit._settings.random.error == "baltagi":
        raise SpatialInputError("E501", "the spatial Hausman test needs unit effects inside the error process",
                                hint="random_error='kkp'")  # fmt: skip
    fit = in_units_of_variance(fit, "spatial_hausman")
    refuse_varying(fit._design.weights_of_error, "the spatial Hausman test")  # weights of observations that move
    X, s2, (T, N) = sample.X, fit._solution.sigma2, fit._design.y.shape
    BX = sample.BX(fit.lam)
    by_unit = X.reshape(T, N, -1).transpose(1, 0, 2)
    B = inverse(fit._design.weights_of_error, fit.lam)
    solved = B.solve(by_unit.reshape(N, -1), transposed=True).reshape(by_unit.shape)
    spread = fit._settings.effects.demean(solved.transpose(1, 0, 2)).reshape(X.shape)  # B'^-1 X, within
    bread = np.linalg.inv(X.T @ X)
    V_ols = s2 * bread @ (spread.T @ spread) @ bread
    V_sem = s2 * np.linalg.inv(BX.T @ BX)
    d = bread @ (X.T @ sample.y) - fit._solution.beta
    statistic = float(d @ np.linalg.solve(V_ols - V_sem, d))
    return TestResult("spatial Hausman", statistic, len(d), "least squares and the error model agree")


def effects_test(restricted: FitRecord, full: FitRecord) -> TestResult:
    """Likelihood ratio for the joint significance of unit effects, period effects or both.

    Parameters
    ----------
    restricted, full : FitRecord
        The same model with fewer and with more fixed effects ("none", "entity", "time", "twoway"): "time" and
        "twoway" test unit effects given period effects, "entity" and "twoway" the reverse. Or "none", "random",
        "correlated" and "chamberlain": unit effects that are random, and what correlated ones add to them.

    Returns
    -------
    TestResult
        chi2 with N - 1 degrees of freedom for unit effects, T - 1 for period effects; for random effects as
        ``lr_test``.

    Notes
    -----
    Elhorst (2014), section 3.3.3. The likelihoods compared are those of all N T rows, the effects among their
    parameters; fits with the Lee-Yu correction, whose likelihoods count other rows, are estimated again without it.
    So many parameters make the ratio too large: at N = 31, T = 5 a test at 5 % rejects 14 to 18 % of true nulls. It
    is therefore scaled by (m + q / 2 - 1) / (N T), m the degrees of freedom left to the full model and q those
    tested (Bartlett 1938), unless the full fit has ``correction=False``: papers report that one.
    """
    refuse_regimes(restricted)
    refuse_regimes(full)
    refuse_missing(full, "effects_test")
    small, large = restricted._settings.effects, full._settings.effects
    same = restricted.specification == full.specification and restricted._design.formula == full._design.formula
    same = same and np.array_equal(restricted._design.y, full._design.y, equal_nan=True)
    if same and large.random:
        added = {"correlated": "unit means", "chamberlain": "regressors of other periods"}
        tested = added[large.random] if small.random and small != large else "unit effects"
        return replace(lr_test_of_random(restricted, full), name=f"LR {tested}", null=f"no {tested}")
    nested = small != large and small.entity <= large.entity and small.time <= large.time
    if small.random or large.random or not nested or not same:
        message = f"{small.name!r} effects are not nested in {large.name!r} effects of the same model"
        raise SpatialInputError("E501", message,
                                hint="fit one model twice, say with effects='entity' and effects='twoway'")  # fmt: skip
    for fit in (restricted, full):
        refuse_without_likelihood(fit)
    T, N = full._design.y.shape
    counts = {"period": (large.time - small.time) * (T - 1), "unit": (large.entity - small.entity) * (N - 1)}
    df = sum(counts.values())
    statistic = max(0.0, 2 * (_uncorrected(full) - _uncorrected(restricted)))
    if full._settings.correction is not False:
        m = full._design.nobs
        left = m - large.lost(T, N) - len(full.params)
        statistic *= (left + df / 2 - 1) / m
    name = " and ".join(kind for kind, count in counts.items() if count)
    return TestResult(f"LR {name} effects", statistic, df, f"no {name} effects")


def _uncorrected(fit: FitRecord) -> float:
    """ln L of all N T rows, whatever correction the fit has."""
    effects = fit._settings.effects
    if not effects or fit._settings.correction is False:
        return fit.loglik
    return maximum_of(fit.specification, fit._design, effects, False)[1].loglik
