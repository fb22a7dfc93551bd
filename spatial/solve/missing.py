"""Maximum likelihood where some outcomes are not observed: the estimate of t = (rho, lambda, s, z), and what follows.

The search (``missing_search`` for one rho and one lambda, else ``missing_ascent``) ends with the derivatives of ln L by
t, the rest concentrated out, and those of beta(t), which carry the observed information to beta,

    V_tt = -(d2 ln L / dt2)^-1,   V_bt = (d beta / dt) V_tt,
    V_bb = sigma2 (Z'Z)^-1 + (d beta / dt) V_tt (d beta / dt)',

Z what G leaves of B X: the blocks of the inverse of the whole observed information.
"""

from __future__ import annotations

import numpy as np

from spillover.errors import SpatialInputError

from ..design.arrays import inverse_triangular
from .missing_ascent import Ascent
from .missing_problem import ON_BOUNDARY, MissingProblem, Point
from .missing_sample import Last, MissingSample, MissingSolution
from .missing_search import Search
from .ml import alone


def missing_maximum(sample: MissingSample) -> MissingSolution:
    """Estimate beta, rho, lambda, sigma2, and what the errors' structure has besides, from the observed y.

    Raises
    ------
    SpatialInputError
        E701 when the likelihood rises up to the edge of the admissible region, E702 where the information is not
        positive definite, E801 when the search does not settle.
    """
    problem = sample.problem
    if not (sample.parts or problem.random or problem.serial):
        return _solution(sample, np.zeros(0), None)
    if not problem.plain:
        return _solution(sample, *Ascent(sample).reach())
    search = Search(sample)
    reached = [search.climb(start) for start in search.starts()]
    return _solution(sample, *max(reached, key=lambda pair: pair[1].value)[:2])


def _solution(sample: MissingSample, t: np.ndarray, last: Last | None) -> MissingSolution:
    """beta, sigma2, residuals and covariance at the maximum."""
    problem, k, p = sample.problem, sample.X.shape[1], len(t)
    projection, loglik = sample.at(t)
    filled, level = projection.completed
    inverse = inverse_triangular(projection.R)
    V = np.zeros((k + p, k + p))
    V[:k, :k] = projection.sigma2 * inverse @ inverse.T
    slopes = np.zeros((len(filled), p))
    components = np.full((1, 1), 2 * projection.sigma2**2 / problem.n)
    if last is not None:
        information = -last.curvature
        if not np.linalg.eigvalsh(information)[0] > 0:
            raise SpatialInputError("E702", "the information matrix is not positive definite",
                                    hint="the likelihood is almost flat in rho or lambda: fewer regressors, more data")
        own = np.linalg.inv(information)
        J = last.of_beta if problem.W or not problem.restricted else 0 * last.of_beta  # zero by expectation (``reml``)
        V[:k, :k] += J @ own @ J.T
        V[:k, k:] = J @ own
        V[k:, :k] = V[:k, k:].T
        V[k:, k:] = own
        slopes[problem.absent] = last.of_filled
        T = components_by(problem, projection.at, last.of_sigma2)
        components = T @ own @ T.T
        components[0, 0] += 2 * projection.sigma2**2 / problem.n
    estimated = problem.levels.estimated
    point = projection.at
    return MissingSolution(
        projection.beta, alone(point.rhos), alone(point.lams), projection.sigma2,
        float("nan") if problem.mean_of_score or problem.restricted else loglik, point, projection.errors, covariance=V,
        filled=np.where(problem.seen.ravel() | estimated, filled, np.nan), level=np.where(estimated, level, np.nan),
        slopes=slopes, absorbed=projection.absorbed, random=projection.random,
        components=components, df=problem.n,
    )  # fmt: skip


def components_by(problem: MissingProblem, at: Point, of_sigma2: np.ndarray) -> np.ndarray:
    """Slopes of (sigma2, kappa, z) by t; without kappa where phi = 0 bounds it."""
    rows, p = [of_sigma2], len(of_sigma2)
    if problem.random and at.s > ON_BOUNDARY:
        d2, slope = problem.information_of_mean(at)
        phi, row = at.s**2, np.zeros(p)
        row[p - 1 - problem.serial] = 2 * d2 * at.s / (1 + d2 * phi)
        if problem.serial:
            row[-1] = phi * slope / (1 + d2 * phi)
        rows.append(row)
    if problem.serial:
        rows.append(np.eye(p)[-1])
    return np.array(rows)
