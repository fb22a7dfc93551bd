"""One family of errors: what was expected, what came, where, and the next step.

Codes are stable; docs/errors.md lists them. The hundreds digit is the kind of trouble and decides the
exit status of the command line.

====  ==========================  ===========
E1xx  ids and alignment           exit 3
E2xx  values of columns           exit 3
E3xx  weights                     exit 3
E4xx  geometry                    exit 3
E5xx  formulas and options        exit 2
E6xx  files                       exit 3
E7xx  cannot be estimated         exit 4
E8xx  did not converge            exit 5
====  ==========================  ===========
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterable

EXIT_STATUS = {"1": 3, "2": 3, "3": 3, "4": 3, "5": 2, "6": 3, "7": 4, "8": 5}
SHOWN = 5  # how many rows or ids a message names


class SpatialInputError(ValueError):
    """An input that cannot be used, said so that the user can mend it.

    Parameters
    ----------
    code : str
        Stable code such as ``"E101"``.
    message : str
        What was expected and what came.
    column : str, optional
        The column at fault.
    rows, ids : iterable, optional
        Rows (positions in the data as given) or unit ids at fault; the first five are kept.
    n : int, optional
        How many are at fault in all (default: as many as were given).
    hint : str, optional
        The next step.

    Examples
    --------
    >>> error = SpatialInputError("E201", "column 'gdp' has missing values", ids=["11", "12"], hint="drop")
    >>> print(error)
    E201: column 'gdp' has missing values
      where: ids '11', '12'
      next:  drop
    """

    def __init__(
        self,
        code: str,
        message: str,
        *,
        column: str | None = None,
        rows: Iterable | None = None,
        ids: Iterable | None = None,
        n: int | None = None,
        hint: str | None = None,
    ) -> None:
        rows, ids = (list(() if places is None else places) for places in (rows, ids))
        self.code, self.message, self.column, self.hint = code, message, column, hint
        self.n = n if n is not None else (len(ids) or len(rows) or None)
        self.rows, self.ids = rows[:SHOWN], ids[:SHOWN]
        super().__init__(code, message)

    @property
    def where(self) -> str:
        """The place in words: "ids 'a', 'b' and 3 more"."""
        parts = []
        if self.column is not None and repr(self.column) not in self.message:
            parts.append(f"column {self.column!r}")
        for name, places in (("ids", self.ids), ("rows", self.rows)):
            if places:
                more = f" and {self.n - len(places)} more" if self.n and self.n > len(places) else ""
                parts.append(f"{name} " + ", ".join(_show(item) for item in places) + more)
        return "; ".join(parts)

    @property
    def exit_status(self) -> int:
        return EXIT_STATUS[self.code[1]]

    def __str__(self) -> str:
        lines = [f"{self.code}: {self.message}"]
        if self.where:
            lines.append(f"  where: {self.where}")
        if self.hint:
            lines.append(f"  next:  {self.hint}")
        return "\n".join(lines)

    def __reduce__(self):  # keeps every field when an error crosses processes
        fields = {k: getattr(self, k) for k in ("column", "rows", "ids", "n", "hint")}
        return _rebuild, (type(self), self.code, self.message, fields)


class SpatialInputWarning(UserWarning):
    """Input that is used, but not as the user may think."""


OURS = ("spillover", "weights", "spatial", "shapefiles")


def warn(message: str) -> None:
    """A SpatialInputWarning at the line of the user's program that called this package."""
    level, frame = 2, sys._getframe(1)
    while frame.f_back is not None and frame.f_globals.get("__name__", "").partition(".")[0] in OURS:
        level, frame = level + 1, frame.f_back
    warnings.warn(SpatialInputWarning(message), stacklevel=level)


def check_option(name: str, value, allowed: Iterable) -> None:
    """Refuse an option's value that is not one of ``allowed``, and list those.

    Raises
    ------
    SpatialInputError
        E501.
    """
    allowed = list(allowed)
    if value not in allowed:
        choices = ", ".join(repr(a) for a in allowed)
        raise SpatialInputError("E501", f"{name}={value!r} is not known", hint=f"choose one of {choices}")


def _show(item) -> str:
    """``numpy.str_('a')`` reads ``'a'``; tuples keep their brackets."""
    if isinstance(item, tuple):
        return "(" + ", ".join(_show(part) for part in item) + ")"
    return repr(item.item() if hasattr(item, "item") else item)


def _rebuild(cls, code, message, fields):
    return cls(code, message, **fields)
