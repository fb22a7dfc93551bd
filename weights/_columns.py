"""Columns of coordinates: found by their names, in whatever order they stand."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd

from spillover.errors import SpatialInputError
from spillover.values import numeric

AXES = {  # names of columns, in lower case and without blanks and underscores
    "x": ("x", "xcoord", "coordx", "xcoordinate", "pointx", "centroidx", "xcentroid", "easting", "eastings", "东坐标"),
    "y": ("y", "ycoord", "coordy", "ycoordinate", "pointy", "centroidy", "ycentroid", "northing", "northings",
          "北坐标"),
    "longitude": ("lon", "long", "longitude", "lng", "longitud", "lond", "intptlon", "经度", "经", "东经", "經度",
                  "東經"),
    "latitude": ("lat", "latitude", "latitud", "latd", "intptlat", "纬度", "纬", "北纬", "緯度", "北緯"),
}


def columns_xy(frame: pd.DataFrame, index: pd.Index, geographic: bool | None) -> np.ndarray:
    """Coordinates of shape (n, 2), x or longitude first; ``geographic`` says what they are to be measured as.

    Raises
    ------
    SpatialInputError
        E404 where the names do not say which column is which, E403 longitude and latitude where coordinates are planar,
        E201, E202, E203.

    Examples
    --------
    >>> frame = pd.DataFrame({"lat": [52.5], "lon": [13.4]}, index=["Berlin"])
    >>> columns_xy(frame, frame.index, None).tolist()
    [[13.4, 52.5]]
    """
    matches: list = []
    for words_of in (_whole, _parts):  # "lon" before "capital_lon"
        by_axis = {axis: [name for name in frame.columns if not words_of(str(name)).isdisjoint(words)]
                   for axis, words in AXES.items()}
        across, up = by_axis["longitude"] + by_axis["x"], by_axis["latitude"] + by_axis["y"]
        matches = matches or [*across, *up]
        if len(across) == len(up) == 1 and across != up:
            if geographic is False and (by_axis["longitude"] or by_axis["latitude"]):
                raise SpatialInputError(
                    "E403", f"columns {across[0]!r} and {up[0]!r} are named as longitude and latitude, but are to be "
                    "measured as planar", hint="crs='EPSG:4326', or rename them x and y")
            return numeric(frame[[across[0], up[0]]], ids=index)
    if frame.shape[1] == 2 and all(isinstance(name, (int, np.integer)) for name in frame.columns):
        return numeric(frame, ids=index)  # an array in a frame
    names = ", ".join(repr(name) for name in matches or list(frame.columns)[:6])
    raise SpatialInputError("E404", f"the names of the columns do not say which is x and which is y: {names}",
                            hint="keep one pair, named x and y or lon and lat; or give an array, x or longitude first")


def _whole(name: str) -> set[str]:
    return {re.sub(r"[\s_.-]", "", name).lower()}


def _parts(name: str) -> set[str]:
    """The words of a name: "capital_lon" and "centroidLat" have two, "中心经度" ends with one."""
    words = re.split(r"[\s_.-]+", re.sub(r"([a-z])([A-Z])", r"\1_\2", name))
    return {word.lower() for word in words} | {name.strip()[-2:]}
