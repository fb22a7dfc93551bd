"""Equal variances of one variable in two periods: correlated over time, heavy-tailed, and correlated in space."""

from __future__ import annotations

import numpy as np

from ..logdet import logdet

GRID = 40  # values of rho before the search between the best one's neighbors
CLOSE = 1e-6
INSIDE = 1e-4  # share of the interval of rho that is left free at each end


def equal_variances(x: np.ndarray) -> float:
    """F(1, n - 2) of equal variances of two correlated samples.

    The variances are equal where differences d and sums s of the two values are uncorrelated (Pitman 1939; Morgan
    1939): the slope b of d on s is zero. Its variance is MacKinnon and White's (1985) HC3,

        V(b) = sum s_i^2 e_i^2 / (1 - h_i)^2 / (sum s_i^2)^2,   h_i = 1/n + s_i^2 / sum s_j^2

    since heavy tails make e_i^2 large where s_i^2 is.

    Parameters
    ----------
    x : ndarray, shape (2, n)
    """
    n = x.shape[1]
    x = x - x.mean(axis=1, keepdims=True)
    s, d = x[0] + x[1], x[0] - x[1]
    ss = s @ s
    if not ss > 0 or not d @ d > 1e-12 * ss:
        return float("nan")
    slope = (s @ d) / ss
    e, h = d - slope * s, 1 / n + s**2 / ss
    if not e @ e > 1e-12 * (d @ d):
        return float("nan")  # all gaps shrink by one factor: the slope has no residuals
    return float(slope**2 * ss**2 / np.sum((s * e / (1 - h)) ** 2))


def without_neighbors(x: np.ndarray, weights) -> tuple[np.ndarray, float]:
    """Innovations u_t = (I - rho W)(x_t - mu_t) of two periods that share rho, and its maximum-likelihood estimate.

        ln L(rho) = 2 ln|I - rho W| - n/2 ln|E E'/n|,   E the residuals of (I - rho W) x_t on (I - rho W) 1

    The two periods' innovations have any 2 x 2 covariance, so that neither the null nor the correlation over time is
    imposed (Egger and Pfaffermayr 2009 test the same hypothesis within one likelihood).

    Parameters
    ----------
    x : ndarray, shape (2, n)
    weights : Weights of the n units, in their order
    """
    from scipy.optimize import minimize_scalar

    n, W = x.shape[1], weights.csr
    determinant = logdet(weights)
    low, high = determinant.interval
    lags, ones, sums = (W @ x.T).T, np.ones(n), np.asarray(W.sum(axis=1)).ravel()

    def residuals(rho):
        E, c = x - rho * lags, ones - rho * sums
        return E - np.outer(E @ c / (c @ c), c)

    def loss(rho):
        E = residuals(rho)
        return n / 2 * np.linalg.slogdet(E @ E.T / n)[1] - 2 * float(determinant.value(rho))

    margin = INSIDE * (high - low)
    grid = np.linspace(max(low, -2.0) + margin, high - margin, GRID)
    values = np.array([loss(rho) for rho in grid])
    best = int(np.nanargmin(values))
    bounds = grid[max(best - 1, 0)], grid[min(best + 1, GRID - 1)]
    rho = float(minimize_scalar(loss, bounds=bounds, method="bounded", options={"xatol": CLOSE}).x)
    return residuals(rho), rho
