"""The door for weights: whatever the user has becomes SpatialWeights, or TemporalWeights where W varies over time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy import sparse

from spillover.errors import SpatialInputError, warn
from spillover.ids import positions

from .convert import from_dense, from_graph, from_sparse, from_W
from .temporal import TemporalWeights, temporal
from .weights import SpatialWeights

if TYPE_CHECKING:
    from spillover.types import Ids


def as_weights(w: Any, *, ids: Ids | None = None) -> SpatialWeights | TemporalWeights:
    """Weights of any kind as this project's.

    Parameters
    ----------
    w : SpatialWeights or TemporalWeights, taken as they are; a libpysal ``Graph`` or ``W``; a DataFrame with the same
        labels on both sides; a scipy sparse matrix or an (n, n) array; or a dict of period to any of these
    ids : sequence of length n, optional
        Labels for a matrix that has none. Without them it is taken in the order of the data, with a warning.

    Raises
    ------
    SpatialInputError
        E301 negative weights, E302 NaN or infinite, E311 not square, E312 units that are their own neighbors,
        E501 a type that is not understood; of ids E101, E102, E105.

    Examples
    --------
    >>> as_weights(np.array([[0, 1], [1, 0]]), ids=["a", "b"])
    <SpatialWeights 'given matrix': 2 units, 2 links, none>
    """
    if isinstance(w, SpatialWeights | TemporalWeights):
        return w
    if isinstance(w, Mapping) and not hasattr(w, "sparse"):
        return temporal({period: as_weights(each, ids=ids) for period, each in w.items()})
    if hasattr(w, "sparse") and hasattr(w, "unique_ids"):
        return from_graph(w)
    if hasattr(w, "sparse") and hasattr(w, "id_order"):
        return from_W(w)
    if isinstance(w, pd.DataFrame):
        return from_dense(w)
    if sparse.issparse(w):
        return from_sparse(w, ids, labelled=ids is not None)
    if isinstance(w, np.ndarray | list) and np.ndim(w) == 2:
        return from_dense(w, ids, labelled=ids is not None)
    raise SpatialInputError(
        "E501",
        f"weights of type {type(w).__name__} are not understood",
        hint="give spillover weights (wt.queen(...)), a libpysal Graph or W, a scipy sparse matrix or an array",
    )


def align(values, weights: SpatialWeights, *, name: str = "y") -> np.ndarray:
    """Put labelled values into the order of the weights' ids.

    A Series is matched by its index, whatever its order. Values without labels (arrays, lists) are taken in
    the weights' order.

    Parameters
    ----------
    values : Series, array or list of length n
    weights : SpatialWeights
    name : str
        What to call the values in errors.

    Returns
    -------
    ndarray of length n
        In the order of ``weights.ids``; dtype as given.

    Raises
    ------
    SpatialInputError
        E101 when ids differ, E102 when they repeat, E105 when the length differs.
    """
    if isinstance(values, pd.Series) and weights.labelled:
        return values.to_numpy()[positions(values.index, weights.ids, what=f"{name!r}")]
    if isinstance(values, pd.Series):
        warn_unlabelled()
    array = np.asarray(values)
    if array.shape[:1] != (weights.n,):
        raise SpatialInputError("E105", f"{name!r} has {len(array)} values, the weights have {weights.n} units",
                                hint="give one value per unit, as a Series indexed by id")  # fmt: skip
    return array


def warn_unlabelled() -> None:
    """Say that data and weights are matched by position."""
    warn("the weights have no ids, so the data's order was taken for theirs and could not be checked")
