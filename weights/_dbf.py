"""What a shapefile's parts say about themselves: counts, lengths, and the encoding of the text."""

from __future__ import annotations

import warnings
from pathlib import Path

from spillover.errors import SpatialInputError, SpatialInputWarning


def check_parts(shp: Path) -> None:
    """Refuse a shapefile whose .dbf is missing or another layer's, or whose .shp is cut short.

    Raises
    ------
    SpatialInputError
        E602.
    """
    head = shp.read_bytes()[:100] if shp.stat().st_size < 100 else _read(shp, 100)
    if len(head) < 100 or head[:4] != b"\x00\x00\x27\x0a":
        raise SpatialInputError("E602", f"'{shp.name}' is not a shapefile")
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
    """The encoding of the table's text, warned about where it was guessed; None where GDAL may decide.

    A .cpg is believed if the text can be read by it. Else UTF-8 if the text is that; GB18030 if most characters beyond
    ASCII are then everyday Chinese ones; else Latin-1.
    """
    dbf, cpg = part(shp, ".dbf"), part(shp, ".cpg")
    text = _text_bytes(dbf)
    if text.isascii():
        return None
    said = cpg.read_text("ascii", errors="replace").strip() if cpg else ""
    if said and _reads(text, _python_name(said)):
        return None
    if _reads(text, "utf-8"):
        return "UTF-8"
    guess = "GB18030" if _chinese(text) else "ISO-8859-1"
    why = f"'{cpg.name}' says {said}, by which it cannot be read" if said else "no .cpg says so"
    message = f"text in '{dbf.name}' was read as {guess} ({why}); give encoding= if it looks wrong"
    warnings.warn(SpatialInputWarning(message), stacklevel=4)
    return guess


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


def _chinese(text: bytes) -> bool:
    """Whether the text is GB18030 made of everyday characters; a Latin letter with an accent rarely looks so."""
    if not _reads(text, "gb18030"):
        return False
    beyond = [c for c in text.decode("gb18030") if not c.isascii()]
    return sum(_reads_back(c) for c in beyond) > 0.5 * len(beyond)


def _reads_back(character: str) -> bool:
    try:
        character.encode("gb2312")
    except UnicodeEncodeError:
        return False
    return True


def _reads(text: bytes, encoding: str | None) -> bool:
    if encoding is None:
        return False
    try:
        text.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True


def _python_name(said: str) -> str | None:
    import codecs

    for name in (said, f"cp{said}", said.replace("ANSI ", "cp"), said.replace("ISO 8859", "iso8859-")):
        try:
            return codecs.lookup(name).name
        except LookupError:
            continue
    return None


def _read(path: Path, count: int) -> bytes:
    with open(path, "rb") as file:
        return file.read(count)
