"""From a checked formula and aligned columns to y and X.

Everything is computed here, straight from the checked tree: nothing is evaluated as Python. Means, scales, polynomial
bases and levels of categories are those of the estimation sample; an ``Encoding`` keeps them for new data.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import reduce
from itertools import product

import numpy as np
import pandas as pd

from spillover.errors import SpatialInputError

from .bases import BASES, basis
from .categories import codings, dummies, levels_of, with_base
from .formula import INTERCEPT, Factor, Terms, read_formula
from .keys import Rows

FUNCTIONS: dict[str, Callable] = {
    "log": np.log, "log10": np.log10, "log2": np.log2, "log1p": np.log1p,
    "exp": np.exp, "sqrt": np.sqrt, "abs": np.abs, "I": np.asarray, "offset": np.asarray,
}  # fmt: skip
OPERATORS: dict[type, Callable] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv,
    ast.Pow: operator.pow, ast.USub: operator.neg, ast.UAdd: operator.pos, ast.Lt: operator.lt, ast.LtE: operator.le,
    ast.BitAnd: operator.mul, ast.BitOr: np.maximum,  # of 0 and 1
    ast.Gt: operator.gt, ast.GtE: operator.ge, ast.Eq: operator.eq, ast.NotEq: operator.ne,
}  # fmt: skip


@dataclass(frozen=True, eq=False)
class Encoding:
    """How the terms of a formula became columns of X.

    Attributes
    ----------
    terms : Terms
    states : dict
        By the text of a term: levels of a category; mean of ``center(x)``; mean and standard deviation of ``scale(x)``;
        the recurrence of ``poly(x, k)``.
    origin : dict of str to str
        The term that each column comes from.
    dummies : frozenset of str
        Columns that categories make.
    notes : tuple of str
    """

    terms: Terms
    states: dict = field(default_factory=dict, repr=False)
    origin: dict[str, str] = field(default_factory=dict, repr=False)
    dummies: frozenset[str] = frozenset()
    notes: tuple[str, ...] = ()


def model_columns(
    terms: Terms, columns: dict, rows: Rows, fitted: Encoding | None = None
) -> tuple[np.ndarray, dict[str, np.ndarray], Encoding]:
    """Evaluate a checked formula.

    Parameters
    ----------
    terms : Terms
    columns : dict of str to ndarray (T, N), or Series of T N categories or texts
    rows : Rows
    fitted : Encoding, optional
        Of the estimation sample, for predictions: its means, scales, bases and levels hold.

    Returns
    -------
    y : ndarray, shape (T, N)
    X : dict of str to ndarray (T, N), by the terms' names
        ``lag`` leaves NaN in the first periods; logs of non-positive numbers are not finite.
    encoding : Encoding
    """
    shape, states = rows.order.shape, {} if fitted is None else fitted.states
    with np.errstate(all="ignore"):  # what is not finite is named afterwards, by term and row
        numeric = "C" not in terms.functions and all(isinstance(column, np.ndarray) for column in columns.values())
        factors = () if numeric else [factor for _, product in terms.right for factor in product]
        categorical = {factor.text for factor in factors if _is_category(factor, columns)}
        y = _product(terms.left, columns, shape, states)
        if not categorical and not terms.functions & set(BASES):
            X = {name: _product(factors, columns, shape, states) for name, factors in terms.right}
            return y, X, Encoding(terms, states, dict(zip(X, X)))
        return y, *_encoded(terms, columns, rows, categorical, states)


def offset_of(terms: Terms, columns: dict, shape, states: dict) -> np.ndarray:
    """The sum of the formula's offsets, (T, N)."""
    with np.errstate(all="ignore"):  # what is not finite is named afterwards
        return sum((_value(factor.tree, columns, states) for factor in terms.offsets), np.zeros(shape))


def offset_column(terms: Terms, columns: dict, shape, states: dict) -> dict[str, np.ndarray]:
    """The offset by its name; nothing where the formula has none."""
    return {terms.offset_name: offset_of(terms, columns, shape, states)} if terms.offsets else {}


def _is_category(factor: Factor, columns: dict) -> bool:
    return "C" in factor.functions or (isinstance(factor.tree, ast.Name)
                                       and not isinstance(columns[factor.tree.id], np.ndarray))  # fmt: skip


def _encoded(terms: Terms, columns: dict, rows: Rows, categorical: set[str], states: dict):
    """X and its encoding where some factors have several columns."""
    shape, notes, parts = rows.order.shape, [], {}
    for factor in {f.text: f for _, factors in terms.right for f in factors}.values():
        if factor.text in categorical:
            parts[factor.text], unused = _levels(factor, columns, rows, states)
            if unused:
                notes.append(f"levels of {factor.text} without observations: {', '.join(map(str, unused[:5]))}")
        elif factor.functions & set(BASES):
            several = _basis_of(factor, columns, states)
            parts[factor.text] = {str(k + 1): several[..., k] for k in range(several.shape[-1])}
        else:
            parts[factor.text] = {"": _value(factor.tree, columns, states)}
    X, origin, computed = {}, {}, set()
    always = {f.text for _, factors in terms.right for f in factors if f.always}
    names = [tuple(f.text for f in factors) for _, factors in terms.right]
    for (term, _), coding in zip(terms.right, codings(names, categorical)):
        for scoped in coding:
            choices = [_labelled(name, parts[name], name in categorical, contrasts or name in always)
                       for name, contrasts in scoped]  # fmt: skip
            for reverse in product(*reversed(choices)):  # the first factor's levels follow each other fastest
                picked = reverse[::-1]
                column = ":".join(label for label, _ in picked) or INTERCEPT
                X[column] = np.ones(shape)
                for _, values in picked:
                    X[column] = X[column] * values
                origin[column] = term
                if any(name in categorical for name, _ in scoped):
                    computed.add(column)
    return X, Encoding(terms, states, origin, frozenset(computed), tuple(notes))


def _labelled(name: str, columns: dict, category: bool, contrasts: bool) -> list[tuple[str, np.ndarray]]:
    """The columns of one factor with their labels, the base level left out where only contrasts are asked for."""
    if not category:
        return [(f"{name}[{label}]" if label else name, values) for label, values in columns.items()]
    if contrasts:
        return [(f"{name}[T.{label}]", values) for label, values in list(columns.items())[1:]]
    return [(f"{name}[{label}]", values) for label, values in columns.items()]


def _levels(factor: Factor, columns: dict, rows: Rows, states: dict) -> tuple[dict[str, np.ndarray], list]:
    """The dummies of a category, and its levels without observations."""
    inner = factor.arguments[0] if "C" in factor.functions else factor.tree
    values = columns[inner.id] if isinstance(inner, ast.Name) else _value(inner, columns, states)
    values = values if isinstance(values, pd.Series) else pd.Series(np.ravel(values))
    unused: list = []
    if factor.text not in states:
        levels, unused = levels_of(values, rows.observed)
        states[factor.text] = with_base(levels, factor.base, factor.text)
    if rows.observed is not None:  # where nothing is observed any level will do
        values = values.astype(object).where(rows.observed.ravel(), states[factor.text][0])
    return dummies(factor.text, values, states[factor.text], rows.order.shape), unused


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
        raise SpatialInputError("E504", "an expression is needed, got nothing", hint="I(x**2)")
    terms = read_formula(f"I({text}) ~ 1", frame.columns)
    if not terms.functions <= set(FUNCTIONS):
        raise SpatialInputError(
            "E503", f"{text!r} uses a function that needs whole panels", hint="put it in the formula"
        )
    for name in terms.columns:
        if not pd.api.types.is_numeric_dtype(frame[name]):
            raise SpatialInputError("E203", f"{text!r} needs numbers in {name!r}", column=name,
                                    hint="convert the column with pd.to_numeric, or use C(...) for categories")
    with np.errstate(all="ignore"):  # what is not finite is refused where it is used
        return _product(terms.left, {name: frame[name].to_numpy(float) for name in terms.columns}, len(frame), {})


def _product(factors: tuple[Factor, ...], columns: dict, shape, states: dict) -> np.ndarray:
    """A term is the product of its factors; the intercept has none."""
    values = [_value(factor.tree, columns, states) for factor in factors]
    return reduce(operator.mul, values) if values else np.ones(shape)


def number_value(factor: Factor, columns: dict, states: dict | None = None):
    """A factor of numbers at any columns."""
    return _value(factor.tree, columns, {} if states is None else states)


def _value(node: ast.expr, columns: dict, states: dict):
    match node:
        case ast.Name(id=name):
            if not isinstance(columns[name], np.ndarray | float):
                raise SpatialInputError("E203", f"{name!r} holds categories, numbers are needed", column=name,
                                        hint=f"use C({name}) for its dummies")  # fmt: skip
            return columns[name]
        case ast.Constant(value=int(value) | float(value)):
            return np.float64(value)
        case ast.UnaryOp(op=op, operand=operand):
            return OPERATORS[type(op)](_value(operand, columns, states))
        case ast.BinOp(op=op, left=left, right=right):
            return OPERATORS[type(op)](_value(left, columns, states), _value(right, columns, states))
        case ast.Compare(left=left, ops=[op], comparators=[right]):
            ends = _value(left, columns, states), _value(right, columns, states)
            return np.where(np.isnan(ends[0]) | np.isnan(ends[1]), np.nan, OPERATORS[type(op)](*ends))
        case ast.Call(func=ast.Name(id="lag" | "lead" as name), args=[x, *more]):
            periods = more[0].value if more and isinstance(more[0], ast.Constant) else 1
            k = periods if isinstance(periods, int) else 1
            return _shifted(_value(x, columns, states), k if name == "lag" else -k)
        case ast.Call(func=ast.Name(id="center" | "scale" as name), args=[x]):
            return _standardized(ast.unparse(node), name, _value(x, columns, states), states)
        case ast.Call(func=ast.Name(id=name), args=[x]) if name in FUNCTIONS:
            return FUNCTIONS[name](_value(x, columns, states))
    raise SpatialInputError("E503", f"{ast.unparse(node)!r} is not allowed in a formula",
                            hint=f"use columns, numbers and {', '.join(FUNCTIONS)}")  # fmt: skip


def _shifted(x: np.ndarray, k: int) -> np.ndarray:
    """The value k periods before, or -k periods later; NaN where there is none."""
    out = np.full(np.shape(x), np.nan)
    if k > 0:
        out[k:] = x[:-k]
    else:
        out[:k] = x[-k:]
    return out


def _standardized(text: str, name: str, x: np.ndarray, states: dict) -> np.ndarray:
    """``center(x)`` or ``scale(x)``, with the mean and the standard deviation (n - 1) of the estimation sample."""
    if text not in states:
        states[text] = float(np.nanmean(x)), float(np.nanstd(x, ddof=1)) if name == "scale" else 1.0
    mean, deviation = states[text]
    return (x - mean) / deviation


def _basis_of(factor: Factor, columns: dict, states: dict) -> np.ndarray:
    """The columns of ``poly``, ``bs`` or ``ns``, (T, N, size)."""
    (name,) = factor.functions & set(BASES)
    x, *more = factor.arguments
    size = more[0].value if more and isinstance(more[0], ast.Constant) else 1
    return basis(name, factor.text, _value(x, columns, states), size if isinstance(size, int) else 1, states)
