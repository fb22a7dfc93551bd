"""What public functions take, in the words of type checkers and editors; modules import it for them alone."""

from __future__ import annotations

import os
from collections.abc import Hashable, Mapping, Sequence
from typing import Any, Protocol, TypeAlias, Union

import geopandas as gpd
import numpy as np
import pandas as pd
from scipy import sparse

from .matrix import SpatialWeights, TemporalWeights


class HasSparse(Protocol):
    """A Graph or a W of libpysal."""

    @property
    def sparse(self) -> Any: ...


WeightsLike: TypeAlias = Union[
    SpatialWeights, TemporalWeights, pd.DataFrame, np.ndarray, "sparse.sparray", "sparse.spmatrix", HasSparse
]
PathLike: TypeAlias = str | os.PathLike[str]
Map: TypeAlias = gpd.GeoDataFrame | gpd.GeoSeries
Places: TypeAlias = gpd.GeoDataFrame | gpd.GeoSeries | np.ndarray | Sequence[Sequence[float]]
Ids: TypeAlias = str | Sequence[Hashable] | np.ndarray | pd.Index | pd.Series  # a column, or labels
Values: TypeAlias = str | pd.Series | np.ndarray | Sequence[float]  # a column, or one value per unit
Columns: TypeAlias = str | Sequence[str]
Groups: TypeAlias = str | pd.Series | np.ndarray | Sequence[Hashable] | Mapping[Hashable, Hashable]
CrsLike: TypeAlias = Any  # whatever pyproj.CRS.from_user_input takes
