"""A report as one HTML file that works offline: no external files, one script of ours under its hash, printable."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib.resources import files
from io import BytesIO
from pathlib import Path
from typing import Any

import pandas as pd

from spillover.errors import SpatialInputError
from spillover.files import replacing
from spillover.language import language, phrase, stored

from .heads import WORDED, head_of
from .latex import is_wide
from .table import Table as PaperTable
from .text import number

LONG = 20  # rows; longer tables are collapsed
PAPER_LONG = 50  # the same of a table with two rows for each estimate
WIDE = 8  # columns; wider tables are set smaller
DPI, SHOWN_DPI = 200, 120  # figures are drawn finer than shown, for print and sharp screens
PNG = b"\x89PNG\r\n\x1a\n"
DIGITS = {"statistic": 2, "z": 2, "t": 2, "loglik": 2, "aic": 2, "bic": 2, "sigma2": 6}


@dataclass(frozen=True, eq=False)
class Table:
    """A frame with its caption; the index is left out (``reset_index()`` shows it).

    ``digits`` are those after the point, but statistics and criteria of fit have two. In columns named ``p``,
    ``p_...`` or ``probability`` nothing is rounded to 0 or 1.
    """

    frame: pd.DataFrame
    caption: str
    digits: int = 4


@dataclass(frozen=True, eq=False)
class Figure:
    """PNG bytes, or a matplotlib Axes or Figure. ``alt`` describes it in words.

    ``svg`` is markup that ``spatial.plot.page_map`` makes of a map: the page has it instead of the image.
    """

    image: Any
    caption: str
    alt: str
    svg: str = ""


@dataclass(frozen=True, eq=False)
class Section:
    """A chapter: paragraphs, then tables, then figures, then a note in small print. All text is plain text."""

    heading: str
    text: tuple[str, ...] = ()
    tables: tuple[Table | PaperTable, ...] = ()
    figures: tuple[Figure, ...] = ()
    note: str = ""


def write_html(path, *, title: str, overwrite: bool = False, **parts) -> Path:
    """Write a report atomically.

    Parameters
    ----------
    path : path-like
    title, **parts
        As :func:`render` takes them.
    overwrite : bool
        An existing file is refused unless true.

    Raises
    ------
    SpatialInputError
        E603 when the file exists; E605 when it cannot be written; and those of :func:`render`.
    """
    page = render(title=title, **parts)
    with replacing(path, overwrite=overwrite) as part:
        part.write_text(page, encoding="utf-8")
    return Path(path)


def render(
    *,
    title: str,
    subtitle: str = "",
    answer: tuple[str, ...] = (),
    leading: tuple[Figure, ...] = (),
    sections: tuple[Section, ...] = (),
    footer: Mapping[str, Any] | None = None,
    lang: str = "en",
) -> str:
    """The report as a string. Everything in it is escaped.

    Parameters
    ----------
    title, subtitle : str
    answer : tuple of str
        The main result in a few sentences, in a box at the top.
    leading : tuple of Figure
        A map and a figure beside the answer.
    sections : tuple of Section
    footer : mapping of str to str, optional
        How the numbers were computed: versions, seeds, checksums of the data.
    lang : str
        Language of what the report adds to the texts, as a BCP 47 tag ("zh-CN").

    Raises
    ------
    SpatialInputError
        E501 for a figure that is neither PNG nor matplotlib's, or a language without a catalogue.

    Examples
    --------
    >>> page = render(title="Spillovers <draft>", answer=("Nothing spills over.",))
    >>> "<h1>Spillovers &lt;draft&gt;</h1>" in page
    True
    """
    try:
        from jinja2 import Environment, StrictUndefined
        from markupsafe import Markup
    except ImportError as error:
        raise ImportError("reports need jinja2: pip install 'spillover[report]'") from error

    script = files("spatial.report").joinpath("report.js").read_text(encoding="utf-8")
    environment = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=StrictUndefined)
    template = environment.from_string(files("spatial.report").joinpath("report.html").read_text(encoding="utf-8"))
    with language(lang) as tag:
        return template.render(
            title=title, subtitle=subtitle, answer=_several(answer), lang=tag, footer=dict(footer or {}),
            sections=_numbered(sections), leading=[_figure(figure, 0) for figure in leading], phrase=_phrases(),
            script=Markup(script), digest=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        )  # fmt: skip


def _phrases() -> dict[str, str]:
    """What the template itself says."""
    return {
        "answer": phrase("The answer"), "contents": phrase("Contents"), "back": phrase("Back to the answer"),
        "made": phrase("How these numbers were made"), "more": phrase("more columns to the right"),
    }  # fmt: skip


def png(ax, *, dpi: int = DPI) -> bytes:
    """The figure an Axes belongs to (or a Figure), as PNG bytes."""
    out = BytesIO()
    getattr(ax, "figure", ax).savefig(out, format="png", dpi=dpi)
    return out.getvalue()


def _numbered(sections) -> list[dict]:
    """Sections as the template takes them; tables and figures are numbered through the report."""
    out, tables, figures = [], 0, 0
    for section in sections:
        part = {"heading": section.heading, "text": _several(section.text), "note": section.note}
        part["tables"] = [_table(t, n) for n, t in enumerate(section.tables, tables + 1)]
        part["figures"] = [_figure(f, n) for n, f in enumerate(section.figures, figures + 1)]
        tables, figures = tables + len(section.tables), figures + len(section.figures)
        out.append(part)
    return out


def _table(table: Table | PaperTable, n: int) -> dict:
    if isinstance(table, PaperTable):
        return _paper(table, n)
    frame = table.frame
    numeric = [_is_number(dtype) for dtype in frame.dtypes]
    columns = [cells(frame.iloc[:, j], table.digits) for j in range(frame.shape[1])]
    return {
        "title": phrase("Table {n}.", n=n), "n": n, "caption": table.caption, "long": len(frame) > LONG,
        "count": phrase("({n} rows)", n=f"{len(frame):,}"), "wide": frame.shape[1] > WIDE,
        "head": [(head_of(name), right) for name, right in zip(frame.columns, numeric)],
        "rows": [list(zip(row, numeric)) for row in zip(*columns)],
    }  # fmt: skip


def _paper(table: PaperTable, n: int) -> dict:
    """A table that escapes itself; its caption stands above like that of others."""
    from markupsafe import Markup

    named = f'<table class="paper" aria-labelledby="t{n}">'
    markup = replace(table, caption="").to_html().replace("<table>", named, 1)
    rows = sum(1 for _ in table.rows())
    return {"title": phrase("Table {n}.", n=n), "n": n, "caption": table.caption, "long": rows > PAPER_LONG,
            "count": phrase("({n} rows)", n=f"{rows:,}"), "markup": Markup(markup), "wide": is_wide(table)}  # fmt: skip


def cells(column: pd.Series, digits: int = 4) -> list[str]:
    """A column as text: the one place that formats the report's numbers.

    Examples
    --------
    >>> cells(pd.Series([0.0312, 3e-9, float('nan')], name="p_value"))
    ['0.0312', '<1e-4', '']
    >>> cells(pd.Series([0.5, 3e-9], name="estimate"))
    ['0.5000', '3.000e-09']
    >>> cells(pd.Series([1986, 12345], name="links"))
    ['1986', '12,345']
    >>> cells(pd.Series([464550.0, 0.5], name="last"))
    ['464,550', '0.5000']
    """
    if pd.api.types.is_bool_dtype(column.dtype):
        return [phrase("yes") if value else phrase("no") for value in column]
    if not _is_number(column.dtype):
        show = stored if str(column.name) in WORDED else str
        return ["" if value is None or value is pd.NA or value != value else show(str(value)) for value in column]
    if pd.api.types.is_integer_dtype(column.dtype):
        return ["" if pd.isna(v) else f"{v:,}" if abs(v) >= 10_000 else f"{v}" for v in column]
    name = str(column.name)
    if name in ("p", "probability") or name.startswith(("p_", "p (")):
        return [_share(v) for v in column.astype(float)]
    digits = DIGITS.get(name, digits)
    return [f"{v:,.0f}" if 1e4 <= abs(v) < 1e6 else number(v, digits) for v in column.astype(float)]


def _share(p: float) -> str:
    """A p-value or probability: never 0.0000, and 1.0000 for the number one alone."""
    return "<1e-4" if p < 1e-4 else ">0.9999" if 0.99995 <= p < 1 else number(p)


def _figure(figure: Figure, n: int) -> dict:
    title = phrase("Figure {n}.", n=n) if n else ""
    if figure.svg:
        from markupsafe import Markup

        return {"title": title, "n": n, "svg": Markup(figure.svg), "caption": figure.caption}
    image = bytes(figure.image) if isinstance(figure.image, (bytes, bytearray)) else None
    if image is None and hasattr(getattr(figure.image, "figure", figure.image), "savefig"):
        image = png(figure.image)
    if image is None or not image.startswith(PNG):
        raise SpatialInputError("E501", f"figure {n} must be PNG bytes or a matplotlib Axes",
                                hint="the one given is " + type(figure.image).__name__)  # fmt: skip
    width, height = (round(int.from_bytes(image[k : k + 4], "big") * SHOWN_DPI / DPI) for k in (16, 20))
    data = base64.b64encode(image).decode("ascii")
    return {"title": title, "n": n, "data": data, "width": width, "height": height, "caption": figure.caption,
            "alt": figure.alt}  # fmt: skip


def _is_number(dtype) -> bool:
    return pd.api.types.is_numeric_dtype(dtype) and not pd.api.types.is_bool_dtype(dtype)


def _several(text) -> tuple[str, ...]:
    """One sentence may come as a plain string."""
    return (text,) if isinstance(text, str) else tuple(text)
