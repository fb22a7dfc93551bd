"""Effects split by order of neighbor: the terms of A^-1 = I + rho W + rho^2 W^2 + ...

LeSage & Pace (2009), section 2.7.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from .propagate import KINDS, determinant

if TYPE_CHECKING:
    from .average import Effects

DENSE_MAX = 5_000


def by_order(effects: Effects, orders: int) -> pd.DataFrame:
    """See :meth:`spatial.effects.average.Effects.by_order`; where W varies over time averages over the periods."""
    fit = effects.fit
    w, rho = fit._design.weights, fit.rho
    W = (w.stacked if w.varies else w).csr
    n, highest = W.shape[0], orders + fit._design.wx_order
    traces, errors = _traces(fit, W, highest)
    ahead, sums = np.ones(n), [1.0]
    for _ in range(highest):
        ahead = W @ ahead
        sums.append(ahead.mean())
    rows = []
    for order in range(orders + 1):
        for variable in effects.variables:
            c = effects._coefficients(variable)
            terms = slice(order, order + len(c))
            direct, total, error = (rho**order * (c @ part[terms]) for part in (traces, sums, errors))
            rows += [(order, kind, variable, value, abs(error) * (kind != "total"))
                     for kind, value in zip(KINDS, (direct, total - direct, total))]  # fmt: skip
    table = pd.DataFrame(rows, columns=["order", "effect", "term", "estimate", "error"])
    return table if n > DENSE_MAX else table.drop(columns="error")


def _traces(fit, W, highest: int) -> tuple[np.ndarray, np.ndarray]:
    """tr W^k / n for k = 0 ... highest, and the standard errors of those that are estimated."""
    n = W.shape[0]
    if n > DENSE_MAX:
        moments = [determinant(fit).coarse.moment(k) for k in range(highest + 1)]
        return np.array(moments).T / n
    power, traces = np.eye(n), [1.0]
    for _ in range(highest):
        power = W @ power
        traces.append(power.trace() / n)
    return np.array(traces), np.zeros(highest + 1)
