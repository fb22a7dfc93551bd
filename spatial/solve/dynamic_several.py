"""The root of the score less its mean, of dynamic panels with several rho, lambda or sigma2.

From the maximum of the likelihood that leaves unit effects as they are (``several``, ``regimes``) by Newton's steps in
theta = (beta, rho, lambda, ln sigma2):

    s(theta) = D'e / sigma2 + L' - E[s],    D = -de/d(beta, rho, lambda),

and e'e / (2 sigma2) - n / 2 less its mean for ln sigma2. E[s] is that of ``dynamic_projected``. With I the observed
information of the likelihood and S the slopes of the mean the covariance is

    (I + S)^-1 I (I + S)^-1' = J I^-1 J',    J = (1 + I^-1 S)^-1,

as with one rho (``covariance.additive``, also for scores without a root).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from spillover.errors import SpatialInputError

from .ml import alone
from .regimes import Determinants
from .regimes_problem import RegimeSample, regime_problem
from .several import SeveralSolution
from .several_problem import SeveralSample, problem_of
from .shortest import ROOT, shortest

MAX_STEPS = 60
SETTLED = 1e-16  # squared step in standard errors
SHORT = 10.0  # squared length of a score without a root, in standard errors
STEP = 1e-4  # of central differences of the mean

MeanOf = Callable[[np.ndarray, np.ndarray, np.ndarray, np.ndarray], np.ndarray]


@dataclass(frozen=True, eq=False)
class DynamicSeveral(SeveralSolution):
    """The root.

    Attributes
    ----------
    jacobian : J of (beta, rho, lambda, ln sigma2 ...)
    nearest : whether the score less its mean has no root, and is shortest here
    """

    jacobian: np.ndarray = field(repr=False)
    nearest: bool = False

    def after_correction(self, V: np.ndarray) -> np.ndarray:
        """J V J', of the first of these parameters."""
        J = self.jacobian[: len(V), : len(V)]
        return J @ V @ J.T


class Score:
    """The score of (beta, rho, lambda, ln sigma2) and its slopes; beta has the coefficients of dummies behind its own.

    Parameters
    ----------
    sample : SeveralSample or RegimeSample
    mean_of : function of beta, rho, lambda, sigma2 (S,) to E[s]
    moved : places of theta that the mean depends on
    """

    def __init__(self, sample: SeveralSample, mean_of: MeanOf, moved: list[int]):
        self.sample, self.mean_of, self.moved = sample, mean_of, moved
        problem: Any
        if isinstance(sample, RegimeSample):
            problem, self.shift = regime_problem(sample)
            self.X = np.column_stack([sample.X, sample.absorbed]) if sample.absorbed.size else sample.X
            self.sizes = sample.sizes
        else:
            problem, self.shift = problem_of(sample)
            self.X, self.sizes = sample.X, np.array([float(sample.n)])
        self.groups = sample.groups_of_rows
        self.k, self.J, self.L = self.X.shape[1], sample.lags.shape[1], len(sample.lagged)
        self.Z = np.column_stack([sample.y, sample.lags, self.X])
        self._determinants = Determinants(sample, problem)  # type: ignore[arg-type]

    def split(self, theta: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """beta, rho, lambda, sigma2."""
        k, J, q = self.k, self.J, self.k + self.J + self.L
        return theta[:k], theta[k : k + J], theta[k + J : q], np.exp(theta[q:])

    def start(self, at: SeveralSolution) -> np.ndarray:
        """The maximum as theta."""
        R = self.sample.basis[1]
        beta = np.linalg.solve(R, self.shift @ np.append(1.0, -at.rhos) + at.gamma)
        return np.concatenate([beta, at.rhos, at.lams, np.log(at.sigma2s)])

    def residuals(self, theta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """e (m,) and D (m, k + J + L)."""
        beta, rho, lam, _ = self.split(theta)
        v = np.concatenate([[1.0], -rho, -beta])
        own = self.Z - sum((value * one for value, one in zip(lam, self.sample.lagged)), np.zeros((1, 1)))
        errors = [one @ v for one in self.sample.lagged]
        return own @ v, np.column_stack([own[:, 1 + self.J :], own[:, 1 : 1 + self.J], *errors])

    def __call__(self, theta: np.ndarray) -> np.ndarray:
        """Less its mean."""
        s2 = self.split(theta)[3]
        e, D = self.residuals(theta)
        squares = np.bincount(self.groups, e**2, minlength=len(s2))
        score = np.append(D.T @ (e / s2[self.groups]), (squares / s2 - self.sizes) / 2)
        score[self.k : self.k + self.J + self.L] += self.determinants(theta)[1]
        return score - self.mean(theta)

    def mean(self, theta: np.ndarray) -> np.ndarray:
        """E[s]: what is known of the model less what the determinants and the number of rows take off."""
        out = self.mean_of(*self.split(theta))
        out[self.k : self.k + self.J + self.L] += self.determinants(theta)[1]
        out[self.k + self.J + self.L :] -= self.sizes / 2
        return out

    def determinants(self, theta: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
        """Of rho and lambda: value, slopes, second derivatives."""
        return self._determinants(theta[self.k :])

    def information(self, theta: np.ndarray) -> np.ndarray:
        """Observed, of the likelihood."""
        s2, q = self.split(theta)[3], self.k + self.J + self.L
        e, D = self.residuals(theta)
        w = 1 / s2[self.groups]
        out = np.zeros((len(theta), len(theta)))
        out[:q, :q] = D.T @ (w[:, None] * D)
        for place, one in enumerate(self.sample.lagged, start=self.k + self.J):
            cross = one.T @ (w * e)  # e'd2e / d(beta, rho) d lambda
            cross = np.append(cross[1 + self.J :], cross[1 : 1 + self.J])
            out[: len(cross), place] += cross
            out[place, : len(cross)] += cross
        out[self.k : q, self.k : q] -= self.determinants(theta)[2]
        for g in range(len(s2)):
            mixed = D.T @ np.where(self.groups == g, w * e, 0.0)
            out[:q, q + g], out[q + g, :q] = mixed, mixed
            out[q + g, q + g] = self.sizes[g] / 2
        return out

    def slopes(self, theta: np.ndarray) -> np.ndarray:
        """S, derivatives of the mean."""
        out = np.zeros((len(theta), len(theta)))
        for place in self.moved:
            step = np.zeros(len(theta))
            step[place] = STEP
            out[:, place] = (self.mean(theta + step) - self.mean(theta - step)) / (2 * STEP)
        return out

    def derivative(self, theta: np.ndarray) -> np.ndarray:
        """-ds / dtheta, not at a maximum: e'e / (2 sigma2) in the place of n / 2."""
        out, s2, q = self.information(theta) + self.slopes(theta), self.split(theta)[3], self.k + self.J + self.L
        squares = np.bincount(self.groups, self.residuals(theta)[0] ** 2, minlength=len(s2))
        out[range(q, len(theta)), range(q, len(theta))] += squares / (2 * s2) - self.sizes / 2
        return out

    def inside(self, theta: np.ndarray) -> bool:
        """Whether rho and lambda lie in their regions."""
        _, rho, lam, _ = self.split(theta)
        parts = ((self.sample.lag, rho), (self.sample.error, lam))
        return bool(np.isfinite(theta).all()) and all(p is None or p.logdet.admissible(at) for p, at in parts)


def several_root(sample: SeveralSample, at: SeveralSolution, mean_of: MeanOf, moved: list[int]) -> DynamicSeveral:
    """The root of the score less its mean next to the maximum ``at``; parameters as of ``Score``.

    Raises
    ------
    SpatialInputError
        E710 where there is none, and the score is long everywhere near the maximum.
    """
    score = Score(sample, mean_of, moved)
    start = score.start(at)
    theta, nearest = _chord(score, start), False
    if theta is None:
        theta, length = shortest(start, score, score.derivative, score.information(start), score.inside)
        nearest = length > ROOT
        if length >= SHORT:
            raise SpatialInputError("E710", "the score without its bias has no root near the maximum: too few periods "
                                    "for so much persistence", hint="correction=False leaves the maximum as it is")
    return _solution(score, theta, at, nearest)


def _chord(score: Score, theta: np.ndarray) -> np.ndarray | None:
    """By steps whose slopes of the mean are those at the maximum; None where these do not settle."""
    slopes = score.slopes(theta)
    for _ in range(MAX_STEPS):
        information = score.information(theta)
        step = np.linalg.solve(information + slopes, score(theta))
        theta = theta + step
        if not score.inside(theta):
            return None
        if abs(step @ information @ step) < SETTLED:
            return theta
    return None


def _solution(score: Score, theta: np.ndarray, at: SeveralSolution, nearest: bool) -> DynamicSeveral:
    """The root with what covariances take of it; the log-likelihood stays that of the maximum."""
    sample, (beta, rho, lam, s2) = score.sample, score.split(theta)
    k, kept, rest = score.k, sample.X.shape[1], len(theta) - score.k
    R = sample.basis[1]
    inverse = np.linalg.inv(R)
    T = np.eye(len(theta))
    T[:k, :k] = inverse
    T[:k, k : k + score.J] = -inverse @ score.shift[:, 1:]
    information = score.information(theta)
    slopes, eye = np.linalg.solve(information, score.slopes(theta)), np.eye(len(theta))
    J = eye - slopes if nearest else np.linalg.inv(eye + slopes)
    own = np.r_[:kept, k : k + rest]
    sigma2 = float(score.sizes @ s2 / score.sizes.sum())
    return DynamicSeveral(
        beta[:kept], alone(rho), alone(lam), sigma2, at.loglik, score.residuals(theta)[0], rhos=rho, lams=lam,
        sigma2s=s2, gamma=R @ beta - score.shift @ np.append(1.0, -rho), information=T.T @ information @ T, T=T[own],
        jacobian=J[np.ix_(own, own)], nearest=nearest,
    )  # fmt: skip
