"""Where a result comes from: versions, seed, and fingerprints of the data and of W, for whoever wants to make it again.

A result holds references to what it was made of; nothing is hashed before ``result.provenance`` is read. Fingerprints
do not depend on the order of rows, units or columns: rows are hashed one by one and their hashes sorted.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd

LIBRARIES = ("numpy", "scipy", "pandas")
LENGTH = 8  # bytes of a fingerprint
_ODD = np.uint64(0x9E3779B97F4A7C15)  # spreads the bits of one hash before another is added


@dataclass(frozen=True)
class Provenance:
    """How a result was made.

    Attributes
    ----------
    versions : dict of str
        spillover, python, numpy, scipy, pandas.
    data : str or None
        Fingerprint of the observations that were used: their units, periods and columns.
    weights : dict of str
        Fingerprint of every W, by name.
    seed : int or None
        Of what was drawn at random.
    """

    versions: dict[str, str]
    data: str | None
    weights: dict[str, str]
    seed: int | None

    def __str__(self) -> str:
        parts = [", ".join(f"{name} {number}" for name, number in self.versions.items())]
        if self.data is not None:
            parts.append(f"data {self.data}")
        if self.weights:
            parts.append(", ".join(f"{name} {print_}" for name, print_ in self.weights.items()))
        if self.seed is not None:
            parts.append(f"seed {self.seed}")
        return "; ".join(parts)

    def to_dict(self) -> dict[str, Any]:
        """As JSON takes it."""
        return {"versions": dict(self.versions), "data": self.data, "weights": dict(self.weights), "seed": self.seed}


def made_from(result, *sources):
    """The result, which remembers what it was made of: frames, W, or objects with a method ``sources``."""
    object.__setattr__(result, "_sources", sources)
    return result


def provenance_of(result) -> Provenance:
    """The provenance of a result, from its sources or those of the results within it."""
    frames: list[pd.DataFrame] = []
    weights: dict[str, Any] = {}
    _collect(result, frames, weights, set(), "W")
    prints = sorted(fingerprint(frame) for frame in frames)
    data = None if not prints else prints[0] if len(prints) == 1 else _digest(*prints)
    each = {name: w.fingerprint for name, w in weights.items()}
    if any(each[name] == each.get("W") for name in each if name != "W"):  # the fit's own W goes by its name
        del each["W"]
    return Provenance(dict(_versions()), data, each, _seed(result))


def _collect(part, frames: list, weights: dict, seen: set, name: str) -> None:
    """Frames and W within a source, a result, or a mapping of either; of several fits the first has the data."""
    if hasattr(type(part), "fingerprint"):
        weights.setdefault(name, part)
        return
    if id(part) in seen:
        return
    seen.add(id(part))
    own = vars(part).get("_sources") if hasattr(part, "__dict__") else None
    if isinstance(part, pd.DataFrame):
        frames.append(part)
    elif own is not None:
        for source in own:
            _collect(source, frames, weights, seen, name)
    elif hasattr(part, "sources"):
        frame, named = part.sources()
        frames.append(frame)
        for label, w in named.items():
            _collect(w, frames, weights, seen, label)
    elif isinstance(part, Mapping):
        for label, inner in part.items() if all(hasattr(type(w), "fingerprint") for w in _first(part)) else ():
            _collect(inner, frames, weights, seen, str(label))
        for inner in () if frames else _first(part):
            _collect(inner, frames, weights, seen, name)
    elif isinstance(part, tuple | list):
        for inner in _first(part):
            _collect(inner, frames, weights, seen, name)
    elif is_dataclass(part) and not isinstance(part, type):
        for inner in fields(part):
            value = getattr(part, inner.name)
            if not isinstance(value, pd.DataFrame):  # tables of a result are no source
                _collect(value, frames, weights, seen, "W")


def _first(parts) -> list:
    """The first of several, or none."""
    values = iter(parts.values() if isinstance(parts, Mapping) else parts)
    return [value for value, _ in zip(values, range(1), strict=False)]


def _seed(result) -> int | None:
    """The seed of a result, or of its options where they draw: exact effects do not."""
    for holder in (result, getattr(result, "options", None), getattr(result, "settings", None)):
        names = ("seed", "method")
        values = holder if isinstance(holder, Mapping) else {name: getattr(holder, name, None) for name in names}
        drawn = holder is result or values.get("method") in (None, "simulate", "bootstrap")
        seed = values.get("seed")
        if drawn and isinstance(seed, int | np.integer):
            return int(seed)
    return None


@lru_cache(maxsize=1)
def _versions() -> tuple[tuple[str, str], ...]:
    from .versions import versions

    there = versions()
    return tuple((name, there[name]) for name in ("spillover", "python", *LIBRARIES))


# -- fingerprints ----------------------------------------------------------------------------------------------------


def fingerprint(frame: pd.DataFrame) -> str:
    """Of a frame's columns and labels, whatever the order of its rows and columns.

    Examples
    --------
    >>> a = pd.DataFrame({"x": [1.0, 2.0], "y": [3, 4]}, index=["u", "v"])
    >>> fingerprint(a) == fingerprint(a.loc[["v", "u"], ["y", "x"]]), fingerprint(a) == fingerprint(a + 1)
    (True, False)
    """
    names = sorted(range(frame.shape[1]), key=lambda j: str(frame.columns[j]))
    rows = _labels(frame.index)
    for j in names:
        rows = rows * _ODD + _values(frame.iloc[:, j])
    return _digest(*(str(frame.columns[j]) for j in names), np.sort(rows).tobytes())


def links_fingerprint(ids: pd.Index, focal: np.ndarray, neighbor: np.ndarray, weight: np.ndarray) -> str:
    """Of W: its units, and its links (positions in ``ids``) with their weights."""
    units = _labels(ids)
    links = (units[focal] * _ODD + units[neighbor]) * _ODD + _values(pd.Series(weight))
    return _digest(np.sort(units).tobytes(), np.sort(links).tobytes())


def _labels(index: pd.Index) -> np.ndarray:
    """A hash per label; row numbers are none."""
    if isinstance(index, pd.RangeIndex) and index.name is None:
        return np.zeros(len(index), np.uint64)
    out = np.zeros(len(index), np.uint64)
    for level in range(index.nlevels):
        codes, labels = pd.factorize(index.get_level_values(level))
        hashed = pd.util.hash_array(np.array([str(label) for label in labels], dtype=object))
        out = out * _ODD + (hashed[codes] if len(hashed) else np.zeros(len(index), np.uint64))
    return out


def _values(column: pd.Series) -> np.ndarray:
    """A hash per value: numbers by their value, whatever their type, all else by its text."""
    if pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_complex_dtype(column):
        numbers = column.to_numpy(float, na_value=np.nan) + 0.0  # -0 is 0
        return pd.util.hash_array(np.where(np.isnan(numbers), np.nan, numbers))
    codes, labels = pd.factorize(column, use_na_sentinel=False)
    return pd.util.hash_array(np.array([str(label) for label in labels], dtype=object))[codes]


def _digest(*parts: str | bytes) -> str:
    h = hashlib.blake2b(digest_size=LENGTH)
    for part in parts:
        raw = part.encode("utf-8", "surrogatepass") if isinstance(part, str) else part
        h.update(len(raw).to_bytes(8, "little") + raw)
    return h.hexdigest()
