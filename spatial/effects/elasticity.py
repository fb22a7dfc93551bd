"""Elasticities from effects: what per cent of the response a per cent, or a unit, of a variable makes.

A variable x acts through every term T of the formula that it is part of: itself, its logarithm, its square, its
interactions. With S_T the effect (direct, indirect or total) of term T

    elasticity  sum_T S_T (dT / d log x) / (dy / y),      semi-elasticity  sum_T S_T (dT / dx) / (dy / y)

where dy / y is 1 / y_bar of the response in levels and ln(base) of its logarithm: of y on x and x^2 the elasticity is
(S_1 + 2 S_2 x_bar) x_bar / y_bar. Derivatives are taken at the mean of x (of log x where that is the regressor), the
factors of interactions at their means over the observations. Means are treated as numbers without error.
"""

from __future__ import annotations

import ast
import math
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from spillover.errors import SpatialInputError
from spillover.language import phrase
from spillover.show import Shown

from ..design.design import Design
from ..design.formula import Factor, read_formula
from ..design.moderators import Moderated, moderator_values, term_parts
from ..design.terms import FUNCTIONS, number_value
from ..records.schema import SCHEMA
from .infer import infer
from .mixture import Inference
from .propagate import KINDS

if TYPE_CHECKING:
    from .average import Effects

STEP = 1e-5  # of central differences
BASES = {"log": math.e, "log10": 10.0, "log2": 2.0}


@dataclass(frozen=True, eq=False)
class Elasticities(Shown):
    """Elasticities or semi-elasticities, with the effects they come from.

    Attributes
    ----------
    effects : Effects
    kind : {"elasticity", "semi-elasticity"}
    factors : DataFrame, variables by terms
        What the effects of the terms are multiplied with.
    inference : Inference
        (3, variables) each: direct, indirect, total.
    left_out : tuple of str
        Terms without an elasticity: categories, what cannot be evaluated at a mean, means that are not positive.
    """

    effects: Effects = field(repr=False)
    kind: str
    factors: pd.DataFrame = field(repr=False)
    inference: Inference = field(repr=False)
    left_out: tuple[str, ...] = ()

    @property
    def fit(self) -> Any:
        return self.effects.fit

    @property
    def direct(self) -> pd.Series:
        return self._series("direct")

    @property
    def indirect(self) -> pd.Series:
        return self._series("indirect")

    @property
    def total(self) -> pd.Series:
        return self._series("total")

    def tidy(self) -> pd.DataFrame:
        """One row per variable and effect, in the common schema plus ``effect``."""
        index = pd.MultiIndex.from_product([KINDS, self.factors.index], names=["effect", "term"])
        return pd.DataFrame(self.inference.columns(), index=index).reset_index()[["effect", *SCHEMA]]

    def _series(self, kind):
        return pd.Series(self.inference.estimate[KINDS.index(kind)], self.factors.index, name=kind)


def elasticities(effects, kind: str) -> Elasticities:
    """From effects; ``Effects.elasticity`` and ``Effects.semi_elasticity`` are the doors.

    Raises
    ------
    SpatialInputError
        E532 when the response is in levels and its mean is not positive, or no term has an elasticity.
    """
    d = effects.fit._design
    relative = relative_to_response(d)
    slopes, covered = derivatives(d, kind == "elasticity")
    if not slopes:
        raise SpatialInputError("E532", f"{d.formula!r} has no {kind}",
                                hint="columns with a positive mean and their logarithms have")  # fmt: skip
    factors = relative * pd.DataFrame(slopes).T.reindex(columns=effects.variables).fillna(0.0).rename_axis("term")
    picks = np.einsum("ev,kvp->kep", factors.to_numpy(), effects._picks)
    inferred = infer(effects.source, picks, effects.options)
    left_out = tuple(name for name in effects.variables if name not in covered)
    return Elasticities(effects, kind, factors, inferred.inference, left_out)


def relative_to_response(d: Design) -> float:
    """What makes a share of y of a change of the response: 1 / its mean, or ln(base) of its logarithm.

    Raises
    ------
    SpatialInputError
        E532 when the response is in levels and its mean is not positive.
    """
    base_y, _ = logarithms(d)
    if base_y is not None:
        return float(np.log(base_y))
    y_bar = float(np.nanmean(d.rows(d.outcome)))  # of those that are observed
    if not y_bar > 0:
        raise SpatialInputError("E532", f"the mean of {d.response!r} is {y_bar:.4g}: it has no percentages",
                                column=d.response, hint="elasticities need a positive response")  # fmt: skip
    return 1 / y_bar


def derivatives(d: Design, relative: bool) -> tuple[dict[str, dict[str, float]], set[str]]:
    """dT / d log x, or dT / dx, by variable and term, and the terms that are covered.

    A variable is named by the term that it, or its logarithm, is alone.
    """
    terms = read_formula(d.formula, d.frame.columns)
    factors = {factor.text: factor for _, product in terms.right for factor in product}
    parts = {name: term_parts(name) for name in d.regressors}  # (factor, level) pairs
    in_offset = {column for factor in terms.offsets for column in factor.columns}
    out, covered = {}, set()
    for name, product in parts.items():
        variable, base = _variable(factors[product[0][0]].tree) if len(product) == 1 else (None, None)
        if variable is not None and variable[0] in in_offset:  # part of its effect is no term's
            continue
        if variable is None or name in covered or (base is not None and not relative):
            continue
        mean = float(np.mean(d.rows(d.X[:, :, d.names.index(name)])))
        at = mean if base is None else base**mean
        if relative and not at > 0:
            continue
        slopes = {other: _slope(d, [(factors[text], level) for text, level in pieces], variable, at, relative)
                  for other, pieces in parts.items()}  # fmt: skip
        if None in slopes.values():  # part of the variable's effect cannot be computed
            continue
        out[name] = {other: slope for other, slope in slopes.items() if slope}
        covered |= set(out[name])
    return out, covered


def _slope(d: Design, pieces, variable, at: float, relative: bool) -> float | None:
    """Of one term; 0 where the variable is no part of it, None where it cannot be computed."""
    column, lagged = variable
    own = [(factor, level) for factor, level in pieces
           if column in factor.columns and _lag_of(factor.tree)[1] == lagged]  # fmt: skip
    rest = [piece for piece in pieces if piece not in own]
    if not own:
        return 0.0
    # a factor of the data that is evaluated apart from them
    if any(level or not _inner(factor).functions <= set(FUNCTIONS) for factor, level in own):
        return None
    if any(not level and not factor.functions <= set(FUNCTIONS) for factor, level in rest):
        return None
    means = {c: float(np.mean(d.frame[c].to_numpy(dtype=float)[d.rows(d.order)]))
             for factor, _ in own for c in factor.columns if c != column}  # fmt: skip
    step = STEP if relative else STEP * max(abs(at), 1e-3)
    values = []
    for sign in (1, -1):
        x = at * np.exp(sign * step) if relative else at + sign * step
        values.append(np.prod([number_value(_inner(factor), {**means, column: np.float64(x)}) for factor, _ in own]))
    moderator = moderator_values(d, Moderated("", tuple(rest)), {}).mean() if rest else 1.0
    slope = float((values[0] - values[1]) / (2 * step) * moderator)
    return slope if np.isfinite(slope) else None


def logarithms(d: Design) -> tuple[float | None, dict[str, float | None]]:
    """The base of the response's logarithm (None for levels), and by regressor that is one column or its logarithm."""
    terms = read_formula(d.formula, d.frame.columns)
    bases = {}
    for name, product in terms.right:
        if len(product) == 1:
            variable, base = _variable(product[0].tree)
            if variable is not None:
                bases[name] = base
    return (_logarithm(terms.left[0].tree)[0] if len(terms.left) == 1 else None), bases


def meanings(effects) -> list[str]:
    """What the numbers of ``effects`` mean, a line per kind of term; none where nothing is a logarithm."""
    d = effects.fit._design
    base_y, bases = logarithms(d)
    of = {"outcome": outcome(d)}
    change = {
        (True, True): phrase("1 % more of it goes with (estimate) % more {outcome}", **of),
        (True, False): phrase("one unit more of it goes with (100 x estimate) % more {outcome}", **of),
        (False, True): phrase("1 % more of it goes with (estimate / 100) units more {outcome}", **of),
    }
    words: dict[str | None, list[str]] = {}
    for name in effects.variables:
        if name in bases and {base_y, bases[name]} <= {None, math.e}:
            key = (base_y is not None, bases[name] is not None)
            words.setdefault(change.get(key), []).append(name)
    lines = [f"{', '.join(names)}: {text}" for text, names in words.items() if text]
    if inter := [name for name in effects.variables if ":" in name]:
        lines.append(phrase("{terms}: interactions; effects_by() has the effects of their factors",
                            terms=", ".join(inter)))  # fmt: skip
    return lines


def outcome(d: Design) -> str:
    """The response without its logarithm."""
    terms = read_formula(d.formula, d.frame.columns)
    base, argument = _logarithm(terms.left[0].tree)
    return d.response if base is None or len(terms.left) > 1 else ast.unparse(argument)


def _variable(tree) -> tuple[tuple[str, str] | None, float | None]:
    """((column, lag), base of its logarithm) of a column or its logarithm; (None, None) of anything else."""
    inner, lagged = _lag_of(tree)
    base, rest = _logarithm(inner)
    return ((rest.id, lagged), base) if isinstance(rest, ast.Name) else (None, None)


def _lag_of(tree) -> tuple[ast.expr, str]:
    """What is lagged, and by how much, in words: x of another period is another variable."""
    lags = []
    while isinstance(tree, ast.Call) and ast.unparse(tree.func) == "lag":
        lags.append(ast.unparse(tree.args[1]) if len(tree.args) > 1 else "1")
        tree = tree.args[0]
    return tree, "+".join(lags)


def _inner(factor: Factor) -> Factor:
    """Without the lag around it."""
    tree, _ = _lag_of(factor.tree)
    called = {ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    return replace(factor, tree=tree, functions=frozenset(called))


def _logarithm(tree) -> tuple[float | None, ast.expr]:
    """(base, argument) of a logarithm, (None, tree) of anything else; ``lag()`` is looked through."""
    tree, _ = _lag_of(tree)
    if isinstance(tree, ast.Call) and (function := ast.unparse(tree.func)) in BASES:
        return BASES[function], tree.args[0]
    return None, tree
