"""The likelihood whose effects leave by generalised least squares: at a point, and on windows of lambda.

S(lambda) and log|F| cost a factorisation of F each time (``design.carried``), so that they are interpolated on windows.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np
from numpy.polynomial import Chebyshev
from numpy.polynomial.chebyshev import chebval

from spillover.errors import SpatialInputError

from ..design.carried import Carried
from ..logdet import Jacobian

NODES = 9  # of a window
EXACT = 1e-9  # last coefficients of its polynomials against the first
WINDOW = 6.0  # half-width of a window of exact determinants, in standard errors


class Lacking(Protocol):
    """What the slope of K lacks of the one that gives the score of rho the mean zero."""

    def missing(self, rho: float, lam: float, slope: float, /) -> float:
        """At a point where K has this slope."""
        ...

    def area(self, rho: float, lam: float, /) -> float:
        """Its integral from zero to rho."""
        ...


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
    mean : Lacking or None
        What K lacks; None where it is right as it is.
    """

    carried: Carried = field(repr=False)
    n: int
    lag: Jacobian | None
    error: Jacobian
    orthogonal: bool
    mean: Lacking | None = None

    @property
    def parts(self) -> tuple[Jacobian | None, Jacobian]:
        return self.lag, self.error

    @property
    def K(self) -> Jacobian:
        """K(rho) of a model with a spatial lag."""
        if self.lag is None:
            raise ValueError("a model without a spatial lag has no K(rho)")
        return self.lag

    def covers(self, rho: float, lam: float) -> bool:
        """Whether the determinants are exact there."""
        low, high = self.bounds
        inside = (low < [rho, lam]) & ([rho, lam] < high)
        return bool(inside[1] and (self.lag is None or inside[0]))

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
        lag, error = self.lag and _coarse(self.lag), _coarse(self.error)
        return self if (lag, error) == self.parts else replace(self, lag=lag, error=error)

    def sharp(self, point: Point) -> Problem:
        """With determinants that are exact within some standard errors of a point."""
        lag = self.lag and _near(self.lag, point.rho, point.bend[0])
        return replace(self, lag=lag, error=_near(self.error, point.lam, point.bend[1]))

    def at(self, lam: float) -> np.ndarray:
        """(S_11, S_12, S_22, h); not finite where F is singular."""
        try:
            S, h = self.carried.at(lam)
        except (np.linalg.LinAlgError, RuntimeError):
            return np.full(4, np.nan)
        return np.array([S[0, 0], S[0, 1], S[1, 1], h * self.orthogonal])


def _coarse(part: Jacobian) -> Jacobian:
    return part if part.coarse.logdet is part.logdet else part.coarse


def _near(part: Jacobian, at: float, bend: float) -> Jacobian:
    """Exact around a point, some standard errors wide."""
    if part.coarse.logdet is part.logdet:
        return part
    low, high = part.ends
    half = min(WINDOW / np.sqrt(max(bend, 1e-300)), (high - low) / 20)
    return part.near(max(at - half, low), min(at + half, high))


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


def likelihood(problem: Problem, window: Window, point):
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
