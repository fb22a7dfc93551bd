"""The log-determinant as a panel's likelihood counts it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Generic, TypeVar

import numpy as np

from .asymmetric import Alone
from .means import OfMeans
from .protocol import Curve, LogDeterminant
from .spectrum import Spectrum

D = TypeVar("D", bound=Curve, covariant=True)
EDGE = 1e-6  # share of the interval that a search leaves free at each end
INFINITE_BOUND = 1e8  # finite stand-in for an infinite bound


@dataclass(frozen=True, eq=False)
class Grid:
    """Chebyshev points of an interval, dense towards the ends where determinants bend, and the determinant there.

    They are even in arsinh(r / c), c the nearer end: an interval may reach from -100 to 1, and what matters lies around
    zero.
    """

    nearer: float
    first: float
    last: float
    points: np.ndarray
    values: np.ndarray

    def at(self, cosines) -> np.ndarray:
        """r at the cosines of angles from 0 to pi."""
        return self.nearer * np.sinh((self.first + self.last) / 2 - (self.last - self.first) / 2 * cosines)


@dataclass(frozen=True, eq=False)
class Jacobian(Generic[D]):
    """Copies of log|I - rho W|, with or without its unit root.

    Parameters
    ----------
    logdet : LogDeterminant; of many samples at once Spectra, Rough or Curves
    copies : float
        How often |I - rho W| enters: T periods, or T - 1 after the entity transformation; of a sum over periods 1,
        or (T - 1) / T.
    unit_root : int
        How many eigenvalues of one leave: the time transformation F'WF drops that of a row-standardised W,
        log|I - rho F'WF| = log|I - rho W| - log(1 - rho)  (Lee & Yu 2010, eq. 12); of a sum over periods T.
    means : OfMeans or None
        What takes the place of -log(1 - rho) where W, whose rows do not all sum to one, lags deviations from period
        means.
    """

    logdet: D
    copies: float = 1
    unit_root: int = 0
    means: OfMeans | None = field(default=None, repr=False)
    memo: dict[int, Grid] = field(default_factory=dict, init=False, repr=False)

    @property
    def interval(self: Jacobian[LogDeterminant]) -> tuple[float, float]:
        return self.logdet.interval

    @property
    def ends(self: Jacobian[LogDeterminant]) -> tuple[float, float]:
        """Lowest and highest value that a search tries."""
        low, high = self.interval
        low, high = max(low, -INFINITE_BOUND), min(high, INFINITE_BOUND)
        return low + EDGE * (high - low), high - EDGE * (high - low)

    def grid(self: Jacobian[LogDeterminant], steps: int) -> Grid:
        """Where a search starts: computed once, since it depends on W alone."""
        if steps not in self.memo:
            low, high = self.ends
            nearer = min(-low, high)
            bare = Grid(nearer, np.arcsinh(low / nearer), np.arcsinh(high / nearer), np.empty(0), np.empty(0))
            points = bare.at(np.cos(np.pi / steps * np.arange(steps + 1)))
            self.memo[steps] = replace(bare, points=points, values=self.value(points))
        return self.memo[steps]

    @property
    def domain(self: Jacobian[LogDeterminant]) -> tuple[float, float]:
        """Where ``value`` is exact."""
        return self.logdet.domain

    @property
    def coarse(self: Jacobian[LogDeterminant]) -> Jacobian:
        return Jacobian(self.logdet.coarse, self.copies, self.unit_root, self.means)

    def near(self: Jacobian[LogDeterminant], lo: float, hi: float) -> Jacobian:
        return Jacobian(self.logdet.near(lo, hi), self.copies, self.unit_root, self.means)

    def expansion(self, rho) -> tuple:
        """Value and both derivatives at once."""
        if not isinstance(self.logdet, Spectrum | Alone):
            return self.value(rho), self.d1(rho), self.d2(rho)
        L, L1, L2 = self.logdet.expansion(rho)
        if self.means is not None:
            s = self.means
            L, L1, L2 = L + s.value(rho), L1 + s.d1(rho), L2 + s.d2(rho)
        elif self.unit_root:
            root = self.unit_root / (1 - rho)
            L, L1, L2 = L - self.unit_root * np.log(np.abs(1 - rho)), L1 + root, L2 + root / (1 - rho)
        return self.copies * L, self.copies * L1, self.copies * L2

    def value(self, rho):
        value = self.logdet.value(rho)
        if self.means is not None:
            return self.copies * (value + self.means.value(rho))
        return self.copies * (value - self.unit_root * np.log(np.abs(1 - rho)) if self.unit_root else value)

    def d1(self, rho):
        left = self.unit_root / (1 - rho) if self.means is None else self.means.d1(rho)
        return self.copies * (self.logdet.d1(rho) + left)

    def d2(self, rho):
        left = self.unit_root / (1 - rho) ** 2 if self.means is None else self.means.d2(rho)
        return self.copies * (self.logdet.d2(rho) + left)
