"""A table as a workbook with three lines, or as CSV: the cells as they are shown, no text a formula."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import TYPE_CHECKING

from spillover.errors import SpatialInputError
from spillover.text import printable

if TYPE_CHECKING:
    from .table import Table


def write_csv(table: Table, path: Path) -> None:
    """UTF-8 with the mark that Excel needs."""
    with open(path, "w", encoding="utf-8-sig", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows(map(_harmless, row) for row in _rows(table))


def write_sheet(table: Table, path: Path) -> None:
    """One sheet.

    Raises
    ------
    SpatialInputError
        E515 without openpyxl.
    """
    try:
        from openpyxl import Workbook
        from openpyxl.styles import Alignment, Border, Font, Side
    except ImportError as error:
        raise SpatialInputError("E515", "workbooks need the package openpyxl",
                                hint='pip install "spillover[excel]", or write .csv') from error
    book = Workbook()
    sheet, rows = book.active, _rows(table)
    head = bool(table.caption) + bool(table.groups) + 1  # the row of the columns' heads
    last = len(rows) - len(table.notes)
    thick, thin = Side(style="medium"), Side(style="thin")
    for i, row in enumerate(rows, 1):
        for j, text in enumerate(row, 1):
            cell = sheet.cell(i, j)
            if text:
                cell.value, cell.data_type = printable(text), "s"
            cell.font = Font(name="Times New Roman", size=11)
            cell.alignment = Alignment(horizontal="left" if j == 1 else "center")
            first = i == 1 + bool(table.caption)
            cell.border = Border(top=thick if first else None,
                                 bottom=thick if i == last else thin if i == head else None)  # fmt: skip
    for i in range(len(rows) - len(table.notes) + 1, len(rows) + 1):  # notes have no rules
        sheet.cell(i, 1).border = Border()
    at = 2
    for _, span in table.groups:
        if span > 1:
            sheet.merge_cells(start_row=head - 1, end_row=head - 1, start_column=at, end_column=at + span - 1)
        at += span
    for j in range(len(table.heads) + 1):
        widest = max((len(row[j]) for row in rows[bool(table.caption) : last] if j < len(row)), default=8)
        sheet.column_dimensions[sheet.cell(head, j + 1).column_letter].width = widest + 3
    book.save(path)


def _rows(table: Table) -> list[list[str]]:
    """Caption, groups, heads, body and notes as rows of texts."""
    groups = ["", *(text if k == 0 else "" for text, span in table.groups for k in range(span))]
    top = [[table.caption]] * bool(table.caption) + [groups] * bool(table.groups)
    body = [[label, *cells] for _, label, cells in table.rows()]
    return [*top, [table.corner, *table.heads], *body, *([note] for note in table.notes)]


def _harmless(text: str) -> str:
    """A text that a spreadsheet would take for a formula has a space before it; numbers stay."""
    if text[:1] in "=@" or (text[:1] in "+-" and not text[1:2].isdigit() and text[1:2] != "."):
        return f" {text}" if text else text
    return text
