"""Which observations belong together: by unit, by period, by a column of the data, by a Series."""

from __future__ import annotations

import numpy as np
import pandas as pd

from spillover.errors import SpatialInputError
from spillover.ids import positions

from ..design.design import Design


def group_codes(d: Design, by) -> tuple[np.ndarray, str]:
    """A code 0, 1, ... for every row of the flattened (T, N) arrays, and the grouping's name.

    Parameters
    ----------
    by : str or Series
        "entity", "time", a column of the data, or a Series indexed by unit or by unit and period.

    Raises
    ------
    SpatialInputError
        E101 ids differ, E201 missing groups, E501 not a grouping, E502 no such column, E206 one group only.
    """
    values, name = group_values(d, by)
    codes, groups = pd.factorize(values, sort=by in ("entity", d.ids.name) if isinstance(by, str) else False)
    if (codes < 0).any():
        ids = d.ids[np.unique(units_of_rows(d)[codes < 0])]
        raise SpatialInputError("E201", f"{name!r} has missing groups", column=name, ids=list(ids),
                                hint="fill the column, or leave these rows out")
    if len(groups) < 2:
        raise SpatialInputError("E206", f"{name!r} makes one group only: no variance between groups", column=name,
                                hint="cluster by a column with ten groups or more")
    return codes, name


def group_values(d: Design, by) -> tuple[np.ndarray, str]:
    """The group of every row as the data name it, (m,), and the grouping's name; errors as ``group_codes``."""
    if isinstance(by, pd.Series):
        name, values = str(by.name or "groups"), _from_series(d, by)
    elif not isinstance(by, str):
        raise SpatialInputError("E501", f"by= must be a column's name or a Series, got {type(by).__name__}",
                                hint="by='region', or a Series indexed by unit")
    elif by in ("entity", d.ids.name):
        name, values = str(d.ids.name or "unit"), units_of_rows(d)
    elif d.is_panel and by in ("time", d.periods.name):
        name, values = str(d.periods.name), periods_of_rows(d)
    elif by in d.frame.columns:
        name, values = by, d.frame[by].to_numpy()[d.rows(d.order)]
    else:
        raise SpatialInputError("E502", f"by={by!r} is no column of the data", column=by,
                                hint="give a column, a Series by unit, 'entity' or, for panels, 'time'")  # fmt: skip
    return values, name


def units_of_rows(d: Design) -> np.ndarray:
    """Position of the unit of every row, (m,)."""
    return d.rows(np.broadcast_to(np.arange(d.n_units), d.y.shape))


def periods_of_rows(d: Design) -> np.ndarray:
    """Position of the period of every row, (m,)."""
    return d.rows(np.broadcast_to(np.arange(d.n_periods)[:, None], d.y.shape))




def both(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Codes of the intersections of two groupings."""
    return pd.factorize(pd.MultiIndex.from_arrays([a, b]))[0]


def _from_series(d: Design, by: pd.Series) -> np.ndarray:
    if not isinstance(by.index, pd.MultiIndex):
        return by.to_numpy()[positions(by.index, d.ids, what="by=")][units_of_rows(d)]
    if not d.is_panel:
        raise SpatialInputError("E501", "by= has a MultiIndex, but the fit is a cross-section",
                                hint="give a Series indexed by unit")
    wanted = pd.MultiIndex.from_arrays([d.ids[units_of_rows(d)], d.periods[periods_of_rows(d)]])
    at = by.index.get_indexer(wanted) if by.index.is_unique else np.array([-1])
    if (at < 0).any():
        raise SpatialInputError("E101", "by= needs exactly one group for every (unit, period) of the fit",
                                ids=list(wanted[at < 0])[:5] if len(at) > 1 else None,
                                hint="give one value for every unit and period, without repeats")  # fmt: skip
    return by.to_numpy()[at]
