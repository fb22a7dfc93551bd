"""The order of periods: what has none of its own is refused, not sorted as text."""

from __future__ import annotations

import pandas as pd

from spillover.errors import SpatialInputError


def in_order(periods: pd.Series) -> list:
    """Periods once each, in their order: numbers, dates, pandas periods, an ordered category, or text that all reads as
    numbers or as dates.

    Raises
    ------
    SpatialInputError
        E106 where periods have no order.

    Examples
    --------
    >>> in_order(pd.Series(["10", "9", "8", "9"]))
    ['8', '9', '10']
    """
    name = str(periods.name)
    if periods.isna().any():
        message = f"{name!r} has {periods.isna().sum()} missing periods"
        raise SpatialInputError("E201", message, column=name, rows=list(periods.isna().to_numpy().nonzero()[0]),
                                hint="fill the column of periods, or leave these rows out")
    if isinstance(periods.dtype, pd.CategoricalDtype) and periods.cat.ordered:
        there = set(periods)
        return [level for level in periods.cat.categories if level in there]
    values = pd.Series(periods.unique())
    if pd.api.types.is_numeric_dtype(values) or values.dtype.kind == "M" or isinstance(values.dtype, pd.PeriodDtype):
        return sorted(values)
    for parse in (pd.to_numeric, _dates):
        try:
            key = parse(values.astype(str))
        except (ValueError, TypeError):
            continue
        if key.is_unique:
            return list(values.iloc[key.argsort(kind="stable")])
    message = f"{name!r} is text that reads neither as numbers nor as dates, so its periods have no order"
    hint = f"an ordered category: data[{name!r}] = pd.Categorical(data[{name!r}], categories=[...], ordered=True)"
    raise SpatialInputError("E106", message, column=name, rows=[0], hint=hint)


def _dates(text: pd.Series) -> pd.Series:
    """ISO dates, months and quarters ("2011-03", "2011Q2"); ValueError for anything else, such as names of months."""
    if text.str.fullmatch(r"\d{4}-?[Qq][1-4]").all():
        return pd.Series(pd.PeriodIndex(text.str.replace("-", ""), freq="Q").asi8)
    return pd.to_datetime(text, format="ISO8601")
