"""Numbers of a paper: fixed decimals, never an exponent, aligned at the decimal point."""

from __future__ import annotations

import re
from collections.abc import Iterable

import numpy as np

from spillover.errors import SpatialInputError
from spillover.values import whole_number

from .text import text_width

MOST = 12  # decimals at most
HUGE = 1e12  # beyond it a number has an exponent: rescale the variable
COUNT = re.compile(r"[\d,]+")
PAIR = re.compile(r"(-?\d+)(\.\d+ [(\[].*)")
CELL = re.compile(r"(?P<left>[(\[]?[-<]?[\d,]+)(?P<right>(?:\.\d+)?[)\]]?%?\**)")


def decimals(values: Iterable[float], digits: int) -> int:
    """How many decimals show all values: ``digits``, or two significant ones of a value that would read 0.

    Examples
    --------
    >>> decimals([1.5, -0.02], 3), decimals([1.5, -0.000122], 3)
    (3, 5)
    >>> decimals([1.5, 2e-15], 3)
    3
    """
    sizes = [abs(float(v)) for v in values if np.isfinite(v)]
    hidden = [v for v in sizes if 10**-MOST <= v < 0.5 * 10**-digits]  # fewer than MOST decimals show it
    return min(max([digits, *(int(np.ceil(-np.log10(v))) + 1 for v in hidden)]), max(MOST, digits))


def fixed(value: float, digits: int) -> str:
    """A number with so many decimals.

    Examples
    --------
    >>> fixed(-0.000122, 5), fixed(-0.0000001, 3), fixed(float("nan"), 3), fixed(1234.5, 1)
    ('-0.00012', '0.000', '', '1234.5')
    """
    if value is None or np.isnan(value):
        return ""
    if np.isinf(value) or abs(value) >= HUGE:
        return "inf" if value == np.inf else "-inf" if value == -np.inf else f"{value:.{digits}e}"
    text = f"{value:.{digits}f}"
    return text[1:] if text.startswith("-") and not text.strip("-0.") else text


def p_fixed(p: float, digits: int) -> str:
    """A p-value: never 0.000."""
    if not np.isfinite(p):
        return ""
    return f"<{10.0**-digits:.{digits}f}" if p < 10.0**-digits else f"{p:.{digits}f}"


def parts(cell: str) -> tuple[str, str] | None:
    """A number before its decimal point and from there on; None for other texts, counts such as 1,234 among them.

    Examples
    --------
    >>> parts("(0.25)"), parts("-1.5***"), parts("816"), parts("yes")
    (('(0', '.25)'), ('-1', '.5***'), None, None)
    """
    match = CELL.fullmatch(cell)
    return (match["left"], match["right"]) if match and not COUNT.fullmatch(cell) else None


def _pair(cell: str) -> tuple[str, str] | None:
    """A number with another in brackets behind it, as tests are shown: 12.33 [0.002]."""
    match = PAIR.fullmatch(cell)
    return (match[1], match[2]) if match else None


def aligned(cells: list[str]) -> list[str]:
    """The cells of a column in one width: numbers under each other by their decimal points, other texts centered."""
    split = [parts(cell) or _pair(cell) for cell in cells]
    left = max((len(p[0]) for p in split if p), default=0)
    right = max((len(p[1]) for p in split if p), default=0)
    width = max([left + right, *(text_width(cell) for cell, p in zip(cells, split) if not p)])
    before = (width - left - right + 1) // 2
    out = []
    for cell, p in zip(cells, split):
        if p:
            out.append(" " * before + p[0].rjust(left) + p[1].ljust(width - before - left))
        else:
            space = width - text_width(cell)
            out.append(" " * ((space + 1) // 2) + cell + " " * (space // 2))
    return out


def check_digits(digits) -> None:
    """E501 for decimals that no table prints: less than none, or more than a number holds."""
    if whole_number("digits", digits, least=0) > MOST:
        raise SpatialInputError("E501", f"digits={digits} are more than a number holds", hint=f"choose digits={MOST}")
