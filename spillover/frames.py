"""Tables of other libraries at the door: Arrow, polars, DuckDB, xarray become pandas frames, everything else stays."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from inspect import Signature, signature
from typing import Any, ParamSpec, TypeVar

import pandas as pd

from .errors import SpatialInputError

P = ParamSpec("P")
R = TypeVar("R")


def as_frame(data):
    """A pandas DataFrame of a table; what is none is returned as it is, for the door to judge.

    Parameters
    ----------
    data : DataFrame, or a table that exports Arrow (pyarrow, polars, DuckDB relations ...), a polars LazyFrame, an
        xarray Dataset or named DataArray
        xarray's dimensions become columns, the index where there is one; cells without any value are left out.

    Raises
    ------
    SpatialInputError
        E501 a table that cannot be converted.

    Examples
    --------
    >>> import pyarrow
    >>> as_frame(pyarrow.table({"y": [1.0, 2.0]})).columns.tolist()
    ['y']
    >>> as_frame([1, 2])
    [1, 2]
    """
    if data is None or isinstance(data, pd.DataFrame | pd.Series):
        return data
    if hasattr(data, "collect") and hasattr(data, "collect_schema"):  # a lazy frame
        data = data.collect()
    try:
        if hasattr(data, "to_dataframe") and hasattr(data, "dims"):
            return _of_xarray(data)
        if hasattr(data, "__arrow_c_stream__"):
            return _of_arrow(data)
    except SpatialInputError:
        raise
    except Exception as error:  # every library raises errors of its own
        raise SpatialInputError("E501", f"data of type {type(data).__name__} cannot be read as a table: {error}",
                                hint="give a pandas DataFrame") from error
    return data


def _of_arrow(data) -> pd.DataFrame:
    import pyarrow as pa

    table = pa.table(data)
    for j, field in enumerate(table.schema):
        if pa.types.is_decimal(field.type):  # pandas would keep objects
            table = table.set_column(j, field.name, table.column(j).cast(pa.float64()))
    return table.to_pandas()


def _of_xarray(data) -> pd.DataFrame:
    several = len(data.dims) > 1
    frame = data.to_dataframe()
    values = list(data.data_vars) if hasattr(data, "data_vars") else [data.name]
    frame = frame.dropna(how="all", subset=values)
    return frame.reset_index() if several else frame


def takes_frames(function: Callable[P, R]) -> Callable[P, R]:
    """A public function whose ``data`` may be any table of ``as_frame``."""
    parameters = signature(function)
    position = list(parameters.parameters).index("data")

    @wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> R:
        if "data" in kwargs:
            kwargs["data"] = as_frame(kwargs["data"])
        elif len(args) > position:
            args = (*args[:position], as_frame(args[position]), *args[position + 1 :])
        try:
            return function(*args, **kwargs)
        except TypeError as error:
            _refuse_order(function, parameters, args, kwargs, error)
            raise

    return wrapper


def _refuse_order(function, parameters: Signature, args: tuple, kwargs: dict, error: TypeError) -> None:
    """E501 where a call has more arguments by position than the function takes, with the call that was meant."""
    places = [p for p in parameters.parameters.values() if p.kind is p.POSITIONAL_OR_KEYWORD]
    if len(args) <= len(places):
        return
    package = {"spatial": "sp.", "weights": "wt."}.get(function.__module__.partition(".")[0], "")
    shown = ", ".join(p.name for p in places)
    hint = f"{package}{function.__name__}({shown}, ...), the others by name"
    if isinstance(args[0], pd.DataFrame) and isinstance(args[1], str) and "data" not in (p.name for p in places):
        rest = "".join(f", {p.name}" for p in places[1:])
        hint = f"the column comes first: {package}{function.__name__}({args[1]!r}{rest}, data=...)"
    raise SpatialInputError("E501", f"{function.__name__}() takes {len(places)} arguments by position, not {len(args)}",
                            hint=hint) from error
