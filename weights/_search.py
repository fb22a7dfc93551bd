"""Neighbour search on coordinates: arrays in, (row, column, straight-line distance) out; no labels."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
from scipy import sparse

from spillover.errors import SpatialInputError

from ._assemble import DENSE_LIMIT
from ._threads import THREADS

BLOCK = 65_536  # distances worked on at a time
TIE = 1e-10  # relative difference below which two distances count as equal
CELLS_FROM = 100_000  # points on the plane; below, a tree is done before compiled code is loaded
CROWDED = 25  # points that share a point's cell, on average, from which a tree is faster


def nearest(space: np.ndarray, k: np.ndarray, rank: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The ``k[i]`` nearest others of each point; equal distances go to the lower ``rank``.

    Parameters
    ----------
    space : ndarray, shape (n, d)
    k : int ndarray, shape (n,)
    rank : int ndarray, shape (n,)
        Order of the ids, so that ties do not depend on the order of rows.
    """
    n, most = len(space), int(k.max())
    m = min(most + 1, n - 1)  # one more, to see a tie at the end
    distance, who = _ask(space, m)
    keep = np.arange(m) < k[:, None]
    here = np.arange(n)
    tied = np.zeros(n, bool)
    if m > 1:
        beyond = distance[here, np.minimum(k, m - 1)]
        tied = (k < m) & (k > 0) & (beyond <= distance[here, k - 1] * (1 + TIE))
    triple = np.repeat(here, np.minimum(k, m)), who[keep], distance[keep]
    if not tied.any():
        return triple
    tree, plain = _tree(space), ~tied[triple[0]]
    parts = [tuple(x[plain] for x in triple)]
    parts += [_untie(i, space, tree, int(k[i]), distance[i, k[i] - 1], rank) for i in np.flatnonzero(tied)]
    return tuple(np.concatenate(x) for x in zip(*parts, strict=True))


def _ask(space, m):
    """Distances and positions (n, m) of the m nearest others, nearest first."""
    cells = _cells(space) if len(space) >= CELLS_FROM and space.shape[1] == 2 else None
    return _ask_tree(space, m) if cells is None else _ask_cells(space, m, *cells)


def _ask_tree(space, m):
    n, tree = len(space), _tree(space)
    distance, who = np.empty((n, m + 1)), np.empty((n, m + 1), np.intp)
    by_place = tree.indices  # neighbours are asked for one after another: what they need is in the cache
    distance[by_place], who[by_place] = tree.query(space[by_place], k=m + 1, workers=-1)
    itself = who == np.arange(n)[:, None]
    itself[~itself.any(axis=1), -1] = True  # more than m points coincide with it: tied anyway
    return distance[~itself].reshape(n, m), who[~itself].reshape(n, m)


def _cells(space):
    """Squares over the plane, two for each point: (order, start, width, corner, side), or None if crowded.

    Points of square c, counted along rows, are order[start[c]] to order[start[c + 1]].
    """
    from ._kernels import into_cells

    n, corner = len(space), space.min(axis=0)
    size = space.max(axis=0) - corner
    side = max(np.sqrt(size.prod() / (2 * n)), size.max() / (2 * n))
    if not (np.isfinite(side) and side > 0):
        return None
    width, height = (size / side).astype(np.int64) + 1
    column, row = ((space - corner) / side).astype(np.int64).T
    order, start = into_cells(row * width + column, width * height)
    crowded = (np.diff(start).astype(float) ** 2).sum() > CROWDED * n
    return None if crowded else (order, start, width, corner, side)


def _ask_cells(space, m, order, start, width, corner, side):
    from ._kernels import nearest_in_cells

    n = len(space)
    x, y = space[order].T.copy()
    distance, who = np.empty((n, m)), np.empty((n, m), np.int32)
    bounds = np.linspace(0, n, 4 * THREADS + 1).astype(np.int64)

    def fill(first, last):
        nearest_in_cells(x, y, order, start, width, corner, side, first, last, distance, who)

    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(fill, bounds[:-1], bounds[1:]))
    return distance, who


def _untie(i, space, tree, k, radius, rank):
    """Point i's k nearest where the k-th distance is shared: the closer ones, then by rank."""
    who = np.array([j for j in tree.query_ball_point(space[i], radius * (1 + 2 * TIE)) if j != i])
    straight = np.sqrt(((space[who] - space[i]) ** 2).sum(axis=1))
    on_edge = straight >= radius * (1 - 2 * TIE)
    order = np.lexsort((rank[who], on_edge))[:k]
    return np.full(k, i), who[order], straight[order]


def _tree(space: np.ndarray):
    """A tree that is quick to build and as quick to search."""
    from scipy.spatial import cKDTree

    return cKDTree(space, balanced_tree=False, compact_nodes=False)


def within(space: np.ndarray, radius: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """All ordered pairs at most ``radius`` apart (to 1e-12)."""
    tree = _tree(space)
    few = space[:: max(1, len(space) // 200)]
    expected = tree.query_ball_point(few, radius, return_length=True).mean() * len(space)
    if 40 * expected > 4 * DENSE_LIMIT:
        raise SpatialInputError("E309", f"about {expected:,.0f} links lie within the cutoff, too many to hold",
                                hint="choose a smaller one, or wt.knn")
    pair = tree.query_pairs(radius * (1 + 1e-12), output_type="ndarray")
    a, b = pair[:, 0], pair[:, 1]
    straight = np.sqrt(((space[a] - space[b]) ** 2).sum(axis=1))
    return np.concatenate([a, b]), np.concatenate([b, a]), np.concatenate([straight, straight])


def every_pair(space: np.ndarray, weigh) -> tuple[sparse.csr_array, bool]:
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
    columns = np.lib.stride_tricks.sliding_window_view(around, n)[1:n]
    axes = [np.ascontiguousarray(axis) for axis in space.T]
    height = max(1, BLOCK // n)

    def differences(axis, rows, out):
        for r, line in zip(rows, out, strict=True):
            np.subtract(axis[r + 1 :], axis[r], out=line[: n - r - 1])
            np.subtract(axis[: r + 1], axis[r + 1], out=line[n - r - 1 :])
        return out

    def fill(starts):
        spare = np.empty((height, n)) if len(axes) > 1 else None
        for start in starts:
            rows = range(start, min(start + height, n - 1))
            block = differences(axes[0], rows, data[rows.start : rows.stop])
            if len(axes) == 1:
                np.abs(block, out=block)
            else:
                np.square(block, out=block)
                for axis in axes[1:]:
                    more = differences(axis, rows, spare[: len(rows)])
                    np.add(block, np.square(more, out=more), out=block)
                np.sqrt(block, out=block)
            weight = weigh(block)
            if weight is not block:
                block[...] = weight
            indices[rows.start : rows.stop] = columns[rows.start : rows.stop]

    starts = np.arange(0, n - 1, height)
    threads = THREADS if n > 2_000 else 1
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(fill, np.array_split(starts, 4 * threads)))
    indptr = (np.arange(n + 1, dtype=np.int64) * (n - 1)).astype(np.int32)
    out = sparse.csr_array((data.ravel(), indices.ravel(), indptr), shape=(n, n))
    out.has_sorted_indices = out.has_canonical_format = True
    with np.errstate(all="ignore"):
        ends = weigh(np.array([nearest_distance(space).min() / 2, 2 * np.linalg.norm(np.ptp(space, axis=0))]))
    return out, bool((np.isfinite(ends) & (ends != 0)).all())


def nearest_distance(space: np.ndarray, k: int = 1) -> np.ndarray:
    """Distance of each point to its k-th nearest other, shape (n,)."""
    return _ask(space, k)[0][:, k - 1]


def coincident(space: np.ndarray) -> np.ndarray:
    """Positions of points that share their place with another, grouped."""
    order = np.lexsort(space.T)
    same = (space[order][1:] == space[order][:-1]).all(axis=1)
    member = np.zeros(len(space), bool)
    member[1:] |= same
    member[:-1] |= same
    return order[member]
