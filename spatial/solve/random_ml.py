"""Maximum likelihood with random unit effects, for every model with a spatial lag, a spatial error, both or neither.

The search runs over (rho, lambda, kappa); beta and sigma2 follow. Sources: Breusch (1987, J. Econometrics 36:383-389)
on phi and its two possible maxima; Elhorst (2014), section 3.3.2; for the two kinds of error see ``random_means``.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from spillover.errors import SpatialInputError

from .random_means import Inside
from .random_problem import Problem, expansion, pieces

GRID = {0: 1, 1: 31, 2: 13}  # starting values of each spatial parameter
RATIOS = (0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0)  # and of phi, besides zero and the caller's guess
MAX_KAPPA = 30.0
EDGE = 1e-6  # share of the interval that the search leaves free at each end
MAX_STEPS = 100
WINDOW, MAX_WINDOWS = 6.0, 12  # half-width of a window of exact determinants, in standard errors


@dataclass(frozen=True, eq=False)
class Maximum:
    """The maximum: point (rho, lambda, kappa), 0 where absent, beta (k,), sigma2 and ln L."""

    point: np.ndarray
    beta: np.ndarray
    sigma2: float
    loglik: float


def random_maximum(problem: Problem, phi: float) -> Maximum:
    """Estimate (rho, lambda, kappa); beta and sigma2 follow. ``phi`` is one of the starting values.

    Raises
    ------
    SpatialInputError
        E701 when the likelihood rises up to the edge of rho's or lambda's interval, E703 when y does not vary within
        units, E801 when the search does not settle.
    """
    low, high = _bounds(problem)
    # 1. Roughly: a grid and an ascent on cheap curves, with unit effects inside the error process.
    rough = _with(problem, [part.coarse for part in problem.parts])
    means = problem.means.simpler
    simple = rough if means is problem.means else replace(rough, means=means)
    point, curvature = _ascend(simple, _best_of_grid(simple, means, phi, low, high), low, high)
    if simple is not rough:
        point, curvature = _ascend(rough, point, low, high)
    # 2. With exact determinants, within windows of a few standard errors.
    if not all(part.coarse.logdet is part.logdet for part in problem.parts):
        point = _in_windows(problem, point, curvature, low, high)
    _refuse_edge(problem, point)
    if point[2] >= MAX_KAPPA:
        raise SpatialInputError("E703", "nothing is left of the response within units, and random effects need it",
                                hint="does the response vary over time?")  # fmt: skip
    at = pieces(problem, point)
    return Maximum(point, problem.beta(-at.v[2:], point[0]), at.q / problem.n, at.loglik(problem.n))


def random_information(problem: Problem, at: Maximum) -> np.ndarray:
    """-d2 ln L, ordered (beta, rho, lambda, sigma2, kappa), absent parameters left out."""
    there = pieces(problem, at.point)
    k, s2 = len(there.q_gg), at.sigma2
    # 1. In the coordinates of the search: (gamma, rho, lambda, kappa, sigma2).
    info = np.zeros((k + 4, k + 4))
    info[:k, :k] = there.q_gg / (2 * s2)
    info[k:-1, :k] = there.q_ag / (2 * s2)
    info[:k, k:-1] = there.q_ag.T / (2 * s2)
    info[k:-1, k:-1] = there.q_ab / (2 * s2) - there.J2
    info[k:-1, -1] = info[-1, k:-1] = -there.q_a / (2 * s2**2)
    info[-1, -1] = problem.n / (2 * s2**2)
    # 2. gamma = R beta - shift_0 + rho shift_1.
    G = np.eye(k + 4)
    G[:k, :k], G[:k, k] = problem.R, problem.shift[1]
    kept = [*range(k), *(k + np.flatnonzero(problem.there[:2])), k + 3, k + 2]
    return (G.T @ info @ G)[np.ix_(kept, kept)]


def _best_of_grid(problem: Problem, means: Inside, phi: float, low, high) -> np.ndarray:
    """The best of a grid over (rho, lambda, kappa), unit effects inside the error process."""
    size = GRID[len(problem.parts)]
    axes = [_between(low[j], high[j], size) if part is not None else np.zeros(1)
            for j, part in enumerate((problem.lag, problem.error))]  # fmt: skip
    kappas = np.log1p(problem.T * np.array([0.0, phi, *RATIOS]))
    rho, lam, kappa = (x.ravel() for x in np.meshgrid(*axes, kappas, indexing="ij"))
    between, D = means.on_grid(lam, kappa)
    C = problem.within.at(lam) + between
    a = np.column_stack([np.ones(len(rho)), -rho])[:, :, None]
    right = C[:, 2:, :2] @ a
    gamma = np.linalg.solve(C[:, 2:, 2:], right)
    q = (a.mT @ C[:, :2, :2] @ a - right.mT @ gamma)[:, 0, 0]
    loglik = -problem.n / 2 * np.log(q) - D / 2
    for part, x in ((problem.lag, rho), (problem.error, lam)):
        if part is not None:
            loglik = loglik + part.value(x)
    best = int(np.argmax(loglik))
    return np.array([rho[best], lam[best], kappa[best]])


def _ascend(problem: Problem, start, low, high):
    """Newton's ascent, every step uphill; parameters on a bound stay there when the step points outside.

    Returns the maximum and the curvature there, (3,) each.
    """
    there = problem.there
    point, low, high = start[there], low[there], high[there]

    def at(x):
        full = np.zeros(3)
        full[there] = x
        return expansion(problem, full)

    value, score, H = at(point)
    for _ in range(MAX_STEPS):
        free = ~(((point <= low) & (score < 0)) | ((point >= high) & (score > 0)))
        bend, axes = np.linalg.eigh(-H[np.ix_(free, free)])
        step = np.zeros(len(point))
        step[free] = axes @ (axes.T @ score[free] / np.maximum(np.abs(bend), 1e-8 * np.abs(bend).max(initial=1e-300)))
        for _halving in range(60):
            trial = np.clip(point + step, low, high)
            derivatives = at(trial)
            if derivatives[0] >= value - 1e-12 * abs(value):
                break
            step = step / 2
        moved = np.abs(trial - point).max()
        point, (value, score, H) = trial, derivatives
        if moved < 1e-11:
            full, curvature = np.zeros(3), np.ones(3)
            full[there], curvature[there] = point, -np.diag(H)
            return full, curvature
    raise SpatialInputError(
        "E801", f"the likelihood search did not settle: last point {point.tolist()}, step {moved:.2g}",
        hint="rescale the regressors, or check that W links the units as meant",
    )


def _in_windows(problem: Problem, point, curvature, low, high) -> np.ndarray:
    """The maximum with exact determinants, within windows that move until they contain it."""
    spatial = problem.there & np.array([True, True, False])
    for _ in range(MAX_WINDOWS):
        widest = (high - low)[spatial] / 100
        half = WINDOW * np.minimum(1 / np.sqrt(np.maximum(curvature[spatial], 1e-300)), widest)
        windows = [part.near(x - h, x + h) for part, x, h in zip(problem.parts, point[spatial], half)]
        first, last = low.copy(), high.copy()
        first[spatial], last[spatial] = np.array([window.domain for window in windows]).T
        first, last = np.maximum(first, low), np.minimum(last, high)
        point, curvature = _ascend(_with(problem, windows), np.clip(point, first, last), first, last)
        inner = 1e-9 * (high - low)
        held = ((point > first + inner) | (first <= low)) & ((point < last - inner) | (last >= high))
        if held[spatial].all():
            break
    return point


def _bounds(problem: Problem):
    """Lowest and highest (rho, lambda, kappa), (3,) each."""
    low, high = np.zeros(3), np.array([0.0, 0.0, MAX_KAPPA])
    for j, part in enumerate((problem.lag, problem.error)):
        if part is not None:
            a, b = part.interval
            low[j], high[j] = a + EDGE * (b - a), b - EDGE * (b - a)
    return low, high


def _refuse_edge(problem: Problem, point) -> None:
    for part, x, name in ((problem.lag, point[0], "rho"), (problem.error, point[1], "lambda")):
        if part is None:
            continue
        lo, hi = part.interval
        if min(x - lo, hi - x) < 10 * EDGE * (hi - lo):
            raise SpatialInputError(
                "E701", f"{name} = {x:.6g} lies on the edge of its admissible interval ({lo:.6g}, {hi:.6g})",
                hint="look for a missing trend, a unit root in space or a regressor that W y reproduces",
            )  # fmt: skip


def _with(problem: Problem, curves) -> Problem:
    """The problem with these log-determinant curves."""
    lag = curves[0] if problem.lag is not None else None
    return replace(problem, lag=lag, error=curves[-1] if problem.error is not None else None)


def _between(lo, hi, size):
    """Chebyshev points: dense towards the ends, where the determinant bends."""
    return (lo + hi) / 2 - (hi - lo) / 2 * np.cos(np.linspace(0, np.pi, size))
