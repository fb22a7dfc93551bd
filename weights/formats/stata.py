"""Stata: .dta tables as `spmat dta` takes them, and the text of `spmatrix export`."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd

from spillover import labels as _labels
from spillover.errors import SpatialInputError
from spillover.matrix.convert import from_dense, from_frame
from spillover.matrix.weights import SpatialWeights

from ._text import is_count, malformed, match_ids, number, one_word, read_text
from .tables import LONG, from_cells

SQUARE_UP_TO = 2_000  # Stata's smaller editions hold 2,048 variables


def write_dta(w: SpatialWeights, path) -> None:
    """Columns id, w1 ... wn in the order of the rows; above 2,000 units a long table focal, neighbor, weight."""
    if w.n > SQUARE_UP_TO:
        frame = w.to_frame()
        if len(w.islands):
            raise SpatialInputError("E605", "a long table has no place for units without neighbors",
                                    ids=w.islands.tolist(), n=len(w.islands), hint="save as .parquet")
    else:
        columns = {f"w{j + 1}": column for j, column in enumerate(w.csr.toarray().T)}
        frame = pd.DataFrame({"id": w.ids, **columns})
    frame.to_stata(path, write_index=False, version=118)


def read_dta(path, ids=None) -> SpatialWeights:
    """A square table, with or without a column of ids, or a long one: focal, neighbor, weight."""
    try:
        frame = pd.read_stata(path, convert_categoricals=False)
    except Exception as error:  # the reader unpacks whatever it finds
        raise SpatialInputError("E607", f"'{path.name}' is not a readable Stata file",
                                hint="save it in Stata again, or export it with `spmatrix export`") from error
    kind = f"matrix of {path.name}"
    if list(frame.columns[:3]) == LONG:
        return from_frame(frame, ids=ids, kind=f"links of {path.name}")
    if frame.shape[1] == len(frame) + 1:
        labels = pd.Index(frame.iloc[:, 0])
        w = from_dense(frame.iloc[:, 1:].to_numpy(), labels, kind=kind)
        return w if ids is None else w.reindex(ids)
    if frame.shape[1] != len(frame):
        raise SpatialInputError("E311", f"'{path.name}' has {len(frame)} rows and {frame.shape[1]} columns",
                                hint="a square matrix is needed, with or without one column of ids before it")
    w = from_dense(frame.to_numpy(), ids, kind=kind)
    note = "no labels in the file: rows taken in the order of " + ("their numbers" if ids is None else "ids=")
    return SpatialWeights(w.csr, w.ids, w.kind, w.standardization, notes=(note,))


def write_txt(w: SpatialWeights, path) -> None:
    """The number of units, then a line for each: its id and its row of the matrix."""
    names = one_word(w.ids, path)
    with open(path, "w", encoding="utf-8", newline="\n") as out:
        out.write(f"{w.n}\n")
        for i, name in enumerate(names):
            row = w.csr[[i]].toarray()[0]
            out.write(f"{name} {' '.join('0' if x == 0 else repr(x) for x in row.tolist())}\n")


def read_txt(path, ids=None, labels: bool | None = None, encoding: str | None = None) -> SpatialWeights:
    """The text of `spmatrix export`: n, then lines of an id and n weights. Without that n: a table, as in .csv."""
    lines = read_text(path, encoding).split("\n")
    first = lines[0].split() if lines else []
    if len(first) != 1 or not is_count(first[0]):
        rows = [re.split(r"\s*[,;]\s*|\s+", line.strip()) for line in lines if line.strip()]
        return from_cells(rows, path, ids, labels)
    n = int(first[0])
    numbered = [(k, line.split()) for k, line in enumerate(lines[1:], start=2) if line.strip()]
    if len(numbered) != n:
        raise malformed(path, 1, f"{n} units are announced, but {len(numbered)} follow")
    matrix = np.empty((n, n))
    for i, (k, words) in enumerate(numbered):
        if len(words) != n + 1:
            raise malformed(path, k, f"expected an id and {n} weights, but found {len(words)} words")
        matrix[i] = [number(path, k, word) for word in words[1:]]
    index = _labels.unit_index(match_ids([words[0] for _, words in numbered], ids, what=f"'{path.name}'"))
    w = from_dense(matrix, index, kind=f"matrix of {path.name}")
    return w if ids is None else w.reindex(ids)


def read_stswm(path, ids=None) -> SpatialWeights:
    """Always refused: only Stata can read what `spmatrix save` writes; the message says how to export it."""
    raise SpatialInputError("E501", f"'{path.name}' can only be read by Stata: its format is not published",
                            hint=f"in Stata: spmatrix use W using {path.name}, then spmatrix export W using "
                            f"{path.stem}.txt, and load that")


def write_stswm(w: SpatialWeights, path) -> None:
    """Always refused: the message says how to import the text file."""
    raise SpatialInputError("E501", "only Stata can write .stswm files: their format is not published",
                            hint="save as .txt, and in Stata: spmatrix import W using w.txt")
