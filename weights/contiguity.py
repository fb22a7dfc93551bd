"""Contiguity: units that share a border (rook), a point (queen), or only a point (bishop)."""

from __future__ import annotations

import warnings

import numpy as np
from scipy import sparse

from spillover import labels as _labels
from spillover.errors import SpatialInputError, SpatialInputWarning, check_option
from spillover.matrix.assemble import from_csr
from spillover.matrix.weights import SpatialWeights
from spillover.values import one_number

from . import _touch, _vertices
from ._points import refuse_empty
from ._threads import of_each
from .islands import POLICIES, treat
from .order import lag_order

POLYGON, MULTIPOLYGON = 3, 6  # as GEOS numbers them


def queen(gdf, *, ids=None, order: int = 1, cumulative: bool = True, tolerance: float | None = None,
          islands: str = "keep") -> SpatialWeights:
    """Neighbours share at least one point of their borders; every weight is 1.

    Parameters
    ----------
    gdf : GeoDataFrame or GeoSeries of polygons
    ids : str or sequence, optional
        Id column or labels; default the index.
    order : int
        Neighbours up to this many steps away (``cumulative``), or exactly that many.
    cumulative : bool
    tolerance : float, optional
        Also join polygons at most this many metres apart (coordinate units where the map has no coordinate system).
        By default borders must share vertices, bit for bit.
    islands : {"keep", "nearest", "drop", "error"}
        Units without neighbours: keep an empty row, join to the nearest polygon, leave out, or refuse (E306).

    Raises
    ------
    SpatialInputError
        E401 missing or empty geometry, E404 not polygons, E101, E102, E306, E501.

    Examples
    --------
    >>> import weights as wt
    >>> import geopandas, shapely
    >>> cells = [shapely.box(x, y, x + 1, y + 1) for x in range(3) for y in range(3)]
    >>> print(wt.queen(geopandas.GeoSeries(cells)))
    Spatial weights: queen
      units         9
      links         40 (4.44 per unit, from 3 to 8; 55.56% of pairs)
      islands       none
      components    1
      standardized  none
      symmetric     yes
    """
    return _contiguity(gdf, "queen", ids, order, cumulative, tolerance, islands)


def rook(gdf, *, ids=None, order: int = 1, cumulative: bool = True, tolerance: float | None = None,
         islands: str = "keep") -> SpatialWeights:
    """Neighbours share a stretch of border, not only a point; parameters as in :func:`queen`."""
    return _contiguity(gdf, "rook", ids, order, cumulative, tolerance, islands)


def bishop(gdf, *, ids=None, order: int = 1, cumulative: bool = True, tolerance: float | None = None,
           islands: str = "keep") -> SpatialWeights:
    """Neighbours share points only (queen without rook); parameters as in :func:`queen`."""
    return _contiguity(gdf, "bishop", ids, order, cumulative, tolerance, islands)


def _contiguity(gdf, rule, ids, order, cumulative, tolerance, islands) -> SpatialWeights:
    check_option("islands", islands, POLICIES)
    tolerance = one_number("tolerance", tolerance, least=0, optional=True)
    shapes, index, begin = polygons(gdf, ids)
    space = _touch.Space(shapes, gdf.crs)
    if tolerance is None:
        w = from_csr(PATTERN[rule](shapes, begin, geographic=space.geographic), index, rule, sound=True)
        if rule != "bishop":
            _warn_missed(w, shapes)
    else:
        pattern = _touch.within(space, begin, tolerance, rule, PATTERN)
        w = from_csr(pattern, index, f"{rule}, borders up to {tolerance:g} {space.unit} apart")
    if order != 1:
        w = lag_order(w, order, cumulative=cumulative)
    return treat(w, islands, nearest=lambda alone: _touch.nearest(space, alone, _labels.rank(index)))


def _warn_missed(w, shapes) -> None:
    """Exact vertices see no neighbour of a unit that yet touches or overlaps one: the map has dirty borders."""
    alone = np.flatnonzero(np.diff(w.csr.indptr) == 0)
    if not len(alone):
        return
    import shapely

    other, of = shapely.STRtree(shapes[alone]).query(shapes, predicate="intersects")  # few alone, so a small tree
    missed = np.unique(alone[of[alone[of] != other]])
    if len(missed):
        names = ", ".join(repr(i) for i in w.ids[missed[:5]].tolist()) + (", ..." if len(missed) > 5 else "")
        warnings.warn(SpatialInputWarning(
            f"{len(missed)} units without neighbours do touch others, but share no vertex with them ({names}): "
            "give tolerance= in metres, or see wt.audit(gdf)"), stacklevel=4)


def polygons(gdf, ids) -> tuple[np.ndarray, object, np.ndarray]:
    """Geometries, ids and where their coordinates begin, at the door: no missing or empty ones, polygons only."""
    import shapely

    if not hasattr(gdf, "geometry"):
        raise SpatialInputError("E404", f"contiguity needs a GeoDataFrame of polygons, not {type(gdf).__name__}")
    index = _labels.frame_ids(gdf, ids)
    _labels.refuse_too_few(len(index), 1)
    shapes = np.asarray(gdf.geometry.array)
    kind, count = of_each((shapely.get_type_id, shapely.get_num_coordinates), shapes)
    refuse_empty(count, index)
    wrong = (kind != POLYGON) & (kind != MULTIPOLYGON)
    if wrong.any():
        found = sorted({shape.geom_type for shape in shapes[wrong][:100]})
        raise SpatialInputError("E404", f"contiguity needs polygons, but there are {', '.join(found)}",
                                ids=index[wrong].tolist(), n=int(wrong.sum()),
                                hint="for points use wt.knn or wt.delaunay")
    return shapes, index, _vertices.offsets(count)


def _touching_at_points(shapes, begin, *, geographic=False) -> sparse.csr_array:
    queens, rooks = (sharing(shapes, begin, geographic=geographic) for sharing in (PATTERN["queen"], PATTERN["rook"]))
    out = queens - rooks
    out.eliminate_zeros()
    return out


PATTERN = {"queen": _vertices.sharing_a_vertex, "rook": _vertices.sharing_an_edge, "bishop": _touching_at_points}
