"""Numbers that stand for missing values, such as -999: pointed out where a column is used, never changed."""

from __future__ import annotations

import numpy as np
import pandas as pd

from .errors import warn

NINES = [float(10**digits - 1) for digits in range(2, 10)]  # 99 to 999999999
LIMITS = [2.0**15, 2.0**31, float(np.finfo(np.float32).max), float(np.finfo(float).max)]  # of types; grids have -limit
# 99 itself is an ordinary number; 1e20 and 9.97e36 are the fill values of CMIP and netCDF.
CODES = frozenset([*NINES[1:], *(-x for x in NINES), *(x - 1 for x in LIMITS[:2]), *(-x for x in LIMITS), *LIMITS[2:],
                   1e20, 9.969209968386869e36])  # fmt: skip
CERTAIN = 1e19  # a code this large need not be repeated


def sentinels(values: np.ndarray) -> list[tuple[float, int]]:
    """Which values of a column look like codes for missing ones, and how often each occurs.

    All of this must hold: the value is one of the usual codes (-99, -999, ..., 999, 9999, ..., the limits of integers
    and floats); at least two rows have it (one, if it is beyond 1e19); and it is far outside the other values: either
    it is negative and none of them is, or the gap to the nearest of them is larger than their range and than any of
    them in size. So no longitude, logarithm, negative return or top-coded income is taken for one. A code within
    the range of the other values cannot be told from a number, and passes.

    Examples
    --------
    >>> sentinels(np.array([3.5, -999, 4.2, -999, 5.0]))
    [(-999.0, 2)]
    >>> sentinels(np.array([-120.0, -99, -99, -75]))
    []
    """
    if values.size == 0:
        return []
    low, high = float(np.fmin.reduce(values)), float(np.fmax.reduce(values))
    if low not in CODES and high not in CODES:  # a code outside the other values is the smallest or the largest
        return []
    different, count = np.unique(values[np.isfinite(values)], return_counts=True)
    code = np.isin(different, list(CODES))
    rest = different[~code]
    if not len(rest):
        return []
    rest = different[~code | ((different >= rest[0]) & (different <= rest[-1]))]
    first, last = float(rest[0]), float(rest[-1])
    size = max(last - first, abs(first), abs(last))
    return [(value, rows) for value, rows in zip(different.tolist(), count.tolist())
            if value in CODES and (rows > 1 or abs(value) > CERTAIN)
            and ((value < 0 <= first) or value < first - size or value > last + size)]  # fmt: skip


def point_out_sentinels(name, values) -> None:
    """Warn where a column of numbers seems to hold codes for missing values."""
    if isinstance(values, pd.Series):
        if values.dtype.kind not in "iuf":
            return
        values = values.to_numpy(dtype=float, na_value=np.nan)
    for code, rows in sentinels(values):
        others = values[np.isfinite(values) & (values != code)]
        number = f"{code:.10g}" if abs(code) < CERTAIN else repr(code)
        warn(f"column {name!r} holds {number} in {rows:,} row{'s' * (rows > 1)}, far from its other values "
             f"({others.min():.6g} to {others.max():.6g}): if it means missing, write "
             f"data.replace({{{name!r}: {{{number}: float('nan')}}}})")
