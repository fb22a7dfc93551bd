"""Neighbour search on coordinates: arrays in, (row, column, straight-line distance) out; no labels."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from scipy import sparse

TIE = 1e-10  # relative difference below which two distances count as equal


def nearest(space: np.ndarray, k: np.ndarray, rank: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The ``k[i]`` nearest others of each point; equal distances go to the lower ``rank``.

    Parameters
    ----------
    space : ndarray, shape (n, d)
    k : int ndarray, shape (n,)
    rank : int ndarray, shape (n,)
        Order of the ids, so that ties do not depend on the order of rows.
    """
    from scipy.spatial import cKDTree

    n, most = len(space), int(k.max())
    tree = cKDTree(space)
    asked = min(most + 2, n)  # itself, and one more to see a tie at the end
    distance, who = tree.query(space, k=asked, workers=-1)
    itself = who == np.arange(n)[:, None]
    itself[~itself.any(axis=1), -1] = True  # more than k points coincide with it: tied anyway
    distance, who = (x[~itself].reshape(n, asked - 1) for x in (distance, who))
    column = np.arange(asked - 1)
    keep = column[None, :] < k[:, None]
    tied = np.zeros(n, bool)
    if asked - 1 > 1:
        at = np.minimum(k, asked - 2)
        here = np.arange(n)
        tied = (k < asked - 1) & (k > 0) & (distance[here, at] <= distance[here, k - 1] * (1 + TIE))
    row, col, straight = (np.broadcast_to(np.arange(n)[:, None], keep.shape)[keep], who[keep], distance[keep])
    if not tied.any():
        return row, col, straight
    plain = ~tied[row]
    parts = [(row[plain], col[plain], straight[plain])]
    parts += [_untie(i, space, tree, int(k[i]), distance[i, k[i] - 1], rank) for i in np.flatnonzero(tied)]
    return tuple(np.concatenate(x) for x in zip(*parts, strict=True))


def _untie(i, space, tree, k, radius, rank):
    """Point i's k nearest where the k-th distance is shared: the closer ones, then by rank."""
    who = np.array([j for j in tree.query_ball_point(space[i], radius * (1 + 2 * TIE)) if j != i])
    straight = np.sqrt(((space[who] - space[i]) ** 2).sum(axis=1))
    on_edge = straight >= radius * (1 - 2 * TIE)
    order = np.lexsort((rank[who], on_edge))[:k]
    return np.full(k, i), who[order], straight[order]


def within(space: np.ndarray, radius: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """All ordered pairs at most ``radius`` apart (to 1e-12)."""
    from scipy.spatial import cKDTree

    pair = cKDTree(space).query_pairs(radius * (1 + 1e-12), output_type="ndarray")
    a, b = pair[:, 0], pair[:, 1]
    straight = np.sqrt(((space[a] - space[b]) ** 2).sum(axis=1))
    return np.concatenate([a, b]), np.concatenate([b, a]), np.concatenate([straight, straight])


def every_pair(space: np.ndarray, weigh) -> sparse.csr_array:
    """Weights of all pairs of different points, filled row by row: no other n x n array is made.

    ``weigh`` turns a vector of straight-line distances into weights.
    """
    n = len(space)
    data = np.empty((n, n - 1))
    indices = np.empty((n, n - 1), np.int32)
    others = np.arange(n, dtype=np.int32)
    axes = [np.ascontiguousarray(axis) for axis in space.T]

    def fill(rows):
        straight, part = np.empty(n), np.empty(n)
        for i in rows:
            if len(axes) == 1:
                np.abs(np.subtract(axes[0], axes[0][i], out=straight), out=straight)
            else:
                straight[:] = 0.0
                for axis in axes:
                    straight += np.square(np.subtract(axis, axis[i], out=part), out=part)
                np.sqrt(straight, out=straight)
            straight[i] = 1.0  # not a pair: anything at which weigh is defined
            weight = weigh(straight)
            data[i, :i], data[i, i:] = weight[:i], weight[i + 1 :]
            indices[i, :i], indices[i, i:] = others[:i], others[i + 1 :]

    blocks = [range(start, min(start + 256, n)) for start in range(0, n, 256)]
    with ThreadPoolExecutor(min(len(blocks), os.cpu_count() or 1)) as pool:
        list(pool.map(fill, blocks))
    indptr = np.arange(n + 1, dtype=np.int64) * (n - 1)
    out = sparse.csr_array((data.ravel(), indices.ravel(), indptr.astype(np.int32)), shape=(n, n))
    out.has_sorted_indices = out.has_canonical_format = True
    return out


def nearest_distance(space: np.ndarray, k: int = 1) -> np.ndarray:
    """Distance of each point to its k-th nearest other, shape (n,)."""
    from scipy.spatial import cKDTree

    return cKDTree(space).query(space, k=k + 1, workers=-1)[0][:, k]


def coincident(space: np.ndarray) -> np.ndarray:
    """Positions of points that share their place with another, grouped."""
    order = np.lexsort(space.T)
    same = (space[order][1:] == space[order][:-1]).all(axis=1)
    member = np.zeros(len(space), bool)
    member[1:] |= same
    member[:-1] |= same
    return order[member]
