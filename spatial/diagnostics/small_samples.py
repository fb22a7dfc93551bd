"""What a fit by maximum likelihood should be told about its sample: few rows, variances that follow neighbors."""

from __future__ import annotations

import numpy as np

from ..effects.joint_likelihood import joint_obstacle
from ..records.fit import FitRecord
from ..records.limits import LIMITS
from ..solve.ml import Solution

FEW = 20  # rows per parameter below which the restricted likelihood is advised
FEW_FOR_TWO = 500  # rows below which rho and lambda together are weakly identified
CRITICAL = 6.634896601021213  # of chi2(1) at 1 %: squared residuals follow the number of neighbors


def advice(fit: FitRecord) -> str:
    """Which estimator does better with so few rows, in words; empty where maximum likelihood is good enough.

    SDM, 48 units, 1 / 4 / 8 / 15 regressors: 95 % intervals of rho cover .94 / .93 / .91 / .89 by maximum likelihood
    with t(n - p), .95 to .96 by restricted likelihood. SAC and GNS, 48 to 100 units: .83 to .91 for both parameters,
    .92 to .97 by the ratio of profile likelihoods.
    """
    spec, s, n, p = fit.specification, fit.settings, fit.sample.n, len(fit.params)
    if s.method != "ml" or s.random is not None or fit.design.lags or not (spec.lag or spec.error):
        return ""
    if spec.lag and spec.error:
        weak = LIMITS["two parameters"] * (n < FEW_FOR_TWO or spec.durbin)
        return weak + ("; method='likelihood' of conf_int and effects holds" if weak and not joint_obstacle(fit) else "")
    if n >= FEW * p or fit.design.varies or fit.design.observed is not None:
        return ""
    return f"n / p = {n / p:.1f}: {LIMITS['few rows']}"


def variance_follows_neighbors(at: Solution, weights) -> bool:
    """Whether squared residuals, of a panel their means by unit, go with the number of neighbors.

    n r^2 is Koenker's (1981, J. Econometrics 17:107-112) statistic with one regressor; it needs no normal errors.
    """
    counts = np.diff(weights.csr.indptr)
    counts = counts - counts.mean()
    squares = ((at.resid / np.sqrt(at.sigma2)) ** 2).reshape(-1, weights.n).mean(axis=0)
    squares = squares - squares.mean()
    return (counts @ squares) ** 2 * len(squares) > CRITICAL * (counts @ counts) * (squares @ squares)
