"""Marginal effects of a variable, and contrasts between its values, with the spatial multiplier inside.

A variable x acts through every term T of the formula that holds it: logarithms, squares, polynomials, interactions,
categories. With m_T = dT/dx in each unit (a slope), or T(x = b) - T(x = a) (a contrast),

    dy / dx' = (I - rho W)^-1 [sum_T beta_T diag(m_T) + W sum_T theta_T diag(m_T)]

and direct, indirect and total effects are averaged over the units that emit (``emitted``); the second lags of
wx_order=2 add W^2 sum_T theta_2T diag(m_T). In the long run of a dynamic model (1 - tau) I - (rho + eta) W is in place
of I - rho W (``long_run``). Without a spatial part these are the average marginal effects of Stata's ``margins,
dydx()`` and of marginaleffects in R and Python. Sources: LeSage & Pace (2009), section 2.7, for the averages; Arel-
Bundock, Greifer & Heiss (2024, Journal of Statistical Software 111(9)) for slopes and contrasts.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping, Sequence
from itertools import product
from typing import TYPE_CHECKING

import numpy as np

from spillover.errors import SpatialInputError, check_option, warn
from spillover.values import share

from ..design.design import Design
from ..design.unsplit import unsplit
from ..records.fit import FitRecord
from .by_group import EffectsBy
from .counterfactual import (
    check_column,
    check_run,
    groups_of,
    in_words,
    is_category,
    label_of,
    settings_of,
    slopes_of_regressors,
    sums_by_place,
    values_of,
    with_offset,
)
from .elasticity import relative_to_response
from .emitted import emitted, emitting

if TYPE_CHECKING:
    from spillover.types import Groups

KINDS = ("dydx", "eyex", "eydx", "dyex")


def slopes(fit: FitRecord, variable: str, *, by: Groups | None = None, at: Mapping | str | None = None,
           kind: str = "dydx", run: str = "short", level: float = 0.95) -> EffectsBy:
    """Direct, indirect and total marginal effects of a column of the data, averaged over units and periods.

    Parameters
    ----------
    fit : Fit
    variable : str
        A numeric column, as ``"income"`` in ``y ~ log(income) + I(income**2) + income:east``.
    by : str or Series, optional
        A column, "entity", "time" or a Series by unit (and period): slopes that the units of each group emit.
    at : mapping, or "mean"; optional
        Columns and the values that all units are given: ``{"income": [10, 20], "east": 1}``; "mean" gives every numeric
        column its mean. By default every unit has its own values.
    kind : {"dydx", "eyex", "eydx", "dyex"}
        Units of y per unit of x; elasticity (per cent per per cent); share of y per unit of x; units of y per 100 % of
        x. Of a response in levels shares are those of its mean; the logarithm of a response is taken for ln y.
    run : {"short", "long"}
        Of a dynamic model: in the period of the change, its past as it was, or when a change that stays has worked
        itself out.
    level : float
        Coverage of the intervals, a share; their distribution is that of ``fit.effects()``.

    Returns
    -------
    EffectsBy
        ``.tidy()``, ``.differences()`` between groups or values, ``.test("total")`` that all are equal.

    Raises
    ------
    SpatialInputError
        E501 an unknown option, or the long run of a static model; E502 no such column; E203 a column of
        categories; E505 a term that is not finite at these values; E530 the column also enters lagged in time; E532 no
        percentages of a response whose mean is not positive; E712 no long run.

    Notes
    -----
    Terms are differentiated by central differences: to 9 digits. A comparison such as ``I(x > 0)`` has the slope 0
    where it has one; a warning names it, and ``contrasts`` has its steps.

    Examples
    --------
    >>> import shapefiles, spatial as sp, weights as wt
    >>> columbus = shapefiles.load("columbus")
    >>> fit = sp.sdm("CRIME ~ INC + I(INC**2) + HOVAL", columbus, wt.queen(columbus).standardize("row"))
    >>> sp.slopes(fit, "INC", at={"INC": [10, 20]}).direct.round(2).to_dict()
    {'INC = 10': -0.85, 'INC = 20': -0.91}
    """
    check_option("kind", kind, KINDS)
    d = _checked(fit, variable, level, run, number=True)
    _warn_of_jumps(d, variable)
    relative = relative_to_response(d) if kind.startswith("ey") else 1.0

    def change(setting):
        slope = relative * slopes_of_regressors(d, variable, setting)
        x = setting.get(variable, values_of(d, variable)) if kind.endswith("ex") else 1.0
        return slope * np.broadcast_to(np.asarray(x, dtype=float), d.y.shape)[..., None]

    settings = settings_of(d, at)
    return _emitted(fit, variable, [(label_of(setting, at), change, setting) for setting in settings], by, level, run)


def contrasts(fit: FitRecord, variable: str, values: Sequence | float | None = None, *, by: Groups | None = None,
              at: Mapping | str | None = None, run: str = "short", level: float = 0.95) -> EffectsBy:
    """What the response gains where a column changes from one value to another: direct, indirect and total effects.

    Parameters
    ----------
    fit : Fit
    variable : str
        A column of numbers or of categories.
    values : list of two or more, or a number; optional
        Each value against the first, in all units: ``[0, 1]``, ``["west", "east"]``. A number is added to what each
        unit has. By default every level of a category against its first, and one unit more of a number.
    by : str or Series, optional
        A column, "entity", "time" or a Series by unit (and period): what the units of each group emit.
    at : mapping, or "mean"; optional
        Other columns and the values that all units are given.
    run : {"short", "long"}
        As for ``slopes``.
    level : float
        Coverage of the intervals, a share.

    Returns
    -------
    EffectsBy
        Direct: in a unit itself; total: in all units together, for a change in one.

    Raises
    ------
    SpatialInputError
        E501 fewer than two values, or the long run of a static model; E502 no such column or level; E203
        no number; E505 a term that is not finite; E530 the column also enters lagged in time; E712 no long run.

    Examples
    --------
    >>> import shapefiles, spatial as sp, weights as wt
    >>> columbus = shapefiles.load("columbus")
    >>> fit = sp.sdm("CRIME ~ log(INC) + HOVAL", columbus, wt.queen(columbus).standardize("row"))
    >>> sp.contrasts(fit, "INC", [10, 20]).direct.round(2).to_dict()
    {'20 - 10': -8.57}
    """
    d = _checked(fit, variable, level, run, number=False)
    pairs = _pairs(d, variable, values)
    cases = []
    for setting, (label, low, high) in product(settings_of(d, at, without=variable), pairs):

        def change(setting, low=low, high=high):
            ahead, behind = (with_offset(d, {**setting, variable: value}) for value in (high, low))
            return ahead - behind

        cases.append((", ".join(filter(None, (label, label_of(setting, at)))), change, setting))
    return _emitted(fit, variable, cases, by, level, run)


def _checked(fit: FitRecord, variable: str, level: float, run: str, *, number: bool) -> Design:
    if not isinstance(fit, FitRecord):
        raise SpatialInputError("E501", f"slopes and contrasts are those of a fit, got {type(fit).__name__}",
                                hint="give the result of sp.sdm(...) or of another model")  # fmt: skip
    share("level", level)
    check_run(fit, run)
    d = unsplit(fit._design)
    check_column(d, variable, number=number)
    return d


def _warn_of_jumps(d: Design, variable: str) -> None:
    """A comparison jumps, which no slope sees."""
    jumps = dict.fromkeys(factor.text for factor in d.encoding.terms.right_factors if variable in factor.columns
                          and any(isinstance(node, ast.Compare) and variable in _names(node)
                                  for node in ast.walk(factor.tree)))  # fmt: skip
    if jumps:
        warn(f"{', '.join(jumps)} is a step in {variable!r}, whose slope is 0: what {variable!r} does by it is not in "
             f"this slope; sp.contrasts(fit, {variable!r}, [from, to]) has it")  # fmt: skip


def _names(node: ast.AST) -> set[str]:
    return {inner.id for inner in ast.walk(node) if isinstance(inner, ast.Name)}


def _emitted(fit: FitRecord, variable: str, cases: list[tuple[str, Callable, dict]], by, level: float,
             run: str) -> EffectsBy:  # fmt: skip
    """One average for every group and case; a case is a label, a function of its setting to the change of the
    regressors and the offset (T, N, k + 1), and the setting."""
    d = unsplit(fit._design)
    groups = groups_of(d, by)
    changes = [d.rows(change(setting)) for _, change, setting in cases]
    moved = [j for j, name in enumerate(d.names) if name in d.regressors and any(m[:, j].any() for m in changes)]
    names = [d.names[j] for j in moved]
    if any(m[:, -1].any() for m in changes):
        moved.append(len(d.names))  # the offset, whose coefficient is 1
    if not moved:
        raise SpatialInputError("E501", f"no regressor changes with {variable!r} here", column=variable,
                                hint=f"other values: sp.contrasts(fit, {variable!r}, [from, to])")  # fmt: skip
    labels, weights = [], []
    place = emitting(fit, d, run)
    for (group, members), ((label, _, _), m) in product(groups, zip(cases, changes)):
        labels.append(", ".join(filter(None, (group, label))) or "all")
        emits = members / members.sum()
        weights.append([sums_by_place(place, m[:, j] * emits) for j in moved])
    law, inference = emitted(fit, names, np.array(weights), level, run)
    return EffectsBy(variable, tuple(labels), inference, law, fit, level, f"{run}-run" if d.lags else "")


def _pairs(d: Design, variable: str, values) -> list[tuple[str, object, object]]:
    """(label, from, to) of every contrast."""
    category = is_category(d, variable)
    if values is None:
        values = _levels(d, variable) if category else 1.0
    if not category and isinstance(values, int | float | np.number) and not isinstance(values, bool):
        own = values_of(d, variable).astype(float)
        return [(f"{values:+g}", own, own + float(values))]
    first, *others = several = list(values) if isinstance(values, list | tuple | np.ndarray) else [values]
    if not others:
        raise SpatialInputError("E501", f"a contrast is between two values, got {several}",
                                hint="values=[from, to]")
    if not category and (bad := [v for v in several if not isinstance(v, int | float | np.number)]):
        raise SpatialInputError("E203", f"{variable!r} holds numbers, got {bad[0]!r}", column=variable,
                                hint="values=[0, 1]")  # fmt: skip
    return [(f"{in_words(other)} - {in_words(first)}", first, other) for other in others]


def _levels(d: Design, variable: str) -> list:
    """The levels of a category in the order of the fit, its base first."""
    for _, factors in d.encoding.terms.right:
        for factor in factors:
            if variable in factor.columns and factor.text in d.encoding.states:
                return list(d.encoding.states[factor.text])
    return sorted(set(d.rows(values_of(d, variable)).tolist()), key=str)
