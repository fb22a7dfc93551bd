"""Labels align data: where each id stands, and what is likely wrong when ids differ."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from .errors import SHOWN, SpatialInputError


def positions(have: pd.Index, want: pd.Index, *, what: str = "the data") -> np.ndarray:
    """Where each id of ``want``, the weights', stands in ``have``; both must hold the same ids.

    Raises
    ------
    SpatialInputError
        E102 when ``have`` repeats an id, E101 when the ids differ.

    Examples
    --------
    >>> positions(pd.Index(["b", "a"]), pd.Index(["a", "b"])).tolist()
    [1, 0]
    """
    if not have.is_unique:
        repeated = have[have.duplicated()].unique()
        raise SpatialInputError("E102", f"ids of {what} repeat", ids=list(repeated))
    place = have.get_indexer(want)
    if len(have) != len(want) or (place < 0).any():
        refuse_different(have, want, what=what)
    return place


def refuse_different(have: pd.Index, want: pd.Index, *, what: str = "the data") -> None:
    """E101 unless both hold the same ids, in whatever order; names the first few on each side."""
    absent, extra = want.difference(have, sort=False), have.difference(want, sort=False)
    if not len(absent) and not len(extra):
        return
    parts = [f"{len(only)} only in {place} ({_few(only)})"
             for only, place in ((extra, what), (absent, "the weights")) if len(only)]  # fmt: skip
    message = f"ids of {what} and of the weights differ: " + "; ".join(parts)
    raise SpatialInputError("E101", message, ids=[*extra, *absent], hint=cure(have, want))


def mixed(ids: pd.Index) -> bool:
    """Text beside numbers: "01" and 1 are two units.

    Examples
    --------
    >>> mixed(pd.Index(["01", 1])), mixed(pd.Index(["01", "02"]))
    (True, False)
    """
    return len({isinstance(i, str) for i in ids}) > 1


def cure(have: pd.Index, want: pd.Index) -> str:
    """Say what is likely wrong: mixed types, text against numbers, lost zero padding, or a smaller sample."""
    if mixed(have) or mixed(want):
        return "ids mix text and numbers: make them all text, astype(str), with zfill(...) where zeros were lost"
    left, right = have.astype(str), want.astype(str)
    if left.isin(right).any() and not have.isin(want).any():
        return f"ids are {have.dtype} on one side and {want.dtype} on the other: convert one, e.g. with astype(str)"
    width = int(right.str.len().max() or 0)
    if (right.str.len() == width).all() and (left.str.zfill(width).isin(right) & ~left.isin(right)).any():
        return f"leading zeros were lost: pad the ids, e.g. data['id'].astype(str).str.zfill({width})"
    if have.isin(want).any():
        return "use w.subset(ids) for a smaller sample, or drop the rows that have no weights"
    return "check that both use the same id column"


def _few(index: Sequence) -> str:
    names = ", ".join(repr(getattr(i, "item", lambda i=i: i)()) for i in index[:SHOWN])
    return names + (", ..." if len(index) > SHOWN else "")
