"""Who shares an item with whom, for millions of items: compiled loops, arrays in, arrays out.

Looking an item up in one large table misses the cache nearly every time. So items are first dealt into bins by the
leading bits of a hash, as sequential writes; what is equal lies in one bin; and each bin is small enough to be looked
through within the cache.

Each occurrence of an item carries a signature. The item is unmatched where the exclusive or of its signatures is not
zero (see vertices.signatures).
"""

from __future__ import annotations

import numpy as np

from spillover.accelerate import njit, wrapping


@wrapping
def mixed(a, b):
    """A hash of the item (a, b); its leading bits choose the bin, bits from the 20th the slot within."""
    h = a * np.uint64(0x9E3779B97F4A7C15) ^ (b + np.uint64(0x7F4A7C15)) * np.uint64(0xC2B2AE3D27D4EB4F)
    h ^= h >> np.uint64(32)
    return h * np.uint64(0x9E3779B97F4A7C15)


@njit
def _end(items, begin, i):
    """Where owner i's items end; a last one equal to the first, which closes a ring, is left out."""
    first, last = begin[i], begin[i + 1] - 1
    closes = last > first and items[first, 0] == items[last, 0] and items[first, 1] == items[last, 1]
    return last if closes else last + 1


@njit
def deal(items, sign, begin, owner_of_first, at, shift, item, signs, owner, bounds):
    """Copy items (m, 2), their signatures and owners into bins, from ``at`` on: bin b is bounds[b] to bounds[b + 1].

    Within a bin items keep their order, so owners rise. The number of bins is a power of two, 2**(64 - shift).
    """
    bins = len(bounds) - 1
    bounds[0] = at
    for b in range(bins):
        bounds[b + 1] = 0
    home = np.empty(len(items), np.int32)
    for i in range(len(begin) - 1):
        for p in range(begin[i], _end(items, begin, i)):
            home[p] = mixed(items[p, 0], items[p, 1]) >> shift
            bounds[home[p] + 1] += 1
    for b in range(bins):
        bounds[b + 1] += bounds[b]
    free = bounds[:-1].copy()
    for i in range(len(begin) - 1):
        first, end = begin[i], _end(items, begin, i)
        for p in range(first, end):
            q = free[home[p]]
            free[home[p]] += 1
            item[q, 0], item[q, 1], owner[q], signs[q] = items[p, 0], items[p, 1], owner_of_first + i, sign[p]
            if p == first and end < begin[i + 1]:  # the last item, left out, is the first
                signs[q] ^= sign[end]
    return bounds[bins]


@njit
def _gather(item, signs, owner, bounds, b, k, sign, own):
    """Copy bin b, which has a stretch in each hand dealt (row of bounds), to one place; its size."""
    m = 0
    for hand in range(len(bounds)):
        for q in range(bounds[hand, b], bounds[hand, b + 1]):
            k[m, 0], k[m, 1], sign[m], own[m] = item[q, 0], item[q, 1], signs[q], owner[q]
            m += 1
    return m


@wrapping
def _chain(k, sign, own, m, table, before, depth):
    """Link each item to the one before it that is equal, and count the pairs that such chains hold.

    The signature of each becomes that of the chain up to it.
    """
    for slot in range(len(table)):
        table[slot] = -1
    mask = np.uint64(len(table) - 1)
    pairs = 0
    for e in range(m):
        slot = (mixed(k[e, 0], k[e, 1]) >> np.uint64(20)) & mask
        while table[slot] >= 0 and (k[table[slot], 0] != k[e, 0] or k[table[slot], 1] != k[e, 1]):
            slot = (slot + np.uint64(1)) & mask
        h = table[slot]
        before[e], depth[e] = h, 0
        if h >= 0:
            sign[e] ^= sign[h]
        if h >= 0 and own[h] == own[e]:  # a ring that touches itself
            before[e] = -1
            sign[h] = sign[e]
            continue
        if h >= 0:
            depth[e] = depth[h] + 1
        pairs += depth[e]
        table[slot] = e
    return pairs


@njit
def _spell_out(own, before, m, pair, filled):
    """Write the pairs (lower, higher owner) that the chains hold; how many there are then."""
    for e in range(m):
        h = before[e]
        while h >= 0:
            pair[filled, 0], pair[filled, 1] = own[h], own[e]
            filled += 1
            h = before[h]
    return filled


@njit
def _leave_over(k, sign, own, table, before, rest, rest_owner, left, owners):
    """Write each unmatched item once and all its owners; how many items and owners there are then."""
    for e in table:
        if e >= 0 and sign[e] != 0:
            rest[left, 0], rest[left, 1] = k[e, 0], k[e, 1]
            left += 1
            while e >= 0:
                rest_owner[owners] = own[e]
                owners += 1
                e = before[e]
    return left, owners


@njit
def _room(pair, filled, more):
    """The pairs so far in an array that can hold ``more`` others."""
    if filled + more <= len(pair):
        return pair
    wider = np.empty((2 * (filled + more), 2), np.int32)
    for q in range(filled):
        wider[q, 0], wider[q, 1] = pair[q, 0], pair[q, 1]
    return wider


@njit
def meetings(item, signs, owner, bounds, first, last, limit):
    """Pairs (lower, higher) of owners that meet in bins first to last, one for each item in common, (p, 2).

    Beside them their number, and the unmatched items with their owners. It stops where the number of pairs would pass
    the limit.
    """
    most, entries = 0, 0
    for b in range(first, last):
        size = 0
        for hand in range(len(bounds)):
            size += bounds[hand, b + 1] - bounds[hand, b]
        most, entries = max(most, size), entries + size
    slots = 16
    while 2 * slots < 3 * most:
        slots *= 2
    k, sign, own = np.empty((most, 2), np.uint64), np.empty(most, np.uint32), np.empty(most, np.int32)
    table, before, depth = np.empty(slots, np.int32), np.empty(most, np.int32), np.empty(most, np.int32)
    pair, filled = np.empty((entries + entries // 2, 2), np.int32), np.int64(0)
    rest, rest_owner = np.empty((entries, 2), np.uint64), np.empty(entries, np.int32)
    left, owners = np.int64(0), np.int64(0)
    for b in range(first, last):
        m = _gather(item, signs, owner, bounds, b, k, sign, own)
        more = _chain(k, sign, own, m, table, before, depth)
        if filled + more > limit:
            return pair[:0], filled + more, rest[:0], rest_owner[:0]
        pair = _room(pair, filled, more)
        filled = _spell_out(own, before, m, pair, filled)
        left, owners = _leave_over(k, sign, own, table, before, rest, rest_owner, left, owners)
    return pair[:filled], filled, rest[:left].copy(), rest_owner[:owners].copy()


@njit
def deal_pairs(pair, wide, at, dealt, bounds):
    """Copy pairs into bins of 2**wide rows, by their lower owner, as in :func:`deal`."""
    bounds[0] = at
    for b in range(len(bounds) - 1):
        bounds[b + 1] = 0
    for q in range(len(pair)):
        bounds[(pair[q, 0] >> wide) + 1] += 1
    for b in range(len(bounds) - 1):
        bounds[b + 1] += bounds[b]
    free = bounds[:-1].copy()
    for q in range(len(pair)):
        b = pair[q, 0] >> wide
        dealt[free[b], 0], dealt[free[b], 1] = pair[q, 0], pair[q, 1]
        free[b] += 1


@njit
def _spread(dealt, bounds, b, base, end, near):
    """Rows of bin b, side by side: row base + i is near[end[i - 1]] to near[end[i]]."""
    for i in range(len(end)):
        end[i] = 0
    for hand in range(len(bounds)):
        for q in range(bounds[hand, b], bounds[hand, b + 1]):
            end[dealt[q, 0] - base + 1] += 1
    for i in range(len(end) - 1):
        end[i + 1] += end[i]
    for hand in range(len(bounds)):
        for q in range(bounds[hand, b], bounds[hand, b + 1]):
            i = dealt[q, 0] - base
            near[end[i]] = dealt[q, 1]
            end[i] += 1


@njit
def _keep_sorted(row, out, first):
    """Write the different numbers of a row to out, from first on, in order; where they end."""
    gap = len(row) // 3 if len(row) > 64 else 0
    while gap > 1:  # a long row is sorted roughly first, so that no entry has far to go (Shell 1959)
        for q in range(gap, len(row)):
            j, t = row[q], q
            while t >= gap and row[t - gap] > j:
                row[t] = row[t - gap]
                t -= gap
            row[t] = j
        gap //= 3
    filled = first
    for j in row:
        t = filled
        while t > first and out[t - 1] > j:
            t -= 1
        if t == first or out[t - 1] != j:
            for s in range(filled, t, -1):
                out[s] = out[s - 1]
            out[t] = j
            filled += 1
    return filled


@njit
def distinct(dealt, bounds, wide, first, last, n):
    """The different pairs of bins first to last, by row and sorted: (higher owners, how many each row has)."""
    most, total = 0, 0
    for b in range(first, last):
        size = 0
        for hand in range(len(bounds)):
            size += bounds[hand, b + 1] - bounds[hand, b]
        most, total = max(most, size), total + size
    near, end = np.empty(most, np.int32), np.empty((1 << wide) + 1, np.int64)
    rows = max(0, min(last << wide, n) - (first << wide))
    higher, count = np.empty(total, np.int32), np.empty(rows, np.int32)
    filled, row = np.int64(0), 0
    for b in range(first, last):
        base, begin = b << wide, 0
        _spread(dealt, bounds, b, base, end, near)
        for i in range(min(1 << wide, n - base)):
            upto = _keep_sorted(near[begin : end[i]], higher, filled)
            begin, count[row], filled, row = end[i], upto - filled, upto, row + 1
    return higher[:filled], count


@njit
def mirrored(higher, count):
    """CSR (indptr, indices) of both directions of pairs, row i of which are the next count[i] of ``higher``."""
    n, q = len(count), 0
    indptr = np.zeros(n + 1, np.int32)
    for i in range(n):
        indptr[i + 1] += count[i]
        for _ in range(count[i]):
            indptr[higher[q] + 1] += 1
            q += 1
    for i in range(n):
        indptr[i + 1] += indptr[i]
    free, indices, q = indptr[:-1].copy(), np.empty(indptr[-1], np.int32), 0
    for i in range(n):
        at = free[i]
        for _ in range(count[i]):
            j = higher[q]
            indices[at], indices[free[j]] = j, i
            free[j] += 1
            at, q = at + 1, q + 1
    return indptr, indices
