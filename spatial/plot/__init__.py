"""Figures of results. Every function returns a matplotlib Axes, draws into ``ax`` when one is given, and does
not use pyplot or change its settings: safe in threads and without a display.

    ax = sp.plot.effects(fit.effects())
    sp.plot.save(ax, "effects.pdf")
"""

from .choices import agreement, placebo_weights, probabilities, profile, specification_curve
from .choropleth import choropleth
from .doses import dose_response
from .dynamic import path
from .indicators import densities, levels, productivity, sigma, transitions
from .map import response
from .policy import event_study, placebo, threshold, trends, what_if
from .style import figure, save
from .whiskers import by_order, by_weights, effects

__all__ = [
    "agreement", "by_order", "by_weights", "choropleth", "densities", "dose_response", "effects", "event_study",
    "figure", "levels", "path", "placebo", "placebo_weights", "probabilities", "productivity", "profile",
    "response", "save", "sigma", "specification_curve", "threshold", "transitions", "trends", "what_if",
]  # fmt: skip
