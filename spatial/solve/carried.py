"""Maximum likelihood where effects leave by generalised least squares at every lambda, and the root of its mended score.

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

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.polynomial import Chebyshev
from numpy.polynomial.chebyshev import chebval

from spillover.errors import SpatialInputError

from ..design.arrays import Sample
from ..design.carried import Carried, Effects
from ..logdet import Jacobian
from ..logdet.adjusted import Interpolated, Tilted
from .ml import Solution
from .search import GRID, _peaks

NODES = 9  # of a window
EXACT = 1e-9  # last coefficients of its polynomials against the first
MAX_WINDOWS, MAX_STEPS, MAX_TILTS = 20, 60, 30
STEP = 1e-3  # of the slope of the score's mean, in shares of rho's interval
SETTLED = 1e-8  # last change of rho, in shares of its interval, and of lambda
WINDOW = 6.0  # half-width of a window of exact determinants, in standard errors
STARTS = 3  # maxima of the grid that are climbed


@dataclass(frozen=True, eq=False)
class Problem:
    """The likelihood: cross-products, n, determinants, and the mean of rho's score.

    Attributes
    ----------
    carried : Carried
    n : int
    lag, error : Jacobian
        K(rho) to start from, None without a lag; sum log|B_t|.
    orthogonal : bool
        Whether L holds -log|F| / 2.
    missing : function of (rho, lambda, lag's slope) to what K' lacks, or None where K is right as it is
    area : function of (rho, lambda) to the integral of this from zero to rho
    """

    carried: Carried = field(repr=False)
    n: int
    lag: Jacobian | None
    error: Jacobian
    orthogonal: bool
    missing: Callable[[float, float, float], float] | None = None
    area: Callable[[float, float], float] | None = None

    @property
    def parts(self) -> tuple[Jacobian | None, Jacobian]:
        return self.lag, self.error

    @property
    def bounds(self) -> np.ndarray:
        """Lowest and highest (rho, lambda), where the determinants are exact: (2, 2)."""
        both = []
        for part in self.parts:
            (low, high), (first, last) = ((0.0, 0.0), (0.0, 0.0)) if part is None else (part.ends, part.domain)
            both.append((max(low, first), min(high, last)))
        return np.array(both).T

    def rough(self) -> Problem:
        """With cheap curves of the determinants; itself where these are exact."""
        lag, error = (part if part is None or part.coarse.logdet is part.logdet else part.coarse
                      for part in self.parts)  # fmt: skip
        return self if (lag, error) == self.parts else replace(self, lag=lag, error=error)

    def sharp(self, point: Point) -> Problem:
        """With determinants that are exact within some standard errors of a point."""
        near = []
        for part, at, bend in zip(self.parts, (point.rho, point.lam), point.bend):
            if part is None or part.coarse.logdet is part.logdet:
                near.append(part)
                continue
            low, high = part.ends
            half = min(WINDOW / np.sqrt(max(bend, 1e-300)), (high - low) / 20)
            near.append(part.near(max(at - half, low), min(at + half, high)))
        return replace(self, lag=near[0], error=near[1])

    def at(self, lam: float) -> np.ndarray:
        """(S_11, S_12, S_22, h); not finite where F is singular."""
        try:
            S, h = self.carried.at(lam)
        except (np.linalg.LinAlgError, RuntimeError):
            return np.full(4, np.nan)
        return np.array([S[0, 0], S[0, 1], S[1, 1], h * self.orthogonal])


@dataclass(frozen=True, eq=False)
class Window:
    """(S_11, S_12, S_22, h) as polynomials of lambda over [low, high].

    Attributes
    ----------
    series : (NODES, 12)
        Their coefficients of Chebyshev, those of their derivatives and second derivatives.
    """

    low: float
    high: float
    series: np.ndarray = field(repr=False)

    @classmethod
    def around(cls, problem: Problem, lam: float, half: float, ends: tuple[float, float]) -> Window:
        low, high = max(lam - half, ends[0]), min(lam + half, ends[1])
        nodes = (low + high) / 2 - (high - low) / 2 * np.cos(np.pi * (np.arange(NODES) + 0.5) / NODES)
        values = np.array([problem.at(float(node)) for node in nodes])
        if not np.isfinite(values).all():
            raise SpatialInputError("E801", f"the effects cannot be taken out at lambda around {lam:.4g}",
                                    hint="fewer effects: effects='entity', or effects='time'")  # fmt: skip
        fits = [Chebyshev.fit(nodes, column, NODES - 1, domain=[low, high]) for column in values.T]
        series = np.zeros((NODES, 12))
        for j, fit in enumerate(one.deriv(order) if order else one for order in range(3) for one in fits):
            series[: len(fit.coef), j] = fit.coef
        return cls(low, high, series)

    @property
    def exact(self) -> bool:
        size = np.abs(self.series[:, :4])
        return bool((size[-2:].max(axis=0) <= EXACT * size.max(axis=0)).all())

    @property
    def h(self) -> Chebyshev:
        return Chebyshev(self.series[:, 3], domain=[self.low, self.high])

    def expansion(self, rho: float, lam: float):
        """q with its first and second derivatives by (rho, lambda), and h with its own by lambda."""
        values = chebval((2 * lam - self.low - self.high) / (self.high - self.low), self.series)
        s, s1, s2 = values.reshape(3, 4)
        a, slope = np.array([1.0, -2 * rho, rho**2]), np.array([0.0, -2.0, 2 * rho])
        first = np.array([slope @ s[:3], a @ s1[:3]])
        mixed = slope @ s1[:3]
        second = np.array([[2 * s[2], mixed], [mixed, a @ s2[:3]]])
        return a @ s[:3], first, second, (s[3], s1[3], s2[3])


@dataclass(frozen=True, eq=False)
class Point:
    """Where f has its maximum, minus its second derivatives there, the window of lambda and the likelihood."""

    rho: float
    lam: float
    value: float
    bend: np.ndarray
    window: Window
    problem: Problem


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
        low, high = sharp.bounds
        if ((low < [top.rho, top.lam]) & ([top.rho, top.lam] < high))[0 if sharp.lag is not None else 1 :].all():
            break
    # 3. With the mean of rho's score.
    if problem.missing is not None:
        top = _with_right_slope(problem, top)
    for part, at, name in zip(problem.parts, (top.rho, top.lam), ("rho", "lambda")):
        if part is not None:
            lo, hi = part.interval
            if min(at - lo, hi - at) < 1e-5 * (min(hi, 1e8) - max(lo, -1e8)):
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
    value, score, H = _likelihood(problem, window, point)
    for _ in range(MAX_STEPS):
        held = ((point <= low) & (score < 0)) | ((point >= high) & (score > 0))
        free = [j for j in range(first, 2) if not held[j]]
        move = np.zeros(2)
        bend, axes = np.linalg.eigh(-H[np.ix_(free, free)])
        size = np.maximum(np.abs(bend), 1e-8 * np.abs(bend).max(initial=1e-300))
        move[free] = axes @ (axes.T @ score[free] / size)
        for _halving in range(60):
            trial = np.clip(point + move, low, high)
            there = _likelihood(problem, window, trial)
            if there[0] >= value - 1e-12 * abs(value):
                break
            move = move / 2
        moved = np.abs(trial - point).max()
        point, (value, score, H) = trial, there
        if moved < 1e-11:
            break
    return float(point[0]), float(point[1]), float(value), -np.diag(H)


def _likelihood(problem: Problem, window: Window, point):
    """f with its score and Hessian."""
    (rho, lam), lag = map(float, point), problem.lag
    q, q1, q2, (h, h1, h2) = window.expansion(rho, lam)
    half, g = problem.n / 2, q1 / q
    L = problem.error
    value = -half * np.log(q) + float(L.value(lam)) - h
    score, H = -half * g, -half * (q2 / q - np.outer(g, g))
    score[1] += float(L.d1(lam)) - h1
    H[1, 1] += float(L.d2(lam)) - h2
    if lag is not None:
        value += float(lag.value(rho))
        score[0] += float(lag.d1(rho))
        H[0, 0] += float(lag.d2(rho))
    return value, score, H


def _with_right_slope(problem: Problem, top: Point) -> Point:
    """The point at which K' is what makes the mean of rho's score zero: secants on what is missing there.

    ``problem`` has the determinants themselves, ``top`` those around the maximum.
    """
    rho, lam, window, exact = top.rho, top.lam, top.window, top.problem
    plain, (first, last) = problem.lag.logdet, problem.lag.ends
    here, bend = _missing(exact, rho, lam), 0.0
    for _ in range(MAX_TILTS):
        before = rho, lam
        tilted = Tilted(exact.lag, plain, rho, 0.0, here, bend)
        at = replace(exact, lag=Jacobian(tilted))
        rho, lam, _value, _bend = _ascend(at, window, rho, lam)
        if not window.low < lam < window.high or not np.all((exact.bounds[0] < [rho, lam]) & ([rho, lam] < exact.bounds[1])):
            exact = problem.sharp(replace(top, rho=rho, lam=lam))
            at = replace(exact, lag=Jacobian(replace(tilted, total=exact.lag)))
            moved = _climb(at, rho, lam, 1.5 * (window.high - window.low))
            rho, lam, window = moved.rho, moved.lam, moved.window
        change = rho - before[0]
        if abs(change) < SETTLED * (last - first) and abs(lam - before[1]) < SETTLED:
            tilted = replace(tilted, total=exact.lag, bend=_bend_of(exact, rho, lam))
            return replace(top, rho=rho, lam=lam, window=window, problem=replace(exact, lag=Jacobian(tilted)))
        previous, here = here, _missing(exact, rho, lam)
        if abs(change) > SETTLED * (last - first):
            bend = (here - previous) / change
    raise SpatialInputError("E801", f"the score of rho has no root near its maximum: last point {[rho, lam]}",
                            hint="correction=False, the likelihood with dummies")


def _missing(problem: Problem, rho: float, lam: float) -> float:
    """What K' lacks at a point."""
    return problem.missing(rho, lam, float(problem.lag.d1(rho)))


def _bend_of(problem: Problem, rho: float, lam: float) -> float:
    """Its derivative by rho."""
    (low, _), (high, _) = problem.bounds
    step = STEP * min(high - low, 2.0)
    inside = float(np.clip(rho, low + 2 * step, high - 2 * step))
    return (_missing(problem, inside + step, lam) - _missing(problem, inside - step, lam)) / (2 * step)


def solution_at(problem: Problem, top: Point, raw: Sample) -> tuple[Sample, Solution]:
    """The maximum, and its sample: columns less what the effects take of them at this lambda.

    Parameters
    ----------
    raw : Sample
        Columns with the effects demeaned or not, and their lags; determinants and n are left out of account.
    """
    effects, rho, lam, n = problem.carried.effects, top.rho, top.lam, problem.n
    # 1. Columns z - D a and their lags: B z is then orthogonal to B D.
    sample, factor = _without_effects(raw, effects, lam)
    BX = sample.BX(lam)
    beta = np.linalg.lstsq(BX, sample.By(lam) - rho * sample.BWy(lam), rcond=None)[0] if sample.k else np.zeros(0)
    e = sample.By(lam) - rho * sample.BWy(lam) - BX @ beta
    # 2. What the effects take of M u, and of the second derivative by lambda.
    Mu = sample.error_lag_of_y - rho * sample.error_lag_of_Wy - sample.error_lag_of_X @ beta
    BD, of_e = effects.BD(lam), effects.MD.T @ e
    share = factor.solve(BD.T @ Mu + of_e)
    sigma2 = float(e @ e) / n
    error = Interpolated(top.problem.error, top.window.h, (top.window.low, top.window.high), problem.error.logdet,
                         2 * float(of_e @ share) / sigma2)  # fmt: skip
    # 3. ln L: K is the integral of its slope from zero.
    lag, value = top.problem.lag, float(error.value(lam))
    if lag is not None:
        if isinstance(lag.logdet, Tilted):
            lag = Jacobian(replace(lag.logdet, level=problem.area(rho, lam)))
        value += float(lag.value(rho))
    loglik = -n / 2 * (np.log(2 * np.pi * sigma2) + 1) + value
    sample = replace(sample, n=n, lag=lag, error=Jacobian(error), of_effects=BD @ share)
    return sample, Solution(beta, rho, lam, sigma2, loglik, e)


def _without_effects(raw: Sample, effects: Effects, lam: float):
    factor, BD = effects.factor(lam), effects.BD(lam)

    def less(z, Mz):
        share = factor.solve(BD.T @ (z - lam * Mz))
        return z - effects.D @ share, Mz - effects.MD @ share

    (y, My), (X, MX) = less(raw.y, raw.My), less(raw.X, raw.MX)
    of_lag = {} if raw.Wy is None else dict(zip(("Wy", "MWy"), less(raw.Wy, raw.MWy)))
    return replace(raw, y=y, My=My, X=X, MX=MX, factors=None, **of_lag), factor
