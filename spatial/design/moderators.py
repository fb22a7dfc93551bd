"""What a term of a formula is multiplied with: the moderators of a regressor, at their values or at others.

In ``y ~ x + x:m + x:C(region)`` the derivative of the right side with respect to x is
beta + gamma m + delta_east 1{east} + ...: one parameter per term that x is a factor of, and one moderator.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from spillover.errors import SpatialInputError

from .design import Design
from .formula import Factor, read_formula
from .terms import FUNCTIONS, number_value


@dataclass(frozen=True)
class Moderated:
    """A term that the regressor is a factor of: its column's name and its other factors with their levels ("" for
    numbers)."""

    name: str
    moderators: tuple[tuple[Factor, str], ...]

    @property
    def columns(self) -> set[str]:
        return {column for factor, _ in self.moderators for column in factor.columns}


def moderated_terms(d: Design, variable: str) -> list[Moderated]:
    """The terms that ``variable`` is a factor of.

    Raises
    ------
    SpatialInputError
        E502 no such factor, E530 the variable also enters in another form, or a moderator is of a kind that cannot
        be evaluated at other values.
    """
    terms = read_formula(d.formula, d.frame.columns)
    factors = {factor.text: factor for _, product in terms.right for factor in product}
    split = {name: term_parts(name) for name in d.regressors}
    containing = [name for name, parts in split.items() if variable in [text for text, _ in parts]]
    if not containing:
        hint = "the regressors are " + ", ".join(dict.fromkeys(p[0][0] for p in split.values()))
        raise SpatialInputError("E502", f"{variable!r} is no regressor of this fit", column=str(variable), hint=hint)
    own = set(factors[variable].columns)
    if any(own & set(factor.columns) for factor in terms.offsets):
        raise SpatialInputError("E530", f"{variable!r} is in the offset too: its effect is not that of its terms alone",
                                column=variable, hint="sp.slopes(fit, column) has both")  # fmt: skip
    for name, parts in split.items():
        others = [factors[text] for text, _ in parts if text != variable]
        if any(own & set(factor.columns) for factor in others) or [p[0] for p in parts].count(variable) > 1:
            raise SpatialInputError("E530", f"{variable!r} also enters through {name!r}: its effect depends on itself",
                                    column=variable, hint="effects() has the effect of every term")  # fmt: skip
    out = []
    for name in containing:
        moderators = tuple((factors[text], level) for text, level in split[name] if text != variable)
        if bad := [f.text for f, level in moderators if not level and not f.functions <= set(FUNCTIONS)]:
            raise SpatialInputError("E530", f"the moderator {bad[0]!r} cannot be evaluated apart from the data",
                                    column=bad[0], hint="make it a column of the data first")  # fmt: skip
        out.append(Moderated(name, moderators))
    return out


def moderator_values(d: Design, term: Moderated, at: dict) -> np.ndarray:
    """The product of a term's moderators on every row, (m,), some columns set to other values."""
    out = np.ones(d.nobs)
    for factor, level in term.moderators:
        values_at = {c: at[c] if c in at else d.frame[c].to_numpy()[d.rows(d.order)] for c in factor.columns}
        if level:
            (values,) = values_at.values()
            out = out * (np.asarray(values).astype(str) == level)
        else:
            numbers = {c: np.asarray(values, dtype=float) for c, values in values_at.items()}
            out = out * number_value(factor, numbers)
    return out


def term_parts(name: str) -> list[tuple[str, str]]:
    """The factors of a column and their levels: ``x:C(region)[T.a]`` is ("x", "") and ("C(region)", "a")."""
    pieces = [part.partition("[") for part in _parts(name)]
    return [(text, level.rstrip("]").removeprefix("T.")) for text, _, level in pieces]


def _parts(name: str) -> list[str]:
    """``x:C(region)[T.a:b]`` at the colons outside brackets and backticks."""
    parts, depth, quoted = [""], 0, False
    for character in name:
        quoted ^= character == "`"
        depth += (character in "([") - (character in ")]") if not quoted else 0
        if character == ":" and not depth and not quoted:
            parts.append("")
        else:
            parts[-1] += character
    return parts
