"""A map with the values of each unit, as a GeoPackage, GeoJSON or GeoParquet."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from spillover.database import is_database, write
from spillover.errors import SpatialInputError
from spillover.files import replacing
from spillover.ids import positions


@dataclass(frozen=True, eq=False)
class Layer:
    """What is written where a layer is asked for.

    Attributes
    ----------
    map : GeoDataFrame indexed by unit, or None
    columns : function
        Returns a DataFrame by unit, with the columns that the map gets.
    write : function (map, path, overwrite), optional
        Writes .gpkg and .geojson with the result's own style.
    """

    map: object = field(repr=False)
    columns: Callable[[], pd.DataFrame]
    write: Callable | None = None

    def save(self, path: str, *, overwrite: bool = False) -> None:
        """Write the layer, whole or not at all.

        Raises
        ------
        SpatialInputError
            E402 GeoJSON of a map without a coordinate system; E501 without a map; E603, E605; E609.
        """
        if self.map is None:
            raise SpatialInputError("E501", "a layer needs a map", hint="give --map FILE")
        suffix = Path(path).suffix.lower()
        if self.write is not None and suffix != ".parquet":
            self.write(self.map, path, overwrite=overwrite)
            return
        frame = self._frame()
        if is_database(path):
            write(frame, path, overwrite=overwrite)
            return
        if suffix == ".geojson" and frame.crs is None:
            raise SpatialInputError("E402", "GeoJSON is in degrees, and this map has no coordinate reference system",
                                    hint="give --crs EPSG:..., or write .gpkg")
        with replacing(path, overwrite=overwrite) as part:
            if suffix == ".parquet":
                frame.to_parquet(part, index=False)
            elif suffix == ".geojson":
                part.write_text(frame.to_crs(4326).to_json(drop_id=True, ensure_ascii=False), encoding="utf-8")
            else:
                frame.to_file(part, driver="GPKG", layer=Path(path).stem, index=False)

    def _frame(self):
        """One row per row of ``columns``, which may repeat units; names differ without regard to case."""
        columns = self.columns()
        at = positions(self.map.index, columns.index.unique(), what="the map")
        place = pd.Series(at, columns.index.unique())
        layer = self.map.iloc[place[columns.index].to_numpy()]
        taken = {str(c).lower() for c in layer.columns} | {"fid", "geom"}
        unit = layer.index.name or "unit"
        layer = layer if str(unit).lower() in taken else layer.reset_index(names=unit)
        for name, values in columns.items():
            new = str(name)
            while new.lower() in taken:
                new = f"result_{new}"
            taken.add(new.lower())
            layer[new] = values.astype(str).to_numpy() if values.dtype == "category" else values.to_numpy()
        return layer.reset_index(drop=True)


def scatter(results, values: pd.DataFrame) -> pd.DataFrame:
    """What Moran's scatter plot shows, by unit: each variable, its standardised spatial lag and its quadrant."""
    from spatial.explore.local import QUADRANTS, quadrants

    parts = []
    for r in results:
        name, quadrant = r.variable, np.array(QUADRANTS)[quadrants(r.z, r.lag)]
        columns = {name: values[name].reindex(r.ids).to_numpy(), f"{name}_z": r.z, f"{name}_lag": r.lag}
        parts.append(pd.DataFrame({**columns, f"{name}_quadrant": quadrant}, index=r.ids))
    return pd.concat(parts, axis=1)


def by_unit(effects) -> pd.DataFrame:
    """What each unit does to itself and to all others and gets from them, for every term."""
    parts = []
    for term in effects.variables:
        name = "".join(c if c.isalnum() else "_" for c in term).strip("_")
        parts.append(effects.by_unit(term).add_prefix(f"{name}_"))
    return pd.concat(parts, axis=1)


def fitted(fit) -> pd.DataFrame:
    """Response, fitted values and residuals by unit; of a panel one row per unit and period."""
    d = fit.design
    response = (fit.fitted + fit.resid).rename(d.response)
    frame = pd.concat([response, fit.fitted, fit.resid.rename("residual")], axis=1)
    if frame.index.nlevels > 1:
        unit = next(level for level in frame.index.names if frame.index.get_level_values(level).isin(d.ids).all())
        frame = frame.reset_index().set_index(unit)
    return frame
