"""Files: outputs are checked before the work and written whole or not at all; names are shown without passwords."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from .errors import SpatialInputError

WRITING = ("DataSourceError", "FeatureError", "SerialisationError")  # of pyogrio and lxml: no OSErrors
LEAST_FREE = 2**20  # bytes that a disk must have free before an output is begun
_SECRET = re.compile(r"(?i)\b((?:ssl)?password|passwd|pwd|pass|token|secret|api_?key|key)(\s*=\s*)"
                     r"('[^']*'|\"[^\"]*\"|[^\s;&]+)")
_LOGIN = re.compile(r"(:/{1,2}[^/\s:@]*):[^\s]*@")  # to the last @: a password may hold one, and slashes


def redacted(text: str) -> str:
    """A connection string without its passwords.

    Examples
    --------
    >>> redacted("PG:host=db user=me password=hunter2"), redacted("postgresql://me:hunter2@db/x")
    ('PG:host=db user=me password=***', 'postgresql://me:***@db/x')
    """
    return _LOGIN.sub(r"\1:***@", _SECRET.sub(r"\1\2***", str(text)))


def check_outputs(paths: Iterable, *, overwrite: bool = False, suffixes: Iterable[str] | None = None,
                  inputs: Iterable = (), space: int = LEAST_FREE) -> None:
    """Refuse outputs that could not be written, before any work is done; nothing is created.

    Parameters
    ----------
    paths : path-like, several
        Files to be written; None is passed over.
    overwrite : bool
        Whether files that exist may be replaced.
    suffixes : str, several, optional
        What the names must end in, such as ".csv".
    inputs : path-like, several
        Files that are read: none of them may be written to, ``overwrite`` or not.
    space : int
        Bytes that must be free on the disk.

    Raises
    ------
    SpatialInputError
        E501 another suffix, E603 a file exists, E605 the place cannot be written to.

    Examples
    --------
    >>> check_outputs(["effects.txt"], suffixes=[".csv", ".parquet"])
    Traceback (most recent call last):
    spillover.errors.SpatialInputError: E501: 'effects.txt' must end in .csv or .parquet
      next:  name it effects.csv
    """
    paths = [Path(path) for path in paths if path is not None]
    suffixes = None if suffixes is None else list(suffixes)
    there = []
    for path in paths:
        if suffixes is not None and path.suffix.lower() not in suffixes:
            raise SpatialInputError("E501", f"'{path}' must end in {_either(suffixes)}",
                                    hint=f"name it {(path.stem or 'output') + suffixes[0]}")
        _check_place(path, space)
        if any(_same(path, source) for source in inputs if source is not None):
            raise SpatialInputError("E605", f"'{path}' is read and would be written over", hint="choose another name")
        if os.path.lexists(path):
            there.append(path)
    if there and not overwrite:
        raise SpatialInputError("E603", f"'{there[0]}' exists" + (f" and {len(there) - 1} more" if there[1:] else ""),
                                hint="choose another name, or allow it with overwrite=True (--overwrite)")


@contextmanager
def replacing(path, *, overwrite: bool = False) -> Iterator[Path]:
    """Give a temporary path beside ``path``; move it into place only if the block succeeds.

    An interrupted or failing writer leaves an earlier file as it was, no fragment and no new folder behind.

    Parameters
    ----------
    path : path-like
        The file to end up with. Its folder is made when absent.
    overwrite : bool
        An existing file is refused unless true.

    Raises
    ------
    SpatialInputError
        E603 when the file exists and ``overwrite`` is false; E605 when the place cannot be written to, or the disk is
        full.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> target = pathlib.Path(tempfile.mkdtemp()) / "effects.csv"
    >>> with replacing(target) as part:
    ...     _ = part.write_text("term,estimate")
    >>> target.read_text()
    'term,estimate'
    """
    path = Path(path)
    check_outputs([path], overwrite=overwrite, space=0)
    absent = [folder for folder in (path.parent, *path.parent.parents) if not folder.exists()]
    # The suffix stays last: drivers choose the format by it.
    stem = f".{path.stem}.{os.getpid()}.part"
    part = path.with_name(f"{stem}{path.suffix}")
    done = False
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield part
        os.replace(part, path)
        done = True
    except SpatialInputError:
        raise
    except Exception as error:
        cause = _of_the_system(error)
        if cause is not None or _is_full(path.parent):
            raise _unwritable(path, cause or error) from error
        raise
    finally:
        if not done:
            _clear(path.parent, stem, absent)


def write_table(frame, path, *, overwrite: bool = False) -> None:
    """Write a DataFrame as .csv or .parquet, whole or not at all.

    In a .csv, text that a spreadsheet would run as a formula (it starts with = + - @, tab or return) gets an
    apostrophe in front; numbers are untouched.

    Raises
    ------
    SpatialInputError
        E501 for another suffix, E603 and E605 as ``replacing``.
    """
    check_outputs([path], overwrite=overwrite, suffixes=TABLES)
    with replacing(path, overwrite=overwrite) as part:
        if Path(path).suffix.lower() == ".parquet":
            frame.to_parquet(part, index=False)
        else:
            frame.map(_inert).rename(columns=_inert).to_csv(part, index=False)


TABLES = (".csv", ".parquet")  # what write_table writes
FIGURES = (".png", ".pdf", ".svg", ".eps", ".jpg", ".jpeg", ".tif", ".tiff", ".webp")


def _check_place(path: Path, space: int) -> None:
    """E605 unless a file can be made at ``path``: a name that fits, a folder that takes it, room on the disk."""
    if not path.name or "\0" in str(path):
        raise SpatialInputError("E605", f"'{redacted(str(path))}' is no name of a file",
                                hint="name it, e.g. effects.csv")  # fmt: skip
    try:
        if path.is_dir():
            raise SpatialInputError("E605", f"'{path}' is a folder", hint=f"name a file in it: {path / 'effects.csv'}")
        path.lstat()
    except FileNotFoundError:
        pass
    except OSError as error:  # a name too long, a file among the folders, a folder that may not be searched
        raise _unwritable(path, error) from error
    folder = path.parent
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    if not folder.is_dir():
        raise SpatialInputError("E605", f"'{folder}' is a file, so '{path}' cannot be in it",
                                hint="choose another folder")
    if not os.access(folder, os.W_OK | os.X_OK) or _is_read_only(folder):
        raise SpatialInputError("E605", f"cannot write to folder '{folder}': permission denied",
                                hint="choose another folder, or ask for permission to write there")
    free = _free(folder)
    if space and free is not None and free < space:
        raise SpatialInputError("E605", f"the disk of '{folder}' is full: {free / 2**20:.1f} MiB free, "
                                f"{space / 2**20:.1f} needed", hint="free some space, or write to another disk")


def _of_the_system(error: Exception) -> BaseException | None:
    """The failed write behind an error; None where it is another's: drivers of files have errors of their own, and a
    library that closes its half-written file may fail once more, and say only that."""
    at: BaseException | None = error
    while at is not None:
        if isinstance(at, OSError) or type(at).__name__ in WRITING:
            return at
        at = at.__cause__ or at.__context__
    return None


def _unwritable(path: Path, error: BaseException) -> SpatialInputError:
    why = getattr(error, "strerror", None) or (str(error).splitlines() or ["unknown reason"])[0][:160]
    if _is_full(path.parent):
        why = "no space left on the disk"
    return SpatialInputError("E605", f"cannot write '{path}': {why}", hint="choose another folder or name")


def _clear(folder: Path, stem: str, absent: list[Path]) -> None:
    """Remove fragments of ``stem``, and the folders that were made for it."""
    if folder.is_dir():
        for fragment in folder.iterdir():
            if fragment.name.startswith(stem):
                shutil.rmtree(fragment, ignore_errors=True) if fragment.is_dir() else fragment.unlink(missing_ok=True)
    for folder_made in absent:
        try:
            folder_made.rmdir()
        except OSError:  # not empty, or never made
            break


def _same(one: Path, other) -> bool:
    try:
        return os.path.samefile(one, other)
    except (OSError, ValueError):
        return False


def _is_read_only(folder: Path) -> bool:
    try:
        return bool(os.statvfs(folder).f_flag & os.ST_RDONLY)
    except (AttributeError, OSError):
        return False


def _free(folder: Path) -> int | None:
    try:
        usage = shutil.disk_usage(folder)
    except OSError:
        return None
    return usage.free if usage.total else None  # /proc has no size


def _is_full(folder: Path) -> bool:
    free = _free(folder)
    return free is not None and free < 2**16


def _either(words: list[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"


def _inert(cell):
    return "'" + cell if isinstance(cell, str) and cell.startswith(("=", "+", "-", "@", "\t", "\r")) else cell


