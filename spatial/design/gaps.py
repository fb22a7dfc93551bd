"""Unbalanced panels: which units are observed in which period, and the weights among them."""

from __future__ import annotations

import numpy as np
import pandas as pd

from spillover.errors import SHOWN, SpatialInputError
from spillover.matrix import SpatialWeights, TemporalWeights
from spillover.values import counted


def cut_to_observed(
    weights: SpatialWeights | TemporalWeights, observed: np.ndarray, times: pd.Index
) -> TemporalWeights:
    """Per period the W of the units that are observed in it, standardised again in the same way.

    Parameters
    ----------
    observed : (T, N) of bool

    Returns
    -------
    TemporalWeights
        Units that are not there keep their place and have no links.

    Raises
    ------
    SpatialInputError
        E308 when the standardisation cannot be renewed from the matrix alone.
    """
    each = zip(weights.each(len(times)), observed)
    matrices = tuple(w if there.all() else w.without_links_of(~there) for w, there in each)
    return TemporalWeights(matrices, times, weights.notes, observed)


def gap_notes(
    weights: SpatialWeights | TemporalWeights, cut: TemporalWeights, observed: np.ndarray, absent: int, incomplete: int
) -> list[str]:
    """What was left out and what that made of W, in words."""
    there = f"{absent} absent" if not incomplete else f"{absent} absent, {incomplete} with missing values"
    again = ", row-standardised again" * (cut.standardization == "row")
    notes = [f"unbalanced: {absent + incomplete} of {observed.size} (unit, period) pairs left out ({there}); "
             f"W of each period is that of the units observed in it{again}"]  # fmt: skip
    before = weights.each(len(observed))
    new_islands = [(cut.periods[t], cut.ids[i])
            for t, w in enumerate(cut.matrices)
            for i in np.setdiff1d(np.flatnonzero(observed[t] & w.alone), np.flatnonzero(before[t].alone))]  # fmt: skip
    if new_islands:
        shown = ", ".join(f"{unit} in {period}" for period, unit in new_islands[:SHOWN])
        notes.append(f"{len(new_islands)} islands made by it: {shown}" + " ..." * (len(new_islands) > SHOWN))
    if once := int((observed.sum(axis=0) == 1).sum()):
        notes.append(f"{counted(once, 'unit is', 'units are')} observed in one period only")
    return notes


def refuse_empty(observed: np.ndarray, ids: pd.Index, times: pd.Index) -> None:
    """Units or periods without any complete row.

    Raises
    ------
    SpatialInputError
        E108.
    """
    for axis, labels, what, how in (
        (0, ids, "units", "w.subset(ids) leaves these units out of the weights, and the data"),
        (1, times, "periods", "leave these periods out of the data"),
    ):
        empty = labels[np.flatnonzero(observed.sum(axis=axis) == 0)]
        if len(empty):
            raise SpatialInputError("E108", f"{len(empty)} {what} have no complete row: "
                                    + ", ".join(map(str, empty[:SHOWN])), ids=list(empty), hint=how)  # fmt: skip


def refuse_unbalanced(
    observed: np.ndarray | None,
    what: str,
    hint: str = 'missing="drop" leaves out units with missing values or rows',
    *,
    lagged: bool = False,
) -> None:
    """``what``, named in words, needs a balanced panel; ``lagged`` where rows without y_{t-1} are no rows either.

    Raises
    ------
    SpatialInputError
        E109.
    """
    if observed is not None:
        why = "are not observed, or not in the period before" if lagged else "are not observed"
        message = f"{int((~observed).sum())} of {observed.size} (unit, period) pairs {why}"
        raise SpatialInputError("E109", f"{what} needs a balanced panel: {message}", n=int((~observed).sum()),
                                hint=hint)  # fmt: skip
