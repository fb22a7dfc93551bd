"""Output files are written whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .errors import SpatialInputError


@contextmanager
def replacing(path, *, overwrite: bool = False) -> Iterator[Path]:
    """Give a temporary path beside ``path``; move it into place only if the block succeeds.

    An interrupted or failing writer leaves an earlier file as it was and no fragment behind.

    Parameters
    ----------
    path : path-like
        The file to end up with. Its folder is made when absent.
    overwrite : bool
        An existing file is refused unless true.

    Raises
    ------
    SpatialInputError
        E603 when the file exists and ``overwrite`` is false; E605 when the place cannot be written to.

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
    refuse_existing([path], overwrite=overwrite)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        message = f"cannot write to folder '{path.parent}': {error.strerror}"
        raise SpatialInputError("E605", message) from error
    # The suffix stays last: drivers choose the format by it.
    part = path.with_name(f".{path.stem}.{os.getpid()}.part{path.suffix}")
    try:
        yield part
        os.replace(part, path)
    except PermissionError as error:
        raise SpatialInputError("E605", f"cannot write '{path}': {error.strerror}") from error
    finally:
        part.unlink(missing_ok=True)


def refuse_existing(paths, *, overwrite: bool) -> None:
    """Fail at the door when an output is already there."""
    there = [str(p) for p in paths if Path(p).exists()]
    if there and not overwrite:
        raise SpatialInputError(
            "E603",
            f"'{there[0]}' exists" + (f" and {len(there) - 1} more" if there[1:] else ""),
            hint="choose another name, or allow it with overwrite=True (--overwrite)",
        )


def write_table(frame, path, *, overwrite: bool = False) -> None:
    """Write a DataFrame as .csv or .parquet, whole or not at all.

    In a .csv, text that a spreadsheet would run as a formula (it starts with = + - @, tab or return) gets an
    apostrophe in front; numbers are untouched.

    Raises
    ------
    SpatialInputError
        E501 for another suffix, E603 and E605 as ``replacing``.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in (".csv", ".parquet"):
        raise SpatialInputError("E501", f"'{path}' must end in .csv or .parquet", hint="name it effects.csv")
    with replacing(path, overwrite=overwrite) as part:
        if suffix == ".parquet":
            frame.to_parquet(part, index=False)
        else:
            frame.map(_inert).rename(columns=_inert).to_csv(part, index=False)


def _inert(cell):
    return "'" + cell if isinstance(cell, str) and cell.startswith(("=", "+", "-", "@", "\t", "\r")) else cell
