"""What the user gives: numbers (numeric, finite, float64), texts, names with values, maps."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Literal, overload

import numpy as np
import pandas as pd

from spillover.errors import SpatialInputError


def numeric(x, *, ids=None, column: str | None = None) -> np.ndarray:
    """``x`` as a float64 array; ``ids`` label the rows in messages.

    Raises
    ------
    SpatialInputError
        E201 missing, E202 infinite, E203 not numeric.
    """
    if column is None and isinstance(x, pd.Series):
        column = None if x.name is None else str(x.name)
    name = f"column {column!r}" if column else "the variable"
    frame = x if isinstance(x, (pd.Series, pd.DataFrame)) else pd.DataFrame(np.asarray(x))
    dtypes = [frame.dtype] if isinstance(frame, pd.Series) else list(frame.dtypes)
    if not all(pd.api.types.is_numeric_dtype(d) and not pd.api.types.is_complex_dtype(d) for d in dtypes):
        raise _not_numeric(frame, dtypes, name, column, ids)
    values = frame.to_numpy(dtype=np.float64, na_value=np.nan)
    for code, bad, word in (("E201", np.isnan(values), "missing"), ("E202", np.isinf(values), "infinite")):
        bad = bad.any(axis=1) if bad.ndim == 2 else bad
        if bad.any():
            rows = np.flatnonzero(bad)
            raise SpatialInputError(code, f"{name} has {word} values", column=column, n=len(rows), **_where(rows, ids),
                                    hint="fill or drop them (and take w.subset of what remains)")
    return values[:, 0] if np.ndim(x) == 1 and values.ndim == 2 else values


def _where(rows: np.ndarray, ids) -> dict[str, list]:
    """The first of the rows for a message: by id where there are ids."""
    return {"rows": rows[:5].tolist()} if ids is None else {"ids": list(ids[rows[:5]])}


def _not_numeric(frame, dtypes, name: str, column: str | None, ids) -> SpatialInputError:
    """E203, with the first cells of text that are no numbers."""
    cells = frame if isinstance(frame, pd.Series) else frame.iloc[:, next(
        k for k, d in enumerate(dtypes) if not pd.api.types.is_numeric_dtype(d) or pd.api.types.is_complex_dtype(d))]
    message, hint, bad = f"{name} must be numeric, but holds {cells.dtype}", "convert it to numbers", np.array([], int)
    if cells.dtype == object or isinstance(cells.dtype, pd.StringDtype):
        bad = np.flatnonzero((pd.to_numeric(cells, errors="coerce").isna() & cells.notna()).to_numpy())
        if len(bad):
            words = list(dict.fromkeys(str(cell)[:20] for cell in cells.iloc[bad[:50]]))[:3]
            message = f"{name} must be numeric, but holds text such as {', '.join(map(repr, words))}"
            hint = "mark missing values as such and write decimals with a point, or C(column) for categories"
        else:
            message = f"{name} must be numeric, but holds numbers as text"
            hint = "convert it: pd.to_numeric(df[column])"
    if not len(bad):
        return SpatialInputError("E203", message, column=column, hint=hint)
    return SpatialInputError("E203", message, column=column, hint=hint, n=len(bad), **_where(bad, ids))


@overload
def one_number(name: str, value: object, *, above: float | None = None, least: float | None = None,
               optional: Literal[False] = False) -> float: ...


@overload
def one_number(name: str, value: object, *, above: float | None = None, least: float | None = None,
               optional: Literal[True]) -> float | None: ...


def one_number(name: str, value: object, *, above: float | None = None, least: float | None = None,
               optional: bool = False) -> float | None:
    """A finite number for an option, or E501 in words; None stays None where it is ``optional``."""
    if value is None and optional:
        return None
    if (isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool)
            and np.isfinite(value) and (above is None or value > above) and (least is None or value >= least)):
        return float(value)
    bound = f" above {above:g}" if above is not None else f" of at least {least:g}" if least is not None else ""
    raise SpatialInputError("E501", f"{name}={value!r} should be a finite number{bound}",
                            hint=f"write {name}= as one number" + bound.replace(" of at least", ", at least"))


def whole_number(name: str, value: object, *, least: int) -> int:
    """A whole number for an option, or E501 in words.

    Examples
    --------
    >>> whole_number("draws", 99, least=1)
    99
    """
    if not isinstance(value, int | np.integer) or isinstance(value, bool) or value < least:
        raise SpatialInputError("E501", f"{name}={value!r} must be a whole number of at least {least}",
                                hint=f"as in {name}={max(least, 1)}")
    return int(value)


def share(name: str, value: object) -> float:
    """A number between 0 and 1 for an option, or E501 in words: a percentage is suggested as the share that it is."""
    usual = 0.05 if name == "significance" else 0.95
    hint = f"{name}={usual:g}"
    if isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool):
        if 0 < value < 1:
            return float(value)
        if 1 <= value < 100 and (value < 50) == (usual < 0.5):  # level=2 is no percentage that anyone means
            hint = f"{name}={value / 100:g}"
    raise SpatialInputError("E501", f"{name}={value!r} must lie between 0 and 1", hint=hint)


def mapping(name: str, value: object) -> dict:
    """Names and what belongs to them, for an option; None is none, anything else E501."""
    if value is None or isinstance(value, Mapping):
        return dict(value or {})
    raise SpatialInputError("E501", f"{name}= maps names to what they stand for, got {type(value).__name__}",
                            hint=f"as in {name}={{'first': ..., 'second': ...}}")  # fmt: skip


def texts(name: str, value: object) -> list[str]:
    """Texts for an option, where one may stand alone; anything else E501.

    Examples
    --------
    >>> texts("keep", "unemp"), texts("keep", ("a", "b"))
    (['unemp'], ['a', 'b'])
    """
    several = list(value) if isinstance(value, Iterable) and not isinstance(value, str) else [value]
    only_texts = [one for one in several if isinstance(one, str)]
    if len(only_texts) < len(several):
        raise SpatialInputError("E501", f"{name}= holds texts, got {value!r}", hint=f"as in {name}=['first', 'second']")
    return only_texts


def with_shapes(map: Any) -> Any:
    """A table with a geometry, or E501."""
    if not hasattr(map, "geometry"):
        raise SpatialInputError("E501", f"a map is a GeoDataFrame by unit, got {type(map).__name__}",
                                hint="geopandas.read_file(path).set_index(id)")  # fmt: skip
    return map


def counted(n: int, one: str, several: str | None = None) -> str:
    """A number with what it counts.

    Examples
    --------
    >>> counted(1, "unit"), counted(1200, "unit"), counted(1, "unit is", "units are")
    ('1 unit', '1,200 units', '1 unit is')
    """
    return f"{n:,} {one if n == 1 else several or one + 's'}"
