"""A table of texts and its formats: terminal, Markdown, LaTeX, HTML, Word, workbook, CSV; each escapes for itself."""

from __future__ import annotations

import html
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from spillover.errors import SpatialInputError, check_option
from spillover.files import replacing

from .decimals import aligned
from .text import columns, text_width

TEXTS = {".txt": "text", ".md": "markdown", ".tex": "latex", ".html": "html"}
FORMATS = {**TEXTS, ".docx": "word"}  # of papers, where the shell writes numbers to the others
SHEETS = (".xlsx", ".csv")


@dataclass(frozen=True)
class Table:
    """Columns of texts under heads, in sections.

    Attributes
    ----------
    heads : tuple of c str
        One per column of numbers.
    sections : tuple of (title, rows)
        A row is (label, cells), cells a tuple of c str; a title may be empty.
    notes : tuple of str
    caption, corner : str
        The corner is the head of the labels.
    groups : tuple of (text, span)
        Heads above the heads, from the left; an empty text groups nothing. Their spans add up to c.
    """

    heads: tuple[str, ...]
    sections: tuple[tuple[str, tuple[tuple[str, tuple[str, ...]], ...]], ...]
    notes: tuple[str, ...] = ()
    caption: str = ""
    corner: str = ""
    groups: tuple[tuple[str, int], ...] = ()

    def __str__(self) -> str:
        return self.to_text()

    def _repr_html_(self) -> str:
        return self.to_html()

    def to_frame(self) -> pd.DataFrame:
        """The cells as they are shown, indexed by section and label."""
        flat = [((title, label), cells) for title, rows in self.sections for label, cells in rows]
        index = pd.MultiIndex.from_tuples([key for key, _ in flat], names=["section", "term"])
        return pd.DataFrame([cells for _, cells in flat], index=index, columns=list(self.heads))

    def rows(self):
        """(title, label, cells) of every row; a section's title is a row with empty cells."""
        blank = ("",) * len(self.heads)
        for title, body in self.sections:
            if title:
                yield True, title, blank
            for label, cells in body:
                yield False, label, cells

    def to_text(self) -> str:
        """Columns with decimal points under each other."""
        rows: list[list[str]] = []
        blank = [""] * len(self.heads)
        for title, body in self.sections:
            rows += [["", *blank]] * bool(rows) + [[title, *blank]] * bool(title)
            rows += [[label, *cells] for label, cells in body]
        lined = [aligned([head, *(row[j] for row in rows)]) for j, head in enumerate(self.heads, 1)]
        table = [list(row) for row in zip([self.corner, *(row[0] for row in rows)], *lined)]
        text = columns(table[1:], table[0])
        above = [_spanned(self, table)] * bool(self.groups)
        return "\n".join([*[self.caption] * bool(self.caption), *above, text, *self.notes])

    def to_markdown(self) -> str:
        """A pipe table, as GitHub, Quarto and pandoc read it."""
        heads = [f"{text}: {head}" if text else head for text, head in zip(group_of_columns(self), self.heads)]
        lines = [_pipe([self.corner, *heads]), "|:--|" + "--:|" * len(self.heads)]
        for title, body in self.sections:
            lines += [_pipe([f"**{_markdown(title)}**", *[""] * len(self.heads)], raw=True)] * bool(title)
            lines += [_pipe([label, *cells]) for label, cells in body]
        above = [f"{_markdown(self.caption)}\n"] * bool(self.caption)
        return "\n".join([*above, *lines, *[f"\n{_markdown(note)}" for note in self.notes]])

    def to_latex(self, *, label: str = "", siunitx: bool = False) -> str:
        """A ``table`` with the rules of the package booktabs; ``label`` is for ``\\ref``. Decimals are aligned by hand,
        or with S columns of the package siunitx."""
        from .latex import latex

        return latex(self, label=label, siunitx=siunitx)

    def to_html(self) -> str:
        width = len(self.heads) + 1
        head = "".join(f'<th scope="col">{html.escape(h)}</th>' for h in (self.corner, *self.heads))
        parts = ["<table>", *[f"<caption>{html.escape(self.caption)}</caption>"] * bool(self.caption)]
        spans = "".join(f'<th scope="colgroup" colspan="{span}">{html.escape(text)}</th>' for text, span in self.groups)
        above = f"<tr><th></th>{spans}</tr>" if self.groups else ""
        parts.append(f"<thead>{above}<tr>{head}</tr></thead>")
        for title, body in self.sections:
            parts.append("<tbody>")
            parts += [f'<tr><th scope="rowgroup" colspan="{width}">{html.escape(title)}</th></tr>'] * bool(title)
            for label, cells in body:
                numbers = "".join(f"<td>{html.escape(cell)}</td>" for cell in cells)
                parts.append(f'<tr><th scope="row">{html.escape(label)}</th>{numbers}</tr>')
            parts.append("</tbody>")
        if self.notes:
            notes = "<br>".join(html.escape(note) for note in self.notes)
            parts.append(f'<tfoot><tr><td colspan="{width}">{notes}</td></tr></tfoot>')
        return "\n".join([*parts, "</table>"])

    def to(self, format: str) -> str:
        """As ``"text"``, ``"markdown"``, ``"latex"`` or ``"html"``."""
        check_option("format", format, TEXTS.values())
        return getattr(self, f"to_{format}")()

    def save(self, path, *, overwrite: bool = False, siunitx: bool = False) -> Path:
        """Write a .txt, .md, .tex, .html, .docx, .xlsx or .csv file, whole or not at all.

        A .tex file is for ``\\input``; its first line names the packages that it needs. A .docx file has a three-line
        table in Times New Roman and SimSun.

        Raises
        ------
        SpatialInputError
            E501 another ending, E515 a package that is not installed, E603 the file exists, E605 it cannot be written.
        """
        path = Path(path)
        suffix = path.suffix.lower()
        if suffix not in (*FORMATS, *SHEETS):
            raise SpatialInputError("E501", f"{path.name!r} must end in {', '.join((*FORMATS, *SHEETS))}",
                                    hint="name it table.docx")  # fmt: skip
        with replacing(path, overwrite=overwrite) as part:
            if suffix == ".docx":
                from .word import write_tables

                write_tables([self], part)
            elif suffix in SHEETS:
                from .sheets import write_csv, write_sheet

                (write_sheet if suffix == ".xlsx" else write_csv)(self, part)
            else:
                text = self.to_latex(siunitx=siunitx) if suffix == ".tex" else self.to(TEXTS[suffix])
                if suffix == ".tex":
                    packages = ["booktabs", *["siunitx"] * siunitx, *["graphicx"] * ("\\resizebox" in text)]
                    text = f"% needs \\usepackage{{{','.join(packages)}}}\n{text}"
                part.write_text(text + "\n", encoding="utf-8")
        return path


def group_of_columns(table: Table) -> list[str]:
    """The group's head of every column; empty texts where there are no groups."""
    return [text for text, span in table.groups for _ in range(span)] or [""] * len(table.heads)


def _spanned(table: Table, body: list[list[str]]) -> str:
    """The line of the groups' heads, each centered above a line over its columns."""
    widths = [max(text_width(row[0]) for row in body)]
    widths += [text_width(cell) for cell in body[0][1:]]
    first, at, top, rules = " " * widths[0], 1, [], []
    for text, span in table.groups:
        width = sum(widths[at : at + span]) + 2 * (span - 1)
        space = max(width - text_width(text), 0)
        top.append(" " * (space // 2) + text + " " * (space - space // 2))
        rules.append(("-" if text else " ") * width)
        at += span
    return "\n".join("  ".join([first, *parts]).rstrip() for parts in (top, rules))


def _markdown(text: str) -> str:
    return re.sub(r"([\\`*_|<>\[\]$~^])", r"\\\1", " ".join(text.split()))


def _pipe(cells, raw=False) -> str:
    return "| " + " | ".join(cell if raw else _markdown(cell) for cell in cells) + " |"


def frame_table(frame: pd.DataFrame) -> Table:
    """A frame as a table: its first column labels the rows."""
    rows = tuple((_cell(row[0]), tuple(map(_cell, row[1:]))) for row in frame.astype(object).itertuples(index=False))
    return Table(tuple(map(str, frame.columns[1:])), (("", rows),), corner=str(frame.columns[0]))


def _cell(value) -> str:
    if isinstance(value, float):
        return "" if np.isnan(value) else f"{value:.6g}"
    return str(value)
