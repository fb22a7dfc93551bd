"""Maximum likelihood where effects leave by generalised least squares at every lambda; the root of a corrected score.

With S(lambda) the cross-products of B [y, W y] less what B X and B D take (``design.carried``), a = (1, -rho)',

    f(rho, lambda) = -n/2 ln a'S(lambda) a + K(rho) + L(lambda)

correction=False   n all observations, K = sum log|A_t|, L = sum log|B_t|: the likelihood with dummies
correction=True    n less the effects' rank, L = sum log|B_t| - log|F| / 2: the likelihood of what is orthogonal to the
                   effects (``logdet.marginal``), whose scores of lambda and sigma2 have the mean zero; K' is what gives
                   the score of rho the mean zero too (``score_mean``)

S and log|F| cost a factorisation of F each time, so that they are interpolated on windows of lambda that shrink until
the polynomials are exact. K' at the true (rho, lambda) is the determinant's less what effects take there: starting from
n/m of the determinant, the parabola that makes it right at the last point is added until the point stays.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from spillover.errors import SpatialInputError

from ..logdet import Jacobian
from ..logdet.adjusted import Tilted
from .carried_problem import WINDOW, Lacking, Point, Problem, Window, likelihood
from .search import GRID, _peaks

MAX_WINDOWS, MAX_STEPS, MAX_TILTS = 20, 60, 30
STEP = 1e-3  # of the slope of the score's mean, in shares of rho's interval
SETTLED = 1e-8  # last change of rho, in shares of its interval, and of lambda
STARTS = 3  # maxima of the grid that are climbed
EDGE = 1e-5  # share of an interval next to its ends


def highest(problem: Problem) -> Point:
    """The maximum of f, K completed.

    Raises
    ------
    SpatialInputError
        E701 on the edge of an interval, E801 not settled.
    """
    # 1. Roughly, on cheap curves of the determinants.
    rough = problem.rough()
    tops = [_climb(rough, *start, exact=rough is problem) for start in _starts(rough)]
    top = max(tops, key=lambda point: point.value)
    # 2. With exact determinants, in windows that move until they contain it.
    for _ in range(MAX_WINDOWS if rough is not problem else 0):
        sharp = problem.sharp(top)
        top = _climb(sharp, top.rho, top.lam, WINDOW / np.sqrt(max(top.bend[1], 1e-300)))
        if sharp.covers(top.rho, top.lam):
            break
    # 3. With the mean of rho's score.
    if problem.mean is not None:
        top = _with_right_slope(problem, problem.mean, top)
    for part, at, name in zip(problem.parts, (top.rho, top.lam), ("rho", "lambda")):
        if part is not None:
            lo, hi = part.interval
            if min(at - lo, hi - at) < EDGE * (min(hi, 1e8) - max(lo, -1e8)):
                raise SpatialInputError(
                    "E701", f"{name} = {at:.6g} lies on the edge of its admissible interval ({lo:.6g}, {hi:.6g})",
                    hint="look for a missing trend, a unit root in space or a regressor that W y reproduces",
                )  # fmt: skip
    return top


def _starts(problem: Problem) -> list[tuple[float, float, float]]:
    """(rho, lambda, distance to the next lambda) at the highest peaks of a grid."""
    lags, errors = None if problem.lag is None else problem.lag.grid(GRID[1] - 1), problem.error.grid(GRID[2] - 1)
    parts = np.array([problem.at(float(lam)) for lam in errors.points])
    rhos = np.zeros(1) if lags is None else lags.points
    q = parts[:, :1] - 2 * rhos * parts[:, 1:2] + rhos**2 * parts[:, 2:3]
    value = -problem.n / 2 * np.log(q) + (errors.values - parts[:, 3])[:, None]
    value = np.where(np.isfinite(value), value if lags is None else value + lags.values, -np.inf)
    _, i, j = np.nonzero(_peaks(value[None]) & np.isfinite(value))
    best = np.argsort(-value[i, j], kind="stable")[:STARTS]
    gaps = np.diff(errors.points)
    return [(float(rhos[j[b]]), float(errors.points[i[b]]), float(gaps[max(min(i[b], len(gaps) - 1), 0)]))
            for b in best]  # fmt: skip


def _climb(problem: Problem, rho, lam, half, exact: bool = True) -> Point:
    """The maximum next to a start: windows that move, and shrink until their polynomials are exact."""
    low, high = problem.bounds[:, 1]
    for _ in range(MAX_WINDOWS):
        window = Window.around(problem, lam, half, (low, high))
        rho, lam, value, bend = _ascend(problem, window, rho, lam)
        inner = 1e-9 * (window.high - window.low)
        inside = (lam > window.low + inner or window.low <= low) and (
            lam < window.high - inner or window.high >= high)  # fmt: skip
        if inside and (window.exact or not exact):
            return Point(rho, lam, value, bend, window, problem)
        half = half / 6 if inside else half * 1.5
    raise SpatialInputError("E801", f"the likelihood search did not settle: last point {[rho, lam]}",
                            hint="rescale the regressors, or check that W links the units as meant")  # fmt: skip


def _ascend(problem: Problem, window: Window, rho: float, lam: float):
    """Newton's ascent within a window, every step uphill: (rho, lambda, f, -H_ii)."""
    low, high = problem.bounds
    low[1], high[1] = window.low, window.high
    first = 0 if problem.lag is not None else 1
    point = np.clip([rho, lam], low, high)
    value, score, H = likelihood(problem, window, point)
    for _ in range(MAX_STEPS):
        held = ((point <= low) & (score < 0)) | ((point >= high) & (score > 0))
        free = [j for j in range(first, 2) if not held[j]]
        move = np.zeros(2)
        bend, axes = np.linalg.eigh(-H[np.ix_(free, free)])
        size = np.maximum(np.abs(bend), 1e-8 * np.abs(bend).max(initial=1e-300))
        move[free] = axes @ (axes.T @ score[free] / size)
        for _halving in range(60):
            trial = np.clip(point + move, low, high)
            there = likelihood(problem, window, trial)
            if there[0] >= value - 1e-12 * abs(value):
                break
            move = move / 2
        moved = np.abs(trial - point).max()
        point, (value, score, H) = trial, there
        if moved < 1e-11:
            break
    return float(point[0]), float(point[1]), float(value), -np.diag(H)


def _with_right_slope(problem: Problem, mean: Lacking, top: Point) -> Point:
    """The point at which K' is what makes the mean of rho's score zero: secants on what is missing there.

    ``problem`` has the determinants themselves, ``top`` those around the maximum.
    """
    rho, lam, window, exact = top.rho, top.lam, top.window, top.problem
    first, last = problem.K.ends
    here, bend = mean.missing(rho, lam, exact.K.d1(rho)), 0.0
    for _ in range(MAX_TILTS):
        before, tilted = (rho, lam), Tilted(exact.K, problem.K.logdet, rho, 0.0, here, bend)
        rho, lam, *_ = _ascend(replace(exact, lag=Jacobian(tilted)), window, rho, lam)
        if not (window.low < lam < window.high and exact.covers(rho, lam)):
            exact = problem.sharp(replace(top, rho=rho, lam=lam))
            tilted = replace(tilted, total=exact.K)
            moved = _climb(replace(exact, lag=Jacobian(tilted)), rho, lam, 1.5 * (window.high - window.low))
            rho, lam, window = moved.rho, moved.lam, moved.window
        change = rho - before[0]
        if abs(change) < SETTLED * (last - first) and abs(lam - before[1]) < SETTLED:
            tilted = replace(tilted, bend=_bend_of(exact, mean, rho, lam))
            return replace(top, rho=rho, lam=lam, window=window, problem=replace(exact, lag=Jacobian(tilted)))
        previous, here = here, mean.missing(rho, lam, exact.K.d1(rho))
        if abs(change) > SETTLED * (last - first):
            bend = (here - previous) / change
    raise SpatialInputError("E801", f"the score of rho has no root near its maximum: last point {[rho, lam]}",
                            hint="correction=False, the likelihood with dummies")


def _bend_of(problem: Problem, mean: Lacking, rho: float, lam: float) -> float:
    """The derivative by rho of what is missing."""
    (low, _), (high, _) = problem.bounds
    step = STEP * min(high - low, 2.0)
    inside = float(np.clip(rho, low + 2 * step, high - 2 * step))
    after, before = (mean.missing(r, lam, problem.K.d1(r)) for r in (inside + step, inside - step))
    return (after - before) / (2 * step)
