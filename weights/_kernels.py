"""Compiled loops for large maps: arrays in, arrays out. Imported only where they pay."""

from __future__ import annotations

import numpy as np

from spillover.accelerate import ieee, njit, wrapping


@wrapping
def _slot(a, b, mask):
    """Where in the table to begin looking for the item (a, b)."""
    h = a * np.uint64(0x9E3779B97F4A7C15) ^ (b + np.uint64(0x7F4A7C15)) * np.uint64(0xC2B2AE3D27D4EB4F)
    h ^= h >> np.uint64(32)
    return (h * np.uint64(0x9E3779B97F4A7C15) >> np.uint64(20)) & mask


@njit
def _find(table, items, a, b):
    """The slot that holds the item (a, b), or the free one where it belongs."""
    mask = np.uint64(len(table) - 1)
    slot = _slot(a, b, mask)
    while table[slot] >= 0 and (items[table[slot], 0] != a or items[table[slot], 1] != b):
        slot = (slot + np.uint64(1)) & mask
    return slot


@njit
def _grown(table, items):
    """A table of twice the size with the same entries."""
    wider = np.full(2 * len(table), -1, np.int32)
    for entry in table:
        if entry >= 0:
            wider[_find(wider, items, items[entry, 0], items[entry, 1])] = entry
    return wider


@njit
def _first_table(m):
    """Room for half as many different items as there are items: neighbors share theirs."""
    size = 16
    while size < m // 2:
        size *= 2
    return np.full(size, -1, np.int32)


@njit
def numbered(items):
    """Number the different items in order of appearance."""
    m = len(items)
    table = _first_table(m)
    label = np.empty(m, np.int32)
    kinds = 0
    for p in range(m):
        slot = _find(table, items, items[p, 0], items[p, 1])
        if table[slot] >= 0:
            label[p] = label[table[slot]]
        else:
            label[p] = kinds
            table[slot] = p
            kinds += 1
            if 3 * kinds > 2 * len(table):
                table = _grown(table, items)
    return label


@njit
def positions(items, wanted):
    """Number the different items that are wanted in order of appearance; -1 for the others."""
    table = _first_table(2 * len(wanted) + 16)
    while 2 * len(wanted) > len(table):
        table = np.full(2 * len(table), -1, np.int32)
    for q in range(len(wanted)):
        slot = _find(table, wanted, wanted[q, 0], wanted[q, 1])
        if table[slot] < 0:
            table[slot] = q
    number, label, kinds = np.full(len(wanted), -1, np.int32), np.empty(len(items), np.int32), 0
    for p in range(len(items)):
        q = table[_find(table, wanted, items[p, 0], items[p, 1])]
        if q >= 0 and number[q] < 0:
            number[q] = kinds
            kinds += 1
        label[p] = number[q] if q >= 0 else -1
    return label


@njit
def into_cells(space, corner, side, width, cells):
    """Points by cell: those of cell c are order[start[c]] to order[start[c + 1]], by position; their x and y beside."""
    n = len(space)
    cell, start = np.empty(n, np.int32), np.zeros(cells + 1, np.int32)
    for i in range(n):
        cell[i] = int((space[i, 1] - corner[1]) / side) * width + int((space[i, 0] - corner[0]) / side)
        start[cell[i] + 1] += 1
    for c in range(cells):
        start[c + 1] += start[c]
    order, free, x, y = np.empty(n, np.int32), start[:-1].copy(), np.empty(n), np.empty(n)
    for i in range(n):
        q = free[cell[i]]
        free[cell[i]] += 1
        order[q], x[q], y[q] = i, space[i, 0], space[i, 1]
    return order, start, x, y


@njit
def _read(x, y, p, begin, end, best, at):
    """Keep the squared distances from point p to points begin to end that are among the smallest, sorted."""
    for q in range(begin, end):
        square = (x[q] - x[p]) ** 2 + (y[q] - y[p]) ** 2
        if square < best[-1] and q != p:
            j = len(best) - 1
            while j > 0 and best[j - 1] > square:
                best[j], at[j] = best[j - 1], at[j - 1]
                j -= 1
            best[j], at[j] = square, q


@njit
def nearest_in_cells(x, y, order, start, width, corner, side, first, last, distance, who):
    """Rows order[first] to order[last] of (n, m) tables: the nearest others, nearest first.

    Rings of cells around a point's own are read until no point beyond them can be among the nearest. ``x`` and ``y``
    are in the order of the cells, which are squares of length ``side``, ``width`` of them to a row.
    """
    m, height = distance.shape[1], (len(start) - 1) // width
    best, at = np.empty(m), np.empty(m, np.int32)
    for p in range(first, last):
        best[:] = np.inf
        across, up = (x[p] - corner[0]) / side, (y[p] - corner[1]) / side
        column, row = int(across), int(up)
        inner = min(across - column, up - row, column + 1 - across, row + 1 - up)
        ring, reach = 0, 0.0
        while best[-1] > reach * reach and ring <= max(width, height):
            ring += 1
            low, high = max(column - ring, 0), min(column + ring, width - 1)
            for r in range(max(row - ring, 0), min(row + ring, height - 1) + 1):
                cell = r * width
                if ring == 1 or abs(r - row) == ring:  # the first ring is read with its inside
                    _read(x, y, p, start[cell + low], start[cell + high + 1], best, at)
                    continue
                if low == column - ring:
                    _read(x, y, p, start[cell + low], start[cell + low + 1], best, at)
                if high == column + ring:
                    _read(x, y, p, start[cell + high], start[cell + high + 1], best, at)
            reach = max(inner + ring - 1e-6, 0.0) * side  # less rounding
        for j in range(m):
            distance[order[p], j] = np.sqrt(best[j])
            who[order[p], j] = order[at[j]]


@ieee
def _away(axes, here, first, last, inverse, out):
    """Distances from point ``here`` to points first to last, or 1 / them; axes (d, n)."""
    x, own = axes[0, first:last], axes[0, here]
    if len(axes) == 1 and inverse:  # one pass: what is written to memory is written once
        for j in range(len(out)):
            out[j] = 1.0 / abs(x[j] - own)
        return
    for j in range(len(out)):
        out[j] = abs(x[j] - own)
    if len(axes) == 1:
        return
    for j in range(len(out)):
        out[j] *= out[j]
    for a in range(1, len(axes)):
        x, own = axes[a, first:last], axes[a, here]
        for j in range(len(out)):
            out[j] += (x[j] - own) ** 2
    for j in range(len(out)):
        out[j] = 1.0 / np.sqrt(out[j]) if inverse else np.sqrt(out[j])


@ieee
def stretches(axes, first, last, inverse, around, data, indices):
    """Rows first to last of the (n - 1, n) arrays in _search.every_pair: distances, or 1 / them, and columns."""
    n = axes.shape[1]
    for r in range(first, last):
        _away(axes, r, r + 1, n, inverse, data[r, : n - r - 1])
        _away(axes, r + 1, 0, r + 1, inverse, data[r, n - r - 1 :])
        indices[r] = around[r + 1 : r + 1 + n]
