"""Lee's L: correlation of two variables and of their places."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from scipy import sparse

from spillover.frames import takes_frames
from spillover.provenance import made_from

from . import _draws, _input, _moments, _null
from ._global import GlobalStatistic
from .getis import with_self

if TYPE_CHECKING:
    import pandas as pd

    from spillover.types import Values, WeightsLike


@takes_frames
def lee(
    x: Values,
    y: Values,
    w: WeightsLike,
    *,
    star: bool = False,
    data: pd.DataFrame | None = None,
    permutations: int = 999,
    alternative: str = "two-sided",
    seed: int = _input.DEFAULT_SEED,
    missing: str = "error",
    align: str = "labels",
) -> GlobalStatistic:
    r"""Lee's L: are x and y correlated, and do both lie in the same clusters?

    .. math:: L = \sum_i \tilde x_i \tilde y_i \Big/ \sum_i \Big(\sum_j w_{ij}\Big)^2, \qquad
              \tilde x_i = \sum_j w_{ij} z^x_j

    Lee (2001), eq. 18: Pearson's correlation of two smoothed variables, scaled by how smooth each is. Under the null
    pairs (x, y) stay together and fall on the units at random; mean and variance over all arrangements are exact (as
    Lee's 2004).

    Parameters
    ----------
    star : bool
        Smooth over the unit and its neighbors, as Lee does: its own weight is the largest of its row, and rows that
        summed to one do so again.
    x, y, w, data, permutations, alternative, seed, missing, align
        As `moran`.

    Raises
    ------
    SpatialInputError
        As `moran`.

    Examples
    --------
    >>> import numpy as np
    >>> path = np.eye(6, k=1) + np.eye(6, k=-1)
    >>> round(lee([1.0, 2, 3, 4, 5, 6], [2.0, 1, 3, 5, 4, 6], path / path.sum(axis=1, keepdims=True)).estimate, 4)
    0.5286
    """
    _input.check_draws(permutations, seed, alternative)
    field = _input.read([("x", x), ("y", y)], w, data=data, missing=missing, align=align, diagonal=True)
    zx, zy = (_input.standardised(row) for row in field.values)
    csr = field.weights.csr
    csr = with_self(csr, field.weights.standardization == "row") if star else csr
    square = sparse.csr_array(csr.T @ csr)
    scale = float(np.square(np.asarray(csr.sum(axis=1)).ravel()).sum())
    _draws.announce_global(square, 3, permutations)
    both = np.array([zx + zy, zx, zy])  # 2 a'Vb = (a + b)'V(a + b) - a'Va - b'Vb
    products, _ = _null.permuted_sums(both, square, permutations, seed)
    expected, variance = _moments.cross(square, zx, zy)
    result = GlobalStatistic(
        title="Lee's L*" if star else "Lee's L",
        symbol="L",
        variable=f"{field.names[0]} and {field.names[1]}",
        estimate=float((csr @ zx) @ (csr @ zy)) / scale,
        expected=expected / scale,
        variance_norm=math.nan,
        variance_rand=variance / scale**2,
        alternative=alternative,
        simulated=(products[0] - products[1] - products[2]) / 2 / scale,
        seed=seed,
        n=field.weights.n,
        weights=field.weights.header(),
        null="pairs (x, y) stay together and fall on the units at random",
        notes=field.notes,
    )
    return made_from(result, field)
