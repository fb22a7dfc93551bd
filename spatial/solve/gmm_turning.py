"""Moments of a spatial error whose weights carry fixed effects along, so that these leave at every lambda anew.

    B (y - Z d - D a) = e,    B = I - lambda M,  block diagonal over periods

Where M differs between periods, as in an unbalanced panel, B D spans another space for every lambda
(``design.carried``). With Q the projection off B D, Q B (y - Z d) = Q e whatever a is, and under errors of one variance
the forms have the means

    E e'Q A Q e = s2 tr(Q A),    A = I, M'M, M

(M'J M beside period effects, J off period means, as where effects leave beforehand). "kelejian" estimates s2 with
lambda (Kelejian & Prucha 1999), "drukker" takes the share of the identity out of the other two (Drukker, Egger &
Prucha 2013).
What Q takes depends on lambda: g(lambda), the moments less their means, is no parabola, and is interpolated by
Chebyshev polynomials. Normal errors give the covariance, since what is left of e does not show its third and fourth
moment. Where B D does not turn, all this is ``gmm_error``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from numpy.polynomial import Chebyshev
from scipy import sparse
from scipy.sparse.linalg import splu

from ..design.carried import Effects
from ..design.moment_settings import USUAL, Moments
from .gmm import ErrorMomentSample, MomentSolution, Stage, basis, regressors, split, two_stage
from .gmm_error import EDGE, no_solution, precision, rounds_of, settled
from .projected_forms import Projection, Symmetric, base_forms

NODES, WINDOW_NODES = 17, 9
WINDOWS = (1 / 8, 1 / 64)  # half-widths around the minimum, in shares of the interval
FARTHEST = 10.0  # finite stand-in for an infinite bound of lambda

Gap = Callable[[np.ndarray, np.ndarray], np.ndarray]


@dataclass(frozen=True, eq=False)
class TurningSample(ErrorMomentSample):
    """Columns without effects and M times them, and the effects' own columns."""

    effects: Effects = field(kw_only=True, repr=False)

    @cached_property
    def forms(self) -> tuple[Symmetric, ...]:
        if self.periods is None:
            raise ValueError("a sample without periods has forms of one M")
        return base_forms(self.periods, self.centered)

    def projection(self, lam: float) -> Projection:
        """Off B D."""
        return Projection(self.effects.BD(lam), self.effects.factor(lam))

    @cached_property
    def products(self) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        """D'B'S B D of M'M and M, in powers of lambda."""
        D, MD = self.effects.D, self.effects.MD
        return [(form.between(D, D), -form.between(D, MD) - form.between(MD, D), form.between(MD, MD))
                for form in self.forms[1:]]  # fmt: skip

    def shares(self, lam: float, Q: Projection) -> np.ndarray:
        """tr(Q A) / n of the three forms."""
        inside = [P0 + lam * P1 + lam**2 * P2 for P0, P1, P2 in self.products]
        taken = [self.effects.rank, *(np.trace(Q.solve(P)) / 2 for P in inside)]
        return np.array([form.trace - part for form, part in zip(self.forms, taken)]) / self.n


@dataclass(frozen=True, eq=False)
class Parts:
    """What the covariance is made of: d (p,) with error T'e, lambda, dg/dlambda (r,), the weight of g (r, r), e (m,),
    ``linear`` (m, 3), what estimating d adds to the three forms, sigma2."""

    coef: np.ndarray
    T: np.ndarray = field(repr=False)
    lam: float
    slope: np.ndarray
    weight: np.ndarray
    e: np.ndarray = field(repr=False)
    linear: np.ndarray = field(repr=False)
    sigma2: float


def turning_moments(
    sample: TurningSample, interval: tuple[float, float], settings: Moments = USUAL
) -> tuple[TurningSample, MomentSolution]:
    """The estimates, and the sample at the estimated lambda: its columns are those of that lambda alone.

    Raises
    ------
    SpatialInputError
        E701 no lambda, E704 not identified.
    """
    parts = (_drukker if settings.moments == "drukker" else _kelejian)(sample, interval, settings)
    phi = _spread(sample, parts.lam, parts.e, parts.linear)
    C = np.eye(3) if len(parts.slope) == 3 else shares_out(_shares(sample, parts.lam))
    L = -(parts.weight @ parts.slope) / (parts.slope @ parts.weight @ parts.slope) @ C
    s2 = float(parts.e @ parts.e) / sample.n
    beside = (s2 * parts.T.T @ parts.linear @ L / sample.n)[:, None]
    vcov = np.block([[parts.sigma2 * parts.T.T @ parts.T, beside],
                     [beside.T, np.full((1, 1), L @ phi @ L / sample.n)]])  # fmt: skip
    beta, rho, rhos = split(parts.coef, sample)
    Q = sample.projection(parts.lam)
    columns = ("y", "X", "Wy", "H", "My", "MX", "MWy")
    there = {name: Q @ values for name in columns if (values := getattr(sample, name)) is not None}
    solution = MomentSolution(beta, rho, parts.lam, parts.sigma2, float("nan"), parts.e, vcov, rhos)
    return replace(sample, **there), solution  # type: ignore[arg-type]


def _kelejian(sample: TurningSample, interval, settings: Moments) -> Parts:
    """(1) d by two-stage least squares, (2) lambda from its residuals, (3) d from transformed data."""
    Z = regressors(sample)
    first = two_stage(sample.y, Z, basis(replace(sample, H=sample.projection(0.0) @ sample.H)))
    u, before = first.resid, None
    for step in range(rounds_of(settings)):
        lam, slope = _lambda(sample, u, interval, without_variance, np.eye(3))
        second, e, Zs = _transformed(sample, Z, lam)
        once = step == 0
        if settled(before, second.coef, lam):
            break
        before, u = (second.coef, lam), sample.y - Z @ second.coef
    linear = _linear_of_first(sample, lam, first.T, Zs, e) if once else _linear(sample, lam, second.T, Zs, e)
    start = _errors(sample, first.resid, lam) if sample.all_exogenous and once else e
    share = _shares(sample, lam)
    weight = np.eye(3) - np.outer(share, share) / (share @ share)
    return Parts(second.coef, second.T, lam, slope, weight, e, linear, float(start @ start) / sample.n)


def _drukker(sample: TurningSample, interval, settings: Moments) -> Parts:
    """(1) two-stage least squares and a first lambda, (2) the same from transformed data, its moments weighted."""
    Z = regressors(sample)
    first = two_stage(sample.y, Z, basis(replace(sample, H=sample.projection(0.0) @ sample.H)))
    lam, _ = _lambda(sample, first.resid, interval, without_identity, np.eye(2))
    weight, before = np.eye(2), None
    for _ in range(rounds_of(settings)):
        second, e, Zs = _transformed(sample, Z, lam)
        u = sample.y - Z @ second.coef
        if settings.weighted:
            weight = _weight(sample, lam, e, _linear(sample, lam, second.T, Zs, e))
        lam, slope = _lambda(sample, u, interval, without_identity, weight)
        if settled(before, second.coef, lam):
            break
        before = second.coef, lam
    again, _, Zs = _transformed(sample, Z, lam)
    e = _errors(sample, u, lam)
    linear = _linear(sample, lam, again.T, Zs, e)
    if settings.weighted:
        weight = _weight(sample, lam, e, linear)
    return Parts(second.coef, again.T, lam, slope, weight, e, linear, float(e @ e) / sample.n)


def without_variance(m: np.ndarray, share: np.ndarray) -> np.ndarray:
    """m - s2 share with the s2 of least squares: Kelejian & Prucha's three moments."""
    return m - (m @ share) / (share @ share) * share


def without_identity(m: np.ndarray, share: np.ndarray) -> np.ndarray:
    """Drukker, Egger & Prucha's two."""
    return shares_out(share) @ m


def shares_out(share: np.ndarray) -> np.ndarray:
    """(2, 3): what takes the share of the identity out of the second and the third form."""
    first, second = share[1:] / share[0]
    scale = 1 / (1 + first**2)
    return np.array([[-scale * first, scale, 0.0], [-second, 0.0, 1.0]])


def _lambda(sample: TurningSample, u: np.ndarray, interval, gap: Gap, weight: np.ndarray) -> tuple[float, np.ndarray]:
    """Where g'V g is least, and dg/dlambda there: interpolated over the interval, then over ever smaller windows."""
    lo, hi = max(interval[0], -FARTHEST), min(interval[1], FARTHEST)
    width = hi - lo
    lo, hi = lo + EDGE * width, hi - EDGE * width
    Mu = sample.M @ u

    def at(lam: float) -> np.ndarray:
        Q = sample.projection(lam)
        e = Q @ (u - lam * Mu)
        moments = np.array([e @ (form @ e) for form in sample.forms]) / (2 * sample.n)
        return gap(moments, sample.shares(lam, Q))

    best = (lo + hi) / 2
    for half, nodes in ((1.0, NODES), *((share, WINDOW_NODES) for share in WINDOWS)):
        a, b = max(best - half * width, lo), min(best + half * width, hi)
        x = (a + b) / 2 - (b - a) / 2 * np.cos(np.pi * (np.arange(nodes) + 0.5) / nodes)
        g = [Chebyshev.fit(x, column, nodes - 1, domain=[a, b]) for column in np.array([at(lam) for lam in x]).T]
        distance = sum(weight[i, j] * g[i] * g[j] for i in range(len(g)) for j in range(len(g)))
        minima = _minima(distance, a, b)
        if not len(minima):
            raise no_solution(interval)
        best = float(minima[np.argmin(distance(minima))])
    return best, np.array([series.deriv()(best) for series in g])


def _minima(distance: Chebyshev, lo: float, hi: float) -> np.ndarray:
    """Minima inside."""
    slope = distance.deriv()
    flat = slope.roots()
    flat = flat.real[(np.abs(flat.imag) <= 1e-7 * (hi - lo)) & (flat.real > lo) & (flat.real < hi)]
    return flat[slope.deriv()(flat) > 0]


def _errors(sample: TurningSample, u: np.ndarray, lam: float) -> np.ndarray:
    """Q B u."""
    return sample.projection(lam) @ (u - lam * (sample.M @ u))


def _transformed(sample: TurningSample, Z: np.ndarray, lam: float) -> tuple[Stage, np.ndarray, np.ndarray]:
    """Two-stage least squares of Q B y on Q B Z; its residuals; the latter regressors."""
    MZ = sample.error_lag_of_X
    MZ = MZ if sample.Wy is None else np.column_stack([MZ, sample.error_lag_of_Wy])
    Q = sample.projection(lam)
    Zs = Q @ (Z - lam * MZ)
    stage = two_stage(Q @ sample.By(lam), Zs, basis(replace(sample, H=Q @ sample.H), Q @ sample.BX(lam)))
    return stage, stage.resid, Zs


def _linear(sample: TurningSample, lam: float, T: np.ndarray, Zs: np.ndarray, e: np.ndarray) -> np.ndarray:
    """(m, 3): T alpha, alpha = -Zs'S e, where the error of d is T'e."""
    return T @ np.column_stack([-(Zs.T @ (form @ e)) for form in sample.forms])


def _linear_of_first(sample: TurningSample, lam: float, T: np.ndarray, Zs: np.ndarray, e: np.ndarray) -> np.ndarray:
    """The same where it is T'B^-1 e; exogenous regressors are unrelated to e."""
    if sample.all_exogenous:
        return np.zeros((len(e), 3))
    B = sparse.csc_array(sparse.eye_array(len(e)) - lam * sample.M)
    return splu(B).solve(np.ascontiguousarray(_linear(sample, lam, T, Zs, e)), trans="T")


def _shares(sample: TurningSample, lam: float) -> np.ndarray:
    return sample.shares(lam, sample.projection(lam))


def _spread(sample: TurningSample, lam: float, e: np.ndarray, linear: np.ndarray) -> np.ndarray:
    """n times the covariance of the three moments, under normal errors."""
    s2 = float(e @ e) / sample.n
    return (s2**2 / 2 * sample.projection(lam).inner(sample.forms) + s2 * linear.T @ linear) / sample.n


def _weight(sample: TurningSample, lam: float, e: np.ndarray, linear: np.ndarray) -> np.ndarray:
    """The inverse of the covariance of Drukker, Egger & Prucha's two."""
    C = shares_out(_shares(sample, lam))
    return precision(C @ _spread(sample, lam, e, linear) @ C.T)
