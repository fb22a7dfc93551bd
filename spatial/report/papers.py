"""Tables of a report for a paper: one LaTeX file, one Word file."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from pathlib import Path

from spillover.files import replacing

from .html import HEADS, cells
from .html import Table as Framed
from .table import Table


def as_texts(table: Framed) -> Table:
    """A frame with a caption as a table of texts, numbers formatted as in the report; the first column labels."""
    frame = table.frame
    head, *heads = (HEADS.get(str(name), str(name)) for name in frame.columns)
    labels, *columns = (cells(frame.iloc[:, j], table.digits) for j in range(frame.shape[1]))
    rows = tuple((label, tuple(row)) for label, *row in zip(labels, *columns))
    return Table(tuple(heads), (("", rows),), caption=table.caption, corner=head)


def write_latex(tables: Mapping[str, Framed], path, *, overwrite: bool = False) -> Path:
    """All tables in one .tex file for ``\\input``, each with ``\\label{tab:name}``; no package is needed."""
    parts = [as_texts(table).to_latex(label=f"tab:{name}") for name, table in tables.items()]
    with replacing(path, overwrite=overwrite) as part:
        part.write_text("\n\n".join(parts) + "\n", encoding="utf-8")
    return Path(path)


def write_word(tables: Mapping[str, Framed], path, *, title: str = "Tables", overwrite: bool = False) -> Path:
    """All tables in one .docx file, in Word's own table style.

    Raises
    ------
    ImportError
        When python-docx is not installed.
    """
    try:
        from docx import Document
    except ImportError as error:
        raise ImportError("Word tables need python-docx: pip install 'spillover[report]'") from error
    from docx.enum.text import WD_ALIGN_PARAGRAPH
    from docx.shared import Pt

    document = Document()
    document.add_heading(_printable(title), 0)
    for n, table in enumerate(tables.values(), 1):
        texts = as_texts(table)
        caption = document.add_paragraph()
        caption.add_run(f"Table {n}. ").bold = True
        caption.add_run(_printable(texts.caption))
        rows = [(texts.corner, texts.heads), *texts.sections[0][1]]
        grid = document.add_table(rows=len(rows), cols=len(texts.heads) + 1, style="Light List")
        for line, (label, numbers) in zip(grid.rows, rows):
            for j, (cell, text) in enumerate(zip(line.cells, (label, *numbers))):
                paragraph = cell.paragraphs[0]
                paragraph.add_run(_printable(text)).font.size = Pt(8)
                paragraph.paragraph_format.space_after = Pt(0)
                if j:
                    paragraph.alignment = WD_ALIGN_PARAGRAPH.RIGHT
        document.add_paragraph()
    with replacing(path, overwrite=overwrite) as part:
        document.save(str(part))
    return Path(path)


def _printable(text: str) -> str:
    """Without the control characters that a Word file cannot hold: names of units and columns may have them."""
    return "".join("\ufffd" if unicodedata.category(c) in ("Cc", "Cs") and c not in "\n\r\t" else c for c in text)
