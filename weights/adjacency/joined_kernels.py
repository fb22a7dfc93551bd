"""Borders in common as compiled loops, for maps with many unmatched edges; joined_arrays.py has them in numpy."""

from __future__ import annotations

import numpy as np

from spillover.accelerate import njit


@njit
def in_order(first, second, below_first, below_second):
    """Positions of pairs of whole numbers, by the first, then the second, then position: two counting sorts."""
    m = len(first)
    order, out = np.empty(m, np.int32), np.empty(m, np.int32)
    free = np.zeros(below_second + 1, np.int32)
    for p in range(m):
        free[second[p] + 1] += 1
    for x in range(below_second):
        free[x + 1] += free[x]
    for p in range(m):
        order[free[second[p]]] = p
        free[second[p]] += 1
    free = np.zeros(below_first + 1, np.int32)
    for p in range(m):
        free[first[p] + 1] += 1
    for x in range(below_first):
        free[x + 1] += free[x]
    for q in range(m):
        out[free[first[order[q]]]] = order[q]
        free[first[order[q]]] += 1
    return out


@njit
def once(label, last, labels):
    """Where the edges begin that occur once, in order: edges lead from a labelled coordinate to the next.

    Label -1 is none; ``last`` says which coordinates end a ring.
    """
    start, low, high = np.empty(len(label), np.int32), np.empty(len(label), np.int32), np.empty(len(label), np.int32)
    m = 0
    for p in range(len(label) - 1):
        one, two = label[p], label[p + 1]
        if not last[p] and one >= 0 and two >= 0 and one != two:
            start[m], low[m], high[m] = p, min(one, two), max(one, two)
            m += 1
    order = in_order(low[:m], high[:m], labels, labels)
    single = np.ones(m, np.bool_)
    for q in range(1, m):
        e, f = order[q - 1], order[q]
        if low[e] == low[f] and high[e] == high[f]:
            single[e], single[f] = False, False
    return start[:m][single]


@njit
def divided(node, extent, edge, vertex, place, away):
    e, f = len(node), len(node) + len(edge)
    label, of, inside = np.empty((f, 2), np.int32), np.empty(f, np.int32), np.empty(f, np.bool_)
    gap, part, begin = np.empty(f), np.empty(f), np.empty(f)
    at, s = 0, 0
    for i in range(e):
        here, off, x, divides = node[i, 0], extent[node[i, 0]], 0.0, False
        while True:
            splits = s < len(edge) and edge[s] == i
            there, away_there, to = node[i, 1], extent[node[i, 1]], 1.0
            if splits:
                there, away_there, to = vertex[s], away[s], place[s]
            label[at, 0], label[at, 1], of[at] = here, there, i
            gap[at], inside[at], part[at], begin[at] = max(off, away_there), divides or splits, to - x, x
            at += 1
            if not splits:
                break
            here, off, x, divides, s = there, away_there, to, True, s + 1
    return label, of, gap, inside, part, begin


@njit
def common_pieces(label, edge, gap, inside, part, owner, lengths, labels, t_junction, snapped):
    m = 0
    low, high, which = np.empty(len(label), np.int32), np.empty(len(label), np.int32), np.empty(len(label), np.int32)
    for p in range(len(label)):
        if label[p, 0] != label[p, 1]:
            low[m], high[m], which[m] = min(label[p, 0], label[p, 1]), max(label[p, 0], label[p, 1]), p
            m += 1
    order = in_order(low[:m], high[:m], labels, labels)
    pairs, same = 0, 0
    for q in range(1, m):
        i, j = order[q - 1], order[q]
        same = same + 1 if low[i] == low[j] and high[i] == high[j] else 0
        pairs += same
    a, b, how = np.empty(pairs, np.int32), np.empty(pairs, np.int32), np.empty(pairs, np.int8)
    widest, length = np.empty(pairs), np.empty(pairs)
    filled = 0
    for q in range(1, m):
        j, r = order[q], q - 1
        two = which[j]
        while r >= 0 and low[order[r]] == low[j] and high[order[r]] == high[j]:
            one = which[order[r]]
            r -= 1
            if owner[edge[one]] != owner[edge[two]]:
                a[filled], b[filled] = owner[edge[one]], owner[edge[two]]
                how[filled] = t_junction if inside[one] or inside[two] else snapped
                widest[filled] = max(gap[one], gap[two])
                length[filled] = (lengths[edge[one]] * part[one] + lengths[edge[two]] * part[two]) / 2
                filled += 1
    return a[:filled], b[:filled], how[:filled], widest[:filled], length[:filled]


@njit
def _by_label(label, vertex, owner, split_owner, split_node, away):
    """Passages of snapped vertices that were several or lie on an edge, by vertex: (where those of each begin; vertex
    passed, or -1 on an edge; polygon; distance from the edge)."""
    labels = 0
    for x in label:
        labels = max(labels, x + 1)
    merged = np.zeros(labels, np.int32)
    for x in label:
        merged[x] += 1
    for x in split_node:
        merged[x] += 2
    start = np.zeros(labels + 1, np.int32)
    for v in vertex:
        if merged[label[v]] > 1:
            start[label[v] + 1] += 1
    for x in split_node:
        start[x + 1] += 1
    for x in range(labels):
        start[x + 1] += start[x]
    free, m = start[:-1].copy(), start[-1]
    which, of, off = np.empty(m, np.int32), np.empty(m, np.int32), np.empty(m)
    for p in range(len(vertex)):
        x = label[vertex[p]]
        if merged[x] > 1:
            which[free[x]], of[free[x]], off[free[x]] = vertex[p], owner[p], 0.0
            free[x] += 1
    for p in range(len(split_node)):
        x = split_node[p]
        which[free[x]], of[free[x]], off[free[x]] = -1, split_owner[p], away[p]
        free[x] += 1
    return start, which, of, off


@njit
def common_points(label, xy, vertex, owner, split_owner, split_node, away, t_junction, snapped):
    start, which, of, off = _by_label(label, vertex, owner, split_owner, split_node, away)
    pairs = np.int64(0)
    for x in range(len(start) - 1):
        members = np.int64(start[x + 1] - start[x])
        pairs += members * (members - 1) // 2
    a, b, how, gap = np.empty(pairs, np.int32), np.empty(pairs, np.int32), np.empty(pairs, np.int8), np.empty(pairs)
    filled = 0
    for x in range(len(start) - 1):
        for j in range(start[x] + 1, start[x + 1]):
            for i in range(start[x], j):
                if of[i] == of[j] or (which[i] == which[j] and which[i] >= 0):
                    continue
                a[filled], b[filled] = of[i], of[j]
                if which[i] < 0 or which[j] < 0:
                    how[filled], gap[filled] = t_junction, max(off[i], off[j])
                else:
                    how[filled] = snapped
                    gap[filled] = np.hypot(xy[which[i], 0] - xy[which[j], 0], xy[which[i], 1] - xy[which[j], 1])
                filled += 1
    return a[:filled], b[:filled], how[:filled], gap[:filled]


@njit
def by_pair(n, a, b, rook, how, gap, length):
    low, high = np.minimum(a, b), np.maximum(a, b)
    order = in_order(low, high, n, n)
    one, two, stretch = np.empty(len(a), np.int32), np.empty(len(a), np.int32), np.empty(len(a), np.bool_)
    kind, widest, total = np.empty(len(a), np.int8), np.empty(len(a)), np.empty(len(a))
    t = -1
    for p in order:
        if t < 0 or low[p] != one[t] or high[p] != two[t]:
            t += 1
            one[t], two[t], stretch[t], kind[t] = low[p], high[p], rook[p], how[p]
            widest[t], total[t] = gap[p], length[p]
        else:
            stretch[t] |= rook[p]
            kind[t], widest[t] = min(kind[t], how[p]), max(widest[t], gap[p])
            total[t] += length[p]
    t += 1
    return (one[:t].copy(), two[:t].copy(), stretch[:t].copy(), kind[:t].copy(), widest[:t].copy(), total[:t].copy())
