"""How weights print: a block on their own, one line in the head of a result."""

from __future__ import annotations

from html import escape

import numpy as np


def lines(w) -> list[tuple[str, str]]:
    """(label, value) pairs, in reading order."""
    counts = np.diff(w.csr.indptr)
    links = f"{w.nnz:,}"
    if w.n > 1:
        links += (f" ({w.nnz / w.n:.2f} per unit, from {counts.min()} to {counts.max()}; "
                  f"{w.nnz / (w.n * (w.n - 1)):.2%} of pairs)")
    rows = [("units", f"{w.n:,}"), ("links", links), ("islands", _named(w.islands)),
            ("components", f"{w.components:,}"), ("standardized", w.standardization),
            ("symmetric", "yes" if w.is_symmetric else "no")]
    if w.unit:
        rows.append(("distance", w.unit))
    return rows + [("note", note) for note in w.notes]


def text(w) -> str:
    rows = lines(w)
    return "\n".join([f"Spatial weights: {w.kind}", *(f"  {label:<13} {value}" for label, value in rows)])


def html(w) -> str:
    body = "".join(f"<tr><th style='text-align:left'>{escape(label)}</th>"
                   f"<td style='text-align:left'>{escape(value)}</td></tr>" for label, value in lines(w))
    return f"<table><caption>Spatial weights: {escape(w.kind)}</caption><tbody>{body}</tbody></table>"


def one_line(w) -> str:
    """Kind, standardisation, links, islands and notes, for the head of a result."""
    count = len(w.islands)
    islands = f"{count} island{'s' if count > 1 else ''}" if count else "no islands"
    return "; ".join([f"{w.kind}, {style(w)}, {w.nnz:,} links, {islands}", *w.notes])


def style(w) -> str:
    """The standardisation in words."""
    return "not standardised" if w.standardization == "none" else f"{w.standardization}-standardised"


def _named(islands) -> str:
    if not len(islands):
        return "none"
    return f"{len(islands):,}: " + ", ".join(map(str, islands[:5])) + (", ..." if len(islands) > 5 else "")
