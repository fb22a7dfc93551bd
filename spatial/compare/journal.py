"""A journal of finished work: after a crash, only the rest is estimated.

A journal is a folder of small parquet files, each written atomically and synced to the disk. One is added
every half second; at the end, or at Ctrl-C, they are merged into one. ``pd.read_parquet(folder)`` reads it at any
time, also after a crash. (A single parquet file cannot be added to, and one that is cut short cannot be read.)

The key of a row is the SHA-256 of all that it depends on: version, data, W and specification; its ``check`` is that of
what stands in it. A row that was changed since is left out with a warning, and estimated again. A run that was
interrupted and resumed gives the same final table to the last byte, since rows are sorted in the order of the jobs.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Mapping
from dataclasses import is_dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from spillover import __version__
from spillover.errors import SpatialInputError, warn
from spillover.files import replacing
from spillover.matrix import SpatialWeights, TemporalWeights

EVERY = 0.5  # seconds: what a crash loses at most
WHOLE = "results.parquet"
CHECK = "check"


class Journal:
    """Rows by key, in a folder.

    Parameters
    ----------
    path : path-like
    schema : dict of column to {"text", "texts", "number", "numbers", "whole"}
    resume : bool
        Whether an existing journal is continued; else it is refused.

    Attributes
    ----------
    rows : dict of key to row
        All rows so far.

    Raises
    ------
    SpatialInputError
        E603 when it exists and ``resume`` is false, E605 when the folder cannot be written to, E514 for a folder that
        is no journal of such rows.
    """

    def __init__(self, path, schema: dict, *, resume: bool):
        self.path, self.schema, self._last = Path(path), schema, time.monotonic()
        self.rows: dict[str, dict] = {}
        self._fresh: dict[str, dict] = {}
        if self.path.exists() and not self.path.is_dir():
            raise SpatialInputError("E514", f"'{path}' is a file, and a journal is a folder", hint="name another place")
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            parts = sorted(self.path.glob("[!.]*"))
        except OSError as error:
            raise SpatialInputError("E605", f"cannot write '{path}': {error.strerror}",
                                    hint="choose another folder, or ask for permission to write there") from error
        if parts and not resume:
            raise SpatialInputError("E603", f"'{path}' exists", hint="resume=True continues it; or name another")
        for part in parts:
            self.rows |= self._read(part)
        self._number = len(parts)

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, *error) -> None:
        self.close()

    def add(self, key: str, row: dict) -> None:
        self.rows[key] = self._fresh[key] = row
        if time.monotonic() - self._last > EVERY:
            self.flush()

    def flush(self) -> None:
        """Everything on the disk."""
        if self._fresh:
            self._number += 1
            self._write(self._fresh, f"part-{os.getpid()}-{self._number:06d}.parquet")
            self._fresh = {}
        self._last = time.monotonic()

    def close(self) -> None:
        """All parts as one. Rows that are there twice after a crash are equal."""
        self.flush()
        parts = [part for part in self.path.glob("*.parquet") if part.name != WHOLE]
        if parts:
            self._write(self.rows, WHOLE)
            for part in parts:
                part.unlink()
        for left in self.path.glob(".*.part.parquet"):  # of a run that was killed
            left.unlink()

    def _write(self, rows: dict, name: str) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        listed = [{"key": key, **row} for key, row in rows.items()]
        table = pa.Table.from_pylist(listed, schema=self._arrow().remove(len(self.schema) + 1))
        table = table.append_column(CHECK, pa.array([check_of(row) for row in table.to_pylist()], pa.string()))
        with replacing(self.path / name, overwrite=True) as part:
            pq.write_table(table, part)
            with part.open("rb") as file:
                os.fsync(file.fileno())

    def _read(self, part: Path) -> dict:
        import pyarrow.parquet as pq
        from pyarrow import ArrowInvalid

        try:
            table = pq.read_table(part, partitioning=None)
            if table.schema.names != self._arrow().names:
                raise ArrowInvalid("other columns")
        except (ArrowInvalid, OSError) as error:
            raise SpatialInputError("E514", f"'{part}' is no part of a journal of these results",
                                    hint="name another folder") from error  # fmt: skip
        rows = table.to_pylist()
        sound = {row.pop("key"): row for row in rows if check_of(row) == row.pop(CHECK)}
        if len(sound) < len(rows):
            warn(f"{len(rows) - len(sound)} of {len(rows)} results in '{part}' were changed since they were written: "
                 "they are estimated again")  # fmt: skip
        return sound

    def _arrow(self):
        import pyarrow as pa

        types = {"text": pa.string(), "texts": pa.list_(pa.string()), "number": pa.float64(),
                 "numbers": pa.list_(pa.float64()), "whole": pa.int64()}  # fmt: skip
        columns = [(name, types[kind]) for name, kind in self.schema.items()]
        return pa.schema([("key", pa.string()), *columns, (CHECK, pa.string())])


class NoJournal:
    """A journal that stores nothing."""

    def __init__(self):
        self.rows = {}

    def __enter__(self) -> NoJournal:
        return self

    def __exit__(self, *error) -> None:
        pass

    def add(self, key: str, row: dict) -> None:
        pass


def opened(path, schema: dict, *, resume: bool) -> Journal | NoJournal:
    """A journal at ``path``, or for None one that stores nothing."""
    return NoJournal() if path is None else Journal(path, schema, resume=resume)


def check_of(row: dict) -> str:
    """SHA-256 of a row's key and numbers."""
    text = json.dumps([[name, value] for name, value in row.items() if name != CHECK])
    return hashlib.sha256(text.encode()).hexdigest()


def key_of(*parts) -> str:
    """SHA-256 of the version and of what a result depends on, all of it text or numbers."""
    return hashlib.sha256(json.dumps([__version__, *parts], ensure_ascii=True).encode()).hexdigest()


def digest_of(data: pd.DataFrame) -> str:
    """Of a frame's content: labels, types and values."""
    h = hashlib.sha256(json.dumps([[str(c), str(t)] for c, t in data.dtypes.items()]).encode())
    h.update(pd.util.hash_pandas_object(data, index=True).to_numpy().tobytes())
    return h.hexdigest()


def description_of(value) -> str:
    """A model's option as unique text: objects by their content."""
    if isinstance(value, SpatialWeights | TemporalWeights):
        labels = [value.ids, value.periods] if value.varies else [value.ids]
        return f"{value.matrix_digest} {[hash_of(pd.Series(at)) for at in labels]}"
    if isinstance(value, pd.DataFrame):
        return digest_of(value)
    if isinstance(value, pd.Series | np.ndarray):
        return hash_of(pd.Series(np.ravel(value)))
    if is_dataclass(value):
        return f"{type(value).__name__} {description_of(vars(value))}"
    if isinstance(value, Mapping):
        return json.dumps({str(name): description_of(value[name]) for name in sorted(value)})
    return repr(value)


def hash_of(values: pd.Series) -> str:
    return hashlib.sha256(pd.util.hash_pandas_object(values, index=False).to_numpy().tobytes()).hexdigest()
