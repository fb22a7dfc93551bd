"""Indicators for regional studies: indices, productivity, structure, gaps and convergence.

    sp.indicators.composite_index(panel, {"accounts": "+", "arrears": "-"}, entity="province", time="year")

Every function takes a frame, names of its columns, and ``entity=`` and ``time=`` (or a (unit, period) MultiIndex);
results are labelled by unit and period, sorted by both. Functions are loaded on first use.
"""

from importlib import import_module

_NAMES = {
    "capital": "perpetual_inventory",
    "convergence": "beta_convergence BetaConvergence",
    "coordination": "coupling",
    "density": "kernel_densities Densities",
    "envelopment": "dea super_sbm Efficiency",
    "frontier": "stochastic_frontier StochasticFrontier",
    "growth": "growth_table GrowthTable",
    "index": "composite_index CompositeIndex",
    "inequality": "gini theil Decomposition",
    "productivity": "malmquist malmquist_luenberger Productivity",
    "residual": "solow_residual GrowthAccounting",
    "sigma": "sigma_convergence SigmaConvergence",
    "spatial_transitions": "spatial_markov SpatialMarkov",
    "structure": "upgrading rationalization location_quotients specialization",
    "transitions": "markov Markov",
}
_HOME = {name: home for home, names in _NAMES.items() for name in names.split()}

__all__ = sorted(_HOME)


def __getattr__(name):
    if name not in _HOME:
        raise AttributeError(f"module 'spatial.indicators' has no attribute {name!r}")
    value = getattr(import_module(f".{_HOME[name]}", __name__), name)
    globals()[name] = value
    return value


def __dir__():
    return __all__
