"""Gravity: large units pull, distance holds back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
from scipy import sparse

from spillover import labels as _labels
from spillover.errors import SpatialInputError
from spillover.frames import takes_frames
from spillover.ids import positions
from spillover.matrix.assemble import from_csr
from spillover.matrix.weights import SpatialWeights
from spillover.values import numeric, one_number

from .distance import inverse_distance

if TYPE_CHECKING:
    from spillover.types import CrsLike, Ids, Places, Values


@takes_frames
def gravity(data: Places, mass: Values, *, power: float = 2.0, cutoff: float | None = None,
            min_distance: float | None = None, ids: Ids | None = None, at: str | Places = "centroid",
            crs: CrsLike | None = None, metric: str | None = None) -> SpatialWeights:
    """w_ij = m_i m_j / d_ij^power, for units up to ``cutoff`` apart.

    Row-standardised, the unit's own mass cancels: what remains is m_j / d_ij^power over its sum.

    Parameters
    ----------
    data : GeoDataFrame, GeoSeries, or array of shape (n, 2)
    mass : str, or Series by id
        Positive sizes: GDP, population; a column of ``data`` or values by id (a panel's means, say).
    power : float
        Exponent of distance.

    Others as in :func:`weights.inverse_distance`.

    Raises
    ------
    SpatialInputError
        E211 a mass that is not positive; E101, E201, E203, E303, E305, E309, E401, E402, E403, E405, E501, E502.

    Examples
    --------
    >>> gravity([[0, 0], [2, 0]], pd.Series([3.0, 4.0]), metric="planar").csr[0, 1]
    np.float64(3.0)
    """
    power = one_number("power", power, above=0)
    w = inverse_distance(data, power=power, cutoff=cutoff, min_distance=min_distance, ids=ids, at=at, crs=crs,
                         metric=metric)
    if isinstance(mass, str):
        column = _labels.column_of(data, mass)
        mass = pd.Series(column.to_numpy(), index=w.ids, name=mass)  # rows of the data are rows of the weights
    if not isinstance(mass, pd.Series):
        raise SpatialInputError("E501", "mass= takes a column's name, or a Series by id",
                                hint="e.g. mass='gdp', or mass=pd.Series(gdp, index=ids)")
    name = str(mass.name or "mass")
    m = numeric(mass.iloc[positions(mass.index, w.ids, what="mass")], ids=w.ids, column=name)
    if (m <= 0).any():
        raise SpatialInputError("E211", f"masses in {name!r} must be positive", column=name,
                                ids=w.ids[m <= 0].tolist(), n=int((m <= 0).sum()),
                                hint="use masses in levels, without logarithm, or leave those units out")
    scale = sparse.diags_array(m)
    far = "" if cutoff is None else f", up to {cutoff:.6g}"
    kind = f"gravity (mass {mass.name or 'given'}, distance^{power:g}{far})"
    return from_csr(sparse.csr_array(scale @ w.csr @ scale), w.ids, kind, unit=w.unit, notes=w.notes)
