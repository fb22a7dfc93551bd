"""Forecasts beside what was observed."""

from __future__ import annotations

import numpy as np

from spillover.ids import unknown_unit
from spillover.language import phrase

from .style import figure, legible, plain, series_styles

MOST = 5  # units in a figure


def forecast_lines(result, ax=None, *, units=None):
    """The observed response and its forecast with intervals, a line for each of some units.

    Parameters
    ----------
    result : Forecast
    ax : matplotlib Axes, optional
    units : list of ids, optional
        Which units; by default up to five that are spread evenly over the response of the last period.

    Raises
    ------
    SpatialInputError
        E101 no such unit.
    """
    d, table = result.fit._design, result.table
    if units is None:
        order = np.argsort(d.outcome[-1])
        chosen = d.ids[order[np.unique(np.linspace(0, len(order) - 1, MOST).round().astype(int))]]
    else:
        chosen = list(units)
        for unit in chosen:
            if unit not in d.ids:
                raise unknown_unit(unit, d.ids)
    ax = figure() if ax is None else ax
    T = d.n_periods
    times = [*d.periods, *table.index.get_level_values(1).unique().sort_values()]
    at = np.arange(len(times))
    for unit, (color, marker) in zip(chosen, series_styles()):
        own = table.loc[unit]
        observed = d.outcome[:, d.ids.get_loc(unit)]
        ax.plot(at[:T], observed, color=color, marker=marker, markersize=3, linewidth=1, label=str(unit))
        ahead = np.concatenate([observed[-1:], own["estimate"]])
        ax.plot(at[T - 1 :], ahead, color=color, marker=marker, markersize=3, linewidth=1, linestyle="--")
        ax.fill_between(at[T:], own["conf_low"], own["conf_high"], color=color, alpha=0.2, linewidth=0)
    step = max(1, len(times) // 8)
    ax.set_xticks(at[::step], [str(time) for time in times[::step]])
    level = f"{100 * result.level:g}"
    xlabel = phrase("Broken lines: forecasts with {level} % prediction intervals", level=level)
    title = phrase("Forecast of {outcome}", outcome=d.response)
    plain(ax, title=title, xlabel=xlabel, ylabel=d.response, legend=True)
    return legible(ax)
