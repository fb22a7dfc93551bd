"""Contiguity: units that share a border (rook), a point (queen), or only a point (bishop)."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd

from spillover import labels as _labels
from spillover.errors import SpatialInputError, SpatialInputWarning, check_option
from spillover.matrix.assemble import from_csr
from spillover.matrix.weights import SpatialWeights
from spillover.values import one_number

from ._points import refuse_empty
from ._threads import of_each
from .adjacency import links as _links
from .adjacency import touch as _touch
from .adjacency import vertices as _vertices
from .islands import POLICIES, treat
from .order import lag_order

if TYPE_CHECKING:
    from spillover.types import Ids, Map

POLYGON, MULTIPOLYGON = 3, 6  # as GEOS numbers them


def queen(map: Map, *, ids: Ids | None = None, order: int = 1, cumulative: bool = False, snap: float | str = "auto",
          method: str | None = None, tolerance: float | None = None, islands: str = "keep") -> SpatialWeights:
    """Neighbors share at least one point of their borders; every weight is 1.

    Vertices and edges that two polygons share bit for bit are matched first. Of the edges left over (few on a clean
    map) the geometry decides: a vertex on another polygon's edge is a common point (a T-junction), and vertices that
    differ by less than ``snap``, as rounding makes them, are one. The header counts the pairs that rest on this,
    :func:`weights.audit` lists them.

    Parameters
    ----------
    map : GeoDataFrame or GeoSeries of polygons
    ids : str or sequence, optional
        Id column or labels; default the index.
    order : int
        Neighbors exactly this many steps away.
    cumulative : bool
        The nearer ones too.
    snap : "auto" or float
        How far apart vertices may lie and still be one, in units of the coordinates; polygons that overlap deeper also
        count as neighbors. 0: not at all, a vertex must lie on an edge exactly. "auto": 10 mm, 1e-7 degrees, or
        1e-9 of the largest coordinate where the map has no coordinate system, but at most 1 % of the median length of
        the edges left over; on a map with slanted borders whose coordinates are rounded to 10^-k at least
        min(1.5 x 10^-k, 1 % of that length).
    method : None or "vertices"
        "vertices" links only polygons that share vertices (rook: edges) bit for bit, and looks no further.
    tolerance : float, optional
        Also join polygons at most this many metres apart (coordinate units where the map has no coordinate system),
        for maps with wide gaps. Rook asks of such a pair that the part of one border that lies within the tolerance of
        the other is longer than four tolerances.
    islands : {"keep", "nearest", "drop", "error"}
        Units without neighbors: keep an empty row, join to the nearest polygon, leave out, or refuse (E306).

    Raises
    ------
    SpatialInputError
        E401 missing or empty geometry, E404 not polygons, E202 infinite coordinates, E101, E102, E306, E501.

    Examples
    --------
    >>> import weights as wt
    >>> import geopandas, shapely
    >>> bricks = [shapely.box(x + y % 2 / 2, y, x + y % 2 / 2 + 1, y + 1) for x in range(3) for y in range(3)]
    >>> print(wt.queen(geopandas.GeoSeries(bricks)))
    Spatial weights: queen
      units         9
      links         32 (3.56 per unit, from 2 to 6; 44.44% of pairs)
      islands       none
      components    1
      standardized  none
      symmetric     yes
      note          10 pairs rest on borders without common vertices: T-junctions 10, snapped 0, overlapping 0; snap 3.5e-09 coordinate units; see audit

    References
    ----------
    Cliff, A. D. & Ord, J. K. (1981), Spatial Processes, ch. 1, on contiguity. Bivand, R., Pebesma, E. & Gómez-Rubio, V.
    (2013), Applied Spatial Data Analysis with R, 2nd ed., ch. 9, on the snap.
    """  # noqa: E501
    return _contiguity(map, "queen", ids, order, cumulative, snap, method, tolerance, islands)


def rook(map: Map, *, ids: Ids | None = None, order: int = 1, cumulative: bool = False, snap: float | str = "auto",
         method: str | None = None, tolerance: float | None = None, islands: str = "keep") -> SpatialWeights:
    """Neighbors share a stretch of border, not only a point; parameters as in :func:`queen`."""
    return _contiguity(map, "rook", ids, order, cumulative, snap, method, tolerance, islands)


def bishop(map: Map, *, ids: Ids | None = None, order: int = 1, cumulative: bool = False, snap: float | str = "auto",
           method: str | None = None, tolerance: float | None = None, islands: str = "keep") -> SpatialWeights:
    """Neighbors share points only (queen without rook); parameters as in :func:`queen`."""
    return _contiguity(map, "bishop", ids, order, cumulative, snap, method, tolerance, islands)


def _contiguity(map, rule, ids, order, cumulative, snap, method, tolerance, islands) -> SpatialWeights:
    check_option("islands", islands, POLICIES)
    snap = check_snap(snap, method)
    tolerance = one_number("tolerance", tolerance, least=0, optional=True)
    shapes, index, begin = polygons(map, ids)
    space = _touch.Space(shapes, map.crs, index)
    links = _links.touching(space, begin, rule, snap, tolerance)
    warn_invalid(shapes, index, links.few)
    kind = rule if tolerance is None else f"{rule}, borders up to {tolerance:g} {space.unit} apart"
    w = from_csr(links.csr, index, kind, notes=_links.note(links, space), sound=True)
    if tolerance is None and rule != "bishop":
        _warn_missed(w, shapes, rule, links.reach)
    if order != 1:
        w = lag_order(w, order, cumulative=cumulative)
    return treat(w, islands, nearest=lambda alone: _touch.nearest(space, alone, _labels.rank(index)))


def check_snap(snap: object, method: str | None) -> float | Literal["auto"] | None:
    """The snap to work with; None where only common vertices count."""
    check_option("method", method, (None, "vertices"))
    automatic = isinstance(snap, str) and snap == "auto"
    if not automatic and (isinstance(snap, (str, bool)) or snap is None):
        raise SpatialInputError(
            "E501", f"snap={snap!r} should be 'auto' or a number of at least 0, in units of the coordinates",
            hint="snap=0 snaps nothing; method='vertices' links only polygons that share vertices")
    if method is None:
        return "auto" if automatic else one_number("snap", snap, least=0)
    if not automatic:
        raise SpatialInputError("E501", "method='vertices' snaps nothing, so that snap= has no effect",
                                hint="leave out one of the two")
    return None


def warn_invalid(shapes: np.ndarray, index: pd.Index, few: np.ndarray) -> None:
    """Polygons that cross themselves, among those with an edge of their own: the edges of all others are matched, so
    that their neighbors do not rest on what is inside them."""
    import shapely

    few = np.unique(few)
    bad = few[~shapely.is_valid(shapes[few])]
    if len(bad):
        names = ", ".join(repr(i) for i in index[bad[:5]].tolist()) + (", ..." if len(bad) > 5 else "")
        one = len(bad) == 1
        warnings.warn(SpatialInputWarning(
            f"{'a polygon is' if one else f'{len(bad)} polygons are'} invalid ({names}: "
            f"{shapely.is_valid_reason(shapes[bad[0]])}), so that neighbors of {'it' if one else 'them'} may be missed "
            "or wrong: map.geometry = shapely.make_valid(map.geometry.array), or wt.audit(map)"), stacklevel=4)


def _warn_missed(w, shapes, rule, reach) -> None:
    """Units without neighbors that yet lie on others: no edges cross where one polygon is within another."""
    alone = np.flatnonzero(np.diff(w.csr.indptr) == 0)
    if not len(alone):
        return
    import shapely

    other, of = shapely.STRtree(shapes[alone]).query(shapes, predicate="intersects")  # few alone, so a small tree
    of, other = alone[of][alone[of] != other], other[alone[of] != other]
    if rule == "rook":  # a common point is no border, nor are corners that overlap by less than the snap
        of = of[shapely.length(shapely.intersection(shapes[of], shapes[other])) > 8 * reach]
    missed = np.unique(of)
    if len(missed):
        names = ", ".join(repr(i) for i in w.ids[missed[:5]].tolist()) + (", ..." if len(missed) > 5 else "")
        warnings.warn(SpatialInputWarning(
            f"{len(missed)} units without neighbors do touch others, but share no border with them that could be "
            f"matched ({names}): see wt.audit(map); tolerance=0 joins them"), stacklevel=4)


def polygons(map, ids) -> tuple[np.ndarray, pd.Index, np.ndarray]:
    """Geometries, ids and where their coordinates begin, at the door: no missing or empty ones, polygons only."""
    import shapely

    if not hasattr(map, "geometry"):
        raise SpatialInputError("E404", f"contiguity needs a GeoDataFrame of polygons, not {type(map).__name__}",
                                hint="read one with wt.read_map, or use wt.knn on coordinates")
    index = _labels.frame_ids(map, ids)
    _labels.refuse_too_few(len(index), 1)
    shapes = np.asarray(map.geometry.array)
    kind, count = of_each((shapely.get_type_id, shapely.get_num_coordinates), shapes)
    refuse_empty(count, index)
    wrong = (kind != POLYGON) & (kind != MULTIPOLYGON)
    if wrong.any():
        kinds = sorted({shape.geom_type for shape in shapes[wrong][:100]})
        raise SpatialInputError("E404", f"contiguity needs polygons, but there are {', '.join(kinds)}",
                                ids=index[wrong].tolist(), n=int(wrong.sum()),
                                hint="for points use wt.knn or wt.delaunay")
    return shapes, index, _vertices.offsets(count)
