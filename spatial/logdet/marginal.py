"""The determinants in the likelihood of a spatial error that is free of the fixed effects.

u = D c + B^-1 e. No transformation of u that is free of c whatever lambda is has independent errors when B_t changes
from period to period; the likelihood of the part of u orthogonal to D has, with U an orthonormal basis of D,

    L(lambda) = sum_t log|B_t| - log|U'B'B U| / 2

in place of the determinant, and the squares of B (y - X beta - U phi), phi at its minimum. With one W for all periods
it is that of Lee & Yu's (2010) transformation. Source: Harville (1974, Biometrika 61:383-385), eq. 2.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from .protocol import LogDeterminant

INSIDE = 1e-6  # share of the interval's ends that is left out: B 1 = 0, and S and B U are singular, at lambda = 1


@dataclass(frozen=True, eq=False)
class Marginal:
    """sum_t log|B_t| - log|S| / 2,  S = I - lambda S1 + lambda^2 S2.

    Attributes
    ----------
    total : Spectrum or Sum
        sum_t log|B_t|.
    S1, S2 : (r, r)
        U'(M + M')U and U'M'M U.
    """

    total: LogDeterminant = field(repr=False)
    S1: np.ndarray = field(repr=False)
    S2: np.ndarray = field(repr=False)

    @property
    def interval(self) -> tuple[float, float]:
        return _inside(self.total.interval)

    @property
    def domain(self) -> tuple[float, float]:
        return _inside(self.total.domain)

    @property
    def method(self) -> str:
        return self.total.method

    @property
    def coarse(self) -> Marginal:
        coarse = self.total.coarse
        return self if coarse is self.total else replace(self, total=coarse)

    def near(self, lo: float, hi: float) -> Marginal:
        return replace(self, total=self.total.near(lo, hi))

    def value(self, lam):
        return self.total.value(lam) - self._each(lam)[..., 0]

    def d1(self, lam):
        return self.total.d1(lam) - self._each(lam)[..., 1]

    def d2(self, lam):
        return self.total.d2(lam) - self._each(lam)[..., 2]

    def _each(self, lam) -> np.ndarray:
        """log|S| / 2 and its two derivatives, one lambda after another: S may be large."""
        lam = np.asarray(lam, dtype=float)
        return np.array([self._half(float(one)) for one in lam.ravel()]).reshape(*lam.shape, 3)

    def _half(self, lam: float) -> tuple[float, float, float]:
        S = np.eye(len(self.S1)) - lam * self.S1 + lam**2 * self.S2
        slope, bend = np.linalg.solve(S, np.hstack([2 * lam * self.S2 - self.S1, 2 * self.S2])).reshape(
            len(S), 2, len(S)
        ).swapaxes(0, 1)
        return (np.linalg.slogdet(S)[1] / 2, np.trace(slope) / 2, (np.trace(bend) - np.sum(slope * slope.T)) / 2)


def _inside(ends: tuple[float, float]) -> tuple[float, float]:
    return ends[0] * (1 - INSIDE), ends[1] * (1 - INSIDE)
