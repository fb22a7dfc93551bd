"""Exact means and variances of global statistics under normality and under randomisation.

Cliff and Ord (1981), *Spatial Processes*, sections 2.3 to 2.4.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy import sparse


class LinkSums(NamedTuple):
    """s0 = sum w_ij; s1 = sum (w_ij + w_ji)^2 / 2; s2 = sum over i of (w_i. + w_.i)^2."""

    s0: float
    s1: float
    s2: float


def link_sums(csr: sparse.csr_array) -> LinkSums:
    both = sparse.csr_array(csr + csr.T)
    touching = np.asarray(both.sum(axis=1)).ravel()
    return LinkSums(float(csr.sum()), float((both.data**2).sum() / 2), float(touching @ touching))


def kurtosis(z: np.ndarray) -> float:
    """b2 of values with mean 0 and variance 1."""
    return float(np.mean(z**4))


def moran(links: LinkSums, n: int, b2: float) -> tuple[float, float, float]:
    """Mean of I, its variance under normality and under randomisation (Cliff and Ord 1981, eq. 2.35, 2.39)."""
    s0, s1, s2 = links
    mean = -1 / (n - 1)
    normal = (n**2 * s1 - n * s2 + 3 * s0**2) / (s0**2 * (n**2 - 1)) - mean**2
    first = n * ((n**2 - 3 * n + 3) * s1 - n * s2 + 3 * s0**2)
    second = b2 * ((n**2 - n) * s1 - 2 * n * s2 + 6 * s0**2)
    return mean, normal, (first - second) / ((n - 1) * (n - 2) * (n - 3) * s0**2) - mean**2


def geary(links: LinkSums, n: int, b2: float) -> tuple[float, float, float]:
    """Mean of C, its variance under normality and under randomisation (Cliff and Ord 1981, eq. 2.37, 2.41)."""
    s0, s1, s2 = links
    normal = ((2 * s1 + s2) * (n - 1) - 4 * s0**2) / (2 * (n + 1) * s0**2)
    rand = (n - 1) * s1 * (n**2 - 3 * n + 3 - (n - 1) * b2)
    rand -= (n - 1) * s2 * (n**2 + 3 * n - 6 - (n**2 - n + 2) * b2) / 4
    rand += s0**2 * (n**2 - 3 - (n - 1) ** 2 * b2)
    return 1.0, normal, rand / (n * (n - 2) * (n - 3) * s0**2)


def quadratic(links: LinkSums, n: int, x: np.ndarray) -> tuple[float, float]:
    """Mean and variance of sum w_ij x_i x_j over all permutations of x: exact, for any x and W without diagonal.

    Two links share both units (s1), one unit (s2 - 2 s1) or none; each case meets its own average of products
    (Cliff and Ord 1981, section 2.4; Getis and Ord 1992).
    """
    s0, s1, s2 = links
    p1, p2, p3, p4 = (float(np.sum(x**power)) for power in (1, 2, 3, 4))
    pairs = (p1**2 - p2) / (n * (n - 1))  # mean of x_i x_j over distinct i, j
    squares = (p2**2 - p4) / (n * (n - 1))  # of x_i^2 x_j^2
    chains = (p1**2 * p2 - p2**2 - 2 * p1 * p3 + 2 * p4) / (n * (n - 1) * (n - 2))  # of x_i^2 x_j x_k
    fours = p1**4 - 6 * p1**2 * p2 + 3 * p2**2 + 8 * p1 * p3 - 6 * p4
    fours /= n * (n - 1) * (n - 2) * (n - 3)  # of x_i x_j x_k x_l
    mean = s0 * pairs
    second = s1 * squares + (s2 - 2 * s1) * chains + (s0**2 - s2 + s1) * fours
    return mean, second - mean**2


def joins(links: LinkSums, n: int, size: np.ndarray) -> tuple[float, float]:
    """Mean and variance of joins inside one label of so many units (Cliff and Ord 1981, section 1.4.2)."""
    m = float(size[0])
    chances = _falling(m, 2) / _falling(n, 2), _falling(m, 3) / _falling(n, 3), _falling(m, 4) / _falling(n, 4)
    return _count_of_pairs(links, *chances)


def joins_between(links: LinkSums, n: int, sizes: np.ndarray, among: float) -> tuple[float, float]:
    """Mean and variance of joins between different labels of these sizes, which have ``among`` units together.

    Chances that pairs of units drawn without replacement are of two of these labels each: one pair; two pairs that
    share a unit; two pairs of four units (Cliff and Ord 1981, section 1.4.2, for two labels).
    """
    m, square = np.asarray(sizes, float), float(among)
    alike = _falling(m, 2).sum()
    one = _falling(square, 2) - alike
    shared = (m * (square - m) * (square - m - 1)).sum()
    both_alike = alike**2 - (_falling(m, 2) ** 2).sum() + _falling(m, 4).sum()
    first_alike = (_falling(m, 2) * _falling(square - 2, 2)).sum()
    apart = _falling(square, 4) - 2 * first_alike + both_alike
    return _count_of_pairs(links, one / _falling(n, 2), shared / _falling(n, 3), apart / _falling(n, 4))


def _count_of_pairs(links: LinkSums, one: float, shared: float, apart: float) -> tuple[float, float]:
    """Mean and variance of half the sum of w over linked pairs that count; cases of two links as in `quadratic`."""
    s0, s1, s2 = links
    mean = s0 * one / 2
    second = (s1 * one + (s2 - 2 * s1) * shared + (s0**2 - s2 + s1) * apart) / 4
    return float(mean), float(second - mean**2)


def _falling(x, k: int):
    """x (x - 1) ... (x - k + 1)."""
    out = 1.0
    for step in range(k):
        out = out * (x - step)
    return out


def cross(V: sparse.csr_array, a: np.ndarray, b: np.ndarray) -> tuple[float, float]:
    """Mean and variance of sum v_ij a_i b_j when pairs (a, b) are permuted together; V symmetric, diagonal and all.

    a and b have mean zero. The diagonal is a linear statistic of c = ab (Hoeffding 1951), the rest one of Mantel's
    (1967) with B = (ab' + ba')/2, whose rows sum to -c; links share both units, one or none, as in `quadratic`.
    """
    n = len(a)
    n2, n3, n4 = n * (n - 1), n * (n - 1) * (n - 2), n * (n - 1) * (n - 2) * (n - 3)
    d = V.diagonal()
    rows = np.asarray(V.sum(axis=1)).ravel() - d
    c = a * b
    linear_mean = d.sum() * c.mean()
    linear = np.sum((d - d.mean()) ** 2) * np.sum((c - c.mean()) ** 2) / (n - 1)

    s0, A2, A3 = rows.sum(), float((V.data**2).sum() - d @ d), rows @ rows
    A3, A4 = A3 - A2, s0**2 - 4 * A3 + 2 * A2
    whole, q = -c.sum(), -c
    B2 = ((a @ a) * (b @ b) + c.sum() ** 2) / 2 - c @ c
    B3, B4 = q @ q - B2, whole**2 - 4 * (q @ q) + 2 * B2
    rest_mean = s0 * whole / n2
    rest = 2 * A2 * B2 / n2 + 4 * A3 * B3 / n3 + A4 * B4 / n4 - rest_mean**2

    touching = 2 * (d @ rows) * (c @ q) / n2
    apart = (d @ (s0 - 2 * rows)) * (c @ (whole - 2 * q)) / n3
    both = touching + apart - linear_mean * rest_mean
    return float(linear_mean + rest_mean), float(linear + rest + 2 * both)
