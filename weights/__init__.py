"""Spatial weights: every matrix the field uses, labelled, sparse and frozen."""

from spillover.matrix.anything import as_weights
from spillover.matrix.convert import from_dense, from_frame, from_graph, from_sparse, from_W
from spillover.matrix.standardization import standardize
from spillover.matrix.temporal import TemporalWeights, temporal
from spillover.matrix.weights import SpatialWeights

from .audit import audit
from .border import border_length
from .combine import combine, difference, intersection, nested, product, union
from .contiguity import bishop, queen, rook
from .describe import compare, describe
from .distance import distance_band, exponential, inverse_distance, knn, smallest_band
from .economic import economic
from .flows import flows, shares
from .graphs import delaunay, gabriel, relative_neighbor, sphere_of_influence
from .gravity import gravity
from .io import load, save
from .kernel import kernel
from .maps import read_map
from .measured import from_distances
from .order import lag_order
from .plot import plot
from .regions import block, lattice
from .registry import builders
from .similarity import similarity

__all__ = [
    "SpatialWeights",
    "TemporalWeights",
    "as_weights",
    "audit",
    "bishop",
    "block",
    "border_length",
    "builders",
    "combine",
    "compare",
    "delaunay",
    "describe",
    "difference",
    "distance_band",
    "economic",
    "exponential",
    "flows",
    "from_W",
    "from_dense",
    "from_distances",
    "from_frame",
    "from_graph",
    "from_sparse",
    "gabriel",
    "gravity",
    "intersection",
    "inverse_distance",
    "kernel",
    "knn",
    "lag_order",
    "lattice",
    "load",
    "nested",
    "plot",
    "product",
    "queen",
    "read_map",
    "relative_neighbor",
    "rook",
    "save",
    "shares",
    "similarity",
    "smallest_band",
    "sphere_of_influence",
    "standardize",
    "temporal",
    "union",
]
