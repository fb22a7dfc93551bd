"""Where units lie and which are near: great circles, for Conley's covariance."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import sparse

from spillover.errors import SpatialInputError
from spillover.ids import positions

from ..design.design import Design

EARTH_RADIUS = 6371.0088  # km, mean (IUGG)
PAIRS_MAX = 100_000_000
KERNELS = ("bartlett", "uniform")


def coordinates(d: Design, coords) -> np.ndarray:
    """Longitude and latitude of the units in degrees, shape (N, 2).

    Parameters
    ----------
    coords : GeoDataFrame, DataFrame of two columns, (N, 2) array, or None
        Frames are matched by their index, or by a column with the name of the fit's units. An array is taken
        in the order of ``fit.units``. None: the geometry of the data that were fitted.

    Raises
    ------
    SpatialInputError
        E101 ids differ, E105 length, E401 missing geometry, E402 no CRS, E403 not degrees, E501 nothing to use.
    """
    if coords is None:
        if not hasattr(d.frame, "geometry") or d.is_panel:
            raise SpatialInputError("E501", "where the units lie is not known: the data have no geometry by unit",
                                    hint="give coords=: a GeoDataFrame, or longitude and latitude by unit")  # fmt: skip
        points = _degrees(d.frame.geometry.iloc[d.order[0]])
    elif isinstance(coords, pd.DataFrame):
        coords = coords.set_index(d.ids.name) if d.ids.name in coords.columns else coords
        coords = coords.iloc[positions(coords.index, d.ids, what="coords")]
        points = _degrees(coords.geometry) if hasattr(coords, "geometry") else coords.to_numpy(dtype=float)
    else:
        points = np.asarray(coords, dtype=float)
    if points.shape != (d.n_units, 2):
        raise SpatialInputError("E105", f"coords must be {d.n_units} x 2 (longitude, latitude), got {points.shape}",
                                hint="give one row (longitude, latitude) per unit")
    lon, lat = points.T
    bad = ~((np.abs(lon) <= 360) & (np.abs(lat) <= 90))  # also NaN
    if bad.any():
        raise SpatialInputError("E403", "coords must be longitude and latitude in degrees, in this order",
                                ids=list(d.ids[bad]), hint="gdf.to_crs(4326)")  # fmt: skip
    return points


def near(points: np.ndarray, cutoff: float, kernel: str) -> sparse.csr_array:
    """K, (N, N): 1 on the diagonal, 1 - distance / cutoff ("bartlett") or 1 ("uniform") within the cut-off.

    Distances are great circles in km; a KD-tree of chords finds them.

    Examples
    --------
    >>> near(np.array([[0.0, 0.0], [1.0, 0.0], [9.0, 0.0]]), 222.39, "bartlett").toarray().round(3)
    array([[1. , 0.5, 0. ],
           [0.5, 1. , 0. ],
           [0. , 0. , 1. ]])
    """
    from scipy.spatial import cKDTree

    lon, lat = np.radians(points).T
    xyz = np.column_stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)])
    chord = 2 * np.sin(min(cutoff / EARTH_RADIUS, np.pi) / 2)
    tree = cKDTree(xyz)
    N = len(xyz)
    expected = (tree.count_neighbors(tree, chord) - N) // 2
    if expected > PAIRS_MAX:
        message = f"{expected:,} pairs of units lie within {cutoff:g} km"
        raise SpatialInputError("E309", message, hint="use a smaller cut-off")
    i, j = tree.query_pairs(chord, output_type="ndarray").T
    distance = 2 * EARTH_RADIUS * np.arcsin(np.clip(np.linalg.norm(xyz[i] - xyz[j], axis=1) / 2, 0, 1))
    weight = np.clip(1 - distance / cutoff, 0, None) if kernel == "bartlett" else np.ones(len(i))
    K = sparse.coo_array((weight, (i, j)), shape=(N, N)).tocsr()
    return (K + K.T + sparse.eye_array(N)).tocsr()


def great_circle(a: np.ndarray, b: np.ndarray | None = None) -> np.ndarray:
    """Distances in km between longitudes and latitudes (m, 2) and (n, 2), (m, n); of ``a`` with itself by default.

    Examples
    --------
    >>> great_circle(np.array([[0.0, 0.0], [1.0, 0.0]])).round(3)
    array([[  0.   , 111.195],
           [111.195,   0.   ]])
    """
    same = b is None
    a, b = np.radians(a), np.radians(a if b is None else b)
    (lon, lat), (lon_b, lat_b) = a.T, b.T
    half = np.sin((lat[:, None] - lat_b) / 2) ** 2
    half += np.cos(lat)[:, None] * np.cos(lat_b) * np.sin((lon[:, None] - lon_b) / 2) ** 2
    distances = 2 * EARTH_RADIUS * np.arcsin(np.sqrt(np.clip(half, 0, 1)))
    if same:
        np.fill_diagonal(distances, 0.0)
    return distances


def _degrees(geometry) -> np.ndarray:
    empty = geometry.isna() | geometry.is_empty
    if empty.any():
        raise SpatialInputError("E401", "some units have no geometry", ids=list(geometry.index[empty]),
                                hint="fill the geometry of these units, or leave them out")
    if geometry.crs is None:
        raise SpatialInputError("E402", "coords has no CRS: where on Earth it lies is not known",
                                hint="gdf.set_crs(4326) when it is longitude and latitude")  # fmt: skip
    import shapely

    if geometry.crs.is_geographic:
        return shapely.get_coordinates(shapely.centroid(geometry.to_crs(4326).to_numpy()))
    return shapely.get_coordinates(geometry.centroid.to_crs(4326).to_numpy())
