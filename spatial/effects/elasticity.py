"""Elasticities from effects: what per cent of the response a per cent, or a unit, of a regressor makes.

Which side is a logarithm is read from the formula. With S the effect (direct, indirect or total), elasticities are

    log(y) on log(x)  S            log(y) on x  S x_bar
    y on log(x)       S / y_bar    y on x       S x_bar / y_bar

and semi-elasticities, of y per unit of x, S for log(y) on x and S / y_bar for y on x. Means are taken as given.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from spillover.errors import SpatialInputError
from spillover.show import Shown

from ..design.design import Design
from ..design.formula import read_formula

BASES = {"log": np.e, "log10": 10.0, "log2": 2.0}


@dataclass(frozen=True, eq=False)
class Elasticities(Shown):
    """Elasticities or semi-elasticities, with the effects they come from.

    Attributes
    ----------
    effects : Effects
    kind : {"elasticity", "semi-elasticity"}
    factors : Series by variable
        What the effects are multiplied with.
    left_out : tuple of str
        Terms without an elasticity: interactions, categories, powers, means that are not positive.
    """

    effects: object = field(repr=False)
    kind: str
    factors: pd.Series = field(repr=False)
    left_out: tuple[str, ...] = ()

    @property
    def fit(self):
        return self.effects.fit

    @property
    def direct(self) -> pd.Series:
        return (self.effects.direct[self.factors.index] * self.factors).rename("direct")

    @property
    def indirect(self) -> pd.Series:
        return (self.effects.indirect[self.factors.index] * self.factors).rename("indirect")

    @property
    def total(self) -> pd.Series:
        return (self.effects.total[self.factors.index] * self.factors).rename("total")

    def tidy(self) -> pd.DataFrame:
        """One row per variable and effect, in the common schema plus ``effect``; tests are those of the effects."""
        table = self.effects.tidy()
        table = table[table["term"].isin(self.factors.index)].reset_index(drop=True)
        scale = table["term"].map(self.factors)
        return table.assign(**{c: table[c] * scale for c in ("estimate", "std_error", "conf_low", "conf_high")})

    def __str__(self) -> str:
        from ..report.text import elasticities_text

        return elasticities_text(self)


def elasticities(effects, kind: str) -> Elasticities:
    """Scale effects; ``Effects.elasticity`` and ``Effects.semi_elasticity`` are the doors.

    Raises
    ------
    SpatialInputError
        E532 when the response is in levels and its mean is not positive, or no term has an elasticity.
    """
    d = effects.fit.design
    base_y, bases = logarithms(d)
    y_bar = float(np.mean(d.rows(d.y)))
    if base_y is None and not y_bar > 0:
        raise SpatialInputError("E532", f"the mean of {d.response!r} is {y_bar:.4g}: it has no percentages",
                                column=d.response, hint="elasticities need a positive response")  # fmt: skip
    relative = 1 / y_bar if base_y is None else np.log(base_y)  # dy as a share of y
    factors = {}
    for name in effects.variables:
        if name not in bases or name not in d.names:
            continue
        base, x_bar = bases[name], float(np.mean(d.rows(d.X[:, :, d.names.index(name)])))
        if kind == "semi-elasticity" and base is None:
            factors[name] = relative
        elif kind == "elasticity" and (base is not None or x_bar > 0):
            factors[name] = relative * (x_bar if base is None else 1 / np.log(base))
    if not factors:
        raise SpatialInputError("E532", f"{d.formula!r} has no {kind}",
                                hint="columns with a positive mean and their logarithms have")  # fmt: skip
    left_out = tuple(name for name in effects.variables if name not in factors)
    return Elasticities(effects, kind, pd.Series(factors, name=kind).rename_axis("term"), left_out)


def logarithms(d: Design) -> tuple[float | None, dict[str, float | None]]:
    """The base of the response's logarithm (None for levels), and by regressor that is one column or its logarithm."""
    terms = read_formula(d.formula, tuple(d.frame.columns))
    bases = {}
    for name, product in terms.right:
        if len(product) == 1:
            base, rest = _logarithm(product[0].tree)
            if base is not None or isinstance(rest, ast.Name):
                bases[name] = base
    return (_logarithm(terms.left[0].tree)[0] if len(terms.left) == 1 else None), bases


def meanings(effects) -> list[str]:
    """What the numbers of ``effects`` mean, a line per kind of term; none where nothing is a logarithm."""
    d = effects.fit.design
    base_y, bases = logarithms(d)
    change = {
        (True, True): "1 % more of it goes with (estimate) % more",
        (True, False): "one unit more of it goes with (100 x estimate) % more",
        (False, True): "1 % more of it goes with (estimate / 100) units more",
    }
    said = {}
    for name in effects.variables:
        if name in bases and {base_y, bases[name]} <= {None, np.e}:
            key = (base_y is not None, bases[name] is not None)
            said.setdefault(change.get(key), []).append(name)
    lines = [f"{', '.join(names)}: {text} {outcome(d)}" for text, names in said.items() if text]
    if inter := [name for name in effects.variables if ":" in name]:
        lines.append(f"{', '.join(inter)}: interactions; effects_by() has the effects of their factors")
    return lines


def outcome(d: Design) -> str:
    """The response without its logarithm."""
    terms = read_formula(d.formula, tuple(d.frame.columns))
    base, argument = _logarithm(terms.left[0].tree)
    return d.response if base is None or len(terms.left) > 1 else ast.unparse(argument)


def _logarithm(tree) -> tuple[float | None, ast.expr]:
    """(base, argument) of a logarithm, (None, tree) of anything else; ``lag()`` is looked through."""
    while isinstance(tree, ast.Call) and tree.func.id == "lag":
        tree = tree.args[0]
    if isinstance(tree, ast.Call) and tree.func.id in BASES:
        return BASES[tree.func.id], tree.args[0]
    return None, tree
