"""Colours of the classes of local statistics: GeoDa's hues, told apart in grey print and by colour-blind readers.

Two classes of one map differ in lightness by ``STEP`` (CIE L*, 0 black to 100 white) or in their hatching: where high
units are hatched, a grey print does not turn high-high into low-low.
"""

from __future__ import annotations

from ..explore._local import NO_DATA, NO_NEIGHBORS, NOT_SIGNIFICANT

STEP = 10.0  # of lightness between classes that are hatched alike
COLOURS = {
    "High-High": "#ff0000",
    "Low-Low": "#0000ff",
    "Low-High": "#9494fa",
    "High-Low": "#f8bdb9",
    "High": "#ff0000",
    "Low": "#0000ff",
    "Joined": "#ff0000",
    "Alone": "#9494fa",
    "Alike": "#b2182b",
    "Unlike": "#3288bd",
    "Alike, high": "#b2182b",
    "Alike, low": "#ef8a62",
    "Alike, other": "#f6c6a8",
    NOT_SIGNIFICANT: "#f2f2f2",
    NO_NEIGHBORS: "#999999",
    NO_DATA: "#464646",
}
HIGH, ABSENT = "/", "x"  # hatching of high units, and of units without a test
HATCHES = {
    **dict.fromkeys(("High-High", "High-Low", "High", "Joined", "Alike, high"), HIGH),
    **dict.fromkeys((NO_NEIGHBORS, NO_DATA), ABSENT),
}


DARK = 60.0  # lightness below which hatching is white


def ink(color: str) -> str:
    """The colour of lines that are seen on this one."""
    return "#ffffff" if lightness(color) < DARK else "#333333"


def lightness(color: str) -> float:
    """CIE L* of a colour such as "#0072b2": what is left of it in grey print.

    Examples
    --------
    >>> round(lightness("#ffffff")), round(lightness("#000000")), round(lightness("#ff0000"))
    (100, 0, 53)
    """
    parts = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    y = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    return 116 * (y ** (1 / 3) if y > 0.008856 else 7.787 * y + 16 / 116) - 16
