"""The grammar of formulas, by recursive descent: a text becomes its left side, its terms and its fixed effects.

Every step is bounded: length, brackets, powers and the number of terms, so that no text takes for ever.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NoReturn

from spillover.errors import SpatialInputError

from .expressions import Factor, brief, column_factor, expression_factors, number_factor

INTERCEPT = "Intercept"
MAX_LENGTH, MAX_TERMS, MAX_POWER, MAX_DEPTH = 10_000, 1_000, 9, 50
_TOKEN = re.compile(
    r"\s*(?:(?P<quoted>`[^`]*`)|(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)|(?P<name>[^\W\d][\w.]*)"
    r"|(?P<operator>\*\*|%in%|[-+*/:^()~|{.,\[\]]))"
)

Product = tuple[Factor, ...]  # a term; the intercept has no factors


@dataclass(frozen=True)
class WayTerm:
    """One way of effects behind ``|``, as it is written.

    Attributes
    ----------
    columns : tuple of str
        Each combination of their values has an effect: ``region^year``.
    slopes : tuple of str
        Columns whose slope differs between the groups: ``state[t]``.
    level : bool
        Whether the groups have a level beside the slopes: not in ``state[[t]]``.
    """

    columns: tuple[str, ...]
    slopes: tuple[str, ...] = ()
    level: bool = True

    def __str__(self) -> str:
        inner = ", ".join(self.slopes)
        return "^".join(self.columns) + (f"[{inner}]" if self.level else f"[[{inner}]]") * bool(self.slopes)


class Parser:
    """Recursive descent: one method per level of precedence, each returns a list of distinct terms."""

    def __init__(self, text: str):
        self.text, self.depth = text, 0
        self.warnings: list[str] = []
        self.tokens, self.at = self._tokens(), 0

    def formula(self) -> tuple[list[Product], list[Product], tuple[WayTerm, ...]]:
        left = self._sum([]) if self._peek() != ("operator", "~") else []
        if self._peek() != ("operator", "~"):
            raise malformed(f"the formula {brief(self.text)} needs both sides", "y ~ x")
        self.at += 1
        if not left or self._peek() is None:
            raise malformed(f"the formula {brief(self.text)} needs both sides", "y ~ x")
        right = self._sum([()])
        absorbed: tuple[WayTerm, ...] = ()
        if self._peek() == ("operator", "|"):
            self.at += 1
            absorbed = self._absorbed()
        if self._peek() is not None:
            self._unexpected()
        return left, sorted(right, key=lambda term: sum(bool(factor.columns) for factor in term)), absorbed

    def _absorbed(self) -> tuple[WayTerm, ...]:
        """The ways behind ``|``: a, a^b, a[x] (a and slopes of x in it), a[[x]] (slopes alone), joined by +."""
        ways = [self._way()]
        while self._peek() == ("operator", "+"):
            self.at += 1
            ways.append(self._way())
        if self._peek() is not None:
            raise _no_way(self.text)
        return tuple(dict.fromkeys(ways))

    def _way(self) -> WayTerm:
        columns, level = self._names("^"), True
        slopes: tuple[str, ...] = ()
        if self._take("["):
            level = not self._take("[")
            slopes = self._names(",")
            if not self._take("]") or not (level or self._take("]")):
                raise _no_way(self.text)
        return WayTerm(columns, slopes, level)

    def _names(self, between: str) -> tuple[str, ...]:
        """Columns joined by ``between``, each once."""
        names: list[str] = []
        while not names or self._take(between):
            kind, token = self._peek() or ("", "")
            if kind != "name":
                raise _no_way(self.text)
            names.append(token)
            self.at += 1
        return tuple(dict.fromkeys(names))

    def _take(self, operator: str) -> bool:
        """Whether this operator comes next, which is then read."""
        here = self._peek() == ("operator", operator)
        self.at += here
        return here

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
                product = self._product()
                if sign == "+":
                    terms = self._bounded([*terms, *product])
                else:
                    gone = {_key(term) for term in product}
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
                way = "I(1000 * x), or 1000:x" if operator == "*" else "I(1 / x), I(x / 1000)"
                raise malformed(f"arithmetic with a number is written inside I() in {brief(self.text)}", way)
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
            if kind != "number" or power not in map(str, range(1, MAX_POWER + 1)):
                message = f"powers of terms are whole numbers from 1 to {MAX_POWER}, got {brief(power)}"
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
        if (following := self._peek()) is None:
            raise malformed(f"the formula {brief(self.text)} ends too early", "y ~ x1 + x2")
        kind, token = following
        self.at += 1
        if kind == "name":
            return [(column_factor(token),)]
        if kind == "number":
            return [()] if float(token) == 1 else [(number_factor(token),)]
        if kind == "call":
            return [expression_factors(token)]
        if (kind, token) == ("operator", "("):
            self.depth += 1
            if self.depth > MAX_DEPTH:
                raise SpatialInputError("E503", f"the formula is more than {MAX_DEPTH} brackets deep",
                                        hint="write its terms one by one")  # fmt: skip
            terms = self._sum([])
            if self._peek() != ("operator", ")"):
                raise malformed(f"a bracket is not closed in {brief(self.text)}", "(x + z)**2")
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

    def _unexpected(self) -> NoReturn:
        token = self.tokens[self.at][1]
        if token == ".":
            raise malformed("a dot does not stand for all columns here", "name the regressors: y ~ x1 + x2")
        raise malformed(f"{brief(token)} is not expected where it stands in {brief(self.text)}",
                         "terms are joined by + - : * / and **")  # fmt: skip

    def _tokens(self) -> list[tuple[str, str]]:
        out, at, text = [], 0, self.text.rstrip()
        while at < len(text):
            match = _TOKEN.match(text, at)
            if match is None:
                rest = text[at:].strip()
                raise malformed(f"{rest[:20]!r} cannot be read in the formula {brief(text)}",
                                 "comparisons are written inside I(): I(x > 0)" if rest[0] in "<>=!&" else
                                 "names with signs beside letters, digits and _ stand in backticks: `GDP ($)`")
            kind, token, at = match.lastgroup or "", match.group(match.lastgroup or 0), match.end()
            if kind == "quoted":
                if token == "``":
                    raise malformed(f"{brief(text)} has backticks without a name between them",
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
    raise malformed(f"a bracket is not closed in {brief(text)}", "log(x)")


def _join(*terms: Product) -> Product:
    """The product of terms; a factor counts once."""
    return tuple({factor.text: factor for term in terms for factor in term}.values())


def _key(term: Product) -> frozenset:
    return frozenset(factor.text for factor in term)


def _distinct(terms: list[Product]) -> list[Product]:
    out: dict[frozenset, Product] = {}
    for term in terms:
        out.setdefault(_key(term), term)
    return list(out.values())


def term_name(term: Product) -> str:
    return ":".join(factor.text for factor in term) or INTERCEPT


def _no_way(text: str) -> SpatialInputError:
    return malformed(f"behind | stand columns whose effects are absorbed, joined by +, in {brief(text)}",
                     "y ~ x | unit + year + region^year, with slopes unit[t]; instruments go to instruments=")


def malformed(message: str, hint: str) -> SpatialInputError:
    return SpatialInputError("E504", message, hint=hint)


def _too_many(number: int) -> SpatialInputError:
    return SpatialInputError("E503", f"the formula has more than {MAX_TERMS:,} terms", n=number,
                             hint="name the products that you need: x:z")  # fmt: skip
