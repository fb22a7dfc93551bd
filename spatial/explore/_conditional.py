"""Reference distributions of local statistics: a site keeps its value, its neighbors are drawn from all others.

Drawing anew for every site costs n permutations of n units. Here all sites share one table of draws: column p
lists different units in random order; a site with d neighbors takes the first d, and draw d + 1 in place of itself.
For every site that is an exact draw without replacement from the others; only the dependence between
sites is changed, and with many permutations it vanishes.
"""

from __future__ import annotations

import sys
from typing import NamedTuple

import numpy as np
from scipy import sparse

from . import _random
from ._draws import RARE, Draws
from ._null import TIE
from ._threads import share_out

TABLE = 1_000_000  # entries of the shared table held at a time
BLOCK = 1000  # permutations that meet all sites before the next are drawn
CHUNK = 250_000  # simulated values held at a time: they should stay in the cache
KERNEL = "spatial.kernels.conditional"
WORTH_COMPILING, WORTH_CALLING = 1_000_000_000, 2_000_000  # products of a weight and a draw


class Counts(NamedTuple):
    """Of every site, ndarrays of int64 and shape (n,): simulated values at least, and at most, the observed one (ties
    count in both), and out of how many."""

    above: np.ndarray
    below: np.ndarray
    permutations: np.ndarray


def lag_counts(v, csr, draws: Draws, seed, *, keep_own=True) -> Counts:
    """How many simulated lags are at least, and at most, the observed one.

    Parameters
    ----------
    v : ndarray, shape (n,)
        The variable that is drawn.
    csr : csr_array, shape (n, n)
        Without diagonal, unless ``keep_own`` is false.
    draws : Draws
    keep_own : bool
        False: the site's own value is drawn like the others.

    Returns
    -------
    Counts
        A site without neighbors ties always.
    """
    csr = clean(csr)
    slack = TIE * np.abs(v).max() * np.asarray(abs(csr).sum(axis=1)).ravel()
    if (weight := equal_weight(csr)) is not None:
        above, below = _by_rank(v, csr, weight, draws.total, seed, keep_own)
        return Counts(above, below, np.full(len(above), draws.total))
    return counts(v[None], csr, None, csr @ v, slack, draws, seed, keep_own=keep_own)


def lag_moments(v, csr):
    """Exact mean and variance of each site's lag over these draws (Sokal, Oden and Thomson 1998).

    Sampling d of the n - 1 other values without replacement, weighted.
    """
    n = len(v)
    mean = (v.sum() - v) / (n - 1)
    spread = np.maximum((v @ v - v**2) / (n - 1) - mean**2, 0)
    total, factor = weight_factors(csr)
    return mean * total, spread * factor


def weight_factors(csr):
    """Row sums, and by how much a row multiplies the variance of values drawn without replacement."""
    n = csr.shape[0]
    total, squares = np.asarray(csr.sum(axis=1)).ravel(), np.asarray(csr.multiply(csr).sum(axis=1)).ravel()
    factor = np.maximum((n - 1) * squares - total**2, 0) / (n - 2)
    factor[factor < TIE * total**2] = 0.0  # all others are neighbors: one lag only
    return total, factor


def equal_weight(csr) -> np.ndarray | None:
    """The one weight of each row (0 in empty rows), or None when some row has different weights."""
    sizes = np.diff(csr.indptr)
    first = np.zeros(csr.shape[0])
    first[sizes > 0] = csr.data[csr.indptr[:-1][sizes > 0]]
    same = np.abs(csr.data - np.repeat(first, sizes)) <= TIE * np.abs(np.repeat(first, sizes))
    return first if same.all() else None


def _by_rank(v, csr, weight, permutations, seed, keep_own):
    """Equal weights: a lag is the sum of the first d draws, so one sorted list per d serves every site.

    A site that is itself among its first d draws has that permutation corrected: out goes its own value,
    in comes draw d + 1.
    """
    n, sizes = csr.shape[0], np.diff(csr.indptr)
    depth = int(sizes.max())
    above, below = np.zeros((2, n), np.int64)
    observed = sparse.csr_array((np.ones(csr.nnz), csr.indices, csr.indptr), shape=csr.shape) @ v
    low, high = (observed + side * TIE * np.abs(v).max() * np.maximum(sizes, 1) for side in (-1, 1))
    sites_of = {d: np.flatnonzero(sizes == d) for d in np.unique(sizes)}
    rows = min(depth + 1, n)
    for _, table in _random.tables(n, rows, permutations, seed, block=max(1, TABLE // rows)):
        own = _own_draws(table, sizes) if keep_own else {}
        total = np.zeros(table.shape[1])
        for d in range(depth + 1):
            following = total + v[table[d]] if d < rows else total  # after the last draw nothing follows
            if d in sites_of:
                sites, ranked = sites_of[d], np.sort(total)
                above[sites] += len(total) - np.searchsorted(ranked, low[sites], "left")
                below[sites] += np.searchsorted(ranked, high[sites], "right")
            if d in own:
                unit, column, _ = own[d]
                old, new = total[column], following[column] - v[unit]
                np.add.at(above, unit, (new >= low[unit]).astype(int) - (old >= low[unit]))
                np.add.at(below, unit, (new <= high[unit]).astype(int) - (old <= high[unit]))
            total = following
    negative = weight < 0
    above[negative], below[negative] = below[negative], above[negative]
    return above, below


def counts(values, csr, statistic, observed, slack, draws: Draws, seed, *, keep_own=True) -> Counts:
    """The same for any statistic of the lags of several variables drawn together.

    Every site meets the first draws; sites that are rare among them meet all, the first ones among these. A site is
    never called significant on the first draws alone where more were asked for.

    Parameters
    ----------
    values : ndarray, shape (m, n)
    statistic : function (sites, lags) -> simulated, or None
        lags holds m arrays (sites, permutations); ``sites`` broadcasts against them. None: the lag itself.
    observed, slack : ndarray, shape (n,)
    """
    csr = clean(csr)
    sites = np.arange(csr.shape[0])
    above, below = _counts(values, csr, statistic, observed, slack, draws.first, seed, keep_own, sites)
    permutations = np.full(len(sites), draws.first)
    rare = sites[np.minimum(above, below) < RARE]
    if draws.total > draws.first and len(rare):
        again = _counts(values, csr, statistic, observed, slack, draws.total, seed, keep_own, rare)
        above[rare], below[rare] = again[0][rare], again[1][rare]
        permutations[rare] = draws.total
    return Counts(above, below, permutations)


def _counts(values, csr, statistic, observed, slack, permutations, seed, keep_own, sites):
    """Counts of some sites, zero for the others."""
    n, sizes = csr.shape[0], np.zeros(csr.shape[0], int)
    sizes[sites] = np.diff(csr.indptr)[sites]
    depth = int(sizes.max())
    low, high = observed - slack, observed + slack
    above, below = np.zeros((2, n), np.int64)
    worth = WORTH_CALLING if KERNEL in sys.modules else WORTH_COMPILING
    compiled = statistic is None and permutations * int(sizes.sum()) >= worth
    statistic = statistic or (lambda sites, lags: lags[0])
    rows = min(depth + 1, n)
    for _, table in _random.tables(n, rows, permutations, seed, block=max(1, min(BLOCK, TABLE // rows))):
        own = _own_by_site(table, sizes if keep_own else np.zeros_like(sizes))
        if compiled:
            _count_compiled(values[0], values[0][table], csr, own, low, high, above, below, sites)
        else:
            _count(values, values[:, table], csr, own, statistic, low, high, above, below, sites)
    return above, below


def _count(values, moved, csr, own, statistic, low, high, above, below, sites):
    """Sites of one size at a time: their lags are a small dense product.

    Where a site meets itself among its d draws, draw d + 1 takes that place: what is left is still a random
    order of others.
    """
    sizes = np.diff(csr.indptr)[sites]
    start, column, place = own
    chunk = max(1, CHUNK // moved.shape[2])
    for d in np.unique(sizes):
        alike = sites[sizes == d]
        for first in range(0, len(alike), chunk):
            here = alike[first : first + chunk]
            weights = _rows(csr, here)
            row, met = _ranges(start[here], start[here + 1])
            lags = [weights @ m[:d] for m in moved]
            for lag, m, v in zip(lags, moved, values):
                if len(met):
                    lag[row, column[met]] += weights[row, place[met]] * (m[d, column[met]] - v[here[row]])
            simulated = statistic(here[:, None], lags)
            above[here] += np.count_nonzero(simulated >= low[here, None], axis=1)
            below[here] += np.count_nonzero(simulated <= high[here, None], axis=1)


def _count_compiled(v, moved, csr, own, low, high, above, below, sites):
    from spatial.kernels import conditional

    tiles, chosen = conditional.tiles(moved), csr[sites] if len(sites) < csr.shape[0] else csr
    indptr = chosen.indptr.astype(np.int64)
    start, column, place = own
    start = start[np.append(sites, csr.shape[0])]  # other sites have no entries between these
    v, low, high = v[sites], low[sites], high[sites]
    many, few = np.zeros((2, len(sites)), np.int64)

    def work(part):
        bounds = slice(part.start, part.stop + 1)
        met = start[bounds], column, place, v[part]
        conditional.count(tiles, indptr[bounds], chosen.data, *met, low[part], high[part], many[part], few[part])

    share_out(work, len(low))
    above[sites] += many
    below[sites] += few


def _own_by_site(table, sizes) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Where sites meet themselves among their first d draws: site i in entries start[i] to start[i + 1]."""
    place, column = np.nonzero(np.arange(len(table))[:, None] < sizes[table])
    unit = table[place, column]
    order = np.lexsort((column, unit))
    start = np.concatenate([[0], np.cumsum(np.bincount(unit, minlength=len(sizes)))])
    return start, column[order], place[order]


def _ranges(starts, ends) -> tuple[np.ndarray, np.ndarray]:
    """Which range, and which number in it, for all numbers of several ranges."""
    lengths = ends - starts
    which = np.repeat(np.arange(len(starts)), lengths)
    return which, np.arange(len(which)) + (starts - np.cumsum(lengths) + lengths)[which]


def _own_draws(table, sizes) -> dict[int, tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Where a site meets itself among its first d draws: (unit, column, place) for every d."""
    place, column = np.nonzero(np.arange(len(table))[:, None] < sizes[table])
    unit = table[place, column]
    size = sizes[unit]
    order = np.argsort(size, kind="stable")
    unit, column, place, size = unit[order], column[order], place[order], size[order]
    sizes, starts = np.unique(size, return_index=True)
    ends = np.append(starts[1:], len(size))
    return {int(d): (unit[a:b], column[a:b], place[a:b]) for d, a, b in zip(sizes, starts, ends)}


def _rows(csr, sites) -> np.ndarray:
    """Weights of sites with one number of neighbors d, shape (sites, d)."""
    d = csr.indptr[sites[0] + 1] - csr.indptr[sites[0]]
    return csr.data[csr.indptr[sites][:, None] + np.arange(d)]


def clean(csr):
    """Without stored zeros: they would take draws."""
    if csr.data.all():
        return csr
    csr = csr.copy()
    csr.eliminate_zeros()
    return csr
