"""Parquet: the long table of links, with ids and words in the file's metadata. Nothing is lost."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
from scipy import sparse

from spillover.errors import SpatialInputError, check_option
from spillover.matrix.csr import freeze
from spillover.matrix.standardization import STYLES
from spillover.matrix.weights import SpatialWeights

KEY = b"spillover.weights"


def write(w: SpatialWeights, path) -> None:
    """Columns focal, neighbor (positions), weight and, where standardised, raw; ids as Arrow in the metadata."""
    import pyarrow as pa
    from pyarrow import parquet

    focal = np.repeat(np.arange(w.n, dtype=w.csr.indices.dtype), np.diff(w.csr.indptr))
    columns = {"focal": focal, "neighbor": w.csr.indices, "weight": w.csr.data}
    if w.raw is not None:
        columns["raw"] = w.raw
    words = {"version": 1, "kind": w.kind, "standardization": w.standardization, "unit": w.unit, "notes": w.notes,
            "ids": _ids_to_json(w.ids)}
    table = pa.table(columns).replace_schema_metadata({KEY: json.dumps(words, ensure_ascii=False)})
    parquet.write_table(table, path, compression="zstd")


def read(path, ids=None) -> SpatialWeights:
    """Weights from a file made by :func:`write`, or from any parquet table focal, neighbor, weight.

    With ``ids`` the units are put in that order.
    """
    import pyarrow as pa
    from pyarrow import parquet

    try:
        table = parquet.read_table(path)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise SpatialInputError("E607", f"'{path.name}' is not a readable parquet file",
                                hint="was it written completely? Copy it again, or save the weights again") from error
    if KEY not in (table.schema.metadata or {}):
        from spillover.matrix.convert import from_frame

        return from_frame(table.to_pandas(), ids=ids, kind=f"links of {path.name}")
    try:
        w = _from_ours(table)
    except Exception as error:  # words and positions that somebody changed may be anything
        raise SpatialInputError("E607", f"'{path.name}' holds weights whose parts do not fit together",
                                hint="save the weights again") from error
    return w if ids is None else w.reindex(ids)


def _from_ours(table) -> SpatialWeights:
    """Weights of a table that :func:`write` made; an error of any kind where it has been changed."""
    words = json.loads(table.schema.metadata[KEY])
    labels = _ids_from_json(words["ids"])
    n = len(labels)
    column = {name: table[name].to_numpy() for name in table.column_names}
    focal, neighbor = column["focal"], column["neighbor"]
    if len(focal) and (min(focal.min(), neighbor.min()) < 0 or max(focal.max(), neighbor.max()) >= n
                       or (np.diff(focal) < 0).any()):
        raise ValueError("positions outside the ids")
    check_option("standardization", words["standardization"], STYLES)
    indptr = np.concatenate([[0], np.cumsum(np.bincount(focal, minlength=n))])
    csr = sparse.csr_array((column["weight"].astype(float), neighbor.copy(), indptr), shape=(n, n))
    return SpatialWeights(freeze(csr), labels, str(words["kind"]), words["standardization"], words["unit"],
                          tuple(words["notes"]), column.get("raw"))


def _ids_to_json(ids: pd.Index) -> dict:
    if isinstance(ids, pd.RangeIndex):
        return {"type": "range", "start": ids.start, "stop": ids.stop, "step": ids.step, "name": ids.name}
    values = ids.tolist()
    if not all(isinstance(v, (str, int)) and not isinstance(v, bool) for v in values):
        raise SpatialInputError("E605", "only text and whole-number ids can be kept in a file",
                                hint="convert them, e.g. ids.astype(str)")
    return {"type": str(ids.dtype), "values": values, "name": ids.name}


def _ids_from_json(words: dict) -> pd.Index:
    if words["type"] == "range":
        return pd.RangeIndex(words["start"], words["stop"], words["step"], name=words["name"])
    return pd.Index(words["values"], dtype=words["type"], name=words["name"])
