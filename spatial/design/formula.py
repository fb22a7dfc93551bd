"""Formulas from strangers: a small grammar of terms, read here and nowhere evaluated.

    y ~ x + log(z) + x:z + C(g) | unit + year + region^year + unit[t]

``+`` adds terms, ``-`` takes them away, ``:`` multiplies, ``a*b`` is ``a + b + a:b``, ``a/b`` is ``a + a:b``,
``(a + b)**2`` all products of two; ``0 +`` or ``- 1`` leaves the intercept out. Behind ``|`` stand fixed effects and
group-specific slopes. Terms are ordered by their number of factors, as in R. ``grammar`` parses, ``expressions`` reads
what stands inside functions.
"""

from __future__ import annotations

import re
from collections.abc import Container
from dataclasses import dataclass
from functools import lru_cache

import pandas as pd

from spillover.errors import SpatialInputError

from .expressions import FUNCTIONS, OFFSET, Factor, brief
from .grammar import INTERCEPT, MAX_LENGTH, Parser, Product, WayTerm, malformed, term_name

_DOT = re.compile(r"(^|[-+*/:(^])(\s*)\.(?=\s*(?:$|[-+*/:)^|]))")  # where a term may stand
__all__ = ["FUNCTIONS", "INTERCEPT", "Factor", "Terms", "canonical", "read_formula", "with_all_columns"]


@dataclass(frozen=True)
class Terms:
    """A checked formula.

    Attributes
    ----------
    text : str
        Without what stands behind ``|``.
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
    absorbed : tuple of WayTerm
        What stands behind ``|``: fixed effects.
    offsets : tuple of Factor
        What enters with the coefficient 1: ``offset(log(population))``.
    warnings : tuple of str
        What the reader of the formula may not have meant.
    """

    text: str
    response: str
    left: Product
    right: tuple[tuple[str, Product], ...]
    columns: tuple[str, ...]
    bare: frozenset[str]
    functions: frozenset[str]
    absorbed: tuple[WayTerm, ...] = ()
    warnings: tuple[str, ...] = ()
    offsets: Product = ()

    @property
    def right_factors(self) -> list[Factor]:
        """All factors of the right side, offsets among them."""
        return [*(factor for _, product in self.right for factor in product), *self.offsets]

    @property
    def offset_name(self) -> str:
        """The offsets as one text."""
        return " + ".join(factor.text for factor in self.offsets)

    @property
    def right_columns(self) -> tuple[str, ...]:
        """The columns of the right side, in order of appearance."""
        return tuple(dict.fromkeys(column for factor in self.right_factors for column in factor.columns))


def read_formula(text: str, available: Container) -> Terms:
    """Parse and check a formula against the columns that there are.

    Parameters
    ----------
    text : str
        ``"log(y) ~ x1 + log(x2)"``. Names with spaces stand in backticks.
    available : tuple of str, or Index
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
    if not isinstance(text, str) or len(text) > MAX_LENGTH:
        raise SpatialInputError("E504", f"a formula must be text of at most {MAX_LENGTH:,} characters",
                                hint="such as 'log(y) ~ x1 + log(x2)'")  # fmt: skip
    terms = _parsed(text)
    for name in terms.functions:
        if name in available:
            raise SpatialInputError("E503", f"column {name!r} is named like a function of the formula", column=name,
                                    hint="rename the column")  # fmt: skip
    if absent := [name for name in terms.columns if name not in available]:
        raise SpatialInputError("E502", f"the formula names {absent[0]!r}, which is no column of the data",
                                column=absent[0], n=len(absent), hint=nearest(absent[0], available))  # fmt: skip
    return terms


@lru_cache(maxsize=256)
def _parsed(text: str) -> Terms:
    """The formula, whatever the data's columns are."""
    parser = Parser(text)
    left, both, absorbed = parser.formula()
    right, offsets = _without_offsets(left, both)
    if len(left) != 1 or not left[0] or not any(factor.columns for factor in left[0]):
        raise malformed(f"the left side must be one column, got {[term_name(term) for term in left]}",
                         "write it as y ~ x, functions of it as log(y) ~ x")  # fmt: skip
    if not right:
        raise malformed(f"{text!r} has no regressor, not even the intercept", "y ~ 1, or a regressor")
    for term in right:
        if term and not any(factor.columns for factor in term):
            raise malformed(f"the number {term_name(term)} is no term: only 0 and 1 stand for the intercept",
                             "numbers scale other terms, as in 1000:x")  # fmt: skip
    factors = [*(factor for term in (*left, *right) for factor in term), *offsets]
    needed = dict.fromkeys(name for factor in factors for name in factor.columns)
    return Terms(
        text=text.partition("|")[0].rstrip() if absorbed else text,
        response=term_name(left[0]),
        left=left[0],
        right=tuple((term_name(term), term) for term in right),
        columns=tuple(needed),
        bare=frozenset(name for factor in factors if "C" not in factor.functions for name in factor.columns),
        functions=frozenset().union(*(factor.functions for factor in factors)),
        absorbed=absorbed,
        warnings=tuple(parser.warnings),
        offsets=offsets,
    )


def _without_offsets(left: list[Product], right: list[Product]) -> tuple[list[Product], Product]:
    """The terms that have coefficients, and the offsets."""
    offsets = tuple(term[0] for term in right if len(term) == 1 and OFFSET in term[0].functions)
    terms = [term for term in right if not (len(term) == 1 and OFFSET in term[0].functions)]
    for term in (*left, *terms):
        if any(OFFSET in factor.functions for factor in term):
            raise malformed(f"offset() in {brief(term_name(term))} is no term of its own on the right side",
                            "y ~ x + offset(log(z)); products go inside: offset(x * z)")  # fmt: skip
    return terms, offsets


def with_all_columns(text: str, data: pd.DataFrame, *keys) -> str:
    """The formula with all other columns in place of a dot on its right side: numbers, booleans and categories that are
    not in the response, no keys of the data, and not behind |, where they are groups or have slopes by group.

    Raises
    ------
    SpatialInputError
        E504 no column is left.

    Examples
    --------
    >>> with_all_columns("log(y) ~ . - z", pd.DataFrame({"y": [1.0], "x": [1], "z": [2.0], "name": ["a"]}))
    'log(y) ~ (`x` + `z`) - z'
    >>> with_all_columns("y ~ . | g", pd.DataFrame({"y": [1.0], "x": [1], "g": [2]}))
    'y ~ (`x`) | g'
    """
    if not isinstance(text, str) or "." not in text or len(text) > MAX_LENGTH:
        return text
    left, tilde, right = text.partition("~")
    pieces = re.split(r"(`[^`]*`)", right)
    if not tilde or not any(_DOT.search(piece) for piece in pieces[::2]):
        return text
    _, bar, behind = right.partition("|")
    elsewhere = read_formula(f"{left} ~ 1 {bar} {behind}", tuple(data.columns))
    taken = {*elsewhere.columns, *keys, *(name for way in elsewhere.absorbed for name in (*way.columns, *way.slopes))}
    columns = [c for c in data.columns if isinstance(c, str) and c not in taken and _is_number(data[c])]
    if not columns:
        raise malformed(f"no column of numbers is left for the dot in {brief(text)}", "name the regressors: y ~ x + z")
    everything = "(" + " + ".join(f"`{c}`" for c in columns) + ")"
    pieces[::2] = [_DOT.sub(lambda m: m[1] + m[2] + everything, piece) for piece in pieces[::2]]
    return f"{left}~{''.join(pieces)}"


def _is_number(column: pd.Series) -> bool:
    return column.dtype.kind in "biuf" or isinstance(column.dtype, pd.CategoricalDtype)


def canonical(term: str) -> str:
    """A term as the formula spells it: ``I(x**2)`` becomes ``I(x ** 2)``; what is no term stays as it is.

    Examples
    --------
    >>> canonical("I(x**2)"), canonical("z : x")
    ('I(x ** 2)', 'z:x')
    """
    try:
        terms = Parser(f"y ~ 0 + {term}").formula()[1]
    except SpatialInputError:
        return term
    return term_name(terms[0]) if len(terms) == 1 else term


def nearest(name: str, available) -> str:
    """A hint: the column that is spelled alike, or those that there are."""
    from difflib import get_close_matches

    close = get_close_matches(name, [str(a) for a in available], n=1)
    if close:
        return f"did you mean {close[0]!r}?"
    return "the columns are " + ", ".join(repr(a) for a in sorted(map(str, available))[:12])
