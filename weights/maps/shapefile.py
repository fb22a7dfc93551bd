"""A shapefile's parts: what they say about themselves (counts, lengths, encoding), and how they are read."""

from __future__ import annotations

import glob
import shutil
import tempfile
from pathlib import Path

from spillover.errors import SpatialInputError, warn
from spillover.text import SPELLED, detect, warn_guessed

from . import gdal


def read(shp: Path, encoding: str | None = None):
    """The shapes and their table; a missing index is rebuilt outside the user's folder."""
    check_parts(shp)
    encoding = encoding or encoding_of(shp)
    if part(shp, ".shx") is not None:
        return gdal.read(shp, None, encoding)
    warn(f"'{shp.stem}.shx' is missing; the index was rebuilt from the shapes")
    with tempfile.TemporaryDirectory() as folder:
        for one in shp.parent.glob(f"{glob.escape(shp.stem)}.*"):
            shutil.copy(one, folder)
        return gdal.read(Path(folder) / shp.name, None, encoding, restore_index=True)


def check_parts(shp: Path) -> None:
    """Refuse a shapefile whose .dbf is missing or another layer's, or whose .shp is cut short.

    Raises
    ------
    SpatialInputError
        E602.
    """
    head = shp.read_bytes()[:100] if shp.stat().st_size < 100 else _read(shp, 100)
    if len(head) < 100 or head[:4] != b"\x00\x00\x27\x0a":
        raise SpatialInputError("E602", f"'{shp.name}' is not a shapefile",
                                hint="copy or download it again")
    announced = 2 * int.from_bytes(head[24:28], "big")
    if shp.stat().st_size < announced:
        raise SpatialInputError("E602", f"'{shp.name}' is cut short: it announces {announced:,} bytes and has "
                                f"{shp.stat().st_size:,}", hint="copy or download it again")
    dbf, shx = part(shp, ".dbf"), part(shp, ".shx")
    if dbf is None:
        raise SpatialInputError("E602", f"'{shp.name}' has no table beside it ('{shp.stem}.dbf' is missing), so no ids",
                                hint="copy all parts of the shapefile: .shp, .shx, .dbf, .prj")
    if shx is not None:
        shapes, rows = (shx.stat().st_size - 100) // 8, int.from_bytes(_read(dbf, 8)[4:8], "little")
        if shapes != rows:
            raise SpatialInputError("E602", f"'{shp.name}' has {shapes} shapes, but its table '{dbf.name}' {rows} rows",
                                    hint="the .dbf seems to belong to another map")


def part(shp: Path, suffix: str) -> Path | None:
    """A part of the shapefile, whatever the case of its suffix."""
    for name in (suffix, suffix.upper()):
        if shp.with_suffix(name).exists():
            return shp.with_suffix(name)
    return None


def encoding_of(shp: Path) -> str | None:
    """The encoding of the table's text, warned about where it was guessed; None where all of it is ASCII."""
    dbf, cpg = part(shp, ".dbf"), part(shp, ".cpg")
    text = _text_bytes(dbf)
    if text.isascii():
        return None
    declared = cpg.read_text("ascii", errors="replace").strip() if cpg else ""
    detected = detect(text, declared or None)
    if detected.reason is not None:
        warn_guessed(dbf.name, detected)
    return SPELLED.get(detected.name, detected.name)


def _text_bytes(dbf: Path) -> bytes:
    """Field names and the bytes of text fields, joined by spaces."""
    raw = dbf.read_bytes()
    rows, start, width = (int.from_bytes(raw[a:b], "little") for a, b in ((4, 8), (8, 10), (10, 12)))
    found, offset, at = [], 1, 32
    while at + 32 <= start and raw[at] != 0x0D:
        length = raw[at + 16]
        found.append(raw[at : at + 11].partition(b"\0")[0])
        if raw[at + 11 : at + 12] == b"C":
            cells = (raw[p : p + length] for p in range(start + offset, start + rows * width, width or 1))
            found.extend(cell.strip(b"\0 ") for cell in cells)
        offset += length
        at += 32
    return b" ".join(found)


def _read(path: Path, count: int) -> bytes:
    with open(path, "rb") as file:
        return file.read(count)
