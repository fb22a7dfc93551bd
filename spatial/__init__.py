"""Spatial econometrics: autocorrelation, spatial Durbin models and their direct and indirect effects.

    import spatial as sp, weights as wt

Names are loaded when they are first used, so ``import spatial`` is quick.
"""

from importlib import import_module

from spillover import __version__ as __version__
from spillover.errors import SpatialInputError, SpatialInputWarning

from .models import NAMES as _MODELS

_NAMES = {
    "explore.moran": "moran Moran",
    "explore._global": "GlobalStatistic",
    "explore._local": "LocalStatistic",
    "explore.by": "moran_by MoranBy",
    "explore.variants": "moran_bv moran_rate moran_residuals",
    "explore.rates": "smoothed_rates SmoothedRates local_moran_rate",
    "explore.correlogram": "correlogram correlogram_distance Correlogram",
    "explore.geary": "geary local_geary",
    "explore.getis": "getis_ord local_g",
    "explore.joincount": "join_counts local_join_counts JoinCounts",
    "explore.lee": "lee",
    "explore.local": "local_moran local_moran_bv",
    "explore.transitions": "lisa_transitions LisaTransitions",
    **{f"models.{name}": name for name in _MODELS},
    "diagnostics.instruments": "instrument_tests",
    "diagnostics.endogeneity": "endogeneity_test anderson_rubin",
    "diagnostics.anselin_kelejian": "anselin_kelejian",
    "models.dynamic_moments": "ArellanoBond",
    "design.moment_settings": "Moments",
    "models.refit": "refit Refits",
    "search.specify": "specify",
    "diagnostics.tests": "lm_tests lr_test wald_test",
    "design.regimes": "Regimes",
    "diagnostics.chow": "chow_test ChowTest",
    "diagnostics.combinations": "lincom nlcom Combinations",
    "diagnostics.hausman": "hausman",
    "covariance.random": "variance_components",
    "diagnostics.random_nested": "mundlak_test",
    "diagnostics.restrictions": "durbin_lm_tests common_factor spatial_hausman effects_test",
    "diagnostics.cross_dependence": "pesaran_cd",
    "diagnostics.panel_tests": "serial_correlation",
    "search.searches": "Search Searches",
    "diagnostics.random_tests": "random_effects_tests",
    "diagnostics.error_structure": "error_structure_tests",
    "diagnostics.robust_hausman": "robust_hausman",
    "diagnostics.residuals": "diagnose jarque_bera breusch_pagan lm_residual_error vif condition_number",
    "covariance.jackknife": "Jackknife",
    "covariance.clustered": "Robust Cluster",
    "covariance.hac": "Conley DriscollKraay",
    "covariance.scpc": "SCPC",
    "covariance.kinds": "Bootstrap",
    "design.obs_weights": "Sampling",
    "effects.average": "Effects",
    "effects.long_run": "DynamicEffects",
    "compare.weights": "compare_weights",
    "compare.comparison": "Comparison",
    "compare.prior": "Prior",
    "compare.tune": "tune_weights Tuning",
    "compare.mixture": "mix_weights Mixture",
    "effects.elasticity": "Elasticities",
    "effects.by_group": "effects_by EffectsBy",
    "effects.slopes": "slopes contrasts",
    "effects.averaged": "predictions Predictions",
    "effects.forecast": "Forecast",
    "compare.curve": "specification_curve SpecificationCurve",
    "compare.placebo": "placebo_weights PlaceboWeights",
    "policy.heterogeneity": "heterogeneity Heterogeneity",
    "policy.mediation": "mediation Mediation",
    "policy.did": "did DiD",
    "policy.dose": "Dose",
    "policy.exposure_did": "exposure_did",
    "policy.exposure_result": "ExposureDiD",
    "policy.placebo": "placebo_time placebo_units PlaceboUnits",
    "policy.rings": "ring_did",
    "policy.spatial_did": "spatial_did SpatialDiD",
    "policy.threshold": "threshold Threshold",
    "policy.what_if": "what_if WhatIf",
    "report.etable": "etable",
    "store.saving": "save",
    "store.loading": "load",
    "models.fit": "Fit",
    "records.tests": "TestResult TestTable",
}
_HOME = {name: home for home, names in _NAMES.items() for name in names.split()}
_ROOMS = ("indicators", "plot", "report")

__all__ = ["SpatialInputError", "SpatialInputWarning"]
__all__ += sorted([*_HOME, *_ROOMS])


def __getattr__(name):
    if name in _ROOMS:
        return import_module(f".{name}", __name__)
    if name not in _HOME:
        raise AttributeError(f"module 'spatial' has no attribute {name!r}")
    value = getattr(import_module(f".{_HOME[name]}", __name__), name)
    globals()[name] = value
    return value


def __dir__():
    return __all__
