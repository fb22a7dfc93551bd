"""Kernel weights: a smooth function of distance over a fixed or adaptive bandwidth."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy import sparse

from spillover.errors import SpatialInputError, check_option
from spillover.ids import positions
from spillover.matrix.assemble import assemble
from spillover.matrix.dense import refuse_dense
from spillover.matrix.weights import SpatialWeights
from spillover.values import numeric, one_number

from . import _search
from ._points import Points, points
from .distance import length, neighbor_counts, refuse_many, within

if TYPE_CHECKING:
    from spillover.types import CrsLike, Ids, Places

SHAPES = {  # K(z) for 0 <= z = d / bandwidth; the compact ones are zero from z = 1 on
    "triangular": lambda z: np.maximum(1 - z, 0),
    "epanechnikov": lambda z: 0.75 * np.maximum(1 - z * z, 0),
    "quartic": lambda z: 15 / 16 * np.maximum(1 - z * z, 0) ** 2,
    "bisquare": lambda z: np.maximum(1 - z * z, 0) ** 2,
    "gaussian": lambda z: np.exp(-0.5 * z * z) / np.sqrt(2 * np.pi),
}
FAR = 8.0  # bandwidths at which a Gaussian is 1e-14 of its top


def kernel(data: Places, shape: str = "triangular", *, bandwidth: float | pd.Series | None = None, k: int | None = None,
           diagonal: str = "zero", ids: Ids | None = None, at: str | Places = "centroid", crs: CrsLike | None = None,
           metric: str | None = None) -> SpatialWeights:
    """w_ij = K(d_ij / h), with one bandwidth h or one for each row.

    ============  ==========================  ===========
    shape         K(z)                        for
    ============  ==========================  ===========
    triangular    1 - z                       z < 1
    epanechnikov  3/4 (1 - z^2)               z < 1
    quartic       15/16 (1 - z^2)^2           z < 1
    bisquare      (1 - z^2)^2                 z < 1
    gaussian      (2 pi)^-1/2 exp(-z^2 / 2)   z <= 8
    ============  ==========================  ===========

    Parameters
    ----------
    data : GeoDataFrame, GeoSeries, or array of shape (n, 2)
    shape : str
    bandwidth : float, or Series of float by id, optional
        One h for all, or one for each row, in km on longitude and latitude, else in the coordinates' unit.
    k : int, optional
        Instead: h_i is the distance from i to its k-th nearest unit (adaptive; W is then not symmetric, and a compact
        kernel gives the k-th itself no weight). Without either, h is the smallest band that leaves no unit alone.
    diagonal : {"zero", "kernel", "one"}
        w_ii: 0 for a spatial lag; K(0) for smoothing and HAC variances; 1.

    Raises
    ------
    SpatialInputError
        E303 an adaptive bandwidth of zero (more than k units at one point), E304, E305, E309, E202, E401, E402, E403,
        E404, E405, E501; E101, E211 bandwidths of other units, or not positive.

    Examples
    --------
    >>> kernel([[0, 0], [1, 0], [3, 0]], bandwidth=4, metric="planar").csr.toarray()
    array([[0.  , 0.75, 0.25],
           [0.75, 0.  , 0.5 ],
           [0.25, 0.5 , 0.  ]])
    """
    check_option("shape", shape, SHAPES)
    check_option("diagonal", diagonal, ("zero", "kernel", "one"))
    if not isinstance(bandwidth, pd.Series):
        bandwidth = one_number("bandwidth", bandwidth, above=0, optional=True)
    if bandwidth is not None and k is not None:
        raise SpatialInputError("E501", "give bandwidth= or k=, not both",
                                hint="k= makes bandwidths that reach the k-th nearest unit, bandwidth= states them")
    p = points(data, ids=ids, at=at, crs=crs, metric=metric)
    h, words = _bandwidths(p, bandwidth, k)
    row, col, distance = _reached(p, h * (FAR if shape == "gaussian" else 1.0))
    kind = f"{shape} kernel ({words}, {p.words})"
    w = assemble(row, col, SHAPES[shape](distance / h[row]), p.ids, kind, unit=p.header)
    if diagonal == "zero":
        return w
    top = 1.0 if diagonal == "one" else float(SHAPES[shape](np.zeros(1))[0])
    return SpatialWeights(sparse.csr_array(w.csr + top * sparse.eye_array(p.n)), p.ids, w.kind, unit=p.header,
                          notes=(f"diagonal {top:.4g}",))


def _bandwidths(p: Points, bandwidth, k) -> tuple[np.ndarray, str]:
    if isinstance(bandwidth, pd.Series):
        h = numeric(bandwidth.iloc[positions(bandwidth.index, p.ids, what="bandwidth")], ids=p.ids, column="bandwidth")
        if (h <= 0).any():
            raise SpatialInputError("E211", "bandwidths must be positive", ids=p.ids[h <= 0].tolist(),
                                    n=int((h <= 0).sum()), hint="leave those units out, or give them a bandwidth")
        return h, f"bandwidth from {length(h.min(), p)} to {length(h.max(), p)}"
    if k is None:
        if bandwidth is None:
            bandwidth = float(p.to_distance(_search.nearest_distance(p.space, norm=p.norm)).max()) * (1 + 1e-9)
        return np.full(p.n, bandwidth), f"bandwidth {length(bandwidth, p)}"
    k = int(neighbor_counts(k, p.n)[0])
    refuse_many(k * p.n)
    h = p.to_distance(_search.nearest_distance(p.space, k, p.norm))
    none = h <= _search.SAME * h.max()
    if none.any():
        raise SpatialInputError("E303", f"more than {k} units share one point, so their bandwidth is zero",
                                ids=p.ids[none].tolist(), n=int(none.sum()), hint="use a larger k, or bandwidth=")
    return h, f"bandwidth to nearest number {k}"


def _reached(p: Points, reach: np.ndarray):
    """(row, column, distance) of pairs with distance up to the row's reach."""
    if p.n > 1 and reach.max() > 0.5 * float(np.ptp(p.space, axis=0).max()):
        refuse_dense(p.n, sparse_way="use a smaller bandwidth, or a compact kernel", bytes_per_pair=40)
    row, col, straight = within(p, float(reach.max()))
    distance = p.to_distance(straight)
    keep = distance <= reach[row] * (1 + _search.TIE)
    return row[keep], col[keep], distance[keep]
