"""Weights from distance: nearest neighbors, bands, inverse and exponential decay.

On longitude and latitude, distance is great-circle in kilometres, always; on projected coordinates it is planar in
their unit. The printed header says which.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from spillover import labels as _labels
from spillover.errors import SpatialInputError, check_option
from spillover.ids import positions
from spillover.matrix.assemble import assemble, from_csr
from spillover.matrix.dense import DENSE_LIMIT, refuse_dense
from spillover.matrix.weights import SpatialWeights
from spillover.values import one_number

from . import _search
from ._points import Points, points
from .islands import POLICIES, treat

if TYPE_CHECKING:
    from spillover.types import CrsLike, Ids, Places

BYTES_PER_LINK = 60  # while a search turns into a matrix


def knn(data: Places, k: int = 5, *, ids: Ids | None = None, symmetric: str | None = None, coincident: str = "error",
        at: str | Places = "centroid", crs: CrsLike | None = None, metric: str | None = None) -> SpatialWeights:
    """The k nearest units of each; every weight is 1.

    Equal distances (to 1e-10) are decided by the order of the ids, so that the result does not depend on the order
    of rows.

    Parameters
    ----------
    data : GeoDataFrame, GeoSeries, or array of shape (n, 2)
    k : int, or Series of int by id
        Number of neighbors, for all or for each unit.
    ids : str or sequence, optional
        Id column or labels; default the index.
    symmetric : {"union", "intersection"}, optional
        Join i and j if either (or both) counts the other among its nearest.
    coincident : {"error", "allow"}
        Whether units may share one point (their order as neighbors is then by id).
    at : {"centroid", "inside"}, GeoSeries or DataFrame
        Representative point; see :func:`inverse_distance`.
    crs, metric : optional
        As in :func:`inverse_distance`.

    Raises
    ------
    SpatialInputError
        E303 coincident points, E304 k is no whole number from 1 to n - 1, E309 more links than can be held, E202, E401,
        E402, E403, E404, E405.

    Examples
    --------
    >>> w = knn([[0, 0], [1, 0], [3, 0]], 1, metric="planar", ids=["a", "b", "c"])
    >>> w.to_frame()
      focal neighbor  weight
    0     a        b     1.0
    1     b        a     1.0
    2     c        b     1.0
    """
    check_option("symmetric", symmetric, (None, "union", "intersection"))
    check_option("coincident", coincident, ("error", "allow"))
    p = points(data, ids=ids, at=at, crs=crs, metric=metric)
    if isinstance(k, pd.Series):
        k = k.iloc[positions(k.index, p.ids, what="k")].to_numpy()
    counts = neighbor_counts(k, p.n)
    refuse_many(int(counts.sum()))
    row, col, straight = _search.nearest(p.space, counts, _labels.rank(p.ids), p.norm)
    if coincident == "error" and straight.min() <= _search.SAME * p.extent:
        refuse_coincident(p, "to count neighbors by distance", "coincident='allow'")
    words = f"k={counts[0]}" if (counts == counts[0]).all() else f"k from {counts.min()} to {counts.max()}"
    w = assemble(row, col, 1.0, p.ids, f"k nearest ({words}, {p.words})", unit=p.header)
    if symmetric is None:
        return w
    joined = w.symmetrize("max" if symmetric == "union" else "min")
    return SpatialWeights(joined.csr, p.ids, f"k nearest ({words}, {p.words}, {symmetric} of directions)",
                          unit=p.header)


def distance_band(data: Places, cutoff: float, *, ids: Ids | None = None, islands: str = "keep",
                  at: str | Places = "centroid", crs: CrsLike | None = None,
                  metric: str | None = None) -> SpatialWeights:
    """Neighbors are at most ``cutoff`` apart (km on longitude and latitude); every weight is 1.

    Parameters as in :func:`inverse_distance`. :func:`smallest_band` gives the cutoff that leaves nobody alone.

    Raises
    ------
    SpatialInputError
        E305 the band leaves every unit alone (the message says the smallest one that leaves none), E306 islands
        where none are allowed, E401, E402, E403, E405, E501.

    Examples
    --------
    >>> distance_band([[0, 0], [1, 0], [3, 0]], 1.5, metric="planar").islands.tolist()
    [2]
    """
    check_option("islands", islands, POLICIES)
    cutoff = one_number("cutoff", cutoff, above=0)
    p = points(data, ids=ids, at=at, crs=crs, metric=metric)
    row, col, _ = within(p, cutoff)
    w = assemble(row, col, 1.0, p.ids, f"distance band ({length(cutoff, p)}, {p.words})", unit=p.header)
    return treat(w, islands, p)


def inverse_distance(data: Places, *, power: float = 1.0, cutoff: float | None = None,
                     min_distance: float | None = None, ids: Ids | None = None, islands: str = "keep",
                     at: str | Places = "centroid", crs: CrsLike | None = None,
                     metric: str | None = None) -> SpatialWeights:
    """w_ij = 1 / d_ij^power for units up to ``cutoff`` apart.

    Parameters
    ----------
    data : GeoDataFrame, GeoSeries, DataFrame, or array of shape (n, 2)
        Columns of a DataFrame are found by their names, such as x and y, lon and lat, 经度 and 纬度, in any order; an
        array has x, or longitude, first.
    power : float
        1 and 2 are usual (gravity's inverse square).
    cutoff : float, optional
        Farthest distance of a link, in km on longitude and latitude, else in the coordinates' unit. Without one
        every pair is linked, which needs 12 n^2 bytes.
    min_distance : float, optional
        Distances below this count as this: the cure for units that share a point.
    ids : str or sequence, optional
        Id column or labels; default the index.
    islands : {"keep", "nearest", "drop", "error"}
        Units beyond the cutoff of all others: keep an empty row, join to the nearest unit, leave out, or refuse.
    at : {"centroid", "inside"}, GeoSeries or DataFrame
        A polygon's representative point: its centroid, a point inside, or points by id (capital cities).
    crs : optional
        The coordinate system, where the data has none.
    metric : {"great-circle", "planar", "manhattan"}, optional
        Where the data has no coordinate system: measure as longitude and latitude, or as drawn. "manhattan" is
        |dx| + |dy| along the axes of projected coordinates.

    Raises
    ------
    SpatialInputError
        E303 coincident points (closer than a billionth of the extent of all; the message names them), E305, E306, E309
        all pairs of too many units, E202, E401, E402, E403, E404, E405, E501.

    Examples
    --------
    >>> w = inverse_distance([[0, 0], [0, 90]], metric="great-circle")      # equator to pole
    >>> round(1 / w.csr[0, 1], 1)
    np.float64(10007.6)
    """
    power = one_number("power", power, above=0)
    words = "inverse distance" + ("" if power == 1 else f" (power {power:g})")
    weigh = np.reciprocal if power == 1 else lambda d: d**-power
    return _decay(data, words, weigh, cutoff, min_distance, ids, islands, at, crs, metric, infinite_at_zero=True)


def exponential(data: Places, *, scale: float | None = None, cutoff: float | None = None, ids: Ids | None = None,
                islands: str = "keep", at: str | Places = "centroid", crs: CrsLike | None = None,
                metric: str | None = None) -> SpatialWeights:
    """w_ij = exp(-d_ij / scale) for units up to ``cutoff`` apart.

    Parameters
    ----------
    scale : float, optional
        Distance at which the weight falls to 1/e. Default: the distance to the nearest unit, averaged over units.

    Others as in :func:`inverse_distance`.

    Examples
    --------
    >>> exponential([[0, 0], [2, 0]], scale=2, metric="planar").csr[0, 1].round(4)
    np.float64(0.3679)
    """
    scale = one_number("scale", scale, above=0, optional=True)
    p = points(data, ids=ids, at=at, crs=crs, metric=metric)
    if scale is None:
        scale = float(p.to_distance(_search.nearest_distance(p.space, norm=p.norm)).mean())
    return _decay(p, f"exponential decay (scale {length(scale, p)})", lambda d: np.exp(-d / scale), cutoff, None,
                  None, islands, at, crs, metric)


def smallest_band(data: Places, *, ids: Ids | None = None, at: str | Places = "centroid", crs: CrsLike | None = None,
                  metric: str | None = None) -> float:
    """The smallest band that leaves no unit without neighbors: the largest distance to a nearest unit.

    Examples
    --------
    >>> smallest_band([[0, 0], [1, 0], [3, 0]], metric="planar")
    2.0
    """
    return _smallest_band(points(data, ids=ids, at=at, crs=crs, metric=metric))


def _decay(data, words, weigh, cutoff, min_distance, ids, islands, at, crs, metric, *, infinite_at_zero=False):
    """Weights that are a function of distance."""
    check_option("islands", islands, POLICIES)
    cutoff = one_number("cutoff", cutoff, above=0, optional=True)
    floor = one_number("min_distance", min_distance, above=0, optional=True)
    p = data if isinstance(data, Points) else points(data, ids=ids, at=at, crs=crs, metric=metric)
    must_differ = infinite_at_zero and floor is None
    notes = () if floor is None else (f"distances below {length(floor, p)} count as that",)

    def weight_of(straight):
        distance = p.to_distance(straight)
        with np.errstate(over="ignore"):  # an infinite weight is refused by the constructor
            return weigh(distance if floor is None else np.maximum(distance, floor))

    if cutoff is None:
        if must_differ:
            refuse_coincident(p, "for weights by inverse distance", "min_distance=")
        refuse_dense(p.n, sparse_way="set cutoff=, or use wt.knn", bytes_per_pair=12)
        csr, sound = _search.every_pair(p.space, weight_of, p.norm)
        w = from_csr(csr, p.ids, f"{words} ({p.words})", unit=p.header, notes=notes, sound=sound)
    else:
        row, col, straight = within(p, cutoff)
        if must_differ and straight.min() <= _search.SAME * p.extent:
            refuse_coincident(p, "for weights by inverse distance", "min_distance=")
        w = assemble(row, col, weight_of(straight), p.ids, f"{words}, up to {length(cutoff, p)} ({p.words})",
                     unit=p.header, notes=notes)
    return treat(w, islands, p, weigh=weigh)


def within(p: Points, cutoff: float):
    """(row, column, straight) of all pairs up to ``cutoff`` apart; E305 if there is none."""
    triple = _search.within(p.space, p.to_straight(cutoff), p.norm)
    if not len(triple[0]):
        raise SpatialInputError(
            "E305", f"no two units lie within {length(cutoff, p)} of each other", n=p.n,
            hint=f"the smallest cutoff that leaves no unit alone is {length(_smallest_band(p), p, up=True)}")
    return triple


def _smallest_band(p: Points) -> float:
    return float(p.to_distance(_search.nearest_distance(p.space, norm=p.norm)).max())


def neighbor_counts(k, n: int) -> np.ndarray:
    """k for each unit: whole numbers from 1 to n - 1, or E304."""
    whole = np.asarray(k)
    if whole.dtype.kind not in "iu" or whole.ndim > 1 or (whole < 1).any() or (whole >= n).any():
        shown = repr(k) if whole.ndim == 0 else f"from {whole.min()} to {whole.max()}"
        raise SpatialInputError("E304", f"k={shown} should be a whole number from 1 to {n - 1} (units less one)",
                                hint="choose a smaller k, or a band with wt.distance_band" if whole.dtype.kind in "iu"
                                and whole.max(initial=0) >= n else f"as in k={min(5, n - 1)}")
    return np.broadcast_to(whole, (n,)).astype(np.int64)


def refuse_coincident(p: Points, purpose: str, cure: str) -> None:
    groups = _search.coincident(p.space)
    if not groups:
        return
    i, j = groups[0][:2]
    same = np.concatenate(groups)
    raise SpatialInputError(
        "E303", f"units must lie at different points {purpose}, but some coincide, such as "
        f"{p.ids[i]!r} and {p.ids[j]!r}",
        ids=p.ids[same].tolist(), n=len(same), hint=f"mend the coordinates, or pass {cure}")


def refuse_many(links: int) -> None:
    """E309 when so many links could not be held."""
    if BYTES_PER_LINK * links > 4 * DENSE_LIMIT:
        raise SpatialInputError("E309", f"{links:,} links need about {BYTES_PER_LINK * links / 2**30:.0f} GiB",
                                n=links, hint="choose a smaller k")


def length(value: float, p: Points, *, up: bool = False) -> str:
    """A length in words; rounded up where it has to be enough."""
    if up:
        value = np.nextafter(value, np.inf)
        step = 10.0 ** (np.floor(np.log10(value)) - 3) if value > 0 else 1.0
        value = np.ceil(value / step) * step
    return f"{value:.6g} {p.unit}"
