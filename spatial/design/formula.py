"""Formulas from strangers: columns and a fixed list of functions, nothing else is ever evaluated.

formulaic parses the formula into terms and factors; each factor is then read as a Python expression and every
node of it checked against an allow-list of syntax and of function names.
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass, field
from functools import lru_cache

from spillover.errors import SpatialInputError

FUNCTIONS = ("log", "log10", "log2", "exp", "sqrt", "abs", "I", "C", "lag", "center", "scale", "poly")
_SYNTAX = (
    ast.Expression, ast.Call, ast.Name, ast.Load, ast.Constant, ast.UnaryOp, ast.USub, ast.UAdd,
    ast.BinOp, ast.Add, ast.Sub, ast.Mult, ast.Div, ast.Pow,
)  # fmt: skip
_BACKTICKS = re.compile(r"`([^`]*)`")
MAX_LENGTH = 10_000
MAX_POWER = 9


INTERCEPT = "Intercept"


@dataclass(frozen=True)
class Factor:
    """One factor of a term: a checked expression over columns."""

    text: str
    tree: ast.expr = field(compare=False, repr=False)
    columns: tuple[str, ...]
    functions: frozenset[str]


@dataclass(frozen=True)
class Terms:
    """A checked formula.

    Attributes
    ----------
    text : str
    response : str
    left : tuple of Factor
        Their product is the response.
    right : tuple of (name, tuple of Factor)
        One entry per term; the intercept has no factors.
    columns : tuple of str
        Columns of the data that it needs, in order of appearance.
    bare : frozenset of str
        Columns used as they are, outside C(...): they must be numbers.
    functions : frozenset of str
    """

    text: str
    response: str
    left: tuple[Factor, ...]
    right: tuple[tuple[str, tuple[Factor, ...]], ...]
    columns: tuple[str, ...]
    bare: frozenset[str]
    functions: frozenset[str]

    @property
    def lags(self) -> bool:
        """Whether ``lag()`` occurs."""
        return "lag" in self.functions


@lru_cache(maxsize=256)
def read_formula(text: str, available: tuple) -> Terms:
    """Parse and check a formula against the columns that there are.

    Parameters
    ----------
    text : str
        ``"log(y) ~ x1 + log(x2)"``. Names with spaces stand in backticks.
    available : tuple of str
        Columns of the data.

    Raises
    ------
    SpatialInputError
        E504 syntax, E503 something other than columns, numbers and the functions, E502 no such column.

    Examples
    --------
    >>> read_formula("log(产出) ~ x + I(x**2)", ("产出", "x")).columns
    ('产出', 'x')
    """
    left, right = _parse(text)
    known = set(available)
    sides = [
        [
            (str(term), tuple(_factor(f, known) for f in term.factors if f.eval_method.value != "literal"))
            for term in side
        ]
        for side in (left, right)
    ]
    if len(sides[0]) != 1 or not sides[0][0][1]:
        said = [name for name, _ in sides[0]]
        raise SpatialInputError("E504", f"the left side must be one column, got {said}")
    factors = [f for side in sides for _, product in side for f in product]
    needed = dict.fromkeys(name for f in factors for name in f.columns)
    absent = [name for name in needed if name not in known]
    if absent:
        raise SpatialInputError("E502", f"the formula names {absent[0]!r}, which is no column of the data",
                                column=absent[0], n=len(absent), hint=_nearest(absent[0], known))  # fmt: skip
    (response, product), *_ = sides[0]
    return Terms(
        text=text,
        response=response,
        left=product,
        right=tuple((name if product else INTERCEPT, product) for name, product in sides[1]),
        columns=tuple(needed),
        bare=frozenset(name for f in factors if "C" not in f.functions for name in f.columns),
        functions=frozenset().union(*(f.functions for f in factors)),
    )


def _parse(text: str):
    """The terms of the left and of the right side, as formulaic reads them."""
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
    return formula.lhs, formula.rhs


def _factor(factor, available: set) -> Factor:
    """One factor as a checked tree; a bare column's name may hold any character."""
    if factor.eval_method.value == "lookup":
        return Factor(factor.expr, ast.Name(factor.expr, ast.Load()), (factor.expr,), frozenset())
    quoted: list[str] = []

    def placeholder(match):
        quoted.append(match.group(1))
        return f"_quoted_{len(quoted) - 1}"

    try:
        tree = ast.parse(_BACKTICKS.sub(placeholder, factor.expr), mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise SpatialInputError("E504", f"{factor.expr!r} in the formula is not well formed") from error
    if not all(_allowed(node) for node in ast.walk(tree)):
        raise SpatialInputError("E503", f"{factor.expr!r} is not allowed in a formula",
                                hint=f"use columns, numbers, + - * / ** and {', '.join(FUNCTIONS)}")  # fmt: skip
    functions = {node.func for node in ast.walk(tree) if isinstance(node, ast.Call)}
    called = frozenset(f.id for f in functions)
    for name in called & available:
        raise SpatialInputError("E503", f"column {name!r} is named like a function of the formula", column=name,
                                hint="rename the column")  # fmt: skip
    names = [node for node in ast.walk(tree) if isinstance(node, ast.Name) and node not in functions]
    for node in names:
        if node.id.startswith("_quoted_"):
            node.id = quoted[int(node.id.removeprefix("_quoted_"))]
    return Factor(factor.expr, tree.body, tuple(dict.fromkeys(node.id for node in names)), called)


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
