"""Decode a TopoJSON topology: every border is stored once, as an arc that its neighbors share.

A vertex is ``translate + scale * integer``, computed once per arc, so neighbors receive the same bits.
Format: https://github.com/topojson/topojson-specification
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import shapely


def read(path: Path, collection: str) -> list[tuple[dict, shapely.Geometry]]:
    """Give the members of a collection: each as its record (id, properties) and its geometry."""
    topology = json.loads(Path(path).read_text(encoding="utf-8"))
    scale, translate = (np.array(topology["transform"][key]) for key in ("scale", "translate"))
    # The first point of an arc is absolute, each other one a step from the point before.
    arcs = [np.cumsum(arc, axis=0) * scale + translate for arc in topology["arcs"]]
    return [(record, _geometry(record, arcs)) for record in topology["objects"][collection]["geometries"]]


def _geometry(record: dict, arcs: list[np.ndarray]) -> shapely.Geometry:
    """A Polygon is a list of rings, a MultiPolygon a list of such lists."""
    parts = [record["arcs"]] if record["type"] == "Polygon" else record["arcs"]
    polygons = [shapely.Polygon(ring(shell, arcs), [ring(hole, arcs) for hole in holes]) for shell, *holes in parts]
    return polygons[0] if record["type"] == "Polygon" else shapely.MultiPolygon(polygons)


def ring(numbers: list[int], arcs: list[np.ndarray]) -> np.ndarray:
    """Join arcs end to end; the number ``~k`` (negative) is arc ``k`` walked backwards.

    Examples
    --------
    >>> arcs = [np.array([[0, 0], [1, 0], [1, 1]]), np.array([[0, 0], [0, 1], [1, 1]])]
    >>> ring([0, ~1], arcs).tolist()
    [[0, 0], [1, 0], [1, 1], [0, 1], [0, 0]]
    """
    walked = [arcs[k] if k >= 0 else arcs[~k][::-1] for k in numbers]
    # Each arc starts where the one before ended: that point is kept once.
    return np.vstack([walked[0], *(arc[1:] for arc in walked[1:])])
