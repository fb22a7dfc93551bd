"""Files to read: whether they are there, can be read, and what was meant where they are not."""

from __future__ import annotations

import errno
import os
import re
from pathlib import Path

from spillover.files import redacted

from .errors import SpatialInputError

_ELSEWHERE = re.compile(r"(?i)^(/vsi|\\vsi|(PG|PGEO|MYSQL|MSSQL|OCI|ODBC|WFS3?|OAPIF|CSW|MONGODBV3|SDE|HANA|ES):)")


def check_input(path, *, what: str = "file", folders: tuple[str, ...] = ()) -> Path:
    """The path of a file that is there and can be read.

    Parameters
    ----------
    path : path-like
    what : str
        What is wanted, for the message: "map", "table".
    folders : tuple of str
        Suffixes of folders that count as files (".gdb").

    Raises
    ------
    SpatialInputError
        E601 no such file (with the nearest name), E602 a folder, empty, or unreadable; E608 no local file at all.
    """
    text = os.fspath(path)
    if _ELSEWHERE.match(text) or "://" in text or "\0" in text:
        raise SpatialInputError("E608", f"'{redacted(text)}' is not a file on this machine",
                                hint="download or export it to a file first")
    path = Path(text)
    try:
        if path.is_dir() and path.suffix.lower() not in folders:
            inside = sorted(p.name for p in path.iterdir() if p.is_file() and not p.name.startswith("."))
            hint = f"name a file in it: {', '.join(inside[:5])}" if inside else "it holds no file"
            raise SpatialInputError("E602", f"'{path}' is a folder, not a {what}", hint=hint)
        if not path.exists():
            raise SpatialInputError("E601", f"there is no file '{redacted(path)}'", hint=nearest_name(path))
        if path.is_file():
            with open(path, "rb") as file:
                empty = not file.read(1)
        elif path.is_dir():
            empty = not any(path.iterdir())
        else:
            raise SpatialInputError("E602", f"'{path}' is a device or a pipe, not a {what}", hint="name a file")
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ENAMETOOLONG):
            raise SpatialInputError("E601", f"there is no file '{redacted(path)}' ({error.strerror})",
                                    hint="check its name") from error
        raise SpatialInputError("E602", f"'{path}' cannot be read: {error.strerror}",
                                hint="check that you may read it") from error
    if empty:
        raise SpatialInputError("E602", f"'{path.name}' is empty (0 bytes)", hint="copy or download it again")
    return path


def nearest_name(path: Path) -> str:
    """A hint at the file in the same folder whose name is most like it, else at the folder itself."""
    import difflib

    path = Path(path)
    try:
        names = [p.name for p in path.parent.iterdir()]
    except OSError:
        return "check the path: its folder is not there" if not path.parent.exists() else "check the path"
    kin = [name for name in names if name.lower().endswith(path.suffix.lower())] if path.suffix else names
    near = difflib.get_close_matches(path.name, kin, n=1, cutoff=0.5)
    return f"did you mean '{near[0]}'?" if near else f"the folder is '{path.parent.resolve()}': check the name"
