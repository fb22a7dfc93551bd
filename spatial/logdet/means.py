"""What period means leave of log|I - rho W| where rows of W do not all sum to one.

With J = I - 11'/N and F'F = I, FF' = J, the equation in deviations y = rho W J y + X b + a 1 + e becomes

    F'y = rho (F'W F) F'y + F'X b + F'e,    |I - rho F'W F| = |I - rho W J| = |I - rho W| s(rho),
    s(rho) = 1'(I - rho W)^-1 1 / N

by the determinant of a sum with one of rank one. Where rows sum to one s = 1 / (1 - rho), and this is the
transformation of Lee & Yu (2010, eq. 12). For any other W it is exact as well once W lags deviations: W J takes 1 to
zero.

Arnoldi's basis of the Krylov space of W from 1 has 1 / sqrt(N) as its first vector, so that s is the first element of
(I - rho H)^-1, H its Hessenberg matrix of few rows:  s(rho) = |I - rho H_22| / |I - rho H|, H_22 without the first row
and column. That is a Gauss quadrature of s, exact after N steps, or after as many as 1 has eigenvectors of W (Golub &
Van Loan 2013, Matrix Computations, sections 10.1 and 10.5).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np

from spillover.matrix import SpatialWeights, TemporalWeights

from .inverse import Inverse
from .spectrum import Spectrum

STEPS = 80  # of Arnoldi: rho = .95 of a symmetric W converges by .72^2 a step
EVERYWHERE = (-np.inf, np.inf)
EXHAUSTED = 1e-12  # share of ||W v|| that is new: below it the space is complete


@dataclass(frozen=True, eq=False)
class OfMeans:
    """log s(rho) with its derivatives; points of any shape.

    Attributes
    ----------
    above, below : Spectrum
        log|I - rho H_22| and log|I - rho H|.

    Examples
    --------
    >>> from spillover.matrix import as_weights
    >>> W = np.array([[0.0, 1.0, 0.0], [0.5, 0.0, 0.0], [0.0, 0.0, 0.0]])
    >>> s = of_means(as_weights(W))
    >>> direct = np.log(np.linalg.inv(np.eye(3) - 0.4 * W).sum() / 3)
    >>> bool(abs(s.value(0.4) - direct) < 1e-12)
    True
    """

    above: Spectrum = field(repr=False)
    below: Spectrum = field(repr=False)

    def value(self, rho):
        return self.above.value(rho) - self.below.value(rho)

    def d1(self, rho):
        return self.above.d1(rho) - self.below.d1(rho)

    def d2(self, rho):
        return self.above.d2(rho) - self.below.d2(rho)


@lru_cache(maxsize=32)
def of_means(weights: SpatialWeights | TemporalWeights) -> OfMeans:
    """log s(rho) of one W, from products of W with vectors alone; the sum over periods of W that vary, means those of
    the units that are there."""
    matrices = weights.matrices if isinstance(weights, TemporalWeights) else (weights,)
    seen = weights.observed if isinstance(weights, TemporalWeights) else None
    each = [_hessenberg(w, None if seen is None else seen[t]) for t, w in enumerate(matrices)]
    above, below = (np.concatenate([np.linalg.eigvals(H[first:, first:]) for H in each]) for first in (1, 0))
    return OfMeans(Spectrum(above, EVERYWHERE), Spectrum(below, EVERYWHERE))


def _hessenberg(weights: SpatialWeights, there: np.ndarray | None) -> np.ndarray:
    """H of the Krylov space from 1, which is zero for units that are not there."""
    n = weights.n
    steps = min(STEPS, n)
    V, H = np.zeros((steps + 1, n)), np.zeros((steps + 1, steps))
    V[0] = 1 / np.sqrt(n) if there is None else there / np.sqrt(there.sum())
    for k in range(steps):
        z = weights.csr @ V[k]
        size = np.linalg.norm(z)
        for _ in range(2):  # the second time what rounding left
            share = V[: k + 1] @ z
            H[: k + 1, k] += share
            z = z - share @ V[: k + 1]
        H[k + 1, k] = np.linalg.norm(z)
        if H[k + 1, k] <= EXHAUSTED * size or k + 1 == n:
            return H[: k + 1, : k + 1]
        V[k + 1] = z / H[k + 1, k]
    return H[:steps]


class InverseOfDeviations:
    """(I - rho W J)^-1 as an operator, of that of I - rho W by Sherman and Morrison: W J = W - W 1 1'/N.

    Parameters
    ----------
    there : ndarray of int, optional
        The units whose mean J takes off, all by default.

    Examples
    --------
    >>> from spillover.matrix import as_weights
    >>> W = np.array([[0.0, 1.0], [0.5, 0.0]])
    >>> InverseOfDeviations(as_weights(W), 0.4).solve(np.ones((2, 1))).ravel().round(12).tolist()
    [1.0, 1.0]
    """

    def __init__(self, weights: SpatialWeights, rho: float, structure=None, there: np.ndarray | None = None):
        self.weights, self.rho, self._plain = weights, rho, Inverse(weights, rho, structure)
        self._there = np.arange(weights.n) if there is None else there
        self._of_sums = self._plain.solve(weights.row_sums)

    def solve(self, right: np.ndarray) -> np.ndarray:
        """Of ``right`` (N, k)."""
        out, b = self._plain.solve(right), self._of_sums
        return out - self.rho * np.outer(b, self._means(out) / (1 + self.rho * self._means(b)))

    def lagged(self, right: np.ndarray) -> np.ndarray:
        """W J (I - rho W J)^-1 right."""
        out = self.solve(right)
        return self.weights.csr @ out - np.outer(self.weights.row_sums, self._means(out))

    def _means(self, values: np.ndarray) -> np.ndarray:
        return values[self._there].mean(axis=0)
