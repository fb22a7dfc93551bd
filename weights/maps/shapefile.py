"""A shapefile's parts: what they say about themselves (counts, lengths, encoding), and how they are read."""

from __future__ import annotations

import glob
import re
import shutil
import tempfile
from pathlib import Path

from spillover.errors import SpatialInputError, warn
from spillover.text import SPELLED, detect, warn_guessed

from . import gdal


def read(shp: Path, encoding: str | None = None):
    """The shapes and their table; what must be mended is mended in a copy, outside the user's folder."""
    table = check_parts(shp)
    encoding, cut = (encoding, False) if encoding else encoding_of(table, part(shp, ".cpg"))
    indexed = part(shp, ".shx") is not None
    if indexed and not cut:
        return gdal.read(shp, None, encoding)
    if not indexed:
        warn(f"'{shp.stem}.shx' is missing; the index was rebuilt from the shapes")
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "map.shp"
        for one in shp.parent.glob(f"{glob.escape(shp.stem)}.*"):
            shutil.copy(one, copy.with_suffix(one.suffix.lower()))
        if cut:
            dbf = copy.with_suffix(".dbf")
            dbf.write_bytes(_whole_characters(dbf.read_bytes()))
        return gdal.read(copy, None, encoding, restore_index=not indexed)


def check_parts(shp: Path) -> Path:
    """The .dbf of a shapefile; refused where it is missing or another layer's, or where the .shp is cut short.

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
    return dbf


def part(shp: Path, suffix: str) -> Path | None:
    """A part of the shapefile, whatever the case of its suffix."""
    for name in (suffix, suffix.upper()):
        if shp.with_suffix(name).exists():
            return shp.with_suffix(name)
    return None


def encoding_of(dbf: Path, cpg: Path | None) -> tuple[str | None, bool]:
    """The encoding of the table's text, warned about where it was guessed, and whether characters are cut in two.

    A field's name has ten bytes: three Chinese characters of UTF-8, and a part of the fourth. None where all is ASCII.
    """
    raw = dbf.read_bytes()
    pieces = [raw[a:b] for a, b in _texts(raw)]
    if all(piece.isascii() for piece in pieces):
        return None, False
    whole = [_without_cut(piece) for piece in pieces]
    text = b" ".join(piece if w is None else w for piece, w in zip(pieces, whole, strict=True))
    declared = cpg.read_text("ascii", errors="replace").strip() if cpg else ""
    detected = detect(b" ".join(pieces) if None in whole else text, declared or None)
    if detected.reason is not None:
        warn_guessed(dbf.name, detected)
    return SPELLED.get(detected.name, detected.name), None not in whole and whole != pieces


def _texts(raw: bytes):
    """(begin, end) of the names of fields and of the cells of text fields in a .dbf, without padding."""
    rows, start, width = (int.from_bytes(raw[a:b], "little") for a, b in ((4, 8), (8, 10), (10, 12)))
    offset, at = 1, 32
    while at + 32 <= min(start, len(raw)) and raw[at] != 0x0D:
        length = raw[at + 16]
        yield at, at + len(raw[at : at + 11].partition(b"\0")[0])
        if raw[at + 11 : at + 12] == b"C":
            for begin in range(start + offset, min(start + rows * width, len(raw)), width or 1):
                yield begin, begin + len(raw[begin : begin + length].rstrip(b"\0 "))
        offset += length
        at += 32


_CUT = re.compile(rb"([\xc2-\xdf]|[\xe0-\xef][\x80-\xbf]?|[\xf0-\xf4][\x80-\xbf]{0,2})\Z")


def _without_cut(piece: bytes) -> bytes | None:
    """UTF-8 text without a character that was cut in two at its end; None where it is no UTF-8."""
    for text in (piece, _CUT.sub(b"", piece)):
        try:
            text.decode("utf-8")
        except UnicodeDecodeError:
            continue
        return text
    return None


def _whole_characters(raw: bytes) -> bytes:
    """A .dbf whose texts end with whole characters of UTF-8; blanks, or zeros in names, take the place of the rest."""
    out, header = bytearray(raw), int.from_bytes(raw[8:10], "little")
    for begin, end in _texts(raw):
        text = _without_cut(raw[begin:end])
        if text is not None:
            out[begin:end] = text.ljust(end - begin, b"\0" if begin < header else b" ")
    return bytes(out)


def _read(path: Path, count: int) -> bytes:
    with open(path, "rb") as file:
        return file.read(count)
