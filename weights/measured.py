"""Weights from a table of distances that somebody measured: kilometres by road, hours by train, costs of transport."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from spillover import labels as _labels
from spillover.errors import SpatialInputError, check_option
from spillover.matrix.assemble import assemble
from spillover.matrix.dense import refuse_dense
from spillover.matrix.weights import SpatialWeights
from spillover.values import numeric, one_number

from .distance import neighbor_counts

if TYPE_CHECKING:
    from spillover.types import Ids

DECAY = ("inverse", "exponential", "none")
DIRECTIONS = {"mean": lambda there, back: (there + back) / 2, "min": np.minimum, "max": np.maximum}


def from_distances(table: pd.DataFrame, *, origin: str = "origin", destination: str = "destination",
                   distance: str = "distance", decay: str = "inverse", power: float = 1.0, scale: float | None = None,
                   cutoff: float | None = None, k: int | None = None, min_distance: float | None = None,
                   symmetric: str | None = None, duplicates: str = "error", ids: Ids | None = None) -> SpatialWeights:
    """w_ij is a function of a distance d_ij that is given, not measured on a map.

    ============  ==================================
    decay         w_ij
    ============  ==================================
    inverse       1 / d_ij^power
    exponential   exp(-d_ij / scale)
    none          1
    ============  ==================================

    Row i holds the distances from i. Pairs that are not in the table are no links; the header counts them.

    Parameters
    ----------
    table : DataFrame
        One row per pair of units, or a square table with ids on both sides (distances from the rows to the columns).
    origin, destination, distance : str
        Columns of a table of pairs.
    decay : {"inverse", "exponential", "none"}
    power : float
        Of the inverse.
    scale : float, optional
        Of the exponential; default: the distance to the nearest unit, averaged over units.
    cutoff : float, optional
        Farthest distance of a link, in the table's unit.
    k : int, optional
        Keep the k nearest of each unit (of those within ``cutoff``); equal distances are decided by the order of ids.
    min_distance : float, optional
        Distances below this count as this: the cure for distances of zero under "inverse".
    symmetric : {"mean", "min", "max"}, optional
        Make there and back equal. A direction that is not in the table is taken from the other.
    duplicates : {"error", "mean"}
        Pairs listed more than once.
    ids : sequence, optional
        All units in the wanted order; default: those in the table, sorted.

    Raises
    ------
    SpatialInputError
        E101, E201 missing distances, E202, E203, E303 a distance of zero that has no inverse, E301 negative distances,
        E304, E305 no distance within the cutoff, E309, E310 a pair twice, E311 a square table with other labels on its
        columns, E501, E502.

    Examples
    --------
    >>> hours = pd.DataFrame({"from": ["a", "b", "a", "c"], "to": ["b", "a", "c", "a"], "hours": [2.0, 4.0, 5.0, 5.0]})
    >>> w = from_distances(hours, origin="from", destination="to", distance="hours", symmetric="max")
    >>> w.to_dense()
          a     b    c
    a  0.00  0.25  0.2
    b  0.25  0.00  0.0
    c  0.20  0.00  0.0
    """
    check_option("decay", decay, DECAY)
    check_option("symmetric", symmetric, (None, *DIRECTIONS))
    check_option("duplicates", duplicates, ("error", "mean"))
    power, floor = one_number("power", power, above=0), one_number("min_distance", min_distance, above=0, optional=True)
    cutoff, scale = (one_number(name, value, above=0, optional=True) for name, value in
                     (("cutoff", cutoff), ("scale", scale)))
    if origin in table.columns or distance in table.columns:
        index, i, j, d = _pairs(table, origin, destination, distance, ids, duplicates)
        name = distance
    else:
        index, i, j, d = _square(table, ids)
        name = "distance"
    if symmetric is not None:
        i, j, d = _both_ways(i, j, d, len(index), DIRECTIONS[symmetric])
    absent = len(index) * (len(index) - 1) - len(d)
    if scale is None and decay == "exponential":
        scale = float(pd.Series(d).groupby(i).min().mean())
    i, j, d = _kept(i, j, d, index, cutoff, k)
    notes = [] if floor is None else [f"distances below {floor:g} count as that"]
    notes += [f"{absent} pairs of units are not in the table"] if absent else []
    how = {"inverse": f"1 / {name}" + ("" if power == 1 else f"^{power:g}"),
           "exponential": f"exp(-{name} / {scale or 1:.6g})", "none": f"links by {name}"}[decay]
    reach = ("" if cutoff is None else f", up to {cutoff:.6g}") + ("" if k is None else f", {k} nearest")
    ways = "" if symmetric is None else f" ({symmetric} of both directions)"
    weight = _weights(d if floor is None else np.maximum(d, floor), decay, power, scale, index, i, j)
    return assemble(i, j, weight, index, f"{how}{reach}{ways}", notes=tuple(notes))


def _pairs(table, origin, destination, distance, ids, duplicates):
    """(ids, origins, destinations, distances) of the pairs of different units."""
    start, end = (_labels.column_of(table, c) for c in (origin, destination))
    d = numeric(_labels.column_of(table, distance), column=distance)
    index = pd.Index(pd.unique(pd.concat([start, end]))).sort_values() if ids is None else ids
    index = _labels.unit_index(index)
    i = _labels.places(start, index, what=f"column {origin!r}")
    j = _labels.places(end, index, what=f"column {destination!r}")
    _refuse_negative(d, rows=np.flatnonzero(d < 0))
    pair = pd.Series(i.astype(np.int64) * len(index) + j)
    twice = pair.duplicated(keep=False).to_numpy()
    if twice.any():
        if duplicates == "error":
            raise SpatialInputError("E310", "some pairs are listed more than once", rows=np.flatnonzero(twice).tolist(),
                                    n=int(twice.sum()), hint="keep one row per pair, or duplicates='mean'")
        mean = pd.Series(d).groupby(pair.to_numpy()).mean()
        i, j, d = mean.index.to_numpy() // len(index), mean.index.to_numpy() % len(index), mean.to_numpy()
    off = i != j
    return index, i[off], j[off], d[off]


def _square(table: pd.DataFrame, ids):
    """The same of a square table; empty cells are pairs that are not in it."""
    rows, columns = _labels.unit_index(table.index), _labels.unit_index(table.columns)
    if len(rows) != len(columns) or not columns.isin(rows).all():
        raise SpatialInputError("E311", "a square table of distances needs the same ids on its rows and columns",
                                hint="or give one row per pair, with origin=, destination= and distance=")
    index = rows if ids is None else _labels.unit_index(ids)
    refuse_dense(len(index), sparse_way="give one row per pair")
    place = _labels.places(index, rows, what="ids")
    values = table[rows].to_numpy(dtype=float, na_value=np.nan)[np.ix_(place, place)]
    i, j = np.nonzero(~np.isnan(values) & ~np.eye(len(index), dtype=bool))
    d = numeric(values[i, j])
    _refuse_negative(d, ids=[(index[i[k]], index[j[k]]) for k in np.flatnonzero(d < 0)[:5]])
    return index, i, j, d


def _both_ways(i, j, d, n: int, join):
    """Pairs and distances with there and back joined; where one is not there, the other serves."""
    pair, back = i.astype(np.int64) * n + j, j.astype(np.int64) * n + i
    there = pd.Series(d, index=pair)
    every = pd.Index(pair).union(pd.Index(back))
    one = there.reindex(every)
    other = pd.Series(there.reindex((every % n) * n + every // n).to_numpy(), index=every)
    both = join(one.fillna(other).to_numpy(), other.fillna(one).to_numpy())
    return every.to_numpy() // n, every.to_numpy() % n, both


def _kept(i, j, d, index, cutoff, k):
    """Pairs within the cutoff, and of those the k nearest of each unit."""
    if cutoff is not None:
        near = d <= cutoff * (1 + 1e-12)
        if not near.any():
            least = f"the smallest distance is {d.min():.6g}" if len(d) else "the table has no pairs"
            raise SpatialInputError("E305", f"no two units lie within {cutoff:.6g} of each other", n=len(index),
                                    hint=f"choose a larger cutoff: {least}")
        i, j, d = i[near], j[near], d[near]
    if k is None:
        return i, j, d
    counts = neighbor_counts(k, len(index))
    order = np.lexsort((_labels.rank(index)[j], d, i))
    first = np.searchsorted(i[order], i[order])
    keep = order[np.arange(len(order)) - first < counts[i[order]]]
    return i[keep], j[keep], d[keep]


def _weights(d, decay: str, power: float, scale, index, i, j) -> np.ndarray:
    if decay == "none":
        return np.ones(len(d))
    if decay == "exponential":
        return np.exp(-d / scale)
    if (d == 0).any():
        pairs = [(index[i[k]], index[j[k]]) for k in np.flatnonzero(d == 0)[:5]]
        raise SpatialInputError("E303", "some units are at a distance of zero, where 1 / distance is infinite",
                                ids=pairs, n=int((d == 0).sum()), hint="pass min_distance=, or another decay")
    return d**-power


def _refuse_negative(d: np.ndarray, **where) -> None:
    if (d < 0).any():
        where = {key: list(value)[:5] for key, value in where.items()}
        raise SpatialInputError("E301", "distances must not be negative", n=int((d < 0).sum()),
                                hint="mark pairs without a way by leaving them out", **where)
