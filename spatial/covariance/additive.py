"""Bias corrections: one step theta - I^-1 E[score] from the maximum removes a known bias of the score.

Where W's rows do not all sum to one, no transformation takes out time effects. Period means take one degree of
freedom per period, and their estimation shifts the score of rho and sigma2:

    E[dL/drho] = -(T* / N) 1'G 1,      E[dL/dsigma2] = -T* / (2 sigma2)

with T* the periods in the likelihood; the bias is O(1/N). Source: Lee & Yu (2010), section 3; Elhorst (2014), eq.
3.19, where 1'G1 / N = 1 / (1 - rho). ``solve.dynamic`` has the score's bias in dynamic models.

A correction that depends on the estimates is random too. In a dynamic panel it is about (1 + tau) / T and moves with
tau, so that the corrected estimate theta - b(theta) varies more than the maximum does: its covariance is J V J' with
J = I - db / dtheta, which for tau is 1 + 1 / T and more. With T = 6 and tau = .7 intervals of tau cover .84 to .88 with
V, .94 to .98 with J V J'.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from spillover.errors import SpatialInputError
from spillover.matrix import SpatialWeights, TemporalWeights

from ..design.arrays import Sample
from ..logdet.inverse import inverse
from ..solve.ml import Solution, residuals
from ..solve.shortest import ROOT, shortest
from .information import derivatives, expected, observed, with_dummies

EXPECTED_MAX = 1_000  # units; the expected information needs dense inverses, the observed one differs little beyond


Weights = SpatialWeights | TemporalWeights
MAX_STEPS, SETTLED = 60, 1e-16  # of the root: squared step in standard errors
SHORT = 10.0  # squared length of a score without a root, in standard errors
STEP = 1e-4  # of central differences by tau, eta, rho, lambda and sigma2


def _information(sample: Sample, at: Solution, weights: Weights, error: Weights) -> np.ndarray:
    if weights.varies or error.varies or weights.n > EXPECTED_MAX:
        return observed(sample, at)
    return expected(sample, at, weights.csr, error.csr)


def as_vector(sample: Sample, at: Solution) -> np.ndarray:
    """(beta, rho, lambda, sigma2), those that the model has."""
    spatial = [at.rho] * (sample.lag is not None) + [at.lam] * (sample.error is not None)
    return np.array([*at.beta, *spatial, at.sigma2])


def as_solution(sample: Sample, at: Solution, theta: np.ndarray) -> Solution:
    """``at`` with other parameters; its residuals and log-likelihood stay."""
    k = len(at.beta)
    rho = float(theta[k]) if sample.lag is not None else 0.0
    lam = float(theta[-2]) if sample.error is not None else 0.0
    return replace(at, beta=theta[:k], rho=rho, lam=lam, sigma2=float(theta[-1]))


@dataclass(frozen=True, eq=False)
class Corrected(Solution):
    """A corrected maximum.

    Attributes
    ----------
    jacobian : ndarray, shape (p, p)
        J of (beta, rho, lambda): derivatives of the corrected estimates by those of maximum likelihood.
    nearest : bool
        Whether the score less its mean has no root, and is shortest here.
    """

    jacobian: np.ndarray = field(repr=False)
    nearest: bool = False

    def after_correction(self, V: np.ndarray) -> np.ndarray:
        """J V J'."""
        return self.jacobian @ V @ self.jacobian.T


def corrected(
    sample: Sample, at: Solution, weights: Weights, error: Weights, score: np.ndarray
) -> Solution:
    """``at`` corrected for a score of (beta, rho, lambda, sigma2) that is ``score`` on average; the log-likelihood
    stays that of the maximum. ``weights`` and ``error`` are W and M."""
    step = np.linalg.solve(_information(sample, at, weights, error), score)
    better = as_solution(sample, at, as_vector(sample, at) - step)
    return replace(better, resid=residuals(sample, better.beta, better.rho, better.lam))


def with_jacobian(
    sample: Sample, at: Solution, better: Solution, weights, error, score_of: Callable, places: Sequence[int]
) -> Corrected:  # fmt: skip
    """The corrected solution with J, from the slopes of the score's bias by some of (beta, rho, lambda, sigma2).

    Parameters
    ----------
    at, better : Solution
        Before and after the correction.
    weights, error : W and M
    score_of : function of a Solution to the score's bias, (p + 1,)
    places : sequence of int
        What the bias depends on.
    """
    slopes = _slopes(sample, at, score_of, places)
    J = np.eye(len(slopes)) - np.linalg.solve(_information(sample, at, weights, error), slopes)
    return Corrected(**vars(better), jacobian=J[:-1, :-1])


def corrected_at_root(
    sample: Sample, at: Solution, score_of: Callable, places: Sequence[int]
) -> Corrected:
    """The root of the score less its bias, both at the corrected estimates, by Newton's steps from the maximum ``at``;
    its covariance is J V J' with J = (I + V db / dtheta)^-1. Parameters as for ``with_jacobian``.

    Close to a unit root the bias may rise as fast as the score falls, so that there is no root. The estimate is then
    where the score less its bias is shortest (Dhaene & Jochmans 2016, Econometric Theory 32:1178-1215), with
    J = I - V db / dtheta: 40 units, tau = .9, 8 periods, 45 % of the samples without a root: a bias of .001 (-.25
    before), intervals cover .97; 16 periods, 25 % of the samples: .002 and 1.00 (``tests.montecarlo.shortest``).

    Raises
    ------
    SpatialInputError
        E710 where it is long everywhere near the maximum.
    """
    point, nearest = _chord(sample, at, score_of, places), False
    if point is None:
        point, nearest = _shortest(sample, at, score_of, places)
    kept = np.r_[: sample.k, sample.X.shape[1] : len(as_vector(sample, point))]  # without dummies among X
    slopes = np.linalg.solve(observed(sample, point), _slopes(sample, point, score_of, places)[np.ix_(kept, kept)])
    eye = np.eye(len(slopes))
    J = eye - slopes if nearest else np.linalg.inv(eye + slopes)
    return Corrected(**vars(point), jacobian=J[:-1, :-1], nearest=nearest)


def _chord(sample: Sample, at: Solution, score_of: Callable, places: Sequence[int]) -> Solution | None:
    """The root by Newton's steps whose slopes of the bias are those at the maximum; None where these do not settle."""
    point, slopes = at, _slopes(sample, at, score_of, places)
    for _ in range(MAX_STEPS):
        left = _score(sample, point) - score_of(point)
        information = with_dummies(sample, point)
        step = np.linalg.solve(information + slopes, left)
        point = _moved(sample, point, step)
        if not (np.isfinite(step).all() and _inside(sample, point)):
            return None
        if abs(float(step @ information @ step)) < SETTLED:
            return point
    return None


def _shortest(sample: Sample, at: Solution, score_of: Callable, places: Sequence[int]) -> tuple[Solution, bool]:
    """The root, or, and True, the point where the score less its bias is shortest.

    Raises
    ------
    SpatialInputError
        E710 where it is long there too.
    """
    first = as_vector(sample, at)

    def moved(theta: np.ndarray) -> Solution:
        return _moved(sample, at, theta - first)

    def score(theta: np.ndarray) -> np.ndarray:
        return _score(sample, point := moved(theta)) - score_of(point)

    def slope(theta: np.ndarray) -> np.ndarray:
        H, e, s2 = with_dummies(sample, point := moved(theta)), point.resid, point.sigma2
        H[-1, -1] = e @ e / s2**3 - sample.n / (2 * s2**2)  # not at a maximum
        return H + _slopes(sample, point, score_of, places)

    theta, length = shortest(first, score, slope, with_dummies(sample, at),
                             lambda theta: _inside(sample, as_solution(sample, at, theta)))  # fmt: skip
    if length < SHORT:
        return moved(theta), length > ROOT
    raise SpatialInputError("E710", "the score without its bias has no root near the maximum: too few periods for so "
                            "much persistence", hint="correction=False leaves the maximum as it is")  # fmt: skip


def _moved(sample: Sample, point: Solution, step: np.ndarray) -> Solution:
    """The point after a step, with its residuals."""
    to = as_solution(sample, point, as_vector(sample, point) + step)
    return replace(to, resid=residuals(sample, to.beta, to.rho, to.lam))


def _inside(sample: Sample, at: Solution) -> bool:
    """Whether rho and lambda lie in their intervals, and sigma2 is positive."""
    for part, value in ((sample.lag, at.rho), (sample.error, at.lam)):
        if part is not None and not part.interval[0] < value < part.interval[1]:
            return False
    return at.sigma2 > 0


def _score(sample: Sample, at: Solution) -> np.ndarray:
    """dL/d(beta, rho, lambda, sigma2)."""
    e, s2 = at.resid, at.sigma2
    score = np.append(derivatives(sample, at).T @ e / s2, (e @ e / s2 - sample.n) / (2 * s2))
    for part, value, place in ((sample.lag, at.rho, len(at.beta)), (sample.error, at.lam, -2)):
        if part is not None:
            score[place] += float(part.d1(value))
    return score


def _slopes(sample: Sample, at: Solution, score_of: Callable, places: Sequence[int]) -> np.ndarray:
    """Derivatives of the score's bias by the parameters that it depends on."""
    theta = as_vector(sample, at)
    slopes = np.zeros((len(theta), len(theta)))
    for place in places:
        step = np.zeros(len(theta))
        step[place] = STEP
        ahead, behind = (score_of(as_solution(sample, at, moved)) for moved in (theta + step, theta - step))
        slopes[:, place] = (ahead - behind) / (2 * STEP)
    return slopes


def score_of_time_effects(sample: Sample, at: Solution, weights: SpatialWeights) -> np.ndarray:
    """E[dL/d(beta, rho, sigma2)] when period means were taken out of data that were not transformed."""
    periods = sample.parts[0].copies
    G1 = inverse(weights, at.rho).solve(weights.row_sums)
    score = np.zeros(len(at.beta) + 2)
    score[-2:] = -periods * G1.mean(), -periods / (2 * at.sigma2)
    return score
