"""The values that a result has for every unit, drawn on a map: as a figure, as a web page, and small in a notebook."""

from __future__ import annotations

import pandas as pd

from spillover.errors import SpatialInputError
from spillover.show import answer

from .choropleth import choropleth, classes
from .classes_of_units import COLOURS
from .geopackage import fill
from .layer import on_map
from .qml import Style
from .shapes import needed, needs_folium, shapes_of


def values_of(result, *, column: str | None = None, **options) -> pd.Series:
    """One value for every unit of a result.

    Parameters
    ----------
    column : str, optional
        Which of the result's; the usual one by default.
    **options
        What the result's own table needs, such as ``variable`` of effects.

    Raises
    ------
    SpatialInputError
        E501 a result without units, E502 no such column.
    """
    function = answer("units", type(result))
    if function is None:
        raise SpatialInputError("E501", f"a {type(result).__name__} has no value for every unit",
                                hint="draw it without a map: result.plot()")
    frame, usual = function(result, **options)
    column = usual if column is None else column
    if column not in frame:
        raise SpatialInputError("E502", f"{column!r} is no value of the units", column=str(column),
                                hint="they have " + ", ".join(map(str, frame)))  # fmt: skip
    return frame[column].rename(str(column))


def unit_map(result, map=None, *, column: str | None = None, ax=None, title: str | None = None, **options):
    """A choropleth of a result's values; ``map`` may be left out where the data were a map.

    Raises
    ------
    SpatialInputError
        As ``values_of`` and ``choropleth``.
    """
    values = values_of(result, column=column, **options)
    return choropleth(needed(result, map), values, ax, title=title or str(values.name))


def web_map(result, map=None, *, column: str | None = None, variable: str | None = None, **options):
    """The same as a web page to zoom into, by geopandas and folium.

    Parameters
    ----------
    column, variable : str, optional
        As for ``values_of``.
    **options
        For ``GeoDataFrame.explore``, such as ``tiles``.

    Raises
    ------
    SpatialInputError
        As ``values_of``; E515 when folium is not installed.
    """
    needs_folium()
    of = {} if variable is None else {"variable": variable}
    values = values_of(result, column=column, **of)
    gdf = needed(result, map)
    layer, names = on_map(gdf[gdf.index.isin(values.index)], values.to_frame())
    name = names[values.name]
    kinds = classes(layer[name])
    label = "class of " + name
    layer[label] = [_label(value, kinds) for value in layer[name]]
    used = [kind for kind in kinds if kind.label in set(layer[label].dropna())]
    options = {"tooltip": [c for c in layer.columns if c != layer.geometry.name][-12:], "legend": True} | options
    return layer.explore(column=label, categorical=True, categories=[kind.label for kind in used],
                         cmap=[kind.color for kind in used], **options)  # fmt: skip


def small_map(result, width: int = 240) -> str:
    """A picture of the usual value on the shapes that the result's data came with, as SVG; "" where it is not cheap."""
    from .svg import picture

    gdf = shapes_of(result)
    if gdf is None or len(gdf) > MANY or not gdf.geom_type.isin(("Polygon", "MultiPolygon")).all():
        return ""
    try:
        values = values_of(result).reindex(gdf.index)
        colors = fill(values.to_frame("value"), Style("", "value", _palette(result, values)))
    except (SpatialInputError, TypeError):  # no value for every unit, or one that must be named
        return ""
    return picture(gdf.geometry, colors, title=str(values.name), width=width)


MANY = 1_000  # units of a small map


def _palette(result, values):
    from .qml import Class

    if values.dtype == "category":
        return tuple(Class(label, COLOURS[label], label) for label in values.cat.categories)
    return classes(values)


def _label(value, kinds) -> str | None:
    if kinds[0].value is not None:
        return next((kind.label for kind in kinds if kind.value == str(value)), None)
    return next((kind.label for kind in kinds if kind.low <= value <= kind.high), None)


# -- what each result has for its units ----------------------------------------------------------------------


def of_fit(fit):
    """Of a panel those of the last period."""
    frame = pd.concat([fit.fitted, fit.resid], axis=1)
    if fit.periods is not None:
        frame = frame.xs(fit.periods[-1], level=1)  # rows are by unit and period
    return frame.set_axis(["fitted", "resid"], axis=1), "resid"


def of_effects(effects, variable: str | None = None):
    if variable is not None and not isinstance(variable, str):
        raise SpatialInputError("E501", f"variable={type(variable).__name__} should be a term of the formula",
                                hint="give the term first, then the map, or map= where there is one term")  # fmt: skip
    if variable is None and len(effects.variables) > 1:
        raise SpatialInputError("E501", "effects of which regressor?", hint=f"variable={effects.variables[0]!r}")
    return effects.by_unit(variable or effects.variables[0]), "emitted"


def of_local(result):
    return result.frame, "cluster"


def of_moran(result):
    return pd.DataFrame({"z": result.z, "lag": result.lag}, index=result.ids), "z"


def of_rates(result):
    return result.frame, "smoothed"


def of_what_if(result):
    return result.table, "percent" if "percent" in result.table else "estimate"


def of_forecast(result, period=None):
    """Of the last new period, or another."""
    periods = result.table.index.get_level_values(1)
    chosen = periods.max() if period is None else period
    if chosen not in periods:
        raise SpatialInputError("E107", f"there is no forecast for {chosen!r}", ids=list(periods.unique()),
                                hint="choose one of these periods")  # fmt: skip
    return result.table.xs(chosen, level=1), "estimate"


def of_scores(result):
    """Scores by unit, of a panel those of the last period."""
    scores = result.efficiency if hasattr(result, "efficiency") else result.scores
    if scores.index.nlevels > 1:
        last = scores.index.get_level_values(1).max()
        scores = scores.xs(last, level=1)
    return scores.to_frame("score"), "score"
