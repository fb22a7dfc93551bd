"""log|I - rho W| from a few exact factorisations within a short interval.

On a short interval the difference between the exact log-determinant and the stochastic
curve is smooth, and a Chebyshev polynomial through three, five, nine ... exact values follows it; nodes are
added until the score and its slope are settled. Results are cached with W.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from .protocol import Approximation, Engine, LogDeterminant

SIZES = (3, 5, 9, 17, 33, 65)  # nested: each holds the nodes before it
SCORE_ERROR = 2e-6  # of the root of -L'': rho to two millionths of a standard error,
LARGE, SCORE_ERROR_LARGE = 20_000, 5e-5  # to five hundred-thousandths where a factorisation takes seconds
SLOPE_ERROR, SLOPE_ERROR_LARGE = 1e-5, 3e-5  # of -L'': standard errors to five digits
SMALL, SCORE_ERROR_SMALL, SLOPE_ERROR_SMALL = 300, 1e-10, 1e-8  # nine digits where a factorisation takes microseconds
MANY = 65  # points; for more of them a polynomial through that many is quicker
NEAREST = 0.9  # a window covers at most this share of the way from its centre to the end of the interval


@dataclass(frozen=True, eq=False)
class Window:
    """log|I - rho W| on a short interval: curve + polynomial.

    Attributes
    ----------
    curve : Quadrature
    parts : three Chebyshev polynomials, corrections of the curve and its two derivatives
    domain : (low, high) where it holds;  interval : the admissible one
    error : float
        Estimated error of the first derivative.
    """

    curve: Approximation = field(repr=False)
    parts: tuple = field(repr=False)
    domain: tuple[float, float]
    interval: tuple[float, float]
    nodes: int
    error: float
    method: str

    def value(self, rho):
        return self.parts[0](rho) + self.curve.value(rho)

    def d1(self, rho):
        if np.size(rho) > MANY:
            return self._slope(rho)
        return self.parts[1](rho) + self.curve.d1(rho)

    @cached_property
    def _slope(self):
        """The first derivative as one polynomial, for the draws of effects: exact to rounding, since the window
        stays away from the ends (``NEAREST``)."""
        (lo, hi), size = self.domain, MANY
        at = (hi + lo) / 2 + (hi - lo) / 2 * np.cos(np.pi * np.arange(size) / (size - 1))
        return np.polynomial.Chebyshev(_coefficients(self.d1(at)), domain=[lo, hi])

    def d2(self, rho):
        return self.parts[2](rho) + self.curve.d2(rho)

    @property
    def coarse(self) -> LogDeterminant:
        return self.curve.calibrated

    def near(self, lo: float, hi: float) -> Window:
        return self


@dataclass(frozen=True, eq=False)
class Factorised:
    """log|I - rho W| of a sparse W that is symmetric, or similar to one that is.

    Attributes
    ----------
    exact : callable
        rho -> log|I - rho W| by one factorisation (``SparseLU`` or ``Cholmod``).
    outline : Quadrature
        The approximate curve that windows are corrections of.
    interval : (low, high)
    """

    exact: Engine = field(repr=False)
    outline: Approximation = field(repr=False)
    interval: tuple[float, float]
    _windows: list[LogDeterminant] = field(default_factory=list, repr=False)
    _values: dict[float, float] = field(default_factory=dict, repr=False)

    @property
    def n(self) -> int:
        return self.outline.n

    @property
    def coarse(self) -> LogDeterminant:
        """The approximate curve over the whole interval."""
        return self.outline.calibrated

    @property
    def domain(self) -> tuple[float, float]:
        """Where it is exact: everywhere, at the cost of a factorisation for each rho."""
        return self.interval

    @property
    def method(self) -> str:
        return self.exact.name

    @property
    def factorisations(self) -> int:
        """How many were needed so far."""
        return len(self._values)

    def value(self, rho):
        """Exact, one factorisation for every rho outside the windows known so far."""
        return np.vectorize(lambda r: self._value(float(r)), otypes=[float])(rho)[()]

    def d1(self, rho):
        return self._beside(rho).d1(rho)

    def d2(self, rho):
        return self._beside(rho).d2(rho)

    def near(self, lo: float, hi: float) -> LogDeterminant:
        """The log-determinant over [lo, hi], shortened where I - rho W would be nearly singular."""
        lo, hi = self._kept_off_the_ends(lo, hi)
        for window in self._windows:
            if window.domain[0] <= lo and hi <= window.domain[1]:
                return window
        self._windows.append(self._window(lo, hi))
        return self._windows[-1]

    def _beside(self, rho) -> LogDeterminant:
        low, high = float(np.min(rho)), float(np.max(rho))
        for window in self._windows:
            if window.domain[0] <= low and high <= window.domain[1]:
                return window
        width = 3 / np.sqrt(self.outline.bend((low + high) / 2))
        room = 0.5 * min(low - self.interval[0], self.interval[1] - high)
        width = min(width, room)
        return self.near(low - width, high + width)

    def _value(self, rho: float) -> float:
        for window in self._windows:
            if window.domain[0] <= rho <= window.domain[1]:
                return float(window.value(rho))
        return self._exact(rho)

    def _exact(self, rho: float) -> float:
        if rho not in self._values:
            self._values[rho] = 0.0 if rho == 0 else self.exact(rho)
        return self._values[rho]

    def _kept_off_the_ends(self, lo: float, hi: float) -> tuple[float, float]:
        low, high = self.interval
        centre = min(max((lo + hi) / 2, low), high)
        return max(lo, centre - NEAREST * (centre - low)), min(hi, centre + NEAREST * (high - centre))

    def _window(self, lo: float, hi: float) -> LogDeterminant:
        centre, half = (lo + hi) / 2, (hi - lo) / 2
        room = min(centre - self.interval[0], self.interval[1] - centre) / half
        rate = room + np.sqrt(room**2 - 1)  # Bernstein: coefficients fall at least as fast as rate^-k
        bend = self.outline.bend(centre)
        settled, steady = SCORE_ERROR, SLOPE_ERROR
        if self.n >= LARGE:
            settled, steady = SCORE_ERROR_LARGE, SLOPE_ERROR_LARGE
        elif self.n <= SMALL:
            settled, steady = SCORE_ERROR_SMALL, SLOPE_ERROR_SMALL
        for size in SIZES:
            at = np.cos(np.pi * np.arange(size) / (size - 1))
            rho = centre + half * at
            lacks = np.array([self._exact(float(r)) for r in rho]) - self.outline.value(rho)
            c = _coefficients(lacks)
            following = max(abs(c[-1]), abs(c[-2]) / rate) / rate
            # |T_k'| <= 2k and |T_k''| <= 2k^2 hold around the centre, where the maximum is
            error, slope_error = following * 2 * size / half, following * 2 * size**2 / half**2
            if error < settled * np.sqrt(bend) and slope_error < steady * bend:
                break
        series = np.polynomial.Chebyshev(c, domain=[lo, hi])
        return Window(self.outline, (series, series.deriv(1), series.deriv(2)), (lo, hi), self.interval, size,
                      float(error), self.method)  # fmt: skip


def _coefficients(values: np.ndarray) -> np.ndarray:
    """Chebyshev coefficients from values at the extrema cos(pi j / N)."""
    N = len(values) - 1
    weights = np.full(N + 1, 2.0 / N)
    weights[[0, -1]] /= 2
    j = np.arange(N + 1)
    c = np.cos(np.pi * np.outer(j, j) / N) @ (weights * values)
    c[[0, -1]] /= 2
    return c
