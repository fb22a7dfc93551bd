"""W of every period, periods with the same W together: for panels whose units come and go, or whose W moves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from spillover.matrix import SpatialWeights

from ..design.design import Design
from ..logdet.inverse import Inverse


@dataclass(frozen=True, eq=False)
class Channel:
    """One W and the positions of its periods.

    Attributes
    ----------
    weights : SpatialWeights
        Of N units; those that are absent have no links.
    periods : ndarray of int
    """

    weights: SpatialWeights = field(repr=False)
    periods: np.ndarray


def channels_of(d: Design) -> list[Channel]:
    """One channel where W is the same in all periods."""
    matrices = d.weights.each(d.n_periods)
    at: dict[str, list[int]] = {}
    for t, w in enumerate(matrices):
        at.setdefault(w.matrix_digest, []).append(t)
    return [Channel(matrices[periods[0]], np.array(periods)) for periods in at.values()]


def presence(d: Design) -> np.ndarray:
    """One where a unit is observed, (N, T)."""
    return np.ones(d.y.T.shape) if d.observed is None else d.observed.T * 1.0


def powers(weights: list[SpatialWeights], V: list[np.ndarray], read: Callable, orders: int) -> Callable:
    """What ``read`` takes from W^k (I - rho W)^-1 V, k = 0, 1 ..., as a function of rho to (orders, E).

    Parameters
    ----------
    weights : list of SpatialWeights
    V : list of ndarray, (N, m) for each of them
        Changes, one per column.
    read : function from responses, a list of (N, m), to (E,), linear
    """

    def curves(rho):
        ahead, out = [Inverse(w, float(rho)).solve(v) for w, v in zip(weights, V)], []
        for k in range(orders):
            ahead = [w.csr @ a for w, a in zip(weights, ahead)] if k else ahead
            out.append(read(ahead))
        return np.array(out)

    return curves
