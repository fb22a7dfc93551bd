"""Unit ids: where they come from, what is refused, and how data finds its place by them."""

from __future__ import annotations

import numpy as np
import pandas as pd

from spillover.errors import SpatialInputError
from spillover.ids import cure


def unit_index(ids, n: int | None = None, *, what: str = "units") -> pd.Index:
    """Turn ``ids`` into a unique Index without missing entries; ``None`` numbers the units from 0.

    Raises
    ------
    SpatialInputError
        E101 missing id, E102 duplicate ids, E105 length differs from ``n``.
    """
    if ids is None:
        return pd.RangeIndex(n)
    index = ids if isinstance(ids, pd.Index) else pd.Index(ids)
    if n is not None and len(index) != n:
        raise SpatialInputError("E105", f"{len(index)} ids were given for {n} {what}", n=abs(len(index) - n),
                                hint="give one id per unit, in the order of the rows")
    absent = np.any([code < 0 for code in index.codes], axis=0) if isinstance(index, pd.MultiIndex) else index.isna()
    if absent.any():
        rows = np.flatnonzero(absent)
        raise SpatialInputError("E101", "every unit needs an id, but some are missing", rows=rows.tolist(),
                                hint="fill the id column, or drop those rows")
    if not index.is_unique:
        twice = index[index.duplicated(keep=False)]
        raise SpatialInputError(
            "E102", "ids must be unique, but some occur more than once",
            ids=twice.unique().tolist(), rows=np.flatnonzero(index.duplicated(keep=False)).tolist(),
            n=len(twice), hint="one row per unit: dissolve parts of one unit, or choose another id column",
        )
    return index


def frame_ids(frame, ids) -> pd.Index:
    """Ids of a frame's rows: its index, or the column (or sequence) named by ``ids``."""
    if ids is None:
        return unit_index(frame.index, len(frame), what="rows")
    if isinstance(ids, str):
        return unit_index(pd.Index(column_of(frame, ids)), len(frame), what="rows")
    return unit_index(ids, len(frame), what="rows")


COLUMNS = 12  # that a message lists


def column_of(frame, name) -> pd.Series:
    """A column by name, or E502 with the nearest names."""
    if name not in getattr(frame, "columns", ()):
        import difflib

        there = [str(c) for c in getattr(frame, "columns", ())]
        same = {c.lower(): c for c in there}.get(str(name).lower())
        near = [same] if same else difflib.get_close_matches(str(name), there, n=1)
        meant = f"did you mean {near[0]!r}? " if near else ""
        more = f" and {len(there) - COLUMNS} more" if len(there) > COLUMNS else ""
        raise SpatialInputError("E502", f"no column {name!r}",
                                hint=f"{meant}Columns are {', '.join(there[:COLUMNS])}{more}".strip())
    return frame[name]


def places(labels, ids: pd.Index, *, what: str) -> np.ndarray:
    """Position in ``ids`` of each label (labels may repeat); E101 names the unknown ones."""
    labels = pd.Index(labels)
    place = ids.get_indexer(labels)
    if (place < 0).any():
        unknown = labels[place < 0].unique()
        raise SpatialInputError("E101", f"{what} names units that are not among the ids", ids=unknown.tolist(),
                                n=len(unknown), hint=cure(labels.unique(), ids))
    return place


def rank(ids: pd.Index) -> np.ndarray:
    """Order of the ids; of mixed types, by their text."""
    try:
        order = ids.argsort()
    except TypeError:
        order = ids.astype(str).argsort()
    place = np.empty(len(ids), np.int64)
    place[order] = np.arange(len(ids))
    return place


def refuse_too_few(n: int, least: int = 2) -> None:
    """E206 when there are too few units to have neighbors."""
    if n < least:
        units = "one unit" if least == 1 else f"{least} units"
        raise SpatialInputError("E206", f"weights need at least {units}, but there are {n}", n=n,
                                hint="add units, or check the filter that left so few")

