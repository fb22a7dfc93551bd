"""Moran's I of one variable."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from spillover.frames import takes_frames
from spillover.provenance import made_from

from . import _draws, _input, _moments, _null
from ._global import GlobalStatistic

if TYPE_CHECKING:
    from spillover.types import Values, WeightsLike


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class Moran(GlobalStatistic):
    """Moran's I: see `GlobalStatistic` for the common part.

    Attributes
    ----------
    z, lag : ndarray, shape (n,)
        Standardised values and their spatial lag: the axes of the scatter plot.
    ids : pandas.Index, length n
    """

    z: np.ndarray
    lag: np.ndarray
    ids: pd.Index

    @property
    def I(self) -> float:  # noqa: E743
        return self.estimate

@takes_frames
def moran(
    y: Values,
    w: WeightsLike,
    *,
    data: pd.DataFrame | None = None,
    permutations: int = 999,
    alternative: str = "two-sided",
    seed: int = _input.DEFAULT_SEED,
    missing: str = "error",
    align: str = "labels",
) -> Moran:
    r"""Moran's I, with moments under normality and randomisation and a permutation test.

    .. math:: I = \frac{n}{S_0} \frac{\sum_{ij} w_{ij} (y_i - \bar y)(y_j - \bar y)}{\sum_i (y_i - \bar y)^2}

    Moran (1950); moments from Cliff and Ord (1981), section 2.3. Units without neighbors stay in: they
    have a zero lag in the data and in every permutation, so all three tests remain exact about them.

    Parameters
    ----------
    y : Series aligned by its index, array in the order of the weights, or name of a column of ``data``; length n
    w : weights, n units
        spillover weights, libpysal Graph or W, scipy sparse matrix or array.
    data : DataFrame indexed by unit, optional
    permutations : int
        0 leaves the permutation test out (``p_sim`` is None).
    alternative : {"two-sided", "greater", "less"}
        "greater": neighbors are more alike than by chance.
    seed : int
        The same seed gives the same bits for any number of threads.
    missing : {"error", "drop"}
        "drop" leaves units with missing values out of ``y`` and of the weights.
    align : {"labels", "position"}
        An array beside weights with ids brings a warning, unless "position" says that their order is meant.

    Returns
    -------
    Moran

    Raises
    ------
    SpatialInputError
        E101, E102, E105 labels or length; E201 to E204, E206 values; E306, E312 weights; E501, E502 options.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> path = np.eye(6, k=1) + np.eye(6, k=-1)
    >>> result = moran([1.0, 2, 3, 4, 5, 6], path, seed=1)
    >>> round(result.I, 6), round(result.p_rand, 4), result.permutations
    (0.6, 0.0395, 999)
    """
    _input.check_draws(permutations, seed, alternative)
    field = _input.read([("y", y)], w, data=data, missing=missing, align=align)
    _draws.announce_global(field.weights.csr, 1, permutations)
    return from_field(field, permutations, alternative, seed)[0]


def from_field(field: _input.Field, permutations: int, alternative: str, seed: int) -> list[Moran]:
    """One Moran per variable; all of them meet the same permutations."""
    csr, n = field.weights.csr, field.weights.n
    links = _moments.link_sums(csr)
    z = np.array([_input.standardised(row) for row in field.values])
    lag = (csr @ z.T).T
    products, _ = _null.permuted_sums(z, csr, permutations, seed)
    results = []
    for k, name in enumerate(field.names):
        expected, normal, randomised = _moments.moran(links, n, _moments.kurtosis(z[k]))
        results.append(
            Moran(
                title="Moran's I",
                symbol="I",
                variable=name,
                estimate=float(z[k] @ lag[k]) / links.s0,  # z'z = n cancels n
                expected=expected,
                variance_norm=normal,
                variance_rand=randomised,
                alternative=alternative,
                simulated=products[k] / links.s0,
                seed=seed,
                n=n,
                weights=field.weights.header(),
                notes=field.notes,
                z=z[k],
                lag=lag[k],
                ids=field.ids,
            )
        )
        made_from(results[-1], field.only(k))
    return results
