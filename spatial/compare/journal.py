"""A journal of finished work: what a crash leaves is not done again.

A journal is a folder of small parquet files, each written whole or not at all and forced to the disk; one more comes
every half second, and at the end, or at Ctrl-C, they become one. ``pd.read_parquet(folder)`` reads it at any time,
whatever happened to the run. (A single parquet file cannot be added to, and one that is cut short cannot be read.)

Every row is under the SHA-256 of all that it depends on: version, data, W and specification. Whatever is interrupted
and resumed, the final table is the same to the last byte, since rows are put in the order of the work.
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
from spillover.errors import SpatialInputError
from spillover.files import replacing
from spillover.matrix import SpatialWeights, TemporalWeights

EVERY = 0.5  # seconds: what a crash loses at most
WHOLE = "results.parquet"


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
    found : dict of key to row
        What is there.

    Raises
    ------
    SpatialInputError
        E603 when it exists and ``resume`` is false, E605 when the place cannot be written to, E514 for a place that
        is no journal of such rows.
    """

    def __init__(self, path, schema: dict, *, resume: bool):
        self.path, self.schema, self.found = Path(path), schema, {}
        self._fresh, self._last = {}, time.monotonic()
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
            self.found |= self._read(part)
        self._number = len(parts)

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, *error) -> None:
        self.close()

    def add(self, key: str, row: dict) -> None:
        self.found[key] = self._fresh[key] = row
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
        """All parts as one. What is there twice, after a crash in between, is the same."""
        self.flush()
        parts = [part for part in self.path.glob("*.parquet") if part.name != WHOLE]
        if parts:
            self._write(self.found, WHOLE)
            for part in parts:
                part.unlink()
        for left in self.path.glob(".*.part.parquet"):  # of a run that was killed
            left.unlink()

    def _write(self, rows: dict, name: str) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        table = pa.Table.from_pylist([{"key": key, **row} for key, row in rows.items()], schema=self._arrow())
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
        return {row.pop("key"): row for row in table.to_pylist()}

    def _arrow(self):
        import pyarrow as pa

        types = {"text": pa.string(), "texts": pa.list_(pa.string()), "number": pa.float64(),
                 "numbers": pa.list_(pa.float64()), "whole": pa.int64()}  # fmt: skip
        return pa.schema([("key", pa.string())] + [(name, types[kind]) for name, kind in self.schema.items()])


class Nothing:
    """The journal of those who want none."""

    def __init__(self):
        self.found = {}

    def __enter__(self) -> Nothing:
        return self

    def __exit__(self, *error) -> None:
        pass

    def add(self, key: str, row: dict) -> None:
        pass


def opened(path, schema: dict, *, resume: bool) -> Journal | Nothing:
    """A journal at ``path``, or one that keeps nothing for None."""
    return Nothing() if path is None else Journal(path, schema, resume=resume)


def key_of(*parts) -> str:
    """SHA-256 of the version and of what a result depends on, all of it text or numbers."""
    return hashlib.sha256(json.dumps([__version__, *parts], ensure_ascii=True).encode()).hexdigest()


def digest_of(data: pd.DataFrame) -> str:
    """Of a frame's content: labels, types and values."""
    h = hashlib.sha256(json.dumps([[str(c), str(t)] for c, t in data.dtypes.items()]).encode())
    h.update(pd.util.hash_pandas_object(data, index=True).to_numpy().tobytes())
    return h.hexdigest()


def told(value) -> str:
    """A model's option as text that tells it from any other: objects by their content."""
    if isinstance(value, SpatialWeights | TemporalWeights):
        labels = [value.ids, value.periods] if value.varies else [value.ids]
        return f"{value.matrix_digest} {[hash_of(pd.Series(at)) for at in labels]}"
    if isinstance(value, pd.DataFrame):
        return digest_of(value)
    if isinstance(value, pd.Series | np.ndarray):
        return hash_of(pd.Series(np.ravel(value)))
    if is_dataclass(value):
        return f"{type(value).__name__} {told(vars(value))}"
    if isinstance(value, Mapping):
        return json.dumps({str(name): told(value[name]) for name in sorted(value)})
    return repr(value)


def hash_of(values: pd.Series) -> str:
    return hashlib.sha256(pd.util.hash_pandas_object(values, index=False).to_numpy().tobytes()).hexdigest()
