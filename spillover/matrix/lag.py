"""The spatial lag W x of labelled values, or of arrays in the weights' order."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from spillover.errors import SpatialInputError
from spillover.ids import positions

from ..values import numeric

if TYPE_CHECKING:
    from .weights import SpatialWeights


def spatial_lag(w: SpatialWeights, x):
    """See :meth:`SpatialWeights.lag`."""
    if isinstance(x, (pd.Series, pd.DataFrame)):
        ordered = x.iloc[positions(x.index, w.ids)]
        values = w.csr @ numeric(ordered, ids=w.ids)
        if isinstance(x, pd.Series):
            return pd.Series(values, index=w.ids, name=x.name)
        return pd.DataFrame(values, index=w.ids, columns=x.columns)
    x = np.asarray(x)
    if x.ndim not in (1, 2) or x.shape[0] != w.n:
        raise SpatialInputError("E105", f"an array without labels needs {w.n} rows, but has shape {x.shape}",
                                hint="give a Series indexed by id")
    return w.csr @ numeric(x, ids=w.ids)
