"""Where results go: text or JSON on the screen, tables and layers in files; targets are checked before the work."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

import pandas as pd

from spillover import __version__
from spillover.errors import SpatialInputError
from spillover.files import FIGURES, check_outputs, replacing, write_table
from spillover.text import printable

from .groups import Output

TABLES = (".csv", ".parquet", ".xlsx", ".json", ".md", ".tex", ".html")
LAYERS = (".gpkg", ".geojson")


def check(output: Output, *, layers: bool = False, suffixes: Iterable[str] = (), figure: str | None = None,
          inputs: Iterable = ()) -> None:
    """Refuse what could not be written, before any work."""
    allowed = (*TABLES, *suffixes, *(LAYERS if layers else ()))
    targets = [] if output.output in (None, "-") else [output.output]
    check_outputs(targets, overwrite=output.overwrite, suffixes=allowed, inputs=inputs)
    if figure is not None:
        check_outputs([figure], overwrite=output.overwrite, suffixes=FIGURES, inputs=inputs)


def show(result, frame: Callable[[], pd.DataFrame], output: Output, *, notes: Iterable[str] = ()) -> None:
    """Print the result, or its table as JSON or CSV; write the table where a file is named."""
    if output.json:
        print(as_json(result, frame(), notes))
    elif output.output == "-":
        frame().to_csv(sys.stdout, index=False)
    else:
        print("\n".join([*notes, *[""] * bool(notes), str(result)]))
    if output.output not in (None, "-"):
        save_table(frame(), output.output, overwrite=output.overwrite)


def as_json(result, frame: pd.DataFrame, notes: Iterable[str] = ()) -> str:
    """One schema for all commands: version, kind of result, notes, the table as records, and the printed text."""
    records = json.loads(frame.to_json(orient="records", force_ascii=False))
    body = {"spillover": __version__, "result": type(result).__name__, "notes": list(notes), "table": records,
            "text": str(result)}  # fmt: skip
    return json.dumps(body, ensure_ascii=False, indent=1)


def save_table(frame: pd.DataFrame, path: str, *, overwrite: bool = False) -> None:
    """A table in the format of its suffix, whole or not at all."""
    suffix = Path(path).suffix.lower()
    if suffix in (".csv", ".parquet"):
        write_table(frame, path, overwrite=overwrite)
        return
    if suffix in (".md", ".tex", ".html"):
        from spatial.report.table import frame_table

        frame_table(frame).save(path, overwrite=overwrite)
        return
    if suffix not in (".xlsx", ".json"):
        raise SpatialInputError("E501", f"'{path}' must end in {', '.join(TABLES)}", hint="name it effects.csv")
    with replacing(path, overwrite=overwrite) as part:
        if suffix == ".json":
            frame.to_json(part, orient="records", force_ascii=False, indent=1)
        else:
            write_workbook(frame, part)


def write_workbook(frame: pd.DataFrame, path: Path) -> None:
    """A workbook in which no text is a formula.

    Raises
    ------
    SpatialInputError
        E515 without openpyxl.
    """
    try:
        from openpyxl import Workbook
    except ImportError as error:
        raise SpatialInputError("E515", "workbooks need the package openpyxl",
                                hint='pip install "spillover[excel]", or write .csv') from error
    book = Workbook(write_only=False)
    sheet = book.active
    for i, row in enumerate([list(frame.columns), *frame.astype(object).to_numpy().tolist()], 1):
        for j, value in enumerate(row, 1):
            cell = sheet.cell(i, j)
            if isinstance(value, str):
                cell.value, cell.data_type = printable(value), "s"
            else:
                cell.value = None if pd.isna(value) else value
    book.save(path)
