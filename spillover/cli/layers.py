"""A map with the values of each unit, as a GeoPackage that QGIS opens colored, GeoJSON or GeoParquet."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from spillover.errors import SpatialInputError
from spillover.files import replacing

if TYPE_CHECKING:
    from geopandas import GeoDataFrame


@dataclass(frozen=True, eq=False)
class Layer:
    """What is written where a layer is asked for.

    Attributes
    ----------
    map : GeoDataFrame indexed by unit, or None
    columns : function
        Returns a DataFrame by unit, with the columns that the map gets; units may repeat.
    shown : str, optional
        The column that colors the layer.
    write : function (map, path, overwrite), optional
        Writes .gpkg and .geojson with the result's own style.
    """

    map: GeoDataFrame | None = field(repr=False)
    columns: Callable[[], pd.DataFrame]
    shown: str | None = None
    write: Callable | None = None

    def save(self, path: str, *, overwrite: bool = False) -> None:
        """Write the layer, whole or not at all.

        Raises
        ------
        SpatialInputError
            E402 GeoJSON of a map without a coordinate system; E501 without a map; E603, E605.
        """
        from spatial.plot.geopackage import write_layer

        if self.map is None:
            raise SpatialInputError("E501", "a layer needs a map", hint="give --map FILE")
        columns = self.columns()
        gdf = self.map[self.map.index.isin(columns.index)]
        if self.write is not None and Path(path).suffix.lower() != ".parquet":
            self.write(gdf, path, overwrite=overwrite)
            return
        layer, names = _joined(gdf, columns)
        if Path(path).suffix.lower() == ".parquet":
            with replacing(path, overwrite=overwrite) as part:
                layer.to_parquet(part, index=False)
            return
        shown = names.get(self.shown, self.shown)
        write_layer(layer, path, style_of(layer, shown) if shown in layer else [], overwrite=overwrite)


def _joined(gdf, columns: pd.DataFrame):
    """``on_map``, also where units repeat: then once for every row."""
    from spatial.plot.geopackage import free
    from spatial.plot.layer import on_map

    if columns.index.is_unique:
        return on_map(gdf, columns)
    units = columns.index.unique()
    once, _ = on_map(gdf, pd.DataFrame(index=units))
    layer = once.iloc[units.get_indexer(columns.index)].reset_index(drop=True)
    taken, names = {str(c).lower() for c in layer.columns} | {"fid", "geom"}, {}
    for column in columns:
        names[column] = free(str(column), "result_", taken)
        layer[names[column]] = columns[column].to_numpy()
    return layer, names


def style_of(layer, column: str) -> list:
    """Numbers in classes, text by its kinds; none where there are too many, or no values."""
    from spatial.plot.choropleth import classes
    from spatial.plot.layer import tip
    from spatial.plot.qml import Style

    try:
        return [Style(column, column, classes(layer[column]), {}, tip(layer, column))]
    except SpatialInputError:
        return []


def scatter(results, values: pd.DataFrame) -> pd.DataFrame:
    """What Moran's scatter plot shows, by unit: each variable, its standardised spatial lag and its quadrant."""
    import numpy as np

    from spatial.explore.local import QUADRANTS, quadrants

    parts = []
    for r in results:
        name, quadrant = r.variable, np.array(QUADRANTS)[quadrants(r.z, r.lag)]
        columns = {name: values[name].reindex(r.ids).to_numpy(), f"{name}_z": r.z, f"{name}_lag": r.lag}
        parts.append(pd.DataFrame({**columns, f"{name}_quadrant": quadrant}, index=r.ids))
    return pd.concat(parts, axis=1)


def effects_by_unit(effects) -> pd.DataFrame:
    """What each unit does to itself and to all others and gets from them, for every term."""
    from spatial.plot.layer import by_unit

    return by_unit(effects)[0]


def fitted(fit) -> pd.DataFrame:
    """Response, fitted values and residuals by unit; of a panel one row per unit and period."""
    response = (fit.fitted + fit.resid).rename(fit._design.response)
    frame = pd.concat([response, fit.fitted, fit.resid.rename("residual")], axis=1)
    return frame.reset_index(level=1) if frame.index.nlevels > 1 else frame
