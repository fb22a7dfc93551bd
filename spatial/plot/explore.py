"""Figures of Moran's I and its family."""

from __future__ import annotations

import numpy as np

from spillover.errors import check_option
from spillover.geometry import add_geometry
from spillover.ids import positions
from spillover.language import phrase, stored

from ..explore._local import NO_DATA, NO_NEIGHBORS, NOT_SIGNIFICANT
from ..explore.local import QUADRANTS
from .classes_of_units import COLOURS, HATCHES, ink
from .map import swatch
from .shapes import needed
from .style import COLOURS as SERIES
from .style import INK, SOFT, figure, legible, plain, series_styles

BLUE, ORANGE = SERIES[:2]
LEVELS = ((0.0001, "#014003"), (0.001, "#037406"), (0.01, "#06c40b"), (0.05, "#4bff50"))
EDGE = "#5b5b5b"
NAMED = 8  # units that the scatter names


def moran_scatter(result, ax=None):
    """Standardised values against their spatial lag, the quadrants and the units farthest out named; the line's slope
    is I when rows sum to one."""
    ax = ax if ax is not None else figure(4.5, 4.5)
    ax.scatter(result.z, result.lag, s=18, color=BLUE, alpha=0.7, linewidths=0)
    reach = np.array([result.z.min(), result.z.max()])
    ax.plot(reach, reach * (result.z @ result.lag) / (result.z @ result.z), color=ORANGE, linewidth=1.5)
    ax.axhline(0, color=SOFT, linewidth=0.8)
    ax.axvline(0, color=SOFT, linewidth=0.8)
    far = np.argsort(-np.hypot(result.z / result.z.std(), result.lag / (result.lag.std() or 1)), kind="stable")[:NAMED]
    for i in far:
        ax.annotate(str(result.ids[i]), (result.z[i], result.lag[i]), (3, 3), textcoords="offset points", fontsize=7,
                    color=INK)  # fmt: skip
    ax.margins(0.12)
    for name, x, y in zip(QUADRANTS, (0.99, 0.01, 0.01, 0.99), (0.99, 0.01, 0.99, 0.01)):
        ax.annotate(stored(name), (x, y), xycoords="axes fraction", ha="left" if x < 0.5 else "right",
                    va="bottom" if y < 0.5 else "top", fontsize=8, color=SOFT)  # fmt: skip
    plain(ax, title=_caption(result), xlabel=phrase("{variable} (standardised)", variable=result.variable),
          ylabel=phrase("spatial lag"))
    return legible(ax)


def null_distribution(result, ax=None):
    """Histogram of the permuted statistic with the observed value."""
    ax = ax if ax is not None else figure()
    if result.permutations:
        ax.hist(result.simulated, bins=40, color="#b8c4d0")
    ax.axvline(result.expected, color=SOFT, linewidth=1, linestyle="--", label=phrase("expected"))
    ax.axvline(result.estimate, color=ORANGE, linewidth=2, label=phrase("observed"))
    plain(ax, title=_caption(result), xlabel=phrase("{symbol} under the null", symbol=result.symbol),
          ylabel=phrase("permutations"), legend=True)
    return legible(ax)


def moran_by_period(result, ax=None, *, significance=0.05):
    """Moran's I over the periods: filled where significant, hollow where not, expectation dashed."""
    ax = ax if ax is not None else figure()
    several = len(result.weights) > 1
    parts = result.frame.groupby(["weights", "variable"], sort=False)
    for ((weights, variable), part), (colour, marker) in zip(parts, series_styles()):
        p = part["p_sim"].fillna(part["p_rand"])
        label = f"{variable} ({weights})" if several else variable
        ax.plot(part[result.time], part["I"], color=colour, linewidth=1.3, marker=marker, markersize=5, label=label)
        hollow = part[~(p <= significance)]
        ax.plot(hollow[result.time], hollow["I"], marker, color=colour, markerfacecolor="white", markersize=5)
    ax.axhline(result.frame["expected"].mean(), color=SOFT, linewidth=1, linestyle="--")
    note = phrase("{time}; filled: p ≤ {level} ({alternative}), dashed: expected", time=result.time,
                  level=f"{significance:g}", alternative=stored(result.alternative))  # fmt: skip
    plain(ax, title=phrase("Moran's I by {time}", time=result.time), xlabel=note, ylabel=phrase("Moran's I"),
          legend=True)  # fmt: skip
    return legible(ax)


def correlogram_lines(result, ax=None):
    """Moran's I by order or distance with the band expected ± 1.96 standard deviations under randomisation."""
    ax = ax if ax is not None else figure()
    f, x = result.frame, np.arange(len(result.frame))
    ax.fill_between(x, f["expected"] - 1.96 * f["sd"], f["expected"] + 1.96 * f["sd"], color="#d9dfe5", linewidth=0)
    ax.plot(x, f["I"], marker="o", color=BLUE)
    ax.axhline(0, color=SOFT, linewidth=0.8)
    ax.set_xticks(x, [str(label) for label in f["lag"]])
    plain(ax, title=phrase("Correlogram of {variable}", variable=result.variable), xlabel=stored(result.step),
          note=phrase("band: 95 % under randomisation"), ylabel=phrase("Moran's I"))  # fmt: skip
    return legible(ax)


def local_map(result, map=None, *, kind="cluster", ax=None):
    """Map of the clusters ("cluster") or of the p-values ("significance").

    Parameters
    ----------
    result : LocalStatistic
    map : GeoDataFrame indexed by unit
    kind : {"cluster", "significance"}
    """
    check_option("kind", kind, ("cluster", "significance"))
    map = needed(result, map)
    return (cluster_map if kind == "cluster" else significance_map)(result, map, ax=ax)


def cluster_map(result, map, ax=None):
    """Clusters in GeoDa's colours, with how many units each has."""
    clusters = result.frame["cluster"]
    counts = clusters.value_counts(sort=False)
    groups = [(f"{stored(label)} ({n})", COLOURS[label], HATCHES.get(label, ""), (clusters == label).to_numpy())
              for label, n in counts.items() if n]  # fmt: skip
    title = phrase("{title}: {variable}", title=stored(result.title), variable=result.variable)
    return _draw(result, map, groups, title, ax)


def significance_map(result, map, ax=None):
    """p-values in GeoDa's greens, without correction for many tests."""
    p = result.p_values.to_numpy()
    groups, below = [], 0.0
    for level, colour in LEVELS:
        groups.append((f"p ≤ {level:g}", colour, "", (p <= level) & (p > below)))
        below = level
    groups.append((stored(NOT_SIGNIFICANT), COLOURS[NOT_SIGNIFICANT], "", p > below))
    for label in (NO_NEIGHBORS, NO_DATA):
        there = (result.frame["cluster"] == label).to_numpy()
        groups.append((stored(label), COLOURS[label], HATCHES[label], there))
    groups = [(f"{label} ({there.sum()})", *look, there) for label, *look, there in groups if there.any()]
    title = phrase("{title}: {variable}, p-values", title=stored(result.title), variable=result.variable)
    return _draw(result, map, groups, title, ax)


def joins(result, ax=None):
    """Each kind of join: how many standard deviations from its expectation under the null."""
    f = result.frame
    ax = ax if ax is not None else figure(height=1.2 + 0.32 * len(f))
    at = np.arange(len(f))[::-1]
    ax.barh(at, f["z"].fillna(0), color=[ORANGE if z > 0 else BLUE for z in f["z"]], height=0.6)
    ax.set_yticks(at, [str(name) for name in f["joins"]])
    ax.axvline(0, color=SOFT, linewidth=0.8)
    plain(ax, title=phrase("Joins of {variable}", variable=result.variable),
          xlabel=phrase("standard deviations from what chance gives"))
    return legible(ax)


def quadrant_moves(result, ax=None):
    """Transition probabilities between quadrants as a heat map."""
    from .indicators import heat_map

    return heat_map(result.probabilities, result.counts.sum(axis=1), ax=ax,
                    title=phrase("Quadrant moves of {variable}", variable=result.variable),
                    note=phrase("by {time}; moves at the right", time=result.time))  # fmt: skip


def shrinkage(result, ax=None):
    """Smoothed against raw rates; larger dots for larger populations, the diagonal for rates left as they are."""
    ax = ax if ax is not None else figure(4.5, 4.5)
    f = result.frame.dropna()
    ax.scatter(f["rate"], f["smoothed"], s=8 + 80 * f["population"] / f["population"].max(), color=BLUE, alpha=0.6,
               linewidths=0)  # fmt: skip
    ends = [f["rate"].min(), f["rate"].max()]
    ax.plot(ends, ends, color=SOFT, linewidth=0.8)
    title = phrase("Rates {variable}", variable=result.variable)
    plain(ax, title=title, xlabel=phrase("rate"), ylabel=phrase("smoothed"))
    return legible(ax)


def _draw(result, map, groups, title, ax):
    ax = ax if ax is not None else figure(8, 6)
    geometry = map.geometry.iloc[positions(map.index, result.frame.index, what="the map")]
    for _, colour, hatch, there in groups:
        add_geometry(ax, geometry[there], color=colour, edgecolor=EDGE, linewidth=0.3)
        if hatch:
            add_geometry(ax, geometry[there], facecolor="none", edgecolor=ink(colour), linewidth=0, hatch=hatch * 3)
    ax.set_aspect("equal" if map.crs is None or map.crs.is_projected else _degrees_aspect(map))
    handles = [swatch(colour, label, hatch) for label, colour, hatch, _ in groups]
    ax.legend(handles=handles, frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))
    ax.set_title(title)
    ax.set(xlabel="", ylabel="")  # geopandas names the axes, which are not drawn
    ax.set_axis_off()
    return legible(ax)


def _degrees_aspect(map) -> float:
    """A degree of longitude is shorter than one of latitude."""
    _, south, _, north = map.total_bounds
    return 1 / np.cos(np.radians((south + north) / 2))


def _caption(result) -> str:
    p = result.p_value
    return f"{result.symbol} = {result.estimate:.3f}, p {'< 0.0001' if p < 1e-4 else f'= {p:.4f}'}"

