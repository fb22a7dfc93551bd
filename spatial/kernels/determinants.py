"""Gauss's elimination of I - rho W, W sparse and small: the order once, then several rho side by side."""

from __future__ import annotations

import numpy as np

from spillover.accelerate import ieee, njit

WORD = 64  # units to a word of bits
GONE = np.iinfo(np.int32).max
P = 5  # points side by side, as many as a curve begins with; the compiler unrolls loops over them
PIVOTS = 16  # that are multiplied before a logarithm is taken


@njit
def pattern(indptr, indices, limit):
    """(order, start, right, first, left): the order of elimination and the links at each step.

    The unit with the fewest links is eliminated next, and its neighbors become linked (Tinney & Walker 1967,
    Proceedings of the IEEE 55:1801-1809, scheme 2); both directions of a link count as one.
    ``right[start[t]:start[t + 1]]`` are the units linked to unit ``order[t]`` when it is eliminated;
    ``left[first[t]:first[t + 1]]`` are the positions in ``order`` of the units linked to it that were eliminated
    before. If there would be more than ``limit`` links, it stops and ``order`` is empty.
    """
    n = indptr.size - 1
    links, rank = _links(indptr, indices)
    one, words = np.uint64(1), links.shape[1]
    order, start, right = np.empty(n, np.int64), np.zeros(n + 1, np.int64), np.empty(limit, np.int32)
    for t in range(n):
        least = rank[0]
        for i in range(1, n):
            least = min(least, rank[i])
        k, at = least % n, start[t]
        order[t], start[t + 1] = k, at + least // n
        if start[t + 1] > limit:
            return order[:0], start, right[:0], start, right[:0]
        for word in range(words):
            rest = links[k, word]
            while rest:
                lowest = rest & (~rest + one)
                right[at] = WORD * word + _ones(lowest - one)
                at += 1
                rest ^= lowest
        for at in range(start[t], start[t + 1]):
            i, count = right[at], 0
            links[i, k // WORD] ^= one << np.uint64(k % WORD)
            for word in range(words):
                links[i, word] |= links[k, word]
            links[i, i // WORD] ^= one << np.uint64(i % WORD)
            for word in range(words):
                count += _ones(links[i, word])
            rank[i] = count * n + i
        rank[k] = GONE
    right = right[: start[n]].copy()
    first, left = _before(order, start, right)
    return order, start, right, first, left


@njit
def _links(indptr, indices):
    """Every unit's links, a bit each, and n times their number, plus the unit: the least is the first of the fewest."""
    n = indptr.size - 1
    links, rank = np.zeros((n, (n + WORD - 1) // WORD), np.uint64), np.empty(n, np.int32)
    for i in range(n):
        for at in range(indptr[i], indptr[i + 1]):
            j = indices[at]
            if i != j:
                links[i, j // WORD] |= np.uint64(1) << np.uint64(j % WORD)
                links[j, i // WORD] |= np.uint64(1) << np.uint64(i % WORD)
    for i in range(n):
        count = 0
        for word in range(links.shape[1]):
            count += _ones(links[i, word])
        rank[i] = count * n + i
    return links, rank


@njit
def _before(order, start, right):
    """(first, left) from the rest of a pattern."""
    n = order.size
    place, first = np.empty(n, np.int64), np.zeros(n + 1, np.int64)
    for t in range(n):
        place[order[t]] = t
    for i in right:
        first[place[i] + 1] += 1
    for t in range(n):
        first[t + 1] += first[t]
    filled, left = first.copy(), np.empty_like(right)
    for t in range(n):
        for at in range(start[t], start[t + 1]):
            i = place[right[at]]
            left[filled[i]] = t
            filled[i] += 1
    return first, left


@njit
def _ones(word):
    """Ones in 64 bits, by sums of neighboring bits, pairs, and fours."""
    word -= (word >> np.uint64(1)) & np.uint64(0x5555555555555555)
    word = (word & np.uint64(0x3333333333333333)) + ((word >> np.uint64(2)) & np.uint64(0x3333333333333333))
    word = (word + (word >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
    return np.int32((word * np.uint64(0x0101010101010101)) >> np.uint64(56))


@ieee
def log_determinants(indptr, indices, data, order, start, right, first, left, rho):
    """log|I - rho W| at every rho, and the largest multiplier |u| of each; the five arrays are a ``pattern``.

    Without exchange of rows: where those of rho W have absolute sums below one, no |u| is larger than one and no
    precision is lost.
    """
    value, largest, some = np.empty(rho.size), np.empty(rho.size), np.empty(P)
    for at in range(0, rho.size, P):
        for p in range(P):
            some[p] = rho[min(at + p, rho.size - 1)]
        v, u = _eliminated(indptr, indices, data, order, start, right, first, left, some)
        for p in range(min(P, rho.size - at)):
            value[at + p], largest[at + p] = v[p], u[p]
    return value, largest


@ieee
def _eliminated(indptr, indices, data, order, start, right, first, left, rho):
    """The same at P points: I - rho W = L U with ones on the diagonal of U, row by row."""
    n = order.size
    value, product, largest = np.zeros(P), np.ones(P), np.zeros(P)
    U, row, l = np.empty((start[n], P)), np.zeros((n, P)), np.empty(P)
    for t in range(n):
        i = np.uint64(order[t])  # unsigned indices need no test for negative values
        for p in range(P):
            row[i, p] = 1.0
        for at in range(indptr[i], indptr[i + 1]):
            j = np.uint64(indices[at])
            for p in range(P):
                row[j, p] -= rho[p] * data[at]
        for b in range(np.uint64(first[t]), np.uint64(first[t + 1])):
            s = np.uint64(left[b])
            k = np.uint64(order[s])
            for p in range(P):
                l[p] = row[k, p]
                row[k, p] = 0.0
            for a in range(np.uint64(start[s]), np.uint64(start[s + np.uint64(1)])):
                j = np.uint64(right[a])
                for p in range(P):
                    row[j, p] -= l[p] * U[a, p]
        for p in range(P):
            product[p] *= row[i, p]
            l[p] = 1.0 / row[i, p]
            row[i, p] = 0.0
        for a in range(np.uint64(start[t]), np.uint64(start[t + 1])):
            j = np.uint64(right[a])
            for p in range(P):
                U[a, p] = row[j, p] * l[p]
                largest[p] = max(largest[p], abs(U[a, p]))
                row[j, p] = 0.0
        if t % PIVOTS == PIVOTS - 1 or t == n - 1:
            for p in range(P):
                value[p] += np.log(np.abs(product[p]))
                product[p] = 1.0
    return value, largest


@njit
def traces(indptr, indices, data, n):
    """tr W, tr W^2 and tr W^3 of all blocks W, n units each, on a diagonal: (3, R)."""
    R = (indptr.size - 1) // n
    start, rows, values = _columns(indptr, indices, data)
    out, column = np.zeros((3, R)), np.zeros(R * n)
    for i in range(R * n):
        for at in range(start[i], start[i + 1]):
            column[rows[at]] = values[at]
        out[0, i // n] += column[i]
        for at in range(indptr[i], indptr[i + 1]):
            j, twice = indices[at], 0.0
            for b in range(indptr[j], indptr[j + 1]):  # W^2 from j to i
                twice += data[b] * column[indices[b]]
            out[1, i // n] += data[at] * column[j]
            out[2, i // n] += data[at] * twice
        for at in range(start[i], start[i + 1]):
            column[rows[at]] = 0.0
    return out


@njit
def _columns(indptr, indices, data):
    """Where columns start, and the rows and values of their elements."""
    n = indptr.size - 1
    start, rows, values = np.zeros(n + 1, np.int64), np.empty_like(indices), np.empty_like(data)
    for j in indices:
        start[j + 1] += 1
    for j in range(n):
        start[j + 1] += start[j]
    filled = start.copy()
    for i in range(n):
        for at in range(indptr[i], indptr[i + 1]):
            j = indices[at]
            rows[filled[j]], values[filled[j]] = i, data[at]
            filled[j] += 1
    return start, rows, values
