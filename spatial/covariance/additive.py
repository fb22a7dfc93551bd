"""Bias corrections: one step theta - I^-1 E[score] from the maximum removes a known bias of the score.

Where W's rows do not all sum to one, no transformation takes out time effects. Period means take one degree of
freedom per period, and their estimation shifts the score of rho and sigma2:

    E[dL/drho] = -(T* / N) 1'G 1,      E[dL/dsigma2] = -T* / (2 sigma2)

with T* the periods in the likelihood; the bias is O(1/N). Source: Lee & Yu (2010), section 3; Elhorst (2014), eq.
3.19, where 1'G1 / N = 1 / (1 - rho). ``inference.dynamic`` has the score's bias in dynamic models.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from spillover.matrix import SpatialWeights

from ..design.arrays import Sample
from ..logdet.inverse import inverse
from ..solve.ml import Solution, residuals
from .information import expected, observed

EXPECTED_MAX = 1_000  # units; the expected information needs dense inverses, the observed one differs little beyond


def corrected(sample: Sample, at: Solution, weights: SpatialWeights, score: np.ndarray) -> Solution:
    """``at`` with beta, rho and sigma2 corrected for a score of (beta, rho, sigma2) that is ``score`` on average;
    the log-likelihood stays that of the maximum."""
    information = expected(sample, at, weights.csr, weights.csr) if weights.n <= EXPECTED_MAX else observed(sample, at)
    step = np.linalg.solve(information, score)
    beta, rho = at.beta - step[:-2], at.rho - step[-2]
    return replace(at, beta=beta, rho=rho, sigma2=at.sigma2 - step[-1], resid=residuals(sample, beta, rho, 0.0))


def score_of_time_effects(sample: Sample, at: Solution, weights: SpatialWeights) -> np.ndarray:
    """E[dL/d(beta, rho, sigma2)] when period means were taken out of data that were not transformed."""
    periods = sample.parts[0].copies
    G1 = inverse(weights, at.rho).solve(weights.row_sums)
    score = np.zeros(len(at.beta) + 2)
    score[-2:] = -periods * G1.mean(), -periods / (2 * at.sigma2)
    return score
