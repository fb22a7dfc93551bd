"""Square tables with ids on both sides, or long tables of links: .csv and .xlsx."""

from __future__ import annotations

import csv
import io
from dataclasses import replace

import numpy as np
import pandas as pd

from spillover import labels as _labels
from spillover.errors import SpatialInputError
from spillover.matrix.convert import from_dense, from_frame
from spillover.matrix.weights import SpatialWeights

from ._text import armoured, malformed, match_ids, number, read_text, unarmoured

SQUARE_UP_TO = 5_000  # units; larger matrices are not for spreadsheets
LONG = ["focal", "neighbor", "weight"]


def write_csv(w: SpatialWeights, path) -> None:
    """A square table; ids in the first row and column; full precision."""
    with open(path, "w", encoding="utf-8-sig", newline="") as out:
        writer = csv.writer(out)
        writer.writerows(_square_rows(w, path))


def read_csv(path, ids=None, labels: bool | None = None, encoding: str | None = None) -> SpatialWeights:
    """A square table (with ids on both sides, in the header only, or without), or a long one: focal, neighbor, weight.

    ``labels`` says whether the first row holds ids, where the file does not show it.
    """
    text = read_text(path, encoding)
    try:
        separator = csv.Sniffer().sniff(text[:4096], delimiters=",;\t ").delimiter
    except csv.Error:
        separator = ","
    reader = csv.reader(io.StringIO(text, newline=None), delimiter=separator)
    try:
        rows = [row for row in reader if any(cell.strip() for cell in row)]
    except csv.Error as error:
        raise malformed(path, reader.line_num, str(error), "is a quotation mark missing?") from error
    return from_cells(rows, path, ids, labels)


def write_xlsx(w: SpatialWeights, path) -> None:
    """A square table; ids in the first row and column, as text."""
    openpyxl = _openpyxl()
    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet("W")

    def exact(x):
        if not isinstance(x, float) or x == 0:
            return x
        cell = openpyxl.cell.WriteOnlyCell(sheet, repr(x))  # openpyxl would cut it to 16 digits
        cell.data_type = "n"
        return cell

    for row in _square_rows(w, path):
        sheet.append([exact(x) for x in row])
    book.save(path)


def read_xlsx(path, ids=None, sheet: str | int = 0, labels: bool | None = None) -> SpatialWeights:
    """As :func:`read_csv`, from one sheet of a workbook."""
    openpyxl = _openpyxl()
    try:
        book = openpyxl.load_workbook(path, read_only=True, data_only=True)
        names = book.sheetnames
    except Exception as error:  # openpyxl lets zip and XML errors through
        raise _damaged(path) from error
    if sheet not in names and not (isinstance(sheet, int) and 0 <= sheet < len(names)):
        raise SpatialInputError("E604", f"'{path.name}' has no sheet {sheet!r}", hint=f"sheets are {', '.join(names)}")
    try:
        cells = book[sheet if isinstance(sheet, str) else names[sheet]].iter_rows(values_only=True)
        rows = [["" if c is None else repr(c) if isinstance(c, float) else str(c) for c in row] for row in cells]
        book.close()
    except Exception as error:  # a sheet's XML is read only now
        raise _damaged(path) from error
    return from_cells([row for row in rows if any(cell.strip() for cell in row)], path, ids, labels)


def _damaged(path) -> SpatialInputError:
    return SpatialInputError("E607", f"'{path.name}' is not a readable workbook",
                             hint="open it in Excel or LibreOffice and save it again, or export it as .csv")


def from_cells(rows: list[list[str]], path, ids=None, labels: bool | None = None) -> SpatialWeights:
    """Weights from a table of text cells, whichever of its shapes it has."""
    if not rows:
        raise malformed(path, 1, "the table is empty")
    if [cell.strip().lower() for cell in rows[0]] == LONG:
        return _from_long(rows, path, ids)
    width = len(rows[0])
    if len(rows) == width + 1 and all(len(row) == width + 1 for row in rows[1:]):
        rows = [["", *rows[0]], *rows[1:]]  # as R writes it: no name over the column of ids
    elif len(rows) == width + 1 and all(len(row) == width and all(map(_is_number, row)) for row in rows[1:]):
        return _from_header(rows, path, ids)
    bare = len(rows) == width and all(map(_is_number, rows[0])) and not _has_labels(rows, path, ids, labels)
    return _from_bare(rows, path, ids) if bare else _from_labelled(rows, path, ids)


def _has_labels(rows, path, ids, labels: bool | None) -> bool:
    """Whether a square table of numbers has ids in its first row and column; refused where both could be.

    Ids are distinct whole numbers, the same in both, and the first cell is 0. In a symmetric matrix without ids the
    first row and column agree too: then weights are as large as the ids would be.
    """
    if labels is not None:
        return labels
    across, down = [c.strip() for c in rows[0][1:]], [row[0].strip() for row in rows[1:]]
    whole = all(c.isascii() and c.isdigit() for c in across)
    if len(across) < 2 or not whole or set(across) != set(down) or len(set(across)) < len(across):
        return False
    if ids is not None and len(ids) in (len(rows), len(across)):
        return len(ids) == len(across)
    inner = [abs(float(c)) for row in rows[1:] for c in row[1:] if _is_number(c)]
    if not any(inner):
        return False
    if max(inner) < min(float(c) for c in across) / 10:
        return True
    raise SpatialInputError("E607", f"the first row and column of '{path.name}' hold the same whole numbers: ids, or "
                            "weights?", hint="labels=True takes them as ids, labels=False as weights")


def _from_header(rows, path, ids) -> SpatialWeights:
    """Ids in the header only: rows are taken in the order of the columns."""
    named = [[name, *row] for name, row in zip(rows[0], rows[1:], strict=True)]
    w = _from_labelled([["", *rows[0]], *named], path, ids)
    return replace(w, notes=(*w.notes, "no ids on the rows: taken in the order of the columns"))


def _from_long(rows, path, ids) -> SpatialWeights:
    for k, row in enumerate(rows[1:], start=2):
        if len(row) != len(LONG):
            raise malformed(path, k, f"expected focal, neighbor and weight, but found {len(row)} cells")
    body = [(unarmoured(r[0]), unarmoured(r[1]), number(path, k, r[2])) for k, r in enumerate(rows[1:], start=2)]
    frame = pd.DataFrame(body, columns=LONG)
    if ids is not None:
        for side in LONG[:2]:
            frame[side] = match_ids(frame[side], ids, what=f"column {side!r}")
    return from_frame(frame, ids=ids, kind=f"links of {path.name}")


def _from_bare(rows, path, ids) -> SpatialWeights:
    matrix = _numbers(rows, path, first=1)
    w = from_dense(matrix, ids, kind=f"matrix of {path.name}")
    note = "no labels in the file: rows taken in the order of " + ("their numbers" if ids is None else "ids=")
    return SpatialWeights(w.csr, w.ids, w.kind, w.standardization, notes=(note,))


def _from_labelled(rows, path, ids) -> SpatialWeights:
    across = [unarmoured(c.strip()) for c in rows[0][1:]]
    down = [unarmoured(row[0].strip()) for row in rows[1:]]
    matrix = _numbers([row[1:] for row in rows[1:]], path, first=2, width=len(across))
    if matrix.shape[0] != matrix.shape[1]:
        raise SpatialInputError(
            "E311", f"the matrix in '{path.name}' has {matrix.shape[0]} rows and {matrix.shape[1]} columns of numbers",
            hint="a square matrix with ids in the first row and column is needed")
    frame = pd.DataFrame(matrix, index=_labels.unit_index(down), columns=_labels.unit_index(across))
    w = from_dense(frame, kind=f"matrix of {path.name}")
    if ids is None:
        return w
    labels = match_ids(w.ids, ids, what=f"'{path.name}'")
    return SpatialWeights(w.csr, labels, w.kind, w.standardization).reindex(ids)


def _numbers(rows, path, *, first: int, width: int | None = None) -> np.ndarray:
    width = len(rows[0]) if width is None else width
    for k, row in enumerate(rows, start=first):
        if len(row) != width:
            raise malformed(path, k, f"expected {width} weights, but found {len(row)}")
    values = [[number(path, k, cell.strip() or "nan") for cell in row] for k, row in enumerate(rows, start=first)]
    return np.array(values, float).reshape(len(rows), width)


def _square_rows(w: SpatialWeights, path):
    if w.n > SQUARE_UP_TO:
        raise SpatialInputError("E309", f"a table of {w.n:,} x {w.n:,} cells is too large for {path.suffix} "
                                f"(limit {SQUARE_UP_TO:,})", n=w.n, hint="save as .parquet")
    names = [armoured(str(i)) for i in w.ids]
    yield ["", *names]
    for i, name in enumerate(names):
        row = np.zeros(w.n)
        row[w.csr.indices[w.csr.indptr[i] : w.csr.indptr[i + 1]]] = w.csr.data[w.csr.indptr[i] : w.csr.indptr[i + 1]]
        yield [name, *row.tolist()]


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _openpyxl():
    try:
        import openpyxl
    except ImportError as error:
        raise SpatialInputError("E515", "workbooks need the package openpyxl",
                                hint="pip install openpyxl, or use .csv") from error
    return openpyxl
