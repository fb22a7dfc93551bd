"""Work on large arrays in parts, side by side, where compiled loops, numpy or shapely let other threads run."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np

THREADS = min(os.cpu_count() or 1, 8)
PIECE = 8_192  # shapes asked at a time, while they are in the cache
THREADED_FROM = 100_000  # shapes; below, asking one after the other takes a few milliseconds


def of_each(asks, shapes: np.ndarray) -> list[np.ndarray]:
    """What each of some shapely functions says of the shapes, one whole number for each, [(n,) int32, ...]."""
    n = len(shapes)
    out = [np.empty(n, np.int32) for _ in asks]

    def fill(start):
        for ask, answer in zip(asks, out, strict=True):
            answer[start : start + PIECE] = ask(shapes[start : start + PIECE])

    if n < THREADED_FROM:
        list(map(fill, range(0, n, PIECE)))
    else:
        with ThreadPoolExecutor(THREADS) as pool:
            list(pool.map(fill, range(0, n, PIECE)))
    return out
