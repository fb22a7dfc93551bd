"""Covariance of a fit's parameters, by name."""

from __future__ import annotations

import numpy as np

from spillover.errors import check_option

from ..results import Fit
from .information import covariance, expected, observed

KINDS = {"oim": "observed information", "eim": "expected information"}


def fit_covariance(fit: Fit, vcov: str) -> np.ndarray:
    """Covariance of ``fit.params``.

    A model without a spatial parameter gets the classical covariance with sigma2 = SSE / df.
    """
    check_option("vcov", vcov, KINDS)
    sample, at = fit.sample, fit.solution
    if sample.lag is None and sample.error is None:
        R = np.linalg.qr(sample.X, mode="r")
        inverse = np.linalg.inv(R)
        return fit.sigma2 * inverse @ inverse.T
    if vcov == "oim":
        return covariance(observed(sample, at), list(fit.params.index))
    W = fit.design.weights.csr
    return covariance(expected(sample, at, W, W), list(fit.params.index))
