"""Local Moran's I: which units sit among alike, and which among unlike neighbors."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from spillover.errors import warn
from spillover.frames import takes_frames

from . import _conditional, _input, _local

if TYPE_CHECKING:
    import pandas as pd

    from spillover.types import Values, WeightsLike

QUADRANTS = ("High-High", "Low-Low", "Low-High", "High-Low")


@takes_frames
def local_moran(
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
    r"""Local Moran's I (LISA) with conditional permutation.

    .. math:: I_i = z_i \sum_j w_{ij} z_j, \qquad z = (y - \bar y) / s, \; s^2 = \sum (y - \bar y)^2 / n

    Anselin (1995), eq. 12; moments given z_i from Sokal, Oden and Thomson (1998). The sum of all I_i is S0 times
    Moran's I. Units without neighbors have no statistic and belong to no cluster.

    Parameters
    ----------
    y : Series aligned by its index, array in the order of the weights, or name of a column of ``data``; length n
    w : weights, n units
    data : DataFrame indexed by unit, optional
    permutations : int, optional
        Draws of neighbors, shared by all units: 99,999 where each row's weights are equal (contiguity, nearest
        neighbors), since they cost next to nothing; else 9,999, or fewer where there are many links, since time grows
        with links x permutations. A correction asks for more where its cut-off lies below what these can show; where
        rows are unequal only units with few simulated values in their tail meet those. 0: the clusters rest on the
        exact moments.
    alternative : {"two-sided", "greater", "less"}
        "greater": a unit's neighbors are more like it than by chance.
    significance : float
    correction : {"none", "fdr", "bonferroni"}
        Cut-off for ``cluster``; all three are in ``cutoffs``.
    seed : int
        The same seed gives the same bits for any number of threads.
    missing : {"error", "drop"}
    align : {"labels", "position"}
        An array beside weights with ids brings a warning, unless "position" says that their order is meant.

    Returns
    -------
    LocalStatistic

    Raises
    ------
    SpatialInputError
        As `moran`; E501 permutations too few for Bonferroni's cut-off.

    Examples
    --------
    >>> import numpy as np
    >>> ring = np.roll(np.eye(8), 1, axis=0) + np.roll(np.eye(8), -1, axis=0)
    >>> lisa = local_moran([9.0, 8, 9, 1, 2, 1, 2, 8], ring)
    >>> lisa.to_frame()[["I", "quadrant"]].round(3).head(3)
          I   quadrant
    0  1.92  High-High
    1  1.92  High-High
    2 -0.32   High-Low
    """
    test = _local.LocalTest(alternative, significance, correction, seed)
    options = {"data": data, "align": align, "missing": missing, "permutations": permutations}
    return _bivariate([("y", y)], w, "Local Moran", test, options)


@takes_frames
def local_moran_bv(
    x: Values,
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
    r"""Bivariate local Moran: a unit's x against its neighbors' y, :math:`I_i = z^x_i \sum_j w_{ij} z^y_j`.

    Anselin, Syabri and Smirnov (2002). A unit's own pair (x, y) stays; the y of its neighbors are drawn from the
    other units. It says nothing about x and y in the same place. Parameters, result and errors as
    `local_moran`; the first half of a quadrant's name is x, the second the neighbors' y.

    Examples
    --------
    >>> import numpy as np
    >>> ring = np.roll(np.eye(8), 1, axis=0) + np.roll(np.eye(8), -1, axis=0)
    >>> y = [9.0, 8, 9, 1, 2, 1, 2, 8]
    >>> bool((local_moran_bv(y, y, ring).frame["I"] == local_moran(y, ring).frame["I"]).all())
    True
    """
    test = _local.LocalTest(alternative, significance, correction, seed)
    options = {"data": data, "align": align, "missing": missing, "permutations": permutations}
    return _bivariate([("x", x), ("y", y)], w, "Bivariate local Moran", test, options)


def _bivariate(variables, w, title, test, options):
    field, test = _local.read(variables, w, test=test, **options)
    warn_if_complete(field)
    own, others = (_input.standardised(field.values[k]) for k in (0, -1))
    return from_standardised(own, others, field, test, title)


def from_standardised(own, others, field, test, title):
    """The engine room of both: ``own`` stays, ``others`` is drawn."""
    csr = field.weights.csr
    lag = csr @ others
    mean, variance = _conditional.lag_moments(others, csr)
    above, below, permutations = _conditional.lag_counts(others, csr, test.draws, test.seed)
    swap = own < 0  # a greater lag is then a smaller I
    above, below = np.where(swap, below, above), np.where(swap, above, below)
    above, below = (np.where(own == 0, permutations, c) for c in (above, below))
    sd = np.abs(own) * np.sqrt(variance)
    return _local.answer(
        field,
        (own * lag, own * mean, sd),
        _local.ratio(own * (lag - mean), sd),
        _conditional.Counts(above, below, permutations),
        quadrants(own, lag),
        names=(title, "I", " and ".join(field.names)),
        classes=QUADRANTS,
        test=test,
        has_quadrants=True,
    )


def quadrants(z, lag) -> np.ndarray:
    """Number of the quadrant in the Moran scatter plot: the unit's own side first, its neighbors' second."""
    return np.where(z > 0, np.where(lag > 0, 0, 3), np.where(lag > 0, 2, 1))


def warn_if_complete(field: _input.Field) -> None:
    """With all others as equal neighbors there is one lag only, and no local test."""
    sizes, n = np.diff(field.weights.csr.indptr), field.weights.n
    if (sizes == n - 1).any() and _conditional.equal_weight(field.weights.csr) is not None:
        message = f"{(sizes == n - 1).sum()} units have all others as equal neighbors: their p-values are 1"
        warn(message)
