"""How many observations many ways of effects take: the rank of their dummies, exactly.

Two ways of levels lose one degree of freedom for each connected component of the graph whose nodes are groups and
whose links are rows (Abowd, Creecy & Kramarz 2002). For more, and for slopes, the rank is that of the largest way plus
that of S = D'M_1 D, the others without it: by pivoted Cholesky, or by a sparse factorisation of S + d I at two d. A
pivot that is zero but for d grows with d, one that is not stays.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import sparse
from scipy.linalg.lapack import dpstrf
from scipy.sparse.csgraph import connected_components
from scipy.sparse.linalg import splu

from .ways import Way

DENSE = 800  # columns
ZERO = 1e-10  # a pivot of S, whose columns have at most length one
SHIFTS = 1e-11, 4e-11  # d; the pivots of zero differ by their ratio
GROWS = 2.0


def rank_of_ways(ways: Sequence[Way], S: sparse.csr_array) -> int:
    """Rank of all columns, the first way being the one that S (c, c) is without.

    Examples
    --------
    >>> from .grammar import WayTerm
    >>> none = np.empty((4, 0))
    >>> two = [Way(WayTerm((name,)), np.array(codes), none) for name, codes in (("a", [0, 0, 1, 1]), ("b", [0, 1, 2, 3]))]
    >>> rank_of_ways(two, sparse.csr_array((4, 4)))        # a is nested in b: two components
    4
    """
    first, *others = ways
    if not others:
        return first.rank
    if len(others) == 1 and first.plain and others[0].plain:
        return first.groups + others[0].groups - components(first.codes, others[0].codes)
    return first.rank + rank_of_gram(S)


def components(a: np.ndarray, b: np.ndarray) -> int:
    """Connected components of the graph that links group a[i] with group b[i] for every row."""
    G, H = int(a.max()) + 1, int(b.max()) + 1
    links = sparse.coo_array((np.ones(len(a), dtype=np.int8), (a, b + G)), shape=(G + H, G + H))
    return int(connected_components(links.tocsr(), directed=False, return_labels=False))


def rank_of_gram(S: sparse.csr_array) -> int:
    """Rank of a positive semidefinite matrix whose diagonal is at most one."""
    if S.shape[0] <= DENSE:
        _, _, rank, _ = dpstrf(S.toarray(), tol=ZERO)
        return int(rank)
    eye = sparse.eye_array(S.shape[0], format="csc")
    one, other = (
        splu((S + shift * eye).tocsc(), permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0.0,
             options={"SymmetricMode": True}).U.diagonal()
        for shift in SHIFTS
    )  # fmt: skip
    return int(np.sum(other < GROWS * one))
