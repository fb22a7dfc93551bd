"""Weights as a web page to zoom into: units with their numbers of neighbors, and the links between them."""

from __future__ import annotations

import numpy as np

from spillover.errors import SpatialInputError
from spillover.ids import positions
from spillover.matrix.weights import SpatialWeights
from spillover.values import with_shapes

MOST_LINKS = 50_000  # that a browser draws


def explore(w: SpatialWeights, map, *, links: bool = True, **options):
    """Draw W on a web page.

    Parameters
    ----------
    w : SpatialWeights
    map : GeoDataFrame indexed by unit
    links : bool
        Whether links are drawn, from one inner point to the other.
    **options
        For ``GeoDataFrame.explore``, such as ``tiles``.

    Returns
    -------
    folium.Map

    Raises
    ------
    SpatialInputError
        E101 other units, E309 more than 50,000 links, E515 when folium is not installed.
    """
    try:
        import folium  # noqa: F401
    except ImportError as error:
        raise SpatialInputError("E515", "maps to zoom into need folium, which is not installed",
                                hint="pip install 'spillover[explore]'") from error  # fmt: skip
    import geopandas as gpd
    import shapely

    if links and w.nnz > MOST_LINKS:
        raise SpatialInputError("E309", f"{w.nnz:,} links are too many for a web page (limit {MOST_LINKS:,})",
                                hint="explore(map, links=False), or w.subset(...)")
    units = with_shapes(map).geometry.iloc[positions(map.index, w.ids, what="the map")]
    frame = gpd.GeoDataFrame({"unit": w.ids.astype(str), "neighbors": w.cardinalities.to_numpy()},
                             geometry=units.to_numpy(), crs=map.crs)  # fmt: skip
    page = frame.explore(column="neighbors", **({"cmap": "Blues", "tooltip": ["unit", "neighbors"]} | options))
    if not links or not w.nnz:
        return page
    points = shapely.get_coordinates(frame.representative_point())
    a, b = w.csr.maximum(w.csr.T).tocoo().coords
    a, b = a[a < b], b[a < b]
    lines = gpd.GeoDataFrame({"link": [f"{w.ids[i]} - {w.ids[j]}" for i, j in zip(a, b)]},
                             geometry=list(shapely.linestrings(np.stack([points[a], points[b]], axis=1))), crs=map.crs)
    return lines.explore(m=page, color="#b5443b", tooltip=["link"], style_kwds={"weight": 1})
