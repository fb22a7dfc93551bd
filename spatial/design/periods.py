"""The order of periods: numbers, dates, ordered categories, and text that says one of these."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd

from spillover.errors import SHOWN, SpatialInputError

_DATE = re.compile(r"\d{4}(-?(Q[1-4]|\d{2}(-\d{2})?))?")


def scales(times: pd.Index) -> list[np.ndarray]:
    """Numbers that tell how far periods lie apart, by the calendar, by the clock on the wall (which summer time shifts)
    or by elapsed time; none where they have no order.

    Examples
    --------
    >>> scales(pd.Index(["2001Q4", "2002Q1"]))[0].tolist(), scales(pd.Index(["Apr", "Jan"]))
    ([127.0, 128.0], [])
    """
    if isinstance(times, pd.DatetimeIndex):
        months, wall = np.asarray(times.year * 12 + times.month, dtype=float), times.tz_localize(None)
        return [months] + [clock.asi8.astype(float) for clock in ((times,) if times.tz is None else (wall, times))]
    if isinstance(times, pd.PeriodIndex):
        return [times.asi8.astype(float)]
    if isinstance(times, pd.CategoricalIndex):
        return [times.codes.astype(float)] if times.ordered else scales(pd.Index(times.astype(object)))
    numbers = pd.to_numeric(pd.Series(times), errors="coerce").to_numpy(float, na_value=np.nan)
    if np.isfinite(numbers).all():
        return [numbers]
    texts = [str(period) for period in times]
    if all(_DATE.fullmatch(text) for text in texts) and len({len(text) for text in texts}) == 1:
        return [pd.PeriodIndex(texts, freq=pd.Period(texts[0]).freq).asi8.astype(float)]
    return []


def in_order(periods: pd.Series) -> list:
    """Periods once each, in their order.

    Raises
    ------
    SpatialInputError
        E106 where they have none, such as names of months; E201 missing periods.

    Examples
    --------
    >>> in_order(pd.Series(["10", "9", "8", "9"]))
    ['8', '9', '10']
    """
    name, absent = str(periods.name), periods.isna().to_numpy()
    if absent.any():
        raise SpatialInputError("E201", f"{name!r} has {absent.sum()} missing periods", column=name,
                                rows=np.flatnonzero(absent), hint="fill them, or drop these rows")  # fmt: skip
    times = pd.Index(periods.unique())
    mixed = times.dtype == object and len({isinstance(period, str) for period in times}) > 1
    distances = [] if mixed else scales(times)
    if not distances:
        hint = f"numbers, dates, or an ordered category: pd.Categorical(data[{name!r}], categories=[...], ordered=True)"
        raise SpatialInputError("E106", f"{name!r} names periods that have no order, such as {times[0]!r}", column=name,
                                ids=list(times[:SHOWN]), hint=hint)  # fmt: skip
    return list(times[np.argsort(distances[-1], kind="stable")])


def refuse_gaps(times: pd.Index) -> None:
    """A lag is one period long everywhere.

    Raises
    ------
    SpatialInputError
        E104 gaps; E106 for text that tells no order, such as "Jan" and "Feb".
    """
    if len(times) < 2:
        return
    distances = scales(times)
    if not distances:
        raise SpatialInputError("E106", f"lags need periods in their order, and {times[0]!r} tells none: they would be "
                                "taken in that of the alphabet", ids=list(times[:SHOWN]),
                                hint="numbers, pd.to_datetime(...), or pd.Categorical(..., ordered=True)")  # fmt: skip
    steps = [np.diff(scale) for scale in distances]
    if any(step.min() > 0 and np.ptp(step) == 0 for step in steps):
        return
    step = steps[0] if steps[0].min() > 0 else steps[-1]
    late = times[1:][step != step.min()]
    raise SpatialInputError("E104", "lags need periods without gaps",
                            ids=list(late.astype(str) if isinstance(late, pd.DatetimeIndex) else late),
                            hint="complete the data, or leave the lags out")  # fmt: skip


def missing_periods(times: pd.Index | None) -> str:
    """A note on whole periods that the data do not have, "" where there are none: years that are counted one by one,
    but for some."""
    if times is None or len(times) < 3 or not pd.api.types.is_integer_dtype(times.dtype):
        return ""
    if times[-1] - times[0] == len(times) - 1:
        return ""
    step = np.diff(times.to_numpy())
    absent = np.setdiff1d(np.arange(times[0], times[-1], step.min()), times)
    if not len(absent) or (step % step.min()).any() or len(absent) >= len(times):
        return ""
    more = f" and {len(absent) - SHOWN} more" * (len(absent) > SHOWN)
    return f"no data for the periods {', '.join(map(str, absent[:SHOWN]))}{more}"
