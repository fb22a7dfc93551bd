"""What becomes of units without neighbors."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy import sparse

from spillover.errors import SpatialInputError, check_option
from spillover.labels import rank
from spillover.matrix.weights import SpatialWeights

from . import _search

POLICIES = ("keep", "nearest", "drop", "error")


def treat(w: SpatialWeights, policy: str, points=None, *, nearest=None, weigh=None) -> SpatialWeights:
    """Apply a policy to islands, in both directions, and note what was done.

    Parameters
    ----------
    policy : {"keep", "nearest", "drop", "error"}
    points : Points, optional
        Where units are, to find the nearest by distance.
    nearest : callable, optional
        ``nearest(positions) -> positions`` instead of ``points`` (nearest polygon, say).
    weigh : callable, optional
        Weight as a function of distance; default 1.
    """
    check_option("islands", policy, POLICIES)
    if not len(w.islands) or policy == "keep":
        return w
    if policy == "error":
        raise SpatialInputError("E306", "some units have no neighbors", ids=w.islands.tolist(), n=len(w.islands),
                                hint="islands='nearest' joins each to the nearest unit, 'drop' leaves it out")
    if policy == "drop":
        kept = w.subset(w.ids[~w.ids.isin(w.islands)])
        return replace(kept, notes=(*w.notes, f"islands dropped: {_few(w.islands)}"))
    return _join(w, points, nearest, weigh)


def _join(w, points, nearest, weigh) -> SpatialWeights:
    alone = np.flatnonzero(np.diff(w.csr.indptr) == 0)
    if w.n < 2:
        return w
    if nearest is not None:
        mate, weight = nearest(alone), np.ones(len(alone))
    else:
        k = np.zeros(w.n, np.int64)
        k[alone] = 1
        focal, mate, straight = _search.nearest(points.space, k, rank(w.ids), points.norm)
        order = np.argsort(focal, kind="stable")
        mate, distance = mate[order], points.to_distance(straight[order])
        weight = np.ones(len(alone)) if weigh is None else weigh(distance)
    # Two islands may be each other's nearest: the pattern is made first, so that no link counts twice.
    link = sparse.coo_array((weight, (alone, mate)), shape=w.csr.shape).tocsr()
    csr = sparse.csr_array(w.csr + link.maximum(link.T))
    note = f"islands joined to their nearest unit: {_few(w.ids[alone])}"
    return SpatialWeights(csr, w.ids, w.kind, w.standardization, w.unit, (*w.notes, note))


def _few(ids) -> str:
    return ", ".join(map(str, ids[:5])) + (f" and {len(ids) - 5} more" if len(ids) > 5 else "")
