"""Moran's I by order of neighborhood or by distance: how far does likeness reach?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy import sparse

from spillover.errors import SpatialInputError
from spillover.frames import takes_frames
from spillover.matrix import SpatialWeights
from spillover.provenance import made_from
from spillover.show import Shown

from . import _draws, _input, _null
from .moran import from_field

if TYPE_CHECKING:
    from spillover.types import Places, Values, WeightsLike


@dataclass(frozen=True, eq=False, repr=False)
class Correlogram(Shown):
    """Moran's I step by step.

    Attributes
    ----------
    variable, step : str
        ``step`` says what a lag is ("order of neighbors", "distance").
    frame : DataFrame
        One row per lag: lag, I, expected, sd, z, p_rand, p_sim, p_holm, links (pairs), n (units with such neighbors).
        ``p_holm`` are the p-values of all lags together (Holm 1979): the smallest is that of "no lag is correlated".
    permutations, seed : int
    alternative : str
    notes : tuple of str
    """

    variable: str
    step: str
    frame: pd.DataFrame
    permutations: int
    seed: int
    alternative: str
    notes: tuple[str, ...] = ()

    def to_frame(self) -> pd.DataFrame:
        return self.frame.copy()

    def tidy(self) -> pd.DataFrame:
        """The common schema, one row per lag."""
        names = {"I": "estimate", "sd": "std_error", "z": "statistic"}
        f = self.frame.rename(columns=names).assign(term=self.variable, conf_low=np.nan, conf_high=np.nan)
        f["p_value"] = f["p_sim"].fillna(f["p_rand"])
        first = ["term", "estimate", "std_error", "statistic", "p_value", "conf_low", "conf_high"]
        f = f.rename(columns={"lag": "order"}) if self.step == "order" else f
        return f[[*first, "order" if self.step == "order" else "lag", "expected", "p_rand", "p_sim", "p_holm", "links"]]

@takes_frames
def correlogram(
    y: Values,
    w: WeightsLike,
    *,
    orders: int | Sequence[int] = 5,
    data: pd.DataFrame | None = None,
    permutations: int = 999,
    alternative: str = "two-sided",
    seed: int = _input.DEFAULT_SEED,
    missing: str = "error",
    align: str = "labels",
) -> Correlogram:
    """Moran's I for neighbors, neighbors of neighbors, and so on.

    A unit of order k is reached in k steps and in no fewer (Cliff and Ord 1981, section 5.2); rows sum to one. Weights
    in ``w`` are read as links only. Orders that nobody has are left out.

    Parameters
    ----------
    orders : int
    y, w, data, permutations, alternative, seed, missing, align
        As `moran`.

    Raises
    ------
    SpatialInputError
        As `moran`.

    Examples
    --------
    >>> import numpy as np
    >>> path = np.eye(6, k=1) + np.eye(6, k=-1)
    >>> correlogram([1.0, 2, 3, 4, 5, 6], path, orders=3, permutations=99).frame["I"].round(3).tolist()
    [0.714, 0.086, -0.543]
    """
    _input.check_draws(permutations, seed, alternative)
    if isinstance(orders, bool) or not isinstance(orders, int | np.integer) or orders < 1:
        raise SpatialInputError("E501", f"orders={orders!r}: a whole number of 1 or more is expected",
                                hint="orders=3, for example")
    field = _input.read([("y", y)], w, data=data, missing=missing, align=align)
    steps = enumerate(shells(field.weights.csr, int(orders)), start=1)
    return _by_step(field, steps, "order", permutations, alternative, seed)


@takes_frames
def correlogram_distance(
    y: Values,
    points: Places,
    *,
    breaks: Any,
    data: pd.DataFrame | None = None,
    permutations: int = 999,
    alternative: str = "two-sided",
    seed: int = _input.DEFAULT_SEED,
    missing: str = "error",
    align: str = "labels",
) -> Correlogram:
    """Moran's I for pairs of units whose distance falls between two breaks.

    Parameters
    ----------
    y : Series aligned by its index, array or column name; length n
    points : GeoSeries or GeoDataFrame (projected; centroids are used), or array of shape (n, 2)
    breaks : increasing distances in the units of the coordinates, such as ``[0, 100_000, 200_000]``
        Bands are (a, b]; the first also takes distance 0.
    data, permutations, alternative, seed, missing, align
        As `moran`.

    Raises
    ------
    SpatialInputError
        As `moran`; E401 missing geometry, E403 geographic coordinates, E501 breaks that do not increase.

    Examples
    --------
    >>> import numpy as np
    >>> points = np.column_stack([np.arange(6.0), np.zeros(6)])
    >>> correlogram_distance([1.0, 2, 3, 4, 5, 6], points, breaks=[0, 1, 2], permutations=99).frame["lag"].tolist()
    ['0-1', '1-2']
    """
    _input.check_draws(permutations, seed, alternative)
    breaks = np.asarray(breaks, float)
    if breaks.ndim != 1 or len(breaks) < 2 or not (np.diff(breaks) > 0).all() or breaks[0] < 0:
        raise SpatialInputError("E501", "breaks must be two or more increasing distances from 0 up",
                                hint="breaks=[0, 100, 200, 400]")
    xy, ids = _coordinates(points)
    bands = list(distance_bands(xy, breaks))
    everyone = SpatialWeights(sum(csr for _, csr in bands), ids, "distance", "none")
    field = _input.read([("y", y)], everyone, data=data, missing=missing, align=align)
    steps = ((label, row_standardised(csr[field.used][:, field.used])) for label, csr in bands)
    return _by_step(field, steps, "distance", permutations, alternative, seed)


def shells(csr, orders: int):
    """Row-standardised weights of the units first reached in 1, 2, ..., orders steps."""
    links = sparse.csr_array((np.ones(csr.nnz), csr.indices, csr.indptr), shape=csr.shape)
    seen = sparse.csr_array(links + sparse.eye_array(csr.shape[0], format="csr"))
    seen.data[:] = 1
    shell = links
    for _ in range(orders):
        if not shell.nnz:
            return
        yield row_standardised(shell)
        reached = sparse.csr_array(shell @ links)
        reached.data[:] = 1
        shell = sparse.csr_array(reached - reached.multiply(seen))
        shell.eliminate_zeros()
        seen = sparse.csr_array(seen + shell)


def distance_bands(xy: np.ndarray, breaks: np.ndarray):
    """(label, 0/1 matrix) of each band of distances."""
    from scipy.spatial import cKDTree

    pairs = cKDTree(xy).query_pairs(breaks[-1], output_type="ndarray")
    far = np.sqrt(((xy[pairs[:, 0]] - xy[pairs[:, 1]]) ** 2).sum(axis=1))
    n = len(xy)
    for a, b in pairwise(breaks):
        i, j = pairs[((far > a) | (far == a) & (a == 0)) & (far <= b)].T
        both = np.concatenate([i, j]), np.concatenate([j, i])
        yield f"{a:g}-{b:g}", sparse.csr_array((np.ones(2 * len(i)), both), shape=(n, n))


def row_standardised(csr) -> sparse.csr_array:
    sums = np.asarray(csr.sum(axis=1)).ravel()
    return sparse.csr_array(sparse.diags_array(1 / np.where(sums > 0, sums, 1)) @ csr)


def _by_step(field, steps, name, permutations, alternative, seed) -> Correlogram:
    rows = []
    for label, csr in steps:
        if not csr.nnz:
            continue
        _draws.announce_global(csr, 1, permutations)
        weights = SpatialWeights(csr, field.weights.ids, f"{name} {label}", "row")
        r = from_field(replace(field, weights=weights), permutations, alternative, seed)[0]
        p_sim = np.nan if r.p_sim is None else r.p_sim
        sizes = csr.nnz // 2, int(np.count_nonzero(np.diff(csr.indptr)))
        rows.append([label, r.I, r.expected, np.sqrt(r.variance_rand), r.z_rand, r.p_rand, p_sim, *sizes])
    columns = ["lag", "I", "expected", "sd", "z", "p_rand", "p_sim", "links", "n"]
    frame = pd.DataFrame(rows, columns=columns)
    frame.insert(7, "p_holm", _null.holm(frame["p_sim"].fillna(frame["p_rand"]).to_numpy(float)))
    return made_from(Correlogram(field.names[0], name, frame, permutations, seed, alternative, field.notes), field)


def _coordinates(points):
    if not hasattr(points, "geometry"):
        xy = np.asarray(points, float)
        if xy.ndim != 2 or xy.shape[1] != 2 or not np.isfinite(xy).all():
            raise SpatialInputError("E501", "points must be geometries or finite numbers of shape (n, 2)",
                                    hint="a GeoDataFrame, or an array of shape (n, 2)")
        return xy, None
    geometry = points.geometry
    if geometry.crs is not None and geometry.crs.is_geographic:
        hint = "project the map first: map.to_crs(...)"
        raise SpatialInputError("E403", "planar distances need projected coordinates, these are degrees", hint=hint)
    absent = geometry.isna() | geometry.is_empty
    if absent.any():
        raise SpatialInputError("E401", "geometry is missing", ids=list(geometry.index[absent]),
                                hint="fill the geometry of these units, or leave them out")
    centres = geometry.centroid
    return np.column_stack([centres.x, centres.y]), geometry.index
