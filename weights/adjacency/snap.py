"""How far apart two vertices may lie and still be one, and which then are."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from spillover.values import one_number

from .open_border import OpenBorder
from .touch import Space

METRES, DEGREES, RELATIVE = 0.01, 1e-7, 1e-9  # snap="auto": projected, geographic, without coordinate system
SHARE = 0.01  # of the median unmatched edge: more would snap away what is drawn
ROUNDED = 20  # slanted edges from which rounding of coordinates can be told
MOST_DIGITS = 8
SLANTED = np.array([np.cos(1.0), np.sin(1.0)])  # few vertices of a regular map lie side by side along it


def distance(snap, space: Space, border: OpenBorder) -> float:
    """The snap in units of the coordinates: a number as it is, or what "auto" comes to on this map."""
    if not (isinstance(snap, str) and snap == "auto"):
        return one_number("snap", snap, least=0)
    if not len(border.ends):
        return 0.0
    if space.geographic:
        reach = DEGREES
    elif space.unit == "m":
        reach = METRES / space.factor
    else:
        reach = RELATIVE * float(abs(border.xy).max())
    step = border.head - border.tail
    reach = min(reach, SHARE * float(np.median(np.hypot(*step.T))))
    slanted = (step != 0).all(axis=1)
    if np.count_nonzero(slanted) >= ROUNDED:  # rounding moves no vertex off an edge that is parallel to an axis
        most = SHARE * float(np.median(np.hypot(*step[slanted].T)))
        reach = max(reach, min(1.5 * rounding(border.xy), most))
    return reach


def rounding(xy: np.ndarray) -> float:
    """10^-k if all coordinates are rounded to k decimal places, else 0."""
    for digits in range(MOST_DIGITS + 1):
        if _is_rounded(xy[:100], digits) and _is_rounded(xy, digits):
            return 10.0**-digits
    return 0.0


def _is_rounded(xy, digits) -> bool:
    return bool((abs(xy - np.round(xy, digits)) <= 4 * np.finfo(float).eps * abs(xy)).all())


def clusters(xy: np.ndarray, reach: float) -> tuple[np.ndarray, np.ndarray]:
    """Which vertices become one: a label for each, (k,), and the extent of each cluster.

    Vertices at most ``reach`` apart are joined, the closest first, as long as a cluster's extent stays within twice
    that.
    """
    k = len(xy)
    if reach == 0 or k < 2:
        return np.arange(k), np.zeros(k)
    pairs = _close_pairs(xy, reach)
    if not len(pairs):
        return np.arange(k), np.zeros(k)
    label = _components(pairs, k)
    wide = _extent(xy, label) > 2 * reach
    if wide.any():
        pairs = np.concatenate([pairs[~wide[label[pairs[:, 0]]]], _limited(xy, pairs[wide[label[pairs[:, 0]]]], reach)])
        label = _components(pairs, k)
    return label, _extent(xy, label)


def _close_pairs(xy, reach) -> np.ndarray:
    """Pairs at most ``reach`` apart, (p, 2): neighbors along a slanted line, or by a tree where those are many."""
    along = xy @ SLANTED
    order = np.argsort(along)
    along, step = along[order], 1
    here = np.flatnonzero(along[1:] - along[:-1] <= reach)
    if len(here) > len(xy) / 2:
        from scipy.spatial import cKDTree

        return cKDTree(xy).query_pairs(reach, output_type="ndarray")
    parts = [np.empty((0, 2), np.intp)]
    while len(here):
        parts.append(np.column_stack([order[here], order[here + step]]))
        step += 1
        here = here[here + step < len(xy)]
        here = here[along[here + step] - along[here] <= reach]
    pairs = np.concatenate(parts)
    return pairs[np.hypot(*(xy[pairs[:, 0]] - xy[pairs[:, 1]]).T) <= reach]


def _components(pairs, k) -> np.ndarray:
    links = sparse.coo_array((np.ones(len(pairs), bool), tuple(pairs.T)), shape=(k, k))
    return sparse.csgraph.connected_components(links, directed=False)[1]


def _extent(xy, label) -> np.ndarray:
    """Diagonal of the box around each cluster."""
    order = np.argsort(label, kind="stable")
    start = np.flatnonzero(np.diff(label[order], prepend=-1))
    return np.hypot(*(np.maximum.reduceat(xy[order], start) - np.minimum.reduceat(xy[order], start)).T)


def _limited(xy, pairs, reach) -> np.ndarray:
    """Those of the pairs that are joined, closest first, when no cluster may become wider than twice the reach."""
    gap = np.hypot(*(xy[pairs[:, 0]] - xy[pairs[:, 1]]).T)
    members: dict[int, list[int]] = {}
    of: dict[int, int] = {}
    kept = []
    for a, b in pairs[np.lexsort([pairs[:, 1], pairs[:, 0], gap])].tolist():
        first, second = of.get(a, a), of.get(b, b)
        if first == second:
            kept.append((a, b))
            continue
        both = members.get(first, [first]) + members.get(second, [second])
        if np.hypot(*np.ptp(xy[both], axis=0)) <= 2 * reach:
            members[first] = both
            of.update(dict.fromkeys(both, first))
            kept.append((a, b))
    return np.array(kept, np.intp).reshape(-1, 2)
