"""Weights from observed flows: trade, migration, commuting, investment."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy import sparse

from spillover import labels as _labels
from spillover.errors import SpatialInputError, check_option
from spillover.ids import positions
from spillover.matrix.assemble import from_csr
from spillover.matrix.weights import SpatialWeights
from spillover.values import numeric

if TYPE_CHECKING:
    pass


def flows(table: pd.DataFrame, *, origin: str, destination: str, value: str, ids: Any = None,
          focal: str = "destination", self_flows: str = "drop", missing: str = "zero", duplicates: str = "error",
          symmetric: bool = False) -> SpatialWeights:
    """w_ij is the flow between i and j.

    Parameters
    ----------
    table : DataFrame
        One row per pair.
    origin, destination, value : str
        Columns.
    ids : sequence, optional
        All units in the wanted order; default: those in the table, sorted.
    focal : {"destination", "origin"}
        Who feels the other: "destination" makes row i hold what i receives (imports, immigrants), "origin" what it
        sends.
    self_flows : {"drop", "error"}
        Flows from a unit to itself.
    missing : {"zero", "error"}
        Pairs that are not in the table, and missing values in it. A flow of zero is no link either way.
    duplicates : {"error", "sum"}
        Pairs listed more than once.
    symmetric : bool
        Use the sum of both directions.

    Raises
    ------
    SpatialInputError
        E101, E201 missing flows, E202, E203, E301 negative flows, E310 duplicates, E312 flows of a unit to itself,
        E501, E502.

    Examples
    --------
    >>> trade = pd.DataFrame({"from": ["a", "a", "b"], "to": ["b", "a", "a"], "usd": [5.0, 9.0, 2.0]})
    >>> flows(trade, origin="from", destination="to", value="usd").to_frame()
      focal neighbor  weight
    0     a        b     2.0
    1     b        a     5.0
    """
    check_option("self_flows", self_flows, ("drop", "error"))
    ids, matrix = _matrix(table, origin, destination, value, ids, focal, missing, duplicates)
    inner = matrix.diagonal()
    if (inner != 0).any() and self_flows == "error":
        raise SpatialInputError("E312", "some flows lead from a unit to itself", ids=ids[inner != 0].tolist(),
                                hint="drop them with self_flows='drop'")
    notes = _notes(inner, matrix)
    matrix = _without_diagonal(matrix)
    if symmetric:
        matrix = sparse.csr_array(matrix + matrix.T)
    words = "both directions" if symmetric else {"destination": "received", "origin": "sent"}[focal]
    return from_csr(matrix, ids, f"flows of {value} ({words})", notes=notes)


def shares(table: pd.DataFrame, *, origin: str, destination: str, value: str, ids: Any = None,
           focal: str = "destination", total: pd.Series | None = None, missing: str = "zero",
           duplicates: str = "error") -> SpatialWeights:
    """w_ij is j's share in all that i receives (or sends): asymmetric, and with self-flows in the total.

    Rows sum to one less the share a unit has with itself; standardise by rows to leave that out. Import shares of this
    form are the weights of Coe & Helpman (1995).

    Parameters
    ----------
    total : Series by id, optional
        Divide by this instead (GDP: openness as well as direction counts then).

    Others as in :func:`flows`.

    Raises
    ------
    SpatialInputError
        E211 a total that is not positive; others as in :func:`flows`.

    Examples
    --------
    >>> trade = pd.DataFrame({"from": ["a", "a", "b"], "to": ["b", "a", "a"], "usd": [5.0, 6.0, 2.0]})
    >>> shares(trade, origin="from", destination="to", value="usd").to_frame()
      focal neighbor  weight
    0     a        b    0.25
    1     b        a    1.00
    """
    ids, matrix = _matrix(table, origin, destination, value, ids, focal, missing, duplicates)
    if total is None:
        whole, name = matrix.sum(axis=1), f"all {value}"
        whole[whole == 0] = 1.0  # an island: nothing to share
    else:
        whole = numeric(total.iloc[positions(total.index, ids, what="total")], ids=ids)
        name = str(total.name or "the total")
        if (whole <= 0).any():
            raise SpatialInputError("E211", "totals must be positive", column=name, ids=ids[whole <= 0].tolist(),
                                    hint="leave out units without a total, or leave total= out")
    notes = _notes(matrix.diagonal(), matrix)
    matrix = sparse.csr_array(sparse.diags_array(1.0 / whole) @ _without_diagonal(matrix))
    words = {"destination": "received", "origin": "sent"}[focal]
    return from_csr(matrix, ids, f"shares of {value} {words} in {name}", notes=notes)


def _matrix(table, origin, destination, value, ids, focal, missing, duplicates):
    """Flows as a matrix with the focal unit in rows, self-flows on the diagonal."""
    check_option("focal", focal, ("destination", "origin"))
    check_option("missing", missing, ("zero", "error"))
    check_option("duplicates", duplicates, ("error", "sum"))
    start, end, size = (_labels.column_of(table, c) for c in (origin, destination, value))
    if ids is None:
        ids = pd.Index(pd.unique(pd.concat([start, end]))).sort_values()
    ids = _labels.unit_index(ids)
    i = _labels.places(start, ids, what=f"column {origin!r}")
    j = _labels.places(end, ids, what=f"column {destination!r}")
    pairs = pd.Series(i.astype(np.int64) * len(ids) + j)
    twice = pairs.duplicated(keep=False).to_numpy()
    if twice.any() and duplicates == "error":
        raise SpatialInputError("E310", "some pairs are listed more than once", n=int(twice.sum()),
                                rows=np.flatnonzero(twice).tolist(), hint="add them up with duplicates='sum'")
    if missing == "error":
        value_given = numeric(size)
        absent = len(ids) * (len(ids) - 1) - pairs[i != j].nunique()
        if absent:
            raise SpatialInputError("E201", f"{absent} pairs of units are not in the table", n=absent,
                                    hint="missing='zero' takes them as no flow")
    else:
        value_given = numeric(size.fillna(0) if pd.api.types.is_numeric_dtype(size) else size)
    if (value_given < 0).any():
        rows = np.flatnonzero(value_given < 0)
        raise SpatialInputError("E301", f"flows in {value!r} must not be negative", rows=rows.tolist(), n=len(rows),
                                hint="drop those rows, or take their absolute value if the sign is the direction")
    place = (j, i) if focal == "destination" else (i, j)
    return ids, sparse.coo_array((value_given, place), shape=(len(ids), len(ids))).tocsr()


def _without_diagonal(matrix) -> sparse.csr_array:
    out = sparse.csr_array(matrix - sparse.diags_array(matrix.diagonal()))
    out.eliminate_zeros()
    return out


def _notes(inner: np.ndarray, matrix) -> tuple[str, ...]:
    if not inner.any():
        return ()
    return (f"self-flows left out: {np.count_nonzero(inner)} units, {inner.sum() / matrix.sum():.1%} of all flows",)
