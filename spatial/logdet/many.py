"""log|I - rho W| of many W of one size: the method chosen by how large they are, and how many."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache, partial

import numpy as np

from spillover.matrix import SpatialWeights

from . import eliminated, rough
from .banded import bands, side_by_side
from .intervals import Intervals
from .rough import Rough, from_traces
from .spectra import Spectra, spectra

SPECTRA_MAX = 100  # units; above it factorisations at a few points are quicker than all eigenvalues
FULL, EIGEN_MAX = 0.25, 300  # of all pairs are links; units: there all eigenvalues are quicker all the same
COMPILED = 6_000_000  # W times units^2 above which compiled loops save more than their loading time: 75 W of 285 units


@dataclass(frozen=True, eq=False)
class Determinants:
    """By all eigenvalues; or rough curves, and exact values at any point, of the W that have them.

    Attributes
    ----------
    curves : Spectra or Rough, of K; None where there are none
    kept : (K,)
        Positions of the W.
    engines : list of K functions of points, or None
    intervals : function of positions of W to their exact intervals, (2, K), or None where curves have them
    """

    curves: Spectra | Rough | None = field(repr=False)
    kept: np.ndarray
    engines: list | None = field(default=None, repr=False)
    intervals: Callable | None = None


def determinants(weights: tuple[SpatialWeights, ...], among: int) -> Determinants:
    """Cached for the last stacks of W, since several models use them.

    Parameters
    ----------
    weights : tuple of SpatialWeights, n units each
    among : int
        How many W there are in the whole: the method does not depend on how they are split into stacks.
    """
    return _determinants(weights, among * weights[0].n ** 2 >= COMPILED)


@lru_cache(maxsize=4)
def _determinants(weights, compiled: bool) -> Determinants:
    n = weights[0].n
    if n <= SPECTRA_MAX:
        exact = spectra(side_by_side([w.csr for w in weights]), n)
        kept = np.flatnonzero(np.isfinite(exact.high - exact.low))
        return Determinants(exact.take(kept), kept)
    full = np.array([n <= EIGEN_MAX and w.nnz > FULL * n**2 for w in weights])
    parts = [_by_eigenvalues(weights, np.flatnonzero(full)), _by_factors(weights, np.flatnonzero(~full), compiled)]
    return _together([part for part in parts if part is not None], n)


@dataclass(frozen=True, eq=False)
class _Part:
    """Some W at the positions ``at``: their intervals, roughly and exactly, the traces of W, W^2 and W^3, (3, K), and
    functions that give exact values."""

    at: np.ndarray
    ends: tuple[np.ndarray, np.ndarray]
    exact: Callable[[], tuple]
    traces: np.ndarray
    engines: list


def _by_eigenvalues(weights, at) -> _Part | None:
    """Of full W of some hundred units: no factorisation is quicker. One by one, to save memory."""
    if not len(at):
        return None
    results = [spectra(weights[i].csr, weights[i].n) for i in at]
    ends = np.concatenate([one.low for one in results]), np.concatenate([one.high for one in results])
    traces = np.array([[(one.eigenvalues**k).sum().real for one in results] for k in (1, 2, 3)])
    return _Part(at, ends, lambda: ends, traces, [partial(_values, one) for one in results])


def _values(spectrum: Spectra, points) -> np.ndarray:
    return spectrum.value(np.asarray(points)[None])[0]


def _by_factors(weights, at, compiled) -> _Part | None:
    """Of those whose triangular factors, or bands, are sparse."""
    if not len(at):
        return None
    n, blocks = weights[0].n, side_by_side([weights[i].csr for i in at])
    engines = eliminated.eliminations(blocks, n) if compiled else bands(blocks, n)
    narrow = np.flatnonzero([engine.narrow for engine in engines])
    if not len(narrow):
        return None
    if len(narrow) < len(at):  # products of the others would take long
        blocks = side_by_side([weights[i].csr for i in at[narrow]])
    intervals = Intervals(n, blocks)
    traces = eliminated.traces(blocks, n) if compiled else rough.traces(blocks, n)
    return _Part(at[narrow], intervals.rough, lambda: intervals.exact, traces, [engines[i] for i in narrow])


def _together(parts: list[_Part], n: int) -> Determinants:
    """Of all parts, in the order of the W."""
    if not parts:
        return Determinants(None, np.zeros(0, dtype=int), [])
    at, ends, traces = (np.concatenate([getattr(p, name) for p in parts], axis=-1) for name in ("at", "ends", "traces"))
    engines = [engine for part in parts for engine in part.engines]
    order = np.argsort(at)
    order = order[np.isfinite(ends[1] - ends[0])[order]]
    curves = from_traces(traces[:, order], n, *ends[:, order])

    def exact(which):
        values = np.concatenate([part.exact() for part in parts], axis=-1)
        place = np.argsort(at)
        return values[:, place[np.searchsorted(at[place], which)]]

    return Determinants(curves, at[order], [engines[i] for i in order], exact)
