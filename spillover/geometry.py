"""A map on axes: geopandas' drawing without its last step."""

from __future__ import annotations


def add_geometry(ax, geometry, **style) -> None:
    """Draw the shapes of a GeoSeries on axes.

    ``GeoSeries.plot`` asks for a new picture when it is done, which without a screen is drawn at once, the whole
    figure with it: a page of many maps would be drawn as often as it has maps and classes. The figure is drawn when it
    is saved or shown.
    """
    canvas = ax.figure.canvas
    canvas.draw_idle = lambda *args, **kwargs: None
    try:
        geometry.plot(ax=ax, aspect=None, **style)
    finally:
        del canvas.draw_idle
