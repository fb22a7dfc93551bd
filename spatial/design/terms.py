"""From a checked formula and aligned columns to y and X.

Arithmetic and functions of numbers are computed here, straight from the checked tree: nothing is evaluated
as Python. Formulas with categories, ``C()``, ``center()``, ``scale()`` or ``poly()`` go to formulaic.
"""

from __future__ import annotations

import ast
import operator

import numpy as np
import pandas as pd

from spillover.errors import SpatialInputError

from .formula import Factor, Terms, read_formula
from .keys import Rows

FUNCTIONS = {
    "log": np.log, "log10": np.log10, "log2": np.log2, "exp": np.exp, "sqrt": np.sqrt, "abs": np.abs, "I": np.asarray,
}  # fmt: skip
OPERATORS = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv,
    ast.Pow: operator.pow, ast.USub: operator.neg, ast.UAdd: operator.pos,
}  # fmt: skip


def model_columns(terms: Terms, columns: dict, rows: Rows) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Evaluate a checked formula.

    Parameters
    ----------
    terms : Terms
    columns : dict of str to ndarray (T, N), or Series of T N categories or texts
    rows : Rows

    Returns
    -------
    y : ndarray, shape (T, N)
    X : dict of str to ndarray (T, N), by the terms' names
        ``lag`` leaves NaN in the first periods; logs of non-positive numbers are not finite.
    """
    numeric = all(isinstance(column, np.ndarray) for column in columns.values())
    with np.errstate(all="ignore"):  # what is not finite is named afterwards, by term and row
        if not numeric or not terms.functions <= {*FUNCTIONS, "lag"}:
            return _by_formulaic(terms, columns, rows.order.shape)
        shape = rows.order.shape
        X = {name: _product(factors, columns, shape) for name, factors in terms.right}
        return _product(terms.left, columns, shape), X


def expression(text: str, frame: pd.DataFrame) -> np.ndarray:
    """A formula's expression over the columns of a frame, row by row: ``"log(gdp / population)"``.

    Raises
    ------
    SpatialInputError
        E502 no such column, E203 a column that is not numeric, E503 and E504 as formulas.

    Examples
    --------
    >>> expression("log(x) / 2", pd.DataFrame({"x": [1.0, 100.0]})).round(3).tolist()
    [0.0, 2.303]
    """
    if not text.strip():
        raise SpatialInputError("E504", "an expression is needed, got nothing")
    terms = read_formula(f"I({text}) ~ 1", tuple(frame.columns))
    if not terms.functions <= set(FUNCTIONS):
        raise SpatialInputError(
            "E503", f"{text!r} uses a function that needs whole panels", hint="put it in the formula"
        )
    for name in terms.columns:
        if not pd.api.types.is_numeric_dtype(frame[name]):
            raise SpatialInputError("E203", f"{text!r} needs numbers in {name!r}", column=name)
    with np.errstate(all="ignore"):  # what is not finite is refused where it is used
        return _product(terms.left, {name: frame[name].to_numpy(float) for name in terms.columns}, len(frame))


def _product(factors: tuple[Factor, ...], columns: dict, shape) -> np.ndarray:
    """A term is the product of its factors; the intercept has none."""
    out = np.ones(shape)
    for factor in factors:
        out = out * _value(factor.tree, columns)
    return out


def number_value(factor: Factor, columns: dict):
    """A factor of numbers at any columns."""
    return _value(factor.tree, columns)


def _value(node: ast.expr, columns: dict):
    match node:
        case ast.Name(id=name):
            return columns[name]
        case ast.Constant(value=value):
            return value
        case ast.UnaryOp(op=op, operand=operand):
            return OPERATORS[type(op)](_value(operand, columns))
        case ast.BinOp(op=op, left=left, right=right):
            return OPERATORS[type(op)](_value(left, columns), _value(right, columns))
        case ast.Call(func=ast.Name(id="lag"), args=args):
            return _lag(*(_value(a, columns) for a in args))
        case ast.Call(func=ast.Name(id=name), args=args):
            return FUNCTIONS[name](*(_value(a, columns) for a in args))
    raise SpatialInputError("E503", f"{ast.unparse(node)!r} is not allowed in a formula")


def _lag(x: np.ndarray, k=1) -> np.ndarray:
    """The value k periods before; NaN where there is none."""
    if not (isinstance(k, int) and k >= 1):
        raise SpatialInputError("E503", f"lag(x, k) needs a whole number of periods, got {k!r}")
    out = np.full(x.shape, np.nan)
    out[k:] = x[:-k]
    return out


def _by_formulaic(terms: Terms, columns: dict, shape) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    from formulaic import Formula
    from formulaic.errors import FormulaicError

    def lag(x, k=1):
        return pd.Series(_lag(x.to_numpy().reshape(shape), k).ravel(), index=x.index)

    frame = pd.DataFrame({name: v.ravel() if isinstance(v, np.ndarray) else v for name, v in columns.items()})
    context = {**FUNCTIONS, "I": lambda x: x, "lag": lag}
    try:
        made = Formula(terms.text).get_model_matrix(frame, context=context, na_action="ignore")
    except (FormulaicError, TypeError, ValueError) as error:
        said = str(error).splitlines()[0]
        raise SpatialInputError("E504", f"the formula {terms.text!r} could not be evaluated: {said}") from error
    y, X = (pd.DataFrame(side).astype(float) for side in (made.lhs, made.rhs))
    if y.shape[1] != 1:
        raise SpatialInputError("E504", f"the left side must be one column, got {list(y.columns)}")
    return y.iloc[:, 0].to_numpy().reshape(shape), {name: X[name].to_numpy().reshape(shape) for name in X}
