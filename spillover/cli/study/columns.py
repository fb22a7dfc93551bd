"""Columns that a study computes before it begins: an expression, or an indicator by its name."""

from __future__ import annotations

import inspect
from dataclasses import dataclass

import pandas as pd

import spatial as sp
from spatial.design.terms import expression
from spillover.errors import SpatialInputError, check_option

from .kinds import check_kind, check_kinds

# What each indicator's result gives by unit and period, and which column of it is meant unless ``take`` says.
INDICATORS = {
    "composite_index": (lambda r: r.groups.assign(index=r.scores), "index"),
    "coupling": (lambda r: r, "coordination"),
    "dea": (lambda r: r.scores, None),
    "location_quotients": (lambda r: r, None),
    "malmquist": (lambda r: r.levels, "tfp"),
    "malmquist_luenberger": (lambda r: r.levels, "tfp"),
    "perpetual_inventory": (lambda r: r, None),
    "rationalization": (lambda r: r, "theil"),
    "solow_residual": (lambda r: r.frame, "log_tfp"),
    "specialization": (lambda r: r, None),
    "stochastic_frontier": (lambda r: r.efficiency, None),
    "super_sbm": (lambda r: r.scores, None),
    "upgrading": (lambda r: r, "layer"),
}


@dataclass(frozen=True, eq=False)
class Computed:
    """A column that was computed: how, and the indicator's result; None for an expression."""

    name: str
    how: str
    result: object = None


def with_columns(
    panel: pd.DataFrame, wanted: dict, *, entity: str, time: str
) -> tuple[pd.DataFrame, tuple[Computed, ...]]:
    """The panel with the columns of a study's ``[columns]``, in their order, and how each was made.

    Parameters
    ----------
    panel : DataFrame
    wanted : dict of a new column's name to how it is made
        An expression such as ``"log(gdp / population)"``, or a table: ``how`` names a function of
        ``spatial.indicators``, ``take`` the one of its columns that is meant, the rest are its arguments.

    Raises
    ------
    SpatialInputError
        E501 a name that is taken, an unknown indicator or argument; E502 to E504 an expression that cannot be
        computed; and those of the indicators.
    """
    computed = []
    for name, recipe in wanted.items():
        if name in panel.columns:
            raise SpatialInputError("E501", f"[columns] makes {name!r}, which the panel has", hint="take another name")
        check_kind(f"{name} in [columns]", recipe, str, dict)
        if isinstance(recipe, str):
            panel = panel.assign(**{name: expression(recipe, panel)})
            computed.append(Computed(name, recipe))
        else:
            values, result = _indicator(name, panel, dict(recipe), entity, time)
            keys = pd.MultiIndex.from_frame(panel[[entity, time]])
            panel = panel.assign(**{name: values.reindex(keys).to_numpy()})
            words = "; ".join(f"{key} {_words(value)}" for key, value in recipe.items() if key != "how")
            computed.append(Computed(name, f"{recipe['how'].replace('_', ' ')}: {words}", result))
    return panel, tuple(computed)


def _indicator(name: str, panel, recipe: dict, entity: str, time: str):
    """(values by unit and period, the indicator's result)."""
    how, take = recipe.pop("how", None), recipe.pop("take", None)
    check_option(f"how of {name}", how, INDICATORS)
    check_kind(f"take in [columns.{name}]", take or "", str)
    function = getattr(sp.indicators, how)
    _check_arguments(name, how, inspect.signature(function).parameters.values(), recipe)
    check_kinds(f"[columns.{name}]", recipe, function)
    result = function(panel, **recipe, entity=entity, time=time)
    columns_of, usual = INDICATORS[how]
    values = columns_of(result)
    if isinstance(values, pd.Series):
        return values, result
    take = take or usual
    if take not in values.columns:
        available = ", ".join(map(str, values.columns))
        raise SpatialInputError("E501", f"{how} gives these columns: {available}", hint=f"write take = ... for {name}")
    return values[take], result


def _words(value) -> str:
    """A recipe's entry in words: lists and tables without brackets."""
    if isinstance(value, dict):
        return ", ".join(f"{key} ({_words(part)})" for key, part in value.items())
    return ", ".join(map(_words, value)) if isinstance(value, list) else str(value)


def _check_arguments(name: str, how: str, parameters, arguments: dict) -> None:
    allowed = {p.name: p for p in parameters if p.name not in ("data", "entity", "time")}
    for key in arguments:
        if key not in allowed:
            message = f"{how} has no argument {key!r}"
            raise SpatialInputError("E501", message, hint=f"it has: {', '.join(allowed)}; take")
    missing = [p.name for p in allowed.values() if p.default is p.empty and p.name not in arguments]
    if missing:
        raise SpatialInputError("E501", f"{how} needs {missing[0]}", hint=f"write {missing[0]} = ... for {name}")
