"""The door of all distances: one point per unit, and the metric it is measured in."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from spillover import labels as _labels
from spillover.errors import SpatialInputError, check_option
from spillover.ids import positions
from spillover.values import numeric

from ._columns import columns_xy

EARTH_KM = 6371.0088  # mean radius (IUGG), in kilometres
METRICS = ("great-circle", "planar", "manhattan")


@dataclass(frozen=True)
class Points:
    """One point per unit, ready for a tree search.

    ``space`` holds the coordinates in which order by ``norm`` is distance order: (n, 2) on the plane, (n, 3) on the
    unit sphere for great circles.
    """

    xy: np.ndarray  # (n, 2) as given: x, y or longitude, latitude
    ids: pd.Index
    metric: str  # "great-circle", "planar" or "manhattan"
    unit: str  # what one unit of distance is

    @property
    def n(self) -> int:
        return len(self.ids)

    @property
    def space(self) -> np.ndarray:
        return unit_sphere(self.xy) if self.metric == "great-circle" else self.xy

    def to_distance(self, straight):
        """Distances from straight lines in ``space``."""
        return arc(straight) if self.metric == "great-circle" else straight

    def to_straight(self, distance: float) -> float:
        """The straight line in ``space`` that belongs to a distance."""
        if self.metric != "great-circle":
            return distance
        return 2.0 * np.sin(min(distance / EARTH_KM, np.pi) / 2.0)

    @property
    def header(self) -> str:
        return f"{self.metric}, {self.unit}"

    @property
    def words(self) -> str:
        return self.metric

    @property
    def extent(self) -> float:
        """The longest side of the box around ``space``."""
        return float(np.ptp(self.space, axis=0).max())

    @property
    def norm(self) -> int:
        """Which sum makes a distance in ``space``: 2 for straight lines, 1 for Manhattan's |dx| + |dy|."""
        return 1 if self.metric == "manhattan" else 2


def unit_sphere(lonlat: np.ndarray) -> np.ndarray:
    """Longitude and latitude in degrees to points on the unit sphere, shape (n, 3)."""
    lon, lat = np.radians(lonlat[:, 0]), np.radians(lonlat[:, 1])
    return np.column_stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)])


def arc(chord):
    """Great-circle kilometres from chords of the unit sphere: 2 R asin(c / 2)."""
    return 2.0 * EARTH_KM * np.arcsin(np.minimum(np.asarray(chord) / 2.0, 1.0))


def points(data, *, ids=None, at="centroid", crs=None, metric: str | None = None) -> Points:
    """One point per unit from polygons, points, or an (n, 2) array.

    Parameters
    ----------
    data : GeoDataFrame, GeoSeries, DataFrame, or array of shape (n, 2)
        Columns of a DataFrame are found by their names (x and y, lon and lat, 经度 and 纬度, ...), in
        whatever order; an array has x, or longitude, first.
    ids : str or sequence, optional
        Id column or labels; default the index (arrays: 0, 1, ...).
    at : {"centroid", "inside"}, GeoSeries or DataFrame
        Representative point of a polygon: its centroid, a point inside it, or given ones (a GeoSeries of points, or
        a DataFrame with columns as above, both indexed by id: capital cities, say).
    crs : optional
        The coordinate system, where the data does not say.
    metric : {"great-circle", "planar", "manhattan"}, optional
        Default: great-circle for longitude and latitude, planar for projected coordinates. Without any coordinate
        system it must be stated. "manhattan" is |dx| + |dy|, along the axes of projected coordinates.

    Raises
    ------
    SpatialInputError
        E206 fewer than two units, E401 missing or empty geometry, E402 no coordinate system, E403 planar distance on
        longitude and latitude, E404 not polygons or points, or columns whose names do not say which is which, E202
        infinite coordinates, E405 longitude or latitude out of range, E501.
    """
    if metric is not None:
        check_option("metric", metric, METRICS)
    if hasattr(data, "geometry"):
        index = _labels.frame_ids(data, ids)
        crs = _one_crs(data.crs, crs)
        xy = _representative(data.geometry, index, at, _is_geographic(crs, metric))
    elif isinstance(data, pd.DataFrame):
        index = _labels.frame_ids(data, ids)
        crs = _one_crs(None, crs)
        xy = columns_xy(data, index, _is_geographic(crs, metric))
    else:
        xy = numeric(np.asarray(data))
        if xy.ndim != 2 or xy.shape[1] != 2:
            raise SpatialInputError("E404", f"coordinates need shape (n, 2), but have {xy.shape}",
                                    hint="give a GeoDataFrame, a GeoSeries of points, or two columns x and y")
        index = _labels.unit_index(ids, len(xy))
        crs = _one_crs(None, crs)
    _labels.refuse_too_few(len(xy))
    return _measured(np.ascontiguousarray(xy, dtype=np.float64), index, crs, metric)


def _measured(xy, index, crs, metric) -> Points:
    """Decide the metric and its unit."""
    if crs is None and metric is None:
        raise SpatialInputError(
            "E402", "the data has no coordinate system, so distances have no unit",
            hint="say crs='EPSG:4326' for longitude and latitude, or metric='planar' to measure as drawn")
    geographic = metric == "great-circle" if crs is None else crs.is_geographic
    if geographic and metric in ("planar", "manhattan"):
        raise SpatialInputError("E403", f"{metric} distance on longitude and latitude would mix up directions",
                                hint="project first, e.g. gdf.to_crs(gdf.estimate_utm_crs()), or leave metric out")
    if not geographic and metric == "great-circle":
        from pyproj import Transformer

        xy = np.column_stack(Transformer.from_crs(crs, "EPSG:4326", always_xy=True).transform(*xy.T))
        geographic = True
    if not geographic:
        unit = "coordinate units" if crs is None else _unit_name(crs)
        return Points(xy, index, metric or "planar", unit)
    wrong = (np.abs(xy[:, 1]) > 90) | (xy[:, 0] < -180) | (xy[:, 0] > 360)
    if wrong.any():
        raise SpatialInputError(
            "E405", "longitude must lie in [-180, 360] and latitude in [-90, 90]; these look projected",
            ids=index[wrong].tolist(), n=int(wrong.sum()),
            hint="the crs is probably wrong: set the true one with gdf.set_crs")
    return Points(xy, index, "great-circle", "km")


def _one_crs(own, stated):
    if stated is None:
        return own
    from pyproj import CRS
    from pyproj.exceptions import CRSError

    try:
        stated = CRS.from_user_input(stated)
    except CRSError as error:
        raise SpatialInputError("E501", f"crs={stated!r} is not a coordinate system",
                                hint="give one like 'EPSG:4326'") from error
    if own is not None and not own.equals(stated, ignore_axis_order=True):
        raise SpatialInputError("E501", f"the data says {own.name!r}, but crs={stated.name!r} was given",
                                hint="leave crs out, or gdf.to_crs(...) first")
    return stated


def _unit_name(crs) -> str:
    name = crs.axis_info[0].unit_name if crs.axis_info else ""
    return {"metre": "m", "kilometre": "km", "unknown": "coordinate units", "": "coordinate units"}.get(name, name)


def _representative(geometry, index: pd.Index, at, geographic: bool | None) -> np.ndarray:
    """(n, 2) coordinates of one point per geometry."""
    import shapely

    if not isinstance(at, str):
        return _given_points(at, index, geographic)
    check_option("at", at, ("centroid", "inside"))
    shapes = geometry.array._data if hasattr(geometry.array, "_data") else np.asarray(geometry)
    refuse_empty(shapely.get_num_coordinates(shapes), index)
    refuse_infinite(shapes, index)
    kinds = np.unique(shapely.get_type_id(shapes))
    if np.isin(kinds, [0]).all():
        return shapely.get_coordinates(shapes)
    one = shapely.centroid(shapes) if at == "centroid" else shapely.point_on_surface(shapes)
    xy = shapely.get_coordinates(one)
    if at == "centroid" and geometry.crs is not None and geometry.crs.is_geographic:
        bounds = shapely.bounds(shapes)
        wide = (bounds[:, 2] - bounds[:, 0] > 180) & (np.abs(bounds) <= 180).all(axis=1)
        for i in np.flatnonzero(wide):  # cut at the antimeridian
            xy[i] = _spherical_centroid(shapes[i])
    return xy


def _spherical_centroid(shape) -> np.ndarray:
    """Centroid of parts on both sides of the antimeridian: their mean direction, weighted by area."""
    import shapely

    parts = shapely.get_parts(shape)
    where = shapely.get_coordinates(shapely.centroid(parts))
    x, y, z = (shapely.area(parts) * np.cos(np.radians(where[:, 1]))) @ unit_sphere(where)
    return np.degrees([np.arctan2(y, x), np.arctan2(z, np.hypot(x, y))])


def _given_points(at, index: pd.Index, geographic: bool | None) -> np.ndarray:
    import shapely

    if not isinstance(at, (pd.Series, pd.DataFrame)):
        raise SpatialInputError("E501", "at= takes 'centroid', 'inside', or points indexed by id",
                                hint="a GeoSeries of points, or a DataFrame with two columns")
    at = at.iloc[positions(at.index, index, what="at=")]
    if hasattr(at, "geometry"):
        shapes = np.asarray(at.geometry)
        refuse_empty(shapely.get_num_coordinates(shapes), index)
        if (shapely.get_type_id(shapes) != 0).any():
            raise SpatialInputError("E404", "at= needs points", hint="e.g. gdf.representative_point()")
        refuse_infinite(shapes, index)
        return shapely.get_coordinates(shapes)
    if at.ndim != 2:
        raise SpatialInputError("E404", "at= needs two columns, but has 1", hint="give columns x and y, or lon and lat")
    return columns_xy(at, index, geographic)


def _is_geographic(crs, metric) -> bool | None:
    """Whether coordinates are longitude and latitude; None where nothing says so yet."""
    if crs is not None:
        return bool(crs.is_geographic)
    return None if metric is None else metric == "great-circle"


def refuse_infinite(shapes, index: pd.Index) -> None:
    """E202 naming units with coordinates that are infinite or no numbers."""
    import shapely

    bad = ~np.isfinite(shapely.bounds(shapes)).all(axis=1)
    if bad.any():
        raise SpatialInputError("E202", "some units have infinite coordinates", ids=index[bad].tolist(),
                                n=int(bad.sum()), hint="mend the map: a projection that failed leaves such points")


def refuse_empty(count: np.ndarray, index: pd.Index) -> None:
    """E401 naming units whose geometry is missing or empty: it has no coordinates."""
    bad = count == 0
    if bad.any():
        raise SpatialInputError("E401", "some units have a missing or empty geometry", ids=index[bad].tolist(),
                                n=int(bad.sum()), hint="drop them, or mend the map")
