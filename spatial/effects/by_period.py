"""Effects period by period, where W varies over time: S_rt = (I - rho W_t)^-1 (beta_r I + theta_r W_t)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pandas as pd

from spillover.errors import SpatialInputError

from .infer import AverageEffects, infer
from .propagate import Averages, selectors

if TYPE_CHECKING:
    from .average import Effects


def by_period(effects: Effects) -> pd.DataFrame:
    """Direct, indirect and total effects under the W of each period; their average over the periods is ``effects``.

    Returns
    -------
    DataFrame
        The common schema, after the column ``period``; intervals by the method of ``effects``.

    Raises
    ------
    SpatialInputError
        E501 when W does not vary: every period has the same effects.
    """
    fit = effects.fit
    w = fit._design.weights
    if not w.varies:
        raise SpatialInputError("E501", "W is the same in all periods, and so are the effects",
                                hint="effects() has them")  # fmt: skip
    picks = selectors(fit, effects.variables)
    tables = []
    for period in w.periods:
        source = AverageEffects(fit, Averages(fit, period))
        one = replace(effects, inferred=infer(source, picks, effects.options), source=source, run="")
        tables.append(one.tidy().assign(period=period))
    table = pd.concat(tables, ignore_index=True)
    return table[["period", *table.columns.drop("period")]]
