"""Slow twins: the definitions, written as loops over dense matrices and Python integers."""

from itertools import permutations

import numpy as np

MASK = 2**64 - 1


def moran(y, w):
    z = y - y.mean()
    n = len(y)
    return n / w.sum() * sum(w[i, j] * z[i] * z[j] for i in range(n) for j in range(n)) / (z @ z)


def geary(y, w):
    z = y - y.mean()
    n = len(y)
    total = sum(w[i, j] * (y[i] - y[j]) ** 2 for i in range(n) for j in range(n))
    return (n - 1) / (2 * w.sum()) * total / (z @ z)


def getis(y, w):
    n = len(y)
    return (y @ w @ y) / sum(y[i] * y[j] for i in range(n) for j in range(n) if i != j)


def everywhere(y, statistic):
    """The statistic of every arrangement of the values."""
    return np.array([statistic(np.array(arrangement)) for arrangement in permutations(y)])


def draws_for_site(values, site, d):
    """Every ordered choice of d of the other sites' values."""
    others = [v for j, v in enumerate(values) if j != site]
    return np.array(list(permutations(others, d)))


def mix(x):
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9 & MASK
    x = (x ^ (x >> 27)) * 0x94D049BB133111EB & MASK
    return x ^ (x >> 31)


def shuffle(n, seed, number):
    """Permutation ``number`` under ``seed``, one swap after the other."""
    key = mix(mix(seed) + (number + 1) * 0xD1342543DE82EF95 & MASK)
    order = list(range(n))
    for step in range(n - 1):
        bits = mix(key + (step // 2 + 1) * 0x9E3779B97F4A7C15 & MASK)
        half = bits & 0xFFFFFFFF if step % 2 else bits >> 32
        j = step + (half * (n - step) >> 32)
        order[step], order[j] = order[j], order[step]
    return order


def conditional_lags(values, w, site, permutations, seed):
    """Simulated lags of one site: the first of each permutation's units, the next in place of the site itself."""
    neighbors = np.flatnonzero(w[site])
    d, lags = len(neighbors), []
    for p in range(permutations):
        order = shuffle(len(values), seed, p)
        drawn = [order[d] if j == site else j for j in order[:d]]
        lags.append(sum(w[site, j] * values[k] for j, k in zip(neighbors, drawn)))
    return np.array(lags)
