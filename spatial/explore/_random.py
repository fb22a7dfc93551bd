"""Permutations from counted random numbers: number p under a seed is the same whoever computes it.

Every random integer is a hash of (seed, permutation, step), splitmix64 of Steele, Lea and Flood (2014). There
is no state to share, so any number of threads, any block size and the compiled kernel give the same bits.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

_GOLDEN, _APART = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xD1342543DE82EF95)
_LOW = np.uint64(0xFFFFFFFF)
POOL = 2_000_000  # numbers held at a time


def mix(x: np.ndarray) -> np.ndarray:
    """Scatter 64 bits (finaliser of splitmix64)."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def keys(seed: int, first: int, last: int) -> np.ndarray:
    """The stream of each permutation first, ..., last - 1."""
    start = mix(np.array([seed % 2**64], np.uint64))
    return mix(start + np.arange(first + 1, last + 1, dtype=np.uint64) * _APART)


def targets(n: int, k: int, stream: np.ndarray) -> np.ndarray:
    """Where step s = 0, ..., k - 1 of a shuffle takes its unit from: uniform on s, ..., n - 1.

    Returns int64, shape (k, len(stream)). The bound is met by a 64-bit multiplication, whose bias (n / 2^64)
    is beyond notice.
    """
    steps = np.arange(1, k + 1, dtype=np.uint64)[:, None]
    bits = mix(stream[None, :] + steps * _GOLDEN)
    left = np.uint64(n) - (steps - np.uint64(1))
    high = ((bits >> np.uint64(32)) * left + (((bits & _LOW) * left) >> np.uint64(32))) >> np.uint64(32)
    return (high + (steps - np.uint64(1))).astype(np.int64)


def tables(n: int, k: int, permutations: int, seed: int) -> Iterator[tuple[int, np.ndarray]]:
    """The first k entries of every permutation of 0, ..., n - 1, in blocks.

    A Fisher-Yates shuffle stopped after k steps, all permutations of a block at once. With k = n these are
    whole permutations.

    Yields
    ------
    first : int
        Number of the block's first permutation.
    table : ndarray of int32, shape (k, block)
    """
    block = max(1, min(permutations, POOL // n))
    pool = np.repeat(np.arange(n, dtype=np.int32)[:, None], block, axis=1)
    for first in range(0, permutations, block):
        width = min(block, permutations - first)
        if width < block:
            pool = np.ascontiguousarray(pool[:, :width])
        source = targets(n, k, keys(seed, first, first + width))
        flat, at = pool.reshape(-1), source * width + np.arange(width)
        for step in range(min(k, n - 1)):
            chosen = flat[at[step]]
            flat[at[step]] = pool[step]
            pool[step] = chosen
        yield first, pool[:k].copy()
        flat[at] = source  # undo: cheaper than filling the pool anew
        pool[:k] = np.arange(k, dtype=np.int32)[:, None]
