"""Moran's I of two variables, of rates, and of regression residuals."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from spillover.errors import SpatialInputError
from spillover.frames import takes_frames
from spillover.matrix import align
from spillover.provenance import made_from

from ..diagnostics.residual_moran import residual_moran
from . import _draws, _input, _null, rates
from ._global import GlobalStatistic
from .moran import Moran, from_field

if TYPE_CHECKING:
    from spillover.types import Values, WeightsLike


@takes_frames
def moran_bv(
    x: Values,
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
    r"""Bivariate Moran: is x high where the neighbors' y is high?

    .. math:: I = \sum_{ij} w_{ij} z^x_i z^y_j \Big/ S_0

    Wartenberg (1985). x stays in place and y is permuted; the variance is exact over those permutations. A correlation
    of x and y in the same place that is itself clustered shows up here too. Parameters, result, errors as `moran`.

    Examples
    --------
    >>> import numpy as np
    >>> path = np.eye(6, k=1) + np.eye(6, k=-1)
    >>> round(moran_bv([1.0, 2, 3, 4, 5, 6], [6.0, 5, 4, 3, 2, 1], path, permutations=99).estimate, 6)
    -0.6
    """
    _input.check_draws(permutations, seed, alternative)
    field = _input.read([("x", x), ("y", y)], w, data=data, missing=missing, align=align)
    _draws.announce_global(field.weights.csr, 1, permutations)
    zx, zy = (_input.standardised(row) for row in field.values)
    csr, n = field.weights.csr, field.weights.n
    s0, pull = float(csr.sum()), csr.T @ zx
    _, sums = _null.permuted_sums(zy[None], None, permutations, seed, a=pull)
    result = GlobalStatistic(
        title="Bivariate Moran's I",
        symbol="I",
        variable=f"{field.names[0]}, neighbors' {field.names[1]}",
        estimate=float(pull @ zy) / s0,
        expected=0.0,
        variance_norm=math.nan,
        variance_rand=float(n * pull.var() * n / (n - 1)) / s0**2,  # Hoeffding (1951), eq. 10
        alternative=alternative,
        simulated=sums[0] / s0,
        seed=seed,
        n=n,
        weights=field.weights.header(),
        null="x stays, y falls on the units at random",
        notes=field.notes,
    )
    return made_from(result, field)


@takes_frames
def moran_rate(
    events: Values,
    population: Values,
    w: WeightsLike,
    *,
    data: pd.DataFrame | None = None,
    permutations: int = 999,
    alternative: str = "two-sided",
    seed: int = _input.DEFAULT_SEED,
    missing: str = "error",
    align: str = "labels",
) -> Moran:
    """Moran's I of rates, standardised so that small populations do not pass for clusters.

    Assunção and Reis (1999): each rate less the overall rate, over the standard deviation that its population gives
    it. Parameters, result and errors as `moran`.

    Raises
    ------
    SpatialInputError
        Also E204: no events at all; E211: a population that is not positive, or negative events.

    Examples
    --------
    >>> import numpy as np
    >>> path = np.eye(6, k=1) + np.eye(6, k=-1)
    >>> events, people = [1, 2, 2, 6, 9, 9], [100, 120, 90, 110, 100, 95]
    >>> round(moran_rate(events, people, path, permutations=99).I, 4)
    0.6956
    """
    _input.check_draws(permutations, seed, alternative)
    field = rates.read(events, population, w, data=data, missing=missing, align=align)
    _draws.announce_global(field.weights.csr, 1, permutations)
    return from_field(rates.standardised(field), permutations, alternative, seed)[0]


def moran_residuals(residuals: Values, X: np.ndarray | pd.DataFrame, w: WeightsLike, *, alternative: str = "two-sided",
                    align: str = "labels") -> GlobalStatistic:
    r"""Moran's I of least-squares residuals, with the moments that know they are residuals.

    .. math:: E = \frac{n}{S_0} \frac{\operatorname{tr} MW}{n - k}, \qquad M = I - X (X'X)^{-1} X'

    Cliff and Ord (1981), section 8.3, for normal errors. Residuals of neighbors are correlated by the fit
    alone, so the moments and permutations of `moran` do not apply to them.

    Parameters
    ----------
    residuals : Series aligned by its index, or array; length n
    X : DataFrame or array, shape (n, k)
        The regressors of the fit, the constant among them.
    w : weights, n units
    alternative : {"two-sided", "greater", "less"}

    Raises
    ------
    SpatialInputError
        As `moran`; E205 when columns of X are collinear; E209 when the residuals are not those of a fit on X.

    Examples
    --------
    >>> import numpy as np
    >>> path = np.eye(6, k=1) + np.eye(6, k=-1)
    >>> X = np.column_stack([np.ones(6), [1.0, 2, 3, 4, 5, 6]])
    >>> y = np.array([1.0, 3, 2, 5, 4, 6])
    >>> e = y - X @ np.linalg.lstsq(X, y, rcond=None)[0]
    >>> result = moran_residuals(e, X, path)
    >>> round(result.estimate, 4), round(result.expected, 4)
    (-1.0636, -0.4)
    """
    _input.check_draws(0, 0, alternative)
    field = _input.read([("residuals", residuals)], w, align=align)
    e, basis = field.values[0], _basis(X, field)
    if np.abs(basis.T @ e).max() > 1e-6 * np.sqrt(e @ e):
        raise SpatialInputError("E209", "the residuals are correlated with X: they are not those of a fit on it",
                                hint="give the residuals of a regression on this X")
    numbers = residual_moran(e, basis, field.weights.csr)
    result = GlobalStatistic(
        title="Moran's I of residuals",
        symbol="I",
        variable=field.names[0],
        estimate=numbers.estimate,
        expected=numbers.expected,
        variance_norm=numbers.variance,
        variance_rand=math.nan,
        alternative=alternative,
        simulated=np.empty(0),
        seed=0,
        n=field.weights.n,
        weights=field.weights.header(),
        null="errors are independent and normal",
    )
    return made_from(result, field)


def _basis(X, field) -> np.ndarray:
    """Orthonormal columns that span X, in the order of the weights."""
    columns = X.items() if isinstance(X, pd.DataFrame) else enumerate(np.asarray(X, float).T)
    design = np.column_stack([align(_input.numbers(c, str(k)), field.weights, name=str(k)) for k, c in columns])
    _input.check_finite(design.T, [str(k) for k in range(design.shape[1])], field.ids, "error")
    scale = np.abs(design).max(axis=0)
    left, sizes, _ = np.linalg.svd(design / np.where(scale > 0, scale, 1), full_matrices=False)
    if sizes[-1] <= 1e-10 * sizes[0]:
        raise SpatialInputError("E205", "columns of X are collinear", hint="leave one of them out")
    return left
