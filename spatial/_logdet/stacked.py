"""log|I - rho W| of many W at once: spectra side by side, or curves through a few exact values of each.

Points lie in v = log((rho - low) / (high - rho)), the logit of rho's place in its interval. There L is smooth up to
both ends: a real eigenvalue w outside the interval has its singularity at rho = 1 / w, whose v has the imaginary part
pi, however near the end it is. A polynomial through six exact values then follows L over ten standard errors.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

SIZES = (6, 8, 12, 16, 24)  # nodes of a curve
HALVINGS = 3  # eight squares of numbers between 1e-15 and 1e15 are multiplied before a logarithm is taken
SETTLED = 1e-5  # error of the slope of L at the ends of a window, in standard errors of rho; a hundredth in its middle


@dataclass(frozen=True, eq=False)
class Spectra:
    """Eigenvalues of R matrices.

    Attributes
    ----------
    eigenvalues : (R, n), real or complex
    low, high : (R,)
        The intervals of rho.
    shares : (R, n), optional
        How often each eigenvalue counts.
    """

    eigenvalues: np.ndarray = field(repr=False)
    low: np.ndarray
    high: np.ndarray
    shares: np.ndarray | None = field(default=None, repr=False)

    def value(self, rho):
        """At ``rho``, (R,) or (R, points): logs of products of a few, where each eigenvalue counts once."""
        size, few = self._size(rho), []
        if self.shares is not None:
            return self._sum(0.5 * np.log(size))
        for _ in range(HALVINGS):
            half, odd = divmod(size.shape[-1], 2)
            if odd:
                few.append(size[..., -1])
            size = size[..., :half] * size[..., half : 2 * half]
        out = np.log(size).sum(-1)
        for one in few:
            out += np.log(one)
        return 0.5 * out

    def d1(self, rho):
        _, _, top, size = self._parts(rho)
        return self._sum(-top / size)

    def d2(self, rho):
        _, b, top, size = self._parts(rho)
        return self._sum((b - top) * (b + top) / size**2)

    def take(self, which) -> Spectra:
        """Those at the positions ``which``."""
        shares = None if self.shares is None else self.shares[which]
        return Spectra(self.eigenvalues[which], self.low[which], self.high[which], shares)

    @staticmethod
    def joined(parts) -> Spectra:
        """Several stacks as one."""
        shares = None if parts[0].shares is None else np.concatenate([part.shares for part in parts])
        rest = (np.concatenate([getattr(part, name) for part in parts]) for name in ("eigenvalues", "low", "high"))
        return Spectra(*rest, shares)

    def _parts(self, rho):
        """a, b, a - rho |w|^2 and |1 - rho w|^2 for w = a + b i, since

            w / (1 - rho w) = (a - rho |w|^2 + b i) / |1 - rho w|^2

        (Products of complex arrays depend, in their last bits, on what stands beside them.)
        """
        w, rho = self.eigenvalues if rho.ndim == 1 else self.eigenvalues[:, None], rho[..., None]
        a, b = w.real, w.imag
        return a, b, a - rho * (a * a + b * b), (1 - rho * a) ** 2 + (rho * b) ** 2

    def _size(self, rho):
        """|1 - rho w|^2."""
        w, rho = self.eigenvalues if rho.ndim == 1 else self.eigenvalues[:, None], rho[..., None]
        if not np.iscomplexobj(w):
            return (1 - rho * w) ** 2
        return (1 - rho * w.real) ** 2 + (rho * w.imag) ** 2

    def _sum(self, terms):
        if self.shares is None:
            return terms.sum(-1)
        return (terms * (self.shares if terms.ndim == 2 else self.shares[:, None])).sum(-1)


@dataclass(frozen=True, eq=False)
class Curves:
    """Rough curves, and Chebyshev polynomials in v for what they lack on a window of each matrix.

    Attributes
    ----------
    base : Spectra
    coefficients : (R, m)
    first, last : (R,)
        The windows, in v.
    low, high : (R,)
        The intervals of rho.
    """

    base: Spectra = field(repr=False)
    coefficients: np.ndarray = field(repr=False)
    first: np.ndarray
    last: np.ndarray

    @property
    def low(self) -> np.ndarray:
        return self.base.low

    @property
    def high(self) -> np.ndarray:
        return self.base.high

    def value(self, rho):
        """At ``rho``, (R,) or (R, points), inside the windows or not far beside."""
        return self.base.value(rho) + self._at(rho, self.coefficients)

    def d1(self, rho):
        below, above = self._gaps(rho)
        return self.base.d1(rho) + self._derivative(rho, 1) * (1 / below + 1 / above)

    def d2(self, rho):
        below, above = self._gaps(rho)
        slope = 1 / below + 1 / above
        bend = self._derivative(rho, 2) * slope**2 + self._derivative(rho, 1) * (1 / above**2 - 1 / below**2)
        return self.base.d2(rho) + bend

    def take(self, which) -> Curves:
        return Curves(self.base.take(which), *(p[which] for p in (self.coefficients, self.first, self.last)))

    @staticmethod
    def joined(parts) -> Curves:
        """Several stacks as one."""
        longest = max(part.coefficients.shape[1] for part in parts)
        padded = [np.pad(part.coefficients, ((0, 0), (0, longest - part.coefficients.shape[1]))) for part in parts]
        ends = (np.concatenate([getattr(part, name) for part in parts]) for name in ("first", "last"))
        return Curves(Spectra.joined([part.base for part in parts]), np.concatenate(padded), *ends)

    def _gaps(self, rho):
        """From the interval's ends to rho."""
        return rho - _across(self.low, rho), _across(self.high, rho) - rho

    def _derivative(self, rho, order):
        """By v."""
        half = _across((self.last - self.first) / 2, rho)
        return self._at(rho, np.polynomial.chebyshev.chebder(self.coefficients.T, order).T) / half**order

    def _at(self, rho, coefficients):
        """Clenshaw's recurrence, each matrix with its own coefficients."""
        below, above = self._gaps(rho)
        first, last = _across(self.first, rho), _across(self.last, rho)
        x = (2 * np.log(below / above) - first - last) / (last - first)
        b1 = b2 = np.zeros_like(x)
        for c in coefficients.T[:0:-1]:
            b1, b2 = _across(c, rho) + 2 * x * b1 - b2, b1
        return _across(coefficients[:, 0], rho) + x * b1 - b2


def logistic(v, low, high):
    """rho at the logit v of its place in the interval."""
    return low + (high - low) / (1 + np.exp(-v))


def logit(rho, low, high):
    return np.log((rho - low) / (high - rho))


def curves(engines, base: Spectra, first, last, slope_scale) -> tuple[Curves, np.ndarray]:
    """Curves over windows of v from exact values, and which of them are settled.

    Parameters
    ----------
    engines : list of R functions, points rho to log|I - rho W| at each
    base : Spectra
        R rough curves.
    first, last : (R,)
    slope_scale : (R,)
        What makes the slope of L in v a number of standard errors.
    """
    R, most = len(engines), SIZES[-1]
    coefficients, settled = np.zeros((R, most)), np.zeros(R, dtype=bool)
    left, half = np.arange(R), (last - first) / 2
    for m in SIZES:
        x, some = np.cos(np.pi * (np.arange(m) + 0.5) / m), base.take(left)
        v = ((first + last) / 2)[left, None] + half[left, None] * x
        rho = logistic(v, some.low[:, None], some.high[:, None])
        exact = np.array([engines[r](points) for r, points in zip(left, rho)])
        c = (_transform(m) @ (exact - some.value(rho))[:, :, None])[:, :, 0]
        size = np.abs(c)
        fall = np.minimum(1.0, size[:, -1] / np.maximum(size[:, -3], 1e-300))  # over two coefficients
        lost = np.maximum(size[:, -1], size[:, -2]) * fall  # the first that are left out
        good = lost * m**2 / half[left] * slope_scale[left] < SETTLED
        coefficients[left[good], :m], settled[left[good]] = c[good], True
        left = left[~good]
        if not len(left):
            break
    return Curves(base, coefficients[:, :m], first, last), settled


def _transform(m: int) -> np.ndarray:
    """From values at the Chebyshev points to coefficients."""
    angles = np.pi * (np.arange(m) + 0.5) / m
    rows = np.cos(np.arange(m)[:, None] * angles) * 2 / m
    rows[0] /= 2
    return rows


def _across(values, like):
    """(R,) as (R, 1) beside points."""
    return values if like.ndim == 1 else values[:, None]
