"""Who was treated, and from when: the treatment's column as cohorts, with every design that cannot be used named."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from spillover.errors import SpatialInputError
from spillover.values import counted

NEED = "give a column that is 0 before the policy and 1 from its first period on"


@dataclass(frozen=True, eq=False)
class Adopters:
    """Who adopted when.

    Attributes
    ----------
    D, since : ndarray, shape (T, N)
        Treatment; time since adoption in the units of the time column, NaN for never.
    first : ndarray, shape (N,)
        Position of the first treated period, T for never.
    clock : ndarray, shape (T,);  times : Index
    treatment : str
    """

    D: np.ndarray
    since: np.ndarray
    first: np.ndarray
    clock: np.ndarray
    times: pd.Index
    treatment: str
    anticipation: int = 0


def is_switch(D: np.ndarray) -> bool:
    """Whether the treatment is 0 or 1 throughout; a share or a dose is not."""
    return bool(np.isin(D, (0.0, 1.0)).all())


def comes_and_goes(D: np.ndarray) -> bool:
    """Whether a 0/1 treatment ends in some unit."""
    return is_switch(D) and bool((np.diff(D, axis=0) < 0).any())


def adoption(D: np.ndarray, ids: pd.Index, times: pd.Index, name: str, *, doses: bool = False) -> np.ndarray:
    """The first treated period of every unit, as a position in ``times``; T where a unit is never treated.

    Parameters
    ----------
    D : ndarray, shape (T, N), of zeros and ones
    doses : bool
        All units may be treated at the same time, as their doses differ.

    Raises
    ------
    SpatialInputError
        E230 not 0 or 1, E231 switches off, E232 treated throughout, E233 none or all treated, E235 one treated unit.

    Examples
    --------
    >>> D = np.array([[0, 0, 0, 0], [1, 0, 1, 0], [1, 0, 1, 1.0]])
    >>> adoption(D, pd.Index(list("abcd")), pd.Index([2000, 2001, 2002]), "law").tolist()
    [1, 3, 1, 2]
    """
    T = len(times)
    if not is_switch(D):
        bad = np.unique(D[~np.isin(D, (0.0, 1.0))])
        raise SpatialInputError("E230", f"{name!r} must be 0 or 1, got {bad[0]:g} among others", column=name,
                                n=int((~np.isin(D, (0.0, 1.0))).sum()),
                                hint=f"{NEED}, with dose= beside it where units differ in theirs; or "
                                "method='twfe' for a share or a dose")  # fmt: skip
    off = (np.diff(D, axis=0) < 0).any(axis=0)
    if off.any():
        raise SpatialInputError("E231", f"{name!r} switches off in {counted(off.sum(), 'unit')}: a policy that ends is "
                                "another design", column=name, ids=list(ids[np.flatnonzero(off)]),
                                hint="method='switchers' of sp.did, or leave these units out")  # fmt: skip
    if not doses:
        refuse_without_variation(D, name)
    always = D[0] == 1
    if always.any():
        number = counted(always.sum(), "unit is", "units are")
        raise SpatialInputError("E232", f"{number} treated in every period: nothing shows what "
                                "they would have been without", column=name, ids=list(ids[always]),
                                hint="leave these units out, or begin the panel earlier")  # fmt: skip
    treated = D.any(axis=0)
    if treated.sum() == 1:
        raise SpatialInputError("E235", "only one unit is treated: its effect cannot be told from its own accidents",
                                column=name, ids=list(ids[np.flatnonzero(treated)]),
                                hint="a synthetic control is made for one treated unit")  # fmt: skip
    return np.where(treated, D.argmax(axis=0), T)


def refuse_without_variation(D: np.ndarray, name: str) -> None:
    """E233 when nobody is treated, or everybody always or at the same time: there is no comparison."""
    if not D.any():
        raise SpatialInputError("E233", f"no unit is treated: {name!r} is zero throughout", column=name, hint=NEED)
    if np.ptp(D, axis=1).max() == 0:
        when = "in every period" if np.ptp(D) == 0 else "in the same periods and to the same degree"
        raise SpatialInputError("E233", f"all units are treated {when}: there is no comparison", column=name,
                                hint="add units that are untreated, or treated later")  # fmt: skip


def clock(times: pd.Index) -> np.ndarray:
    """Periods as numbers, one unit apart where the time column is: years, months, quarters, days.

    Parameters
    ----------
    times : Index of T periods, ascending
        Numbers count as they are, text of digits as its numbers, ordered categories one by one. Dates count months when
        all fall on the same day of the month, else days.

    Raises
    ------
    SpatialInputError
        E106 for text, whose order is that of letters.

    Examples
    --------
    >>> clock(pd.Index([2000, 2002, 2003])).tolist()
    [2000.0, 2002.0, 2003.0]
    >>> clock(pd.to_datetime(["2001-01-31", "2001-04-30"])).tolist()
    [24013.0, 24016.0]
    """
    if isinstance(times, pd.DatetimeIndex):
        return _dates(times)
    if isinstance(times, pd.PeriodIndex):
        return times.asi8.astype(float)
    if isinstance(times, pd.CategoricalIndex):
        return times.codes.astype(float)
    values = pd.to_numeric(pd.Series(times), errors="coerce").to_numpy(dtype=float)
    if np.isnan(values).any() or (np.diff(values) <= 0).any():
        raise SpatialInputError("E106", f"time since adoption needs periods in order, and these are text: {times[0]!r} "
                                "comes first", ids=list(times[:3]), hint="numbers, dates or periods: astype(int), "
                                "pd.to_datetime, or an ordered pd.Categorical")  # fmt: skip
    return values


def _dates(times: pd.DatetimeIndex) -> np.ndarray:
    same_day = len(set(times.day)) == 1 or bool(times.is_month_end.all())
    if same_day and (times == times.normalize()).all():
        months = (times.year * 12 + times.month).to_numpy(dtype=float)
        if len(set(times.month)) == 1:
            return months // 12
        return months
    return ((times - times[0]) / pd.Timedelta(days=1)).to_numpy(dtype=float)


def time_since(first: np.ndarray, clock: np.ndarray) -> np.ndarray:
    """t - g, (T, N), in the units of the time column; NaN for units that are never treated (``first`` is T)."""
    start = np.append(clock, np.nan)[first]
    return clock[:, None] - start


def step_of(clock: np.ndarray) -> float | None:
    """The time between periods where it is the same throughout, else None."""
    steps = np.diff(clock)
    return float(steps[0]) if len(steps) and np.ptp(steps) <= 1e-9 * abs(steps[0]) else None


def refuse_without_never_treated(first: np.ndarray, T: int, name: str, method: str) -> None:
    if (first < T).all():
        spatial = method == "spatial_did"
        with_what = "the path of sp.spatial_did" if spatial else f"method={method!r}"
        raise SpatialInputError("E234", f"no unit is never treated, and {with_what} compares with those", column=name,
                                hint="path=False" if spatial else "method='imputation', with the periods left out in "
                                "which all are treated; or control='not_yet' with method='group_time'")  # fmt: skip
