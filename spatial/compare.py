"""The same model under several weights, side by side: fit, rho, effects, and which weights the data prefer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import pandas as pd

from spillover.errors import SpatialInputError

from .effects import Effects
from .results import Fit


@dataclass(frozen=True, eq=False)
class Comparison:
    """Fits by the weights' names.

    Attributes
    ----------
    fits : dict of str to Fit
    failed : dict of str to str
        Weights under which the model could not be estimated, and why.
    draws, seed : int
        For the simulated intervals of the effects.
    """

    fits: dict[str, Fit] = field(repr=False)
    failed: dict[str, str]
    draws: int = 1000
    seed: int = 1

    def __getitem__(self, name: str) -> Fit:
        if name not in self.fits:
            raise SpatialInputError("E501", f"no fit under {name!r}", hint="there are " + ", ".join(self.fits))
        return self.fits[name]

    def glance(self) -> pd.DataFrame:
        """One row per W, the preferred first.

        ``probability`` is exp(-BIC / 2), scaled to sum to one: the usual approximation to the posterior
        probability of each W when all are equally likely beforehand (Raftery 1995, Sociological Methodology
        25:111-163). All fits share n and the number of parameters, so it ranks by the likelihood.
        """
        table = pd.concat([fit.glance().assign(weights=name) for name, fit in self.fits.items()], ignore_index=True)
        table = table.assign(links=[fit.design.weights.nnz for fit in self.fits.values()])
        odds = np.exp(-(table["bic"] - table["bic"].min()) / 2)
        table["probability"] = odds / odds.sum()
        wanted = ["weights", "model", "links", "rho", "lambda", "sigma2", "loglik", "aic", "bic", "probability"]
        return table.sort_values("bic", kind="stable", ignore_index=True)[wanted]

    @property
    def best(self) -> str:
        """The weights with the highest posterior probability."""
        return str(self.glance()["weights"].iloc[0])

    @cached_property
    def effects(self) -> dict[str, Effects]:
        return {name: fit.effects(draws=self.draws, seed=self.seed) for name, fit in self.fits.items()}

    def tidy(self) -> pd.DataFrame:
        """Effects under every W, in the common schema plus ``weights`` and ``effect``."""
        tables = [e.tidy().assign(weights=name) for name, e in self.effects.items()]
        table = pd.concat(tables, ignore_index=True)
        return table[["weights", *table.columns.drop("weights")]]

    def __str__(self) -> str:
        from .report.text import comparison_text

        return comparison_text(self)

    def _repr_html_(self) -> str:
        from .report.text import as_html

        return as_html(str(self))


def compare_weights(
    weights: Mapping,
    *,
    model: Callable[..., Fit],
    formula: str,
    data: pd.DataFrame,
    draws: int = 1000,
    seed: int = 1,
    progress: Callable | None = None,
    **options,
) -> Comparison:
    """Fit one model under every W.

    Parameters
    ----------
    weights : mapping of names to weights over the same units
    model : function
        ``sp.sdm``, ``sp.sar`` ...
    formula, data, **options
        As the model takes them.
    draws, seed : int
        For the effects' intervals.
    progress : callable, optional
        Wraps the iteration, as ``rich.progress.track`` does.

    Returns
    -------
    Comparison
        A W under which the model cannot be estimated is reported in ``failed``; the rest goes on.

    Raises
    ------
    SpatialInputError
        E501 when there are no weights, or when none of them can be used.

    Examples
    --------
    >>> import shapefiles, spatial as sp, weights as wt
    >>> states, panel = shapefiles.load("us_states"), shapefiles.load_panel("us_states")
    >>> ws = {"queen": wt.queen(states).standardize("row"), "knn5": wt.knn(states, 5).standardize("row")}
    >>> both = sp.compare_weights(ws, model=sp.sar, formula="log(gsp) ~ log(emp)", data=panel,
    ...                           entity="state", time="year")
    >>> both.best
    'queen'
    """
    if not isinstance(weights, Mapping) or not weights:
        raise SpatialInputError("E501", "weights must be a mapping of names to weights, with one at least")
    items = list(weights.items())
    fits, failed, first = {}, {}, None
    for name, w in progress(items) if progress else items:
        try:
            fits[str(name)] = model(formula, data, w, **options)
        except SpatialInputError as error:
            first = first or error
            failed[str(name)] = f"{error.code}: {error.message}"
    if not fits:
        raise first
    return Comparison(fits, failed, draws, seed)
