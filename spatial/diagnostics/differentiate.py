"""An expression in coefficients: its value and its derivatives, by the rules of differentiation; nothing is evaluated
as Python."""

from __future__ import annotations

import ast
import math
import re
from dataclasses import dataclass

import numpy as np
import pandas as pd

from spillover.errors import SpatialInputError

LONGEST = 1_000  # characters
FUNCTIONS = {
    "exp": (math.exp, math.exp),
    "log": (math.log, lambda x: 1 / x),
    "sqrt": (math.sqrt, lambda x: 0.5 / math.sqrt(x)),
}
ALLOWED = "coefficients, numbers, + - * / **, exp, log and sqrt"


@dataclass(frozen=True)
class Derived:
    """A value, its derivatives (p,) and whether it is linear in the coefficients."""

    value: float
    slope: np.ndarray
    linear: bool = True

    @property
    def constant(self) -> bool:
        return self.linear and not self.slope.any()


def derived(text: str, params: pd.Series) -> Derived:
    """The expression at the estimate.

    Raises
    ------
    SpatialInputError
        E502, E503, E504, E505: see ``nlcom``.

    Examples
    --------
    >>> b = pd.Series({"x": 3.0, "W:x": 2.0, "rho": 0.5})
    >>> derived("(x + W:x) / (1 - rho)", b)
    Derived(value=10.0, slope=array([ 2.,  2., 20.]), linear=False)
    """
    if not isinstance(text, str) or len(text) > LONGEST:
        raise SpatialInputError("E504", f"an expression is text of at most {LONGEST:,} characters",
                                hint=f"such as '{params.index[0]} - {params.index[-1]}'")  # fmt: skip
    source, names = _with_identifiers(text, list(params.index))
    try:
        tree = ast.parse(source.strip(), mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        quoted = next((name for name in params.index if "`" in name), "")
        listed = ", ".join(params.index) + (f"; {quoted} is written with its backticks" if quoted else "")
        raise SpatialInputError("E504", f"{text!r} cannot be read as an expression",
                                hint=f"it takes {ALLOWED}; coefficients: {listed}") from error
    try:
        result = _value(tree.body, names, params, text)
    except SpatialInputError:
        raise
    except (ArithmeticError, ValueError) as error:
        raise _no_value(text) from error
    except RecursionError as error:
        raise _refused(text) from error
    if not (math.isfinite(result.value) and np.isfinite(result.slope).all()):
        raise _no_value(text)
    return result


def _with_identifiers(text: str, terms: list[str]) -> tuple[str, dict[str, str]]:
    """The text with identifiers for the coefficients, the longest name first; names in backticks are taken whole."""
    words = [_whole(name) for name in sorted(terms, key=len, reverse=True)]
    names: dict[str, str] = {}

    def identifier(match: re.Match) -> str:
        name = match.group() if match.group() in terms else match.group(1)
        if name not in terms:
            raise _unknown(name, terms)
        names[key := f"b__{terms.index(name)}__"] = name
        return f" {key} "

    return re.sub("|".join([r"`([^`]*)`", *words]), identifier, text), names


def _whole(name: str) -> str:
    """A pattern for the name where it is not part of a longer word or number, or the name of a function."""
    before = r"(?<![\w.])" if name[0].isalnum() else ""
    after = r"(?![\w.(])" if name[-1].isalnum() else ""
    return before + re.escape(name) + after


def _value(node: ast.expr, names: dict[str, str], params: pd.Series, text: str) -> Derived:
    none = np.zeros(len(params))
    match node:
        case ast.Constant(value=int() | float() as number) if not isinstance(number, bool):
            return Derived(float(number), none)
        case ast.Name(id=name) if name in names:
            return Derived(float(params[names[name]]), (params.index == names[name]).astype(float))
        case ast.Name(id=name):
            raise _unknown(name, list(params.index))
        case ast.UnaryOp(op=ast.USub() | ast.UAdd() as sign, operand=inner):
            part, factor = _value(inner, names, params, text), -1.0 if isinstance(sign, ast.USub) else 1.0
            return Derived(factor * part.value, factor * part.slope, part.linear)
        case ast.BinOp(left=left, op=operator, right=right):
            return _joined(operator, _value(left, names, params, text), _value(right, names, params, text), text)
        case ast.Call(func=ast.Name(id=name), args=[inner], keywords=[]) if name in FUNCTIONS:
            part, (function, slope) = _value(inner, names, params, text), FUNCTIONS[name]
            return Derived(function(part.value), slope(part.value) * part.slope, part.constant)
    raise _refused(text)


def _joined(operator: ast.operator, a: Derived, b: Derived, text: str) -> Derived:
    """Sum, difference, product, quotient or power."""
    match operator:
        case ast.Add():
            return Derived(a.value + b.value, a.slope + b.slope, a.linear and b.linear)
        case ast.Sub():
            return Derived(a.value - b.value, a.slope - b.slope, a.linear and b.linear)
        case ast.Mult():
            linear = a.linear and b.linear and (a.constant or b.constant)
            return Derived(a.value * b.value, a.value * b.slope + b.value * a.slope, linear)
        case ast.Div():
            slope = (a.slope - a.value / b.value * b.slope) / b.value
            return Derived(a.value / b.value, slope, a.linear and b.constant)
        case ast.Pow() if b.constant:
            power = b.value
            slope = power * math.pow(a.value, power - 1) * a.slope if power else 0 * a.slope
            return Derived(math.pow(a.value, power), slope, a.constant or (a.linear and power == 1))
    raise _refused(text)


def _refused(text: str) -> SpatialInputError:
    return SpatialInputError("E503", f"{text!r} is not allowed here", hint=f"use {ALLOWED}; a power is a number")


def _unknown(name: str, terms: list[str]) -> SpatialInputError:
    return SpatialInputError("E502", f"no coefficient is called {name!r}", hint=f"there are {', '.join(terms)}")


def _no_value(text: str) -> SpatialInputError:
    return SpatialInputError("E505", f"{text!r} has no finite value at the estimates",
                             hint="no zero in a denominator, no log or root of a negative number, no overflow")
