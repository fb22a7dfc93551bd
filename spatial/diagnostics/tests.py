"""Specification tests: from a regression to spatial terms (LM), between nested models (LR, Wald)."""

from __future__ import annotations

import numpy as np
import pandas as pd

from spillover.errors import SpatialInputError, check_option

from ..covariance.adjusted import OfAdjustedScore
from ..covariance.kinds import Information, lost_freedom
from ..covariance.vcov import covariance_of, wald_of
from ..design.arrays import by_gls
from ..design.checks import refuse_without_residuals
from ..design.design import INTERCEPT
from ..design.obs_weights import refuse_weighted
from ..records.fit import FitRecord
from ..records.missing import MissingRecord
from ..records.regimes import RegimesRecord, refuse_regimes
from ..records.several import SeveralRecord
from ..records.tests import TestResult, TestTable
from .factor_distance import factor_distance
from .in_units_of_variance import in_units_of_variance
from .lm import has_exact_moments, scores_of
from .lm_uneven import uneven_scores
from .random_nested import lr_test_of_random
from .several import null_of_regimes, restrictions, wald_of_several

NULLS = {"SAR": "theta = 0", "SEM": "theta + rho beta = 0", "SLX": "rho = 0", "OLS": "rho = 0 and theta = 0"}


def lm_tests(fit: FitRecord, *, errors: str = "equal") -> TestTable:
    """Lagrange multiplier tests for a spatial lag and a spatial error in a regression's residuals.

    Parameters
    ----------
    fit : FitRecord
        From ``ols`` or ``slx``, a cross-section or a panel with any fixed effects: its residuals and its W.
    errors : {"equal", "unequal"}
        Whether the errors have one variance; "unequal" for up to 3,000 rows.

    Returns
    -------
    TestTable
        "LM lag", "LM error", "robust LM lag", "robust LM error", each chi2(1), and "SARMA", chi2(2).

    Raises
    ------
    SpatialInputError
        E501 when the model has spatial terms that need maximum likelihood.

    Notes
    -----
    Anselin, Bera, Florax & Yoon (1996, Regional Science and Urban Economics 26:77-104), eq. 9-17, with the scores
    d_rho, d_lambda and T_W of ``lm`` (their mean and variance are exact under normal errors, given X and the effects):

        LM error = d_lambda^2 / T_W
        LM lag   = d_rho^2 / J,    J = (W X b)' M (W X b) / s2 + T_W

    Fixed effects are transformed out of the scores' mean and variance (Lee & Yu 2010). From a fit with
    ``correction=False`` the tests have textbook moments, as in R and GeoDa: Anselin, Le Gallo & Jayet (2008), section
    19.4.1, Elhorst (2014), section 3.4, and ``splm``. Under a dense W those hardly ever reject, under effects
    too often. With ``errors="unequal"`` the scores are those of ``lm_uneven``, whose variances come from the squared
    residuals.
    """
    check_option("errors", errors, ("equal", "unequal"))
    if fit.specification.lag or fit.specification.error:
        raise SpatialInputError("E501", f"LM tests start from a regression, not from {fit.specification.name}",
                                hint="pass the fit of ols() or slx()")  # fmt: skip
    title = _title(fit)
    fit = in_units_of_variance(fit, "lm_tests")
    if errors == "unequal":
        dy, de, TW, J = uneven_scores(fit)
    else:
        at = scores_of(fit)
        dy, de, TW = at.lag, at.error, at.information
        J = at.WXb @ at.WXb / at.s2 + TW
    robust_error = (de - TW / J * dy) ** 2 / (TW * (1 - TW / J))
    results = (
        TestResult("LM lag", dy**2 / J, 1, "rho = 0"),
        TestResult("LM error", de**2 / TW, 1, "lambda = 0"),
        TestResult("robust LM lag", (dy - de) ** 2 / (J - TW), 1, "rho = 0, whatever lambda is"),
        TestResult("robust LM error", robust_error, 1, "lambda = 0, whatever rho is"),
        TestResult("SARMA", dy**2 / J + robust_error, 2, "rho = 0 and lambda = 0"),
    )
    note = "" if has_exact_moments(fit) else "textbook moments (correction=False)"
    return TestTable(title, results, "errors of unequal variances" if errors == "unequal" else note)


def _title(fit: FitRecord) -> str:
    effects, weights = fit._settings.effects, fit._design.obs_weights
    title = f"Lagrange multiplier tests, {fit.specification.name}" + (f" with {effects} effects" * bool(effects))
    return title if weights is None else f"{title}, weighted by {weights.column}"


def _same_sample(restricted: FitRecord, full: FitRecord) -> bool:
    """Whether two likelihoods are of the same data. Of effects by generalised least squares the sample depends on
    lambda, so the data themselves are compared: in an unbalanced panel both likelihoods are one function."""
    a, b = restricted._sample, full._sample
    if a.n != b.n:
        return False
    carried = [by_gls(sample) for sample in (a, b)]
    if not any(carried):
        return np.array_equal(a.y, b.y)
    alike = all(carried) or full._design.varies or not (restricted.specification.lag or restricted.specification.error)
    return alike and np.array_equal(restricted._design.y, full._design.y, equal_nan=True)


def lr_test(restricted: FitRecord, full: FitRecord) -> TestResult:
    """Likelihood ratio of two nested fits on the same data: 2 (ln L_full - ln L_restricted) (n - p) / n.

    p counts the full model's parameters, n what fixed effects leave; from a full fit with ``correction=False`` the
    statistic is without the factor, as papers report it. At n = 48 SDM against SAR then rejects 12 % of true nulls
    with four regressors and 31 % with eight; with the factor 5 and 7 %. Where n / p is below 3 it rejects too seldom,
    and the Wald test of a fit with ``method="reml"`` is better; likewise for rho = 0 in an SDM with many regressors,
    whose rho is biased (n = 48, eight: 14 %), and for W that joins whole groups.

    A pooled fit (``effects="none"``) is nested in one with random effects: phi = 0 lies on the boundary, and the
    statistic follows a mixture of chi-squared distributions. Both are nested in fits with ``serial="ar1"``.

    Raises
    ------
    SpatialInputError
        E501 when the fits are not comparable: other data, effects or correction, or not fewer parameters.
    """
    for fit in (restricted, full):
        refuse_without_likelihood(fit)
    df = full.n_parameters - restricted.n_parameters
    a, b = restricted.specification.name, full.specification.name
    alike = isinstance(restricted, MissingRecord) == isinstance(full, MissingRecord)
    if alike and (restricted._settings.composed or full._settings.composed):
        return lr_test_of_random(restricted, full)
    same_sample = alike and _same_sample(restricted, full)
    if df <= 0 or not same_sample:
        why = "it has no fewer parameters" if df <= 0 else "its sample, effects or correction differ"
        raise SpatialInputError("E501", f"{a} is not nested in {b}: {why}", hint="give the smaller model first")
    if (a, b) == ("SEM", "SDM"):
        _refuse_without_common_factor(full)
    statistic = max(0.0, 2 * (full.loglik - restricted.loglik)) / lost_freedom(full)
    if isinstance(full, SeveralRecord):
        name = f"LR {b} with {len(full._design.weights.matrices)} W vs {a}"
        return TestResult(name, statistic, df, restrictions(restricted, full))
    if isinstance(full, RegimesRecord):
        of = f"{a} with regimes" if isinstance(restricted, RegimesRecord) else a
        return TestResult(f"LR {b} with regimes vs {of}", statistic, df, null_of_regimes(restricted, full, df))
    if len(full._design.lags) > len(restricted._design.lags):
        null = f"{a} is enough" if a != b else _no_past(set(full._design.lags) - set(restricted._design.lags))
        a, b = ("dynamic " * bool(fit._design.lags) + fit.specification.name for fit in (restricted, full))
        return TestResult(f"LR {b} vs {a}", statistic, df, null)
    return TestResult(f"LR {b} vs {a}", statistic, df, NULLS[a] if b == "SDM" and a in NULLS else f"{a} is enough")


def wald_test(fit: FitRecord, against: str) -> TestResult:
    """Wald test of a Durbin model against a model that it nests.

    Parameters
    ----------
    fit : FitRecord
        From ``sdm`` (against "SAR", "SEM", "SLX" or "OLS"), or from a dynamic model (against "static").
    against : str
        "SAR": theta = 0. "SEM": theta + rho beta = 0, the common factor: the distance to it in the metric of the
        covariance (``factor_distance``); with ``correction=False``, or after covariances from groups, periods or
        places, the delta method, as ``nlcom`` and Stata's testnl. "SLX": rho = 0. "OLS": rho = 0 and theta = 0.
        "static": tau = 0 and eta = 0, whichever the model has.

    Returns
    -------
    TestResult
        chi2(q), or F(q, n - p) where the fit has t statistics; F(q, nu - q + 1), Hotelling's, after covariances that
        are estimated from groups, periods or places: nu = G - 1 of G groups.

    Raises
    ------
    SpatialInputError
        E206 as many restrictions as groups. With fewer than 10 groups there is a warning.

    Notes
    -----
    LeSage & Pace (2009), section 2.3; Elhorst (2014), section 2.2.
    """
    check_option("against", against, [*NULLS, *["static"] * bool(fit._design.lags)])
    if against == "static":
        return _no_lags(fit)
    if fit.specification.name != "SDM":
        raise SpatialInputError("E501", f"wald_test needs an SDM fit, got {fit.specification.name}",
                                hint="sp.wald_test(sp.sdm(...))")
    refuse_regimes(fit)
    if isinstance(fit, SeveralRecord):
        return wald_of_several(fit, against)
    if fit._design.wx_order > 1:
        raise SpatialInputError("E501", "wald_test is for wx_order=1", hint="compare the fits with lr_test")
    if against == "SEM":
        _refuse_without_common_factor(fit)
        lag, left = fit._sample.lag, fit.df_resid
        if lag is not None and left is not None and isinstance(covariance_of(fit), Information | OfAdjustedScore):
            return _common_factor(fit, lag.interval, left)
    names, params = list(fit.params.index), fit.params.to_numpy()
    r = names.index("rho")
    value, slopes = [], []
    tested = {"SLX": (), "SAR": [name for name in fit._design.durbin_names if name != f"W:{INTERCEPT}"]}
    for lagged in tested.get(against, fit._design.durbin_names):
        j, i = names.index(lagged), names.index(lagged.removeprefix("W:"))
        row = np.zeros(len(names))
        row[j] = 1
        if against == "SEM":
            row[i], row[r] = params[r], params[i]
        value.append(params[j] + (params[r] * params[i] if against == "SEM" else 0.0))
        slopes.append(row)
    if against in ("SLX", "OLS"):
        value.append(params[r])
        slopes.append(np.eye(len(names))[r])
    statistic, df = wald_of(fit, np.array(value), np.array(slopes))
    return TestResult(f"Wald SDM vs {against}", statistic, df, NULLS[against])


def _common_factor(fit: FitRecord, interval: tuple[float, float], df: float) -> TestResult:
    """F(q, n - p) of the distance between the estimates and theta = -rho beta."""
    lagged = list(fit._design.durbin_names)
    own = [name.removeprefix("W:") for name in lagged]
    b, V = fit.params, fit.vcov.loc[["rho", *own, *lagged], ["rho", *own, *lagged]].to_numpy()
    distance = factor_distance(fit.rho, b[own].to_numpy(), b[lagged].to_numpy(), V, interval)
    return TestResult("Wald SDM vs SEM", distance / len(own), (len(own), df), NULLS["SEM"])


def refuse_without_likelihood(fit: FitRecord) -> None:
    """A ratio needs maxima of one likelihood.

    Raises
    ------
    SpatialInputError
        E501; E703 where a fit leaves no residual variance.
    """
    hints = {"gmm": "use method='ml'", "reml": "wald_test(fit, ...), or fits with method='ml'",
             "aqs": "wald_test(fit, ...), or fits with method='ml'"}  # fmt: skip
    weights = fit._design.obs_weights
    if weights is not None and weights.sampling:
        refuse_weighted(weights, "a likelihood ratio with sampling weights", "sp.wald_test, sp.lincom or sp.nlcom")
    if (method := fit._settings.method) in hints:
        name = "the method of moments" if method == "gmm" else f"method={method!r}"
        raise SpatialInputError("E501", f"{name} has no likelihood to compare", hint=hints[method])
    if not isinstance(fit, MissingRecord):
        refuse_without_residuals(fit)
    elif np.isnan(fit.loglik):
        raise SpatialInputError("E501", f"missing='model' with {fit._settings.effects} effects, whose part of the "
                                "score is taken off by its mean, has no likelihood to compare",
                                hint="sp.wald_test, sp.lincom, or sp.chow_test of regimes")  # fmt: skip


def _no_lags(fit: FitRecord) -> TestResult:
    lags = list(fit._design.lags)
    slopes = np.eye(len(fit.params))[fit.params.index.get_indexer(pd.Index(lags))]
    statistic, df = wald_of(fit, fit.params[lags].to_numpy(), slopes)
    return TestResult(f"Wald dynamic {fit.specification.name} vs static", statistic, df, _no_past(lags))


def _no_past(lags) -> str:
    """ "tau = 0 and eta = 0" of ``lag(y)`` and ``W:lag(y)``."""
    return " and ".join(sorted((f"{'eta' if name.startswith('W:') else 'tau'} = 0" for name in lags), reverse=True))


def nests_sem(fit: FitRecord) -> bool:
    """Whether every regressor of an SDM is lagged: only then does theta = -rho beta give the SEM."""
    d = fit._design
    return {j for j, name in enumerate(d.names) if name != INTERCEPT} <= set(d.durbin)


def _refuse_without_common_factor(fit: FitRecord) -> None:
    if fit._design.lags:
        raise SpatialInputError("E501", "a dynamic SDM nests the SEM only with a lagged y that is filtered like y",
                                hint="test against 'SAR', 'SLX', 'OLS' or 'static'")  # fmt: skip
    if not nests_sem(fit):
        raise SpatialInputError("E501", "SEM is nested in an SDM only when every regressor is lagged",
                                hint="leave durbin= out of the SDM")  # fmt: skip
