"""Compiled loops of the global statistics: permute the values, sum over the links.

The random integers are those of `spatial.explore._random`, bit for bit.
"""

from __future__ import annotations

import numpy as np

from spillover.accelerate import njit

ROWS = 8  # shuffled one after the other, then put side by side
LANES = 16  # permutations side by side: two cache lines of doubles, and vector instructions over them


@njit
def mix(x):
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


@njit
def shuffle(values, key):
    """Permute in place, by the stream of this key; each hash serves two steps."""
    n = values.size
    for pair in range(n // 2):
        bits = mix(key + np.uint64(pair + 1) * np.uint64(0x9E3779B97F4A7C15))
        step = 2 * pair
        j = step + np.int64(((bits >> np.uint64(32)) * np.uint64(n - step)) >> np.uint64(32))
        values[step], values[j] = values[j], values[step]
        step += 1
        j = step + np.int64(((bits & np.uint64(0xFFFFFFFF)) * np.uint64(n - step)) >> np.uint64(32))
        values[step], values[j] = values[j], values[step]


@njit
def side_by_side(rows, lanes, first):
    """Copy rows (some permutations, n) into columns first, ... of lanes (n, LANES), a few units at a time."""
    width, n = rows.shape
    for start in range(0, n, LANES):
        for p in range(width):
            for i in range(start, min(n, start + LANES)):
                lanes[i, first + p] = rows[p, i]


@njit
def products(lanes, indptr, indices, data, lag, sums):
    """The sum over links of w_ij z_i z_j into ``sums``, for all permutations at once."""
    n, width = lanes.shape
    sums[:] = 0.0
    for i in range(n):
        for p in range(width):
            lag[p] = 0.0
        for at in range(indptr[i], indptr[i + 1]):
            j, w = indices[at], data[at]
            for p in range(width):
                lag[p] += w * lanes[j, p]
        for p in range(width):
            sums[p] += lag[p] * lanes[i, p]


@njit
def permuted_sums(z, a, power, indptr, indices, data, keys, quadratic, linear):
    """For every permutation: the sum over links of w_ij z_i z_j, and the sum over units of a_i z_i^power.

    z: (n,); a: (n,), or empty for no second sum; links i <= j in CSR; keys: (permutations,) uint64; the sums are
    added to quadratic and linear, (permutations,).
    """
    rows, lanes = np.empty((ROWS, z.size)), np.zeros((z.size, LANES))  # allocated once: fresh memory is slow
    lag, sums = np.empty(LANES), np.empty(LANES)
    for p in range(keys.size):
        row = rows[p % ROWS]
        row[:] = z
        shuffle(row, keys[p])
        for i in range(a.size):
            linear[p] += a[i] * row[i] ** power
        last = p + 1 == keys.size
        if data.size > 0 and (p % ROWS == ROWS - 1 or last):
            side_by_side(rows, lanes, p % LANES // ROWS * ROWS)
        if data.size > 0 and (p % LANES == LANES - 1 or last):
            products(lanes, indptr, indices, data, lag, sums)
            for done in range(p % LANES + 1):
                quadratic[p - done] += sums[p % LANES - done]
