"""Geary's C, of the whole map and of every unit, for one or several variables."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from spillover.frames import takes_frames
from spillover.provenance import made_from

from . import _conditional, _draws, _input, _local, _moments, _null
from ._global import GlobalStatistic

if TYPE_CHECKING:
    from spillover.types import Values, WeightsLike

ALIKE, UNLIKE = "Alike", "Unlike"
HEAVY = 1.2  # ratio of the two variances from which the one under normality is not to be read
ROUNDING = 1e-13  # a variance of C below it is zero: every unit is every other's neighbor, with one weight
KINDS = ("Alike, high", "Alike, low", "Alike, other", UNLIKE)


@takes_frames
def geary(
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
    r"""Geary's C: squared differences between neighbors.

    .. math:: C = \frac{n - 1}{2 S_0} \frac{\sum_{ij} w_{ij} (y_i - y_j)^2}{\sum_i (y_i - \bar y)^2}

    Geary (1954); moments from Cliff and Ord (1981), section 2.3. C is 1 in the mean under the null and *small* when
    neighbors are alike: its z-score is then negative, and ``alternative="less"`` is the test for that. Its variance
    depends on the kurtosis of y: where randomisation's differs much from normality's, a note says not to read the
    test under normality, which may then reject several times too often.

    Parameters, result and errors as `moran`.

    Examples
    --------
    >>> import numpy as np
    >>> path = np.eye(6, k=1) + np.eye(6, k=-1)
    >>> round(geary([1.0, 2, 3, 4, 5, 6], path, permutations=99).estimate, 6)
    0.142857
    """
    _input.check_draws(permutations, seed, alternative)
    field = _input.read([("y", y)], w, data=data, missing=missing, align=align)
    csr, n = field.weights.csr, field.weights.n
    _draws.announce_global(csr, 1, permutations)
    z, links = _input.standardised(field.values[0]), _moments.link_sums(csr)
    touching = np.asarray(csr.sum(axis=1)).ravel() + np.asarray(csr.sum(axis=0)).ravel()
    products, squares = _null.permuted_sums(z[None], csr, permutations, seed, a=touching, power=2)
    scale = (n - 1) / (2 * n * links.s0)
    expected, normal, randomised = _moments.geary(links, n, _moments.kurtosis(z))
    result = GlobalStatistic(
        title="Geary's C",
        symbol="C",
        variable=field.names[0],
        estimate=float(scale * (touching @ z**2 - 2 * z @ (csr @ z))),
        expected=expected,
        variance_norm=normal,
        variance_rand=randomised,
        alternative=alternative,
        simulated=scale * (squares[0] - 2 * products[0]),
        seed=seed,
        n=n,
        weights=field.weights.header(),
        notes=field.notes + _not_normal(normal, randomised),
    )
    return made_from(result, field)


def _not_normal(normal: float, randomised: float) -> tuple[str, ...]:
    if not min(normal, randomised) > ROUNDING or 1 / HEAVY <= randomised / normal <= HEAVY:
        return ()
    times = np.sqrt(randomised / normal)
    return (f"the values are not normal: the sd is {times:.2f} times that under normality, whose p does not hold",)


@takes_frames
def local_geary(
    y: Values,
    w: WeightsLike,
    *,
    data: pd.DataFrame | None = None,
    permutations: int | None = None,
    alternative: str = "two-sided",
    significance: float = 0.05,
    correction: str = "none",
    seed: int = _input.DEFAULT_SEED,
    missing: str = "error",
    align: str = "labels",
) -> _local.LocalStatistic:
    r"""Local Geary's C of one variable, or of several together.

    .. math:: c_i = \frac 1 K \sum_k \sum_j w_{ij} (z_{ik} - z_{jk})^2

    with variables standardised (divisor n - 1). Anselin (1995), eq. 21, and Anselin (2019) for K > 1. Small values
    mean that a unit is like its neighbors, in all variables at once. The moments are exact for sampling without
    replacement given the unit's own values.

    Parameters
    ----------
    y : Series, array or column name of length n; DataFrame or list of such for several variables
    w, data, alternative, significance, correction, seed, missing, align
        As `local_moran`.
    permutations : int, optional
        9,999, or fewer where there are many links: time grows with links x permutations.

    Returns
    -------
    LocalStatistic
        Clusters "Alike, high", "Alike, low", "Alike, other", "Unlike"; "Alike" and "Unlike" for several.

    Raises
    ------
    SpatialInputError
        As `moran`.

    Examples
    --------
    >>> import numpy as np
    >>> ring = np.roll(np.eye(8), 1, axis=0) + np.roll(np.eye(8), -1, axis=0)
    >>> local_geary([9.0, 8, 9, 1, 2, 1, 2, 8], ring, permutations=99).frame["C"].round(3).head(3).tolist()
    [0.14, 0.14, 4.55]
    """
    test = _local.LocalTest(alternative, significance, correction, seed)
    options = {"data": data, "align": align, "missing": missing, "permutations": permutations}
    field, test = _local.read(_variables(y), w, test=test, always_links=True, **options)
    csr, n = field.weights.csr, field.weights.n
    z = np.array([_input.standardised(row) for row in field.values]) * np.sqrt((n - 1) / n)
    total, own = np.asarray(csr.sum(axis=1)).ravel(), (z**2).mean(axis=0)

    def statistic(sites, lags):  # lags of every z, then of the mean square
        cross = sum(zk[sites] * lag for zk, lag in zip(z, lags[:-1]))
        return own[sites] * total[sites] - 2 * cross / len(z) + lags[-1]

    drawn = np.vstack([z, own])
    units = np.arange(n)
    estimate = statistic(units, list((csr @ drawn.T).T))
    mean, variance = _moments_given_own(z, csr)
    slack = _null.TIE * total * (np.abs(z).max() ** 2) * 4
    sd = np.sqrt(variance)
    return _local.answer(
        field,
        (estimate, mean, sd),
        _local.ratio(estimate - mean, sd),
        _conditional.counts(drawn, csr, statistic, estimate, slack, test.draws, test.seed),
        _kind(z, csr, estimate < mean),
        names=("Local Geary", "C", ", ".join(field.names)),
        classes=KINDS if len(z) == 1 else (ALIKE, UNLIKE),
        test=test,
    )


def _variables(y) -> list:
    if isinstance(y, pd.DataFrame):
        return [(str(c), y[c]) for c in y.columns]
    if isinstance(y, list | tuple) and len(y) and (isinstance(y[0], str) or np.ndim(y[0]) == 1):
        return [(f"y{k + 1}", column) for k, column in enumerate(y)]
    return [("y", y)]


def _moments_given_own(z, csr):
    """Mean and variance of c_i when its neighbors are drawn from the others.

    With a_i = mean square of unit i and s_ij = z_i'z_j / K, the difference to j is u_ij = a_i + a_j - 2 s_ij; sums over
    j of u and u^2 come from sums of a, a^2, z, az and zz'. u_ii = 0, so leaving i out costs nothing.
    """
    k, n = z.shape
    a = (z**2).mean(axis=0)
    cross = z.T @ z.sum(axis=1) / k  # sum over j of s_ij
    weighted = z.T @ (z @ a) / k  # of a_j s_ij
    squared = np.einsum("ki,kl,li->i", z, z @ z.T, z) / k**2  # of s_ij^2
    first = n * a + a.sum() - 2 * cross
    second = n * a**2 + a @ a + 4 * squared + 2 * a * a.sum() - 4 * a * cross - 4 * weighted
    mean = first / (n - 1)
    spread = np.maximum(second / (n - 1) - mean**2, 0)
    total, factor = _conditional.weight_factors(csr)
    return mean * total, spread * factor


def _kind(z, csr, alike) -> np.ndarray:
    """Number of the class."""
    if len(z) > 1:
        return np.where(alike, 0, 1)
    high, high_lag = z[0] > 0, csr @ z[0] > 0
    return np.where(~alike, 3, np.where(high != high_lag, 2, np.where(high, 0, 1)))
