"""Formulas from strangers: columns and a fixed list of functions, nothing else is ever evaluated.

formulaic parses and builds the columns; before it may, every piece of Python in the formula is checked
against an allow-list of syntax and of function names.
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass

import numpy as np
import pandas as pd

from spillover.errors import SpatialInputError

FUNCTIONS = ("log", "log10", "log2", "exp", "sqrt", "abs", "I", "C", "lag", "center", "scale", "poly")
_SYNTAX = (
    ast.Expression, ast.Call, ast.Name, ast.Load, ast.Constant, ast.UnaryOp, ast.USub, ast.UAdd,
    ast.BinOp, ast.Add, ast.Sub, ast.Mult, ast.Div, ast.Pow,
)  # fmt: skip
_BACKTICKS = re.compile(r"`([^`]*)`")
MAX_LENGTH = 10_000
MAX_POWER = 9


@dataclass(frozen=True)
class Terms:
    """A checked formula.

    Attributes
    ----------
    text : str
    columns : tuple of str
        Columns of the data that it needs, in order of appearance.
    bare : frozenset of str
        Columns used as they are, outside C(...): they must be numbers.
    lags : bool
        Whether ``lag()`` occurs.
    """

    text: str
    columns: tuple[str, ...]
    bare: frozenset[str]
    lags: bool


def read_formula(text: str, available) -> Terms:
    """Parse and check a formula against the columns that there are.

    Parameters
    ----------
    text : str
        ``"log(y) ~ x1 + log(x2)"``. Names with spaces stand in backticks.
    available : iterable of str
        Columns of the data.

    Raises
    ------
    SpatialInputError
        E504 syntax, E503 something other than columns, numbers and the functions, E502 no such column.

    Examples
    --------
    >>> read_formula("log(产出) ~ x + I(x**2)", ["产出", "x"]).columns
    ('产出', 'x')
    """
    left, right = _parse(text)
    available, needed, bare, calls = set(available), {}, set(), set()
    for expression, is_lookup in [*left, *right]:
        if is_lookup:
            names, called, categorical = [expression], set(), False
        else:
            names, called, categorical = _check(expression, text, available)
        needed.update(dict.fromkeys(names))
        calls |= called
        if not categorical:
            bare.update(names)
    absent = [name for name in needed if name not in available]
    if absent:
        raise SpatialInputError(
            "E502",
            f"the formula names {absent[0]!r}, which is no column of the data",
            column=absent[0],
            n=len(absent),
            hint=_nearest(absent[0], available),
        )
    return Terms(text, tuple(needed), frozenset(bare), "lag" in calls)


def model_columns(terms: Terms, frame: pd.DataFrame, *, units: int) -> tuple[pd.Series, pd.DataFrame]:
    """Evaluate a checked formula on a frame sorted by period, then unit.

    Parameters
    ----------
    terms : Terms
    frame : DataFrame
        Finite numbers, categories or text in the columns that ``terms`` needs.
    units : int
        Units per period: ``lag(x, k)`` looks ``k * units`` rows back.

    Returns
    -------
    y : Series
    X : DataFrame
        Float columns named by their terms; ``lag`` leaves NaN in the first periods.
    """
    from formulaic import Formula
    from formulaic.errors import FormulaicError

    def lag(x, k=1):
        return x.shift(int(k) * units)

    context = {"lag": lag, "log": np.log, "log10": np.log10, "log2": np.log2, "abs": np.abs, "sqrt": np.sqrt}
    try:
        with np.errstate(all="ignore"):  # what is not finite is named below, by term and row
            made = Formula(terms.text).get_model_matrix(frame, context=context, na_action="ignore")
    except (FormulaicError, TypeError, ValueError) as error:
        said = str(error).splitlines()[0]
        raise SpatialInputError("E504", f"the formula {terms.text!r} could not be evaluated: {said}") from error
    y, X = (pd.DataFrame(side).astype(float) for side in (made.lhs, made.rhs))
    if y.shape[1] != 1:
        raise SpatialInputError("E504", f"the left side must be one column, got {list(y.columns)}")
    return y.iloc[:, 0], X


def _parse(text: str):
    """[(expression, is a bare column)] of the left and of the right side."""
    from formulaic import Formula
    from formulaic.errors import FormulaicError

    if not isinstance(text, str) or len(text) > MAX_LENGTH:
        raise SpatialInputError("E504", "a formula must be text such as 'log(y) ~ x1 + log(x2)'")
    for power in re.findall(r"\*\*\s*(\d+)", text):
        if int(power) > MAX_POWER:
            raise SpatialInputError("E503", f"power {power} is above {MAX_POWER}")
    try:
        formula = Formula(text)
    except (FormulaicError, SyntaxError, ValueError, KeyError) as error:
        said = re.sub(r"\x1b\[[0-9;]*m|[⧛⧚]", "", str(error)).strip().splitlines()[0]
        raise SpatialInputError("E504", f"the formula {text!r} is not well formed: {said}") from error
    if not (hasattr(formula, "lhs") and hasattr(formula, "rhs")):
        raise SpatialInputError("E504", f"the formula {text!r} needs both sides: 'y ~ x'")
    sides = []
    for side in (formula.lhs, formula.rhs):
        factors = [factor for term in side for factor in term.factors]
        sides.append([(f.expr, f.eval_method.value == "lookup") for f in factors if f.eval_method.value != "literal"])
    return sides


def _check(expression: str, text: str, available: set) -> tuple[list[str], set[str], bool]:
    """Columns and functions of one Python factor; refuses all else."""
    quoted: list[str] = []

    def placeholder(match):
        quoted.append(match.group(1))
        return f"_quoted_{len(quoted) - 1}"

    try:
        tree = ast.parse(_BACKTICKS.sub(placeholder, expression), mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise SpatialInputError("E504", f"{expression!r} in the formula is not well formed") from error
    if not all(_allowed(node) for node in ast.walk(tree)):
        raise SpatialInputError(
            "E503",
            f"{expression!r} is not allowed in a formula",
            hint=f"use columns, numbers, + - * / ** and {', '.join(FUNCTIONS)}",
        )
    functions = {node.func for node in ast.walk(tree) if isinstance(node, ast.Call)}
    called = {f.id for f in functions}
    for name in called & available:
        raise SpatialInputError("E503", f"column {name!r} is named like a function of the formula", column=name,
                                hint="rename the column")  # fmt: skip
    names = [n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and n not in functions]
    names = [quoted[int(n.removeprefix("_quoted_"))] if n.startswith("_quoted_") else n for n in names]
    return names, called, "C" in called


def _allowed(node: ast.AST) -> bool:
    match node:
        case ast.Constant(value=value):
            return isinstance(value, int | float)
        case ast.Call(func=function, keywords=keywords):
            return isinstance(function, ast.Name) and function.id in FUNCTIONS and not keywords
        case ast.BinOp(op=ast.Pow(), right=power):  # a tower of powers can take for ever
            return isinstance(power, ast.Constant | ast.UnaryOp)
    return isinstance(node, _SYNTAX)


def _nearest(name: str, available: set) -> str:
    from difflib import get_close_matches

    close = get_close_matches(name, [str(a) for a in available], n=1)
    if close:
        return f"did you mean {close[0]!r}?"
    return "the columns are " + ", ".join(repr(a) for a in sorted(map(str, available))[:12])
