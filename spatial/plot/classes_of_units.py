"""Colours of the classes of local statistics: GeoDa's, familiar to readers of these maps."""

from __future__ import annotations

from ..explore._local import NO_DATA, NO_NEIGHBORS, NOT_SIGNIFICANT

COLOURS = {
    "High-High": "#ff0000",
    "Low-Low": "#0000ff",
    "Low-High": "#a7adf9",
    "High-Low": "#f4ada8",
    "High": "#ff0000",
    "Low": "#0000ff",
    "Joined": "#ff0000",
    "Alone": "#a7adf9",
    "Alike": "#b2182b",
    "Unlike": "#67adc7",
    "Alike, high": "#b2182b",
    "Alike, low": "#ef8a62",
    "Alike, other": "#fddbc7",
    NOT_SIGNIFICANT: "#eeeeee",
    NO_NEIGHBORS: "#999999",
    NO_DATA: "#464646",
}
