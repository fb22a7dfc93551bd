"""Dummies of categories: which levels a term has columns for, so that no column is spanned by others by construction.

A category g spans the constant and its contrasts, g = 1 + g-. A term spans the products of such parts; parts that
earlier terms span are left out, and the rest is put together again where that needs fewer columns. So ``y ~ g + x:g``
has contrasts of g (the intercept is there) and slopes for all of its levels. The first level is the base.
"""

from __future__ import annotations

from itertools import product

import numpy as np
import pandas as pd

from spillover.errors import SpatialInputError

Part = tuple[tuple[int, bool], ...]  # factors by their number, each with whether the base level is left out


def codings(terms: list[tuple[str, ...]], categorical: set[str]) -> list[list[tuple[tuple[str, bool], ...]]]:
    """By term: products of factors, each with whether its base level is left out.

    Examples
    --------
    >>> codings([(), ("g",), ("x", "g")], {"g"})
    [[()], [(('g', True),)], [(('x', False), ('g', False))]]
    """
    spanned: set[frozenset] = set()
    out = []
    for term in terms:
        choices = [((name, True), None) if name in categorical else ((name, False),) for name in term]
        parts = [tuple(one for one in part if one is not None) for part in product(*choices)]
        parts = [part for part in parts if frozenset(part) not in spanned]
        spanned |= {frozenset(part) for part in parts}
        out.append(_put_together(parts))
    return out


def _put_together(parts: list) -> list:
    """(anything):g- + (anything) is (anything):g."""
    kept: list = []
    for part in sorted(parts, key=len):
        for before in kept:
            new = set(part) - set(before)
            if len(part) - 1 != len(before) or len(new) != 1:
                continue
            ((name, contrasts),) = new
            if contrasts:
                whole = tuple((name, False) if one == (name, True) else one for one in part)
                kept = _put_together([one for one in kept if one is not before] + [whole])
                break
        else:
            kept = [*kept, part]
    return kept


def levels_of(values: pd.Series, observed: np.ndarray | None) -> tuple[pd.Index, list]:
    """The distinct values in order, and the categories that do not occur.

    Parameters
    ----------
    values : Series of T N
    observed : (T, N) of bool, or None
    """
    there = values if observed is None else values[observed.ravel()]
    whole = pd.Categorical(there)
    used = whole.remove_unused_categories().categories
    return used, [level for level in whole.categories if level not in used]


def with_base(levels: pd.Index, base: object, name: str) -> pd.Index:
    """The levels with a chosen one first.

    Raises
    ------
    SpatialInputError
        E502 no such level.

    Examples
    --------
    >>> with_base(pd.Index(["a", "b", "c"]), "b", "C(g)").tolist()
    ['b', 'a', 'c']
    """
    if base is None:
        return levels
    same = [level == base or str(level) == str(base) for level in levels]
    if not any(same):
        raise SpatialInputError("E502", f"{name!r} has no level {base!r} in these data", column=name,
                                hint="its levels are " + ", ".join(map(str, levels[:8])))  # fmt: skip
    first = same.index(True)
    return levels[[first, *(j for j in range(len(levels)) if j != first)]]


def dummies(name: str, values: pd.Series, levels: pd.Index, shape) -> dict[str, np.ndarray]:
    """One column (T, N) per level, by its label.

    Raises
    ------
    SpatialInputError
        E204 one level, E502 a value that is none of the levels.
    """
    if len(levels) < 2:
        only = f"one value, {_shown(levels[0])}" if len(levels) else "no values"
        raise SpatialInputError("E204", f"the category {name!r} has {only}: its dummies have no variation", column=name,
                                hint=f"leave {name!r} out of the formula")  # fmt: skip
    code = levels.get_indexer(pd.Index(values)).reshape(shape)
    if (code < 0).any():
        unseen = pd.unique(values[(code < 0).ravel()])
        raise SpatialInputError("E502", f"{name!r} has the value {_shown(unseen[0])}, which the fitted data do not "
                                "have", column=name, n=len(unseen), hint="leave these rows out: no coefficient "
                                "belongs to them")  # fmt: skip
    return {str(level): (code == j).astype(float) for j, level in enumerate(levels)}


def _shown(level) -> str:
    """Text in quotes, numbers as they print."""
    return repr(level) if isinstance(level, str) else str(level)
