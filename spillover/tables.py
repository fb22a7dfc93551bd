"""Tables from files: .csv, .tsv, .txt, .parquet, .xlsx and .dta, with keys that stay as they are written."""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pandas as pd

from .errors import SpatialInputError
from .files import check_input
from .text import decode

SUFFIXES = (".csv", ".tsv", ".parquet", ".xlsx", ".dta")
MAGIC = {b"PK\x03\x04": "an Excel or zip file", b"\xd0\xcf\x11\xe0": "an old Excel file", b"PAR1": "a parquet file",
         b"\x89PNG": "a picture", b"%PDF": "a PDF", b"SQLi": "a database or GeoPackage"}


def read_table(path, *, keys: Iterable[str | None] = (), encoding: str | None = None, separator: str | None = None,
               decimal: str = ".", sheet: str | int = 0) -> pd.DataFrame:
    """Read a table.

    Parameters
    ----------
    path : path-like
    keys : str, several
        Columns that name units or periods: they stay text, so that "01" does not become 1 and "NA" does not become
        missing. A key of whole numbers without leading zeros is read as numbers.
    encoding : str, optional
        Of a text file; by default found out (UTF-8, UTF-16 by its mark, GB18030, Western European); a guess
        is said.
    separator : str, optional
        Of a text file; by default a tab in a .tsv, else the comma, or the semicolon or tab where the header has
        those and no comma.
    decimal : str
        "." or ",".
    sheet : str or int
        Of a workbook.

    Returns
    -------
    DataFrame
        As in the file; the index counts rows from 0.

    Raises
    ------
    SpatialInputError
        E501 another suffix; E502 a column twice; E601 no such file; E602 damaged, empty, another kind of content, or
        lines with more or fewer fields than the header (with their numbers); E604 no such sheet; E606 encoding.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "t.csv"
    >>> _ = path.write_text("id,y\\n01,2.5\\n02,3\\n")
    >>> read_table(path, keys=["id"]).values.tolist()
    [['01', 2.5], ['02', 3.0]]
    """
    path = check_input(path, what="table")
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise SpatialInputError("E501", f"the suffix of '{path.name}' is not that of a table",
                                hint=f"use one of {', '.join(SUFFIXES)}")
    named = [key for key in keys if key]
    if suffix == ".parquet":
        return _parquet(path)
    if suffix == ".dta":
        return _read_by(pd.read_stata, path, "Stata file")
    if suffix == ".xlsx":
        return plain_keys(_workbook(path, named, sheet), named)
    separator = separator or ("\t" if suffix == ".tsv" else None)
    return parse(path.read_bytes(), path.name, keys=named, encoding=encoding, separator=separator, decimal=decimal)


def plain_keys(table: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    """Keys of whole numbers without leading zeros as numbers; others as text."""
    for key in keys:
        if key in table.columns:
            text = table[key].astype(str)
            if text.str.fullmatch(r"0|[1-9]\d{0,15}").all():
                table = table.assign(**{key: text.astype("int64")})
    return table


def _parquet(path: Path) -> pd.DataFrame:
    from pyarrow import parquet

    table = _read_by(parquet.read_table, path, "parquet file")
    try:
        return table.to_pandas()
    except Exception:  # metadata of pandas that do not fit the columns
        return table.replace_schema_metadata(None).to_pandas()


def _workbook(path: Path, keys, sheet) -> pd.DataFrame:
    try:
        import openpyxl  # noqa: F401
    except ImportError as error:
        raise SpatialInputError("E515", "workbooks need the package openpyxl",
                                hint="pip install openpyxl, or save the table as .csv") from error
    book = _read_by(pd.ExcelFile, path, "workbook")
    with book:
        names = book.sheet_names
        if (isinstance(sheet, str) and sheet not in names) or (isinstance(sheet, int) and not -1 < sheet < len(names)):
            raise SpatialInputError("E604", f"'{path.name}' has no sheet {sheet!r}",
                                    hint=f"sheets are {', '.join(names)}")
        header = _read_by(lambda p: pd.read_excel(book, sheet, header=None, nrows=1, dtype=object), path, "workbook")
        _refuse_repeats([str(c) for c in header.iloc[0].dropna()] if len(header) else [], path.name)
        types = dict.fromkeys(keys, str)
        return _read_by(lambda p: pd.read_excel(book, sheet, dtype=types), path, "workbook")


def _read_by(reader, path: Path, what: str):
    """What a reader makes of the file; whatever it trips over is the file's damage."""
    try:
        return reader(path)
    except (KeyboardInterrupt, MemoryError, SpatialInputError):
        raise
    except Exception as error:  # readers of binary formats let errors of every kind through
        raise SpatialInputError("E602", f"'{path.name}' is not a readable {what}", hint=_advice(path)) from error


def _advice(path: Path) -> str:
    with open(path, "rb") as file:
        head = file.read(16)
    kind = next((words for magic, words in MAGIC.items() if head.startswith(magic)), None)
    if path.suffix.lower() == ".xlsx" and kind == MAGIC[b"PK\x03\x04"]:
        return "open it in Excel or LibreOffice and save it again" if zipfile.is_zipfile(path) else "copy it again"
    if kind is None or (path.suffix.lower() == ".parquet" and head.startswith(b"PAR1")):
        return "is it complete? Copy or download it again"
    return f"it is {kind}: give it its own suffix"


def parse(raw: bytes, name: str, *, keys: Iterable[str | None] = (), encoding: str | None = None,
          separator: str | None = None, decimal: str = ".") -> pd.DataFrame:
    """A table from the bytes of a text file; ``name`` is for messages, the rest as in :func:`read_table`."""
    keys = [key for key in keys if key]
    kind = next((words for magic, words in MAGIC.items() if raw.startswith(magic)), None)
    if kind is not None:
        raise SpatialInputError("E602", f"'{name}' is {kind}, not text",
                                hint="rename it to .xlsx" if raw.startswith(b"PK") else "export it as .csv")
    if not raw.strip():
        raise SpatialInputError("E602", f"'{name}' is empty", hint="export it again")
    text = decode(raw, name=name, encoding=encoding)
    header_line = text.lstrip("\ufeff").partition("\n")[0]
    separator = separator or _separator(header_line)
    header, rows = _check_fields(text, separator, name)
    if not rows:
        raise SpatialInputError("E602", f"'{name}' has a header and no rows", hint="export it again")
    options: dict[str, Any] = {"sep": separator, "decimal": decimal, "index_col": False, "skipinitialspace": True}
    try:
        values = pd.read_csv(io.StringIO(text), **options, low_memory=False)
        there = [key for key in keys if key in header]
        labels = pd.read_csv(io.StringIO(text), **options, usecols=there, dtype=str,
                             keep_default_na=False) if there else None
    except (pd.errors.ParserError, pd.errors.EmptyDataError, ValueError) as error:
        raise SpatialInputError("E602", f"'{name}' could not be read as a table: {str(error)[:160]}",
                                hint="open it in a spreadsheet and save it as .csv again") from error
    if labels is not None:
        values = values.assign(**{key: labels[key].to_numpy() for key in there})
    return plain_keys(values, there)


def _separator(header: str) -> str:
    """The comma, unless the header has none and has semicolons or tabs."""
    return next((mark for mark in (",", ";", "\t") if mark in header), ",")


def _check_fields(text: str, separator: str, name: str) -> tuple[list[str], int]:
    """The header, and the number of rows; E602 names the lines whose number of fields differs from the header's.

    Left to itself the reader would take a first column of too many for row labels and shift all others.
    """
    reader = csv.reader(io.StringIO(text, newline=None), delimiter=separator, skipinitialspace=True)
    try:
        header = [cell.strip() for cell in next(reader, [])]
        _refuse_repeats([column for column in header if column], name)
        wrong, rows = [], 0
        for cells in reader:
            if cells:
                rows += 1
                if len(cells) != len(header):
                    wrong.append((reader.line_num, len(cells)))
    except csv.Error as error:
        raise SpatialInputError("E602", f"'{name}', line {reader.line_num}: {error}",
                                hint="is a quotation mark missing?") from error
    if wrong:
        line, fields = wrong[0]
        hint = "give every line as many fields as the header; text that holds the separator needs quotation marks"
        if len(wrong) == rows and fields == len(header) + 1:
            hint = "name all columns in the header, or drop the separator at the end of the lines"
        more = f", and {len(wrong) - 1:,} more lines" if wrong[1:] else ""
        raise SpatialInputError("E602", f"'{name}', line {line}: {fields} fields where the header has "
                                f"{len(header)}{more}", rows=[k - 2 for k, _ in wrong[:5]], n=len(wrong), hint=hint)
    return header, rows


def _refuse_repeats(names: list[str], name: str) -> None:
    twice = [name for name in dict.fromkeys(names) if names.count(name) > 1]
    if twice:
        raise SpatialInputError("E502", f"column {twice[0]!r} occurs more than once in '{name}'", column=twice[0],
                                hint="give every column a name of its own")
