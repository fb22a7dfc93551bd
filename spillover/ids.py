"""The only matcher of ids: data, maps, tables and weights find each other by label, never by row order.

Ids are compared as they are. Where they differ, both sides are written in one form, step by step, until every id of one
side has exactly one partner on the other; what was needed is reported in words:

====================  =====================================  ===========================
step                  example                                reported as
====================  =====================================  ===========================
numbers as text       110000, 110000.0 and "110000"          numbers read as text
blanks                "Ohio " and "Ohio"                     blanks removed
Unicode composition   "é" in one character or in two         Unicode composed
leading zeros         "01001" and 1001                       zero padding
====================  =====================================  ===========================

A step that would make two ids of one side equal is refused. Row numbers (a RangeIndex without a name) are no ids: they
match whole numbers as they are and nothing else.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import pandas as pd

from .errors import SHOWN, SpatialInputError, warn


@dataclass(frozen=True)
class Match:
    """Where each id stands, and what had to be done to see it.

    Attributes
    ----------
    at : ndarray of int
        Position in ``have`` of each id of ``want``.
    note : str
        In words, such as "48 of 48 ids matched after zero padding"; empty where the ids are the same.
    """

    at: np.ndarray
    note: str


def match(have: pd.Index, want: pd.Index, *, what: str = "the data", against: str = "the weights") -> Match:
    """Match all ids of two sides, one to one.

    Raises
    ------
    SpatialInputError
        E102 when ``have`` repeats an id, E101 when the ids differ.

    Examples
    --------
    >>> match(pd.Index([1001, 2001]), pd.Index(["02001", "01001"]))
    Match(at=array([1, 0]), note='2 of 2 ids matched after zero padding')
    """
    if not have.is_unique:
        repeated = have[have.duplicated()].unique()
        raise SpatialInputError("E102", f"ids of {what} repeat", ids=list(repeated),
                                hint="one row per unit: aggregate, or choose another id column")  # fmt: skip
    place = have.get_indexer(want)
    if len(have) == len(want) and (place >= 0).all():
        return Match(place, "")
    normal = _normalised(have, want) if len(have) == len(want) else None
    if normal is None:
        raise _different(have, want, what, against)
    return normal


def positions(
    have: pd.Index, want: pd.Index, *, what: str = "the data", against: str = "the weights"
) -> np.ndarray:
    """``match`` where there is no header to report in: what was needed is a warning.

    Examples
    --------
    >>> positions(pd.Index(["b", "a"]), pd.Index(["a", "b"])).tolist()
    [1, 0]
    """
    result = match(have, want, what=what, against=against)
    if result.note:
        warn(f"{what}: {result.note}")
    return result.at


def partners(have: pd.Index, want: pd.Index) -> Match:
    """Where each id of ``have`` stands in ``want``, -1 where it has no partner: the same steps for a table and a map of
    which one may hold more units.

    Examples
    --------
    >>> partners(pd.Index([1001, 99]), pd.Index(["02001", "01001"]))
    Match(at=array([ 1, -1]), note='1 of 2 ids matched after zero padding')
    """
    best = Match(want.get_indexer(have) if want.is_unique else np.full(len(have), -1), "")
    if not have.is_unique or not want.is_unique:
        return best
    for left, right, steps in _steps(have, want):
        if (best.at >= 0).sum() == min(len(have), len(want)):
            break
        at = right.get_indexer(left)
        if (count := (at >= 0).sum()) > (best.at >= 0).sum():
            best = Match(at, f"{count:,} of {len(have):,} ids matched after {steps}")
    return best


def _normalised(have: pd.Index, want: pd.Index) -> Match | None:
    """The match after as few steps as needed; None where no step helps."""
    for left, right, steps in _steps(have, want):
        place = left.get_indexer(right)
        if (place >= 0).all():
            return Match(place, f"{len(want):,} of {len(want):,} ids matched after {steps}")
    return None


def _steps(have: pd.Index, want: pd.Index):
    """Both sides in one form after one step, two steps, ... and the steps that changed anything, in words."""
    if have.nlevels > 1 or want.nlevels > 1 or _row_numbers(have) or _row_numbers(want):
        return
    left, right, names = have, want, []
    for name, step in STEPS:
        new_left, new_right = left.map(step), right.map(step)
        if not (new_left.equals(left) and new_right.equals(right)):
            names.append(name)
        left, right = new_left, new_right
        if not (left.is_unique and right.is_unique):
            return
        yield left, right, " and ".join([n for n in names if n != "numbers read as text"] or names)


def _row_numbers(ids: pd.Index) -> bool:
    return isinstance(ids, pd.RangeIndex) and ids.name is None


def _as_text(label) -> str:
    if isinstance(label, (float, np.floating)) and float(label).is_integer():
        return str(int(label))
    text = str(label)
    whole, dot, zeros = text.partition(".")
    return whole if dot and zeros.strip("0") == "" and whole.lstrip("-").isdigit() else text


def _without_zeros(text: str) -> str:
    return (text.lstrip("0") or "0") if text.isdigit() else text


STEPS = (
    ("numbers read as text", _as_text),
    ("blanks removed", lambda text: " ".join(text.split())),
    ("Unicode composed", lambda text: unicodedata.normalize("NFC", text)),
    ("zero padding", _without_zeros),
)

SMALLER = "use w.subset(ids) for a smaller sample, or drop the rows that have no weights"


def _different(have: pd.Index, want: pd.Index, what: str, against: str) -> SpatialInputError:
    """E101 that names the first few ids on each side; E102 where those of ``want`` repeat."""
    absent, extra = want.difference(have, sort=False), have.difference(want, sort=False)
    if not len(absent) and not len(extra):
        return SpatialInputError("E102", f"ids of {against} repeat", ids=list(want[want.duplicated()].unique()),
                                 hint=f"each unit is one row of {against}")
    parts = [f"{len(only)} only in {place} ({_few(only)})"
             for only, place in ((extra, what), (absent, against)) if len(only)]  # fmt: skip
    message = f"ids of {what} and of {against} differ: " + "; ".join(parts)
    return SpatialInputError("E101", message, ids=[*extra, *absent], hint=cure(have, want))


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
        return SMALLER
    return "check that both use the same id column"


@contextmanager
def of_all_units() -> Iterator[None]:
    """What is said of a fit's own units, as forecasts are: a smaller sample is no way round."""
    try:
        yield
    except SpatialInputError as error:
        if error.hint == SMALLER:
            error.hint = "every unit of the fit needs a row in each new period and a place in w, and no other has one"
        raise


def meant(unit, ids: pd.Index) -> str:
    """The one id that reads as ``unit`` does but for case, blanks, zeros in front or ``.0``, as a question; else "".

    Examples
    --------
    >>> meant(1, pd.Index(["001", "010"])), meant("oh", pd.Index(["OH", "IL"])), meant("2", pd.Index(["001"]))
    ("did you mean '001'?", "did you mean 'OH'?", '')
    """
    same = ids[[_plain(label) == _plain(unit) for label in ids]]
    return f"did you mean {_few(same)}?" if len(same) == 1 else ""


def unknown_unit(unit, ids: pd.Index) -> SpatialInputError:
    """E101 of a unit that a fit has not."""
    return SpatialInputError("E101", f"{unit!r} is no unit of this fit", ids=list(ids[:5]), n=len(ids),
                             hint=meant(unit, ids) or "fit.units lists the units")  # fmt: skip


def _plain(label) -> str:
    for _, step in STEPS:
        label = step(label)
    return label.casefold()


def _few(index: pd.Index) -> str:
    names = ", ".join(repr(getattr(i, "item", lambda i=i: i)()) for i in index[:SHOWN])
    return names + (", ..." if len(index) > SHOWN else "")
