"""Permutations from counted random numbers: number p under a seed is the same whoever computes it.

Every random integer is a hash of (seed, permutation, step), splitmix64 of Steele, Lea and Flood (2014). There
is no state to share, so any number of threads, any block size and the compiled kernel give the same bits.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from spillover.progress import report

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

    Returns int64, shape (k, len(stream)). Each hash serves two steps, its upper half the even one; the bound is met by
    multiplying 32 bits, whose bias (n / 2^32 of a probability) is far below what permutations can show.
    """
    pairs = np.arange(1, (k + 1) // 2 + 1, dtype=np.uint64)
    bits = mix(stream[None, :] + pairs[:, None] * _GOLDEN)
    halves = np.stack([bits >> np.uint64(32), bits & _LOW], axis=1).reshape(-1, len(stream))[:k]
    steps = np.arange(k, dtype=np.uint64)[:, None]
    return (((halves * (np.uint64(n) - steps)) >> np.uint64(32)) + steps).astype(np.int64)


def tables(n: int, k: int, permutations: int, seed: int, *, block: int) -> Iterator[tuple[int, np.ndarray]]:
    """The first k entries of every permutation of 0, ..., n - 1, ``block`` permutations at a time.

    Yields
    ------
    first : int
        Number of the block's first permutation.
    table : ndarray of int64, shape (k, block)
        Columns are permutations (the last block may be narrower).
    """
    for first in range(0, permutations, block):
        last = min(first + block, permutations)
        report("permutations", first, permutations)
        yield first, prefixes(n, targets(n, k, keys(seed, first, last)))
    report("permutations", permutations, permutations)


def prefixes(n: int, source: np.ndarray) -> np.ndarray:
    """The first k entries of the Fisher-Yates shuffles that take step s from ``source[s]``; shape (k, block).

    A unit is moved before it is drawn only if a target repeats. Columns without repeats are their own answer,
    which spares long maps from holding n numbers per permutation.
    """
    k, width = source.shape
    if k * k > n:  # most columns have repeats
        repeats = np.arange(width)
    else:
        ranked = np.sort(source, axis=0)
        repeats = np.flatnonzero((ranked[1:] == ranked[:-1]).any(axis=0))
        source = source.copy()
    chunk = max(1, POOL // n)
    for start in range(0, len(repeats), chunk):
        columns = repeats[start : start + chunk]
        source[:, columns] = _swap(n, source[:, columns])
    return source


def _swap(n: int, source: np.ndarray) -> np.ndarray:
    """Shuffle in the open: every column holds all n units."""
    k, width = source.shape
    pool = np.repeat(np.arange(n, dtype=np.int32)[:, None], width, axis=1)
    flat, at = pool.reshape(-1), source * width + np.arange(width)
    for step in range(k):
        chosen = flat[at[step]]
        flat[at[step]] = pool[step]
        pool[step] = chosen
    return pool[:k]
