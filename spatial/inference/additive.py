"""Bias correction for time effects when no transformation exists (W's rows do not all sum to one).

Period means take one degree of freedom per period, and their estimation shifts the score of rho and sigma2:

    E[dL/drho] = -(T* / N) 1'G 1,      E[dL/dsigma2] = -T* / (2 sigma2)

with T* the periods in the likelihood. One step theta - I^-1 E[score] removes the O(1/N) bias.
Source: Lee & Yu (2010), section 3; Elhorst (2014), eq. 3.19, where 1'G1 / N = 1 / (1 - rho).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from .._inverse import inverse
from .._weights import Weights
from ..solve.ml import Sample, Solution, residuals
from .information import DENSE_MAX, expected, observed


def without_time_bias(sample: Sample, at: Solution, weights: Weights) -> Solution:
    """``at`` with beta, rho and sigma2 corrected; the log-likelihood stays that of the maximum."""
    N, periods = weights.n, sample.lag.copies
    G1 = inverse(weights, at.rho).solve(weights.row_sums)
    shift = np.zeros(len(at.beta) + 2)
    shift[-2:] = -periods * G1.mean(), -periods / (2 * at.sigma2)
    information = expected(sample, at, weights.csr, None) if N <= DENSE_MAX else observed(sample, at)
    step = np.linalg.solve(information, shift)
    beta, rho = at.beta - step[:-2], at.rho - step[-2]
    return replace(at, beta=beta, rho=rho, sigma2=at.sigma2 - step[-1], resid=residuals(sample, beta, rho, 0.0))
