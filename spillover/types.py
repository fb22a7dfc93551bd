"""What public functions take, in the words of type checkers and editors."""

from __future__ import annotations

import os
from collections.abc import Hashable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    import geopandas as gpd
    import numpy as np
    import pandas as pd
    from scipy import sparse

    from .matrix import SpatialWeights, TemporalWeights

PathLike: TypeAlias = str | os.PathLike[str]
Label: TypeAlias = Hashable
# Texts, so that importing this file imports nothing. Graph and W of libpysal have ``sparse``; their types are not ours.
WeightsLike: TypeAlias = "SpatialWeights | TemporalWeights | pd.DataFrame | np.ndarray | sparse.sparray | Any"
Map: TypeAlias = "gpd.GeoDataFrame | gpd.GeoSeries"
Places: TypeAlias = "gpd.GeoDataFrame | gpd.GeoSeries | np.ndarray | Sequence[Sequence[float]]"
Ids: TypeAlias = "str | Sequence[Hashable] | np.ndarray | pd.Index | pd.Series"  # a column, or labels
Values: TypeAlias = "str | pd.Series | np.ndarray | Sequence[float]"  # a column, or one value per unit
Columns: TypeAlias = str | Sequence[str]
Groups: TypeAlias = "str | pd.Series | np.ndarray | Sequence[Hashable] | Mapping[Hashable, Hashable]"
CrsLike: TypeAlias = Any  # whatever pyproj.CRS.from_user_input takes
