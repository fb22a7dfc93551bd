"""Compiled loops of the global statistics: shuffle the map, add up over the links.

The random integers are those of `spatial.explore._random`, bit for bit.
"""

from __future__ import annotations

import numpy as np

from spillover.accelerate import njit, njit_parallel, prange

LANES = 8  # permutations side by side: eight doubles are one cache line


@njit
def mix(x):
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


@njit
def shuffle(order, key):
    """Turn 0, ..., n - 1 into the permutation of this key."""
    n = order.size
    for i in range(n):
        order[i] = i
    for step in range(n - 1):
        left = np.uint64(n - step)
        bits = mix(key + np.uint64(step + 1) * np.uint64(0x9E3779B97F4A7C15))
        low = ((bits & np.uint64(0xFFFFFFFF)) * left) >> np.uint64(32)
        j = step + np.int64(((bits >> np.uint64(32)) * left + low) >> np.uint64(32))
        order[step], order[j] = order[j], order[step]


@njit_parallel
def permuted_sums(z, v, a, indptr, indices, data, keys):
    """For every permutation: the sum over links of w_ij z_i z_j, and the sum over units of a_i v_i.

    z, v, a: (n,); links i < j in CSR; keys: (permutations,) uint64. Returns two (permutations,) arrays.
    """
    n, permutations = z.size, keys.size
    products, sums = np.zeros(permutations), np.zeros(permutations)
    for block in prange((permutations + LANES - 1) // LANES):
        first = block * LANES
        width = min(LANES, permutations - first)
        order = np.empty(n, np.int32)
        lanes = np.zeros((n, LANES))
        for p in range(width):
            shuffle(order, keys[first + p])
            total = 0.0
            for i in range(n):
                lanes[i, p] = z[order[i]]
                total += a[i] * v[order[i]]
            sums[first + p] = total
        found = np.zeros(LANES)
        lag = np.empty(LANES)
        for i in range(n):
            for p in range(LANES):
                lag[p] = 0.0
            for at in range(indptr[i], indptr[i + 1]):
                j, w = indices[at], data[at]
                for p in range(LANES):
                    lag[p] += w * lanes[j, p]
            for p in range(LANES):
                found[p] += lag[p] * lanes[i, p]
        for p in range(width):
            products[first + p] = found[p]
    return products, sums
