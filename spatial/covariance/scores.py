"""Scores of the log-likelihood, one row per observation: what every sandwich is made of."""

from __future__ import annotations

import numpy as np

from ..design.arrays import Sample
from ..solve.ml import Solution
from .information import derivatives, with_dummies, without_dummies


def scores(sample: Sample, at: Solution) -> np.ndarray:
    """d ln L_i / d(beta, rho, lambda, sigma2), shape (m, p + 1); the columns sum to the score, zero at a maximum.

    The determinants belong to no single row: each gets the share L'(rho) / m of them, and 1/m of the n in
    -n/2 ln sigma2. With D = -de/d(beta, rho, lambda):

        s_i = [D_i e_i / s2 + (0, L'(rho), L'(lambda)) / m,   e_i^2 / (2 s2^2) - n / (2 s2 m)]

    Source: Belotti, Hughes & Piano Mortari (2017, Stata Journal 17:139-180), whose ``xsmle`` splits the
    determinant in the same way. Dummies among X are concentrated out.
    """
    e, s2, m, k = at.resid, at.sigma2, len(at.resid), sample.X.shape[1]
    by_row = derivatives(sample, at) * (e / s2)[:, None]
    if sample.lag is not None:
        by_row[:, k] += sample.lag.d1(at.rho) / m
    if sample.error is not None:
        by_row[:, -1] += sample.error.d1(at.lam) / m
    by_row = np.column_stack([by_row, e**2 / (2 * s2**2) - sample.n / (2 * s2 * m)])
    if not sample.dummies:
        return by_row
    _, share = without_dummies(sample, with_dummies(sample, at))
    of_dummies = by_row[:, sample.k : k]
    return np.delete(by_row, np.s_[sample.k : k], axis=1) - of_dummies @ share
