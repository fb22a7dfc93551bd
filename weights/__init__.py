"""Spatial weights: every matrix the field uses, labelled, sparse and frozen."""

from .contiguity import bishop, queen, rook
from .convert import from_dense, from_frame, from_graph, from_sparse, from_W
from .distance import distance_band, exponential, inverse_distance, knn, smallest_band
from .economic import economic
from .io import load, save
from .matrix import SpatialWeights
from .order import lag_order
from .standardization import standardize

__all__ = [
    "SpatialWeights",
    "bishop",
    "distance_band",
    "economic",
    "exponential",
    "from_W",
    "from_dense",
    "from_frame",
    "from_graph",
    "from_sparse",
    "inverse_distance",
    "knn",
    "lag_order",
    "load",
    "queen",
    "rook",
    "save",
    "smallest_band",
    "standardize",
]
