"""What a fit by maximum likelihood should be told about its sample: few rows, variances that follow neighbors."""

from __future__ import annotations

from ..covariance.clustered import Robust
from ..covariance.hac import DriscollKraay
from ..covariance.sandwich import least_squares
from ..effects.joint_likelihood import by_joint_default, joint_obstacle
from ..records.fit import FitRecord
from ..records.limits import LIMITS
from ..records.regimes import RegimesRecord
from ..records.several import SeveralRecord

FEW = 20  # rows per parameter below which the restricted likelihood is advised
HARDLY_ANY = 2  # rows per parameter below which lambda is out of reach
FEW_ROBUST = 100  # rows of a cross-section below which a sandwich of least squares is too small
FEW_DYNAMIC = 10  # periods below which the correction of unit effects, of order 1 / T, leaves too much
FEW_PERIODS = 15  # below which the variance of sums over periods is hardly known
FEW_FOR_TWO, FEW_BY_MOMENTS = 500, 1_000  # rows below which rho and lambda together are weakly identified


def notes(fit: FitRecord) -> list[str]:
    """The limits of ``spatial.records.limits`` that this fit is within."""
    return [note for note in (of_rows(fit), of_robust_rows(fit), of_periods(fit)) if note]


def of_robust_rows(fit: FitRecord) -> str:
    """Whether a sandwich of least squares rests on few rows of a cross-section."""
    robust = fit._settings.vcov == "robust" or isinstance(fit._settings.vcov, Robust)
    few = least_squares(fit) and not fit._design.is_panel and fit.nobs < FEW_ROBUST
    return LIMITS["few robust rows"] * (robust and few)


def of_periods(fit: FitRecord) -> str:
    """Whether periods are too few for a lagged response, or for sums over them: cells ``dynamic-*`` and ``*-dk`` of
    docs/certificate.md."""
    if fit._design.lags:
        few = fit._settings.method == "ml" and fit._design.n_periods < FEW_DYNAMIC
        return LIMITS["few dynamic periods"] * few
    by_period = fit._settings.vcov == "driscoll_kraay" or isinstance(fit._settings.vcov, DriscollKraay)
    return LIMITS["few periods"] * (by_period and fit._design.n_periods < FEW_PERIODS)


def of_rows(fit: FitRecord) -> str:
    """Which estimator does better with so few rows, in words; empty where maximum likelihood is good enough.

    SDM, 48 units, 1 / 4 / 8 / 15 regressors: 95 % intervals of rho cover .94 / .93 / .91 / .89 by maximum likelihood
    with t(n - p), .95 to .96 by restricted likelihood. SAC and GNS, 48 to 100 units: Wald intervals .15 to .91 for both
    parameters, .94 to .99 by the ratios of profile likelihoods, which are the default there.
    """
    spec, s, n, p = fit.specification, fit._settings, fit._sample.n, len(fit.params)
    if isinstance(fit, SeveralRecord):
        few = (spec.lag or spec.error) and n < FEW * p
        return f"n / p = {n / p:.1f}: {LIMITS['few rows of several']}" if few else ""
    if isinstance(fit, RegimesRecord) and fit.by_likelihood:
        few = (spec.lag or spec.error) and n < FEW * p
        return f"n / p = {n / p:.1f}: {LIMITS['few rows of regimes']}" if few else ""
    if s.random is not None or fit._design.lags or not (spec.lag or spec.error):
        return ""
    if spec.lag and spec.error:
        if by_joint_default(fit):
            return LIMITS["two parameters by likelihood"]
        weak = LIMITS["two parameters"] * (n < (FEW_BY_MOMENTS if s.method == "gmm" else FEW_FOR_TWO) or spec.durbin)
        better = "; method='likelihood' of conf_int and effects holds" if weak and not joint_obstacle(fit) else ""
        return weak + better
    if s.method == "reml":
        return LIMITS["hardly any rows"] * (spec.error and n < HARDLY_ANY * p)
    if s.method != "ml" or n >= FEW * p or fit._design.varies or fit._design.observed is not None:
        return ""
    return f"n / p = {n / p:.1f}: {LIMITS['few rows']}"
