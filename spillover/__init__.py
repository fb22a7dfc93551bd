"""Spatial econometrics: weight matrices, spatial autocorrelation, spatial Durbin models and their effects.

    import shapefiles, spatial as sp, weights as wt

are the three packages; ``spillover.weights``, ``spillover.spatial`` and ``spillover.shapefiles`` are lazy doors to the
same. Here is what they stand on: weight matrices, ids, errors, files.
"""

__version__ = "0.1.0"
__all__ = ["SpatialInputError", "SpatialInputWarning", "SpatialWeights", "TemporalWeights", "as_weights", "shapefiles",
           "show_versions", "spatial", "weights"]  # fmt: skip

_HOME = {
    "SpatialInputError": "errors",
    "SpatialInputWarning": "errors",
    "SpatialWeights": "matrix",
    "TemporalWeights": "matrix",
    "as_weights": "matrix",
    "show_versions": "versions",
}


def __getattr__(name):
    from importlib import import_module

    if name in _HOME:
        return getattr(import_module(f".{_HOME[name]}", __name__), name)
    if name in ("weights", "spatial", "shapefiles"):
        from .doors import package

        return package(name)
    raise AttributeError(f"module 'spillover' has no attribute {name!r}")


def __dir__():
    return [*__all__, "__version__"]
