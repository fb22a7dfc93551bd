"""Maximum likelihood for every model with a spatial lag, a spatial error, both or neither.

    y = rho W y + X beta + u,    u = lambda M u + e,    e ~ (0, sigma2 I)

With A = I - rho W and B = I - lambda M the log-likelihood is

    ln L = -n/2 ln(2 pi sigma2) + ln|A| + ln|B| - e'e / (2 sigma2),     e = B (A y - X beta)

and e'e is a quadratic form in cross-products that are computed once: a search over (rho, lambda) needs
no further pass over the data (``solve.search``). Panels differ only in what is demeaned and in how often the
determinants count (``Jacobian``). Sources: Ord (1975); Anselin (1988) ch. 6; Lee & Yu (2010, J. Econometrics
154:165-185).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from spillover.errors import SpatialInputError

from ..design.arrays import Sample, solve_triangular
from .concentrated import concentrated
from .refinement import loses_digits, refined
from .search import search


@dataclass(frozen=True, eq=False)
class Solution:
    """The maximum: beta (k,), rho, lam (0 where the model has none), sigma2, loglik and e (m,)."""

    beta: np.ndarray
    rho: float
    lam: float
    sigma2: float
    loglik: float
    resid: np.ndarray = field(repr=False)

    def after_correction(self, V: np.ndarray) -> np.ndarray:
        """The covariance of the estimates from that of the maximum: they differ where a bias was taken off."""
        return V


def alone(values: np.ndarray) -> float:
    """The one value, 0 of none, NaN of several."""
    return float(values[0]) if len(values) == 1 else float("nan") if len(values) else 0.0


def maximum_likelihood(sample: Sample) -> Solution:
    """Estimate beta, rho, lambda and sigma2.

    Raises
    ------
    SpatialInputError
        E701 when the likelihood rises up to the edge of the admissible interval, E801 when the search
        does not settle.
    """
    (outcome,) = maxima([sample])
    if isinstance(outcome, SpatialInputError):
        raise outcome
    return outcome


def maxima(samples: Sequence[Sample]) -> list[Solution | SpatialInputError]:
    """The maximum of every sample, or why it has none. The samples differ only in their data.

    Each comes out as if it were estimated alone: to the last bit where all eigenvalues of W are known.
    """
    if not samples:
        return []
    # 1. A basis of X, once where all samples share X; cross-products of [y, W y] and of M [y, W y, X].
    shared = all(sample.X is samples[0].X for sample in samples)
    bases = [samples[0].basis] * len(samples) if shared else [sample.basis for sample in samples]
    products, shifts = _cross_products(samples, bases[:1] if shared else bases)
    # 2. The maximum over (rho, lambda) of every sample; beta and sigma2 follow.
    points, problems = search(products, samples[0])
    at = concentrated(points, products, samples[0])
    return [
        problem or _solution(sample, Q, R, shift, *own)
        for problem, sample, (Q, R, _), shift, *own in zip(problems, samples, bases, shifts, *at)
    ]


def _solution(sample, Q, R, shift, rho, lam, loglik, q, G) -> Solution:
    """beta, sigma2, residuals and log-likelihood at the maximum over (rho, lambda)."""
    beta = solve_triangular(R, (shift + G) @ [1.0, -rho])
    if sample.lag is None and sample.error is None and loses_digits(R, sample.y, beta):
        beta = refined(sample.X, sample.y, Q, R, beta)
    return Solution(beta, rho, lam, q / sample.n, loglik + sample.log_weights, residuals(sample, beta, rho, lam))


def residuals(sample: Sample, beta: np.ndarray, rho: float, lam: float) -> np.ndarray:
    """e = B (A y - X beta)."""
    e = sample.y - sample.X @ beta
    if sample.lag is not None:
        e = e - rho * sample.lag_of_y
    if sample.error is not None:
        e = e - lam * spatially_lagged_error(sample, beta, rho)
    return e


def spatially_lagged_error(sample: Sample, beta: np.ndarray, rho: float) -> np.ndarray:
    """M u with u = A y - X beta."""
    Mu = sample.error_lag_of_y - sample.error_lag_of_X @ beta
    return Mu if sample.lag is None else Mu - rho * sample.error_lag_of_Wy


def _cross_products(samples, bases):
    """Z'Z, Z'MZ + its transpose and (MZ)'MZ over Z = [y, W y, Q], y and W y as residuals from Q; and Q'[y, W y].

    Sample by sample, (R, p, p) each; one basis serves all samples that share X. They give
    Z'B'B Z = Z'Z - lambda (...) + lambda^2 (...). Without a spatial error [y, W y] suffice.
    """
    Q = np.array([Q for Q, _, _ in bases])
    ys = _beside([(sample.y, sample.Wy) for sample in samples])
    shift = Q.swapaxes(1, 2) @ ys
    ys -= Q @ shift
    if samples[0].error is None:
        return (ys.swapaxes(1, 2) @ ys,), shift
    MQ = np.array([MQ for _, _, MQ in bases])
    Mys = _beside([(sample.My, sample.MWy) for sample in samples]) - MQ @ shift
    Z, MZ = (np.concatenate([left, np.broadcast_to(right, (len(left), *right.shape[1:]))], axis=2)
             for left, right in ((ys, Q), (Mys, MQ)))  # fmt: skip
    mixed = Z.swapaxes(1, 2) @ MZ
    return (Z.swapaxes(1, 2) @ Z, mixed + mixed.swapaxes(1, 2), MZ.swapaxes(1, 2) @ MZ), shift


def _beside(pairs) -> np.ndarray:
    """[y, W y] of every sample, (R, m, 2); zeros without a spatial lag."""
    zeros = None if pairs[0][1] is not None else np.zeros(len(pairs[0][0]))
    return np.array([(y, zeros if Wy is None else Wy) for y, Wy in pairs]).swapaxes(1, 2)


