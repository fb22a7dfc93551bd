"""Neighbour search on coordinates: arrays in, (row, column, straight-line distance) out; no labels."""

from __future__ import annotations

import numpy as np

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


def every_pair(space: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """All ordered pairs of different points, by rows."""
    from scipy.spatial.distance import cdist

    n = len(space)
    row, col = all_pairs(n)
    return row, col, cdist(space, space)[~np.eye(n, dtype=bool)]


def all_pairs(n: int) -> tuple[np.ndarray, np.ndarray]:
    """(row, column) of every off-diagonal cell, by rows."""
    col = np.broadcast_to(np.arange(n, dtype=np.int32), (n, n))[~np.eye(n, dtype=bool)]
    return np.repeat(np.arange(n, dtype=np.int32), n - 1), col


def nearest_distance(space: np.ndarray) -> np.ndarray:
    """Distance of each point to its nearest other, shape (n,)."""
    from scipy.spatial import cKDTree

    return cKDTree(space).query(space, k=2, workers=-1)[0][:, 1]


def coincident(space: np.ndarray) -> np.ndarray:
    """Positions of points that share their place with another, grouped."""
    order = np.lexsort(space.T)
    same = (space[order][1:] == space[order][:-1]).all(axis=1)
    member = np.zeros(len(space), bool)
    member[1:] |= same
    member[:-1] |= same
    return order[member]
