"""Similarity: units whose profiles, or histories, look alike."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy import sparse

from spillover import labels as _labels
from spillover.errors import SpatialInputError, check_option
from spillover.frames import takes_frames
from spillover.matrix.assemble import from_csr
from spillover.matrix.dense import refuse_dense
from spillover.matrix.weights import SpatialWeights

from .distance import neighbor_counts
from .economic import by_unit, panel

if TYPE_CHECKING:
    from spillover.types import Columns, Ids


@takes_frames
def similarity(data: pd.DataFrame, x: Columns, *, entity: str | None = None, time: str | None = None,
               measure: str = "correlation", k: int | None = None, ids: Ids | None = None) -> SpatialWeights:
    """w_ij = max(0, similarity of i's and j's profiles).

    ============  ==========================================================
    measure       of two profiles a and b
    ============  ==========================================================
    correlation   Pearson's r: moving together, whatever the level
    cosine        a'b / (|a| |b|): the same mix, whatever the size
    ============  ==========================================================

    Negative similarities are no links. A correlation of outcomes over the study period makes W endogenous: use earlier
    years, or structure (shares of industries), where that matters.

    Parameters
    ----------
    data : DataFrame
        A cross-section with one row per unit, or a panel.
    x : list of str, or str
        Columns that make up a unit's profile; for a panel one column, whose values over time are the profile.
    entity, time : str, optional
        A panel's columns. Every unit needs the same periods.
    measure : {"correlation", "cosine"}
    k : int, optional
        Keep the k most similar of each only; ties by id.
    ids : str or sequence, optional
        Id column or labels of a cross-section.

    Raises
    ------
    SpatialInputError
        E104 periods differ between units, E204 a constant profile, E206 fewer than two (correlation: three) entries,
        E201, E203, E304, E309, E501, E502.

    Examples
    --------
    >>> mix = pd.DataFrame({"farm": [1.0, 2, 9], "mine": [2.0, 4, 1], "shop": [3.0, 6, 0]}, index=["a", "b", "c"])
    >>> similarity(mix, ["farm", "mine", "shop"], measure="cosine").csr[0, 1].round(12)
    np.float64(1.0)
    """
    check_option("measure", measure, ("correlation", "cosine"))
    profile, index, words = _profiles(data, x, entity, time, ids)
    _labels.refuse_too_few(len(index))
    least = 3 if measure == "correlation" else 2
    if profile.shape[1] < least:
        raise SpatialInputError("E206", f"a profile needs at least {least} entries for {measure}, but has "
                                f"{profile.shape[1]}", hint="name more columns or periods")
    refuse_dense(len(index), sparse_way="split the units into groups", bytes_per_pair=20)
    if measure == "correlation":
        profile = profile - profile.mean(axis=1, keepdims=True)
    size = np.sqrt((profile**2).sum(axis=1, keepdims=True))
    flat = size[:, 0] <= 1e-12 * max(float(np.abs(profile).max()), 1e-300)
    if flat.any():
        raise SpatialInputError("E204", f"some units have no variation in {words}", ids=index[flat].tolist(),
                                n=int(flat.sum()), hint=f"their {measure} with others is not defined: leave them out")
    profile = profile / size
    alike = np.clip(profile @ profile.T, 0.0, 1.0)
    np.fill_diagonal(alike, 0.0)
    kind = f"{measure} of {words}"
    if k is not None:
        alike = _largest(alike, int(neighbor_counts(k, len(index))[0]), _labels.rank(index))
        kind += f", {k} most alike"
    return from_csr(sparse.csr_array(alike), index, kind)


def _profiles(data, x, entity, time, ids):
    if entity is None and data.index.nlevels != 2:
        return by_unit(data, x, time=time, ids=ids)
    if not isinstance(x, str):
        raise SpatialInputError("E501", "for a panel x= is one column, whose values over time are compared",
                                hint="name one column with x=, or give a cross-section with several")
    wide = panel(data, [x], entity, time)[x].unstack("time")
    gaps = wide.isna().any(axis=1).to_numpy()
    if gaps.any():
        raise SpatialInputError("E104", "units must have the same periods to be compared",
                                ids=wide.index[gaps].tolist(), n=int(gaps.sum()),
                                hint="keep the periods that all units have")
    return wide.to_numpy(), wide.index.rename(None), f"{x} over {wide.shape[1]} periods"


def _largest(dense: np.ndarray, k: int, by: np.ndarray) -> np.ndarray:
    """Keep the k largest entries of each row; ties go to the lower rank."""
    order = np.lexsort((np.broadcast_to(by, dense.shape), -dense), axis=1)[:, :k]
    out = np.zeros_like(dense)
    np.put_along_axis(out, order, np.take_along_axis(dense, order, axis=1), axis=1)
    return out
