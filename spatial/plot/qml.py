"""Styles of layers in QGIS's own format (QML): classes with a color and a legend in plain words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from xml.etree import ElementTree as ET

import numpy as np

from spillover.language import phrase

KINDS = {"Polygon": ("fill", "SimpleFill"), "Point": ("marker", "SimpleMarker"), "LineString": ("line", "SimpleLine")}
EDGE = "#5b5b5b"
# ColorBrewer's RdBu, Reds and Blues: below zero red, above it blue, as on the figures; readable for the colour-blind.
BELOW, ABOVE = ("#b2182b", "#ef8a62", "#fddbc7"), ("#d1e5f0", "#67a9cf", "#2166ac")
REDS = ("#a50f15", "#de2d26", "#fb6a4a", "#fcae91", "#fee5d9")
BLUES = ("#eff3ff", "#bdd7e7", "#6baed6", "#3182bd", "#08519c")
SHOCKED = "#4d4d4d"
NEGATIVE = "\\"  # hatching below zero, where values of both signs are on one map


@dataclass(frozen=True)
class Class:
    """Features of one color: those with ``value``, or those from ``low`` to ``high``; on figures some are hatched, so
    that grey print tells them from others."""

    label: str
    color: str
    value: str | None = None
    low: float = np.nan
    high: float = np.nan
    hatch: str = ""


@dataclass(frozen=True)
class Style:
    """How a layer is drawn.

    Attributes
    ----------
    name : str
        As QGIS lists it.
    column : str
    classes : tuple of Class
        All with a ``value`` (a categorized layer) or all with ``low`` and ``high`` (a graduated one).
    aliases : mapping of column to str
        Plain words for columns, for the attribute table and forms.
    tip : str
        What QGIS shows beside the pointer: HTML with expressions, ``[% "column" %]``.
    """

    name: str
    column: str
    classes: tuple[Class, ...]
    aliases: Mapping[str, str] = field(default_factory=dict)
    tip: str = ""


def qml(style: Style, shape: str = "Polygon") -> str:
    """The style as QGIS reads it; ``shape`` is "Polygon", "Point" or "LineString"."""
    symbol_type, layer_class = KINDS.get(shape, KINDS["Polygon"])
    graduated = all(each.value is None for each in style.classes)
    root = ET.Element("qgis", version="3.22", styleCategories="Symbology|Fields|MapTips")
    kind = {"type": "graduatedSymbol", "graduatedMethod": "GraduatedColor"} if graduated else {
        "type": "categorizedSymbol"}  # fmt: skip
    renderer = ET.SubElement(root, "renderer-v2", {"attr": style.column, **kind})
    parts = ET.SubElement(renderer, "ranges" if graduated else "categories")
    symbols = ET.SubElement(renderer, "symbols")
    for number, each in enumerate(style.classes):
        name = str(number)
        limits = {"lower": repr(float(each.low)), "upper": repr(float(each.high))} if graduated else {
            "value": each.value, "type": "string"}  # fmt: skip
        ET.SubElement(parts, "range" if graduated else "category", symbol=name, label=each.label, render="true",
                      **limits)
        symbol = ET.SubElement(symbols, "symbol", name=name, type=symbol_type, alpha="1", clip_to_extent="1")
        layer = ET.SubElement(symbol, "layer", {"class": layer_class, "enabled": "1", "locked": "0", "pass": "0"})
        options = ET.SubElement(layer, "Option", type="Map")
        for key, value in _paint(each.color, symbol_type).items():
            ET.SubElement(options, "Option", name=key, value=value, type="QString")
    aliases = ET.SubElement(root, "aliases")
    for number, (column, words) in enumerate(style.aliases.items()):
        ET.SubElement(aliases, "alias", field=column, index=str(number), name=words)
    if style.tip:
        ET.SubElement(root, "mapTip").text = style.tip
    return "<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>\n" + ET.tostring(root, encoding="unicode")


def classed(values, *, special: tuple[float, str] | None = None) -> tuple[Class, ...]:
    """Classes of numbers: two-sided about zero where there are both signs, else five of equal counts.

    Limits have two significant digits, so that the legend says what is drawn. Above zero is blue, below it red.

    Parameters
    ----------
    values : array of float
        Missing ones are passed over.
    special : (value, label), optional
        One value outside the classes, such as a shocked unit's own response: where it lies beyond all others it is a
        class of its own, in dark grey.

    Examples
    --------
    >>> [c.label for c in classed([-0.2, -0.1, 0.1, 0.2, 0.4])]
    ['−0.4 to −0.2', '−0.2 to −0.13', '−0.13 to 0', '0 to 0.13', '0.13 to 0.2', '0.2 to 0.4']
    >>> [c.label for c in classed([1.0, 2, 3, 4])]
    ['1 to 1.6', '1.6 to 2.2', '2.2 to 2.8', '2.8 to 3.4', '3.4 to 4']
    """
    values = np.asarray(values, dtype=float)
    values = values[np.isfinite(values)]
    size, both = np.sort(np.abs(values)), (values < 0).any() and (values > 0).any()
    if not size.any():
        classes = [Class(phrase("0, or no more than rounding"), BLUES[0], low=0.0, high=0.0)]
    elif both:
        limits = _limits(size[size > 0], (1 / 3, 2 / 3))
        ends = [-x for x in limits[::-1]] + limits[1:]
        below, above = BELOW[-(len(limits) - 1):], ABOVE[: len(limits) - 1]
        classes = [replace(each, hatch=NEGATIVE) if each.low < 0 else each for each in _between(ends, below + above)]
    elif (values > 0).any():
        limits = _limits(size, (0.2, 0.4, 0.6, 0.8), _rounded_down(size[0]))
        classes = _between(limits, _spread(BLUES, len(limits) - 1))
    else:
        limits = [-x for x in _limits(size, (0.2, 0.4, 0.6, 0.8), _rounded_down(size[0]))[::-1]]
        classes = _between(limits, _spread(REDS, len(limits) - 1))
    if special is not None and np.isfinite(special[0]):
        value, label = special
        if value > classes[-1].high:
            classes.append(Class(label, SHOCKED, low=classes[-1].high, high=_above(value)))
        elif value < classes[0].low:
            classes.insert(0, Class(label, SHOCKED, low=-_above(-value), high=classes[0].low))
    return tuple(classes)


def _limits(size: np.ndarray, shares: Sequence[float], start: float = 0.0) -> list[float]:
    """From ``start`` to what covers all, the quantiles between; two significant digits, none twice, and none below a
    ten-thousandth of the last: what is smaller is one class that begins at zero."""
    end = _rounded_up(size[-1])
    inner = [q for q in (float(f"{q:.2g}") for q in np.quantile(size, shares)) if q >= end / 10_000]
    start = start if start >= end / 10_000 else 0.0
    return [start, *(x for x in dict.fromkeys(inner) if start < x < end), end]


def _rounded_up(value: float) -> float:
    """The least number of two significant digits that is no less than a positive one."""
    near = float(f"{value:.2g}")
    return near if near >= value else float(f"{near + 10.0 ** (np.floor(np.log10(abs(value))) - 1):.2g}")


def _rounded_down(value: float) -> float:
    """The largest number of two significant digits that is no more than one that is positive or zero."""
    near = float(f"{value:.2g}")
    return near if near <= value else float(f"{near - 10.0 ** (np.floor(np.log10(abs(value))) - 1):.2g}")


def _above(value: float) -> float:
    """The least number of two significant digits that is no less."""
    return _rounded_up(value) if value > 0 else -_rounded_down(-value)


def _between(limits: list[float], colors: Sequence[str]) -> list[Class]:
    return [Class(phrase("{low} to {high}", low=words(low), high=words(high)), color, low=low, high=high)
            for low, high, color in zip(limits[:-1], limits[1:], colors, strict=True)]  # fmt: skip


def _spread(colors: Sequence[str], n: int) -> tuple[str, ...]:
    """n colors of the scale, its ends among them."""
    return tuple(colors[round(k)] for k in np.linspace(0, len(colors) - 1, n)) if n > 1 else (colors[len(colors) // 2],)


def words(value: float) -> str:
    """A number with a true minus sign and without an exponent.

    Examples
    --------
    >>> words(-9.2e-05), words(17000.0), words(-0.0)
    ('−0.000092', '17,000', '0')
    """
    if abs(value) >= 1000:
        return f"{value:,.0f}".replace("-", "−")
    return np.format_float_positional(value + 0.0, trim="-").replace("-", "−")


def _paint(color: str, symbol_type: str) -> dict[str, str]:
    if symbol_type == "line":
        return {"line_color": _rgba(color), "line_width": "0.5", "line_width_unit": "MM"}
    paint = {"color": _rgba(color), "style": "solid", "outline_color": _rgba(EDGE), "outline_style": "solid"}
    paint |= {"outline_width": "0.1", "outline_width_unit": "MM"}
    return paint | ({"name": "circle", "size": "2.4", "size_unit": "MM"} if symbol_type == "marker" else {})


def _rgba(color: str) -> str:
    return ",".join(str(int(color[i : i + 2], 16)) for i in (1, 3, 5)) + ",255"
