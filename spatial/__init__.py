"""Spatial econometrics: autocorrelation, spatial Durbin models and their direct and indirect effects.

    import spatial as sp, weights as wt

Names are loaded when they are first used, so ``import spatial`` is quick.
"""

from importlib import import_module

from spillover.errors import SpatialInputError, SpatialInputWarning

_HOME = {
    "ols": "models.family", "slx": "models.family", "sar": "models.family", "sem": "models.family",
    "sdm": "models.family", "sdem": "models.family", "sac": "models.family",
    "Fit": "results", "TestResult": "results", "TestTable": "results", "Effects": "effects",
    "lm_tests": "inference.tests", "lr_test": "inference.tests", "wald_test": "inference.tests",
    "hausman": "inference.tests", "specify": "models.specify", "effects": "effects",
    "Comparison": "compare", "compare_weights": "compare",
    "moran": "explore.moran", "moran_by": "explore.by",
}  # fmt: skip

__all__ = ["SpatialInputError", "SpatialInputWarning"]
__all__ += sorted(_HOME)


def __getattr__(name):
    if name == "plot":
        return import_module(".plot", __name__)
    if name not in _HOME:
        raise AttributeError(f"module 'spatial' has no attribute {name!r}")
    value = getattr(import_module(f".{_HOME[name]}", __name__), name)
    globals()[name] = value
    return value


def __dir__():
    return __all__
