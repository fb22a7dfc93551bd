"""Spatial weights: every matrix the field uses, labelled, sparse and frozen.

    import weights as wt

Names are loaded when they are first used, so ``import weights`` is quick.
"""

import sys
from importlib import import_module
from types import ModuleType

_NAMES = {
    "audit": "audit",
    "border": "border_length",
    "combine": "combine difference intersection nested product union",
    "contiguity": "bishop queen rook",
    "describe": "compare describe",
    "distance": "distance_band exponential inverse_distance knn smallest_band",
    "economic": "economic",
    "flows": "flows shares",
    "graphs": "delaunay gabriel relative_neighbor sphere_of_influence",
    "gravity": "gravity",
    "io": "load save",
    "kernel": "kernel",
    "maps": "read_map",
    "measured": "from_distances",
    "order": "lag_order",
    "plot": "plot",
    "regions": "block lattice",
    "registry": "builders",
    "similarity": "similarity",
}
_MATRIX = {
    "anything": "as_weights",
    "convert": "from_W from_dense from_frame from_graph from_sparse",
    "standardization": "standardize",
    "temporal": "TemporalWeights temporal",
    "weights": "SpatialWeights",
}
_HOME = {name: f"{__name__}.{file}" for file, names in _NAMES.items() for name in names.split()}
_HOME |= {name: f"spillover.matrix.{file}" for file, names in _MATRIX.items() for name in names.split()}

__all__ = sorted(_HOME)


def __getattr__(name):
    if name not in _HOME:
        raise AttributeError(f"module 'weights' has no attribute {name!r}")
    value = getattr(import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__():
    return __all__


class _Package(ModuleType):
    """``weights.audit`` is the function, also after the file ``audit`` of the same name has been imported."""

    def __setattr__(self, name, value):
        if not (name in _HOME and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package
