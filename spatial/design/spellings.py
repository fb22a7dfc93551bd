"""What a formula's functions are called elsewhere: the spellings of R, patsy, fixest and numpy.

    bs(x, df=4)  ns(x, df=3)  poly(x, degree=2)  lag(x, n=2)     numbers by their names in R
    np.log(x)    factor(g), as.factor(g)                         log(x), C(g)

Both spellings are one term. A function that a formula does not have is refused with what is written instead.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Container

NUMBERS = {"bs": ("df",), "ns": ("df",), "poly": ("degree",), "lag": ("n", "k"), "lead": ("n", "k")}
NUMPY = ("np", "numpy")
CATEGORIES = re.compile(r"^(?:as\.)?factor(?=\()")
INSTEAD = {
    "diff": "I(x - lag(x))", "d": "I(x - lag(x))", "D": "I(x - lag(x))", "l": "lag(x, 1)", "L": "lag(x, 1)",
    "f": "lead(x, 1)", "F": "lead(x, 1)", "shift": "lag(x, 1)", "standardize": "scale(x)", "cr": "ns(x, 3)",
    "cs": "ns(x, 3)", "asinh": "log(x + sqrt(x**2 + 1))", "arcsinh": "log(x + sqrt(x**2 + 1))",
    "expm1": "I(exp(x) - 1)", "square": "I(x**2)", "where": "I(x > 0)", "ifelse": "I(x > 0)",
    "maximum": "I(x * (x > 0))", "minimum": "I(x * (x < 0))", "max": "I(x * (x > 0))", "min": "I(x * (x < 0))",
    "interaction": "C(g):C(h)", "cut": "C(band), with bands = pd.cut(x, 4) a column of the data",
    "qcut": "C(band), with bands = pd.qcut(x, 4) a column of the data", "Q": "the name in backticks: `x y`",
}  # fmt: skip
TEXT = "C(g) or i(g, ref='a'): categories enter as dummies, a column of 0 and 1 singles one out"
BRACKETS = "I((x > 0) & (z > 0)): each comparison in brackets"
CUBIC = "splines are cubic with knots at quantiles: bs(x, 4), ns(x, 3)"
POWERS = "poly(x, 2) is orthogonal; raw powers are x + I(x**2)"


def with_our_names(text: str) -> str:
    """The text with ``C(g)`` in place of ``factor(g)`` and ``as.factor(g)``.

    Examples
    --------
    >>> with_our_names("as.factor(g)"), with_our_names("log(factor)")
    ('C(g)', 'log(factor)')
    """
    return CATEGORIES.sub("C", text)


class _Rewritten(ast.NodeTransformer):
    def __init__(self, functions: Container[str]):
        self.functions = functions

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        function = node.func
        of = function.value if isinstance(function, ast.Attribute) else None
        if isinstance(of, ast.Name) and of.id in NUMPY and function.attr in self.functions:  # type: ignore[attr-defined]
            node.func = ast.Name(function.attr, ast.Load())  # type: ignore[attr-defined]
        name = node.func.id if isinstance(node.func, ast.Name) else ""
        if len(node.args) == len(node.keywords) == 1 and node.keywords[0].arg in NUMBERS.get(name, ()):
            node.args, node.keywords = [*node.args, node.keywords[0].value], []
        return node


def rewritten(tree: ast.expr, functions: Container[str]) -> ast.expr:
    """The expression with the formula's own spellings.

    Examples
    --------
    >>> ast.unparse(rewritten(ast.parse("bs(np.log(x), df=4)", mode="eval").body, ("log", "bs")))
    'bs(log(x), 4)'
    """
    return _Rewritten(functions).visit(tree)


def instead(tree: ast.expr) -> str | None:
    """What is written instead of an expression that is not allowed; None where nothing close is."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = ast.unparse(node.func).rpartition(".")[2]
            if name in INSTEAD:
                return INSTEAD[name]
            if name in NUMBERS and node.keywords:
                return {"poly": POWERS, "bs": CUBIC, "ns": CUBIC}.get(name, f"{name}(x, 1)")
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            return TEXT
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitAnd | ast.BitOr):
            return BRACKETS
    return None
