"""Period means, which are taken out before W lags a column beside period effects, if rows of W do not all sum to one.

With period effects x + c_t is x, for the response and for regressors. W of c_t is a period effect too if rows sum to
one. If not (an island is enough) it is an outlier: the neighbors of an island would have zero where all others have the
path of their neighbors, and rho and theta would be what the path makes of that.

W J, J = I - 11'/N, takes period effects to zero: they leave the equation in deviations by Lee & Yu's (2010)
transformation, exactly, whatever rows of W sum to (``logdet.means``).
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from scipy import sparse

from spillover.errors import SpatialInputError
from spillover.matrix import SeveralWeights, SpatialWeights, TemporalWeights

DENSE_MAX = 3_000  # units up to which W J, which has no zeros, is a matrix


def period_means(values: np.ndarray, observed: np.ndarray | None, first: int = 0) -> np.ndarray:
    """Of the units that are observed, one for each period: (T, 1) or (T, 1, k), behind ``first`` axes more. Zero
    for the intercept, whose W 1 is a regressor where it is needed."""
    there = observed if observed is None or values.ndim == first + 2 else observed[:, :, None]
    where = True if there is None else np.broadcast_to(there, values.shape)
    means = values.mean(axis=first + 1, keepdims=True, where=where)
    constant = (np.nan_to_num(values, nan=1.0) == 1.0).all(axis=(first, first + 1), keepdims=True)
    return np.where(constant, 0.0, means)


def centers(weights: SpatialWeights | TemporalWeights | SeveralWeights, time: bool) -> bool:
    """Whether W lags deviations from period means: beside period effects, where its rows do not all sum to one; of
    several W whether one of them does."""
    return time and not weights.rows_sum_to_one


def of_deviations(weights: SpatialWeights | TemporalWeights) -> SpatialWeights | TemporalWeights:
    """W J, of every period."""
    if isinstance(weights, SpatialWeights):
        return lag_of_deviations(weights)
    seen = (None,) * len(weights.matrices) if weights.observed is None else map(tuple, weights.observed.tolist())
    matrices = tuple(lag_of_deviations(w, there) for w, there in zip(weights.matrices, seen))
    return TemporalWeights(matrices, weights.periods, weights.notes, weights.observed)


@lru_cache(maxsize=16)
def lag_of_deviations(weights: SpatialWeights, counted: tuple[bool, ...] | None = None) -> SpatialWeights:
    """W J as a matrix; J takes off the mean of all units, or of those that are ``counted``.

    Raises
    ------
    SpatialInputError
        E309 above 3,000 units.
    """
    n = weights.n
    if n > DENSE_MAX:
        raise SpatialInputError("E309", f"W of deviations from period means is a dense {n:,} x {n:,} matrix here", n=n,
                                hint="standardize('row') without islands, or effects='entity'")  # fmt: skip
    share = np.full(n, 1 / n) if counted is None else np.array(counted) / np.sum(counted)
    W = weights.csr.toarray()
    return SpatialWeights(sparse.csr_array(W - np.outer(W.sum(axis=1), share)), weights.ids, weights.kind,
                          labelled=weights.labelled)  # fmt: skip
