"""Maximum likelihood with rho, lambda or sigma2 by regime.

    y = sum_r rho_r 1_r W y + X beta + u,    u = sum_r lambda_r 1_r M u + e,    e_i ~ (0, sigma2_r(i))

1_r are the units of regime r, so that rho is that of the unit which receives: A = I - diag(rho_r(i)) W. The likelihood
is that of ``several`` with 1_r W in place of W_j, and of groups of rows with a variance each; the search is Newton's in
(rho, lambda, ln sigma2), from the model whose parameters are the same everywhere. Unit effects leave by transformation;
period effects do not where A is not that of one rho, and are estimated with their bias taken off
(``regimes_problem.PeriodEffects``). Sources: Anselin (1988) ch. 9 and (1990); Lee & Yu (2010, J. Econometrics
154:165-185).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from spillover.errors import SpatialInputError

from ..logdet.several import SeveralJacobian
from ..logdet.windows import Window
from .ml import Solution, alone
from .regimes_problem import RegimeProblem, RegimeSample, regime_problem
from .several import SeveralSolution, refuse_multiples
from .several_problem import Problem, joined
from .several_search import SETTLED, box, newton, starts

EDGE = 1e-6  # share of the way to the region's edge that an estimate must keep
LAST_STEP, MAX_STEPS = 1e-5, 50  # of the adjusted score: last step in standard errors, the error is of its square
NEAR_ROOT = 1e-2  # Newton decrement of the likelihood from which the adjusted score goes on
ROOM = 0.05  # half-width of a window as a share of the way to the edge


def regime_maximum(sample: RegimeSample, start: Solution) -> SeveralSolution:
    """Estimate beta, rho, lambda and sigma2, each by regime or the same everywhere.

    Parameters
    ----------
    sample : RegimeSample
    start : Solution
        Of the same regressors with one rho, lambda and sigma2.

    Raises
    ------
    SpatialInputError
        E701 where the likelihood rises up to the edge of the admissible region, E801 where the search does not settle.
    """
    problem, shift = regime_problem(sample)
    try:
        return highest(sample, problem, shift, [_start(problem, sample, start)])
    except SpatialInputError as error:
        if error.code == "E801":
            raise SpatialInputError("E801", "the search for rho, lambda and sigma2 by regime did not settle",
                                    hint="let fewer of them differ, or merge small regimes") from error
        raise


def moving_maximum(sample: RegimeSample) -> SeveralSolution:
    """Estimate rho_1 ..., lambda_1 ... and one sigma2 of several W that vary over time: from the best points of the
    grid of ``several``, the highest maximum.

    Raises
    ------
    SpatialInputError
        As ``regime_maximum``; E714 where rho_1 ... are not identified.
    """
    problem, shift = regime_problem(sample)
    plain = Problem(problem.P[0], sample.n, problem.J, problem.L, problem.k)
    refuse_multiples(plain)
    thetas = [np.append(psi, np.log(plain.gamma(psi)[1] / sample.sizes[0])) for psi in starts(plain, sample)]
    return highest(sample, problem, shift, thetas)


def highest(sample: RegimeSample, problem: RegimeProblem, shift, thetas: list[np.ndarray]) -> SeveralSolution:
    """The highest that is reached from these points, its score freed of the effects."""
    determinants = Determinants(sample, problem)
    adjusted = sample.periods is not None and problem.J > 0
    settled = NEAR_ROOT if adjusted else SETTLED
    reached: list[tuple[np.ndarray, float]] = []
    failed = []
    # what is added near the root has no bound where rho_1 + rho_2 ... of one regime is almost one: then without it
    for searched in (replace(problem, near=True), problem) if adjusted else (problem,):
        for theta in thetas if not reached else ():
            try:
                reached.append(newton(searched, theta, determinants, settled=settled))  # type: ignore[arg-type]
            except SpatialInputError as error:
                failed.append(error)
    if not reached:
        raise failed[0]
    theta, _ = max(reached, key=lambda pair: pair[1])
    if adjusted:
        theta = _without_bias(problem, theta, determinants)
    refuse_edge(sample, problem, theta)
    return regime_solution(problem, sample, shift, theta, determinants, adjusted)


@dataclass
class Determinants:
    """ln|A| + ln|B| with derivatives by (rho, lambda): by a dense inverse, or from windows that move along."""

    sample: RegimeSample
    problem: RegimeProblem
    windows: dict[int, Window] = field(default_factory=dict)
    last: dict[bytes, tuple[float, np.ndarray, np.ndarray]] = field(default_factory=dict)

    def __call__(self, theta: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
        psi = theta[: self.problem.J + self.problem.L]
        key = psi.tobytes()
        if key not in self.last:
            self.last = {key: joined(self.sample, self.problem, psi, self._of_part)}  # type: ignore[arg-type]
        return self.last[key]

    def _of_part(self, part: SeveralJacobian, x: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
        if not part.logdet.admissible(x):
            return -np.inf, np.zeros(len(x)), np.zeros((len(x), len(x)))
        if part.logdet.dense:
            return part.expansion(x)
        kept = self.windows.get(id(part))
        if kept is None or (x < kept.low).any() or (x > kept.high).any():
            room = ROOM * max(1 - part.logdet.bound(x), 0.02)  # type: ignore[union-attr]
            kept = self.windows[id(part)] = box(part, x, room)
        return part.added(kept.expansion(x), x)


def _start(problem: RegimeProblem, sample: RegimeSample, start: Solution) -> np.ndarray:
    """One rho and lambda of each W everywhere, and the variance of each group's residuals."""
    rhos, lams = (np.atleast_1d(getattr(start, many, getattr(start, one)))
                  for many, one in (("rhos", "rho"), ("lams", "lam")))  # fmt: skip
    squares = np.bincount(sample.groups, start.resid**2, minlength=len(sample.sizes))
    s = np.log(np.maximum(squares, np.finfo(float).tiny) / sample.sizes)
    return np.concatenate([_spread(rhos, problem.J), _spread(lams, problem.L), s])


def _spread(values: np.ndarray, size: int) -> np.ndarray:
    """Each value for as many regimes as there are."""
    return np.repeat(values, size // len(values)) if size else np.empty(0)


def _bias(problem: RegimeProblem, theta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What is added to the score of (rho, lambda, ln sigma2), and its derivatives."""
    assert problem.periods is not None
    J, size = problem.J, len(theta)
    values, slopes = np.zeros(size), np.zeros((size, size))
    values[:J], slopes[:J] = problem.periods.shift(*problem.split(theta), problem.variances(theta))
    return values, slopes


def _without_bias(problem: RegimeProblem, theta: np.ndarray, determinants: Determinants) -> np.ndarray:
    """The root of the score that is freed of the period effects.

    Raises
    ------
    SpatialInputError
        E801.
    """
    for _ in range(MAX_STEPS):
        _, gradient, H = problem.expansion(theta, determinants(theta))
        values, slopes = _bias(problem, theta)
        step = -np.linalg.solve(H + slopes, gradient + values)
        theta = theta + step
        if np.sqrt(max(-step @ H @ step, 0.0)) < LAST_STEP:
            return theta
    raise SpatialInputError("E801", "the score of rho, freed of the period effects, has no root near the maximum",
                            hint="rho that is the same in all regimes, or one W fewer; or effects='entity'")


def refuse_edge(sample: RegimeSample, problem: RegimeProblem, theta: np.ndarray) -> None:
    """E701 where rho or lambda lies on the edge of its region or beyond."""
    for part, at, name in zip((sample.lag, sample.error), problem.split(theta), ("rho", "lambda")):
        if part is None or part.logdet.bound(at) < 1 - EDGE:  # type: ignore[union-attr]
            continue
        if part.logdet.largest(at) > 1 - EDGE:
            raise SpatialInputError(
                "E701", f"the likelihood rises up to the edge of the admissible region: {name} = "
                f"{', '.join(f'{x:.4g}' for x in at)}",
                hint=f"let {name} be the same in all regimes, or merge small regimes; of several W drop one",
            )  # fmt: skip


def regime_solution(problem, sample, shift, theta, determinants, adjusted) -> SeveralSolution:
    """beta, sigma2, residuals, log-likelihood and information at the maximum."""
    (rho, lam), s = problem.split(theta), problem.variances(theta)
    value, _, H = problem.full(theta, determinants(theta))
    if adjusted:
        slopes = _bias(problem, theta)[1]
        H[problem.k :, problem.k :] += (slopes + slopes.T) / 2
        value += problem.periods.potential(rho, lam, s)
    (_, R), gamma, kept, k = sample.basis, problem.gamma(theta), sample.X.shape[1], problem.k
    inverse = np.linalg.inv(R) if k else R
    coefficients = inverse @ (shift @ np.concatenate([[1.0], -rho]) + gamma)
    rest = len(theta)
    T = np.zeros((kept + rest, k + rest))
    T[:kept, :k] = inverse[:kept]
    T[:kept, k : k + problem.J] = -inverse[:kept] @ shift[:, 1:]
    T[kept:, k:] = np.eye(rest)
    X = np.column_stack([sample.X, sample.absorbed]) if sample.absorbed.size else sample.X
    resid = sample.y - sample.lags @ rho - X @ coefficients
    v = np.concatenate([[1.0], -rho, -coefficients])
    for one, lagged in zip(lam, sample.lagged):
        resid = resid - one * (lagged @ v)
    variances = problem.sigma2s(theta)
    sigma2 = float(sample.sizes @ variances / sample.sizes.sum())
    loglik = float(value) + sample.log_weights
    return SeveralSolution(coefficients[:kept], alone(rho), alone(lam), sigma2, loglik, resid, rhos=rho, lams=lam,
                          sigma2s=variances, gamma=gamma, information=-H, T=T)  # fmt: skip
