"""Weights from matrices, tables and libpysal objects."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy import sparse

from spillover.errors import SpatialInputError, check_option
from spillover.ids import positions

from .. import labels as _labels
from ..values import numeric
from .assemble import assemble, check_weights
from .csr import freeze
from .weights import SpatialWeights

if TYPE_CHECKING:
    from spillover.types import Ids


def from_dense(matrix: np.ndarray | pd.DataFrame | Sequence, ids: Ids | None = None, *, kind: str = "given matrix",
               standardization: str | None = None, allow_negative: bool = False, allow_self: bool = False,
               labelled: bool = True) -> SpatialWeights:
    """Weights from a square array or a DataFrame with ids on both sides.

    Parameters
    ----------
    matrix : array-like or DataFrame, shape (n, n)
        Row i holds the weights of i's neighbors. Columns of a DataFrame may stand in another order than its
        rows (they are put in the rows' order); their labels must be the same.
    ids : sequence, optional
        Labels for an array (default 0, 1, ...).
    kind : str
        Words for the header.
    standardization : str, optional
        State it if known; by default "row" when all rows with links sum to one, else "none".
    allow_negative, allow_self : bool
        Accept negative weights, or weights on the diagonal.
    labelled : bool
        False: the rows have no ids of their own and are taken in the order of the data.

    Raises
    ------
    SpatialInputError
        E301, E302, E311, E312 and the ids' E101, E102, E105.

    Examples
    --------
    >>> from_dense([[0, 1], [1, 0]], ids=["01", "02"]).to_frame()
      focal neighbor  weight
    0    01       02     1.0
    1    02       01     1.0
    """
    if isinstance(matrix, pd.DataFrame):
        ids, matrix = _square_frame(matrix, ids)
    else:
        matrix = numeric_matrix(matrix)
    return from_sparse(sparse.csr_array(matrix), ids, kind=kind, standardization=standardization,
                       allow_negative=allow_negative, allow_self=allow_self, labelled=labelled)


def from_sparse(matrix: sparse.sparray | sparse.spmatrix, ids: Ids | None = None, *, kind: str = "given matrix",
                standardization: str | None = None, allow_negative: bool = False, allow_self: bool = False,
                labelled: bool = True) -> SpatialWeights:
    """Weights from any scipy sparse matrix; options as in :func:`from_dense`."""
    csr = sparse.csr_array(matrix, dtype=np.float64, copy=True)
    if csr.shape[0] != csr.shape[1]:
        raise SpatialInputError("E311", f"weights must be square, got {csr.shape[0]} x {csr.shape[1]}",
                                hint="give one row and one column per unit; a long table goes to wt.from_frame")
    csr.sum_duplicates()
    csr.eliminate_zeros()
    ids = _labels.unit_index(ids, csr.shape[0], what="rows of the matrix")
    focal = np.repeat(np.arange(csr.shape[0]), np.diff(csr.indptr))
    check_weights(csr.data, focal=focal, neighbor=csr.indices, ids=ids, allow_negative=allow_negative,
                  allow_self=allow_self)
    return SpatialWeights(freeze(csr), ids, kind, standardization or stated_style(csr), labelled=labelled)


def from_frame(frame: pd.DataFrame, *, ids: Any = None, focal: str = "focal", neighbor: str = "neighbor",
               weight: str | None = "weight", duplicates: str = "error", kind: str = "given table",
               standardization: str | None = None, allow_negative: bool = False,
               allow_self: bool = False) -> SpatialWeights:
    """Weights from a long table with one row per link.

    Parameters
    ----------
    frame : DataFrame
    ids : sequence, optional
        All units in the wanted order, so that islands have a place. Default: those of the table, in order of
        first appearance as focal unit, then of those that are neighbors only.
    focal, neighbor, weight : str
        Column names; ``weight=None`` makes every link 1.
    duplicates : {"error", "sum"}
        What to do with a pair listed twice.

    Raises
    ------
    SpatialInputError
        E101 a link names an unknown unit, E310 a pair listed twice, E301, E302, E312, E502.

    Examples
    --------
    >>> table = pd.DataFrame({"focal": ["a", "b"], "neighbor": ["b", "a"], "weight": [1.0, 0.5]})
    >>> from_frame(table, ids=["b", "a", "c"]).islands.tolist()
    ['c']
    """
    check_option("duplicates", duplicates, ("error", "sum"))
    left, right = (_labels.column_of(frame, c) for c in (focal, neighbor))
    ids = _labels.unit_index(pd.unique(pd.concat([left, right])) if ids is None else ids)
    i = _labels.places(left, ids, what=f"column {focal!r}")
    j = _labels.places(right, ids, what=f"column {neighbor!r}")
    data = np.ones(len(frame)) if weight is None else _weight_column(frame, weight, ids[i])
    check_weights(data, focal=i, neighbor=j, ids=ids, allow_negative=allow_negative, allow_self=allow_self)
    pair = i.astype(np.int64) * len(ids) + j
    twice = pd.Series(pair).duplicated(keep=False).to_numpy()
    if twice.any() and duplicates == "error":
        named = sorted({(ids[a], ids[b]) for a, b in zip(i[twice][:10], j[twice][:10], strict=True)}, key=str)
        raise SpatialInputError("E310", "some links are listed more than once", ids=named, n=int(twice.sum()),
                                rows=np.flatnonzero(twice).tolist(),
                                hint="drop the repeats, or add them up with duplicates='sum'")
    w = assemble(i, j, data, ids, kind)
    if standardization is None:
        standardization = stated_style(w.csr)
    return SpatialWeights(w.csr, ids, kind, standardization)


def from_graph(graph: Any, *, kind: str = "libpysal Graph", allow_negative: bool = False,
               allow_self: bool = False) -> SpatialWeights:
    """Weights from a ``libpysal.graph.Graph`` (isolates become islands)."""
    ids = _labels.unit_index(graph.unique_ids)
    return from_sparse(graph.sparse, ids, kind=kind, standardization=_STYLE.get(graph.transformation),
                       allow_negative=allow_negative, allow_self=allow_self)


def from_W(W: Any, *, kind: str = "libpysal W", allow_negative: bool = False,
           allow_self: bool = False) -> SpatialWeights:
    """Weights from a ``libpysal.weights.W``, in its ``id_order``."""
    return from_sparse(W.sparse, W.id_order, kind=kind, standardization=_STYLE.get(W.get_transform()),
                       allow_negative=allow_negative, allow_self=allow_self)


_STYLE = {"R": "row", "r": "row", "D": "double", "d": "double", "V": "variance", "v": "variance"}


def stated_style(csr: sparse.csr_array) -> str:
    """"row" when every row with links sums to one (to 1e-9) and not only by having one link of 1, else "none"."""
    sums = csr.sum(axis=1)[np.diff(csr.indptr) > 0]
    return "row" if (csr.data != 1).any() and np.abs(sums - 1).max() < 1e-9 else "none"


def numeric_matrix(matrix) -> np.ndarray:
    """A square float64 array, or E203/E311."""
    try:
        array = np.asarray(matrix, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise SpatialInputError("E203", "the matrix must hold numbers only",
                                hint="give labels by ids=, or a DataFrame with ids on both sides") from error
    if array.ndim != 2 or array.shape[0] != array.shape[1]:
        raise SpatialInputError("E311", f"weights must be square, but have shape {array.shape}",
                                hint="give one row and one column per unit; a long table goes to wt.from_frame")
    return array


def _square_frame(frame: pd.DataFrame, ids) -> tuple[pd.Index, np.ndarray]:
    rows = _labels.unit_index(frame.index)
    if frame.shape[0] != frame.shape[1]:
        raise SpatialInputError("E311", f"weights must be square, but have shape {frame.shape}",
                                hint="give one row and one column per unit; a long table goes to wt.from_frame")
    columns = _labels.unit_index(frame.columns)
    if not columns.isin(rows).all():
        differ = columns.symmetric_difference(rows, sort=False)
        raise SpatialInputError("E311", "rows and columns of the matrix have different labels", ids=differ.tolist(),
                                n=len(differ), hint="give the array, frame.to_numpy(), with ids= if the order is known")
    frame = frame[rows] if not columns.equals(rows) else frame
    matrix = numeric_matrix(frame)
    if ids is None:
        return rows, matrix
    ids = _labels.unit_index(ids)
    order = positions(rows, ids, what="the matrix")
    return ids, matrix[np.ix_(order, order)]


def _weight_column(frame: pd.DataFrame, weight: str, ids: pd.Index) -> np.ndarray:
    column = _labels.column_of(frame, weight)
    if not pd.api.types.is_numeric_dtype(column):
        return numeric(column)  # raises E203
    if column.isna().any():
        bad = ids[column.isna().to_numpy()]
        raise SpatialInputError("E302", "weights must be finite, but some are NaN", ids=bad.tolist(), n=len(bad),
                                hint="leave links out instead of marking them missing")
    return column.to_numpy(np.float64)
