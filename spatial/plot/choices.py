"""Figures of the choice of W: probabilities, agreement, specification curves, placebos and profiles."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from spillover.errors import SpatialInputError, check_option
from spillover.language import phrase, stored

from .style import COLOURS, INK, SOFT, figure, legible, plain
from .whiskers import KINDS

if TYPE_CHECKING:
    from matplotlib.axes import Axes

CLEAR = {1: "#D55E00", 0: "#eeeeee", -1: "#0072B2"}  # significantly positive, not significant, significantly negative
FINDINGS = {1: "positive", 0: "not told from zero", -1: "negative"}
MOST = 30  # W in a figure at most: the likeliest
ROWS = {"weights": "W", "model": "Model", "controls": "Controls", "sample": "Sample"}


def probabilities(comparison: Any, ax: Axes | None = None) -> Axes:
    """Posterior probability of each W; a heat map of weights by models where there are several models.

    Parameters
    ----------
    comparison : Comparison
    ax : matplotlib Axes, optional
    """
    table = comparison.posterior()
    models = [name for name in table.columns if name != "all models"]
    table = table.drop(index="all weights")
    more = len(table) - MOST
    if more > 0:  # the likeliest alone
        table = table.sort_values("all models", ascending=False, kind="stable").head(MOST)
    note = phrase("{n} more W have {share} together", n=f"{more:,}",
                  share=_share(1 - table["all models"].sum())) if more > 0 else ""  # fmt: skip
    names, values = [str(name) for name in table.index], table[models].to_numpy()
    if len(models) == 1:
        order = np.argsort(-values[:, 0], kind="stable")
        ax = ax if ax is not None else figure(height=0.9 + 0.26 * len(names))
        ax.barh(range(len(names)), values[order, 0], color=COLOURS[0], height=0.62)
        for row, p in enumerate(values[order, 0]):
            ax.annotate(_share(p), (p, row), (4, 0), textcoords="offset points", va="center", fontsize=8, color=INK)
        ax.set_yticks(range(len(names)), [names[i] for i in order])
        ax.set_ylim(len(names) - 0.4, -0.6)
        ax.set_xlim(0, 1.12)
        ax.set_xticks([0, 0.25, 0.5, 0.75, 1])
        plain(ax, title=phrase("Which W? Posterior probability"), note=note,
              xlabel=phrase("Probability of W, {model}", model=models[0]))  # fmt: skip
        ax.tick_params(axis="y", length=0)
        return legible(ax)
    ax = ax if ax is not None else figure(height=1.3 + 0.26 * len(names))
    _cells(ax, values, names, models, lambda p: _share(p), lambda p: (0.0, 0.447, 0.698, 0.08 + 0.92 * p))
    plain(ax, title=phrase("Which W, which model? Posterior probability"), note=note)
    return legible(ax)


def agreement(comparison: Any, effect: str = "indirect", ax: Axes | None = None, *, significance: float = 0.05) -> Axes:
    """Variables by W: is the effect significantly positive, significantly negative, or neither?

    Parameters
    ----------
    comparison : Comparison
    effect : {"direct", "indirect", "total"}
    ax : matplotlib Axes, optional
    significance : float
        Of the two-sided test.

    Raises
    ------
    SpatialInputError
        E501 for an unknown effect.
    """
    check_option("effect", effect, KINDS)
    table = comparison.tidy(comparison.likeliest(MOST))
    table = table[table["effect"] == effect]
    if "model" in table:
        table = table.assign(weights=table["weights"] + ", " + table["model"])
    signs = np.sign(table["estimate"]) * (table["p_value"] < significance)
    rows, columns = list(table["weights"].unique()), list(table["term"].unique())
    wide = table.assign(signs=signs).pivot(index="weights", columns="term").loc[rows]
    values, estimates = (wide[name][columns].to_numpy() for name in ("signs", "estimate"))
    ax = ax if ax is not None else figure(height=1.5 + 0.26 * len(rows))
    text = iter(estimates.ravel())
    _cells(ax, values, rows, columns, lambda _: f"{next(text):#.2g}".replace("-", "−"), lambda v: CLEAR[int(v)])
    _key(ax)
    plain(ax, title=phrase("{effects}: do all W agree?", effects=stored(f"{effect.capitalize()} effects")))
    _above(ax)
    return legible(ax)


def specification_curve(curve: Any, effect: str = "indirect", ax: Axes | None = None, *,
                        significance: float = 0.05) -> Axes:
    """The effect under every specification in rising order, with its interval, and the choices below.

    Parameters
    ----------
    curve : SpecificationCurve
    effect : {"direct", "indirect", "total"}
    ax : matplotlib Axes, optional
        Replaced by an upper and a lower part.
    significance : float
        Of the two-sided test.
    """
    table = curve.curve(effect)
    choices = [(name, value) for name in curve.choices for value in curve.table[name].unique()]
    if ax is None:
        height = 3.15 + 0.19 * len(choices)
        ax = figure(width=7.0, height=height, layout=None)
        ax.set_position((0.26, 0.15 / height, 0.72, 1 - 1.1 / height))
    ax.set_axis_off()
    share = 2.0 / (2.0 + 0.19 * len(choices) + 0.05)
    top = ax.inset_axes((0.0, 1 - share + 0.02, 1.0, share - 0.02))
    below = ax.inset_axes((0.0, 0.0, 1.0, 1 - share - 0.02))
    x = np.arange(len(table))
    signs = (np.sign(table["estimate"]) * (table["p_value"] < significance)).astype(int)
    for sign, colour in CLEAR.items():
        part = (signs == sign).to_numpy()
        colour = colour if sign else SOFT
        top.vlines(x[part], table["conf_low"][part], table["conf_high"][part], color=colour, linewidth=0.9, alpha=0.45)
        top.plot(x[part], table["estimate"][part], linestyle="none", marker="o", markersize=2.6, color=colour,
                 label=f"{stored(FINDINGS[sign])} ({part.mean():.0%})".replace("%", " %"))  # fmt: skip
    top.axhline(0, color=INK, linewidth=0.7)
    title = phrase("{effects} of {variable}, {n} specifications", effects=stored(f"{effect.capitalize()} effect"),
                   variable=curve.variable, n=len(table))  # fmt: skip
    plain(top, title=title, ylabel=phrase("Effect on {outcome}", outcome=curve.response), legend=True)
    top.set_xticks([])
    for row, (name, value) in enumerate(choices):
        chosen = (table[name] == value).to_numpy()
        below.vlines(x[chosen], row - 0.36, row + 0.36, color=INK, linewidth=min(1.6, 160 / max(len(table), 1)))
    _choice_labels(below, choices)
    for part in (top, below):
        part.set_xlim(-1, len(table))
    return legible(ax)


def placebo_weights(placebo: Any, what: str = "indirect", variable: str | None = None, ax: Axes | None = None) -> Axes:
    """The distribution of an estimate under random relabellings of the units, the actual one marked.

    Parameters
    ----------
    placebo : PlaceboWeights
    what : {"rho", "lambda", "direct", "indirect", "total"}
    variable : str, optional
        For effects; the first by default.
    ax : matplotlib Axes, optional
    """
    if what in KINDS and variable is None:
        variable = placebo.variables[0]
    values, actual = placebo.draws(what, variable), placebo.observed(what, variable)
    values = values[np.isfinite(values)]
    if not len(values):
        raise SpatialInputError("E502", f"no placebo of {what!r} has an estimate",
                                hint="use more draws, or another effect")
    table = placebo.tidy()
    p = table.loc[(table["effect"] == what) & (table["term"] == (variable or what)), "p_value"].item()
    ax = ax if ax is not None else figure(height=2.7)
    bins = min(60, max(10, int(np.sqrt(len(values)))))
    ax.hist(values, bins=bins, density=True, color="#c9d8e6", edgecolor="white", linewidth=0.3)
    ax.axvline(actual, color=COLOURS[1], linewidth=1.8)
    side = "right" if actual > (values.min() + values.max()) / 2 else "left"
    words = phrase("actual W: {value}", value=f"{actual:#.3g}".replace("-", "−"))
    words += f"\np = {p:#.2g}" if np.isfinite(p) else ""
    ax.annotate(words, (actual, 0.97), (-6 if side == "right" else 6, 0), xycoords=("data", "axes fraction"),
                textcoords="offset points", ha=side, va="top", fontsize=9, color=COLOURS[1])  # fmt: skip
    name = what if variable is None else phrase(
        "{effects} of {variable}", effects=stored(f"{what.capitalize()} effect"), variable=variable)  # fmt: skip
    plain(ax, title=phrase("{effect} when the units' places are shuffled", effect=name), xlabel=name,
          note=phrase("{n} random relabellings of W", n=f"{len(values):,}"), ylabel=phrase("Density"))  # fmt: skip
    ax.set_yticks([])
    return legible(ax)


def profile(tuning: Any, ax: Axes | None = None) -> Axes:
    """The likelihood over a parameter of W, with the interval of the likelihood ratio.

    Parameters
    ----------
    tuning : Tuning
    ax : matplotlib Axes, optional
    """
    table = tuning.profile()
    ax = ax if ax is not None else figure(height=2.9)
    x = table["value"].to_numpy()
    numeric = np.issubdtype(x.dtype, np.number)
    at = x if numeric else np.arange(len(x))
    inside = table["inside"].to_numpy()
    ax.plot(at, -table["ratio"] / 2, color=SOFT, linewidth=1.2, zorder=1)
    ax.plot(at[~inside], -table["ratio"][~inside] / 2, linestyle="none", marker="o", markersize=4.5, color=SOFT)
    ax.plot(at[inside], -table["ratio"][inside] / 2, linestyle="none", marker="o", markersize=5.5, color=COLOURS[0])
    cut = -table["ratio"][inside].max() / 2
    ax.axhline(min(cut, -_half_critical(tuning.level)), color=COLOURS[1], linewidth=0.9, linestyle="--")
    low, high = tuning.interval
    if not numeric:
        ax.set_xticks(at, [str(value) for value in x])
    words = phrase("best {best}, {level} % interval {low} to {high}", best=_plain(tuning.best), low=_plain(low),
                   high=_plain(high), level=f"{100 * tuning.level:g}")  # fmt: skip
    plain(ax, title=phrase("Profile of {name}", name=tuning.name), note=words, xlabel=tuning.name,
          ylabel=phrase("Log-likelihood below the best"))  # fmt: skip
    return legible(ax)


def _half_critical(level):
    from ..records.schema import critical_value

    return critical_value(level) ** 2 / 2


def _cells(ax, values, rows, columns, text, colour):
    """A heat map with a number in each cell."""
    from matplotlib.patches import Rectangle

    for (i, j), value in np.ndenumerate(values):
        fill = colour(value) if np.isfinite(value) else "white"
        ax.add_patch(Rectangle((j - 0.5, i - 0.5), 1, 1, facecolor=fill, edgecolor="white", linewidth=1.5))
        if np.isfinite(value):
            dark = sum(_rgb(fill)) < 1.55
            ax.annotate(text(value), (j, i), ha="center", va="center", fontsize=8, color="white" if dark else INK)
    ax.set_xlim(-0.5, len(columns) - 0.5)
    ax.set_ylim(len(rows) - 0.5, -0.5)
    ax.set_xticks(range(len(columns)), columns)
    ax.set_yticks(range(len(rows)), rows)
    ax.tick_params(length=0)
    for spine in ax.spines.values():
        spine.set_visible(False)


def _rgb(colour):
    from matplotlib.colors import to_rgba

    *rgb, alpha = to_rgba(colour)
    return [alpha * c + 1 - alpha for c in rgb]


def _key(ax):
    for sign, name in FINDINGS.items():
        ax.plot([], [], linestyle="none", marker="s", markersize=8, color=CLEAR[sign], label=stored(name))
    ax.legend(ncols=3, loc="lower left", bbox_to_anchor=(0, 1), frameon=False, fontsize=9, borderpad=0,
              handletextpad=0.2, columnspacing=1.2)  # fmt: skip


def _above(ax):
    ax.set_title(ax.get_title(loc="left"), loc="left", fontsize=10.5, fontweight="bold", color=INK, pad=24)


def _choice_labels(ax, choices):
    """Values at the left, the name of the choice where it changes."""
    labels, before = [], None
    for name, value in choices:
        labels.append(f"{stored(ROWS[name])}:  {value}" if name != before else str(value))
        before = name
    ax.set_yticks(range(len(choices)), labels)
    ax.set_ylim(len(choices) - 0.5, -0.5)
    for row, (first, second) in enumerate(pairwise(choices)):
        if first[0] != second[0]:
            ax.axhline(row + 0.5, color="#d0d0d0", linewidth=0.7)
    ax.set_xticks([])
    ax.tick_params(axis="y", length=0, labelsize=8, labelcolor=INK)
    for spine in ax.spines.values():
        spine.set_visible(False)


def _share(p: float) -> str:
    return "<0.001" if p < 0.001 else ">0.999" if p > 0.999 else f"{p:.3f}"


def _plain(value) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
