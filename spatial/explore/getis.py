"""Getis and Ord's G: do high values, or low ones, gather?"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from scipy import sparse

from spillover.errors import SpatialInputError
from spillover.frames import takes_frames
from spillover.provenance import made_from

from . import _conditional, _draws, _input, _local, _moments, _null
from ._global import GlobalStatistic

if TYPE_CHECKING:
    import pandas as pd

    from spillover.types import Values, WeightsLike

CLASSES = ("High", "Low")


@takes_frames
def getis_ord(
    y: Values,
    w: WeightsLike,
    *,
    data: pd.DataFrame | None = None,
    permutations: int = 999,
    alternative: str = "two-sided",
    seed: int = _input.DEFAULT_SEED,
    missing: str = "error",
    align: str = "labels",
) -> GlobalStatistic:
    r"""Global G: the share of all products of pairs that falls on neighbors.

    .. math:: G = \sum_{ij} w_{ij} y_i y_j \Big/ \sum_{i \ne j} y_i y_j

    Getis and Ord (1992), eq. 5; the variance is exact over all permutations. Large when high values gather, small when
    low ones do. Parameters and result as `moran`.

    Raises
    ------
    SpatialInputError
        As `moran`, and E210 when a value is negative: G needs a natural zero; E204 when fewer than two are positive.

    Examples
    --------
    >>> import numpy as np
    >>> path = np.eye(6, k=1) + np.eye(6, k=-1)
    >>> g = getis_ord([1.0, 1, 1, 1, 9, 9], path, permutations=99)
    >>> round(g.estimate, 4), round(g.expected, 4)
    (0.5849, 0.3333)
    """
    _input.check_draws(permutations, seed, alternative)
    field = _input.read([("y", y)], w, data=data, missing=missing, align=align)
    x = _positive(field)
    _draws.announce_global(field.weights.csr, 1, permutations)
    csr, links = field.weights.csr, _moments.link_sums(field.weights.csr)
    pairs = x.sum() ** 2 - x @ x
    expected, variance = _moments.quadratic(links, len(x), x)
    products, _ = _null.permuted_sums(x[None], csr, permutations, seed)
    result = GlobalStatistic(
        title="Getis-Ord G",
        symbol="G",
        variable=field.names[0],
        estimate=float(x @ (csr @ x) / pairs),
        expected=float(expected / pairs),
        variance_norm=math.nan,
        variance_rand=float(variance / pairs**2),
        alternative=alternative,
        simulated=products[0] / pairs,
        seed=seed,
        n=len(x),
        weights=field.weights.header(),
        notes=field.notes,
    )
    return made_from(result, field)


@takes_frames
def local_g(
    y: Values,
    w: WeightsLike,
    *,
    star: bool = False,
    data: pd.DataFrame | None = None,
    permutations: int | None = None,
    alternative: str = "two-sided",
    significance: float = 0.05,
    correction: str = "none",
    seed: int = _input.DEFAULT_SEED,
    missing: str = "error",
    align: str = "labels",
) -> _local.LocalStatistic:
    r"""Local G_i, or G_i* when a unit counts as its own neighbor: hot spots and cold spots.

    .. math:: G_i = \sum_{j \ne i} w_{ij} y_j \Big/ \sum_{j \ne i} y_j

    Ord and Getis (1995). For G_i the unit's own value plays no part and its neighbors are drawn from the others. For
    G_i* all values, its own too, are drawn from all; its own weight is the largest of its row, and rows that summed to
    one do so again. z and p do not change when a constant is added to y (their eq. 14). A share of a sum means nothing
    where values are negative: the estimate is then z itself, and a note says so.

    Parameters
    ----------
    star : bool
    y, w, data, permutations, alternative, significance, correction, seed, missing, align
        As `local_moran`.

    Returns
    -------
    LocalStatistic
        Clusters "High" and "Low".

    Raises
    ------
    SpatialInputError
        As `local_moran`.

    Examples
    --------
    >>> import numpy as np
    >>> ring = np.roll(np.eye(8), 1, axis=0) + np.roll(np.eye(8), -1, axis=0)
    >>> local_g([9.0, 8, 9, 1, 2, 1, 2, 8], ring).frame["G"].round(3).head(3).tolist()
    [0.516, 0.562, 0.29]
    """
    test = _local.LocalTest(alternative, significance, correction, seed)
    options = {"data": data, "align": align, "missing": missing, "permutations": permutations}
    field, test = _local.read([("y", y)], w, test=test, **options)
    x, csr = field.values[0] / np.abs(field.values[0]).max(), field.weights.csr
    c = _input.standardised(x)  # z and p are those of x, without the rounding of a large mean
    if star:
        csr, moments = with_self(csr, field.weights.standardization == "row"), _moments_of_all
    else:
        moments = _conditional.lag_moments
    mean, variance = moments(c, csr)
    z = _local.ratio(csr @ c - mean, np.sqrt(variance))
    if (x < 0).any():
        note = f"{field.names[0]} has negative values: G is standardised (Ord and Getis 1995), not a share of the sum"
        field, estimates = replace(field, notes=(*field.notes, note)), (z, np.zeros(len(x)), np.ones(len(x)))
    else:
        total = np.full(len(x), x.sum()) if star else x.sum() - x
        parts = csr @ x, moments(x, csr)[0], np.sqrt(variance) * x.std()
        estimates = tuple(np.divide(part, total, out=np.full(len(x), np.nan), where=total > 0) for part in parts)
    return _local.answer(
        field,
        estimates,
        z,
        _conditional.lag_counts(c, csr, test.draws, test.seed, keep_own=not star),
        np.where(csr @ c > mean, 0, 1),
        names=("Local G*" if star else "Local G", "G", field.names[0]),
        classes=CLASSES,
        test=test,
    )


def with_self(csr, row_standardised: bool) -> sparse.csr_array:
    """Weights with every linked unit its own neighbor, as near as its nearest."""
    largest = csr.max(axis=1).toarray().ravel()
    csr = sparse.csr_array(csr + sparse.diags_array(largest))
    csr.eliminate_zeros()
    if row_standardised:
        sums = np.asarray(csr.sum(axis=1)).ravel()
        csr = sparse.csr_array(sparse.diags_array(1 / np.where(sums > 0, sums, 1)) @ csr)
    return csr


def _moments_of_all(x, csr):
    """Of a lag whose values are all drawn from the n (Ord and Getis 1995, eq. 14)."""
    n = len(x)
    total, squares = np.asarray(csr.sum(axis=1)).ravel(), np.asarray(csr.multiply(csr).sum(axis=1)).ravel()
    return total * x.mean(), x.var() * np.maximum(n * squares - total**2, 0) / (n - 1)


def _positive(field) -> np.ndarray:
    x = field.values[0]
    if (x < 0).any():
        raise SpatialInputError(
            "E210",
            f"G compares sums, so values must not be negative; {field.names[0]!r} has {(x < 0).sum()} that are",
            column=field.names[0],
            ids=list(field.ids[x < 0]),
            hint="use moran, local_moran or local_g, or a variable with a natural zero",
        )
    if np.count_nonzero(x) < 2:
        message = f"G needs two or more positive values, {field.names[0]!r} has one: all products of pairs are zero"
        raise SpatialInputError("E204", message, column=field.names[0],
                                hint="check the column: a statistic needs values that differ")
    return x / x.max()
