"""Effects of a policy by dose, with intervals: a curve and its band, or a mark for each bin."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from spillover.errors import SpatialInputError, check_option
from spillover.language import phrase

from .policy import interval_label, policy
from .style import SOFT, figure, legible, plain, series_styles

if TYPE_CHECKING:
    from matplotlib.axes import Axes

EFFECTS = ("ATT", "ACRT")


def did(result, ax=None):
    """Effects by dose where there are any, else what ``policy`` draws."""
    return policy(result, ax) if result.curve is None else dose_response(result, ax=ax)


def dose_response(result: Any, effect: str = "ATT", ax: Axes | None = None) -> Axes:
    """Level or slope by dose.

    Parameters
    ----------
    result : DiD
        With ``dose=``.
    effect : {"ATT", "ACRT"}
    ax : matplotlib Axes, optional

    Raises
    ------
    SpatialInputError
        E206 for results without doses; E501 another effect.

    Examples
    --------
    >>> import pandas as pd
    >>> from types import SimpleNamespace as Some
    >>> rows = [(1.0, "ATT", 0.5, 0.1, 0.9), (2.0, "ATT", 0.8, 0.2, 1.4)]
    >>> curve = pd.DataFrame(rows, columns=["dose", "effect", "estimate", "conf_low", "conf_high"])
    >>> settings = {"level": 0.95, "dose": Some(column="share", basis="spline")}
    >>> ax = dose_response(Some(curve=curve, settings=settings, response="y", treatment="law"))
    >>> ax.get_xlabel()
    'share'
    """
    check_option("effect", effect, EFFECTS)
    if getattr(result, "curve", None) is None:
        raise SpatialInputError("E206", "this result has no effects by dose", hint="sp.did(..., dose=)")
    part = result.curve[result.curve["effect"] == effect].sort_values("dose")
    dose, (colour, marker) = result.settings["dose"], next(iter(series_styles()))
    ax = ax if ax is not None else figure()
    ax.axhline(0, color=SOFT, linewidth=0.8, zorder=0)
    if dose.basis == "bins":
        ax.vlines(part["dose"], part["conf_low"], part["conf_high"], color=colour, linewidth=1.4)
        ax.plot(part["dose"], part["estimate"], linestyle="none", marker=marker, markersize=5, color=colour)
    else:
        ax.fill_between(part["dose"], part["conf_low"], part["conf_high"], color=colour, alpha=0.2, linewidth=0)
        ax.plot(part["dose"], part["estimate"], color=colour, linewidth=1.6)
    level = f"{100 * result.settings['level']:g}"
    together = result.settings.get("band") == "simultaneous"
    ylabel = phrase("Effect, {level} % band for all", level=level) if together else interval_label(level)
    names = {"treatment": result.treatment, "outcome": result.response}
    title = phrase("Effect of {treatment} on {outcome} by dose", **names) if effect == "ATT" else phrase(
        "Effect of one more unit of {treatment} on {outcome}", **names)  # fmt: skip
    plain(ax, title=title, xlabel=dose.column, ylabel=ylabel)
    return legible(ax)
