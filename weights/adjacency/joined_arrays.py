"""Borders in common in numpy, for maps with few unmatched edges; joined_kernels.py has the same as compiled loops.

Lengths: e edges, f pieces of them, k vertices, q passages of polygons past vertices, s divisions of edges.
"""

from __future__ import annotations

import numpy as np

from . import meeting as _meeting


def once(label, last, labels):
    """Where the edges begin that occur once, in order: edges lead from a labelled coordinate to the next.

    Label -1 is none; ``last`` says which coordinates end a ring.
    """
    start = np.flatnonzero(~last[:-1] & (label[:-1] >= 0) & (label[1:] >= 0) & (label[:-1] != label[1:]))
    one, two = label[start].astype(np.int64), label[start + 1]
    order, new = _meeting.grouped_numbers(np.minimum(one, two) * labels + np.maximum(one, two), labels * labels)
    return np.sort(start[order[new & np.append(new[1:], True)]])


def divided(node, extent, edge, vertex, place, away):
    """Edges between nodes (e, 2), divided at vertices: ``edge`` (s,) is sorted, ``place`` rises along each edge.

    Gives the fields of :class:`joined.Pieces`; ``extent`` is that of each snapped vertex.
    """
    e, s = len(node), len(edge)
    before = np.concatenate([[0], np.cumsum(np.bincount(edge, minlength=e))])
    first, last = 2 * np.arange(e) + before[:-1], 2 * np.arange(e) + 1 + before[1:]
    inner = 2 * edge + 1 + np.arange(s)
    label, at, off = np.empty(2 * e + s, np.int64), np.empty(2 * e + s), np.empty(2 * e + s)
    inside = np.zeros(2 * e + s, bool)
    label[first], label[last], label[inner] = node[:, 0], node[:, 1], vertex
    at[first], at[last], at[inner] = 0, 1, place
    off[first], off[last], off[inner] = extent[node[:, 0]], extent[node[:, 1]], away
    inside[inner] = True
    start = np.ones(2 * e + s, bool)
    start[last] = False
    start = np.flatnonzero(start)
    return (np.column_stack([label[start], label[start + 1]]), np.repeat(np.arange(e), np.diff(before) + 1),
            np.maximum(off[start], off[start + 1]), inside[start] | inside[start + 1], at[start + 1] - at[start],
            at[start])


def common_pieces(label, edge, gap, inside, part, owner, lengths, labels, t_junction, snapped):
    """Pairs of polygons that have a piece in common: (a, b, how, gap, length), once for each such piece."""
    low, high = np.minimum(*label.T), np.maximum(*label.T)
    real = np.flatnonzero(low != high)
    order, new = _meeting.grouped_numbers((low * labels + high)[real], labels * labels)
    one, two = (real[x] for x in _meeting.pairs_within(order, new))
    a, b = owner[edge[one]], owner[edge[two]]
    unlike = a != b
    one, two, a, b = one[unlike], two[unlike], a[unlike], b[unlike]
    each = lengths[edge] * part
    return (a, b, np.where(inside[one] | inside[two], t_junction, snapped), np.maximum(gap[one], gap[two]),
            (each[one] + each[two]) / 2)


def common_points(label, xy, vertex, owner, split_owner, split_node, away, t_junction, snapped):
    """Pairs of polygons at snapped vertices, two that were apart or one on the other's edge: (a, b, how, gap).

    ``label`` and ``xy`` (k,) are of vertices, ``vertex`` and ``owner`` (q,) of passages, the others (s,) of divisions.
    """
    active = np.bincount(label) > 1
    active[split_node] = True
    here = np.flatnonzero(active[label[vertex]])
    which = np.concatenate([vertex[here], np.full(len(split_node), -1)])  # -1: on an edge
    of = np.concatenate([owner[here], split_owner])
    at = np.concatenate([label[vertex[here]], split_node])
    one, two = _meeting.pairs_within(*_meeting.grouped_numbers(at, len(label)))
    first, second = which[one], which[two]
    apart = np.flatnonzero((of[one] != of[two]) & ((first != second) | (first < 0)))
    one, two, first, second = one[apart], two[apart], first[apart], second[apart]
    on_edge = (first < 0) | (second < 0)
    gap = np.concatenate([np.zeros(len(here)), away])
    gap = np.maximum(gap[one], gap[two])
    both = np.flatnonzero(~on_edge)
    gap[both] = np.hypot(*(xy[first[both]] - xy[second[both]]).T)
    return of[one], of[two], np.where(on_edge, t_junction, snapped), gap


def by_pair(n, a, b, rook, how, gap, length):
    """What is found of each pair of the n polygons, together: the fields of :class:`joined.Joined`."""
    key = np.minimum(a, b).astype(np.int64) * n + np.maximum(a, b)
    order, new = _meeting.grouped_numbers(key, n * n)
    start, key = np.flatnonzero(new), key[order[new]]

    def total(ufunc, x):
        return ufunc.reduceat(x[order], start) if len(start) else x[:0]

    return (key // n, key % n, total(np.logical_or, rook), total(np.minimum, how), total(np.maximum, gap),
            total(np.add, length))
