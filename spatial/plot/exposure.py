"""The figure of a policy that reaches the neighbors: a panel for every effect."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from spillover.language import phrase, stored

from .policy import interval_label
from .style import SOFT, figure, legible, plain, series_styles

if TYPE_CHECKING:
    from matplotlib.axes import Axes

STEP = 0.18  # between the effects of one period


def exposure_paths(result: Any, ax: Axes | None = None) -> Axes:
    """Every effect by time since its event, with intervals.

    Parameters
    ----------
    result : ExposureDiD
    ax : matplotlib Axes, optional
    """
    ax = ax if ax is not None else figure(height=3.8)
    path = result.path.dropna(subset=["estimate"])
    names = list(dict.fromkeys(path["effect"]))
    ax.axhline(0, color=SOFT, linewidth=0.8, zorder=0)
    before = max(path["period"][path["period"] < 0], default=-1)
    ax.axvline(before / 2, color=SOFT, linewidth=0.8, linestyle=(0, (4, 3)), zorder=0)
    for k, (name, (color, marker)) in enumerate(zip(names, series_styles())):
        part = path[path["effect"] == name]
        at = part["period"] + STEP * (k - (len(names) - 1) / 2)
        seen = np.isfinite(part["conf_low"])
        ax.vlines(at[seen], part["conf_low"][seen], part["conf_high"][seen], color=color, linewidth=1.4)
        ax.plot(at, part["estimate"], linestyle="none", marker=marker, markersize=5, color=color, label=stored(name))
    ax.xaxis.get_major_locator().set_params(integer=True)  # type: ignore[call-arg]
    level, time = f"{100 * result.settings['level']:g}", result.sample.times.name
    together = result.settings["band"] == "simultaneous"
    plain(ax, title=phrase("Effect of {treatment} on {outcome}", treatment=result.treatment, outcome=result.response),
          xlabel=phrase("{time} since adoption, or since first exposure",
                        time=phrase("Time") if time is None else str(time).capitalize()),
          ylabel=phrase("Effect, {level} % band for all", level=level) if together else interval_label(level),
          legend=True)  # fmt: skip
    return legible(ax)
