"""Contiguity by the obvious dictionary: who owns this vertex, who owns this edge."""

from collections import defaultdict
from itertools import combinations, pairwise

import numpy as np
import shapely


def links(shapes, *, edges: bool = False) -> set[frozenset]:
    """Pairs of units that share a vertex (queen) or an edge (rook) to the last bit."""
    owners = defaultdict(set)
    for unit, shape in shapes.items():
        for polygon in shapely.get_parts(shape):
            for ring in (polygon.exterior, *polygon.interiors):
                points = [tuple(p) for p in np.asarray(ring.coords)]
                for thing in map(frozenset, pairwise(points)) if edges else points:
                    owners[thing].add(unit)
    return {frozenset(pair) for units in owners.values() for pair in combinations(units, 2)}
