"""Growth tables: first and last values, growth per period, shares of the whole, index levels."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from spillover.errors import SpatialInputError
from spillover.frames import takes_frames
from spillover.provenance import made_from
from spillover.show import Shown

from ..records.schema import rows_of
from ._frame import read, refuse

if TYPE_CHECKING:
    from spillover.types import Columns


@dataclass(frozen=True, eq=False, repr=False)
class GrowthTable(Shown):
    """Chosen units side by side.

    Attributes
    ----------
    table : DataFrame
        One row per variable and unit: ``first``, ``last``, ``growth`` (compound, per period, 0.08 is 8 %),
        ``share_first``, ``share_last`` (of all units in the data), ``level_last`` (base = 100).
    levels : DataFrame, indexed by period
        Index levels, base = 100; columns (variable, unit).
    start, end, base : periods
    """

    table: pd.DataFrame
    levels: pd.DataFrame = field(repr=False)
    start: object
    end: object
    base: object

    def to_frame(self) -> pd.DataFrame:
        """One row per variable and unit."""
        return self.table.copy()

    def tidy(self) -> pd.DataFrame:
        """The common schema: one row per variable, unit and measure (first, last, growth ...)."""
        unit = self.table.columns[1]
        long = self.table.melt(["variable", unit], var_name="term")
        return rows_of(long["term"], long["value"], variable=long["variable"], unit=long[unit])


@takes_frames
def growth_table(
    data: pd.DataFrame,
    variables: Columns,
    *,
    entity: str | None = None,
    time: str | None = None,
    units: list | None = None,
    start: Any = None,
    end: Any = None,
    base: Any = None,
) -> GrowthTable:
    """Growth, shares and index levels of chosen units, as in a comparison of Beijing, Shanghai and Shenzhen.

        growth = (x_end / x_start)^(1 / (end - start)) - 1,  level_t = 100 x_t / x_base

    Parameters
    ----------
    data : DataFrame, one row per unit and period, in any order; the same periods for all units
    variables : str or list of str
        Columns with positive values; growth is as the column is (nominal if that is).
    entity, time : str, optional
        Periods are numbers, such as years.
    units : list, optional
        Units to show, in this order; by default all. Shares are of all units in the data.
    start, end, base : optional
        Periods: the first, the last, and ``start``.

    Returns
    -------
    GrowthTable

    Raises
    ------
    SpatialInputError
        E1xx keys, E101 units that the data lack, E201-E203 values, E203 periods that are not numbers, E211 values
        that are not positive, E501 a period that the data lack, E502 no such column.

    Examples
    --------
    >>> data = pd.DataFrame({"city": ["京", "沪"] * 2, "year": [0, 0, 2, 2], "gdp": [99, 99, 119.79, 142.56]})
    >>> both = growth_table(data, "gdp", entity="city", time="year", units=["京", "沪"])
    >>> both.table.set_index("city")[["growth", "share_last", "level_last"]].round(3).T.to_dict("list")
    {'京': [0.1, 0.457, 121.0], '沪': [0.2, 0.543, 144.0]}
    """
    table = read(data, variables, entity, time, panel=True)
    refuse(table, table.values <= 0, "E211", "must be positive for growth rates")
    if table.times.dtype.kind not in "iuf":
        raise SpatialInputError("E203", f"{table.times.name!r} must hold numbers such as years",
                                column=str(table.times.name),
                                hint="convert the periods to whole numbers")  # fmt: skip
    start, end = (table.times[0] if start is None else start), (table.times[-1] if end is None else end)
    base = start if base is None else base
    at = {name: _period(table.times, name, label) for name, label in (("start", start), ("end", end), ("base", base))}
    if not start < end:
        raise SpatialInputError("E501", f"start={start!r} must lie before end={end!r}", hint="swap start= and end=")
    chosen = _units(table.units, units)
    whole = table.cube()
    x = whole[:, chosen]  # (T, units, variables)
    first, last, total = x[at["start"]], x[at["end"]], whole.sum(axis=1)
    level = 100 * (x / x[at["base"]])
    names = pd.MultiIndex.from_product([table.names, table.units[chosen]], names=["variable", table.units.name])
    frame = pd.DataFrame(
        {
            "first": first.T.ravel(), "last": last.T.ravel(),
            "growth": ((last / first) ** (1 / float(end - start)) - 1).T.ravel(),
            "share_first": (first / total[at["start"]]).T.ravel(),
            "share_last": (last / total[at["end"]]).T.ravel(),
            "level_last": level[at["end"]].T.ravel(),
        }, index=names,
    )  # fmt: skip
    levels = pd.DataFrame(level.swapaxes(1, 2).reshape(len(x), -1), index=table.times, columns=names)
    return made_from(GrowthTable(frame.reset_index(), levels, start, end, base), table)


def _period(times: pd.Index, name: str, label) -> int:
    if label not in times:
        raise SpatialInputError("E501", f"{name}={label!r} is none of the periods",
                                hint=f"they run from {times[0]} to {times[-1]}")  # fmt: skip
    return int(times.get_indexer(pd.Index([label]))[0])


def _units(ids: pd.Index, selected) -> np.ndarray:
    """Positions of the selected units, in their order."""
    if selected is None:
        return np.arange(len(ids))
    selected = [selected] if isinstance(selected, str) else list(selected)
    at = ids.get_indexer(selected)
    if (at < 0).any() or len(at) == 0:
        lacking = [unit for unit, place in zip(selected, at) if place < 0]
        raise SpatialInputError("E101", "units= names units that the data lack", ids=lacking,
                                hint="they have " + ", ".join(map(repr, ids[:8])))  # fmt: skip
    return at
