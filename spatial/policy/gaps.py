"""Unbalanced panels of a policy: rows that are absent count nothing, and the treatment stays there as it was before."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from spillover.errors import SHOWN, SpatialInputError
from spillover.values import counted

from ..design.design import Design


def without_gaps(d: Design) -> tuple[Design, np.ndarray | None]:
    """The design with zeros in place of what is absent, and where that is, (T, N); None in a balanced panel."""
    if d.observed is None:
        return d, None
    absent = ~d.observed
    y, X = np.where(absent, 0.0, d.y), np.where(absent[:, :, None], 0.0, d.X)
    return replace(d, y=y, X=X), absent


def filled_treatment(
    D: np.ndarray, absent: np.ndarray, ids: pd.Index, name: str, *, always: bool = False
) -> tuple[np.ndarray, list[str]]:
    """A treatment that stays as it was until the unit is observed again, untreated before it is observed; and notes.

    With ``always`` units may be treated throughout, and before they are observed they have their first treatment.

    Raises
    ------
    SpatialInputError
        E232 units that are treated in every period in which they are observed.
    """
    T = len(D)
    last = np.maximum.accumulate(np.where(absent, -1, np.arange(T)[:, None]), axis=0)  # the period last observed
    filled = np.where(last >= 0, np.take_along_axis(D, np.maximum(last, 0), axis=0), 0.0)
    if always:
        filled = np.where(last >= 0, filled, D[(~absent).argmax(axis=0), np.arange(D.shape[1])])
    treated = (filled > 0) & ~absent
    throughout = treated.any(axis=0) & ~((filled == 0) & ~absent).any(axis=0)
    if throughout.any() and not always:
        number = counted(throughout.sum(), "unit is", "units are")
        raise SpatialInputError("E232", f"{number} treated in every period in which they are observed: nothing shows "
                                "what they would have been without", column=name,
                                ids=list(ids[throughout]), hint="leave these units out")  # fmt: skip
    first = np.where(treated.any(axis=0), treated.argmax(axis=0), 0)
    unsure = ids[(first > 0) & absent[np.maximum(first - 1, 0), np.arange(D.shape[1])]]
    notes = [f"{int(absent.sum())} of {absent.size} (unit, period) pairs are not observed"]
    if len(unsure):
        shown = ", ".join(map(str, unsure[:SHOWN])) + " ..." * (len(unsure) > SHOWN)
        notes.append(f"{name} began in a gap, and is taken to begin where it is observed first: {shown}")
    return filled, notes


def unseen_before(mass: np.ndarray, touched: np.ndarray) -> np.ndarray:
    """Units (N,) that are observed, and only where ``touched`` (T, N): nothing shows what they would have been.

    Examples
    --------
    >>> unseen_before(np.array([[1, 0, 0], [1, 1, 0.0]]), np.array([[0, 0, 0], [1, 1, 1]]) > 0).tolist()
    [False, True, False]
    """
    return mass.any(axis=0) & ~(mass * ~touched).any(axis=0)
