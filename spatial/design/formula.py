"""Formulas from strangers: a small grammar of terms, read here and nowhere evaluated.

    y ~ x + log(z) + x:z + C(g) | unit + year

``+`` adds terms, ``-`` takes them away, ``:`` multiplies, ``a*b`` is ``a + b + a:b``, ``a/b`` is ``a + a:b``,
``(a + b)**2`` all products of two; ``0 +`` or ``- 1`` leaves the intercept out. Behind ``|`` stand fixed effects. Terms
are ordered by their number of factors, as in R. ``expressions`` reads what stands inside functions.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from spillover.errors import SpatialInputError

from .expressions import FUNCTIONS, Factor, column_factor, expression_factor, number_factor

__all__ = ["FUNCTIONS", "INTERCEPT", "Factor", "Terms", "canonical", "read_formula"]

INTERCEPT = "Intercept"
MAX_LENGTH, MAX_TERMS, MAX_POWER, MAX_DEPTH = 10_000, 1_000, 9, 50
_TOKEN = re.compile(
    r"\s*(?:(?P<quoted>`[^`]*`)|(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)|(?P<name>[^\W\d][\w.]*)"
    r"|(?P<operator>\*\*|%in%|[-+*/:^()~|{.]))"
)

Product = tuple[Factor, ...]  # a term; the intercept has no factors


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
    absorbed : tuple of str
        Columns behind ``|``: fixed effects.
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
    absorbed: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

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
    columns = set(available)
    parser = _Parser(text, columns)
    left, right, absorbed = parser.formula()
    if len(left) != 1 or not left[0] or not any(factor.columns for factor in left[0]):
        raise _malformed(f"the left side must be one column, got {[_name(term) for term in left]}",
                         "write it as y ~ x, functions of it as log(y) ~ x")  # fmt: skip
    if not right:
        raise _malformed(f"{text!r} has no regressor, not even the intercept", "y ~ 1, or a regressor")
    for term in right:
        if term and not any(factor.columns for factor in term):
            raise _malformed(f"the number {_name(term)} is no term: only 0 and 1 stand for the intercept",
                             "numbers scale other terms, as in 1000:x")  # fmt: skip
    factors = [factor for term in (*left, *right) for factor in term]
    needed = dict.fromkeys(name for factor in factors for name in factor.columns)
    if absent := [name for name in needed if name not in columns]:
        raise SpatialInputError("E502", f"the formula names {absent[0]!r}, which is no column of the data",
                                column=absent[0], n=len(absent), hint=_nearest(absent[0], columns))  # fmt: skip
    return Terms(
        text=text.partition("|")[0].rstrip() if absorbed else text,
        response=_name(left[0]),
        left=left[0],
        right=tuple((_name(term), term) for term in right),
        columns=tuple(needed),
        bare=frozenset(name for factor in factors if "C" not in factor.functions for name in factor.columns),
        functions=frozenset().union(*(factor.functions for factor in factors)),
        absorbed=absorbed,
        warnings=tuple(parser.warnings),
    )


def canonical(term: str, available: tuple) -> str:
    """A term as the formula spells it: ``I(x**2)`` becomes ``I(x ** 2)``; what is no term stays as it is.

    Examples
    --------
    >>> canonical("I(x**2)", ("x",)), canonical("z : x", ("x", "z"))
    ('I(x ** 2)', 'z:x')
    """
    try:
        terms = _Parser(f"y ~ 0 + {term}", set(available)).formula()[1]
    except SpatialInputError:
        return term
    return _name(terms[0]) if len(terms) == 1 else term


class _Parser:
    """Recursive descent: one method per level of precedence, each returns a list of distinct terms."""

    def __init__(self, text: str, available: set):
        if not isinstance(text, str) or len(text) > MAX_LENGTH:
            raise SpatialInputError("E504", f"a formula must be text of at most {MAX_LENGTH:,} characters",
                                    hint="such as 'log(y) ~ x1 + log(x2)'")  # fmt: skip
        self.text, self.available, self.warnings, self.depth = text, available, [], 0
        self.tokens, self.at = self._tokens(), 0

    def formula(self) -> tuple[list[Product], list[Product], tuple[str, ...]]:
        left = self._sum([]) if self._peek() != ("operator", "~") else []
        if self._peek() != ("operator", "~"):
            raise _malformed(f"the formula {self.text!r} needs both sides", "y ~ x")
        self.at += 1
        if not left or self._peek() is None:
            raise _malformed(f"the formula {self.text!r} needs both sides", "y ~ x")
        right = self._sum([()])
        absorbed = ()
        if self._peek() == ("operator", "|"):
            self.at += 1
            absorbed = self._absorbed()
        if self._peek() is not None:
            self._unexpected()
        return left, sorted(right, key=lambda term: sum(bool(factor.columns) for factor in term)), absorbed

    def _absorbed(self) -> tuple[str, ...]:
        terms = self._sum([])
        if not terms or any(len(term) != 1 or term[0].functions or not term[0].columns for term in terms):
            raise _malformed("behind | stand the columns of unit and period, joined by +",
                             "y ~ x | unit + year; instruments go to instruments=")  # fmt: skip
        return tuple(term[0].columns[0] for term in terms)

    def _sum(self, start: list[Product]) -> list[Product]:
        terms, sign = list(start), "+"
        token = self._peek()
        if token in (("operator", "+"), ("operator", "-")):
            sign, self.at = token[1], self.at + 1
        while True:
            if self._peek() in (("number", "0"), ("number", "1")) and self._ends_after_next():  # the intercept
                adds = (self._peek()[1] == "1") == (sign == "+")
                self.at += 1
                terms = _distinct([(), *terms]) if adds else [term for term in terms if term]
            else:
                found = self._product()
                if sign == "+":
                    terms = self._bounded([*terms, *found])
                else:
                    gone = {_key(term) for term in found}
                    terms = [term for term in terms if _key(term) not in gone]
            token = self._peek()
            if token not in (("operator", "+"), ("operator", "-")):
                return terms
            sign, self.at = token[1], self.at + 1

    def _ends_after_next(self) -> bool:
        """Whether the next token is a term by itself."""
        at = self.at + 1
        return at >= len(self.tokens) or self.tokens[at] in [("operator", o) for o in ("+", "-", ")", "~", "|")]

    def _product(self) -> list[Product]:
        terms = self._interaction()
        while self._peek() in [("operator", operator) for operator in ("*", "/", "%in%")]:
            operator = self.tokens[self.at][1]
            self.at += 1
            other = self._interaction()
            if any(not any(factor.columns for factor in term) for term in (*terms, *other)):
                raise _malformed(f"a number times a term is written inside I() in {self.text!r}",
                                 "I(1000 * x), or 1000:x")  # fmt: skip
            if operator == "*":
                terms = self._bounded([*terms, *other, *self._times(terms, other)])
            else:
                outer, inner = (terms, other) if operator == "/" else (other, terms)
                whole = _join(*outer)
                terms = self._bounded([*outer, *(_join(whole, term) for term in inner)])
        return terms

    def _interaction(self) -> list[Product]:
        terms = self._power()
        while self._peek() == ("operator", ":"):
            self.at += 1
            terms = self._times(terms, self._power())
        return terms

    def _power(self) -> list[Product]:
        start = self.at
        terms = self._atom()
        while self._peek() in (("operator", "**"), ("operator", "^")):
            self.at += 1
            kind, power = self._peek() or (None, "")
            if kind != "number" or not power.isdigit() or not 1 <= int(power) <= MAX_POWER:
                message = f"powers of terms are whole numbers from 1 to {MAX_POWER}, got {power!r}"
                raise SpatialInputError("E503", message, hint="(x + z)**2 has all products of two; I(x**2) is a square")
            base = "".join(token for _, token in self.tokens[start : self.at - 1])
            if len(terms) == 1 and int(power) > 1:
                self.warnings.append(f"{base}**{power} is {base}: outside of I() a power multiplies terms, and {base} "
                                     f"times itself is itself; the power is I({base}**{power})")  # fmt: skip
            self.at += 1
            one = terms
            for _ in range(int(power) - 1):
                terms = self._times(terms, one)
        return terms

    def _atom(self) -> list[Product]:
        kind, token = self._peek() or (None, None)
        if kind is None:
            raise _malformed(f"the formula {self.text!r} ends too early", "y ~ x1 + x2")
        self.at += 1
        if kind == "name":
            return [(column_factor(token),)]
        if kind == "number":
            return [()] if float(token) == 1 else [(number_factor(token),)]
        if kind == "call":
            return [(expression_factor(token, self.available),)]
        if (kind, token) == ("operator", "("):
            self.depth += 1
            if self.depth > MAX_DEPTH:
                raise SpatialInputError("E503", f"the formula is more than {MAX_DEPTH} brackets deep",
                                        hint="write its terms one by one")  # fmt: skip
            terms = self._sum([])
            if self._peek() != ("operator", ")"):
                raise _malformed(f"a bracket is not closed in {self.text!r}", "(x + z)**2")
            self.at, self.depth = self.at + 1, self.depth - 1
            return terms
        self.at -= 1
        self._unexpected()

    def _times(self, left: list[Product], right: list[Product]) -> list[Product]:
        if len(left) * len(right) > 20 * MAX_TERMS:
            raise _too_many(len(left) * len(right))
        return self._bounded([_join(a, b) for a in left for b in right])

    def _bounded(self, terms: list[Product]) -> list[Product]:
        terms = _distinct(terms)
        if len(terms) > MAX_TERMS:
            raise _too_many(len(terms))
        return terms

    def _peek(self):
        return self.tokens[self.at] if self.at < len(self.tokens) else None

    def _unexpected(self):
        token = self._peek()[1]
        if token == ".":
            raise _malformed("a dot does not stand for all columns here", "name the regressors: y ~ x1 + x2")
        raise _malformed(f"{token!r} is not expected where it stands in {self.text!r}",
                         "terms are joined by + - : * / and **")  # fmt: skip

    def _tokens(self) -> list[tuple[str, str]]:
        out, at, text = [], 0, self.text.rstrip()
        while at < len(text):
            match = _TOKEN.match(text, at)
            if match is None:
                rest = text[at:].strip()
                raise _malformed(f"{rest[:20]!r} cannot be read in the formula {text!r}",
                                 "names with signs beside letters, digits and _ stand in backticks: `GDP ($)`")
            kind, token, at = match.lastgroup, match.group(match.lastgroup), match.end()
            if kind == "quoted":
                if token == "``":
                    raise _malformed(f"{text!r} has backticks without a name between them",
                                     "`name of the column`")  # fmt: skip
                kind, token = "name", token[1:-1]
            elif (kind == "name" and text[at:].lstrip()[:1] == "(") or token == "{":
                end = _closing(text, at if kind == "name" else at - 1)
                token, at, kind = (token + text[at:end].lstrip() if kind == "name" else text[at : end - 1]), end, "call"
            out.append((kind, token))
        return out


def _closing(text: str, at: int) -> int:
    """Behind the bracket that closes the next one."""
    depth, quoted = 0, False
    for end in range(at, len(text)):
        character = text[end]
        quoted ^= character == "`"
        if not quoted:
            depth += (character in "({") - (character in ")}")
            if depth == 0 and character in ")}":
                return end + 1
    raise _malformed(f"a bracket is not closed in {text!r}", "log(x)")


def _join(*terms: Product) -> Product:
    """The product of terms; a factor counts once."""
    return tuple({factor.text: factor for term in terms for factor in term}.values())


def _key(term: Product) -> frozenset:
    return frozenset(factor.text for factor in term)


def _distinct(terms: list[Product]) -> list[Product]:
    out = {}
    for term in terms:
        out.setdefault(_key(term), term)
    return list(out.values())


def _name(term: Product) -> str:
    return ":".join(factor.text for factor in term) or INTERCEPT


def _malformed(message: str, hint: str) -> SpatialInputError:
    return SpatialInputError("E504", message, hint=hint)


def _too_many(number: int) -> SpatialInputError:
    return SpatialInputError("E503", f"the formula has more than {MAX_TERMS:,} terms", n=number,
                             hint="name the products that you need: x:z")  # fmt: skip


def _nearest(name: str, available: set) -> str:
    from difflib import get_close_matches

    close = get_close_matches(name, [str(a) for a in available], n=1)
    if close:
        return f"did you mean {close[0]!r}?"
    return "the columns are " + ", ".join(repr(a) for a in sorted(map(str, available))[:12])
