"""How many permutations: enough for a steady map and for the correction, and none that take long without a word."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from spillover.errors import SpatialInputError, warn

STEADY_EQUAL, STEADY = 99_999, 9_999  # defaults: rows of equal weights need one sorted list for all sites
LEAST = 999  # the default does not fall below this, however many links there are
MARGIN = 5  # a correction's cut-off is this many times the smallest p-value that permutations can show
LIMIT = 20_000_000  # permutations that a correction may ask for
RARE = 20  # sites with fewer simulated values in their smaller tail meet all permutations
PER_PRODUCT, PER_DRAW, PER_SORTED = 1.2e-9, 3e-8, 1e-7  # seconds, measured with one thread
PATIENCE = 10.0  # seconds; longer work is announced


@dataclass(frozen=True)
class Draws:
    """Permutations of a local statistic.

    Attributes
    ----------
    first : int
        For every site.
    total : int
        For sites that may be significant after the correction; as many as ``first`` where that is enough.
    notes : tuple of str
    """

    first: int
    total: int
    notes: tuple[str, ...] = ()


def plan(csr, equal: bool, permutations, *, significance, correction, alternative, always_links=False) -> Draws:
    """Permutations for these weights; announces long work.

    Parameters
    ----------
    csr : csr_array, shape (n, n)
    equal : bool
        Each row's weights are equal.
    permutations : int, or None for the default
    always_links : bool
        The statistic visits every link in every permutation, even where weights are equal.

    Raises
    ------
    SpatialInputError
        E501 where no p-value of that many permutations can pass Bonferroni's cut-off.
    """
    n = max(int(np.count_nonzero(np.diff(csr.indptr))), 1)
    sides = 2 if alternative == "two-sided" else 1
    ranked = equal and not always_links
    if permutations is not None:
        total = first = int(permutations)
        _check_floor(first, sides, n, significance, correction)
    else:
        first = STEADY_EQUAL if ranked else _affordable(csr)
        total = max(first, _asked_for(n, sides, significance, correction, ranked, first))
        first = total if ranked else first
    seconds = _seconds(csr, first, total, ranked)
    announce(seconds, f"{total:,} permutations of {csr.nnz:,} links")
    return Draws(first, total, _shared_floor(first, total, sides, n, significance, correction))


def announce(seconds: float, work: str, instead: str = "exact moments") -> None:
    """Say before it starts that something takes long, and what makes it shorter."""
    if seconds <= PATIENCE:
        return
    length = f"{seconds:.0f} seconds" if seconds < 120 else f"{seconds / 60:.0f} minutes"
    warn(f"{work} take about {length}; permutations= makes it shorter, 0 leaves them out ({instead})")


def announce_global(csr, variables: int, permutations: int) -> None:
    """The same for a statistic of the whole map: every permutation moves n values and visits half the links."""
    n, links = csr.shape[0], csr.nnz
    seconds = variables * permutations * (n * 1e-8 + links / 2 * PER_PRODUCT)
    announce(seconds, f"{permutations:,} permutations of {n:,} units and {links:,} links")


def smallest_p(permutations: int, alternative: str) -> float:
    """The smallest p-value that so many permutations can show."""
    return (2 if alternative == "two-sided" else 1) / (permutations + 1)


def _affordable(csr) -> int:
    """Fewer where links are many, so that the default is bearable: 9,999 down to 999."""
    many = int(PATIENCE / 2 / PER_PRODUCT / max(csr.nnz, 1))
    return STEADY if many >= STEADY else max(LEAST, many // 1000 * 1000 - 1)


def _asked_for(n, sides, significance, correction, ranked, first) -> int:
    """So that the smallest p-value lies well below Bonferroni's cut-off, which is also where the FDR's begins."""
    if correction == "none":
        return first
    least = math.ceil(sides * n / significance)
    wanted = min(MARGIN * least, max(10 * STEADY_EQUAL, least)) if ranked else MARGIN * least
    if correction == "bonferroni" and least > LIMIT:
        message = f"Bonferroni for {n:,} units needs more than {LIMIT:,} permutations"
        raise SpatialInputError("E501", message, hint='permutations=0 (exact moments), or correction="fdr"')
    return min(wanted, LIMIT)


def _check_floor(permutations, sides, n, significance, correction) -> None:
    if correction != "bonferroni" or not permutations or sides / (permutations + 1) <= significance / n:
        return
    need = math.ceil(sides * n / significance) - 1
    message = (
        f"{permutations:,} permutations show no p-value below {sides / (permutations + 1):.3g}, and Bonferroni's "
        f"cut-off for {n:,} units is {significance / n:.3g}: no unit could be significant"
    )
    hint = f"permutations={MARGIN * need:_}, permutations=None (as many as it takes), or 0 (exact moments)"
    raise SpatialInputError("E501", message, hint=hint)


def _shared_floor(first, total, sides, n, significance, correction) -> tuple[str, ...]:
    """With a false discovery rate few permutations let units pass together or not at all."""
    if correction != "fdr" or not total:
        return ()
    together = math.ceil(sides / (total + 1) * n / significance - 1e-9)
    if together < 2:
        return ()
    return (f"with {total:,} permutations {together:,} units or more pass the false discovery rate together, or none",)


def _seconds(csr, first, total, ranked) -> float:
    """Draws are made once for all sites; then lists are sorted, or links are visited (few after the first draws)."""
    sizes = np.unique(np.diff(csr.indptr))
    drawn = total * int(sizes.max(initial=0)) * PER_DRAW
    return drawn + (total * len(sizes) * PER_SORTED if ranked else first * csr.nnz * PER_PRODUCT)
