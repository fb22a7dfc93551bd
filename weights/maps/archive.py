"""A map in a .zip: one map with all its parts is unpacked, into a folder of ours, under its bare name."""

from __future__ import annotations

import shutil
import zipfile
import zlib
from pathlib import Path, PurePosixPath

from spillover.errors import SpatialInputError

LARGEST = 2 * 2**30  # bytes that an archive may hold, unpacked
RATIO = 200  # how many times its size it may hold


def unpack(path: Path, layer: str | None, folder: Path, suffixes: tuple[str, ...],
           inside: str = "") -> tuple[Path, str | None]:
    """Put one map of the archive into ``folder``; its path, and the layer still to be chosen in it. ``inside`` is its
    name in the archive, or a folder's that holds one map.

    Raises
    ------
    SpatialInputError
        E602 not a readable archive, no map in it, or too much of it; E604 several maps and none named; E605 no room.
    """
    try:
        archive = zipfile.ZipFile(path)
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise SpatialInputError("E602", f"'{path.name}' is not a readable .zip",
                                hint="copy or download it again") from error
    with archive:
        maps = {key: parts for key, parts in _maps(archive, suffixes).items() if _is_at(inside, key[0], parts[0])}
        chosen = [key for key in maps if layer is None or key[1] == layer]
        if not chosen and len(maps) == 1:
            chosen = list(maps)  # the layer is one of the only map's
        elif len(maps) == 1:
            layer = None
        else:
            layer = None if chosen else layer
        if len(chosen) > 1 and path.suffix.lower() == ".kmz":
            chosen = [key for key in chosen if key[1] == "doc"] or chosen
        if len(chosen) != 1:
            count = "no map" if not maps else f"{len(maps)} maps" if layer is None else f"no one map {layer!r}"
            names = ", ".join(sorted(key[1] for key in maps))
            raise SpatialInputError("E604" if maps else "E602", f"'{path.name}' holds {count}",
                                    hint=f"choose layer= from {names}" if maps else f"maps are {', '.join(suffixes)}")
        target, parts = maps[chosen[0]]
        _refuse_bomb(path, [entry for _, entry in parts])
        for name, entry in parts:
            _extract(path, archive, entry, folder / name)
    return folder / target, layer


def _is_at(inside: str, folder: str, name: str) -> bool:
    """Whether a map is the one named, or lies in the folder named."""
    place = PurePosixPath(folder) / name
    return inside in ("", str(place)) or PurePosixPath(inside) in place.parents


def _maps(archive: zipfile.ZipFile, suffixes) -> dict:
    """(folder, stem) of every map: its name, and (name, entry) of all its parts."""
    parts: dict = {}
    for entry in archive.infolist():
        name = PurePosixPath(_true_name(entry))
        if entry.is_dir() or "__MACOSX" in name.parts:
            continue
        base = next((p for p in name.parents if p.suffix.lower() == ".gdb"), None)
        key = (str(name.parent), name.stem) if base is None else (str(base.parent), base.stem)
        place = PurePosixPath(name.name) if base is None else PurePosixPath(base.name, name.name)
        parts.setdefault(key, []).append((place, entry))
    out = {}
    for key, members in parts.items():
        map_name = next((n.parts[0] for n, _ in members if PurePosixPath(n.parts[0]).suffix.lower() in suffixes), None)
        if map_name is not None:
            out[key] = (map_name, members)
    return out


def _extract(path: Path, archive: zipfile.ZipFile, entry: zipfile.ZipInfo, target: Path) -> None:
    target.parent.mkdir(exist_ok=True)
    try:
        with archive.open(entry) as source, open(target, "wb") as out:
            shutil.copyfileobj(source, out)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, ValueError) as error:
        raise SpatialInputError("E602", f"'{target.name}' in '{path.name}' is damaged: {error}",
                                hint="copy or download it again") from error
    except RuntimeError as error:  # asks for a password
        raise SpatialInputError("E602", f"'{path.name}' is encrypted",
                                hint="unpack it with its password first") from error
    except OSError as error:
        raise SpatialInputError("E605", f"'{path.name}' cannot be unpacked: {error.strerror}",
                                hint="free some space in the temporary folder") from error


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
