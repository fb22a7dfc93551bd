"""The schema of every table, and how p-values and intervals follow from statistics."""

from __future__ import annotations

import numpy as np
import pandas as pd

from spillover.values import share

SCHEMA = ["term", "estimate", "std_error", "statistic", "p_value", "conf_low", "conf_high"]


def rows_of(term, estimate, **columns) -> pd.DataFrame:
    """A table in the schema: NaN where there is no error or test, further columns at the end.

    Examples
    --------
    >>> rows_of(["a", "b"], [1.0, 2.0], period=[1, 1]).columns.tolist()[-2:]
    ['conf_high', 'period']
    """
    table = pd.DataFrame({"term": term, "estimate": np.asarray(estimate, dtype=float)})
    for name in SCHEMA[2:]:
        table[name] = np.asarray(columns.pop(name, np.nan), dtype=float)
    return table.assign(**{name: np.asarray(values) for name, values in columns.items()})


def two_sided(statistic, df: float | None = None) -> np.ndarray:
    """Two-sided p-values from the survival function: exact far out in the tail."""
    from scipy.special import ndtr, stdtr

    tail = -np.abs(np.asarray(statistic, dtype=float))
    return 2 * (ndtr(tail) if df is None else stdtr(df, tail))


def critical_value(level: float, df: float | None = None) -> float:
    from scipy.special import ndtri, stdtrit

    p = (1 + share("level", level)) / 2
    return float(ndtri(p) if df is None else stdtrit(df, p))
