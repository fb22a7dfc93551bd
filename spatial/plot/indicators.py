"""Figures of indicators: densities, spreads, transitions, productivity, levels side by side."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from spillover.errors import SpatialInputError
from spillover.language import head, phrase, stored

from .style import COLOURS, INK, SOFT, figure, legible, plain, series_styles

if TYPE_CHECKING:
    from matplotlib.axes import Axes

RIDGES = "viridis"
SHARES = "Blues"
OVERLAP = 1.8  # of a ridge's height: how far it may reach over the one above


def densities(result: Any, ax: Axes | None = None) -> Axes:
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
    plain(ax, title=phrase("Density of {variable} by period", variable=result.column), xlabel=result.column)
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)
    return legible(ax)


def sigma(result: Any, ax: Axes | None = None) -> Axes:
    """Coefficient of variation by period, one line per group.

    Parameters
    ----------
    result : SigmaConvergence, from ``sp.indicators.sigma_convergence``
    ax : matplotlib Axes, optional
    """
    table = result.frame
    time = table.columns[1]
    lines = {group: rows.set_index(time)["cv"] for group, rows in table.groupby("group", sort=False)}
    return _lines(lines, ax, xlabel=str(time), ylabel=phrase("Coefficient of variation"),
                  title=phrase("Sigma convergence of {variable}", variable=result.column))  # fmt: skip


def transitions(result: Any, ax: Axes | None = None) -> Axes:
    """Transition probabilities as a heat map, rows from, columns to, the number of moves beside each row.

    Parameters
    ----------
    result : Markov, from ``sp.indicators.markov`` or ``spatial_markov(...).by_lag``
    ax : matplotlib Axes, optional
    """
    return heat_map(result.probabilities, result.counts.sum(axis=1), ax=ax,
                    title=phrase("Transitions of {variable}", variable=result.column),
                    note=phrase("{title}; moves at the right", title=stored(result.title)))  # fmt: skip


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
    plain(ax, title=title, note=note, xlabel=phrase("To class"), ylabel=phrase("From class"))
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    return legible(ax)


def by_neighbors(result, ax=None):
    """Probability of rising and of falling by the class of the neighbors, over all of the unit's own classes.

    Parameters
    ----------
    result : SpatialMarkov, from ``sp.indicators.spatial_markov``
    ax : matplotlib Axes, optional
    """
    counts = {str(label): chain.counts.to_numpy(dtype=float) for label, chain in result.by_lag.items()}
    moves: dict[str, Callable] = {"rises": np.triu, "falls": np.tril}
    ax = ax if ax is not None else figure()
    at = np.arange(len(counts))
    for (name, part), (colour, _), shift in zip(moves.items(), series_styles(), (-0.2, 0.2)):
        diagonal = 1 if part is np.triu else -1
        shares = [part(n, diagonal).sum() / n.sum() if n.sum() else np.nan for n in counts.values()]
        ax.bar(at + shift, shares, width=0.38, color=colour, label=stored(name))
    ax.set_xticks(at, list(counts))
    plain(ax, title=phrase("Moves of {variable} by the neighbors' class", variable=result.overall.column),
          xlabel=phrase("class of the neighbors"), ylabel=phrase("share of moves"), legend=True)  # fmt: skip
    return legible(ax)


def growth_on_level(result, ax=None):
    """Growth against the initial level, and the line of the coefficient.

    Parameters
    ----------
    result : BetaConvergence, from ``sp.indicators.beta_convergence``
    ax : matplotlib Axes, optional
    """
    frame = result.fit._design.frame
    x, y = frame["initial"].to_numpy(float), frame["growth"].to_numpy(float)
    ax = ax if ax is not None else figure()
    ax.scatter(x, y, s=14, color=COLOURS[0], alpha=0.7, linewidths=0)
    ends = np.array([x.min(), x.max()])
    ax.plot(ends, y.mean() + result.fit.params["initial"] * (ends - x.mean()), color=COLOURS[1], linewidth=1.4)
    plain(ax, title=phrase("Growth on the initial level"), xlabel=phrase("log of the initial level"),
          ylabel=phrase("growth per period"))  # fmt: skip
    return legible(ax)


def efficiency(result, ax=None):
    """Mean, smallest and largest score by period.

    Parameters
    ----------
    result : Efficiency, from ``sp.indicators.dea`` or ``super_sbm``
    ax : matplotlib Axes, optional
    """
    table = result.by_period
    return _lines({name: table[name] for name in ("largest", "mean", "smallest")}, ax, title=stored(result.title),
                  xlabel=str(table.index.name or ""), ylabel=phrase("Score"), level=1.0)  # fmt: skip


def efficiencies(result, ax=None):
    """Histogram of the units' efficiencies.

    Parameters
    ----------
    result : StochasticFrontier, from ``sp.indicators.stochastic_frontier``
    ax : matplotlib Axes, optional
    """
    ax = ax if ax is not None else figure(height=2.7)
    ax.hist(result.efficiency, bins=30, color="#c9d8e6", edgecolor="white", linewidth=0.3)
    ax.axvline(result.efficiency.mean(), color=INK, linewidth=1.2)
    plain(ax, title=stored(result.title), note=phrase("line: mean"), xlabel=phrase("efficiency"),
          ylabel=phrase("observations"))  # fmt: skip
    return legible(ax)


def index_scores(result, ax=None):
    """Mean, lowest and highest score by period; of a cross-section the scores in order.

    Parameters
    ----------
    result : CompositeIndex, from ``sp.indicators.composite_index``
    ax : matplotlib Axes, optional
    """
    scores = result.scores
    if scores.index.nlevels == 1:
        lines = {"score": scores.sort_values(ascending=False)}
        return _lines(lines, ax, xlabel=str(scores.index.name or ""), ylabel=phrase("Score"),
                      title=phrase("Composite index"))  # fmt: skip
    by = scores.groupby(level=1).agg(["max", "mean", "min"])
    lines = {"highest": by["max"], "mean": by["mean"], "lowest": by["min"]}
    return _lines(lines, ax, title=phrase("Composite index"), xlabel=str(by.index.name), ylabel=phrase("Score"))


def inequality(result, ax=None):
    """The measure and its parts by period.

    Parameters
    ----------
    result : Decomposition, from ``sp.indicators.gini`` or ``theil``
    ax : matplotlib Axes, optional
    """
    lines = dict(result.frame.items())
    title = phrase("{measure} of {variable}", measure=stored(result.measure), variable=result.column)
    return _lines({head(str(name)): line for name, line in lines.items()}, ax, title=title,
                  xlabel=str(result.frame.index.name or ""), ylabel="")  # fmt: skip


def accounting(result, ax=None):
    """Growth of output and of what it is made of: means over units by period, log points.

    Parameters
    ----------
    result : GrowthAccounting, from ``sp.indicators.solow_residual``
    ax : matplotlib Axes, optional
    """
    means = 100 * result.frame.drop(columns="log_tfp").groupby(level=1).mean().dropna()
    return _lines(dict(means.items()), ax, title=phrase("Growth accounting"), xlabel=str(means.index.name),
                  ylabel=phrase("Log points"), level=0.0)  # fmt: skip


def productivity(result: Any, ax: Axes | None = None) -> Axes:
    """Productivity and its parts, chained from the first period = 1: geometric means over units.

    Parameters
    ----------
    result : Productivity, from ``sp.indicators.malmquist`` or ``malmquist_luenberger``
    ax : matplotlib Axes, optional
    """
    means = result.by_period[["tfp", "efficiency", "technical"]]
    chained = means.reindex([result.first, *means.index]).fillna(1.0).cumprod()
    names = {"tfp": "TFP", "efficiency": phrase("efficiency change"), "technical": phrase("technical change")}
    lines = {words: chained[name] for name, words in names.items()}
    return _lines(lines, ax, title=stored(result.title), xlabel=str(result.frame.index.names[1]),
                  ylabel=phrase("Mean over units, {period} = 1", period=result.first), level=1.0)  # fmt: skip


def levels(result: Any, variable: str, ax: Axes | None = None) -> Axes:
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
        ax.plot(x, series.to_numpy(), color=colour, marker=marker, markersize=4, linewidth=1.2, label=stored(str(name)))
    if series.index.dtype.kind in "iu":
        from matplotlib.ticker import MaxNLocator

        ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    plain(ax, title=title, xlabel=xlabel, ylabel=ylabel, legend=len(lines) > 1)
    return legible(ax)
