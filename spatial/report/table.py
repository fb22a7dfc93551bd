"""A table of texts and its four formats: terminal, Markdown, LaTeX, HTML. Every cell is escaped for its format."""

from __future__ import annotations

import html
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from spillover.errors import SpatialInputError, check_option
from spillover.files import replacing

from .text import columns

FORMATS = {".txt": "text", ".md": "markdown", ".tex": "latex", ".html": "html"}
_LATEX = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}", ">": r"\textgreater{}",
}  # fmt: skip
_NEGATIVE = re.compile(r"^(\(?)-(?=[\d.])")


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
    """

    heads: tuple[str, ...]
    sections: tuple[tuple[str, tuple[tuple[str, tuple[str, ...]], ...]], ...]
    notes: tuple[str, ...] = ()
    caption: str = ""
    corner: str = ""

    def __str__(self) -> str:
        return self.to_text()

    def _repr_html_(self) -> str:
        return self.to_html()

    def to_frame(self) -> pd.DataFrame:
        """The cells as they are shown, indexed by section and label."""
        flat = [((title, label), cells) for title, rows in self.sections for label, cells in rows]
        index = pd.MultiIndex.from_tuples([key for key, _ in flat], names=["section", "term"])
        return pd.DataFrame([cells for _, cells in flat], index=index, columns=list(self.heads))

    def to_text(self) -> str:
        rows: list[list[str]] = []
        blank = [""] * len(self.heads)
        for title, body in self.sections:
            rows += [["", *blank]] * bool(rows) + [[title, *blank]] * bool(title)
            rows += [[label, *cells] for label, cells in body]
        return "\n".join([*[self.caption] * bool(self.caption), columns(rows, [self.corner, *self.heads]), *self.notes])

    def to_markdown(self) -> str:
        """A pipe table, as GitHub, Quarto and pandoc read it."""
        lines = [_pipe([self.corner, *self.heads]), "|:--|" + "--:|" * len(self.heads)]
        for title, body in self.sections:
            lines += [_pipe([f"**{_markdown(title)}**", *[""] * len(self.heads)], raw=True)] * bool(title)
            lines += [_pipe([label, *cells]) for label, cells in body]
        above = [f"{_markdown(self.caption)}\n"] * bool(self.caption)
        return "\n".join([*above, *lines, *[f"\n{_markdown(note)}" for note in self.notes]])

    def to_latex(self, *, label: str = "") -> str:
        """A ``table`` with a ``tabular`` without extra packages; ``label`` is for ``\\ref``."""
        width = len(self.heads) + 1
        lines = [r"\begin{table}[htbp]", r"\centering"]
        lines += [rf"\caption{{{_latex(self.caption)}}}"] * bool(self.caption) + [rf"\label{{{label}}}"] * bool(label)
        lines += [rf"\begin{{tabular}}{{l{'r' * len(self.heads)}}}", r"\hline"]
        lines.append(_ampersands([self.corner, *self.heads]))
        for title, body in self.sections:
            lines.append(r"\hline")
            lines += [rf"\multicolumn{{{width}}}{{l}}{{\textit{{{_latex(title)}}}}} \\"] * bool(title)
            lines += [_ampersands([text, *cells]) for text, cells in body]
        lines += [r"\hline", r"\end{tabular}"]
        lines += [rf"\par\footnotesize {_latex(note)}" for note in self.notes]
        return "\n".join([*lines, r"\end{table}"])

    def to_html(self) -> str:
        width = len(self.heads) + 1
        head = "".join(f'<th scope="col">{html.escape(h)}</th>' for h in (self.corner, *self.heads))
        parts = ["<table>", *[f"<caption>{html.escape(self.caption)}</caption>"] * bool(self.caption)]
        parts.append(f"<thead><tr>{head}</tr></thead>")
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
        check_option("format", format, FORMATS.values())
        return getattr(self, f"to_{format}")()

    def save(self, path, *, overwrite: bool = False) -> Path:
        """Write a .txt, .md, .tex or .html file atomically.

        Raises
        ------
        SpatialInputError
            E501 another ending, E603 the file exists, E605 it cannot be written.
        """
        path = Path(path)
        if path.suffix.lower() not in FORMATS:
            raise SpatialInputError("E501", f"{path.name!r} must end in {', '.join(FORMATS)}",
                                    hint="for Word give the fits to maketables.ETable")  # fmt: skip
        with replacing(path, overwrite=overwrite) as part:
            part.write_text(self.to(FORMATS[path.suffix.lower()]) + "\n", encoding="utf-8")
        return path


def _latex(text: str) -> str:
    """Escape the ten special characters and the two that old encodings misprint; true minus signs."""
    escaped = "".join(_LATEX.get(c, c) for c in " ".join(text.split()))
    return _NEGATIVE.sub(r"\1$-$", escaped)


def _markdown(text: str) -> str:
    return re.sub(r"([\\`*_|<>\[\]$~^])", r"\\\1", " ".join(text.split()))


def _pipe(cells, raw=False) -> str:
    return "| " + " | ".join(cell if raw else _markdown(cell) for cell in cells) + " |"


def _ampersands(cells) -> str:
    return " & ".join(_latex(cell) for cell in cells) + r" \\"


def frame_table(frame: pd.DataFrame) -> Table:
    """A frame as a table: its first column labels the rows."""
    rows = tuple((_cell(row[0]), tuple(map(_cell, row[1:]))) for row in frame.astype(object).itertuples(index=False))
    return Table(tuple(map(str, frame.columns[1:])), (("", rows),), corner=str(frame.columns[0]))


def _cell(value) -> str:
    if isinstance(value, float):
        return "" if np.isnan(value) else f"{value:.6g}"
    return str(value)
