"""Matlab: .mat files with a matrix W and a cell array ids."""

from __future__ import annotations

import io

import numpy as np
import pandas as pd
from scipy import sparse

from spillover.errors import SpatialInputError
from spillover.matrix.convert import from_sparse
from spillover.matrix.weights import SpatialWeights

from ._text import match_ids
from .matlab_elements import check_elements


def write(w: SpatialWeights, path) -> None:
    """Sparse W, ids (numbers, or a cell array of text), and the words standardization and kind."""
    from scipy.io import savemat

    numbers = pd.api.types.is_integer_dtype(w.ids)
    ids = w.ids.to_numpy(np.float64) if numbers else np.array(w.ids.astype(str).tolist(), dtype=object)
    words = {"standardization": w.standardization, "kind": w.kind}
    savemat(path, {"W": sparse.csc_matrix(w.csr), "ids": ids[:, None], **words}, appendmat=False, do_compression=True)


def read(path, ids=None, name: str | None = None) -> SpatialWeights:
    """Weights from the variable ``name``, by default W or the only square matrix; ids where the file has them."""
    from scipy.io import loadmat

    try:
        check_elements(raw := path.read_bytes())
        there = {k: v for k, v in loadmat(io.BytesIO(raw), appendmat=False).items() if not k.startswith("__")}
    except Exception as error:  # the reader unpacks whatever it finds
        raise SpatialInputError("E607", f"'{path.name}' is not a readable Matlab file (up to version 7)",
                                hint="save it with -v7") from error
    chosen = _choose(there, name, path)
    try:
        matrix = sparse.csr_array(there[chosen], dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise SpatialInputError("E203", f"{chosen!r} in '{path.name}' is no matrix of numbers",
                                hint="say which matrix with name=") from error
    labels = _text_ids(there.get("ids"), matrix.shape[0])
    kind, style = (str(there[k].item()) if k in there and there[k].size == 1 else None
                   for k in ("kind", "standardization"))
    kind = kind or f"matrix of {path.name}"
    if labels is None:
        return from_sparse(matrix, ids, kind=kind, standardization=style)
    if ids is not None and not pd.api.types.is_integer_dtype(labels):
        labels = match_ids(labels, ids, what=f"'{path.name}'")
    w = from_sparse(matrix, labels, kind=kind, standardization=style)
    return w if ids is None else w.reindex(ids)


def _choose(there: dict, name: str | None, path) -> str:
    square = [k for k, v in there.items() if getattr(v, "ndim", 0) == 2 and v.shape[0] == v.shape[1] > 1
              and (sparse.issparse(v) or v.dtype.kind in "biuf")]
    name = name or ("W" if "W" in square else square[0] if len(square) == 1 else None)
    if name is None or name not in there:
        raise SpatialInputError("E604", f"'{path.name}' holds {', '.join(there) or 'nothing'}",
                                hint="say which matrix with name=")
    return name


def _text_ids(cells, n: int):
    if cells is None or np.size(cells) != n:
        return None
    flat = np.ravel(cells)
    if flat.dtype.kind in "iuf":
        return pd.Index(flat.astype(np.int64))
    return pd.Index([str(x.item() if getattr(x, "size", 0) == 1 else x) for x in flat], dtype="str")
