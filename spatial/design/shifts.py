"""Terms that read other periods, ``lag()`` and ``lead()``: which rows they leave without a value."""

from __future__ import annotations

import ast

import numpy as np

from spillover.errors import SpatialInputError
from spillover.values import counted

from .formula import Terms
from .keys import Rows
from .periods import refuse_gaps


def cut_shifted(y: np.ndarray, X: dict[str, np.ndarray], rows: Rows, terms: Terms):
    """y, X and rows without the periods that have no other to read, and notes on that.

    In a panel with gaps single rows leave too, whose unit is absent from the other period, and W is cut down with them.

    Raises
    ------
    SpatialInputError
        E501 no panel, E104 and E106 periods with gaps or without an order, E206 no period left, E108 a unit or a period
        without any row left.
    """
    times = rows.times
    if times is None:
        raise SpatialInputError("E501", "lag() and lead() need a panel: give entity= and time=",
                                hint="entity='unit', time='year'")
    refuse_gaps(times)
    shifts, T = shifts_of(terms), len(times)
    first, last = max(0, *shifts), max(0, *(-k for k in shifts))
    if first + last >= T:
        raise SpatialInputError("E206", f"no period is left after lag() or lead(): there are {T}",
                                hint="use a shorter lag, or more periods")
    notes = [f"lag() left out the first {counted(first, 'period')}"] * bool(first)
    notes += [f"lead() left out the last {counted(last, 'period')}"] * bool(last)
    kept = slice(first, T - last)
    y, X, observed = y[kept], {name: values[kept] for name, values in X.items()}, rows.observed
    rows = rows.between(first, T - last)
    if observed is None:
        return y, X, rows, notes
    there = np.all([observed[first - k : T - last - k] for k in shifts], axis=0) & observed[kept]
    if lost := int((observed[kept] & ~there).sum()):
        rows, _ = rows.without_holes(~there)
        notes.append(f"lag() or lead() left out {counted(lost, 'row')} whose unit is absent from the other period")
    y, *values = (np.where(there, column, np.nan) for column in (y, *X.values()))
    return y, dict(zip(X, values)), rows, notes


def shifts_of(terms: Terms) -> set[int]:
    """How many periods before its own, or after it where negative, the formula reads.

    Examples
    --------
    >>> from .formula import read_formula
    >>> sorted(shifts_of(read_formula("y ~ x + lag(z, 2) + lag(lead(x))", ("y", "x", "z"))))
    [0, 2]
    """
    factors = [*terms.left, *terms.right_factors]
    return set().union(*(_shifts(factor.tree, 0) for factor in factors)) or {0}


def _shifts(node: ast.AST, before: int) -> set[int]:
    if isinstance(node, ast.Name):
        return {before}
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("lag", "lead"):
        more = node.args[1:]
        k = int(more[0].value) if more and isinstance(more[0], ast.Constant) and isinstance(more[0].value, int) else 1
        return _shifts(node.args[0], before + (k if node.func.id == "lag" else -k))
    parts = node.args if isinstance(node, ast.Call) else list(ast.iter_child_nodes(node))
    return set().union(*(_shifts(part, before) for part in parts)) if parts else set()
