"""Figures of policies: paths around adoption, trends before it, estimates side by side, placebos, thresholds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from spillover.errors import SpatialInputError, check_option
from spillover.language import phrase, semicolons, stored

from .style import INK, SOFT, figure, legible, plain, series_styles
from .whiskers import whiskers

if TYPE_CHECKING:
    import geopandas as gpd
    from matplotlib.axes import Axes

STEP = 0.18  # between series of one period


def event_study(result: Any, ax: Axes | None = None) -> Axes:
    """Effects by time since adoption, with intervals; the reference is a hollow mark at zero.

    Parameters
    ----------
    result : DiD or SpatialDiD
        The latter has a direct and an indirect path.
    ax : matplotlib Axes, optional

    Raises
    ------
    SpatialInputError
        E206 for results without a path: a share or a dose, rings.

    Examples
    --------
    >>> import pandas as pd
    >>> from types import SimpleNamespace as Some
    >>> rows = [(-2, 0.1, -0.3, 0.5, False), (-1, 0.0, 0.0, 0.0, True), (0, 0.8, 0.4, 1.2, False)]
    >>> path = pd.DataFrame(rows, columns=["period", "estimate", "conf_low", "conf_high", "reference"])
    >>> ax = event_study(Some(path=path, settings={"level": 0.95}, response="y", treatment="law"))
    >>> ax.get_xlabel()
    'Time since adoption; hollow: reference, zero by construction'
    """
    if result.path is None:
        raise SpatialInputError("E206", "this result has no path by time since adoption", hint="result.plot()")
    path = result.path.assign(effect="") if "effect" not in result.path else result.path
    names = list(dict.fromkeys(path["effect"]))
    ax = ax if ax is not None else figure()
    ax.axhline(0, color=SOFT, linewidth=0.8, zorder=0)
    before = max(path["period"][path["period"] < 0], default=-1)
    ax.axvline(before / 2, color=SOFT, linewidth=0.8, linestyle=(0, (4, 3)), zorder=0)
    for k, (name, (colour, marker)) in enumerate(zip(names, series_styles())):
        part = path[path["effect"] == name].sort_values("period")
        shift = STEP * (k - (len(names) - 1) / 2)
        free, fixed = part[~part["reference"]], part[part["reference"]]
        ax.vlines(free["period"] + shift, free["conf_low"], free["conf_high"], color=colour, linewidth=1.4)
        ax.plot(free["period"] + shift, free["estimate"], linestyle="none", marker=marker, markersize=5, color=colour,
                label=stored(name) or None)  # fmt: skip
        ax.plot(fixed["period"] + shift, fixed["estimate"], linestyle="none", marker=marker, markersize=6,
                markerfacecolor="white", markeredgecolor=colour, zorder=3)  # fmt: skip
    ax.xaxis.get_major_locator().set_params(integer=True)  # type: ignore[call-arg]
    level = f"{100 * result.settings['level']:g}"
    together = result.settings.get("band") == "simultaneous"
    ylabel = phrase("Effect, {level} % band for all", level=level) if together else interval_label(level)
    xlabel = phrase("{time} since adoption", time=_clock(result))
    if path["reference"].any():
        xlabel = semicolons([xlabel, phrase("hollow: reference, zero by construction")])
    plain(ax, title=_title(result), xlabel=xlabel, ylabel=ylabel, legend=len(names) > 1)
    return legible(ax)


def _clock(result) -> str:
    """The time column's name, where it has one."""
    holder = getattr(result, "sample", None) or getattr(result, "adopters", None)
    name = None if holder is None else holder.times.name
    return phrase("Time") if name is None else str(name).capitalize()


def _title(result) -> str:
    return phrase("Effect of {treatment} on {outcome}", treatment=result.treatment, outcome=result.response)


def interval_label(level: str) -> str:
    """Of an axis with effects and their intervals."""
    return phrase("Effect, {level} % interval", level=level)


def policy(result, ax=None):
    """The path of a policy's effects where there is one, else its estimates."""
    return policy_estimates(result, ax) if result.path is None else event_study(result, ax)


def policy_estimates(result, ax=None):
    """The rows of a policy's table with their intervals.

    Parameters
    ----------
    result : DiD or SpatialDiD
    ax : matplotlib Axes, optional
    """
    table = result.table.assign(series=result.treatment).dropna(subset="estimate")
    xlabel = phrase("Effect on {outcome}, {level} % interval", outcome=result.response,
                    level=f"{100 * result.settings['level']:g}")  # fmt: skip
    return whiskers(table, "series", ax, title=_title(result), xlabel=xlabel, legend=False)


def mediation(result, ax=None):
    """Mediated, unmediated and total effects, direct and indirect.

    Parameters
    ----------
    result : Mediation
    ax : matplotlib Axes, optional
    """
    s = result.settings
    title = phrase("Effect of {variable} on {outcome} through {mediator}", variable=s["x"], outcome=s["response"],
                   mediator=s["mediator"])  # fmt: skip
    return whiskers(result.table.assign(term=result.table["path"].map(stored)), "effect", ax, title=title,
                    xlabel=interval_label(f"{100 * s['level']:g}"))  # fmt: skip


def heterogeneity(result, ax=None, *, effect: str = "indirect"):
    """One effect of every regressor in every group.

    Parameters
    ----------
    result : Heterogeneity
    ax : matplotlib Axes, optional
    effect : {"direct", "indirect", "total"}
    """
    check_option("effect", effect, ("direct", "indirect", "total"))
    table = result.tidy()
    table = table[(table["effect"] == effect) & table["term"].isin(result.settings["variables"])]
    title = phrase("{effects} by {group}", effects=stored(f"{effect.capitalize()} effects"),
                   group=result.settings["by"])  # fmt: skip
    return whiskers(table, "group", ax, title=title, xlabel=interval_label(f"{100 * result.settings['level']:g}"))


def trends(did: Any, ax: Axes | None = None) -> Axes:
    """Mean outcome by adoption cohort and of the never treated; each cohort's line is marked at its first treated
    period. Difference-in-differences assumes parallel lines before it.

    Parameters
    ----------
    did : DiD
    ax : matplotlib Axes, optional
    """
    table = did.trends()
    ax = ax if ax is not None else figure(height=3.6)
    periods = list(did.sample.times)
    for cohort, (colour, marker) in zip(sorted(table["cohort"].unique(), key=lambda c: (c != "never", c)),
                                        series_styles()):  # fmt: skip
        part = table[table["cohort"] == cohort].sort_values("period")
        at = [periods.index(p) for p in part["period"]]
        never = cohort == "never"
        ax.plot(at, part["mean"], color=INK if never else colour, linewidth=2.0 if never else 1.2,
                linestyle="--" if never else "-", label=f"{stored(str(cohort))} ({part['units'].iloc[0]})")  # fmt: skip
        if not never:
            start = [str(p) for p in periods].index(cohort)
            ax.plot(start, part["mean"].to_numpy()[start], marker=marker, markersize=6, color=colour)
    _ticks(ax, periods)
    plain(ax, title=phrase("Mean of {variable} by adoption cohort", variable=did.response),
          ylabel=phrase("Mean of {variable}", variable=did.response), legend=True,
          xlabel=phrase("{time}; marks: first treated period (units)",
                        time=did.sample.times.name or phrase("Period")))  # fmt: skip
    return legible(ax)


def placebo(result: Any, ax: Axes | None = None, *, term: str | None = None) -> Axes:
    """Density of the placebo estimates, and where the actual one lies among them.

    Parameters
    ----------
    result : PlaceboUnits
    ax : matplotlib Axes, optional
    term : str, optional
        "direct" or "indirect" of a spatial placebo; the first by default.

    Raises
    ------
    SpatialInputError
        E502 for a term that the placebo does not have.
    """
    names = list(result.table["term"])
    if term is not None and term not in names:
        raise SpatialInputError("E502", f"{term!r} is no term of this placebo", hint="it has " + ", ".join(names))
    k = 0 if term is None else names.index(term)
    drawn, row = result.drawn[np.isfinite(result.drawn[:, k]), k], result.table.iloc[k]
    ax = ax if ax is not None else figure()
    at = np.linspace(drawn.min(), drawn.max(), 200)
    width = 1.06 * drawn.std() * len(drawn) ** -0.2  # Silverman (1986), eq. 3.28
    density = np.exp(-0.5 * ((at[:, None] - drawn) / width) ** 2).mean(axis=1) / (width * np.sqrt(2 * np.pi))
    ax.fill_between(at, density, color="#0072B2", alpha=0.15, linewidth=0)
    ax.plot(at, density, color="#0072B2", linewidth=1.2)
    ax.plot(drawn, np.full(len(drawn), -0.03 * density.max()), linestyle="none", marker="|", markersize=4,
            color="#0072B2", alpha=0.4)  # fmt: skip
    ax.axvline(row["estimate"], color="#D55E00", linewidth=1.4)
    ax.axvline(0, color=SOFT, linewidth=0.8, zorder=0)
    of = {"treatment": result.treatment, "outcome": result.response}
    title = phrase("Placebo: effect of {treatment} on {outcome}", **of) if len(names) == 1 else phrase(
        "Placebo: {effect} effect of {treatment} on {outcome}", effect=stored(names[k]), **of)  # fmt: skip
    value = f"{row['estimate']:.3g}".replace("-", "−")
    plain(ax, title=title, note=phrase("line: actual, {value}, p = {p}", value=value, p=f"{row['p_value']:.3g}"),
          xlabel=phrase("Estimate under random dates ({n} draws)", n=f"{len(drawn):,}"),
          ylabel=phrase("Density"))  # fmt: skip
    return legible(ax)


def threshold(result: Any, ax: Axes | None = None, *, number: int = 1) -> Axes:
    """Likelihood ratio over the grid of thresholds: zero at the estimate; below the dashed line lies its interval.

    Parameters
    ----------
    result : Threshold
    ax : matplotlib Axes, optional
    number : {1, 2}
        Which threshold, the other held fixed.
    """
    ax = ax if ax is not None else figure()
    part = result.curve[result.curve["number"] == number]
    ax.plot(part["threshold"], part["lr"], color="#0072B2", linewidth=1.2)
    ax.axhline(result.critical, color=INK, linewidth=0.9, linestyle=(0, (4, 3)))
    at = result.thresholds.set_index("number").loc[number]
    ax.axvspan(at["conf_low"], at["conf_high"], color="#0072B2", alpha=0.15, linewidth=0)
    ax.plot(at["threshold"], 0, marker="o", markersize=5, color="#0072B2", clip_on=False, zorder=3)
    value, low, high = (f"{at[name]:.4g}" for name in ("threshold", "conf_low", "conf_high"))
    variable = str(result.settings["variable"])
    plain(ax, title=phrase("Threshold {number} in {variable}", number=number, variable=variable), xlabel=variable,
          note=phrase("{value}, {level} % interval {low} to {high}", value=value, low=low, high=high,
                      level=f"{100 * result.settings['level']:g}"), ylabel=phrase("Likelihood ratio"))  # fmt: skip
    return legible(ax)


def what_if(gdf: gpd.GeoDataFrame, result: Any, ax: Axes | None = None) -> Axes:
    """Map of every unit's response to a change; units whose regressor was changed are outlined, those whose
    interval contains zero are hatched.

    Parameters
    ----------
    gdf : GeoDataFrame of polygons, indexed by unit
    result : WhatIf
    ax : matplotlib Axes, optional

    Raises
    ------
    SpatialInputError
        As ``response``.
    """
    from .map import draw_shapes, projected, response

    values = result.response
    label = phrase("Response, per cent") if "percent" in result.table else phrase(
        "Response, units of {outcome}", outcome=result.fit._design.response)  # fmt: skip
    ax = response(gdf, values, ax=ax, label=label)
    shapes = projected(gdf)
    table = result.table.reindex(gdf.index)
    unclear = ((table["conf_low"] <= 0) & (table["conf_high"] >= 0)).to_numpy()
    draw_shapes(ax, shapes[unclear], facecolor="none", edgecolor="#5f5f5f", linewidth=0.0, hatch="////", zorder=2.5)
    changed = table["change"].fillna(0).to_numpy() != 0
    if not changed.all():
        draw_shapes(ax, shapes[changed], facecolor="none", edgecolor=INK, linewidth=1.2, zorder=3)
    legend = [] if changed.all() else [phrase("outlined: changed")]
    legend += [phrase("hatched: interval holds zero")] if unclear.any() else []
    legend += [phrase("dotted: below zero")] if (values < 0).any() and (values > 0).any() else []
    for text in ax.texts:  # the note of ``response`` stands in this one
        text.remove()
    ax.annotate(semicolons(legend), (0, 1), (0, 5), xycoords="axes fraction", textcoords="offset points", fontsize=9,
                color="#555555")  # fmt: skip
    title = phrase("What if {variable} changes", variable=result.variable)
    ax.set_title(title, loc="left", fontsize=10.5, fontweight="bold", color=INK, pad=21)
    return legible(ax)


def what_if_on(result, gdf, ax=None):
    """``what_if`` with the result first, as ``result.plot(map)`` calls it."""
    return what_if(gdf, result, ax)


def _ticks(ax, periods):
    step = max(1, -(-len(periods) // 8))
    at = np.arange(0, len(periods), step)
    ax.set_xticks(at, [str(periods[k]) for k in at])
