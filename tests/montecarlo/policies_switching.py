"""A treatment that comes and goes at random, with and without gaps; its effect is over when it ends."""

from __future__ import annotations

import numpy as np

import spatial as sp

from .cell import Draw, interval, rejection
from .policies import KEYS, errors, frame


def switching_did(*, N, T, changes=0.12, gaps=0.0):
    """The effect of a treated period and DID_M (1), its parts, the first event time, and the joint test of placebos.
    Effects differ between units (standard deviation .5 about 1) independently of treatment."""

    def results(rng):
        D = np.cumsum(rng.uniform(size=(T, N)) < np.where(np.arange(T)[:, None] == 0, 0.3, changes), axis=0) % 2
        y = D * (1 + 0.5 * rng.standard_normal(N)) + errors(rng, T, N, 0.0)
        data = frame(y=y, d=D * 1.0)
        data = data[(rng.uniform(size=len(data)) >= gaps) | (data[KEYS["time"]] == 0)]
        return (sp.did("y ~ d", data, method="switchers", missing="period", **KEYS),)

    def counted(fit):
        ends = {row.term: row for row in fit.table.itertuples()}
        ends["event time 0"] = next(row for row in fit.path.itertuples() if row.period == 0)
        measured = {name: interval(one.conf_low, one.conf_high, 1.0) for name, one in ends.items()
                    if np.isfinite(one.std_error)}  # fmt: skip
        return measured | {"joint leads": rejection(fit.pretrends.joint.p_value)}

    return Draw(results, counted)
