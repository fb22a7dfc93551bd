"""Maximum likelihood with several W in the lag, several M in the error, or both.

    y = sum_j rho_j W_j y + X beta + u,    u = sum_l lambda_l M_l u + e,    e ~ (0, sigma2 I)

With A = I - sum_j rho_j W_j, B = I - sum_l lambda_l M_l the likelihood is that of ``ml``. With Z = [y, W_1 y, ...,
W_J y, Q], Q an orthonormal basis of X, M_0 = I, c = (1, -lambda) and v = (1, -rho, -gamma) the residuals are

    e = sum_i c_i M_i Z v

so that e'e, its gradient and its second derivatives come from the cross-products P of [Z, M_1 Z, ..., M_L Z], which
are computed once. Newton's steps are in (rho, lambda), with gamma and sigma2 concentrated out. Sources: Lee & Liu
(2010, Econometric Theory 26:187-230) for the model; Elhorst, Lacombe & Piras (2012) for the region; Lee & Yu (2010) for
panels.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from spillover.errors import SpatialInputError

from ..logdet.several import SeveralJacobian
from .ml import Solution, alone
from .search import PROPORTIONAL
from .several_problem import Problem, SeveralSample, joined, problem_of
from .several_search import box, search

EDGE = 1e-6  # share of the way to the region's edge that an estimate must keep
NORM_IS_ENOUGH = 0.999


@dataclass(frozen=True, eq=False)
class SeveralSolution(Solution):
    """The maximum.

    Attributes
    ----------
    rhos : (J,);  lams : (L,);  gamma : (k,)
    sigma2s : (S,), one, or one for each regime
    information : observed, of (gamma, rho, lambda, ln sigma2 ...), k + J + L + S parameters
    T : (beta, rho, lambda, ln sigma2 ...) by its parameters; the coefficients of dummies of periods are left out
    """

    rhos: np.ndarray
    lams: np.ndarray
    sigma2s: np.ndarray
    gamma: np.ndarray = field(repr=False)
    information: np.ndarray = field(repr=False)
    T: np.ndarray = field(repr=False)


def several_maximum(sample: SeveralSample) -> SeveralSolution:
    """Estimate beta, rho_1 ... rho_J, lambda_1 ... lambda_L and sigma2.

    Raises
    ------
    SpatialInputError
        E701 where the likelihood rises up to the edge of the admissible region, E714 where rho_1 ... are not
        identified, E801 where the search does not settle.
    """
    problem, shift = problem_of(sample)
    refuse_multiples(problem)
    psi = search(problem, sample)
    refuse_edge(sample, problem, psi)
    return _solution(problem, sample, shift, psi)


def refuse_multiples(problem: Problem) -> None:
    """E714 where y, W_1 y, W_2 y ..., given the regressors, are linearly dependent: rho is not identified."""
    s = 1 + problem.J
    products = problem.P[0, :s, 0, :s]
    scale = 1 / np.sqrt(np.maximum(np.diag(products), np.finfo(float).tiny))
    if problem.J and np.linalg.eigvalsh(products * np.outer(scale, scale))[0] < PROPORTIONAL:
        raise SpatialInputError("E714", "rho_1, rho_2 ... are not identified: given the regressors y, W_1 y, W_2 y ... "
                                "are linearly dependent, as under weights that make every unit the neighbor of every "
                                "other", hint="weights that fall with distance, or fewer neighbors: wt.knn(map, k=6)")


def refuse_edge(sample: SeveralSample, problem: Problem, psi: np.ndarray) -> None:
    """E701 where rho or lambda lies on the edge of its region or beyond."""
    for part, at, name in zip((sample.lag, sample.error), problem.split(psi), ("rho", "lambda")):
        if part is None or np.abs(at) @ part.logdet.norms < NORM_IS_ENOUGH:
            continue
        if part.logdet.largest(at) > 1 - EDGE:
            raise SpatialInputError(
                "E701", f"the likelihood rises up to the edge of the admissible region: {name} = "
                f"{', '.join(f'{x:.4g}' for x in at)}",
                hint="drop one of the W, or a trend: y - rho W y has no variance left there",
            )  # fmt: skip


def _solution(problem: Problem, sample: SeveralSample, shift: np.ndarray, psi: np.ndarray) -> SeveralSolution:
    """beta, sigma2, residuals, log-likelihood and information at the maximum."""
    (rho, lam), (gamma, q) = problem.split(psi), problem.gamma(psi)
    n, k = sample.n, sample.k
    sigma2 = q / n
    determinants = joined(sample, problem, psi, _final)
    _, half, second = problem.derivatives(psi)
    info = second / sigma2
    info[k:, k:] -= determinants[2]
    full = np.empty((len(info) + 1, len(info) + 1))
    full[:-1, :-1] = info
    full[-1, :-1] = full[:-1, -1] = -half / sigma2
    full[-1, -1] = n / 2
    _, R = sample.basis
    T = np.eye(len(full))
    inverse = np.linalg.inv(R) if k else R
    T[:k, :k] = inverse
    T[:k, k : k + problem.J] = -inverse @ shift[:, 1:]
    beta = inverse @ (shift @ np.concatenate([[1.0], -rho]) + gamma)
    resid = sample.y - sample.lags @ rho - sample.X @ beta
    v = np.concatenate([[1.0], -rho, -beta])
    for value, lagged in zip(lam, sample.lagged):
        resid = resid - value * (lagged @ v)
    loglik = problem.value(psi, determinants[0]) + sample.log_weights
    return SeveralSolution(beta, alone(rho), alone(lam), sigma2, loglik, resid, rhos=rho, lams=lam, gamma=gamma,
                           sigma2s=np.array([sigma2]), information=full, T=T)  # fmt: skip


def _final(part: SeveralJacobian, x: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
    """Of a large sparse W from a window of a hundredth of the way to the edge."""
    if part.logdet.dense:
        return part.expansion(x)
    room = 0.05 * (1 - min(float(np.abs(x) @ part.logdet.norms), part.logdet.largest(x)))
    _, L1, L2 = part.added(box(part, x, max(room, 1e-4)).expansion(x), x)
    return part.value(x), L1, L2
