"""Group-time effects given a covariate that decides on adoption and on trends, with and without gaps."""

from __future__ import annotations

import numpy as np

import spatial as sp

from .cell import Draw, interval, rejection
from .policies import KEYS, errors, frame


def conditional_did(*, N, T, adjustment="doubly_robust", gaps=0.0):
    """The average effect (1) and its first event time. Units with a large z adopt more often, and their outcomes rise
    faster; a share of the rows is missing."""

    def results(rng):
        z = rng.uniform(-1, 1, N)
        adopts = rng.uniform(size=N) < 1 / (1 + np.exp(0.5 - z))
        first = np.where(adopts, rng.choice([T // 2, T // 2 + 1], N), T)
        D = (np.arange(T)[:, None] >= first) * 1.0
        y = D + 0.5 * np.arange(T)[:, None] * z + errors(rng, T, N, 0.0)
        data = frame(y=y, d=D, z=np.broadcast_to(z, (T, N)))
        data = data[(rng.uniform(size=len(data)) >= gaps) | (data[KEYS["time"]] == 0)]
        return (sp.did("y ~ d + z", data, treatment="d", method="group_time", adjustment=adjustment, missing="period",
                       **KEYS),)  # fmt: skip

    def counted(fit):
        row, slope = fit.table.iloc[0], fit.pretrends.slope
        at = fit.path.set_index("period").loc[0]
        ends = {"effect": row, "event time 0": at}
        measured = {name: interval(one["conf_low"], one["conf_high"], 1.0) for name, one in ends.items()
                    if np.isfinite(one["std_error"])}  # fmt: skip
        return measured | ({"slope before": rejection(slope.p_value)} if slope is not None else {})

    return Draw(results, counted)
