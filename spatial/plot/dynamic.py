"""Effects of a dynamic model over time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from spillover.errors import SpatialInputError, check_option
from spillover.language import phrase, stored

from .style import SOFT, figure, legible, plain, series_styles
from .whiskers import KINDS, _chosen

if TYPE_CHECKING:
    from matplotlib.axes import Axes

CHANGES = ("permanent", "transitory")
STEP = 0.12  # between the series of one period


def path(effects: Any, variable: str | None = None, ax: Axes | None = None, *, horizon: int = 10,
         change: str = "permanent") -> Axes:  # fmt: skip
    """Direct, indirect and total effect by period since the change, with intervals.

    Parameters
    ----------
    effects : DynamicEffects
    variable : str, optional
        May be left out where there is one.
    ax : matplotlib Axes, optional
    horizon : int
        The last period drawn.
    change : {"permanent", "transitory"}
        A change that stays, or one of a single period.

    Raises
    ------
    SpatialInputError
        E501 for another change, or which variable; E502 for a variable that the effects do not have.
    """
    check_option("change", change, CHANGES)
    variable = _only_one(effects.fit._design.regressors) if variable is None else variable
    table = _chosen(effects.path(horizon), [variable])
    table = table[table["change"] == change]
    ax = ax if ax is not None else figure(height=2.9)
    ax.axhline(0, color=SOFT, linewidth=0.8, zorder=0)
    for k, (kind, (colour, marker)) in enumerate(zip(KINDS, series_styles())):
        part = table[table["effect"] == kind]
        at = part["horizon"] + STEP * (k - 1)
        ax.vlines(at, part["conf_low"], part["conf_high"], color=colour, linewidth=1.2)
        ax.plot(at, part["estimate"], color=colour, marker=marker, markersize=4.5, linewidth=0.8, label=stored(kind))
    ax.set_xticks(range(0, horizon + 1, max(1, horizon // 10)))
    response = effects.fit._design.response
    title = phrase("Effect of a permanent rise of {variable}", variable=variable) if change == "permanent" else phrase(
        "Effect of a transitory rise of {variable}", variable=variable)  # fmt: skip
    plain(ax, title=title, xlabel=phrase("Periods since the change"),
          ylabel=phrase("Effect on {outcome}", outcome=response), legend=True)  # fmt: skip
    return legible(ax)


def _only_one(regressors: tuple[str, ...]) -> str:
    if len(regressors) != 1:
        raise SpatialInputError("E501", "the path of which regressor?",
                                hint=f"one of {', '.join(map(repr, regressors))}; short_run.plot() has all")
    return regressors[0]
