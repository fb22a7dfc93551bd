"""Whether a dynamic model is stationary: its largest root, an interval, and a test that it is below one.

    y_t = A y_{t-1} + ...,    A = (I - rho W)^-1 (tau I + eta W),    roots (tau + eta w) / (1 - rho w)

over the eigenvalues w of W. y_t is stationary where every root is below one in size, that is where for every w

    |1 - rho w| - |tau + eta w| > 0.

For a real w these are two conditions that are linear in (rho, tau, eta), 1 - rho w -+ (tau + eta w) > 0, each with a t
statistic of its own. The null that one of them fails is rejected where each is rejected alone: the largest p-value is
that of the whole (Berger 1982, Technometrics 24:295-300). The root at w is below r where r |1 - rho w| - |tau + eta w|
is positive, so that the ends of its interval are those r at which that statistic is the critical value (Fieller 1954,
JRSS B 16:175-185): the interval ends below one exactly where the test rejects.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from scipy.special import ndtri

from spillover.errors import SpatialInputError
from spillover.matrix import SpatialWeights, TemporalWeights

from ..logdet import logdet
from ..records.fit import FitRecord
from ..records.schema import critical_value, two_sided
from ..records.tests import TestResult
from ..solve.dynamic import outermost
from .propagate import determinant, spatial_places

REAL = 1e-12  # imaginary part, relative to its size, of an eigenvalue that counts as real


@dataclass(frozen=True)
class Stationarity:
    """Whether y_t returns to where it was after a shock.

    Attributes
    ----------
    rho, tau, eta : float
        0 where the model has no such term.
    total : float
        tau + (rho + eta) w_max, with w_max = 1 the largest eigenvalue of a row-standardised W: below one.
    largest_root : float
        Of (I - rho W)^-1 (tau I + eta W), in size: below one. An upper bound for a large W without symmetry.
    test : TestResult
        Wald test of total = 1.
    root_test : TestResult
        Of the null that the largest root is one or more, against stationarity; the statistic is the normal quantile of
        its p.
    words : str
        ``total`` in words.

    Notes
    -----
    The conditions of Elhorst (2014), eq. 4.4, together say that every root lies inside the unit circle. Where W varies
    over time the roots are those under the W of every period, as if it stayed.
    """

    rho: float
    tau: float
    eta: float
    total: float
    largest_root: float
    test: TestResult = field(repr=False)
    words: str = field(repr=False)
    roots: Roots | None = field(default=None, repr=False)

    @property
    def holds(self) -> bool:
        return self.largest_root < 1

    @property
    def root_test(self) -> TestResult:
        p = 1.0 if self.roots is None else self.roots.p_value()
        return TestResult("largest root below one", float(-ndtri(p)), "upper", "the largest root is one or more")

    def interval(self, level: float = 0.95) -> tuple[float, float]:
        """Of the largest root; infinite where the data do not bound it."""
        return (0.0, float("inf")) if self.roots is None else self.roots.interval(level)

    @property
    def line(self) -> str:
        """The sum and the largest root on one line."""
        verdict = "stationary" if self.holds else "not stationary"
        return f"{verdict}: {self.words} = {self.total:.4g}, largest root {self.largest_root:.4g}"

    def __str__(self) -> str:
        low, high = self.interval()
        return f"{self.line}, 95 % interval {low:.4g} to {high:.4g}\n{self.root_test}"


@dataclass(frozen=True, eq=False)
class Roots:
    """The roots over some eigenvalues as ratios b / a, with what their inference needs.

    Attributes
    ----------
    a, b : ndarray, shape (C,)
        |1 - rho w| and |tau + eta w|; of a real w twice, with tau + eta w and its negative.
    Vaa, Vab, Vbb : ndarray, shape (C,)
        Their variances and covariances.
    df : int or None
        Of t; None for normal statistics.
    """

    a: np.ndarray
    b: np.ndarray
    Vaa: np.ndarray
    Vab: np.ndarray
    Vbb: np.ndarray
    df: int | None

    def p_value(self) -> float:
        """The largest of the one-sided p-values of a - b > 0."""
        variance = self.Vaa - 2 * self.Vab + self.Vbb
        with np.errstate(divide="ignore", invalid="ignore"):
            t = (self.a - self.b) / np.sqrt(np.maximum(variance, 0))
        two = two_sided(t, self.df)
        return float(np.max(np.where(t > 0, two / 2, 1 - two / 2)))

    def interval(self, level: float) -> tuple[float, float]:
        """The largest of the upper ends, and the lower end at the largest root."""
        c2 = critical_value(level, self.df) ** 2
        # (r a - b)^2 = c^2 (r^2 Vaa - 2 r Vab + Vbb): q2 r^2 - 2 q1 r + q0 = 0
        q2, q1, q0 = self.a**2 - c2 * self.Vaa, self.a * self.b - c2 * self.Vab, self.b**2 - c2 * self.Vbb
        if not (q2 > 0).all():
            return 0.0, float("inf")
        half = np.sqrt(np.maximum(q1**2 - q2 * q0, 0))
        low, high = (q1 - half) / q2, (q1 + half) / q2
        return float(max(low[np.argmax(self.b / self.a)], 0.0)), float(high.max())


def stationarity(fit: FitRecord) -> Stationarity:
    """The stationarity of a dynamic fit.

    Raises
    ------
    SpatialInputError
        E501 for a fit without ``lags=``.
    """
    if not fit._design.lags:
        raise SpatialInputError("E501", "stationarity is a matter of dynamic models", hint="fit with lags='both'")
    L, places = determinant(fit), spatial_places(fit)
    rho, tau, eta = (float(part) for part in places @ fit.params.to_numpy())
    lo, hi = L.interval
    top = 1 / hi
    inside = lo < rho < hi  # moments may leave it, and I - rho W has no bounded inverse there
    w = eigenvalues_of_all(fit._design.weights, L)
    largest = float(np.abs((tau + eta * w) / (1 - rho * w)).max()) if inside else float("inf")
    slope = top * places[0] + places[1] + top * places[2]
    total, V = tau + (rho + eta) * top, fit.vcov.to_numpy()
    wald = (total - 1) ** 2 / float(slope @ V @ slope)
    words = _in_words(fit, top, places)
    test = TestResult("Wald", wald, 1, f"{words} = 1")
    own = _ratios(w, rho, tau, eta, places @ V @ places.T, fit.df_resid) if inside else None
    return Stationarity(rho, tau, eta, total, largest, test, words, own)


def eigenvalues_of_all(weights: SpatialWeights | TemporalWeights, L) -> np.ndarray:
    """Those that the largest root may belong to; where W varies those of every period, as if each W stayed."""
    if not isinstance(weights, TemporalWeights):
        return outermost(weights, L)
    return np.concatenate([outermost(one, logdet(one)) for one in weights.matrices])


def _ratios(w: np.ndarray, rho: float, tau: float, eta: float, V: np.ndarray, df: int | None) -> Roots:
    """a, b and their variances from the derivatives by (rho, tau, eta)."""
    real = np.abs(np.imag(w)) <= REAL * np.maximum(np.abs(w), REAL)
    x, z = np.real(w[real]), w[~real]
    left, right, size = 1 - rho * x, tau + eta * x, len(x)
    # 1. Real eigenvalues, once for a root of +1 and once for one of -1.
    a, Da = np.tile(left, 2), np.tile(np.column_stack([-x, np.zeros(size), np.zeros(size)]), (2, 1))
    of_b = np.column_stack([np.zeros(size), np.ones(size), x])
    b, Db = np.concatenate([right, -right]), np.vstack([of_b, -of_b])
    # 2. Complex ones: d|u| = Re(conj(u) du) / |u|.
    u, v = 1 - rho * z, tau + eta * z
    none = np.zeros(len(z))
    direction = np.divide(np.conj(v), np.abs(v), out=np.zeros_like(v), where=np.abs(v) > 0)
    a, Da = np.append(a, np.abs(u)), np.vstack([Da, np.column_stack([(np.conj(u) / np.abs(u) * -z).real, none, none])])
    b = np.append(b, np.abs(v))
    Db = np.vstack([Db, np.column_stack([none, direction.real, (direction * z).real])])
    Vaa, Vab, Vbb = (np.einsum("ci,ij,cj->c", left, V, right) for left, right in ((Da, Da), (Da, Db), (Db, Db)))
    return Roots(a, b, Vaa, Vab, Vbb, df)


def _in_words(fit: FitRecord, top: float, places: np.ndarray) -> str:
    """tau + rho + eta, of what the model has."""
    terms = ["rho"] * fit.specification.lag + ["eta"] * bool(places[2].any())
    spatial = " + ".join(terms)
    if terms and abs(top - 1) > 1e-9:
        spatial = f"({spatial}) w_max" if len(terms) > 1 else f"{spatial} w_max"
    return " + ".join(["tau"] * bool(places[1].any()) + [spatial] * bool(terms))
