"""log|I - rho W| of many W at once: curves through a few exact values of each.

Points lie in v = log((rho - low) / (high - rho)), the logit of rho's place in its interval. There L is smooth up to
both ends: a real eigenvalue w outside the interval has its singularity at rho = 1 / w, whose v has the imaginary part
pi, however near the end it is. A polynomial through five exact values then follows,
over ten standard errors, the error of a rough curve.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property, lru_cache

import numpy as np

from .rough import Rough

SIZES = (5, 6, 8, 10, 12, 16, 24, 32, 48, 64)  # nodes of a curve
MOST = 24  # of one of many
CLEAR = 0.2  # least |rho| of a window, in shares of its largest: its fourth power loses three digits of L
AROUND_ZERO = 8  # least nodes of a window that is not clear: the error begins with the fourth power there
SETTLED = 3e-6  # error of the slope of L at the ends of a window, in standard errors of rho; less in its middle


@dataclass(frozen=True, eq=False)
class Curves:
    """Rough curves, and Chebyshev polynomials P in v for their errors on a window of each matrix:

        L = rough + l P(v),    l = rho^4 where the window is clear of zero, else 1

    Attributes
    ----------
    base : Rough
    coefficients : (R, m)
    first, last : (R,)
        The windows, in v.
    clear : (R,) of bool
    low, high : (R,)
        The intervals of rho.
    """

    base: Rough = field(repr=False)
    coefficients: np.ndarray = field(repr=False)
    first: np.ndarray
    last: np.ndarray
    clear: np.ndarray

    @property
    def low(self) -> np.ndarray:
        return self.base.low

    @property
    def high(self) -> np.ndarray:
        return self.base.high

    def value(self, rho):
        """At ``rho``, (R,) or (R, points), inside the windows or not far beside."""
        return self._expansion(rho, 0)[0]

    def d1(self, rho):
        return self._expansion(rho, 1)[1]

    def d2(self, rho):
        return self._expansion(rho, 2)[2]

    def expansion(self, rho) -> list:
        """L, L' and L''."""
        return self._expansion(rho, 2)

    def _expansion(self, rho, order) -> list:
        """L and its first derivatives: those of v by rho come from its gaps to the interval's ends."""
        below, above = rho - _across(self.low, rho), _across(self.high, rho) - rho
        first, last = _across(self.first, rho), _across(self.last, rho)
        P = self._polynomials((2 * np.log(below / above) - first - last) / (last - first), order)
        clear, square = _across(self.clear, rho), rho * rho
        l0 = np.where(clear, square * square, 1.0)
        out = [self.base.value(rho) + l0 * P[0]]
        if order:
            v1, l1 = 1 / below + 1 / above, np.where(clear, 4 * square * rho, 0.0)
            out.append(self.base.d1(rho) + l1 * P[0] + l0 * (P[1] * v1))
        if order == 2:
            v2, l2 = 1 / above**2 - 1 / below**2, np.where(clear, 12 * square, 0.0)
            out.append(self.base.d2(rho) + l2 * P[0] + 2 * l1 * P[1] * v1 + l0 * (P[2] * v1**2 + P[1] * v2))
        return out

    def take(self, which) -> Curves:
        return Curves(self.base.take(which), self.coefficients[which], self.first[which], self.last[which],
                      self.clear[which])  # fmt: skip

    @staticmethod
    def joined(parts) -> Curves:
        """Several stacks as one."""
        longest = max(part.coefficients.shape[1] for part in parts)
        padded = [np.pad(part.coefficients, ((0, 0), (0, longest - part.coefficients.shape[1]))) for part in parts]
        rest = (np.concatenate([getattr(part, name) for part in parts]) for name in ("first", "last", "clear"))
        return Curves(Rough.joined([part.base for part in parts]), np.concatenate(padded), *rest)

    def _polynomials(self, x, order) -> np.ndarray:
        """P and its first derivatives by v at x, v's place in [-1, 1]: Clenshaw's recurrence, each matrix with its own
        coefficients."""
        coefficients = self._derivatives[:, : order + 1]
        if x.ndim == 2:
            coefficients = coefficients[..., None]
        double = 2 * x
        b1 = b2 = np.zeros_like(x)
        for c in coefficients[:0:-1]:
            b1, b2 = c + double * b1 - b2, b1
        return coefficients[0] + x * b1 - b2

    @cached_property
    def _derivatives(self) -> np.ndarray:
        """Coefficients of P, P' and P'' by v, (m, 3, R)."""
        half, c = (self.last - self.first) / 2, self.coefficients.T
        parts = [np.polynomial.chebyshev.chebder(c, order) / half**order for order in range(3)]
        return np.stack([np.concatenate([p, np.zeros((len(c) - len(p), *p.shape[1:]))]) for p in parts], axis=1)


def logistic(v, low, high):
    """rho at the logit v of its place in the interval."""
    return low + (high - low) / (1 + np.exp(-v))


def logit(rho, low, high):
    return np.log((rho - low) / (high - rho))


def curves(
    engines, base: Rough, first, last, slope_scale, most: int = MOST, twice: bool = False
) -> tuple[Curves, np.ndarray]:
    """Curves over windows of v from exact values, and which of them are settled.

    Parameters
    ----------
    engines : list of R functions, points rho to log|I - rho W| at each
    base : Rough
        R of them.
    first, last : (R,)
    slope_scale : (R,)
        Converts the slope of L in v into standard errors.
    most : int
        Nodes, one of ``SIZES``; so many remain where a curve is not settled.
    twice : bool
        Whether a curve must seem settled at two sizes, one after the other.
    """
    R = len(engines)
    half, clear = (last - first) / 2, _clear(first, last, base.low, base.high)
    v = ((first + last) / 2)[:, None] + half[:, None] * _nodes()[:most]
    rho = logistic(v, base.low[:, None], base.high[:, None])
    lead = np.where(clear[:, None], rho**4, 1.0)
    approximation = base.value(rho)
    lacks, coefficients, settled = np.zeros((R, most)), np.zeros((R, most)), np.zeros(R, dtype=bool)
    left, had, before = np.arange(R), 0, np.full(R, not twice)
    for m in SIZES[: SIZES.index(most) + 1]:
        new = slice(had, m)
        exact = np.array([engines[r](rho[r, new]) for r in left])
        lacks[left, new] = (exact - approximation[left, new]) / lead[left, new]
        c = (_transform(m) @ lacks[left, :m, None])[:, :, 0]
        lost = _left_out(np.abs(c), np.pi / half[left]) * np.abs(lead[left]).max(axis=1)
        small = (clear[left] | (m >= AROUND_ZERO)) & (lost * m**2 / half[left] * slope_scale[left] < SETTLED)
        good = small & before[left]
        coefficients[left, :m], settled[left[good]] = c, True
        before[left] = small | (not twice)
        left, had = left[~good], m
        if not len(left):
            break
    return Curves(base, coefficients[:, :m], first, last, clear), settled


def _left_out(size, nearest) -> np.ndarray:
    """Size of the first omitted coefficient of a polynomial, from its last three.

    They fall as they fell before, but none the sooner than a real eigenvalue's singularity allows, ``nearest`` half
    windows off the real line (Bernstein 1912): some may be small by chance.
    """
    fall = np.sqrt(np.minimum(1.0, size[:, -1] / np.maximum(size[:, -3], 1e-300)))
    rate = nearest + np.sqrt(nearest**2 + 1)
    return np.max([size[:, -1] * fall, *(size[:, -k] / rate**k for k in (1, 2, 3))], axis=0)


def _clear(first, last, low, high) -> np.ndarray:
    """Where a window is so far from zero that its points can be divided by the fourth power of rho."""
    a, b = logistic(first, low, high), logistic(last, low, high)
    near, far = np.minimum(np.abs(a), np.abs(b)), np.maximum(np.abs(a), np.abs(b))
    return (a * b > 0) & (near > CLEAR * far)


@lru_cache(maxsize=1)
def _nodes() -> np.ndarray:
    """The nodes of curves in [-1, 1], in order: the first of ``SIZES`` are Chebyshev's, each of
    the rest is where the product of its distances from those before is largest (Leja 1957)."""
    first, most = SIZES[0], SIZES[-1]
    x, everywhere = np.cos(np.pi * (np.arange(first) + 0.5) / first), np.cos(np.linspace(0, np.pi, 2001))
    for _ in range(first, most):
        x = np.append(x, everywhere[np.prod(np.abs(everywhere[:, None] - x), axis=1).argmax()])
    return x


@lru_cache(maxsize=len(SIZES))
def _transform(m: int) -> np.ndarray:
    """From values at the first m nodes to Chebyshev coefficients."""
    return np.linalg.inv(np.polynomial.chebyshev.chebvander(_nodes()[:m], m - 1))


def _across(values, like):
    """(R,) as (R, 1) beside points."""
    return values if like.ndim == 1 else values[:, None]
