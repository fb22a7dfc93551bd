"""From (focal, neighbor, weight) to SpatialWeights: the one place that sorts, checks and freezes."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import sparse

from spillover.errors import SpatialInputError

from .csr import freeze
from .weights import SpatialWeights


def assemble(focal, neighbor, weight, ids: pd.Index, kind: str, *, unit: str | None = None,
             notes: tuple[str, ...] = (), standardization: str = "none") -> SpatialWeights:
    """Build weights from links given by position; ``weight`` may be one number for all.

    Links must be distinct; they may come in any order.
    """
    n, focal = len(ids), np.asarray(focal)
    data = np.full(len(focal), float(weight)) if np.ndim(weight) == 0 else np.array(weight, float)
    if (focal[1:] >= focal[:-1]).all():  # by row already
        short = np.int32 if max(n, len(focal)) < 2**31 else np.int64
        indptr = np.zeros(n + 1, short)
        np.cumsum(np.bincount(focal, minlength=n), out=indptr[1:])
        csr = sparse.csr_array((data, np.array(neighbor, short), indptr), shape=(n, n))
    else:
        csr = sparse.coo_array((data, (focal, np.asarray(neighbor))), shape=(n, n)).tocsr()
    csr.eliminate_zeros()
    csr.sort_indices()
    return from_csr(csr, ids, kind, unit=unit, notes=notes, standardization=standardization)


def from_csr(csr, ids: pd.Index, kind: str, *, unit: str | None = None, notes: tuple[str, ...] = (),
             standardization: str = "none", sound: bool = False) -> SpatialWeights:
    """Build weights from a fresh CSR matrix whose arrays belong to nobody else.

    ``sound`` says that its weights are known to be finite and not zero: on large matrices looking takes time.
    """
    return SpatialWeights(freeze(csr), ids, kind, standardization, unit, notes, _sound=sound)


def check_weights(data: np.ndarray, *, focal, neighbor, ids: pd.Index, allow_negative: bool = False,
                  allow_self: bool = False) -> None:
    """Refuse NaN, infinite, negative weights and self-neighbors, naming the units.

    Raises
    ------
    SpatialInputError
        E301 negative, E302 NaN or infinite, E312 self-neighbors.
    """
    def refuse(code, bad, message, hint):
        if bad.any():
            where = ids[np.unique(np.asarray(focal)[bad])]
            raise SpatialInputError(code, message, ids=where.tolist(), n=len(where), hint=hint)

    refuse("E302", ~np.isfinite(data), "weights must be finite, but some are NaN or infinite",
           "leave links out instead of marking them missing")
    if not allow_negative:
        refuse("E301", data < 0, "weights must not be negative",
               "if this is meant, make them with wt.from_dense(..., allow_negative=True)")
    if not allow_self:
        refuse("E312", (np.asarray(focal) == np.asarray(neighbor)) & (data != 0),
               "units must not be their own neighbors",
               "set the diagonal to zero, or make them with wt.from_dense(..., allow_self=True)")
