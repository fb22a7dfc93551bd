"""What a fit by maximum likelihood should be told about its sample: few rows, variances that follow neighbors."""

from __future__ import annotations

from ..covariance.adjusted import ADJUSTED
from ..covariance.clustered import Robust
from ..covariance.hac import DriscollKraay
from ..covariance.jackknife import Jackknife
from ..covariance.sandwich import least_squares
from ..covariance.several import has_several
from ..design.past import splits_past
from ..effects.few_rows import by_default, obstacle
from ..records.fit import FitRecord
from ..records.limits import LIMITS
from ..records.missing import MissingRecord
from ..records.regimes import RegimesRecord
from ..records.several import SeveralRecord

FEW = 20  # rows per parameter below which the restricted likelihood is advised where ratios are not the default
FEW_ROBUST = 100  # rows of a cross-section below which a sandwich of least squares is too small
FEW_SAMPLED = 2_000  # with sampling weights
FEW_DYNAMIC = 10  # periods below which the correction of unit effects, of order 1 / T, leaves too much
FEW_PERIODS = 15  # below which the variance of sums over periods is hardly known
FEW_FOR_TWO, FEW_BY_MOMENTS = 500, 1_000  # rows below which rho and lambda together are weakly identified


def notes(fit: FitRecord) -> list[str]:
    """The limits of ``spatial.records.limits`` that this fit is within."""
    return [note for note in (of_rows(fit), of_robust_rows(fit), of_periods(fit)) if note]


def of_robust_rows(fit: FitRecord) -> str:
    """Whether a sandwich of least squares rests on few rows of a cross-section.

    OLS, 100 rows, sampling weights w = exp(s z) that go with x: beta's intervals cover .89 at s = .4 and .74 at s = .8;
    with 500 rows .935 and .84, with 2,000 .93 at s = .8.
    """
    weights = fit._design.obs_weights
    if weights is not None and weights.sampling and not isinstance(fit._settings.vcov, Jackknife):
        return LIMITS["few sampled rows"] * (fit.nobs < FEW_SAMPLED)
    robust = fit._settings.vcov == "robust" or isinstance(fit._settings.vcov, Robust)
    few = least_squares(fit) and not fit._design.is_panel and fit.nobs < FEW_ROBUST
    return LIMITS["few robust rows"] * (robust and few)


def of_periods(fit: FitRecord) -> str:
    """Whether periods are too few for a lagged response, or for sums over them: cells ``dynamic-*`` and ``*-dk`` of
    docs/certificate.md."""
    if fit._design.lags:
        if fit._design.endog and not fit._design.instruments:
            return LIMITS["own past"]
        if getattr(fit._solution, "nearest", False):
            return LIMITS["no root"]
        few = fit._settings.method == "ml" and fit._design.n_periods < FEW_DYNAMIC and not _by_exact_mean(fit)
        return LIMITS["few dynamic periods"] * few
    by_period = fit._settings.vcov == "driscoll_kraay" or isinstance(fit._settings.vcov, DriscollKraay)
    return LIMITS["few periods"] * (by_period and fit._design.n_periods < FEW_PERIODS)


def _by_exact_mean(fit: FitRecord) -> bool:
    """Whether a dynamic model is the root of the score less its exact mean, not a step from the maximum."""
    d = fit._design
    more = d.obs_weights is not None or fit._settings.effects.ways is not None or splits_past(d)
    return d.varies or more or isinstance(fit, SeveralRecord) or has_several(fit)


def of_rows(fit: FitRecord) -> str:
    """How intervals are made with so few rows, or what does better, in words; empty where Wald intervals hold.

    SDM, 48 units, 1 / 4 / 8 / 15 regressors: 95 % intervals of rho cover .94 / .93 / .91 / .89 by standard errors and
    t(n - p), .95 to .96 by restricted likelihood. SDEM, 48 units: of lambda .12 to .90, and .96 to .98 by the ratios of
    profile likelihoods, which are the default there. SAC and GNS, 48 to 100 units: .15 to .91, and .94 to .99.
    """
    spec, s, n, p = fit.specification, fit._settings, fit._sample.n, len(fit.params)
    if isinstance(fit, SeveralRecord):
        few = (spec.lag or spec.error) and n < FEW * p and s.method not in ADJUSTED
        return f"n / p = {n / p:.1f}: {LIMITS['few rows of several']}" if few else ""
    if isinstance(fit, RegimesRecord) and (fit.by_likelihood or fit.n_rhos > 1):
        few = (spec.lag or spec.error) and n < FEW * p and s.method not in ADJUSTED
        return f"n / p = {n / p:.1f}: {LIMITS['few rows of regimes']}" if few else ""
    if fit._design.lags and spec.lag and spec.error:
        return LIMITS["two parameters"] * (n < FEW_FOR_TWO or spec.durbin)
    if s.random is not None or fit._design.lags or not (spec.lag or spec.error):
        return ""
    if spec.lag and spec.error:
        if by_default(fit):
            return LIMITS["two parameters of reml" if s.method == "reml" else "two parameters by likelihood"]
        weak = LIMITS["two parameters"] * (n < (FEW_BY_MOMENTS if s.method == "gmm" else FEW_FOR_TWO) or spec.durbin)
        better = "; method='likelihood' of conf_int and effects holds" if weak and not obstacle(fit) else ""
        return weak + better
    if by_default(fit):
        return LIMITS["few rows by likelihood" if s.method == "ml" else "few rows of reml"]
    if s.method != "ml" or n >= FEW * p or fit._design.varies or fit._design.observed is not None:
        return ""
    return f"n / p = {n / p:.1f}: {LIMITS['few rows of missing' if isinstance(fit, MissingRecord) else 'few rows']}"
