"""Determinants of a likelihood whose effects leave by generalised least squares, around its maximum.

Both are a log-determinant of W and what estimated effects take of it: of lambda's -log|F| / 2, a polynomial that
interpolates it on a window; of rho's the integral of the score's mean, a parabola.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from .jacobian import Jacobian
from .protocol import LogDeterminant


@dataclass(frozen=True, eq=False)
class Interpolated:
    """A log-determinant less a polynomial.

    Attributes
    ----------
    total : Jacobian
    taken : numpy Chebyshev series
        What effects take.
    domain : (low, high)
        Where the polynomial holds.
    plain : LogDeterminant
        log|I - lambda M| itself.
    added : float
        What concentrating out the effects adds to the second derivative.
    """

    total: Jacobian = field(repr=False)
    taken: np.polynomial.Chebyshev = field(repr=False)
    domain: tuple[float, float]
    plain: LogDeterminant = field(repr=False)
    added: float = 0.0

    @property
    def interval(self) -> tuple[float, float]:
        return self.plain.interval

    @property
    def method(self) -> str:
        return self.plain.method

    @property
    def coarse(self) -> Interpolated:
        return self

    def near(self, lo: float, hi: float) -> Interpolated:
        return self

    def value(self, lam):
        return self.total.value(lam) - self.taken(lam)

    def d1(self, lam):
        return self.total.d1(lam) - self.taken.deriv()(lam)

    def d2(self, lam):
        return self.total.d2(lam) - self.taken.deriv(2)(lam) + self.added


@dataclass(frozen=True, eq=False)
class Tilted:
    """A log-determinant and a parabola: level, slope and bend of what is added at the point ``at``; ``plain`` is
    log|I - rho W| itself."""

    total: Jacobian = field(repr=False)
    plain: LogDeterminant = field(repr=False)
    at: float
    level: float
    slope: float
    bend: float

    @property
    def interval(self) -> tuple[float, float]:
        return self.total.interval

    @property
    def domain(self) -> tuple[float, float]:
        return self.total.domain

    @property
    def method(self) -> str:
        return self.total.logdet.method

    @property
    def coarse(self) -> Tilted:
        return self

    def near(self, lo: float, hi: float) -> Tilted:
        return self

    def value(self, rho):
        step = rho - self.at
        return self.total.value(rho) + self.level + step * (self.slope + self.bend * step / 2)

    def d1(self, rho):
        return self.total.d1(rho) + self.slope + self.bend * (rho - self.at)

    def d2(self, rho):
        return self.total.d2(rho) + self.bend
