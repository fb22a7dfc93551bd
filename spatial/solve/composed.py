"""Maximum likelihood with several rho, lambda or sigma2 where errors have parts; the model is in ``composed_problem``.

Given psi the search is Newton's in (rho, lambda, ln sigma2) and, with random effects, kappa = ln(1 + d2 phi) >= 0, from
the best points of a grid; the likelihood may have one maximum with phi > 0 and another with phi = 0 (Breusch 1987), and
the higher is taken. The search over psi is that of ``serial``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from spillover.errors import SpatialInputError

from .composed_problem import MAX_KAPPA, Composed, RandomProblem, random_problem
from .regimes import Determinants, highest, refuse_edge, regime_solution
from .regimes_problem import RegimeProblem, RegimeSample, Weighted, regime_problem
from .serial import GRID, SerialErrors, serial_maximum
from .several import SeveralSolution, refuse_multiples
from .several_search import newton, starts

RATIOS = (0.1, 1.0, 10.0)  # of d2 phi, starting values
KEPT = 12  # maxima by psi that are kept
TRIED = 2  # starting points from which the search with random effects goes


@dataclass(frozen=True, eq=False)
class SeveralSerial(SerialErrors):
    """psi of a fit with several rho, lambda or sigma2.

    Attributes
    ----------
    own_slopes : (q,)
        d / dz of the parameters of the fit's information; ``slopes`` are those of (beta, rho, lambda, sigma2, kappa).
    """

    own_slopes: np.ndarray = field(repr=False)


@dataclass(frozen=True, eq=False)
class Peak:
    """The maximum given psi.

    Attributes
    ----------
    sample : RegimeSample, of white rows
    solution : SeveralSolution
    theta : (rho, lambda, ln sigma2)
    kappa : float
    d2 : float, the mean of d2_i
    value : float, ln L with what the filter adds
    """

    sample: RegimeSample
    solution: SeveralSolution
    theta: np.ndarray
    kappa: float
    d2: float
    value: float


def composed_maximum(composed: Composed) -> tuple[Peak, SeveralSerial | None]:
    """Estimate all parameters.

    Raises
    ------
    SpatialInputError
        E701, E703, E714, E801: as ``regimes``, ``random_ml`` and ``serial``.
    """
    if not composed.serial:
        return peak_at(composed, 0.0), None
    reached: dict[float, Peak] = {}

    def at(psi: float) -> Peak:
        if psi not in reached:
            near = min(reached, key=lambda other: abs(np.arctanh(other) - np.arctanh(psi)), default=None)
            start = None if psi in GRID or near is None else reached[near]
            reached[psi] = peak_at(composed, psi, start)
            if len(reached) > KEPT:
                del reached[next(iter(reached))]
        return reached[psi]

    def profile(psi: float) -> tuple[float, np.ndarray]:
        peak = at(psi)
        return peak.value, _parameters(peak)

    adjusted = composed.raw.periods is not None and composed.raw.lag is not None
    slope = _partial_slope(composed, at) if adjusted else None
    serial = serial_maximum(profile, composed.T, slope)
    peak = at(serial.psi)
    kept, q = _reported(peak), len(peak.solution.information)
    own = _in_basis(peak, serial.slopes)[:q]
    return peak, SeveralSerial(**{**vars(serial), "slopes": serial.slopes[kept], "own_slopes": own})


def peak_at(composed: Composed, psi: float, start: Peak | None = None) -> Peak:
    """The maximum over all others."""
    if composed.unit_effects == "random":
        return _with_random_effects(composed, psi, start)
    sample = composed.white(psi, 0.0)
    problem, shift = regime_problem(sample)
    thetas = [start.theta] if start else _starts(problem, problem.P, sample)
    solution = highest(sample, problem, shift, thetas)
    theta = np.concatenate([solution.rhos, solution.lams, np.log(solution.sigma2s)])
    return Peak(sample, solution, theta, 0.0, 1.0, solution.loglik + composed.gain(psi))


def _with_random_effects(composed: Composed, psi: float, start: Peak | None) -> Peak:
    """The higher of the maxima with phi > 0 and phi = 0."""
    _, units = composed.filtered(psi)
    d2 = units.mean_count
    guess = RATIOS[1] if start is None else np.expm1(start.kappa)
    white = composed.white(psi, guess / d2)
    problem, _ = random_problem(composed, psi, white)
    determinants = Determinants(white, problem)
    if start is None:
        thetas = _random_starts(problem, white, determinants)
    else:
        thetas = [np.append(start.theta, max(start.kappa, 0.01))]
    reached, failed = [], []
    for theta in thetas:
        try:
            at, value = newton(problem, theta, determinants)  # type: ignore[arg-type]
        except SpatialInputError as error:
            failed.append(error)
            continue
        if at[-1] > MAX_KAPPA - 1:
            raise SpatialInputError("E703", "nothing is left of the response within units, and random effects need it",
                                    hint="does the response vary over time?")  # fmt: skip
        if at[-1] > 0:
            reached.append((at, value))
    pooled = problem.pooled
    for theta in thetas:
        try:
            at, value = newton(pooled, theta[:-1], determinants)  # type: ignore[arg-type]
            reached.append((np.append(at, 0.0), value))
        except SpatialInputError as error:
            failed.append(error)
    if not reached:
        raise failed[0]
    theta, _ = max(reached, key=lambda pair: pair[1])
    kappa = float(theta[-1])
    sample = composed.white(psi, float(np.expm1(kappa)) / d2)
    problem, shift = random_problem(composed, psi, sample)
    last: RegimeProblem = problem if kappa > 0 else problem.pooled
    refuse_edge(sample, last, theta[: problem.J + problem.L])
    solution = regime_solution(last, sample, shift, theta if kappa > 0 else theta[:-1], determinants, False)
    return Peak(sample, solution, theta[:-1], kappa, d2, solution.loglik + composed.gain(psi))


def _starts(problem: RegimeProblem, products: np.ndarray, sample: RegimeSample) -> list[np.ndarray]:
    """(rho, lambda, ln sigma2) at the best of a grid, of one sigma2; ``products`` are divided by what a group's
    variance is beside it."""
    plain = Weighted(products.sum(axis=0), problem.n, problem.J, problem.L, problem.k)
    refuse_multiples(plain)
    S, points = len(sample.sizes), starts(plain, sample) or [np.zeros(0)]
    return [np.append(psi, np.full(S, np.log(plain.gamma(psi)[1] / problem.n))) for psi in points]


def _random_starts(problem: RandomProblem, sample: RegimeSample, determinants: Callable) -> list[np.ndarray]:
    """The best of these for some kappa."""
    thetas = []
    for ratio in RATIOS:
        weight = 1 / (1 + problem.ratio * ratio)
        products = weight[:, None, None, None, None] * problem.P
        thetas += [np.append(theta, np.log1p(ratio)) for theta in _starts(problem, products, sample)]
    values = [problem.full(theta, determinants(theta))[0] for theta in thetas]
    return [thetas[place] for place in np.argsort(values)[::-1][:TRIED]]


def _partial_slope(composed: Composed, at: Callable[[float], Peak]) -> Callable[[float, float], float]:
    """d ln L / dz with (rho, lambda, sigma2) held: the score of psi beside a score of rho that is freed of the period
    effects, which together are the slopes of no function."""

    def slope(z: float, step: float) -> float:
        theta, values = at(float(np.tanh(z))).theta, []
        for moved in (z + step, z - step):
            psi = float(np.tanh(moved))
            sample = composed.white(psi, 0.0)
            problem, _ = regime_problem(sample)
            flat = np.zeros(problem.J + problem.L)
            none = 0.0, flat, np.zeros((len(flat), len(flat)))  # determinants do not move with psi
            values.append(problem.full(theta, none)[0] + composed.gain(psi))
        return (values[0] - values[1]) / (2 * step)

    return slope


def _parameters(peak: Peak) -> np.ndarray:
    """(coefficients, of dummies too, rho, lambda, sigma2, kappa)."""
    at = peak.solution
    return np.concatenate([_coefficients(peak), at.rhos, at.lams, at.sigma2s, [peak.kappa]])


def _coefficients(peak: Peak) -> np.ndarray:
    """Of [X, dummies]."""
    (Q, R), at = peak.sample.basis, peak.solution
    if not R.size:
        return np.zeros(0)
    ys = np.column_stack([peak.sample.y, peak.sample.lags])
    return np.linalg.solve(R, Q.T @ ys @ np.concatenate([[1.0], -at.rhos]) + at.gamma)


def _reported(peak: Peak) -> np.ndarray:
    """Positions of what is no coefficient of a dummy."""
    k, whole = peak.sample.k, len(peak.sample.basis[1])
    return np.array([j for j in range(len(_parameters(peak))) if j < k or j >= whole])


def _in_basis(peak: Peak, slopes: np.ndarray) -> np.ndarray:
    """Slopes of (coefficients, rho, lambda, sigma2, kappa) as those of (gamma, rho, lambda, ln sigma2, kappa)."""
    (Q, R), at, out = peak.sample.basis, peak.solution, slopes.copy()
    k, J, L = len(R), len(at.rhos), len(at.lams)
    if k:
        out[:k] = R @ slopes[:k] + (Q.T @ peak.sample.lags) @ slopes[k : k + J]
    out[k + J + L : -1] /= at.sigma2s
    return out


def information_of_levels(at: SeveralSolution) -> np.ndarray:
    """The information of (beta, rho, lambda, sigma2 ..., kappa)."""
    p, S = len(at.beta) + len(at.rhos) + len(at.lams), len(at.sigma2s)
    scale = np.ones(len(at.T))
    scale[p : p + S] = at.sigma2s
    V = at.T @ np.linalg.inv(at.information) @ at.T.T
    return np.linalg.inv(scale[:, None] * (V + V.T) / 2 * scale)

