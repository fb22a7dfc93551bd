"""Tables of a report for a paper: one LaTeX file, one Word file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from spillover.files import replacing

from .heads import head_of
from .html import Table as Framed
from .html import cells
from .table import Table


def as_texts(table: Framed | Table) -> Table:
    """A frame with a caption as a table of texts, numbers formatted as in the report; the first column labels. A table
    of texts stays as it is."""
    if isinstance(table, Table):
        return table
    frame = table.frame
    head, *heads = map(head_of, frame.columns)
    labels, *columns = (cells(frame.iloc[:, j], table.digits) for j in range(frame.shape[1]))
    rows = tuple((label, tuple(row)) for label, *row in zip(labels, *columns))
    return Table(tuple(heads), (("", rows),), caption=table.caption, corner=head)


def write_latex(tables: Mapping[str, Framed | Table], path, *, overwrite: bool = False) -> Path:
    """All tables in one .tex file for ``\\input``, each with ``\\label{tab:name}``; needs booktabs and graphicx."""
    parts = [as_texts(table).to_latex(label=f"tab:{name}") for name, table in tables.items()]
    with replacing(path, overwrite=overwrite) as part:
        needs = "% needs \\usepackage{booktabs,graphicx}"
        if not "".join(parts).isascii():
            needs += "; Chinese also \\usepackage{ctex} and xelatex"
        part.write_text("\n\n".join([needs, *parts]) + "\n", encoding="utf-8")
    return Path(path)


def write_word(tables: Mapping[str, Framed | Table], path, *, title: str = "Tables", overwrite: bool = False) -> Path:
    """All tables in one .docx file, numbered, with three lines each.

    Raises
    ------
    SpatialInputError
        E515 without python-docx.
    """
    from .word import write_tables

    with replacing(path, overwrite=overwrite) as part:
        write_tables([as_texts(table) for table in tables.values()], part, title=title)
    return Path(path)
