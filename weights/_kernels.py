"""Compiled loops for large maps: arrays in, arrays out. Imported only where they pay."""

from __future__ import annotations

import numpy as np

from spillover.accelerate import njit


@njit
def label_pairs(a, b):
    """Number the distinct pairs (a_i, b_i) in order of appearance, by an open hash table of the exact bits."""
    size = 16
    while size < 2 * len(a):
        size *= 2
    mask = np.uint64(size - 1)
    first = np.full(size, -1, np.int32)  # position of the first pair in each slot
    label = np.empty(len(a), np.int32)
    count = 0
    for i in range(len(a)):
        h = a[i] * np.uint64(0x9E3779B97F4A7C15) ^ (b[i] + np.uint64(0x7F4A7C15)) * np.uint64(0xC2B2AE3D27D4EB4F)
        h ^= h >> np.uint64(32)
        slot = (h * np.uint64(0x9E3779B97F4A7C15) >> np.uint64(20)) & mask
        while first[slot] >= 0 and (a[first[slot]] != a[i] or b[first[slot]] != b[i]):
            slot = (slot + np.uint64(1)) & mask
        if first[slot] < 0:
            first[slot] = i
            label[i] = count
            count += 1
        else:
            label[i] = label[first[slot]]
    return label


@njit
def shared_owners(owner, label, labels, n):
    """Row i: the owners (sorted, without i) that share a label with i. ``owner`` must not decrease."""
    last = np.full(labels, -1, np.int32)  # chains of positions with the same label, latest first
    previous = np.empty(len(owner), np.int32)
    begin = np.zeros(n + 1, np.int64)
    for p in range(len(owner)):
        previous[p] = last[label[p]]
        last[label[p]] = p
        begin[owner[p] + 1] += 1
    for i in range(n):
        begin[i + 1] += begin[i]
    indptr = np.zeros(n + 1, np.int32)
    indices = np.empty(max(16, 7 * n), np.int32)
    seen = np.full(n, -1, np.int32)
    filled = 0
    for i in range(n):
        start = filled
        seen[i] = i
        for p in range(begin[i], begin[i + 1]):
            q = last[label[p]]
            while q >= 0:
                j = owner[q]
                if seen[j] != i:
                    seen[j] = i
                    if filled == len(indices):
                        wider = np.empty(filled + filled // 2, np.int32)
                        wider[:filled] = indices
                        indices = wider
                    indices[filled] = j
                    filled += 1
                q = previous[q]
        for s in range(start + 1, filled):  # rows are short: insertion sort
            j = indices[s]
            t = s - 1
            while t >= start and indices[t] > j:
                indices[t + 1] = indices[t]
                t -= 1
            indices[t + 1] = j
        indptr[i + 1] = filled
    return indptr, indices[:filled].copy()
