"""Boundary files at the door: one local file, one layer, readable text, ids that keep their zeros."""

from __future__ import annotations

import shutil
import tempfile
import warnings
import zipfile
from pathlib import Path, PurePosixPath

import pandas as pd

from spillover import labels as _labels
from spillover.errors import SpatialInputError, SpatialInputWarning

from . import _dbf
from .io import nearest_name

SUFFIXES = (".shp", ".gpkg", ".geojson", ".json", ".fgb")
LARGEST = 2 * 2**30  # bytes that an archive may hold, unpacked
RATIO = 200  # how many times its size it may hold


def read_map(path, layer: str | None = None, encoding: str | None = None, id: str | None = None):
    """Read polygons or points from a file on this machine.

    Parameters
    ----------
    path : path-like
        .shp (with its .dbf), .gpkg, .geojson, .fgb, or a .zip that holds one of them in whatever folder.
    layer : str, optional
        Which layer, where there are several (in a .zip: the file's name without suffix).
    encoding : str, optional
        Of a shapefile's text. By default a .cpg is believed if the text can be read by it; UTF-8 and GB18030 are
        recognised.
    id : str, optional
        Column that names the units; it becomes the index, as text (leading zeros are kept, 11.0 reads "11").

    Returns
    -------
    GeoDataFrame

    Raises
    ------
    SpatialInputError
        E601 no such file; E602 not a map, damaged, or parts missing; E604 several layers and none named; E606 text
        cannot be read by ``encoding``; E608 not a file on this machine; E502, E101, E102 for ``id``.

    Examples
    --------
    >>> read_map("https://example.org/map.zip")
    Traceback (most recent call last):
    spillover.errors.SpatialInputError: E608: 'https://example.org/map.zip' is not a file on this machine
      next:  download it first
    """
    text = str(path)
    if "://" in text or text.lower().startswith(("/vsi", "\\vsi")):
        raise SpatialInputError("E608", f"'{text}' is not a file on this machine", hint="download it first")
    path = Path(path)
    _check_there(path)
    if path.suffix.lower() == ".zip":
        with tempfile.TemporaryDirectory() as folder:
            frame = _read_one(_unpack(path, layer, Path(folder)), None, encoding)
    else:
        frame = _read_one(path, layer, encoding)
    return frame if id is None else _named(frame, id)


def _check_there(path: Path) -> None:
    if not path.exists():
        raise SpatialInputError("E601", f"there is no file '{path}'", hint=nearest_name(path))
    if path.is_dir():
        inside = sorted(p.name for p in path.iterdir() if p.suffix.lower() in (*SUFFIXES, ".zip"))
        hint = f"name a file in it: {', '.join(inside[:5])}" if inside else "it holds no map"
        raise SpatialInputError("E602", f"'{path}' is a folder", hint=hint)
    if path.suffix.lower() not in (*SUFFIXES, ".zip"):
        raise SpatialInputError("E602", f"'{path.name}' is not a map that can be read",
                                hint=f"formats are {', '.join((*SUFFIXES, '.zip'))}")
    try:
        with open(path, "rb") as file:
            empty = not file.read(1)
    except OSError as error:
        raise SpatialInputError("E602", f"'{path}' cannot be read: {error.strerror}") from error
    if empty:
        raise SpatialInputError("E602", f"'{path.name}' is empty (0 bytes)")


def _read_one(path: Path, layer, encoding):
    """Read one file that is no archive."""
    if path.suffix.lower() != ".shp":
        return _gdal(path, _one_layer(path, layer), encoding)
    _dbf.check_parts(path)
    encoding = encoding or _dbf.encoding_of(path)
    if _dbf.part(path, ".shx") is not None:
        return _gdal(path, None, encoding)
    message = f"'{path.stem}.shx' is missing; the index was rebuilt from the shapes"
    warnings.warn(SpatialInputWarning(message), stacklevel=3)
    with tempfile.TemporaryDirectory() as folder:  # the user's folder stays as it is
        for one in path.parent.glob(f"{_escaped(path.stem)}.*"):
            shutil.copy(one, folder)
        return _gdal(Path(folder) / path.name, None, encoding, restore=True)


def _gdal(path: Path, layer, encoding, *, restore: bool = False):
    """A GeoDataFrame by GDAL, its errors in our words."""
    import pyogrio
    from pyogrio.errors import DataLayerError, DataSourceError, FeatureError, FieldError, GeometryError

    troubles = (DataLayerError, DataSourceError, FeatureError, FieldError, GeometryError, StopIteration, ValueError)
    pyogrio.set_gdal_config_options({"SHAPE_RESTORE_SHX": "YES" if restore else None})
    try:
        frame = pyogrio.read_dataframe(path, layer=layer, encoding=encoding)
    except (UnicodeDecodeError, LookupError) as error:
        raise SpatialInputError("E606", f"text in '{path.name}' cannot be read as {encoding or 'it says'}",
                                hint="try encoding='GB18030' or encoding='ISO-8859-1'") from error
    except troubles as error:
        raise SpatialInputError("E602", f"'{path.name}' cannot be read as a map: {_first_line(error)}",
                                hint="is the file complete? Copy or download it again") from error
    finally:
        pyogrio.set_gdal_config_options({"SHAPE_RESTORE_SHX": None})
    if "geometry" not in frame.columns or not len(frame):
        raise SpatialInputError("E602", f"'{path.name}' holds no shapes")
    return frame


def _one_layer(path: Path, layer) -> str | None:
    """The layer to read: the named one, or the only one with shapes."""
    import pyogrio
    from pyogrio.errors import DataSourceError

    try:
        there = pyogrio.list_layers(path)
    except (DataSourceError, ValueError) as error:
        raise SpatialInputError("E602", f"'{path.name}' cannot be read as a map: {_first_line(error)}",
                                hint="is the file complete? Copy or download it again") from error
    names = [name for name, kind in there if kind is not None]
    if layer is None and len(names) > 1:
        raise SpatialInputError("E604", f"'{path.name}' holds {len(names)} layers",
                                hint=f"choose layer= from {', '.join(names)}")
    if layer is not None and layer not in names:
        raise SpatialInputError("E604", f"'{path.name}' has no layer {layer!r}", hint=f"layers are {', '.join(names)}")
    return layer


def _unpack(path: Path, layer, folder: Path) -> Path:
    """Put one map of the archive, with all its parts, into ``folder``."""
    try:
        archive = zipfile.ZipFile(path)
    except (zipfile.BadZipFile, OSError) as error:
        raise SpatialInputError("E602", f"'{path.name}' is not a readable .zip") from error
    with archive:
        parts = {}  # (folder in the archive, stem) -> entries
        for entry in archive.infolist():
            name = PurePosixPath(_true_name(entry))
            if not entry.is_dir() and "__MACOSX" not in name.parts:
                parts.setdefault((str(name.parent), name.stem), []).append((name, entry))
        maps = {key: next(n for n, _ in found if n.suffix.lower() in SUFFIXES) for key, found in parts.items()
                if any(n.suffix.lower() in SUFFIXES for n, _ in found)}
        chosen = [key for key in maps if layer is None or key[1] == layer]
        stems = sorted(key[1] for key in maps)
        if len(chosen) != 1:
            count = "no map" if not maps else f"{len(maps)} maps" if layer is None else f"no one map {layer!r}"
            raise SpatialInputError("E604" if maps else "E602", f"'{path.name}' holds {count}",
                                    hint=f"choose layer= from {', '.join(stems)}" if maps else None)
        wanted = parts[chosen[0]]
        _refuse_bomb(path, [entry for _, entry in wanted])
        for name, entry in wanted:
            with archive.open(entry) as source, open(folder / name.name, "wb") as target:
                shutil.copyfileobj(source, target)
    return folder / maps[chosen[0]].name


def _refuse_bomb(path: Path, entries) -> None:
    size = sum(entry.file_size for entry in entries)
    if size > LARGEST or (size > 50 * 2**20 and size > RATIO * path.stat().st_size):
        raise SpatialInputError("E602", f"'{path.name}' unpacks to {size / 2**20:,.0f} MiB, which is suspicious",
                                hint="unpack it yourself if you trust it")


def _true_name(entry: zipfile.ZipInfo) -> str:
    """Names not marked as UTF-8 were written in some local code: Chinese, if it reads so."""
    if entry.flag_bits & 0x800 or entry.filename.isascii():
        return entry.filename
    try:
        return entry.filename.encode("cp437").decode("gb18030")
    except UnicodeError:
        return entry.filename


def _named(frame, id: str):
    """The frame indexed by a column read as text."""
    column = _labels.column_of(frame, id)
    if pd.api.types.is_float_dtype(column) and (column.dropna() % 1 == 0).all():
        column = column.astype("Int64")
    text = column.astype("string").tolist()  # missing stays missing
    return frame.drop(columns=id).set_index(_labels.unit_index(pd.Index(text, name=id)))


def _escaped(stem: str) -> str:
    import glob

    return glob.escape(stem)


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:160]
