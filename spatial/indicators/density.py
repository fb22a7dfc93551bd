"""Kernel densities by period: how a distribution moves, spreads and splits."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from spillover.errors import SpatialInputError
from spillover.frames import takes_frames
from spillover.provenance import made_from
from spillover.show import Shown

from ..records.schema import rows_of
from ._frame import read

POINTS = 200
AT_ONCE = 5_000_000  # pairs of a point and a value held at a time
REACH = 3.0  # bandwidths beyond the smallest and largest value


@dataclass(frozen=True, eq=False, repr=False)
class Densities(Shown):
    """Densities on one grid.

    Attributes
    ----------
    column : str
    frame : DataFrame
        Index: the grid of values; one column per period (``all`` for a cross-section).
    bandwidths : Series by period
    """

    column: str
    frame: pd.DataFrame = field(repr=False)
    bandwidths: pd.Series

    def to_frame(self) -> pd.DataFrame:
        """A copy of ``frame``: one column per period."""
        return self.frame.copy()

    def tidy(self) -> pd.DataFrame:
        """The common schema: the density (``estimate``) at each ``value`` in each period."""
        f = self.frame
        value, period = np.tile(f.index, f.shape[1]), np.repeat(f.columns, len(f))
        return rows_of([self.column] * f.size, f.to_numpy().T.ravel(), value=value, period=period)


@takes_frames
def kernel_densities(
    data: pd.DataFrame,
    column: str,
    *,
    entity: str | None = None,
    time: str | None = None,
    periods: list | None = None,
    bandwidth: float | None = None,
) -> Densities:
    """Gaussian kernel density of a variable in each period: f(x) = sum_i phi((x - y_i) / h) / (n h).

    Humps are not counted: at this bandwidth samples from a normal distribution show two or more in four of ten cases,
    those from a lognormal one in eight of ten or more, so that their number is no evidence of clubs.

    Parameters
    ----------
    data : DataFrame, one row per unit or per unit and period, in any order
    column : str
    entity, time : str, optional
    periods : list, optional
        Which periods; by default all.
    bandwidth : float, optional
        h for all periods; by default Silverman's rule in each, 0.9 min(sd, IQR / 1.34) n^(-1/5).

    Returns
    -------
    Densities

    Raises
    ------
    SpatialInputError
        E1xx keys, E201-E203 values, E204 values that are all equal, E501 a period or bandwidth that cannot be.

    Examples
    --------
    >>> data = pd.DataFrame({"y": [0.0, 0.1, 1.0, 5.0, 5.2]}, index=list("abcde"))
    >>> density = kernel_densities(data, "y", bandwidth=0.6)
    >>> round(float(density.frame["all"].idxmax()), 2)
    0.23

    References
    ----------
    Silverman (1986), Density Estimation, eq. 2.2a and 3.31.
    """
    table = read(data, column, entity, time)
    rows = dict(table.periods())
    periods = [periods] if periods is not None and np.isscalar(periods) else periods
    for period in periods or ():
        if period not in rows:
            raise SpatialInputError("E501", f"periods= names {period!r}, which the data lack",
                                    hint=f"they have {', '.join(map(str, rows))}")  # fmt: skip
    if bandwidth is not None and not bandwidth > 0:
        raise SpatialInputError("E501", f"bandwidth={bandwidth!r} must be positive",
                                hint="leave bandwidth= out for the rule of thumb")
    values = {p if p is not None else "all": table.values[rows[p], 0] for p in (periods or rows)}
    h = {p: bandwidth or _silverman(y, table.names[0], p) for p, y in values.items()}
    reach = REACH * max(h.values())
    grid = np.linspace(min(map(np.min, values.values())) - reach, max(map(np.max, values.values())) + reach, POINTS)
    curves = {p: _density(grid, y, h[p]) for p, y in values.items()}
    frame = pd.DataFrame(curves, index=pd.Index(grid, name=table.names[0]))
    return made_from(Densities(table.names[0], frame, pd.Series(h, name="bandwidth")), table)


def _density(grid: np.ndarray, y: np.ndarray, h: float) -> np.ndarray:
    rows = max(1, AT_ONCE // len(y))
    parts = [np.exp(-(((part[:, None] - y) / h) ** 2) / 2).sum(axis=1)
             for part in np.array_split(grid, -(-len(grid) // rows))]  # fmt: skip
    return np.concatenate(parts) / (len(y) * h * np.sqrt(2 * np.pi))


def _silverman(y: np.ndarray, name: str, period) -> float:
    """With IQR 0, when half the values are equal, the standard deviation is used."""
    sd = y.std(ddof=1) if len(y) > 1 else 0.0
    if not sd > 1e-12 * np.abs(y).max():
        raise SpatialInputError("E204", f"{name!r} has no variation ({period})", column=name,
                                hint="check the column: a statistic needs values that differ")
    iqr = np.subtract(*np.quantile(y, [0.75, 0.25])) / 1.34
    return 0.9 * min(sd, iqr or sd) * len(y) ** -0.2
