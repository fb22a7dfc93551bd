"""How many observations many ways of effects take: the rank of their dummies, exactly.

Two ways of levels lose one degree of freedom for each connected component of the graph whose nodes are groups and
whose links are rows (Abowd, Creecy & Kramarz 2002). For more, and for slopes, the rank is that of the largest way plus
that of S = D'M_1 D, the others without it. Components of every pair of ways are null vectors of S that are easy to
name; what else is null shows in random vectors R less S^+ S R, which are zero when S has no other null vector and else,
with probability one, span them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import combinations

import numpy as np
from scipy import sparse
from scipy.linalg.lapack import dpstrf
from scipy.sparse.csgraph import connected_components

from .ways import Way

DENSE = 150  # columns of S
ZERO = 1e-10  # a pivot of S, whose columns have at most length one
PROBES, NULL = 6, 1e-5


def rank_of_gram(S: np.ndarray) -> int:
    """Rank of a positive semidefinite matrix whose diagonal is at most one, by pivoted Cholesky.

    Examples
    --------
    >>> rank_of_gram(np.array([[1.0, -1.0], [-1.0, 1.0]]))
    1
    """
    return int(dpstrf(S, tol=ZERO)[2])


def nullity(ways: Sequence[Way], null_part: Callable[[np.ndarray], np.ndarray]) -> int:
    """Null vectors of S, the first way being the one that S is without.

    Parameters
    ----------
    null_part : function of (c, q) to (c, q)
        R - S^+ S R.
    """
    V = null_vectors(ways)
    Q = np.zeros((V.shape[0], 0))
    if V.shape[1]:
        size, turn = np.linalg.eigh((V.T @ V).toarray())
        kept = size > ZERO * size[-1]
        Q = V @ (turn[:, kept] / np.sqrt(size[kept]))
    rng, probes = np.random.default_rng(1), PROBES
    while True:
        R = rng.standard_normal((len(Q), probes))
        left = null_part(R - Q @ (Q.T @ R))
        left -= Q @ (Q.T @ left)
        more = int(np.sum(np.linalg.svd(left, compute_uv=False) > NULL * np.sqrt(len(Q))))
        if more < probes or probes >= len(Q):
            return Q.shape[1] + more
        probes *= 4


def null_vectors(ways: Sequence[Way]) -> sparse.csr_array:
    """Columns that S takes to zero: of every pair of ways the groups of a component, with opposite signs, and the
    columns that are zero themselves."""
    widths = [way.groups * way.basis.shape[1] for way in ways]
    starts = np.concatenate([[0], np.cumsum(widths[1:])])  # of all but the first
    rows, columns, values, number_of_columns = [], [], [], 0
    for a, b in combinations(range(len(ways)), 2):
        if not (ways[a].term.level and ways[b].term.level):
            continue
        number, label = labelled(ways[a].codes, ways[b].codes)
        for way, own, sign in ((a, label[: ways[a].groups], 1.0), (b, label[ways[a].groups :], -1.0)):
            if way:
                rows.append(starts[way - 1] + np.arange(ways[way].groups))
                columns.append(number_of_columns + own)
                values.append(sign * np.sqrt(ways[way].sizes))
        number_of_columns += number
    for k, other in enumerate(ways[1:]):
        lengths = [np.bincount(other.codes, column * column) for column in other.basis.T]
        empty = np.flatnonzero(np.concatenate(lengths) < 0.5)
        rows.append(starts[k] + empty)
        columns.append(number_of_columns + np.arange(len(empty)))
        values.append(np.ones(len(empty)))
        number_of_columns += len(empty)
    at = (np.concatenate(values), (np.concatenate(rows), np.concatenate(columns)))
    return sparse.coo_array(at, shape=(int(starts[-1]), number_of_columns)).tocsr()


def labelled(a: np.ndarray, b: np.ndarray) -> tuple[int, np.ndarray]:
    """Connected components of the graph that links group a[i] with group b[i] for every row, and that of each group.

    Examples
    --------
    >>> labelled(np.array([0, 0, 1]), np.array([0, 1, 2]))[0]
    2
    """
    G, H = int(a.max()) + 1, int(b.max()) + 1
    links = sparse.coo_array((np.ones(len(a), dtype=np.int8), (a, b + G)), shape=(G + H, G + H))
    number, label = connected_components(links.tocsr(), directed=False)
    return int(number), label
