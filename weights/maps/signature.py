"""What a map's bytes say it is, and whether they refer to other places. Looked at before any driver sees the file.

A driver chosen by content would follow what the content says: a text file named .geojson that describes a virtual data
source opens other files and addresses; a coordinate system may be a link.
"""

from __future__ import annotations

import json
import mmap
import re
from contextlib import closing
from pathlib import Path

from spillover.errors import SpatialInputError

KIND = {".shp": "a shapefile", ".gpkg": "a GeoPackage", ".geojson": "GeoJSON", ".json": "GeoJSON",
        ".fgb": "a FlatGeobuf file", ".parquet": "a parquet file", ".kml": "KML", ".gdb": "a file geodatabase"}
HEAD = {".shp": b"\x00\x00\x27\x0a", ".gpkg": b"SQLite format 3\x00", ".fgb": b"fgb\x03fgb", ".parquet": b"PAR1"}
OF_GEODATABASE = (".gdbtable", ".gdbtablx", ".gdbindexes", ".freelist", ".horizon", ".atx", ".spx", ".lock", "")
GEOJSON = ("FeatureCollection", "Feature", "GeometryCollection", "Point", "MultiPoint", "LineString",
           "MultiLineString", "Polygon", "MultiPolygon")
LARGEST_CRS = 2**11  # bytes of a coordinate system's description
VIRTUAL = (b"<OGR", b"<VRT", b"<GDAL", b"<WFS", b"<ogr", b"gdal_streamed_alg")
_CRS = re.compile(rb'"crs"\s*:\s*')
_ESCAPE = re.compile(rb"\\u00[0-7][0-9A-Fa-f]")  # a character of ASCII, which needs none
_STRING = re.compile(rb'"((?:[^"\\]|\\.)*)(?:"(\s*:)?|\Z)', re.DOTALL)
_NAME = re.compile(r"(?i)(urn:(ogc|x-ogc):def:crs:[\w.:+-]*|https?://(www\.)?opengis\.net/(def/crs/|gml/srs/)[\w./#-]*|"
                   r"[A-Z]+:\w+)")
_SQL = re.compile(r"(?i)\b(ogr_|gdal_|load_extension|readfile|writefile|fts\d?_tokenizer|http)")


def check(path: Path) -> None:
    """Refuse a map whose content is not what its suffix says, or refers to other files or addresses.

    Raises
    ------
    SpatialInputError
        E602 another kind of content, E608 content that refers elsewhere.
    """
    suffix = path.suffix.lower()
    if suffix == ".gdb":
        _check_geodatabase(path)
        return
    with open(path, "rb") as file:
        head = file.read(100)
    if suffix in HEAD and not head.startswith(HEAD[suffix]):
        raise _other_kind(path, head)
    if suffix == ".gpkg":
        _check_geopackage(path, head)
    elif suffix in (".geojson", ".json"):
        _check_geojson(path, head)


def _other_kind(path: Path, head: bytes) -> SpatialInputError:
    for suffix, magic in HEAD.items():
        if head.startswith(magic):
            is_a, hint = f"it is {KIND[suffix]}", f"rename it to {path.stem}{suffix}"
            break
    else:
        zipped = head.startswith(b"PK")
        is_a = "it is a zip file" if zipped else "its first bytes are another's"
        hint = f"rename it to {path.stem}.zip" if zipped else "is it the right file, and complete? Export it again"
    return SpatialInputError("E602", f"'{path.name}' is not {KIND[path.suffix.lower()]}: {is_a}", hint=hint)


def _refers(path: Path, what: str, hint: str) -> SpatialInputError:
    return SpatialInputError("E608", f"'{path.name}' {what}; a map must hold its own data", hint=hint)


def _check_geopackage(path: Path, head: bytes) -> None:
    """No virtual tables but spatial indexes, and no views that call functions of the driver."""
    import sqlite3

    if head[68:72] not in (b"GPKG", b"GP10", b"GP11", b"GP12"):
        raise SpatialInputError("E602", f"'{path.name}' is a database, but no GeoPackage",
                                hint="export it as a GeoPackage, e.g. from QGIS")
    try:
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro&immutable=1", uri=True)) as base:
            rows = base.execute("SELECT type, name, sql FROM sqlite_master WHERE sql IS NOT NULL").fetchall()
    except (sqlite3.Error, UnicodeDecodeError) as error:
        raise SpatialInputError("E602", f"'{path.name}' is a damaged GeoPackage: {error}",
                                hint="copy or download it again") from error
    for kind, name, sql in rows:
        virtual = re.match(r"(?is)\s*create\s+virtual\s+table\b.*?\busing\s+(\w+)", sql)
        if virtual and not re.match(r"(?i)(rtree|fts[345])", virtual[1]):
            raise _refers(path, f"has a table {name!r} that reads from elsewhere ({virtual[1]})", "export plain layers")
        if kind == "view" and _SQL.search(sql):
            raise _refers(path, f"has a view {name!r} that calls functions", "export plain layers, without views")


def _check_geojson(path: Path, head: bytes) -> None:
    """One JSON object of a GeoJSON type, without virtual sources and without coordinate systems by link."""
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if not start.startswith(b"{"):
        raise _other_kind(path, head)
    with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        if any(content.find(mark) >= 0 for mark in VIRTUAL):
            raise _refers(path, "describes a data source somewhere else", "export the features themselves")
        if not re.search(rb'"type"\s*:\s*"(' + "|".join(GEOJSON).encode() + rb')"', content):
            raise SpatialInputError("E602", f"'{path.name}' is not GeoJSON: it has no features",
                                    hint="export it as GeoJSON, e.g. from QGIS")
        if _ESCAPE.search(content) and any(s[2] and _ESCAPE.search(s[1]) for s in _STRING.finditer(content)):
            raise _refers(path, "has keys that are written in escapes", "write it anew, e.g. gdf.to_file(...)")
        for match in _CRS.finditer(content):
            _check_crs(path, content[match.end() : match.end() + LARGEST_CRS])


def _check_crs(path: Path, text: bytes) -> None:
    """A coordinate system by name or code; never by link."""
    if not text.startswith(b"{"):
        return  # null, or a column of this name
    try:
        value, _ = json.JSONDecoder().raw_decode(text.decode("utf-8", errors="replace"))
    except (ValueError, RecursionError) as error:
        raise SpatialInputError("E602", f"'{path.name}' has a coordinate system that cannot be read",
                                hint="write it anew, e.g. gdf.to_file(...)") from error
    inner = value.get("properties") if isinstance(value.get("properties"), dict) else {}
    kind = str(value.get("type", "")).lower()
    by_name = kind == "name" and set(inner) <= {"name"} and _NAME.fullmatch(str(inner.get("name", "")).strip())
    by_code = kind in ("epsg", "ogc") and set(inner) <= {"code", "urn"} and "://" not in str(inner)
    if not (by_name or by_code):
        raise _refers(path, "takes its coordinate system from somewhere else",
                      "write it with a named one, e.g. gdf.to_crs(4326).to_file(...)")


def _check_geodatabase(path: Path) -> None:
    """A folder of tables of a file geodatabase and nothing else."""
    if not path.is_dir():
        raise SpatialInputError("E602", f"'{path.name}' is not a file geodatabase, which is a folder",
                                hint="name the folder that ends in .gdb")
    first = path / "a00000001.gdbtable"
    if not first.is_file() or first.read_bytes()[:4] not in (b"\x03\0\0\0", b"\x04\0\0\0"):
        raise SpatialInputError("E602", f"'{path.name}' is not a file geodatabase, or parts are missing",
                                hint="copy the whole folder")
    foreign = [p.name for p in path.iterdir()
               if p.suffix.lower() not in OF_GEODATABASE or p.is_symlink() or not p.is_file()]
    if foreign:
        raise SpatialInputError("E602", f"'{path.name}' holds files of another kind: {', '.join(sorted(foreign)[:5])}",
                                hint="move them out of the folder")
