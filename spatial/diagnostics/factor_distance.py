"""The Wald statistic of a common factor that does not depend on how theta + rho beta = 0 is written.

The delta method replaces the curve theta = -rho beta by its tangent at the estimates. At n = 48 it then rejects 10 % of
true nulls at 5 % with eight regressors and 14 % with fifteen, and another writing of the same restriction (theta / beta
+ rho = 0) has another statistic: Gregory & Veall (1986, Economics Letters 22:203-208). The smallest distance to the
curve in the metric of the covariance (Ferguson 1958, Annals of Mathematical Statistics 29:1046-1062; Gourieroux &
Monfort 1989, Econometric Theory 5:63-82) has the same limit and one value.
"""

from __future__ import annotations

import numpy as np

POINTS, ROUNDS = 33, 6  # of a search by finer and finer grids: 16^-6 of its first half-width
REACH = 8.0  # standard errors of rho to both sides


def factor_distance(
    rho: float, beta: np.ndarray, theta: np.ndarray, V: np.ndarray, interval: tuple[float, float]
) -> float:
    """min over r of h(r)' [H V H']^-1 h(r), with h(r) = (rho - r, theta + r beta) and H its derivatives.

    Given r the restrictions rho = r and theta = -r beta are linear.

    Parameters
    ----------
    rho : float
    beta, theta : (q,)
        Of the regressors and of their lags.
    V : (1 + 2 q, 1 + 2 q)
        Covariance of (rho, beta, theta).
    interval : (float, float)
        Of rho.

    Examples
    --------
    >>> V = np.diag([0.04, 0.01, 0.09])
    >>> round(factor_distance(0.5, np.array([1.0]), np.array([-0.5]), V, (-1.0, 1.0)), 9)
    0.0
    >>> round(factor_distance(0.5, np.array([1.0]), np.array([0.1]), V, (-1.0, 1.0)), 4)
    2.7479
    """
    q, wide = len(beta), REACH * np.sqrt(V[0, 0])
    low, high = max(interval[0], rho - wide), min(interval[1], rho + wide)
    for _ in range(ROUNDS):
        r = np.linspace(low, high, POINTS)
        H = np.zeros((POINTS, q + 1, 2 * q + 1))
        H[:, 0, 0] = 1.0
        j = np.arange(q)
        H[:, 1 + j, 1 + j] = r[:, None]
        H[:, 1 + j, 1 + q + j] = 1.0
        h = np.column_stack([rho - r, theta + r[:, None] * beta])
        distance = np.einsum("ij,ij->i", h, np.linalg.solve(H @ V @ H.transpose(0, 2, 1), h[:, :, None])[:, :, 0])
        best, step = int(distance.argmin()), (high - low) / (POINTS - 1)
        low, high = max(low, r[best] - step), min(high, r[best] + step)
    return float(distance[best])
