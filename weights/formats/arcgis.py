"""ArcGIS: .swm files, with whole-number ids, as its Spatial Statistics tools write and read them.

A line of text (the id's name; the coordinate system; from ArcGIS 10.1 on as KEY@value pairs), the number of units and
whether rows were standardised, then for every unit: its id, its number of neighbors, their ids, their weights (one for
all in files of fixed weights) and the sum of the weights. Integers have four bytes, numbers eight, low byte first.
"""

from __future__ import annotations

import struct
from dataclasses import replace

import numpy as np
import pandas as pd

from spillover import labels as _labels
from spillover.errors import SpatialInputError
from spillover.matrix.assemble import assemble, check_weights
from spillover.matrix.convert import stated_style
from spillover.matrix.weights import SpatialWeights

from ._text import match_ids

LONGEST_HEADER = 2**16
VERSION = "VERSION@10.1"


def write(w: SpatialWeights, path) -> None:
    """Ids must be whole numbers of four bytes, as ArcGIS has no others."""
    ids = _numbers(w.ids)
    if ids is None:
        raise SpatialInputError("E605", ".swm files hold whole-number ids only (of up to nine digits)",
                                ids=w.ids.tolist()[:5], hint="save as .gwt or .csv, or give the units numbers as ids")
    name = "".join(c for c in str(w.ids.name or "ID") if c.isalnum() or c == "_") or "ID"
    with open(path, "wb") as out:
        out.write(f"{VERSION};UNIQUEID@{name};SPATIALREFNAME@Unknown;FIXEDWEIGHTS@False\n".encode())
        out.write(struct.pack("<2i", w.n, int(w.standardization == "row")))
        for i in range(w.n):
            row = slice(w.csr.indptr[i], w.csr.indptr[i + 1])
            neighbors, weights = ids[w.csr.indices[row]], w.csr.data[row]
            out.write(struct.pack("<2i", ids[i], len(neighbors)))
            if len(neighbors):
                out.write(neighbors.astype("<i4").tobytes() + weights.astype("<f8").tobytes())
                out.write(struct.pack("<d", weights.sum()))


def read(path, ids=None) -> SpatialWeights:
    """Weights from a .swm file; ids are whole numbers unless ``ids`` gives them."""
    raw = path.read_bytes()
    end = raw.find(b"\n", 0, LONGEST_HEADER)
    if end < 0:
        raise _damaged(path, "it has no header")
    header = raw[:end].decode("latin-1")
    fixed = "FIXEDWEIGHTS@TRUE" in header.upper().replace(" ", "")
    parts = _unpack(raw, end + 1, fixed, False) or _unpack(raw, end + 1, fixed, True)
    if parts is None:
        raise _damaged(path, "it ends too early or too late, or names impossible numbers")
    labels, counts, neighbor, weight = parts
    index = _labels.unit_index(pd.Index(labels, name=None))
    i = np.repeat(np.arange(len(labels)), counts)
    j = _labels.places(neighbor, index, what=f"'{path.name}'")
    check_weights(weight, focal=i, neighbor=j, ids=index, allow_self=True)
    pair = i.astype(np.int64) * len(index) + j
    if len(np.unique(pair)) < len(pair):
        raise SpatialInputError("E310", f"'{path.name}' lists some links more than once",
                                hint="save it in ArcGIS again")
    w = assemble(i, j, weight, index, f"links of {path.name}")
    w = replace(w, standardization=stated_style(w.csr))
    if ids is None:
        return w
    named = replace(w, ids=match_ids(index.astype(str), ids, what=f"'{path.name}'"))
    return named.reindex(ids)


def _unpack(raw: bytes, at: int, fixed: bool, sum_of_none: bool):
    """(ids, numbers of neighbors, neighbors' ids, weights), or None where the bytes do not fit.

    Some writers put a sum of 0 after units without neighbors, ArcGIS does not: ``sum_of_none``.
    """
    try:
        return _parts(raw, at, fixed, sum_of_none)
    except (struct.error, ValueError, IndexError):
        return None


def _parts(raw: bytes, at: int, fixed: bool, sum_of_none: bool):
    n, standard = struct.unpack_from("<2i", raw, at)
    at += 8
    if not 0 <= n <= len(raw) // 8 or standard not in (0, 1):
        raise ValueError
    ids, counts, neighbors, weights = np.empty(n, np.int64), np.empty(n, np.int64), [], []
    for i in range(n):
        ids[i], counts[i] = struct.unpack_from("<2i", raw, at)
        at += 8
        m = int(counts[i])
        if m < 0:
            raise ValueError
        if m:
            neighbors.append(np.frombuffer(raw, "<i4", m, at))
            at += 4 * m
            weights.append(np.repeat(np.frombuffer(raw, "<f8", 1 if fixed else m, at), m if fixed else 1))
            at += 8 * (1 if fixed else m)
        at += 8 if m or sum_of_none else 0  # the sum of the weights
    if at != len(raw):
        raise ValueError
    empty = [np.empty(0)]
    return ids, counts, np.concatenate(neighbors or empty).astype(np.int64), np.concatenate(weights or empty)


def _numbers(ids: pd.Index) -> np.ndarray | None:
    """The ids as whole numbers, also where they are their text; None where they do not fit or would lose zeros."""
    text = ids.astype(str)
    if not text.str.fullmatch(r"0|-?[1-9]\d{0,8}").all():
        return None
    return text.astype(np.int64).to_numpy()


def _damaged(path, why: str) -> SpatialInputError:
    return SpatialInputError("E607", f"'{path.name}' is not a readable .swm file: {why}",
                             hint="export it from ArcGIS again")
