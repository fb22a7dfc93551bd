"""Files of weights: the suffix chooses the format; parquet is lossless and the default. Never pickle."""

from __future__ import annotations

from pathlib import Path

from spillover.errors import SpatialInputError
from spillover.files import replacing

from . import _parquet
from .matrix import SpatialWeights

WRITERS = {".parquet": _parquet.write}
READERS = {".parquet": _parquet.read}


def save(w: SpatialWeights, path, *, overwrite: bool = False) -> None:
    """Write weights to ``path``; see :meth:`SpatialWeights.save`."""
    path = Path(path)
    writer = _by_suffix(path, WRITERS)
    with replacing(path, overwrite=overwrite) as part:
        writer(w, part)


def load(path, **options) -> SpatialWeights:
    """Read weights from a file; the suffix chooses the format."""
    path = Path(path)
    reader = _by_suffix(path, READERS)
    if not path.exists():
        raise SpatialInputError("E601", f"there is no file '{path}'")
    return reader(path, **options)


def _by_suffix(path: Path, table: dict):
    suffix = path.suffix.lower()
    if suffix not in table:
        raise SpatialInputError("E501", f"no weights format is known for '{path.name}'",
                                hint=f"use one of {', '.join(sorted(table))}")
    return table[suffix]
