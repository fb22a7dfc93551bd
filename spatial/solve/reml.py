"""Restricted maximum likelihood: rho or lambda corrected for the estimation of beta.

The profile score of a spatial parameter has a mean that is not zero, because beta is estimated: least squares takes K
degrees of freedom, and its residuals follow X. With B = I - lambda M, M_B the residual maker of B X, H = M B^-1,
G = W A^-1, q = |M_B B A y|^2 and m = n - K the adjusted scores

    rho:     (m / q) (W y)'M A y  - tr(M G)            (B = I)
    lambda:  (m / q) e'M u        - tr(M_B H)          (A = I)

have mean zero whatever K is. For a spatial error this is the slope of the restricted likelihood
ln|B| - ln|X'B'B X| / 2 - (m / 2) ln q (Patterson & Thompson 1971, Biometrika 58:545-554); for a spatial lag that of
the adjusted profile likelihood of Martellosio & Hillier (2020, J. Econometrics 219:402-422). With a constant as the
only regressor it is the transformation of Lee & Yu (2010) at T = 1. Q is an orthonormal basis of X:

    tr(M G) = tr G - tr(Q'G Q),      tr(M_B H) = tr H + d ln|Q'B'B Q| / d lambda / 2

so that a step takes one solve with K right-hand sides and no n x n matrix.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from spillover.errors import SpatialInputError

from ..design.arrays import Sample, solve_triangular
from ..logdet.inverse import Inverse
from ..logdet.means import InverseOfDeviations
from .concentrated import expansion, filtered
from .ml import Solution, _cross_products, residuals
from .roots import root


@dataclass(frozen=True, eq=False)
class Adjusted(Solution):
    """The root of an adjusted score; loglik is NaN, since it is no maximum of the likelihood.

    Attributes
    ----------
    covariance : ndarray, shape (K + 1, K + 1)
        Of beta and rho, or of beta and lambda.
    df : int
        n - K, for t and F.
    """

    covariance: np.ndarray = field(repr=False)
    df: int


def restricted(sample: Sample, weights, centered: bool = False) -> Adjusted:
    """The restricted estimate of a model with a spatial lag or a spatial error.

    Parameters
    ----------
    sample : Sample
        Of a cross-section or a panel; effects taken out by transformation, or dummies among X.
    weights : Weights
        W of the lag or M of the error: ``csr`` (N, N) and ``n``; where it varies that of all rows, block diagonal.
    centered : bool
        Whether W lags deviations from period means: W J takes its place.

    Returns
    -------
    Adjusted
        sigma2 = q / (n - K).

    Raises
    ------
    SpatialInputError
        E702 when the restricted likelihood is not concave at the root, E713 when the score has no root in the
        admissible interval, E801 when the search does not settle.
    """
    score = score_of_lag(sample, weights, centered) if sample.lag is not None else score_of_error(sample)
    at, slope = root(score, sample)
    if not slope < 0:
        raise SpatialInputError("E702", "the restricted likelihood is not concave at its maximum",
                                hint="drop lagged regressors")  # fmt: skip
    solve = _with_lag if sample.lag is not None else _with_error
    return solve(sample, at, -1 / slope)


def score_of_lag(sample: Sample, weights, centered: bool = False):
    """rho -> adjusted score and its derivative."""
    Q, products, reduced = _reduced(sample)

    def score(rho: float) -> tuple[float, float]:
        value, slope = _of_likelihood(rho, products, reduced)
        lag_of_inverse = InverseOfDeviations(weights, rho).lagged if centered else _lag_of(Inverse(weights, rho))
        once = by_period(Q, weights.n, lag_of_inverse)
        twice = by_period(once, weights.n, lag_of_inverse)
        return value + np.sum(Q * once), slope + np.sum(Q * twice)

    return score


def _lag_of(A_inverse: Inverse):
    """W A^-1 as a function."""
    return lambda x: A_inverse.weights.csr @ A_inverse.solve(x)


def score_of_error(sample: Sample):
    """lambda -> adjusted score and its derivative: with C = Q'B'B Q those of -ln|C| / 2 are added."""
    _, products, reduced = _reduced(sample)

    def score(lam: float) -> tuple[float, float]:
        value, slope = _of_likelihood(lam, products, reduced)
        inverse, C1, C2 = filtered(products, lam)
        share = inverse @ C1
        return value - np.trace(share) / 2, slope - (np.sum(inverse * C2) - np.sum(share * share.T)) / 2

    return score


def _reduced(sample: Sample):
    """Q, the cross-products over [y, W y, Q], and the sample with n - K in the place of n."""
    products, _ = _cross_products([sample], [sample.basis])
    return sample.basis[0], products, replace(sample, n=sample.n - sample.X.shape[1])


def _of_likelihood(at: float, products, sample: Sample) -> tuple[float, float]:
    """Score and second derivative of the concentrated likelihood."""
    _, score, H, _ = expansion(np.array([[at]]), products, sample)
    return float(score[0, 0]), float(H[0, 0, 0])


def by_period(values: np.ndarray, N: int, operation) -> np.ndarray:
    """A linear operation on (N, columns), say x -> W A^-1 x, on (T N, k): all periods side by side."""
    wide = values.reshape(-1, N, values.shape[1]).transpose(1, 0, 2)
    return operation(wide.reshape(N, -1)).reshape(wide.shape).transpose(1, 0, 2).reshape(values.shape)


def _with_lag(sample: Sample, rho: float, variance: float) -> Adjusted:
    """beta = (X'X)^-1 X'A y moves with rho by -g, g = (X'X)^-1 X'W y."""
    Q, R, _ = sample.basis
    beta = solve_triangular(R, Q.T @ sample.Ay(rho))
    e = residuals(sample, beta, rho, 0.0)
    df = sample.n - len(beta)
    s2 = float(e @ e) / df
    root_inverse, g = np.linalg.inv(R), solve_triangular(R, Q.T @ sample.lag_of_y)
    slopes = s2 * root_inverse @ root_inverse.T + variance * np.outer(g, g)
    return Adjusted(beta, rho, 0.0, s2, np.nan, e, _bordered(slopes, -variance * g, variance), df)


def _with_error(sample: Sample, lam: float, variance: float) -> Adjusted:
    """beta by generalised least squares; it is not correlated with lambda."""
    Q, R, MQ = sample.basis
    BQ = Q if MQ is None else Q - lam * MQ
    inverse = np.linalg.inv(BQ.T @ BQ)
    beta = solve_triangular(R, inverse @ (BQ.T @ sample.By(lam)))
    e = residuals(sample, beta, 0.0, lam)
    df = sample.n - len(beta)
    s2 = float(e @ e) / df
    slopes = s2 * solve_triangular(R, solve_triangular(R, inverse).T)
    return Adjusted(beta, 0.0, lam, s2, np.nan, e, _bordered(slopes, np.zeros(len(beta)), variance), df)


def _bordered(slopes, mixed, variance) -> np.ndarray:
    full = np.block([[slopes, mixed[:, None]], [mixed[None], np.full((1, 1), variance)]])
    return (full + full.T) / 2
