"""Figures of indicators: densities, spreads, transitions, productivity, levels side by side."""

from __future__ import annotations

import numpy as np

from spillover.errors import SpatialInputError

from .style import INK, SOFT, figure, legible, plain, series_styles

RIDGES = "viridis"
SHARES = "Blues"
OVERLAP = 1.8  # of a ridge's height: how far it may reach over the one above


def densities(result, ax=None):
    """Kernel densities by period, one ridge above the other: the first period at the back.

    Parameters
    ----------
    result : Densities, from ``sp.indicators.kernel_densities``
    ax : matplotlib Axes, optional

    Examples
    --------
    >>> import pandas as pd, spatial as sp
    >>> data = pd.DataFrame({"y": [0.0, 1, 2, 1, 3, 4]}, index=pd.MultiIndex.from_product([list("abc"), [2000, 2001]]))
    >>> ax = densities(sp.indicators.kernel_densities(data, "y"))
    >>> [label.get_text() for label in ax.get_yticklabels()]
    ['2000', '2001']
    """
    from matplotlib import colormaps

    frame = result.frame
    n = frame.shape[1]
    ax = ax if ax is not None else figure(height=1.4 + 0.28 * n)
    height = OVERLAP / frame.to_numpy().max()
    for k, (period, curve) in enumerate(frame.items()):
        base, colour = n - 1 - k, colormaps[RIDGES](0.15 + 0.7 * k / max(n - 1, 1))
        ax.fill_between(frame.index, base, base + height * curve, color=colour, alpha=0.75, linewidth=0, zorder=2 * k)
        ax.plot(frame.index, base + height * curve, color="white", linewidth=1, zorder=2 * k + 1, label=str(period))
    ax.set_yticks(range(n - 1, -1, -1), [str(period) for period in frame])
    ax.set_xlim(frame.index[0], frame.index[-1])
    plain(ax, title=f"Density of {result.column} by period", xlabel=result.column)
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)
    return legible(ax)


def sigma(result, ax=None):
    """Coefficient of variation by period, one line per group.

    Parameters
    ----------
    result : SigmaConvergence, from ``sp.indicators.sigma_convergence``
    ax : matplotlib Axes, optional
    """
    table = result.frame
    time = table.columns[1]
    lines = {group: rows.set_index(time)["cv"] for group, rows in table.groupby("group", sort=False)}
    return _lines(lines, ax, title=f"Sigma convergence of {result.column}", xlabel=str(time),
                  ylabel="Coefficient of variation")  # fmt: skip


def transitions(result, ax=None):
    """Transition probabilities as a heat map, rows from, columns to, the number of moves beside each row.

    Parameters
    ----------
    result : Markov, from ``sp.indicators.markov`` or ``spatial_markov(...).by_lag``
    ax : matplotlib Axes, optional
    """
    return heat_map(result.probabilities, result.counts.sum(axis=1), title=f"Transitions of {result.column}",
                    note=f"{result.title}; moves at the right", ax=ax)  # fmt: skip


def heat_map(P, moves, *, title: str, note: str, ax=None):
    """Transition probabilities (k, k) as a heat map, with how many moves began in each class."""
    k = len(P)
    ax = ax if ax is not None else figure(width=1.9 + 0.55 * k, height=1.3 + 0.5 * k)
    ax.imshow(P.to_numpy(), cmap=SHARES, vmin=0, vmax=1, aspect="auto")
    for i, j in np.ndindex(k, k):
        p = P.iloc[i, j]
        text = "–" if np.isnan(p) else f"{p:.2f}"
        ax.text(j, i, text, ha="center", va="center", fontsize=9, color="white" if p > 0.6 else INK)
    for i, n in enumerate(moves):
        ax.annotate(f"{n:,}", (1.03, i), xycoords=("axes fraction", "data"), va="center", fontsize=8, color=INK)
    ax.set_xticks(range(k), [str(c) for c in P.columns])
    ax.set_yticks(range(k), [str(c) for c in P.index])
    plain(ax, title=title, note=note, xlabel="To class", ylabel="From class")
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    return legible(ax)


def productivity(result, ax=None):
    """Productivity and its parts, chained from the first period = 1: geometric means over units.

    Parameters
    ----------
    result : Productivity, from ``sp.indicators.malmquist`` or ``malmquist_luenberger``
    ax : matplotlib Axes, optional
    """
    means = result.by_period[["tfp", "efficiency", "technical"]]
    chained = means.reindex([result.first, *means.index]).fillna(1.0).cumprod()
    names = {"tfp": "TFP", "efficiency": "efficiency change", "technical": "technical change"}
    lines = {words: chained[name] for name, words in names.items()}
    return _lines(lines, ax, title=result.title, xlabel=str(result.frame.index.names[1]),
                  ylabel=f"Mean over units, {result.first} = 1", level=1.0)  # fmt: skip


def levels(result, variable: str, ax=None):
    """Index levels of chosen units side by side, base = 100.

    Parameters
    ----------
    result : GrowthTable, from ``sp.indicators.growth_table``
    variable : str
    ax : matplotlib Axes, optional

    Raises
    ------
    SpatialInputError
        E502 for a variable that the table does not have.
    """
    there = list(result.levels.columns.unique(0))
    if variable not in there:
        raise SpatialInputError("E502", f"{variable!r} is no variable of this table", column=str(variable),
                                hint="there are " + ", ".join(map(repr, there)))  # fmt: skip
    lines = dict(result.levels[variable].items())
    return _lines(lines, ax, title=variable, xlabel=str(result.levels.index.name), ylabel=f"{result.base} = 100",
                  level=100.0)  # fmt: skip


def _lines(lines: dict, ax, *, title: str, xlabel: str, ylabel: str, level: float | None = None):
    """Series over periods, with colours and markers of their own; ``level`` marks where they start."""
    ax = ax if ax is not None else figure()
    if level is not None:
        ax.axhline(level, color=SOFT, linewidth=0.8, zorder=0)
    for (name, series), (colour, marker) in zip(lines.items(), series_styles()):
        x = series.index if series.index.dtype.kind in "iuf" else [str(label) for label in series.index]
        ax.plot(x, series.to_numpy(), color=colour, marker=marker, markersize=4, linewidth=1.2, label=str(name))
    if series.index.dtype.kind in "iu":
        from matplotlib.ticker import MaxNLocator

        ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    plain(ax, title=title, xlabel=xlabel, ylabel=ylabel, legend=len(lines) > 1)
    return legible(ax)
