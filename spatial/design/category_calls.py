"""Categories with a chosen base level: ``C(g, Treatment("b"))``, ``i(g, ref="b")``, ``i(year, treated, ref=2000)``.

``C()`` leaves the base out where the constant is spanned, as everywhere; ``i()``, which users of fixest know, leaves it
out always and multiplies with what stands second.
"""

from __future__ import annotations

import ast

from spillover.errors import SpatialInputError

TREATMENT = ("Treatment", "contr.treatment")
KEYWORDS = ("ref", "reference", "base")


def split_call(call: ast.Call, text: str) -> tuple[ast.Call, ast.expr | None, object, bool]:
    """Of a call of ``C`` or ``i``: the plain ``C(g)``, what it is multiplied with, its base level (None for the first),
    and whether the base is always left out.

    Raises
    ------
    SpatialInputError
        E503 other arguments.
    """
    always = isinstance(call.func, ast.Name) and call.func.id == "i"
    positional, base = list(call.args), None
    for keyword in call.keywords:
        if keyword.arg not in KEYWORDS or base is not None:
            raise _refused(text)
        base = _constant(keyword.value, text)
    if not always and len(positional) == 2 and base is None:
        base = _treatment(positional.pop(), text)
    other = positional.pop() if always and len(positional) == 2 else None
    if len(positional) != 1:
        raise _refused(text)
    return ast.Call(ast.Name("C", ast.Load()), positional, []), other, base, always


def label(call: ast.Call, base: object, always: bool) -> str:
    """The canonical text of a category."""
    inner = ast.unparse(call.args[0])
    if always:
        return f"i({inner})" if base is None else f"i({inner}, ref={base!r})"
    return f"C({inner})" if base is None else f"C({inner}, Treatment({base!r}))"


def _treatment(node: ast.expr, text: str) -> object:
    """The level in ``Treatment("b")``, ``Treatment(reference="b")`` or ``contr.treatment("b")``."""
    if not (isinstance(node, ast.Call) and ast.unparse(node.func) in TREATMENT):
        raise _refused(text)
    values = [*node.args, *(k.value for k in node.keywords if k.arg in KEYWORDS)]
    if len(values) != 1 or len(node.args) + len(node.keywords) != 1:
        raise _refused(text)
    return _constant(values[0], text)


def _constant(node: ast.expr, text: str) -> object:
    negative = isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub)
    inner = node.operand if isinstance(node, ast.UnaryOp) and negative else node
    if not isinstance(inner, ast.Constant) or not isinstance(inner.value, str | int | float):
        raise _refused(text)
    if negative:
        if isinstance(inner.value, str):
            raise _refused(text)
        return -inner.value
    return inner.value


def _refused(text: str) -> SpatialInputError:
    shown = text if len(text) <= 60 else text[:57] + "..."
    return SpatialInputError("E503", f"{shown!r} does not name a category and its base level",
                             hint="C(g, Treatment('b')), i(g, ref='b') or i(year, treated, ref=2000)")  # fmt: skip
