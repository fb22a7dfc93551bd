"""Spatial correlation principal components: a variance from the few directions in which correlated errors vary most.

Under Sigma(c)_ij = exp(-c d_ij), d in km, let r_1 ... r_q be the first eigenvectors of M Sigma(c0) M, M off the mean,
and c0 such that the average correlation of two units is ``avc``. For scores s_i of a coefficient

    se^2 = (n / q) sum_j (r_j's)^2

and the critical value is the smallest under which the t statistic rejects at most 5 % for every c >= c0: in the
location model, and conditionally on the regressors, whichever is larger. q minimizes the expected length under
independence.

Sources: Mueller & Watson (2022, Econometrica 90:2901-2935); conditional (2023, J. Business & Economic Statistics
41:1050-1064). Above ``LANDMARKS`` units the eigenvectors are those of a subset, extended (Nystroem), and sums over
pairs are taken over pairs of that subset.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache, cached_property

import numpy as np

from spillover.errors import SpatialInputError

from .places import great_circle

LANDMARKS = 2_000  # units whose pairs are all looked at
STEP = 1.2  # from one c to the next
LEAST_AVC = 1e-5  # of the largest c
SIZE = 0.05
NODES = 64  # of the integral over an angle


@dataclass(frozen=True, eq=False)
class Components:
    """r_0 = 1 / sqrt(n) and r_1, r_2, ... (n, 1 + Q); the grid of c; q and the location model's critical value."""

    points: np.ndarray = field(repr=False)
    R: np.ndarray = field(repr=False)
    grid: np.ndarray = field(repr=False)
    subset: np.ndarray = field(repr=False)
    q: int = 0
    critical_value: float = np.nan

    @cached_property
    def distances(self) -> np.ndarray:
        """Of the subset's units, (m, m)."""
        return great_circle(self.points[self.subset])

    def covariances(self, columns: np.ndarray) -> np.ndarray:
        """X_t'Sigma(c) X_t added up over periods, for every c of the grid: (C, p, p) of columns (T, n, p)."""
        n, part = columns.shape[1], columns[:, self.subset]
        m = len(self.subset)
        scale = (n * (n - 1)) / (m * (m - 1))
        own = np.einsum("tip,tiq->pq", columns, columns)
        within = np.einsum("tip,tiq->pq", part, part)
        flat = part.transpose(1, 0, 2).reshape(m, -1)
        out = []
        for c in self.grid:
            spread = (np.exp(-c * self.distances) @ flat).reshape(m, *part.shape[::2]).transpose(1, 0, 2)
            out.append(own + scale * (np.einsum("tip,tiq->pq", part, spread) - within))
        return np.array(out)

    def conditional(self, columns: np.ndarray) -> float:
        """The critical value of one coefficient: columns (T, n, 1 + q) of errors that its t statistic is made of."""
        return max(self.critical_value, critical_value(self.covariances(columns)))


def components(points: np.ndarray, avc: float) -> Components:
    """Eigenvectors, q and the critical value of the location model for longitudes and latitudes (n, 2).

    Raises
    ------
    SpatialInputError
        E501 for places that all coincide.
    """
    n = len(points)
    subset = np.arange(n)
    if n > LANDMARKS:
        subset = np.sort(np.random.default_rng(0).permutation(n)[:LANDMARKS])
    D = great_circle(points[subset])
    if not D.max() > 0:
        raise SpatialInputError("E501", "all places coincide: no distances to correlate over",
                                hint="give coords= with the places of the units")
    first = _decay(D, avc)
    last = _decay(D, LEAST_AVC)
    grid = first * STEP ** np.arange(int(np.ceil(np.log(last / first) / np.log(STEP))) + 1)
    most = min(10 if avc >= 0.05 else 20 if avc >= 0.01 else 60 if avc >= 0.005 else 120, len(subset) - 1)
    while True:
        R = _eigenvectors(points, subset, D, first, most)
        at = Components(points, R, grid, subset)
        omegas = at.covariances(R[None])
        values = np.array([critical_value(omegas[:, : q + 1, : q + 1]) for q in range(1, most + 1)])
        q = int(np.argmin(values * _mean_length(np.arange(1, most + 1)))) + 1
        if q < most or most == len(subset) - 1:
            return Components(points, R[:, : q + 1], grid, subset, q, float(values[q - 1]))
        most = min(most + most // 2, len(subset) - 1)


def _mean_length(q):
    """E sqrt(chi2(q) / q), but for a constant."""
    from scipy.special import gammaln

    return np.exp(gammaln((q + 1) / 2) - gammaln(q / 2)) / np.sqrt(q)


def _decay(D, avc) -> float:
    """c with the average of exp(-c d_ij), i != j, equal to avc."""
    from scipy.optimize import brentq

    n = len(D)

    def excess(log_c):
        return (np.exp(-np.exp(log_c) * D).sum() - n) / (n * (n - 1)) - avc

    middle = -np.log(np.median(D[D > 0]))
    low, high = middle, middle
    while excess(low) < 0 and middle - low < 30:
        low -= 1
    while excess(high) > 0 and high - middle < 30:
        high += 1
    bracketed = excess(low) > 0 > excess(high)
    return float(np.exp(brentq(excess, low, high, xtol=1e-10) if bracketed else high))


def _eigenvectors(points, subset, D, c, count) -> np.ndarray:
    """1 / sqrt(n) and the first eigenvectors of M Sigma(c) M, orthonormal, (n, 1 + count)."""
    n, m = len(points), len(subset)
    centered = np.exp(-c * D)
    centered -= centered.mean(axis=0)
    centered -= centered.mean(axis=1, keepdims=True)
    values, vectors = _largest(centered, count)
    if n > m:  # Nystroem: the kernel to the subset, centered like it
        turn = vectors / values
        parts = [np.exp(-c * great_circle(points[rows], points[subset])) @ (turn - turn.mean(axis=0))
                 for rows in np.array_split(np.arange(n), n // 500 + 1)]  # fmt: skip
        extended = np.concatenate(parts)
        vectors = np.linalg.qr(extended - extended.mean(axis=0))[0]
    return np.column_stack([np.full(n, 1 / np.sqrt(n)), vectors])


def _largest(S, count) -> tuple[np.ndarray, np.ndarray]:
    """The largest eigenvalues and their vectors, in descending order."""
    from scipy.linalg import eigh
    from scipy.sparse.linalg import eigsh

    m = len(S)
    if m <= 500:
        values, vectors = eigh(S, subset_by_index=[m - count, m - 1])
    else:
        values, vectors = eigsh(S, k=count, which="LA", v0=np.random.default_rng(0).standard_normal(m))
    order = np.argsort(values)[::-1]
    return values[order], vectors[:, order]


def critical_value(omegas: np.ndarray) -> float:
    """The smallest cv with P(t^2 > cv^2) <= 5 % under every covariance (C, 1 + q, 1 + q) of (numerator, directions)."""
    from scipy.optimize import brentq

    # The root under the first covariance, then under any that still rejects more.
    cv, active = 0.0, 0
    for _ in range(len(omegas) + 1):
        high = max(2 * cv, 4.0)
        while rejection(omegas[active], high) > SIZE:
            high *= 2
        cv = brentq(lambda value, omega=omegas[active]: rejection(omega, value) - SIZE, cv or 1e-3, high, xtol=1e-10)
        shares = np.array([rejection(omega, cv) for omega in omegas])
        active = int(np.argmax(shares))
        if shares[active] <= SIZE * (1 + 1e-8):
            break
    return float(cv)


def rejection(omega: np.ndarray, cv: float) -> float:
    """P(z_0^2 > cv^2 / q sum_j z_j^2), z normal with covariance ``omega``.

    With one positive and q negative eigenvalues of diag(1, -cv^2 / q) omega it is P(Z_0^2 > sum a_j Z_j^2), by Craig's
    formula for the normal tail 2 / pi times the integral of prod (1 + a_j / sin^2 x)^(-1/2) over (0, pi / 2).

    Examples
    --------
    >>> from scipy.stats import t
    >>> round(rejection(np.eye(9), float(t.ppf(0.975, 8))), 6)
    0.05
    """
    q = len(omega) - 1
    L = np.linalg.cholesky(omega + 1e-14 * np.trace(omega) / (q + 1) * np.eye(q + 1))
    signs = np.concatenate([[1.0], np.full(q, -(cv**2) / q)])
    values = np.linalg.eigvalsh(L.T @ (signs[:, None] * L))
    a = -values[:-1] / values[-1]
    sines, weights = _angles()
    return float(weights @ np.prod(1 + np.maximum(a, 0)[:, None] / sines, axis=0) ** -0.5)


@cache
def _angles() -> tuple[np.ndarray, np.ndarray]:
    """sin^2 x and weights of Gauss and Legendre over (0, pi / 2)."""
    nodes, weights = np.polynomial.legendre.leggauss(NODES)
    return np.sin((nodes + 1) * np.pi / 4) ** 2, weights / 2
