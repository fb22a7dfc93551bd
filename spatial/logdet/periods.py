"""log-determinants of weights that vary over time: the sum over periods, and its part after fixed effects.

With one W_t per period the stacked W is block diagonal, so log|I - rho W| = sum_t log|I - rho W_t|.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np

from spillover.matrix import SpatialWeights, TemporalWeights

from .choose import logdet
from .spectrum import Spectrum


@dataclass(frozen=True, eq=False)
class Sum:
    """Log-determinants added up: one per period."""

    parts: tuple = field(repr=False)

    @property
    def interval(self) -> tuple[float, float]:
        return intersection(part.interval for part in self.parts)

    @property
    def domain(self) -> tuple[float, float]:
        return intersection(part.domain for part in self.parts)

    @property
    def coarse(self) -> Sum:
        return Sum(tuple(part.coarse for part in self.parts))

    @property
    def method(self) -> str:
        return ", ".join(sorted({part.method for part in self.parts}))

    def near(self, lo: float, hi: float) -> Sum:
        return Sum(tuple(part.near(lo, hi) for part in self.parts))

    def value(self, rho):
        return sum(part.value(rho) for part in self.parts)

    def d1(self, rho):
        return sum(part.d1(rho) for part in self.parts)

    def d2(self, rho):
        return sum(part.d2(rho) for part in self.parts)

    def moment(self, k: int) -> tuple[float, float]:
        """Sum of tr W_t^k, and its standard error."""
        traces, errors = np.array([part.moment(k) for part in self.parts]).T
        return float(traces.sum()), float(np.sqrt(np.sum(errors**2)))


@lru_cache(maxsize=8)
def period_logdet(weights: SpatialWeights | TemporalWeights, method: str | None = None, periods: int = 1):
    """sum_t log|I - rho W_t|, a Spectrum where every period's eigenvalues are known, else a Sum; of one W for so many
    periods."""
    parts = tuple(logdet(w, method) for w in weights.each(periods))
    spectra = [part.eigenvalues for part in parts if isinstance(part, Spectrum)]
    if len(spectra) == len(parts):
        return Spectrum(np.concatenate(spectra), Sum(parts).interval)
    return Sum(parts)


def intersection(intervals) -> tuple[float, float]:
    lows, highs = zip(*intervals)
    return max(lows), min(highs)
