"""Points and intervals side by side: effects by variable, by weights, by order of neighbor."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from spillover.errors import SpatialInputError, check_option
from spillover.language import phrase, stored

from .style import INK, SOFT, figure, legible, plain, series_styles

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from spillover.types import Columns

KINDS = ("direct", "indirect", "total")
MOST = 12  # W in a figure, the likeliest
STEP = 0.22  # between the series of one row; rows are 1 apart


def effects(effects: Any, ax: Axes | None = None, *, variables: Columns | None = None) -> Axes:
    """Direct, indirect and total effect of each variable, with intervals.

    Parameters
    ----------
    effects : Effects
    ax : matplotlib Axes, optional
    variables : list of str, optional
        Which to draw, in this order; default all. Effects of variables in very different units are best
        drawn apart.

    Raises
    ------
    SpatialInputError
        E501 for text in place of an Axes, E502 for a variable that the effects do not have.

    Examples
    --------
    >>> import pandas as pd
    >>> from types import SimpleNamespace as Some
    >>> rows = [("direct", "x", 1.0, 0.8, 1.2), ("indirect", "x", 0.3, -0.1, 0.7), ("total", "x", 1.3, 0.9, 1.8)]
    >>> table = pd.DataFrame(rows, columns=["effect", "term", "estimate", "conf_low", "conf_high"])
    >>> design = Some(response="log(y)")
    >>> ax = effects(Some(tidy=lambda: table, level=0.95, run="", fit=Some(_design=design)))
    >>> ax.get_xlabel()
    'Effect on log(y) of a one-unit rise, 95 % interval'
    """
    if isinstance(ax, str):
        raise SpatialInputError("E501", f"ax={ax!r} should be an Axes of matplotlib", hint=f"plot(variables=[{ax!r}])")
    table = _chosen(effects.tidy(), variables)
    title = stored(f"{effects.run} effects".strip().capitalize())
    return whiskers(table, "effect", ax, title=title, xlabel=_axis(effects))


def coefficients(fit, ax=None, *, variables=None):
    """Coefficients of a fit with their 95 % intervals, the constant left out.

    Parameters
    ----------
    fit : Fit
    ax : matplotlib Axes, optional
    variables : list of str, optional
        Terms to draw, in this order; default all but the constant.

    Raises
    ------
    SpatialInputError
        E502 for a term that the fit does not have.
    """
    table = fit.tidy()
    table = _chosen(table[table["term"] != "Intercept"].assign(effect="coefficient"), variables)
    title = f"{fit.specification.name}: {fit._design.response}"
    return whiskers(table, "effect", ax, title=title, xlabel=phrase("Coefficient, 95 % interval"), legend=False)


def combinations(result, ax=None):
    """Functions of coefficients with their intervals."""
    table = result.tidy().assign(effect="combination")
    title = f"{result.fit.specification.name}: {result.fit._design.response}"
    xlabel = phrase("Combination of coefficients, {level} % interval", level=f"{100 * result.level:g}")
    return whiskers(table, "effect", ax, title=title, xlabel=xlabel, legend=False)


def predictions(result, ax=None):
    """Average predictions with their intervals."""
    table = result.tidy().assign(effect="prediction").replace({"term": {"all": stored("all")}})
    title = f"{result.fit.specification.name}: {result.fit._design.response}"
    xlabel = phrase("Average prediction, {level} % interval", level=f"{100 * result.level:g}")
    return whiskers(table, "effect", ax, title=title, xlabel=xlabel, legend=False)


def effects_table(result, ax=None, *, variables=None):
    """Effects of any result whose table has terms and kinds of effects: by group, elasticities, averages over W."""
    table = _chosen(result.tidy(), variables).replace({"term": {"all": stored("all")}})
    return whiskers(table, "effect", ax, title=phrase("Effects"), xlabel=phrase("Estimate and interval"))


def by_weights(comparison: Any, effect: str = "indirect", ax: Axes | None = None, *,
               variables: Columns | None = None) -> Axes:
    """One kind of effect of each variable under each W, with intervals.

    Parameters
    ----------
    comparison : Comparison
    effect : {"direct", "indirect", "total"}
        Of dynamic models "short-run direct" and so on.
    ax : matplotlib Axes, optional
    variables : list of str, optional
        Which to draw, in this order; default all.

    Raises
    ------
    SpatialInputError
        E501 for an unknown effect, E502 for a variable that the effects do not have.
    """
    table = comparison.tidy(comparison.likeliest(MOST))
    check_option("effect", effect, table["effect"].unique())
    if "model" in table:
        table = table.assign(weights=table["weights"] + ", " + table["model"])
    table = _chosen(table[table["effect"] == effect], variables)
    xlabel = _axis(comparison.effects[next(iter(comparison.effects))])
    title = phrase("{effects} by weights", effects=stored(f"{effect.capitalize()} effects"))
    return whiskers(table, "weights", ax, title=title, xlabel=xlabel)


def by_order(effects: Any, variable: str, ax: Axes | None = None, *, orders: int = 8) -> Axes:
    """An effect by order of W: the part that passes through neighbors, neighbors of neighbors, and so on.

    Parameters
    ----------
    effects : Effects
    variable : str
    ax : matplotlib Axes, optional
    orders : int
        The last power of W drawn.

    Raises
    ------
    SpatialInputError
        E502 for a variable that the effects do not have.
    """
    table = _chosen(effects.by_order(orders), [variable])
    ax = ax if ax is not None else figure(height=2.9)
    ax.axhline(0, color=SOFT, linewidth=0.8, zorder=0)
    for kind, (colour, marker) in zip(KINDS, series_styles()):
        part = table[table["effect"] == kind]
        ax.plot(part["order"], part["estimate"], color=colour, marker=marker, markersize=5, linewidth=1.2,
                label=stored(kind))  # fmt: skip
    ax.set_xticks(range(orders + 1))
    response = effects.fit._design.response
    plain(ax, title=phrase("Effect of {variable} by order of neighbor", variable=variable), xlabel=phrase("Power of W"),
          ylabel=phrase("Part of the effect on {outcome}", outcome=response), legend=True)  # fmt: skip
    return legible(ax)


def whiskers(table, series: str, ax, *, title: str, xlabel: str, legend: bool = True):
    """One row per term, in it one point and interval per series; the first of each on top."""
    terms, names = list(table["term"].unique()), [str(name) for name in table[series].unique()]
    step = min(STEP, 0.8 / len(names))
    ax = ax if ax is not None else figure(height=1.15 + len(terms) * max(0.35, 0.17 * len(names)))
    ax.axvline(0, color=SOFT, linewidth=0.8, zorder=0)
    for k, (name, (colour, marker)) in enumerate(zip(names, series_styles())):
        part = table[table[series].astype(str) == name].set_index("term").reindex(terms)
        at = np.arange(len(terms)) + step * (k - (len(names) - 1) / 2)
        ax.hlines(at, part["conf_low"], part["conf_high"], color=colour, linewidth=1.4)
        ax.plot(part["estimate"], at, linestyle="none", marker=marker, markersize=5, color=colour,
                label=stored(name) if series == "effect" else name)  # fmt: skip
        for y, estimate in zip(at, part["estimate"]):
            ax.annotate(f"{estimate:#.3g}".replace("-", "−"), (1.02, y), xycoords=("axes fraction", "data"),
                        va="center", fontsize=8, color=INK)  # fmt: skip
    ax.set_yticks(range(len(terms)), terms)
    ax.set_ylim(len(terms) - 0.5, -0.5)
    for edge in range(1, len(terms)):
        ax.axhline(edge - 0.5, color="#e6e6e6", linewidth=0.6, zorder=0)
    plain(ax, title=title, xlabel=xlabel, legend=legend)
    ax.tick_params(axis="y", length=0, labelcolor=INK)
    return legible(ax)


def _chosen(table, variables):
    """Rows of these variables, in their order."""
    there = list(table["term"].unique())
    for name in variables or ():
        if name not in there:
            raise SpatialInputError("E502", f"{name!r} is no variable of these effects", column=str(name),
                                    hint="there are " + ", ".join(map(repr, there)))  # fmt: skip
    selected = list(variables or there)
    return table[table["term"].isin(selected)].sort_values(
        "term", key=lambda terms: terms.map(selected.index), kind="stable"
    )


def _axis(effects) -> str:
    return phrase("Effect on {outcome} of a one-unit rise, {level} % interval", outcome=effects.fit._design.response,
                  level=f"{100 * effects.level:g}")  # fmt: skip
