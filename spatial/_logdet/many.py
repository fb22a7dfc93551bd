"""log|I - rho W| of many W of one size: the method chosen by how large they are, and how many."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np

from .._weights import Weights
from . import eliminated, rough
from .banded import bands, side_by_side
from .intervals import Intervals
from .rough import Rough, from_traces
from .spectra import Spectra, spectra

SPECTRA_MAX = 100  # units; above it factorisations at a few points are quicker than all eigenvalues
COMPILED = 6_000_000  # W times units^2, from which on compiled loops are worth their loading: 75 W of 285 units


@dataclass(frozen=True, eq=False)
class Determinants:
    """By all eigenvalues; or rough curves of those W that are sparse enough, and exact values at any point.

    Attributes
    ----------
    curves : Spectra or Rough, of K; None where there are none
    kept : (K,)
        Positions of the W that have an interval and are sparse enough.
    engines : list of K functions of points, or None
    intervals : function of positions of W to their exact intervals, (2, K), or None where curves have them
    """

    curves: Spectra | Rough | None = field(repr=False)
    kept: np.ndarray
    engines: list | None = field(default=None, repr=False)
    intervals: Callable | None = None


def determinants(weights: tuple[Weights, ...], among: int) -> Determinants:
    """Remembered for the last stacks of W, since several models ask for them.

    Parameters
    ----------
    weights : tuple of Weights, n units each
    among : int
        How many W there are in the whole: what is worth loading does not depend on how they are shared out.
    """
    return _determinants(weights, among * weights[0].n ** 2 >= COMPILED)


@lru_cache(maxsize=4)
def _determinants(weights, compiled: bool) -> Determinants:
    n, blocks = weights[0].n, side_by_side([w.csr for w in weights])
    if n <= SPECTRA_MAX:
        exact = spectra(blocks, n)
        kept = np.flatnonzero(np.isfinite(exact.high - exact.low))
        return Determinants(exact.take(kept), kept)
    engines, traces = (eliminated.eliminations, eliminated.traces) if compiled else (bands, rough.traces)
    engines = engines(blocks, n)
    sparse = np.flatnonzero([engine.narrow for engine in engines])
    if not len(sparse):
        return Determinants(None, sparse, [])
    if len(sparse) < len(weights):  # products of the others would take long
        blocks = side_by_side([weights[i].csr for i in sparse])
    intervals = Intervals(n, blocks)
    low, high = intervals.rough
    there = np.isfinite(high - low)
    curves = from_traces(traces(blocks, n)[:, there], n, low[there], high[there])

    def exact(which):
        return np.array(intervals.exact)[:, np.searchsorted(sparse, which)]

    return Determinants(curves, sparse[there], [engines[i] for i in sparse[there]], exact)
