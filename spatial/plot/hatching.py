"""Hatching of classes on maps inside a page: lines on the colour, which grey print keeps."""

from __future__ import annotations

from collections.abc import Iterable

from .classes_of_units import ink
from .qml import Class

SIDE = 14  # of a pattern's tile, in units of the drawing
LINES = {"/": "M0 14L14 0", "\\": "M0 0L14 14", "x": "M0 14L14 0M0 0L14 14", "-": "M0 7h14", "|": "M7 0v14",
         "+": "M0 7h14M7 0v14", ".": "M6 7h2"}  # fmt: skip
NAMES = {"/": "rising", "\\": "falling", "x": "crossed", "-": "level", "|": "upright", "+": "grid", ".": "dotted"}
OTHER = "x"  # in place of hatching that a page does not have


def patterns(classes: Iterable[Class]) -> str:
    """Definitions of the patterns that the classes need."""
    kinds = dict.fromkeys((each.hatch, each.color) for each in classes if each.hatch)
    parts = "".join(
        f'<pattern id="{_id(hatch, color)}" width="{SIDE}" height="{SIDE}" patternUnits="userSpaceOnUse">'
        f'<rect width="{SIDE}" height="{SIDE}" fill="{color}"/>'
        f'<path d="{LINES.get(hatch, LINES[OTHER])}" fill="none" stroke-width="2" '
        f'stroke="{ink(color)}"/></pattern>' for hatch, color in kinds
    )  # fmt: skip
    return f"<defs>{parts}</defs>" if parts else ""


def paint(each: Class) -> str:
    """What fills the shapes of a class."""
    return f"url(#{_id(each.hatch, each.color)})" if each.hatch else each.color


def _id(hatch: str, color: str) -> str:
    return f"{NAMES.get(hatch, NAMES[OTHER])}-{color[1:]}"
