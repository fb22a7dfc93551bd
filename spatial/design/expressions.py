"""One factor of a formula: a column, a number, or an expression over columns that is checked node by node.

Python's parser reads the expression; only arithmetic, numbers, columns and the functions listed here pass. Nothing is
ever evaluated as Python.
"""

from __future__ import annotations

import ast
import keyword
import re
import unicodedata
from dataclasses import dataclass, field, replace

from spillover.errors import SpatialInputError

from .bases import BASES
from .category_calls import label, split_call
from .spellings import instead, rewritten, with_our_names

ARGUMENTS = {  # function: how many arguments it takes, at least and at most
    **dict.fromkeys(("log", "log10", "log2", "log1p", "exp", "sqrt", "abs", "I", "C", "center", "scale"), (1, 1)),
    "offset": (1, 1),
    **dict.fromkeys(("lag", "lead", "poly"), (1, 2)),
    **dict.fromkeys(("bs", "ns"), (2, 2)),
}
FUNCTIONS = (*ARGUMENTS, "i")
OFFSET = "offset"
LEAST = {"bs": 3}  # columns of a basis
BOTH = (ast.BitAnd, ast.BitOr)  # of comparisons
COMPARISONS = (ast.Lt, ast.LtE, ast.Gt, ast.GtE, ast.Eq, ast.NotEq)
MAX_OPERATORS, MAX_DEPTH, MAX_DEGREE = 200, 50, 20
MAX_SHOWN = 60  # characters of a formula in a message
RESERVED = ("rho", "lambda", "sigma2", "Intercept")  # names of parameters
_SYNTAX = (
    ast.Expression, ast.Call, ast.Name, ast.Load, ast.Constant, ast.UnaryOp, ast.USub, ast.UAdd,
    ast.BinOp, ast.Add, ast.Sub, ast.Mult, ast.Div, ast.Pow, *BOTH, *COMPARISONS,
)  # fmt: skip
_TERM_LIKE = re.compile(r":|\[|^[\w.]+\(|^within ")
_KEYWORDS = "|".join(word for word in keyword.kwlist if word not in ("True", "False", "None"))
_HIDDEN = re.compile(rf"`([^`]*)`|(?<![\w.])({_KEYWORDS})(?![\w.(])|(?<![\w.])([^\W\d]\w*)(?![\w(])")


@dataclass(frozen=True)
class Factor:
    """One factor of a term: a checked expression over columns; ``text`` is how it is shown.

    Of a category ``base`` is the level that contrasts are taken with, None for the first, and ``always`` whether it is
    left out even where the constant is not spanned.
    """

    text: str
    tree: ast.expr = field(compare=False, repr=False)
    columns: tuple[str, ...]
    functions: frozenset[str]
    base: object = field(default=None, compare=False, repr=False)
    always: bool = field(default=False, compare=False, repr=False)

    @property
    def arguments(self) -> list[ast.expr]:
        """Of a factor that is one call, such as ``C(region)`` or ``poly(x, 2)``."""
        return self.tree.args if isinstance(self.tree, ast.Call) else []

    @property
    def category(self) -> str | None:
        """The column inside ``C(...)``, where it is one."""
        inner = self.arguments[0] if "C" in self.functions else None
        return inner.id if isinstance(inner, ast.Name) else None


def brief(text: str) -> str:
    """A piece of a formula for a message: quoted, and cut where it is long."""
    return repr(text if len(text) <= MAX_SHOWN else text[: MAX_SHOWN - 3] + "...")


def shown(column: str) -> str:
    """A column's name as a term; in backticks where it could be taken for a parameter or for another term.

    Examples
    --------
    >>> shown("gdp"), shown("rho"), shown("W:x")
    ('gdp', '`rho`', '`W:x`')
    """
    return f"`{column}`" if column in RESERVED or _TERM_LIKE.search(column) else column


def column_factor(name: str) -> Factor:
    return Factor(shown(name), ast.Name(name, ast.Load()), (name,), frozenset())


def number_factor(text: str) -> Factor:
    return Factor(text, ast.Constant(float(text)), (), frozenset())


def expression_factors(text: str) -> tuple[Factor, ...]:
    """A function call, or ``{arithmetic}``, as a checked tree; two factors where a category is multiplied.

    Raises
    ------
    SpatialInputError
        E503 something other than columns, numbers and the functions, or too much of it; E504 syntax.
    """
    source, names = _without_hidden_names(with_our_names(text))
    _refuse_size(source, text)
    try:
        body = rewritten(ast.parse(source, mode="eval").body, FUNCTIONS)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise SpatialInputError("E504", f"{brief(text)} in the formula is not well formed",
                                hint="as in log(x), I(x**2) or lag(x, 1)") from error  # fmt: skip
    if isinstance(body, ast.Call) and ast.unparse(body.func) in ("C", "i"):
        category, other, base, always = split_call(body, text)
        name = label(category, base, always)
        first = replace(_checked(category, names, text), text=_with_names(name, names), base=base, always=always)
        return (first,) if other is None else (first, _checked(other, names, text))
    return (_checked(body, names, text),)


def _checked(body: ast.expr, names: dict[str, tuple[str, str]], text: str) -> Factor:
    """A factor, every node of which is allowed; names that Python does not read are put back."""
    nodes = list(ast.walk(body))
    if not all(_allowed(node) for node in nodes):
        raise SpatialInputError("E503", f"{brief(text)} is not allowed in a formula",
                                hint=instead(body) or f"use columns, numbers, + - * / ** and {', '.join(FUNCTIONS)}")
    calls = [node for node in nodes if isinstance(node, ast.Call)]
    for call in calls:
        _check_call(call, text, root=call is body)
    called = frozenset(ast.unparse(call.func) for call in calls)
    written = _with_names(ast.unparse(body), names)
    functions = {id(call.func) for call in calls}
    columns = [node for node in nodes if isinstance(node, ast.Name) and id(node) not in functions]
    for node in columns:
        node.id = names[node.id][1] if node.id in names else node.id
    return Factor(written, body, tuple(dict.fromkeys(node.id for node in columns)), called)


def _with_names(text: str, names: dict[str, tuple[str, str]]) -> str:
    """What was written, in place of the identifiers that stand for it."""
    return re.sub("|".join(map(re.escape, names)), lambda m: names[m.group()][0], text) if names else text


def _without_hidden_names(text: str) -> tuple[str, dict[str, tuple[str, str]]]:
    """The text with identifiers in place of what Python cannot read as one: names in backticks, its own keywords
    (import, yield, lambda ...), and names that it would read as another (it composes accents and takes the ligature fi
    for f and i); and, by identifier, what was written and the column that is meant."""
    names: dict[str, tuple[str, str]] = {}
    prefix = "q"
    while prefix in text:
        prefix += "_q"

    def replaced(match):
        column = match.group(3) or match.group(2) or match.group(1)
        if match.group(3) and unicodedata.is_normalized("NFKC", column):
            return column
        if not column:
            raise SpatialInputError("E504", f"{brief(text)} has backticks without a name between them",
                                    hint="`name of the column`")  # fmt: skip
        identifier = f"{prefix}{len(names):04d}"
        names[identifier] = match.group(), column
        return identifier

    return _HIDDEN.sub(replaced, text), names


def _refuse_size(source: str, text: str) -> None:
    """Expressions that would take Python's parser or the arithmetic for ever."""
    depth = deepest = 0
    for character in source:
        depth += (character == "(") - (character == ")")
        deepest = max(deepest, depth)
    operators = len(re.findall(r"[-+*/&|]", source))
    if deepest > MAX_DEPTH or operators > MAX_OPERATORS:
        raise SpatialInputError(
            "E503",
            f"{brief(text)} has {operators} operators, {deepest} deep: {MAX_OPERATORS} and {MAX_DEPTH} are the most",
            hint="compute it as a column of the data",
        )


def _allowed(node: ast.AST) -> bool:
    match node:
        case ast.Constant(value=value):
            return isinstance(value, int | float)
        case ast.Call(func=function, keywords=keywords):
            return isinstance(function, ast.Name) and function.id in FUNCTIONS and not keywords
        case ast.BinOp(op=ast.Pow(), right=power):
            return isinstance(power, ast.Constant | ast.UnaryOp)
        case ast.BinOp(op=ast.BitAnd() | ast.BitOr(), left=left, right=right):
            return all(_is_true_or_false(side) for side in (left, right))
        case ast.Compare(ops=operators):
            return len(operators) == 1
    return isinstance(node, _SYNTAX)


def _is_true_or_false(node: ast.AST) -> bool:
    """A comparison, or several joined by & and |."""
    return isinstance(node, ast.Compare) or (isinstance(node, ast.BinOp) and isinstance(node.op, BOTH))


def _check_call(call: ast.Call, text: str, *, root: bool) -> None:
    """The number of arguments; whole numbers where they are meant; categories and polynomials stand alone."""
    name = ast.unparse(call.func)
    least, most = ARGUMENTS.get(name, (1, 1))
    if not least <= len(call.args) <= most:
        takes = f"{least} argument" if least == most else f"{least} or {most} arguments"
        raise SpatialInputError("E503", f"{name}() in {brief(text)} takes {takes}, got {len(call.args)}",
                                hint=f"{name}(x, 4)" if most == 2 else f"{name}(x)")  # fmt: skip
    if name in ("C", "i", OFFSET, *BASES) and not root:
        raise SpatialInputError("E503", f"{name}() inside another function, {brief(text)}, has no meaning",
                                hint=f"{name}(...) is a term of its own")  # fmt: skip
    if len(call.args) == 2:
        limit, least = MAX_DEGREE if name in BASES else None, LEAST.get(name, 1)
        number = call.args[1].value if isinstance(call.args[1], ast.Constant) else None
        if not isinstance(number, int) or isinstance(number, bool) or number < least or (limit and number > limit):
            bound = f" from {least} to {limit}" if limit else " of periods, 1 or more"
            raise SpatialInputError("E503", f"{name}() in {brief(text)} needs a whole number{bound}",
                                    hint=f"{name}(x, {max(least, 2)})")  # fmt: skip
