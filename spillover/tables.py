"""Tables from files: text, workbooks, .parquet, .dta, .sav and .json, with keys that stay as they are written."""

from __future__ import annotations

import csv
import io
import json
import re
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pandas as pd

from .database import is_database, read
from .errors import SpatialInputError, check_option, warn
from .inputs import check_input
from .text import decode

SUFFIXES = (".csv", ".tsv", ".txt", ".parquet", ".xlsx", ".dta", ".sav", ".json")
MAGIC = {b"PK\x03\x04": "an Excel or zip file", b"\xd0\xcf\x11\xe0": "an old Excel file", b"PAR1": "a parquet file",
         b"\x89PNG": "a picture", b"%PDF": "a PDF", b"SQLi": "a database or GeoPackage"}


def read_table(path, *, keys: Iterable[str | None] = (), encoding: str | None = None, separator: str | None = None,
               decimal: str | None = None, sheet: str | int = 0, na: Iterable[str] = ()) -> pd.DataFrame:
    """Read a table.

    Parameters
    ----------
    path : path-like
        Or a table of PostgreSQL, ``postgresql://user@host/database/schema.table``, for which no option holds.
    keys : str, several
        Columns that name units or periods: they stay text, so that "01" does not become 1 and "NA" does not become
        missing. A key of whole numbers without leading zeros is read as numbers.
    encoding : str, optional
        Of a text file; by default found out (UTF-8, UTF-16 by its mark, GB18030, Western European); a guess
        is said.
    separator : str, optional
        Of a text file; by default a tab in a .tsv, else the comma, or the semicolon or tab where the header has
        those and no comma.
    decimal : str, optional
        "." or ","; by default the comma where numbers are written with it, and with no point, between semicolons or
        tabs, which is said.
    sheet : str or int
        Of a workbook.
    na : str, several
        Values that mean missing besides empty cells and "NA", in all columns but keys.

    Returns
    -------
    DataFrame
        As in the file; the index counts rows from 0.

    Raises
    ------
    SpatialInputError
        E501 another suffix; E502 a column twice; E515 a package that is not installed; E601 no such file; E602 damaged,
        empty, another kind of content, or lines with more or fewer fields than the header (with their numbers); E604
        no such sheet; E606 encoding.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "t.csv"
    >>> _ = path.write_text("id,y\\n01,2.5\\n02,-99\\n")
    >>> read_table(path, keys=["id"], na=["-99"]).values.tolist()
    [['01', 2.5], ['02', nan]]
    """
    if is_database(path):
        return read(path)
    path = check_input(path, what="table")
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise SpatialInputError("E501", f"the suffix of '{path.name}' is not that of a table",
                                hint=f"use one of {', '.join(SUFFIXES)}")
    named, na = [key for key in keys if key], list(na)
    if suffix == ".xlsx":
        table = _workbook(path, named, sheet)
    elif suffix in READERS:
        table = READERS[suffix](path)
    else:
        separator = separator or ("\t" if suffix == ".tsv" else None)
        return parse(path.read_bytes(), path.name, keys=named, encoding=encoding, separator=separator, decimal=decimal,
                     na=na)  # fmt: skip
    table = without(table, na, named)
    return plain_keys(table, named) if suffix == ".xlsx" else table


def without(table: pd.DataFrame, na: list[str], keys: Iterable[str] = ()) -> pd.DataFrame:
    """The table with missing values where a cell reads as one of ``na``; columns of numbers stay numbers.

    Examples
    --------
    >>> without(pd.DataFrame({"y": [1.0, -99]}), ["-99"])["y"].tolist()
    [1.0, nan]
    """
    if not na:
        return table
    numbers = pd.to_numeric(pd.Series(na, dtype=object), errors="coerce").dropna().tolist()
    changed: dict[Any, pd.Series] = {}
    for column, values in table.items():
        if column in set(keys):
            continue
        absent = values.isin(numbers) if pd.api.types.is_numeric_dtype(values) else values.astype(str).isin(na)
        if absent.any():
            left = values.mask(absent)
            text = left.dropna()
            as_numbers = pd.to_numeric(text, errors="coerce") if not pd.api.types.is_numeric_dtype(left) else text
            changed[column] = left if as_numbers.isna().any() else pd.to_numeric(left)
    return table.assign(**changed)


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


def _spss(path: Path) -> pd.DataFrame:
    try:
        import pyreadstat
    except ImportError as error:
        raise SpatialInputError("E515", "SPSS files need the package pyreadstat",
                                hint='pip install "spillover[spss]", or save the table as .csv') from error
    return _read_by(lambda p: pyreadstat.read_sav(str(p))[0], path, "SPSS file")


def _json(path: Path) -> pd.DataFrame:
    """Rows as objects, columns as lists, or the ``table`` of what ``spillover ... --json`` prints."""
    return _read_by(lambda p: _of_json(json.loads(p.read_bytes())), path, "table in .json")


def _of_json(content) -> pd.DataFrame:
    if isinstance(content, dict) and "spillover" in content and "table" in content:
        content = content["table"]
    if isinstance(content, list) and not all(isinstance(row, dict) for row in content):
        raise ValueError("rows must be objects")
    return pd.DataFrame(content)


READERS = {".parquet": _parquet, ".dta": lambda path: _read_by(pd.read_stata, path, "Stata file"), ".sav": _spss,
           ".json": _json}  # fmt: skip


def _workbook(path: Path, keys, sheet) -> pd.DataFrame:
    try:
        import openpyxl  # noqa: F401
    except ImportError as error:
        raise SpatialInputError("E515", "workbooks need the package openpyxl",
                                hint='pip install "spillover[excel]", or save the table as .csv') from error
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
          separator: str | None = None, decimal: str | None = None, na: Iterable[str] = ()) -> pd.DataFrame:
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
    separator = {"\\t": "\t", "tab": "\t"}.get(separator or "", separator) or _separator(header_line)
    if len(separator) != 1 or separator in "\"\r\n":
        raise SpatialInputError("E501", f"separator={separator!r} must be one character", hint="separator=';'")
    header, rows = _check_fields(text, separator, name)
    if not rows:
        raise SpatialInputError("E602", f"'{name}' has a header and no rows", hint="export it again")
    decimal = _decimal(text, separator, name) if decimal is None else decimal
    check_option("decimal", decimal, (".", ","))
    if decimal == separator:
        raise SpatialInputError("E501", f"{decimal!r} cannot be both separator and decimal mark",
                                hint="separator=';'")  # fmt: skip
    options: dict[str, Any] = {"sep": separator, "decimal": decimal, "index_col": False, "skipinitialspace": True}
    try:
        values = pd.read_csv(io.StringIO(text), **options, low_memory=False, na_values=list(na))
        there = [key for key in keys if key in header]
        labels = pd.read_csv(io.StringIO(text), **options, usecols=there, dtype=str,
                             keep_default_na=False) if there else None
    except (pd.errors.ParserError, pd.errors.EmptyDataError, ValueError) as error:
        raise SpatialInputError("E602", f"'{name}' could not be read as a table: {str(error)[:160]}",
                                hint="open it in a spreadsheet and save it as .csv again") from error
    if labels is not None:
        values = values.assign(**{key: labels[key].to_numpy() for key in there})
    return plain_keys(values, there)


SAMPLE = 2**16  # characters in which the decimal mark is looked for


def _decimal(text: str, separator: str, name: str) -> str:
    """The comma, where numbers have it and none has a point; 1,234 alone could also be a thousand."""
    if separator == ",":
        return "."
    mark = re.escape(separator)
    cells = re.findall(rf'(?:^|{mark})\s*"?[-+]?\d+([.,])(\d+)(?:[eE][-+]?\d+)?"?(?=\s*(?:{mark}|$))', text[:SAMPLE],
                       re.MULTILINE)  # fmt: skip
    if any(point == "." for point, _ in cells) or all(len(digits) == 3 for _, digits in cells):
        return "."
    warn(f"numbers in '{name}' were read with decimal commas; give decimal= if that is wrong")
    return ","


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
