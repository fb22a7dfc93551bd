"""Reference distributions of global statistics: what they are when values fall on units at random."""

from __future__ import annotations

import math
import sys

import numpy as np
from scipy import sparse

from spillover.progress import report

from . import _random
from ._threads import share_out

TIE = 1e-12  # relative: rounding must not decide whether a tie counts
KERNEL = "spatial.kernels.permute"
# Work (permutations x units) from which the compiled loop pays: a kernel that is already loaded costs nothing.
WORTH_COMPILING, WORTH_CALLING = 4_000_000, 50_000
WORTH_THREADS = 5_000_000  # less is done before a second thread has started
BLOCK, THREADED = 2_000_000, 128  # values permuted between two reports, in multiples of so many permutations


def permuted_sums(z, csr, permutations, seed, *, a=None, power=1):
    """For every permutation of the map: z'Wz, and the sum of a_i z_i^power.

    Parameters
    ----------
    z : ndarray, shape (k, n)
        k variables, moved by the same permutations.
    csr : csr_array, shape (n, n), or None
        None skips the quadratic form.
    a : ndarray, shape (n,), optional
        Stays in place.
    power : {1, 2}

    Returns
    -------
    products, sums : ndarray, shape (k, permutations)
    """
    k, n = z.shape
    links = upper(csr) if csr is not None else sparse.csr_array((n, n))
    loaded = KERNEL in sys.modules
    if permutations * n >= (WORTH_CALLING if loaded else WORTH_COMPILING):
        return _compiled(z, links, permutations, seed, a, power)
    products, sums = np.zeros((2, k, permutations))
    for first, table in _random.tables(n, n, permutations, seed, block=max(1, _random.POOL // n)):
        here = slice(first, first + table.shape[1])
        for row in range(k):
            moved = z[row][table]
            if csr is not None:
                products[row, here] = np.einsum("ip,ip->p", moved, links @ moved)
            if a is not None:
                sums[row, here] = a @ moved**power
    return products, sums


def upper(csr: sparse.csr_array) -> sparse.csr_array:
    """Links i <= j with w_ij + w_ji: half the work, the same quadratic form."""
    row, column = csr.tocoo().coords
    ends = np.minimum(row, column), np.maximum(row, column)
    return sparse.csr_array((csr.data, ends), shape=csr.shape)  # adds up what falls together


def _compiled(z, links, permutations, seed, a, power):
    from spatial.kernels.permute import permuted_sums

    keys = _random.keys(seed, 0, permutations)
    a = np.empty(0) if a is None else a
    links = links.indptr.astype(np.int64), links.indices.astype(np.int64), links.data
    products, sums = np.zeros((2, len(z), permutations))

    block = -(-BLOCK // z.size) * THREADED
    for first in range(0, permutations, block):
        here = slice(first, first + block)
        report("permutations", first, permutations)

        def work(part, here=here):
            for row in range(len(z)):
                permuted_sums(z[row], a, power, *links, keys[here][part], products[row, here][part],
                              sums[row, here][part])  # fmt: skip

        count = len(keys[here])
        share_out(work, count, worth_threads=count * z.shape[1] >= WORTH_THREADS)
    report("permutations", permutations, permutations)
    return products, sums


def pseudo_p(observed: float, simulated: np.ndarray, alternative: str) -> float | None:
    """Permutation p-value (r + 1) / (P + 1); two-sided twice the smaller tail, at most 1.

    Simulated values that tie with the observed one count in both tails. A statistic that is NaN has no p-value.
    """
    if len(simulated) == 0:
        return None
    if math.isnan(observed) or np.isnan(simulated).any():
        return math.nan
    slack = TIE * max(abs(observed), np.abs(simulated).max())
    above = int(np.count_nonzero(simulated >= observed - slack))
    below = int(np.count_nonzero(simulated <= observed + slack))
    return float(p_from_counts(above, below, len(simulated), alternative))


def p_from_counts(above, below, permutations, alternative: str):
    """The same from how many simulated values are at least, and at most, the observed one (arrays too)."""
    if alternative == "greater":
        return (above + 1) / (permutations + 1)
    if alternative == "less":
        return (below + 1) / (permutations + 1)
    return np.minimum(1.0, 2 * (np.minimum(above, below) + 1) / (permutations + 1))


def normal_p(z: float, alternative: str) -> float:
    """Tail probability of a standard normal, by survival functions."""
    tail = {"greater": z, "less": -z, "two-sided": abs(z)}[alternative]
    return 0.5 * math.erfc(tail / math.sqrt(2)) * (2 if alternative == "two-sided" else 1)


def holm(p: np.ndarray) -> np.ndarray:
    """Holm (1979): p-values that hold together, whatever their dependence."""
    result = np.full(len(p), np.nan)
    valid = np.flatnonzero(~np.isnan(p))
    order = valid[np.argsort(p[valid], kind="stable")]
    scaled = p[order] * np.arange(len(order), 0, -1)
    result[order] = np.minimum(np.maximum.accumulate(scaled), 1.0)
    return result
