"""Contiguity weighted by how long the common border is."""

from __future__ import annotations

import numpy as np

from spillover.matrix.assemble import from_csr
from spillover.matrix.weights import SpatialWeights

from . import _meeting, _vertices
from ._points import arc, unit_sphere
from .contiguity import polygons


def border_length(gdf, *, share: bool = False, ids=None) -> SpatialWeights:
    """w_ij is the length of the border that i and j have in common.

    In kilometres along great circles on longitude and latitude, else in the coordinates' unit. Borders must share
    vertices, as in :func:`weights.rook` without tolerance.

    Parameters
    ----------
    gdf : GeoDataFrame or GeoSeries of polygons
    share : bool
        Divide by the perimeter of i, holes included (Cliff & Ord 1981): what part of i's border is with j. Coasts and
        outer borders count in the perimeter, so rows need not sum to one.
    ids : str or sequence, optional

    Raises
    ------
    SpatialInputError
        E401, E404, E101, E102.

    Examples
    --------
    >>> import geopandas, shapely
    >>> pair = geopandas.GeoSeries([shapely.box(0, 0, 1, 2), shapely.box(1, 0, 3, 2)])
    >>> border_length(pair, share=True).csr.toarray().round(3)
    array([[0.   , 0.333],
           [0.25 , 0.   ]])
    """
    import shapely

    shapes, index, begin = polygons(gdf, ids)
    geographic = gdf.crs is not None and gdf.crs.is_geographic
    ends, first, start = _vertices.edges(shapes, begin, geographic=geographic)
    xy = shapely.get_coordinates(shapes)
    space = unit_sphere(xy) if geographic else xy
    length = np.sqrt(((space[start + 1] - space[start]) ** 2).sum(axis=1))
    length = arc(length) if geographic else length
    csr = _meeting.shared_length(ends, first, length)
    unit = "great-circle, km" if geographic else None
    if share:
        perimeter = np.add.reduceat(length, first[:-1])
        csr.data /= np.repeat(perimeter, np.diff(csr.indptr))
    kind = "share of perimeter" if share else "length of common border"
    return from_csr(csr, index, kind, unit=unit)
