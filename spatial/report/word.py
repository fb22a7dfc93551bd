"""Tables in Word: three lines, Times New Roman and an East Asian font, numbers centered under their heads."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from spillover.errors import SpatialInputError
from spillover.language import phrase
from spillover.text import printable

from .text import text_width

LATIN, EAST_ASIAN = "Times New Roman", "SimSun"
SIZE, SMALL = 10.5, 9  # points
THICK, THIN = 12, 6  # eighths of a point: 1.5 and 0.75
SYMBOLS = {"rho": "\u03c1", "lambda": "\u03bb", "sigma2": "\u03c3\u00b2", "sigma2_mu": "\u03c3\u00b2 of units"}
WIDE = 7  # columns from which on the page lies on its side
LETTER = 0.55  # mean width of a letter in its size
LABELS = 0.4  # the part of a page's width that labels may take
FEWEST, MOST = 8, 40  # letters that a column is wide at least and at most
TOGETHER = 32  # rows of a table that is not parted by the end of a page


def write_tables(tables: Sequence, path: Path, *, title: str = "") -> None:
    """All tables in one document, numbered where they are several.

    Parameters
    ----------
    tables : list of Table
    path : path-like
    title : str

    Raises
    ------
    SpatialInputError
        E515 without python-docx.
    """
    try:
        from docx import Document
        from docx.enum.section import WD_ORIENT
    except ImportError as error:
        raise SpatialInputError("E515", "Word tables need the package python-docx",
                                hint='pip install "spillover[report]", or write .html') from error
    document = Document()
    _fonts(document.styles["Normal"])
    if any(len(table.heads) > WIDE for table in tables):
        page = document.sections[0]
        page.orientation, page.page_width, page.page_height = WD_ORIENT.LANDSCAPE, page.page_height, page.page_width
    if title:
        _paragraph(document, title, size=14, bold=True, centered=True)
    for n, table in enumerate(tables, 1):
        number = phrase("Table {n}.", n=n) + " " if len(tables) > 1 else ""
        if number or table.caption:
            _paragraph(document, number + table.caption, bold=True, centered=True, keep=True)
        _grid(document, table, _widths(table, document.sections[0]))
        for k, note in enumerate(table.notes, 1):
            _paragraph(document, note, size=SMALL, keep=k < len(table.notes))
        document.add_paragraph()
    document.save(str(path))


def _fonts(style) -> None:
    from docx.oxml.ns import qn
    from docx.shared import Pt

    style.font.name, style.font.size = LATIN, Pt(SIZE)
    style.element.get_or_add_rPr().get_or_add_rFonts().set(qn("w:eastAsia"), EAST_ASIAN)


def _paragraph(document, text: str, *, size: float = SIZE, bold: bool = False, centered: bool = False, keep=False):
    from docx.enum.text import WD_ALIGN_PARAGRAPH
    from docx.shared import Pt

    paragraph = document.add_paragraph()
    run = paragraph.add_run(printable(text))
    run.bold, run.font.size = bold, Pt(size)
    form = paragraph.paragraph_format
    form.space_before, form.space_after, form.keep_with_next = Pt(0), Pt(2), keep
    if centered:
        paragraph.alignment = WD_ALIGN_PARAGRAPH.CENTER


def _widths(table, page) -> list[int]:
    """Of the columns, in EMU: by their longest texts, so that words and numbers are broken only where they must."""
    from docx.shared import Pt

    whole = page.page_width - page.left_margin - page.right_margin
    rows = list(table.rows())
    longest = max(text_width(label) for label in (table.corner, *(label for _, label, _ in rows)))
    labels = min(int(Pt(SIZE * LETTER * (longest + 2))), int(LABELS * whole))
    needs = [max(FEWEST, *(min(text_width(cells[j]), MOST) for _, _, cells in rows),
                 *map(text_width, head.split())) for j, head in enumerate(table.heads)]  # fmt: skip
    return [labels, *[int((whole - labels) * need / sum(needs)) for need in needs]]


def _grid(document, table, widths) -> None:
    rows = [(False, table.corner, table.heads), *table.rows()]
    top = bool(table.groups)
    grid = document.add_table(rows=len(rows) + top, cols=len(table.heads) + 1)
    grid.autofit = False
    for column, width in zip(grid.columns, widths):
        column.width = width
        for cell in column.cells:
            cell.width = width
    if top:
        _groups(grid.rows[0], table)
    for line, (title, label, cells) in zip(grid.rows[top:], rows):
        _fill(line.cells[0], _row_label(label), italic=title, left=True)
        for cell, text in zip(line.cells[1:], cells):
            _fill(cell, text)
    for line in grid.rows[: 1 + top]:
        _repeats(line)
    for line, (title, _, _), (_, label_below, _) in zip(grid.rows[top:], rows, rows[1:]):
        _keep(line, len(rows) <= TOGETHER or title or not label_below)  # standard errors have no label
    _keep(grid.rows[-1], bool(table.notes))
    _rule(grid.rows[0], "top", THICK)
    _rule(grid.rows[top], "bottom", THIN)
    _rule(grid.rows[-1], "bottom", THICK)


def _row_label(text: str) -> str:
    """Greek letters and R2 as papers set them."""
    return SYMBOLS.get(text) or (f"R\u00b2{text[2:]}" if text == "R2" or text.startswith(("R2 ", "R2,")) else text)


def _groups(line, table) -> None:
    at = 1
    _fill(line.cells[0], "")
    for text, span in table.groups:
        cell = line.cells[at].merge(line.cells[at + span - 1]) if span > 1 else line.cells[at]
        for needless in cell.paragraphs[1:]:  # merged cells keep a paragraph each
            cell._tc.remove(needless._p)
        _fill(cell, text)
        if text:
            _border(cell, "bottom", THIN)
        at += span


def _fill(cell, text: str, *, italic: bool = False, left: bool = False) -> None:
    from docx.enum.text import WD_ALIGN_PARAGRAPH
    from docx.shared import Pt

    paragraph = cell.paragraphs[0]
    for part, raised in _superscripts(text):
        run = paragraph.add_run(printable(part))
        run.italic, run.font.superscript = italic, raised or None
    form = paragraph.paragraph_format
    form.space_before, form.space_after = Pt(0), Pt(0)
    paragraph.alignment = WD_ALIGN_PARAGRAPH.LEFT if left else WD_ALIGN_PARAGRAPH.CENTER


def _superscripts(text: str) -> list[tuple[str, bool]]:
    """Stars behind a number stand high; a hyphen before it is a minus sign."""
    plain = text.rstrip("*")
    stars = text[len(plain) :]
    if not any(c.isdigit() for c in plain):
        return [(text, False)]
    if plain.lstrip("([")[:1] == "-":
        plain = plain.replace("-", "\u2212", 1)
    return [(plain, False), *[(stars, True)] * bool(stars)]


def _rule(line, edge: str, size: int) -> None:
    for cell in line.cells:
        _border(cell, edge, size)


def _border(cell, edge: str, size: int) -> None:
    from docx.oxml import OxmlElement
    from docx.oxml.ns import qn

    properties = cell._tc.get_or_add_tcPr()
    borders = properties.find(qn("w:tcBorders"))
    if borders is None:
        borders = OxmlElement("w:tcBorders")
        properties.append(borders)
    if borders.find(qn(f"w:{edge}")) is not None:
        return
    line = OxmlElement(f"w:{edge}")
    for name, value in (("val", "single"), ("sz", str(size)), ("space", "0"), ("color", "000000")):
        line.set(qn(f"w:{name}"), value)
    if edge == "top":
        borders.insert(0, line)
    else:
        borders.append(line)


def _keep(line, with_next: bool) -> None:
    """A row on one page, and on that of the next row."""
    from docx.oxml import OxmlElement

    line._tr.get_or_add_trPr().append(OxmlElement("w:cantSplit"))
    for cell in line.cells:
        for paragraph in cell.paragraphs:
            paragraph.paragraph_format.keep_with_next = with_next


def _repeats(line) -> None:
    """The head again on every page that the table reaches."""
    from docx.oxml import OxmlElement
    from docx.oxml.ns import qn

    element = OxmlElement("w:tblHeader")
    element.set(qn("w:val"), "true")
    line._tr.get_or_add_trPr().append(element)
