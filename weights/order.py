"""Neighbors of neighbors: links by number of steps."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from spillover.errors import SpatialInputError
from spillover.matrix.weights import SpatialWeights


def lag_order(w: SpatialWeights, order: int, *, cumulative: bool = False) -> SpatialWeights:
    """Units exactly ``order`` steps away along links of ``w`` (or up to that many); every weight is 1.

    Shortest paths count, so no unit is its own neighbor and circular routes do not enter (Anselin & Smirnov 1996).

    Parameters
    ----------
    w : SpatialWeights
    order : int
        At least 1.
    cumulative : bool
        Keep the nearer ones too.

    Raises
    ------
    SpatialInputError
        E501.

    Examples
    --------
    >>> import weights as wt
    >>> line = wt.from_dense([[0, 1, 0], [1, 0, 1], [0, 1, 0]], ids=["a", "b", "c"])
    >>> lag_order(line, 2).to_frame()
      focal neighbor  weight
    0     a        c     1.0
    1     c        a     1.0
    """
    if isinstance(order, bool) or not isinstance(order, (int, np.integer)) or order < 1:
        raise SpatialInputError("E501", f"order={order!r} should be a whole number of at least 1",
                                hint="e.g. order=2 for neighbors of neighbors")
    step = _pattern(w.csr)
    reached = step + sparse.eye_array(w.n, format="csr")  # up to `steps` away, itself included
    previous = sparse.csr_array(sparse.eye_array(w.n, format="csr"))
    for _ in range(order - 1):
        previous, reached = reached, _pattern(reached @ step + reached)
    drop = sparse.csr_array(sparse.eye_array(w.n, format="csr")) if cumulative else previous
    out = sparse.csr_array(_pattern(reached) - _pattern(drop))
    out.eliminate_zeros()
    kind = f"{w.kind}, order {order}" + (" and lower" if cumulative and order > 1 else "")
    return SpatialWeights(out, w.ids, kind, unit=w.unit, notes=w.notes)


def _pattern(matrix) -> sparse.csr_array:
    out = sparse.csr_array(matrix, copy=True)
    out.data = np.ones_like(out.data)
    return out
