"""The shapes that a result is drawn on, and the package that draws pages."""

from __future__ import annotations

from spillover.errors import SpatialInputError
from spillover.values import with_shapes


def shapes_of(result):
    """The shapes of the units, as a GeoDataFrame by unit, where the data of the result came with them; else None."""
    shapes = getattr(result, "shapes", None)
    if shapes is not None:
        return shapes.to_frame("geometry")
    design = getattr(getattr(result, "fit", result), "_design", None)
    frame = getattr(design, "frame", None)
    if design is None or frame is None or not hasattr(frame, "geometry"):
        return None
    order = design.order[-1]
    return None if (order < 0).any() else frame.geometry.iloc[order].set_axis(design.ids).to_frame("geometry")


def needs_folium() -> None:
    """E515 where folium is not installed."""
    try:
        import folium  # noqa: F401
    except ImportError as error:
        raise SpatialInputError("E515", "maps to zoom into need folium, which is not installed",
                                hint="pip install 'spillover[explore]'") from error  # fmt: skip


def needed(result, map):
    map = shapes_of(result) if map is None else map
    if map is None:
        raise SpatialInputError("E501", "the data of this result came without shapes", hint="give the map, by unit")
    return with_shapes(map)
