"""Spillovers between groups of units: from one region to another, for instance."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from spillover.errors import SpatialInputError
from spillover.matrix import SeveralWeights, align
from spillover.values import counted

if TYPE_CHECKING:
    from .average import Effects


def between_groups(effects: Effects, groups, variable: str, period) -> pd.DataFrame:
    """See :meth:`spatial.effects.average.Effects.by_group`."""
    d = effects.fit._design
    one = d.weights.matrices[0] if isinstance(d.weights, SeveralWeights) else d.weights.each(1)[0]
    everyone = replace(one, ids=d.ids)
    labels = pd.Series(align(groups, everyone, name="groups"), d.ids)[effects._ids(period)]
    if labels.isna().any():
        raise SpatialInputError("E201", f"{counted(labels.isna().sum(), 'unit has', 'units have')} no group",
                                ids=labels.index[labels.isna()],
                                hint="give every unit a group")  # fmt: skip
    codes, names = pd.factorize(labels, sort=True)
    columns = np.empty((len(names), len(names)))
    for h in range(len(names)):
        columns[:, h] = np.bincount(codes, effects._respond(variable, (codes == h).astype(float), period), len(names))
    sizes = np.bincount(codes)
    group = pd.Index(names, name="receives")
    return pd.DataFrame(columns / sizes[:, None], index=group, columns=group.rename("emits"))
