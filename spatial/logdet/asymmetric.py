"""log|I - rho W| of one sparse W that is not similar to a symmetric matrix, such as knn weights.

Its eigenvalues are complex, and L may be singular near by, off the real line. A rough curve from three traces and the
interval's ends replaces the stochastic one, and a window's polynomial is in the logit of rho's position in the
interval: the curves of ``stacked``, for one matrix.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from scipy import sparse

from .banded import Band
from .exact import SparseLU
from .factorised import Factorised
from .intervals import EIGEN_MAX, Intervals
from .protocol import LogDeterminant
from .quadrature import Quadrature, low_order_traces, quadrature
from .rough import Rough, from_traces
from .spectrum import Spectrum, spectrum
from .stacked import Curves, curves, logistic, logit
from .structure import extreme_interval

WHOLE_MAX = 300  # units; all eigenvalues of so many take as long as ten fits
OUTLINE_EXACT_MAX = 200  # units; as many as are fitted by all eigenvalues unless another way is requested
NODES = 64  # of a curve at most
MAX_LOGIT = 12.0  # logits of rho between which curves are made
PERIODS = 100  # that a panel may have: rho's error falls with the square root of their number, that of L does not
PROBES = {"probes": 8, "steps": 24}  # for the traces of high powers, on request


@dataclass(frozen=True, eq=False)
class Alone:
    """A stack of one matrix, as a function of any points.

    Attributes
    ----------
    stack : Rough or Curves
    domain : (low, high) where it holds;  interval : the admissible one
    """

    stack: Rough | Curves = field(repr=False)
    domain: tuple[float, float]
    interval: tuple[float, float]
    method: str

    @property
    def coarse(self) -> Alone:
        return self

    def near(self, lo: float, hi: float) -> Alone:
        return self

    def value(self, rho):
        return self._at(self.stack.value, rho)

    def d1(self, rho):
        return self._at(self.stack.d1, rho)

    def d2(self, rho):
        return self._at(self.stack.d2, rho)

    def expansion(self, rho) -> tuple:
        """L, L' and L''."""
        rho = np.asarray(rho, dtype=float)
        return tuple(part.reshape(rho.shape)[()] for part in self.stack.expansion(rho.reshape(1, -1)))

    @staticmethod
    def _at(function, rho):
        rho = np.asarray(rho, dtype=float)
        return function(rho.reshape(1, -1)).reshape(rho.shape)[()]


@dataclass(frozen=True, eq=False)
class Outline(Alone):
    """The approximate curve over the whole interval.

    Attributes
    ----------
    stack : Rough
    matrix : csr_array, shape (n, n)
    """

    stack: Rough = field(repr=False)
    matrix: sparse.csr_array = field(repr=False)

    @property
    def n(self) -> int:
        return self.matrix.shape[0]

    @property
    def calibrated(self) -> Outline:
        """Itself: it does not depend on random vectors."""
        return self

    def bend(self, rho: float) -> float:
        """-L'' or its scale, whichever is larger."""
        return max(-float(self.d2(rho)), float(np.sum(self.matrix.data**2)))

    def moment(self, k: int) -> tuple[float, float]:
        """tr W^k and its standard error: exact for the low orders."""
        return self._stochastic.moment(k)

    @cached_property
    def _stochastic(self) -> Quadrature:
        return quadrature(self.matrix, False, self.interval, **PROBES)


@dataclass(frozen=True, eq=False)
class Asymmetric(Factorised):
    """log|I - rho W| of a sparse W without symmetry."""

    exact: Band | SparseLU = field(repr=False)
    outline: Outline = field(repr=False)

    @property
    def coarse(self) -> LogDeterminant:
        """Exact for few units: their likelihood may have two maxima, of which traces can miss the higher."""
        return self._spectrum if self.n <= OUTLINE_EXACT_MAX else self.outline

    @property
    def whole(self) -> Spectrum | Asymmetric:
        """All eigenvalues, where there are few units: for L at many points."""
        return self._spectrum if self.n <= WHOLE_MAX else self

    @cached_property
    def _spectrum(self) -> Spectrum:
        return spectrum(self.outline.matrix, None)

    def _kept_off_the_ends(self, lo: float, hi: float) -> tuple[float, float]:
        lo, hi = np.clip([lo, hi], *logistic(np.array([-MAX_LOGIT, MAX_LOGIT]), *self.interval)).tolist()
        return lo, hi

    def _window(self, lo: float, hi: float) -> Alone | Spectrum:
        low, high = self.interval
        middle = (lo + hi) / 2
        scale = (1 / (middle - low) + 1 / (high - middle)) / np.sqrt(self.outline.bend(middle)) * np.sqrt(PERIODS)
        first, last = (np.array([logit(rho, low, high)]) for rho in (lo, hi))
        stack, points = self.outline.stack, [self._at_points]
        curve, settled = curves(points, stack, first, last, np.array([scale]), NODES, twice=True)
        if not settled and self.n <= EIGEN_MAX:  # singular next to the real line: two complex eigenvalues, far out
            return self._spectrum
        return Alone(curve, (lo, hi), self.interval, self.method)

    def _exact(self, rho: float) -> float:
        return float(self._at_points(np.array([rho]))[0])

    def _at_points(self, points) -> np.ndarray:
        new = [rho for rho in points.tolist() if rho not in self._values]
        exact = self.exact(np.array(new)).tolist() if isinstance(self.exact, Band) else map(self.exact, new)
        self._values.update(zip(new, exact))
        return np.array([self._values[rho] for rho in points.tolist()])


def asymmetric(matrix: sparse.csr_array, exact: Band | SparseLU) -> Asymmetric:
    """From W itself and the factorisation of I - rho W."""
    n, interval = matrix.shape[0], interval_of(matrix)
    low, high = (np.array([end]) for end in interval)
    stack = from_traces(low_order_traces(matrix, False, orders=3)[:, None], n, low, high)
    outline = Outline(stack, interval, interval, "traces", matrix)
    return Asymmetric(exact, outline, interval)


def interval_of(matrix: sparse.csr_array) -> tuple[float, float]:
    """The admissible one."""
    (low,), (high,) = Intervals(matrix.shape[0], matrix).exact
    return (float(low), float(high)) if np.isfinite(high - low) else extreme_interval(matrix, False)
