"""How results of this room read in a terminal."""

from __future__ import annotations

import numpy as np


def p_text(p) -> str:
    """Never 0.0000."""
    if p is None or np.isnan(p):
        return "-"
    return "<1e-4" if p < 1e-4 else f"{p:.4f}"


def number(x) -> str:
    return "-" if x is None or np.isnan(x) else f"{x:.4f}" if abs(x) >= 0.01 or x == 0 else f"{x:.3g}"


def table(header, rows) -> str:
    """Columns of text, the first to the left, the others to the right."""
    widths = [max(len(str(row[c])) for row in [header, *rows]) for c in range(len(header))]
    lines = []
    for row in [header, *rows]:
        cells = [str(row[0]).ljust(widths[0])] + [str(v).rjust(w) for v, w in zip(row[1:], widths[1:])]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)
