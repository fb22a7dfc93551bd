"""A journal of finished jobs: what a crash leaves is not done again.

One line of JSON for each job, under the SHA-256 of all that its result depends on: version, data, W and
specification. Lines are appended and forced to the disk; a last half line is ignored. Whatever is interrupted and
resumed, the final table is the same to the last byte, since results are put in the order of the jobs.
"""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

import pandas as pd

from spillover import __version__
from spillover.errors import SpatialInputError


class Journal:
    """Results by key, in a file.

    Parameters
    ----------
    path : path-like
    resume : bool
        Whether an existing journal is continued; else it is refused.

    Raises
    ------
    SpatialInputError
        E603 when it exists and ``resume`` is false, E605 when the place cannot be written to, E514 for a file that
        is no journal.
    """

    def __init__(self, path, *, resume: bool):
        self.path, self.found = Path(path), {}
        if self.path.exists():
            if not resume:
                raise SpatialInputError("E603", f"'{path}' exists", hint="resume=True continues it; or name another")
            self._read()
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.file = self.path.open("ab")
        except OSError as error:
            raise SpatialInputError("E605", f"cannot write '{path}': {error.strerror}") from error
        if self.torn:
            self.file.write(b"\n")

    torn = False

    def _read(self):
        raw = self.path.read_bytes()
        self.torn = bool(raw) and not raw.endswith(b"\n")
        for line in raw.split(b"\n"):
            try:
                entry = json.loads(line)
                self.found[entry["key"]] = entry["result"]
            except (ValueError, KeyError, TypeError):
                continue  # a half line of a run that was killed
        if raw.strip() and not self.found and raw.count(b"\n") > 1:
            raise SpatialInputError("E514", f"'{self.path}' is not a journal of results", hint="name another file")

    def add(self, key: str, result) -> None:
        self.file.write(json.dumps({"key": key, "result": result}).encode() + b"\n")
        self.file.flush()
        os.fsync(self.file.fileno())

    def close(self) -> None:
        self.file.close()


def key_of(*parts) -> str:
    """SHA-256 of the version and of what a result depends on, all of it text or numbers."""
    return hashlib.sha256(json.dumps([__version__, *parts], ensure_ascii=True).encode()).hexdigest()


def digest_of(data: pd.DataFrame) -> str:
    """Of a frame's content: labels, types and values."""
    h = hashlib.sha256(json.dumps([[str(c), str(t)] for c, t in data.dtypes.items()]).encode())
    h.update(pd.util.hash_pandas_object(data, index=True).to_numpy().tobytes())
    return h.hexdigest()


def seed_of(key: str, seed: int) -> int:
    """A seed for one job that does not depend on the others."""
    return int.from_bytes(hashlib.sha256(f"{seed}:{key}".encode()).digest()[:8], "big")
