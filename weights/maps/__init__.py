"""Boundary files at the door: one local file, one layer, readable text, ids that keep their zeros."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from spillover import labels as _labels
from spillover.database import is_database, read
from spillover.errors import SpatialInputError
from spillover.files import redacted
from spillover.inputs import check_input

if TYPE_CHECKING:
    import geopandas as gpd

    from spillover.types import PathLike

SUFFIXES = (".shp", ".gpkg", ".geojson", ".json", ".fgb", ".parquet", ".kml", ".gdb")
ARCHIVES = (".zip", ".kmz")


def read_map(path: PathLike, layer: str | None = None, encoding: str | None = None,
             id: str | None = None) -> gpd.GeoDataFrame:
    """Read polygons or points from a file on this machine.

    A map is data: its content must be what its suffix says, it is opened as that and nothing else, and content that
    refers to other files or to the network is refused before it is opened.

    Parameters
    ----------
    path : path-like
        .shp (with its .dbf), .gpkg, .geojson, .fgb, .parquet (GeoParquet), .kml, .gdb (a folder), or a .zip or .kmz
        that holds one of them in whatever folder; /vsizip/FILE.zip/NAME.shp and zip://FILE.zip!NAME.shp name one in it.
        Or a table of PostGIS: ``postgresql://user@host/database/schema.table``.
    layer : str, optional
        Which layer, where there are several (in a .zip of several maps: the file's name without suffix; of a
        database without a table in its address: the table).
    encoding : str, optional
        Of a shapefile's text. By default UTF-8, GB18030 and Western European text are told apart; a .cpg is believed
        unless the text speaks against it.
    id : str, optional
        Column that names the units; it becomes the index, as text (leading zeros are kept, 11.0 reads "11").

    Returns
    -------
    GeoDataFrame

    Raises
    ------
    SpatialInputError
        E601 no such file; E602 not a map, not what its suffix says, damaged, or parts missing; E604 several layers and
        none named; E606 text cannot be read by ``encoding``; E608 not a file on this machine, or it refers to other
        places; E502, E101, E102 for ``id``; E501,
        E515, E604, E609 for a database.

    Examples
    --------
    >>> read_map("https://example.org/map.zip")
    Traceback (most recent call last):
    spillover.errors.SpatialInputError: E608: 'https://example.org/map.zip' is not a file on this machine
      next:  download or export it to a file first
    """
    if is_database(path):
        frame = _from_database(str(path), layer)
        return frame if id is None else named(frame, id)
    source, inside = in_archive(path)
    file = check_input(source, what="map", folders=(".gdb",))
    if inside and file.suffix.lower() not in ARCHIVES:
        raise SpatialInputError("E602", f"'{file.name}' is no archive", hint=f"archives are {', '.join(ARCHIVES)}")
    if file.suffix.lower() not in (*SUFFIXES, *ARCHIVES):
        raise SpatialInputError("E602", f"'{file.name}' is not a map that can be read",
                                hint=f"formats are {', '.join((*SUFFIXES, *ARCHIVES))}")
    if file.suffix.lower() in ARCHIVES:
        from .archive import unpack

        with tempfile.TemporaryDirectory() as folder:
            frame = _read_one(*unpack(file, layer, Path(folder), SUFFIXES, inside), encoding)
    else:
        frame = _read_one(file, layer, encoding)
    return frame if id is None else named(frame, id)


def _from_database(url: str, table):
    """A table of PostGIS, as of a file."""
    frame = read(url, table=table)
    if not hasattr(frame, "crs") or not len(frame):
        raise SpatialInputError("E602", f"'{redacted(url)}' holds no shapes", hint="is it the right table?")
    return frame


def in_archive(path) -> tuple[object, str]:
    """The archive, and the name of the map in it: of GDAL's /vsizip/FILE.zip/NAME and of zip://FILE.zip!NAME.

    Examples
    --------
    >>> in_archive("/vsizip/maps.zip/a/b.shp"), in_archive("zip:///data/maps.zip!b.shp"), in_archive("b.shp")
    (('maps.zip', 'a/b.shp'), ('/data/maps.zip', 'b.shp'), ('b.shp', ''))
    """
    text = str(path)
    if text.startswith("zip://"):
        archive, _, inside = text.removeprefix("zip://").partition("!")
        return archive, inside.strip("/")
    if not text.startswith("/vsizip/"):
        return path, ""
    text = text.removeprefix("/vsizip/")
    if text.startswith("{"):
        archive, _, inside = text[1:].partition("}")
    else:
        end = re.search(r"(?i)\.(?:zip|kmz)(?=/|$)|$", text)
        at = len(text) if end is None else end.end()
        archive, inside = text[:at], text[at:]
    return archive, inside.strip("/")


def _read_one(path: Path, layer, encoding):
    """Read one map that is no archive."""
    from . import signature

    signature.check(path)
    suffix = path.suffix.lower()
    if layer not in (None, path.stem) and suffix in (".shp", ".parquet"):
        raise SpatialInputError("E604", f"'{path.name}' has no layer {layer!r}",
                                hint="it is one layer: leave layer= out")
    if suffix == ".shp":
        from . import shapefile

        frame = shapefile.read(path, encoding)
    elif suffix == ".parquet":
        from . import geoparquet

        frame = geoparquet.read(path)
    elif suffix == ".kml":
        from . import kml

        frame = kml.read(path, layer)
    else:
        from . import gdal

        frame = gdal.read(path, layer, encoding)
    if "geometry" not in frame.columns or not len(frame):
        raise SpatialInputError("E602", f"'{path.name}' holds no shapes", hint="is it the right file, or layer?")
    return frame


def named(frame, id: str):
    """The frame indexed by a column read as text."""
    column = _labels.column_of(frame, id)
    if pd.api.types.is_float_dtype(column) and (column.dropna() % 1 == 0).all():
        column = column.astype("Int64")
    text = column.astype("string").tolist()  # missing stays missing
    return frame.drop(columns=id).set_index(_labels.unit_index(pd.Index(text, name=id)))
