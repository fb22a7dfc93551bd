"""A folder or a zip file as a set of named files: written whole or not at all, read by name."""

from __future__ import annotations

import json
import os
import shutil
import zipfile
import zlib
from io import BytesIO
from pathlib import Path

import pandas as pd

from spillover.errors import SpatialInputError
from spillover.files import check_outputs, replacing

RECORD = "result.json"
DAMAGE = (OSError, EOFError, KeyError, RuntimeError, zipfile.BadZipFile, zlib.error)  # while a file of a zip is read
EPOCH = (1980, 1, 1, 0, 0, 0)  # of every file in a zip: the same content makes the same bytes


def named(path) -> Path:
    """A path, or E501."""
    if isinstance(path, str | os.PathLike) and str(path):
        return Path(path)
    raise SpatialInputError("E501", f"a path is needed, got {path!r}", hint="such as 'result.zip'")


def write_box(files: dict[str, bytes], path, *, overwrite: bool = False) -> Path:
    """All files in a folder, or in a zip where the name ends so.

    Raises
    ------
    SpatialInputError
        E603 it exists, E605 it cannot be written.
    """
    path = named(path)
    if path.suffix.lower() == ".zip":
        with replacing(path, overwrite=overwrite) as part, zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED) as box:
            for name, content in sorted(files.items()):
                box.writestr(zipfile.ZipInfo(name, EPOCH), content, zipfile.ZIP_DEFLATED)
        return path
    if os.path.lexists(path) and not (overwrite and (path / RECORD).is_file()):
        raise SpatialInputError("E603", f"'{path}' exists", hint="choose another name; overwrite=True replaces a saved "
                                "result, no other folder")  # fmt: skip
    check_outputs([path / RECORD], overwrite=True)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        part.mkdir(parents=True)
        for name, content in files.items():
            (part / name).write_bytes(content)
        if path.is_dir():
            shutil.rmtree(path)
        part.rename(path)
    except OSError as error:
        raise SpatialInputError("E605", f"'{path}' cannot be written: {error.strerror or error}",
                                hint="choose another place") from error
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return path


class Box:
    """The files of a saved result, read by name."""

    def __init__(self, path):
        self.path = named(path)
        if not self.path.exists():
            raise SpatialInputError("E601", f"there is no '{self.path}'", hint="check the path")
        try:
            self.zip = None if self.path.is_dir() else zipfile.ZipFile(self.path)
        except (zipfile.BadZipFile, OSError) as error:
            raise self.damaged("it is no zip file") from error

    def damaged(self, why: str) -> SpatialInputError:
        return SpatialInputError("E602", f"'{self.path}' is no saved result: {why}",
                                 hint="give a folder or .zip that sp.save wrote")  # fmt: skip

    def __enter__(self) -> Box:
        return self

    def __exit__(self, *_) -> None:
        if self.zip is not None:
            self.zip.close()

    def bytes(self, name: str) -> bytes:
        """One file; names lead nowhere else.

        Raises
        ------
        SpatialInputError
            E602 it is not there, or damaged.
        """
        if Path(name).name != name:
            raise self.damaged(f"it names {name!r}")
        try:
            return (self.path / name).read_bytes() if self.zip is None else self.zip.read(name)
        except DAMAGE as error:
            raise self.damaged(f"{name} is missing or damaged") from error

    def json(self, name: str) -> dict:
        try:
            return json.loads(self.bytes(name))
        except ValueError as error:
            raise self.damaged(f"{name} is damaged") from error

    def frame(self, name: str) -> pd.DataFrame:
        from pyarrow.parquet import read_schema

        raw = self.bytes(name)
        try:
            if b"geo" in (read_schema(BytesIO(raw)).metadata or {}):
                import geopandas

                return geopandas.read_parquet(BytesIO(raw))
            return pd.read_parquet(BytesIO(raw))
        except Exception as error:  # readers of binary formats let errors of every kind through
            raise self.damaged(f"{name} is damaged") from error


def frame_bytes(frame: pd.DataFrame) -> bytes:
    """A frame as parquet, with its index."""
    out = BytesIO()
    frame.to_parquet(out)
    return out.getvalue()
