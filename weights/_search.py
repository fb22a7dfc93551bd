"""Neighbor search on coordinates: arrays in, (row, column, straight-line distance) out; no labels."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
from scipy import sparse

from spillover.errors import SpatialInputError
from spillover.matrix.dense import DENSE_LIMIT

from ._threads import THREADS

BLOCK = 65_536  # distances worked on at a time
SAME = 1e-9  # of the extent of all points: nearer ones share a place
CLOSE_ONES = 8  # neighbors through which points that share a place are joined
TIE = 1e-10  # relative difference below which two distances count as equal
PAIRS_COMPILED_FROM = 3_000  # units whose pairs are all wanted; below, numpy is done before compiled code is loaded
CELLS_FROM = 100_000  # points on the plane; below, a tree is done before compiled code is loaded
POINTS_IN_CELL = 0.5  # on average: few points are read in vain, and few cells are empty
CROWDED = 25  # points that share a point's cell, on average, from which a tree is faster


def nearest(space: np.ndarray, k: np.ndarray, rank: np.ndarray, norm: int = 2
            ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The ``k[i]`` nearest others of each point; equal distances go to the lower ``rank``.

    Parameters
    ----------
    space : ndarray, shape (n, d)
    k : int ndarray, shape (n,)
    rank : int ndarray, shape (n,)
        Order of the ids, so that ties do not depend on the order of rows.
    norm : {1, 2}
        Manhattan or straight-line distance.
    """
    n, most = len(space), int(k.max())
    m = min(most + 1, n - 1)  # one more, to see a tie at the end
    distance, who = _ask(space, m, norm)
    here, same = np.arange(n), (k == most).all()
    tied = np.zeros(n, bool)
    if m > 1:
        last, beyond = (distance[:, most - 1], distance[:, m - 1]) if same else (
            distance[here, k - 1], distance[here, np.minimum(k, m - 1)])
        tied = (k < m) & (k > 0) & (beyond <= last * (1 + TIE))
    keep = (slice(None), slice(most)) if same else np.arange(m) < k[:, None]
    focal, near, away = np.repeat(here, np.minimum(k, m)), who[keep].ravel(), distance[keep].ravel()
    if not tied.any():
        return focal, near, away
    tree, plain = _tree(space), ~tied[focal]
    parts = [(focal[plain], near[plain], away[plain])]
    parts += [_untie(i, space, tree, int(k[i]), distance[i, k[i] - 1], rank, norm) for i in np.flatnonzero(tied)]
    focal, near, away = (np.concatenate(x) for x in zip(*parts, strict=True))
    return focal, near, away


def _ask(space, m, norm=2):
    """Distances and positions (n, m) of the m nearest others, nearest first."""
    cells = _cells(space) if len(space) >= CELLS_FROM and space.shape[1] == norm == 2 else None
    return _ask_tree(space, m, norm) if cells is None else _ask_cells(len(space), m, cells)


def _ask_tree(space, m, norm=2):
    n, tree = len(space), _tree(space)
    distance, who = np.empty((n, m + 1)), np.empty((n, m + 1), np.intp)
    by_place = tree.indices  # neighbors are asked for one after another: what they need is in the cache
    distance[by_place], who[by_place] = tree.query(space[by_place], k=m + 1, p=norm, workers=-1)
    itself = who == np.arange(n)[:, None]
    itself[~itself.any(axis=1), -1] = True  # more than m points coincide with it: tied anyway
    return distance[~itself].reshape(n, m), who[~itself].reshape(n, m)


def _cells(space):
    """Squares over the plane, POINTS_IN_CELL points to each: what nearest_in_cells asks for, or None if crowded."""
    from ._kernels import into_cells

    n, corner = len(space), np.array([axis.min() for axis in space.T])
    size = np.array([axis.max() for axis in space.T]) - corner
    side = max(np.sqrt(size.prod() * POINTS_IN_CELL / n), size.max() / (2 * n))
    if not (np.isfinite(side) and side > 0):
        return None
    width, height = (size / side).astype(np.int64) + 1
    order, start, x, y = into_cells(space, corner, side, width, width * height)
    crowded = (np.diff(start).astype(float) ** 2).sum() > CROWDED * n
    return None if crowded else (x, y, order, start, width, corner, side)


def _ask_cells(n, m, cells):
    from ._kernels import nearest_in_cells

    distance, who = np.empty((n, m)), np.empty((n, m), np.int32)
    bounds = np.linspace(0, n, 4 * THREADS + 1).astype(np.int64)
    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(lambda *rows: nearest_in_cells(*cells, *rows, distance, who), bounds[:-1], bounds[1:]))
    return distance, who


def _untie(i, space, tree, k, radius, rank, norm):
    """Point i's k nearest where the k-th distance is shared: the closer ones, then by rank."""
    who = np.array([j for j in tree.query_ball_point(space[i], radius * (1 + 2 * TIE), p=norm) if j != i])
    straight = apart(space[who], space[i], norm)
    on_edge = straight >= radius * (1 - 2 * TIE)
    order = np.lexsort((rank[who], on_edge))[:k]
    return np.full(k, i), who[order], straight[order]


def _tree(space: np.ndarray):
    """A tree that is quick to build and as quick to search."""
    from scipy.spatial import cKDTree

    return cKDTree(space, balanced_tree=False, compact_nodes=False)


def apart(one: np.ndarray, other: np.ndarray, norm: int = 2) -> np.ndarray:
    """Distances between the rows of two arrays."""
    return np.abs(one - other).sum(axis=1) if norm == 1 else np.sqrt(((one - other) ** 2).sum(axis=1))


def within(space: np.ndarray, radius: float, norm: int = 2) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """All ordered pairs at most ``radius`` apart (to 1e-12)."""
    tree = _tree(space)
    few = space[:: max(1, len(space) // 200)]
    expected = tree.query_ball_point(few, radius, p=norm, return_length=True).mean() * len(space)
    if 40 * expected > 4 * DENSE_LIMIT:
        raise SpatialInputError("E309", f"about {expected:,.0f} links lie within the cutoff, too many to hold",
                                hint="choose a smaller one, or wt.knn")
    pair = tree.query_pairs(radius * (1 + 1e-12), p=norm, output_type="ndarray")
    a, b = pair[:, 0], pair[:, 1]
    straight = apart(space[a], space[b], norm)
    return np.concatenate([a, b]), np.concatenate([b, a]), np.concatenate([straight, straight])


def every_pair(space: np.ndarray, weigh, norm: int = 2) -> tuple[sparse.csr_array, bool]:
    """Weights of all pairs of different points, and whether they are known to be finite and not zero.

    No other n x n array is made. ``weigh`` turns a block of straight-line distances into weights, in place if it can;
    it is monotone, so that the shortest and the longest speak for all.

    Off the diagonal a matrix of n rows has n - 1 stretches of n entries, from just right of one diagonal cell to just
    left of the next: stretch r is row r from column r + 1 on, then row r + 1 up to column r. So the entries of a CSR
    matrix without diagonal are an (n - 1, n) array, filled here in blocks that stay in the cache.
    """
    n = len(space)
    data, indices = np.empty((n - 1, n)), np.empty((n - 1, n), np.int32)
    around = np.tile(np.arange(n, dtype=np.int32), 2)
    axes, compiled = np.ascontiguousarray(space.T), n >= PAIRS_COMPILED_FROM and norm == 2
    fill_stretches: Callable[..., None] = partial(_stretches, norm)
    if compiled:
        from ._kernels import stretches

        fill_stretches = stretches
    done = compiled and weigh is reciprocal
    height = max(1, n // (8 * THREADS) if done else BLOCK // n)

    def fill(starts):
        for start in starts:
            stop = min(start + height, n - 1)
            fill_stretches(axes, start, stop, done, around, data, indices)
            if not done:
                block = data[start:stop]
                weight = weigh(block)
                if weight is not block:
                    block[...] = weight

    starts = np.arange(0, n - 1, height)
    threads = THREADS if n > 2_000 else 1
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(fill, np.array_split(starts, 4 * threads)))
    indptr = (np.arange(n + 1, dtype=np.int64) * (n - 1)).astype(np.int32)
    out = sparse.csr_array((data.ravel(), indices.ravel(), indptr), shape=(n, n))
    out.has_sorted_indices = out.has_canonical_format = True
    with np.errstate(all="ignore"):
        ends = weigh(np.array([_shortest(space) / 2, 2 * np.linalg.norm(np.ptp(space, axis=0))]))
    return out, bool((np.isfinite(ends) & (ends != 0)).all())


def reciprocal(distance: np.ndarray) -> np.ndarray:
    """1 / distance, in place: the weight that compiled loops know."""
    with np.errstate(divide="ignore", over="ignore"):
        return np.divide(1.0, distance, out=distance)


def _stretches(norm, axes, first, last, inverse, around, data, indices):
    """What the kernel of this name does, by numpy, without inverses and for either norm."""
    size = np.abs if norm == 1 else np.square
    n, spare = axes.shape[1], np.empty(axes.shape[1])
    for r in range(first, last):
        line = data[r]
        for a, axis in enumerate(axes):
            out = spare if a else line
            np.subtract(axis[r + 1 :], axis[r], out=out[: n - r - 1])
            np.subtract(axis[: r + 1], axis[r + 1], out=out[n - r - 1 :])
            if len(axes) > 1:
                size(out, out=out)
            if a:
                np.add(line, spare, out=line)
        indices[r] = around[r + 1 : r + 1 + n]
    block = data[first:last]
    if len(axes) == 1:
        np.abs(block, out=block)
    elif norm == 2:
        np.sqrt(block, out=block)


def _shortest(space: np.ndarray) -> float:
    """The least distance between two points."""
    return np.diff(np.sort(space[:, 0])).min() if space.shape[1] == 1 else nearest_distance(space).min()


def nearest_distance(space: np.ndarray, k: int = 1, norm: int = 2) -> np.ndarray:
    """Distance of each point to its k-th nearest other, shape (n,)."""
    return _ask(space, k, norm)[0][:, k - 1]


def coincident(space: np.ndarray, tolerance: float = SAME) -> list[np.ndarray]:
    """Groups of positions of points that share their place: closer than ``tolerance`` of the extent of all."""
    from scipy.sparse.csgraph import connected_components

    if len(space) < 2:
        return []
    limit, order = tolerance * float(np.ptp(space, axis=0).max()), np.lexsort(space.T)
    same = (space[order][1:] == space[order][:-1]).all(axis=1)
    if not same.any() and nearest_distance(space).min() > limit:
        return []
    label = np.empty(len(space), np.intp)
    label[order] = np.concatenate([[0], np.cumsum(~same)])
    place = space[order][np.concatenate([[True], ~same])]
    if len(place) > 1:
        distance, who = _ask(place, min(CLOSE_ONES, len(place) - 1))
        one, nth = np.nonzero(distance <= limit)
        if len(one):
            link = sparse.coo_array((np.ones(len(one)), (one, who[one, nth])), shape=(len(place), len(place)))
            label = connected_components(link, directed=False)[1][label]
    order = np.argsort(label, kind="stable")
    groups = np.split(order, np.flatnonzero(np.diff(label[order])) + 1)
    return [group for group in groups if len(group) > 1]
