"""Which fits have intervals by likelihood ratios, and which take them by default because rows are few."""

from __future__ import annotations

import numpy as np

from ..covariance.adjusted import OfAdjustedScore
from ..covariance.kinds import Information
from ..covariance.vcov import covariance_of
from ..design.arrays import keeps_effects
from ..logdet import Jacobian, Projected
from ..records.fit import FitRecord
from ..records.missing import MissingRecord
from ..records.regimes import RegimesRecord
from ..records.several import SeveralRecord
from .propagate import determinant

LIKELIHOODS = (Information, OfAdjustedScore)  # covariances that come from a likelihood
UNITS = 2_000  # all eigenvalues of W and M are needed
BELOW = 1_000  # rows below which these intervals are the default of SAC and GNS, and of others where rows are few:
PER_PARAMETER, LEFT, NEAR = 20, 100, 0.95  # fewer per parameter, n - k below, rho + 2 s.e. beyond a share of its end


def obstacle(fit: FitRecord) -> str:
    """Why there is no such likelihood, in words; empty where there is one."""
    if isinstance(fit, SeveralRecord | RegimesRecord):
        return "it is for one W of the lag and one of the error, and the same parameters everywhere"
    if isinstance(fit, MissingRecord):
        return "some outcomes are not observed"
    d, s, model = fit._design, fit._settings, fit.specification
    checks = {
        "it is for models with a spatial lag or a spatial error": not (model.lag or model.error),
        "it needs maximum likelihood": s.method not in ("ml", "reml") or s.composed,
        "it has no standard errors": not np.isfinite(fit._covariance).all(),
        "it is for static models": bool(d.lags),
        "W varies over time, or periods are missing": d.varies or d.observed is not None,
        "the weights of observations change over time": d.obs_weights is not None and not d.obs_weights.fixed,
        "the correction is additive": s.corrected and s.correction == "additive",
        "its effects are not out by demeaning": keeps_effects(fit._sample) or (model.error and _projected(fit._sample)),
        "rho's interval has no ends": _no_ends(fit._sample.lag),
        f"it needs all eigenvalues of W, up to {UNITS:,} units": d.n_units > UNITS,
        "its standard errors are not the likelihood's": not isinstance(covariance_of(fit), LIKELIHOODS),
    }
    return next((why for why, fails in checks.items() if fails), "")


def _projected(sample) -> bool:
    return any(isinstance(part.logdet, Projected) for part in sample.parts)


def _no_ends(lag: Jacobian | None) -> bool:
    """Of a W without cycles: effects are polynomials in rho of any size."""
    return lag is not None and not np.isfinite(lag.logdet.interval).all()


def by_default(fit: FitRecord) -> bool:
    """Whether intervals and p of a fit are by likelihood unless another method is asked for: where rows are few."""
    model, n = fit.specification, fit._sample.n
    both = model.lag and model.error
    if not (model.lag or model.error) or n >= BELOW or fit.df_resid is None or (fit._design.is_panel and not both):
        return False
    if obstacle(fit):
        return False
    return both or n < PER_PARAMETER * len(fit._estimates) or bool(small_or_near_the_end(fit))


def small_or_near_the_end(fit: FitRecord) -> str:
    """Why effects are skewed, in words; empty where they are not."""
    left = fit._sample.n - fit._sample.X.shape[1]
    if left < LEFT:
        return f"n - k = {left}"
    if not fit.specification.lag:
        return ""
    end, at = determinant(fit).interval[1], fit._terms.get_loc("rho")
    if fit.rho + 2 * np.sqrt(fit._covariance[at, at]) > NEAR * end:
        return f"rho + 2 standard errors is within 5 % of the end of its interval, {end:.4g}"
    return ""
