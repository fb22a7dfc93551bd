"""The distribution of an effect as a mixture over the spatial parameter, and what is read from it.

Given rho the coefficients are Gaussian and an effect is linear in them, so that

    F(t) = int Phi((t - m(rho)) / s(rho)) dG(rho)  =  sum_q w_q Phi((t - m_q) / s_q)

with nodes rho_q from ``nodes.py``. The interval is a pair of quantiles of F, p = 2 min(F(0), 1 - F(0)): p <= 1 - level
exactly where the interval excludes zero. With degrees of freedom Phi is the t distribution's. The mixture needs no
draws: it has the limit of the percentile interval of LeSage & Pace (2009, section 5.6.2) as the draws become many.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.special import ndtri, stdtrit

from ..records.schema import critical_value
from .t_distribution import t_cdf

MOST_STEPS = 60  # of the bracketed Newton search for a quantile; 4 to 7 are taken
CLOSE = 1e-5  # relative step that is the last: Newton's next one would be its square
STEP = 1.3  # standard deviations between neighboring nodes that Gauss's rule sums to 1e-5
TOLERATED = 1.25  # times that are let pass
MARGIN = 1.15  # more nodes than the ends at the first nodes ask for
SATURATED = 2.5  # standard deviations beyond which a normal distribution function hardly changes
NEGLIGIBLE = 1e-7  # weight of a node whose step does not matter
BLOCK = 2_000_000  # numbers per array: many effects are worked through in blocks
STANDARD_LEVEL = 0.95  # the standard error is the width of this central interval over 2 x its critical value
SMALLEST = 1e-300  # p-values below are that small


@dataclass(frozen=True, eq=False)
class Mixture:
    """Normal (or t) distributions of E effects at Q nodes of the spatial parameter.

    Attributes
    ----------
    weights : ndarray, shape (Q,)
        They sum to one.
    means, sds : ndarray, shape (Q, E)
        Of each effect given the node.
    df : float or None
        Degrees of freedom of the conditional distributions; None for normal ones.
    panels : ndarray, shape (Q,)
        The panel of the quadrature that a node belongs to.
    df_reference : float or None
        Degrees of freedom of the statistic: those of the fit.
    """

    weights: np.ndarray
    means: np.ndarray
    sds: np.ndarray
    df: float | None = None
    panels: np.ndarray | None = None
    df_reference: float | None = None

    def __len__(self) -> int:
        return self.means.shape[1]

    def part(self, which) -> Mixture:
        """The same for some of the effects."""
        return replace(self, means=self.means[:, which], sds=self.sds[:, which])

    @property
    def constant(self) -> np.ndarray:
        """Effects that have no spread: identically zero by construction."""
        return ~(self.sds > 0).any(axis=0) & (np.ptp(self.means, axis=0) == 0)

    def standardized(self, t: np.ndarray) -> np.ndarray:
        """(t - m) / s, (Q, E), or (P, Q, E) for P values of every t."""
        with np.errstate(divide="ignore", invalid="ignore"):
            z = (t - self.means) / self.sds
        z[np.isnan(z) & ~np.isnan(self.sds)] = 0.0  # 0 / 0: at a mean without spread
        return z

    def tails(self, t: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """F(t) and 1 - F(t), each from its own tail, (E,)."""
        z = self.standardized(t)
        return self.weights @ t_cdf(z, self.df), self.weights @ t_cdf(-z, self.df)

    def tail_and_density(self, t: np.ndarray, which: np.ndarray, sign: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """F(t) of some effects where sign is 1 and 1 - F(t) where it is -1, and F's density, which steers a search."""
        sds = self.sds[:, which]
        with np.errstate(all="ignore"):
            z = (t - self.means[:, which]) / sds * sign
            z[np.isnan(z)] = 0.0
            if self.df is None:
                density = np.exp(-z * z / 2)
            else:
                density = np.exp(-(self.df + 1) / 2 * np.log1p(z * z / self.df))
            return self.weights @ t_cdf(z, self.df), self.weights @ (density / sds) / np.sqrt(2 * np.pi)

    def bracket(self, p: float) -> np.ndarray:
        """Two ends that hold the lower and the upper quantile, (2, 2, E)."""
        z = self._deviations(p)
        lower, upper = self.means - z * self.sds, self.means + z * self.sds
        return np.array([[lower.min(axis=0), upper.min(axis=0)], [lower.max(axis=0), upper.max(axis=0)]])

    def start(self, p: float) -> np.ndarray:
        """About the lower and the upper quantile, (2, E)."""
        q_low, middle, q_high = _weighted_quantiles(self.means, self.weights, (p, 0.5, 1 - p))
        spread = self._deviations(p) * np.median(self.sds, axis=0)
        return np.array([middle - np.hypot(middle - q_low, spread), middle + np.hypot(q_high - middle, spread)])

    def _deviations(self, p: float) -> float:
        return abs(ndtri(p) if self.df is None else stdtrit(self.df, p))

    def coarseness(self, points: np.ndarray) -> float:
        """The largest step of the integrand's argument between neighboring nodes, in standard deviations, where the
        integrand at one of these points (P, E) is neither zero nor one."""
        if self.panels is None or len(self.weights) == 1:
            return 0.0
        inside = (np.diff(self.panels) == 0) & (np.minimum(self.weights[1:], self.weights[:-1]) > NEGLIGIBLE)
        z = np.clip(self.standardized(points[:, None]), -SATURATED, SATURATED)
        return float(np.abs(np.diff(z, axis=1))[:, inside].max(initial=0.0))


@dataclass(frozen=True, eq=False)
class Pooled:
    """A mixture of mixtures: the same E effects under several W, with their probabilities."""

    parts: tuple[Mixture, ...]
    probabilities: np.ndarray
    df_reference: float | None = None

    def __len__(self) -> int:
        return len(self.parts[0])

    def part(self, which) -> Pooled:
        return replace(self, parts=tuple(part.part(which) for part in self.parts))

    @property
    def constant(self) -> np.ndarray:
        return np.all([part.constant & (part.means[0] == 0) for part in self.parts], axis=0)

    def tails(self, t):
        return tuple(self._pooled(values) for values in zip(*(part.tails(t) for part in self.parts)))

    def tail_and_density(self, t, which, sign):
        parts = (part.tail_and_density(t, which, sign) for part in self.parts)
        return tuple(self._pooled(values) for values in zip(*parts))

    def bracket(self, p):
        low, high = np.array([part.bracket(p) for part in self.parts]).swapaxes(0, 1)
        return np.array([low.min(axis=0), high.max(axis=0)])

    def start(self, p):
        return self._pooled([part.start(p) for part in self.parts])

    def _pooled(self, values):
        return np.tensordot(self.probabilities, np.array(values), 1)


@dataclass(frozen=True, eq=False)
class Inference:
    """Estimates with their uncertainty; every array has the shape of ``estimate``.

    ``p_value <= 1 - level`` exactly where [low, high] excludes zero, for every level. ``statistic`` is the normal (or
    t) quantile of p with the effect's sign. ``std_error`` is the width of the central 95 % over 2 x 1.96 (or over twice
    the critical value of t): the usual standard error where the distribution is normal, and finite where the
    variance of a ratio is not.
    """

    estimate: np.ndarray
    std_error: np.ndarray
    statistic: np.ndarray
    p_value: np.ndarray
    low: np.ndarray
    high: np.ndarray

    def reshaped(self, *shape: int) -> Inference:
        return Inference(*(values.reshape(shape) for values in vars(self).values()))

    def columns(self) -> dict[str, np.ndarray]:
        """In the common schema, flat."""
        names = ("estimate", "std_error", "statistic", "p_value", "conf_low", "conf_high")
        return {name: values.ravel() for name, values in zip(names, vars(self).values())}


def summarize(law: Mixture | Pooled, estimates: np.ndarray, level: float, ends=None) -> Inference:
    """Interval, standard error, p and statistic of E effects.

    Parameters
    ----------
    law : Mixture or Pooled
    estimates : ndarray, shape (E,)
    level : float
        Coverage of the interval.
    ends : ndarray, shape (2, E), optional
        The interval, where it is computed already.
    """
    critical_value(level)  # refuses what is no level
    parts = _parts(law)
    if len(parts) == 1:
        return _summary(law, estimates, level, ends)
    blocks = [_summary(law.part(part), estimates[part], level, None if ends is None else ends[:, part])
              for part in parts]  # fmt: skip
    return Inference(*(np.concatenate(parts) for parts in zip(*(vars(block).values() for block in blocks))))


def _parts(law) -> list[slice]:
    """Of the effects, so that no array is too large."""
    nodes = len(law.weights) if isinstance(law, Mixture) else sum(len(part.weights) for part in law.parts)
    size = max(1, BLOCK // nodes)
    return [slice(i, i + size) for i in range(0, len(law), size)]


def _summary(law, estimates, level, ends) -> Inference:
    df = law.df_reference
    low, high = _interval(law, level, None) if ends is None else ends
    width = high - low
    if level != STANDARD_LEVEL:
        inner, outer = _interval(law, STANDARD_LEVEL, None)
        width = outer - inner
    below, above = law.tails(np.zeros(len(law)))
    p, statistic = inverted(below, above, df)
    none = law.constant
    if none.any():
        p, statistic = (np.where(none, np.nan, values) for values in (p, statistic))
    return Inference(estimates, width / (2 * critical_value(STANDARD_LEVEL, df)), statistic, p, low, high)


def inverted(below, above, df: float | None = None) -> tuple[np.ndarray, np.ndarray]:
    """p = 2 min(F(0), 1 - F(0)), and the signed quantile of the normal or t distribution that has this p."""
    p = np.clip(2 * np.minimum(below, above), None, 1.0)
    tail = np.maximum(p, SMALLEST) / 2
    size = -(ndtri(tail) if df is None else stdtrit(df, tail))
    return p, np.where(below <= above, size, -size)


def interval(law: Mixture | Pooled, level: float, start=None) -> np.ndarray:
    """The central quantiles, (2, E): where F and 1 - F equal (1 - level) / 2; ``start`` is about where they lie."""
    return np.hstack([_interval(law if part.start == 0 and part.stop >= len(law) else law.part(part), level,
                                None if start is None else start[:, part]) for part in _parts(law)])  # fmt: skip


def _interval(law, level, start) -> np.ndarray:
    """Newton steps on the normal quantile of F, which is nearly linear, inside a bracket."""
    p, E = (1 - level) / 2, len(law)
    low, high = law.bracket(p).reshape(2, -1)
    t = np.clip((law.start(p) if start is None else start).ravel(), low, high)
    wanted, which, sign = float(ndtri(p)), np.tile(np.arange(E), 2), np.repeat([1.0, -1.0], E)
    left = np.flatnonzero(high > low)
    for _ in range(MOST_STEPS):
        if not len(left):
            break
        now, toward = t[left], sign[left]
        tail, density = law.tail_and_density(now, which[left], toward)
        with np.errstate(all="ignore"):
            excess = toward * (ndtri(tail) - wanted)  # above zero where the quantile lies below
            step = -excess * np.exp(-ndtri(tail) ** 2 / 2) / (np.sqrt(2 * np.pi) * density)
        low[left] = np.where(excess < 0, now, low[left])
        high[left] = np.where(excess < 0, high[left], now)
        close = np.abs(step) <= CLOSE * np.abs(now)
        new = now + step
        outside = ~close & ~((new > low[left]) & (new < high[left]))  # a step that is not a number, too
        t[left] = np.where(outside, (low[left] + high[left]) / 2, new)
        left = left[~close & (high[left] - low[left] > 1e-14 * np.abs(now))]
    return t.reshape(2, E)


def settled(law_of: Callable[[int], Mixture], estimates: np.ndarray, level: float, size: int, most: int):
    """The law at as many nodes as resolve its interval and F(0), and its summary.

    Parameters
    ----------
    law_of : function of a number of nodes to a Mixture
    size, most : int
        Nodes to begin with, and at most.

    Returns
    -------
    Mixture, Inference
    """
    law = law_of(size)
    ends = interval(law, level)
    while True:
        wanted = law.coarseness(np.vstack([ends, np.zeros(len(law))])) / STEP if size < most else 0.0
        if wanted <= TOLERATED:
            return law, summarize(law, estimates, level, ends)
        size = min(most, int(np.ceil(size * min(MARGIN * wanted, 4.0))))
        law = law_of(size)
        ends = interval(law, level, ends)


def _weighted_quantiles(values: np.ndarray, weights: np.ndarray, shares: Sequence[float]) -> list[np.ndarray]:
    """Of every column of (Q, E)."""
    order = np.argsort(values, axis=0)
    mass = np.cumsum(weights[order], axis=0)
    places = [np.minimum((mass < p).sum(axis=0), len(values) - 1) for p in shares]
    columns = np.arange(values.shape[1])
    return [values[order[at, columns], columns] for at in places]
