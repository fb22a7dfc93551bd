"""Period means, which are taken out before W lags a column beside period effects, if rows of W do not all sum to one.

With period effects x + c_t is x, for the response and for regressors. W of c_t is a period effect too if rows sum to
one. If not (an island is enough) it is an outlier: the neighbors of an island would have zero where all others have the
path of their neighbors, and rho and theta would be what the path makes of that.
"""

from __future__ import annotations

import numpy as np


def period_means(values: np.ndarray, observed: np.ndarray | None, first: int = 0) -> np.ndarray:
    """Of the units that are observed, one for each period: (T, 1) or (T, 1, k), behind ``first`` axes more. Zero
    for the intercept, whose W 1 is a regressor where it is needed."""
    there = observed if observed is None or values.ndim == first + 2 else observed[:, :, None]
    where = True if there is None else np.broadcast_to(there, values.shape)
    means = values.mean(axis=first + 1, keepdims=True, where=where)
    constant = (np.nan_to_num(values, nan=1.0) == 1.0).all(axis=(first, first + 1), keepdims=True)
    return np.where(constant, 0.0, means)
