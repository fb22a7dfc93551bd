"""GDAL, opened with the driver that the suffix names, the network off, its errors in our words."""

from __future__ import annotations

import glob
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from spillover.errors import SpatialInputError

PREFIX = {".geojson": "GeoJSON:", ".json": "GeoJSON:"}  # text could be taken for another driver's; the rest is binary
NOWHERE = "http://127.0.0.1:9"  # the discard port: nobody listens
OFFLINE = {
    "GDAL_HTTP_PROXY": NOWHERE, "GDAL_HTTPS_PROXY": NOWHERE, "GDAL_HTTP_TIMEOUT": "1", "GDAL_HTTP_CONNECTTIMEOUT": "1",
    "GDAL_HTTP_MAX_RETRY": "0", "CPL_VSIL_CURL_ALLOWED_FILENAME": "/none", "CPL_VSIL_CURL_ALLOWED_EXTENSIONS": ".none",
    "OGR_SQLITE_ALLOW_EXTERNAL_ACCESS": "NO", "OGR_SQLITE_LOAD_EXTENSIONS": None, "GDAL_VRT_ENABLE_PYTHON": "NO",
    "PROJ_NETWORK": "OFF",
}


@contextmanager
def offline(**options) -> Iterator[None]:
    """GDAL's settings with the network off (and ``options``); what was set before comes back."""
    import pyogrio

    wanted = {**OFFLINE, **options}
    before = {name: pyogrio.get_gdal_config_option(name) for name in wanted}
    pyogrio.set_gdal_config_options(wanted)
    try:
        yield
    finally:
        pyogrio.set_gdal_config_options({k: v if v is None else _spelled(v) for k, v in before.items()})


def layers(path: Path) -> list[str]:
    """Names of the layers with shapes, in a file of layers."""
    import pyogrio

    with offline(), _plain_name(path.resolve()) as file:
        try:
            return [str(name) for name, kind in pyogrio.list_layers(file) if kind is not None]
        except Exception as error:  # as in ``read``
            raise SpatialInputError("E602", f"'{path.name}' cannot be read as a map: {_first_line(error, path)}",
                                    hint="is the file complete? Copy or download it again") from error


def read(path: Path, layer, encoding=None, *, restore_index: bool = False):
    """The layer as a GeoDataFrame: the one named, or the only one with shapes."""
    import pyogrio

    with offline(SHAPE_RESTORE_SHX="YES" if restore_index else None), _plain_name(path.resolve()) as file:
        source = PREFIX.get(path.suffix.lower(), "") + str(file)
        try:
            if path.suffix.lower() != ".shp":
                layer = _one_layer(path, [n for n, kind in pyogrio.list_layers(source) if kind is not None], layer)
            return pyogrio.read_dataframe(source, layer=layer, encoding=encoding)
        except (SpatialInputError, MemoryError):
            raise
        except (UnicodeDecodeError, LookupError) as error:
            raise SpatialInputError("E606", f"text in '{path.name}' cannot be read as {encoding or 'it says'}",
                                    hint="try encoding='GB18030' or encoding='ISO-8859-1'") from error
        except Exception as error:  # drivers and geometry engines let errors of every kind through
            raise SpatialInputError("E602", f"'{path.name}' cannot be read as a map: {_first_line(error, path)}",
                                    hint="is the file complete? Copy or download it again") from error


@contextmanager
def _plain_name(path: Path) -> Iterator[Path]:
    """The path, or a link to it where its name would be taken for an archive's ("a!b"); a copy where links are refused,
    as Windows does to users without that right."""
    if "!" not in str(path):
        yield path
        return
    with tempfile.TemporaryDirectory() as folder:
        for part in path.parent.glob(f"{glob.escape(path.stem)}.*"):
            plain = Path(folder) / f"map{part.suffix}"
            try:
                plain.symlink_to(part)
            except OSError:
                shutil.copyfile(part, plain)
        yield Path(folder) / f"map{path.suffix}"


def _one_layer(path: Path, names: list[str], layer) -> str | None:
    if layer is None and len(names) > 1:
        raise SpatialInputError("E604", f"'{path.name}' holds {len(names)} layers",
                                hint=f"choose layer= from {', '.join(names)}")
    if layer is not None and layer not in names:
        raise SpatialInputError("E604", f"'{path.name}' has no layer {layer!r}",
                                hint=f"layers are {', '.join(names) or 'none with shapes'}")
    return layer if layer is not None else names[0] if names else None


def _spelled(value) -> str:
    return {True: "YES", False: "NO"}.get(value, str(value)) if isinstance(value, bool) else str(value)


def _first_line(error: Exception, path: Path) -> str:
    text = (str(error).splitlines() or [type(error).__name__])[0]
    return text.replace(str(path.resolve()), path.name).replace(str(path), path.name)[:160]
