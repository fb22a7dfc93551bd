"""Several restrictions at once: the Wald statistic with the law that its covariance allows."""

from __future__ import annotations

from typing import overload

import numpy as np

from spillover.errors import SpatialInputError, warn

FEW = 10  # groups; with fewer even Hotelling's F is a rough guide
RANK = 1e-10  # smallest eigenvalue of a correlation matrix that counts as positive


@overload
def wald(value: np.ndarray, V: np.ndarray, nu: None = None) -> tuple[float, int]: ...


@overload
def wald(value: np.ndarray, V: np.ndarray, nu: float) -> tuple[float, tuple[int, float]]: ...


def wald(value: np.ndarray, V: np.ndarray, nu: float | None = None) -> tuple[float, int | tuple[int, float]]:
    """g'V^-1 g as chi2(q); with V estimated from ``nu`` degrees of freedom Hotelling's T2 as F(q, nu - q + 1).

    Groups leave nu = G - 1, hence F(q, G - q).

    Parameters
    ----------
    value : (q,)
        g, zero under the null.
    V : (q, q)
        Its covariance.

    Returns
    -------
    statistic, df
        As ``TestResult`` takes them.

    Raises
    ------
    SpatialInputError
        E206 when q restrictions are more than nu, or V has a lower rank; E703 when V was withheld.

    Examples
    --------
    >>> wald(np.array([2.0, 2.0]), np.eye(2)), wald(np.array([2.0, 2.0]), np.eye(2), 30)
    ((8.0, 2), (3.8666666666666667, (2, 29)))
    """
    q = len(value)
    if nu is not None and q > nu:
        message = f"a joint test of {q} restrictions needs a covariance with more than {nu:.3g} degrees of freedom"
        raise SpatialInputError("E206", message, n=q, hint="test fewer at once, or use vcov='oim'")
    if np.isnan(V).any():
        raise SpatialInputError("E703", "no residual variance is left, and standard errors are withheld",
                                hint="is the response itself among the regressors?")  # fmt: skip
    scale = 1 / np.sqrt(np.diag(V))
    values = np.linalg.eigvalsh(V * np.outer(scale, scale))
    if not (values > RANK * values[-1]).all():
        rank = int((values > RANK * values[-1]).sum())
        raise SpatialInputError("E206", f"the covariance of {q} restrictions has rank {rank}", n=q,
                                hint="more groups or periods, fewer restrictions, or vcov='oim'")  # fmt: skip
    statistic = float(value @ np.linalg.solve(V, value))
    if nu is None:
        return statistic, q
    if nu + 1 < FEW:
        message = f"with {nu:.3g} degrees of freedom in the covariance (fewer than {FEW} groups, or few periods)"
        warn(f"{message} a joint test is a rough guide")
    return statistic * (nu - q + 1) / (nu * q), (q, nu - q + 1)
