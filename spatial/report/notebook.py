"""How results look in a notebook: what they are, a small map where that is cheap, their table, and the printed text."""

from __future__ import annotations

from html import escape

from spillover.show import answer

from .table import frame_table

ROWS = 12  # of the table that are shown


def html(result) -> str:
    """The first line of the printed text, a small map, the first rows of the table, all of the text folded."""
    text, draw = str(result), answer("picture", type(result))
    parts = [f"<p><b>{escape(text.partition(chr(10))[0])}</b></p>", draw(result), _table(result),
             f"<details><summary>as printed</summary><pre>{escape(text)}</pre></details>"]  # fmt: skip
    return "<div>" + "".join(parts) + "</div>"


def _table(result) -> str:
    tidy = getattr(result, "tidy", None)
    frame = tidy() if callable(tidy) else None
    if frame is None or not len(frame.columns) or not len(frame):
        return ""
    frame = frame.loc[:, frame.notna().any()]
    more = f"<p>{len(frame) - ROWS:,} more rows: result.tidy()</p>" if len(frame) > ROWS else ""
    return frame_table(frame.head(ROWS)).to_html() + more
