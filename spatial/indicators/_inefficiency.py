"""The likelihood of Battese & Coelli (1992), its maximum, and the efficiencies that follow.

With e = y - X beta, h_it = exp(-eta (t - T)), A_i = sum_t h_it^2 and B_i = sum_t h_it e_it, the inefficiency of unit i
given its residuals is normal, cut off at 0, with

    mu*_i = (mu sigma_v^2 - sigma_u^2 B_i) / (sigma_v^2 + sigma_u^2 A_i),
    sigma*_i^2 = sigma_v^2 sigma_u^2 / (sigma_v^2 + sigma_u^2 A_i).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from spillover.errors import SpatialInputError

SHARES = np.linspace(0.1, 0.9, 9)  # of inefficiency in the variance, where the search may start
DECAYS = (-0.05, 0.0, 0.05)
STARTS = 3  # best starts from which a maximum is sought
EDGE = 12.0  # log odds of gamma beyond which one of the two parts is negligible


@dataclass(frozen=True, eq=False)
class Panel:
    """y (n,), X (n, k), unit codes (n,) and years until the last period (n,), 0 or negative."""

    y: np.ndarray
    X: np.ndarray
    unit: np.ndarray
    years: np.ndarray


def _unpack(theta, k, truncated, decay):
    """beta, sigma_v^2, sigma_u^2, mu, eta from (beta, sigma2, gamma, mu, eta)."""
    sigma2, gamma, *rest = theta[k:]
    mu = rest[0] if truncated else 0.0
    eta = rest[-1] if decay else 0.0
    return theta[:k], (1 - gamma) * sigma2, gamma * sigma2, mu, eta


def _given_residuals(p: Panel, theta, truncated, decay):
    """e, h and, by unit, s^2 = sigma_v^2 + sigma_u^2 A, mu*, sigma*."""
    beta, v, u, mu, eta = _unpack(theta, p.X.shape[1], truncated, decay)
    e, h = p.y - p.X @ beta, np.exp(-eta * p.years)
    A, B = np.bincount(p.unit, h * h), np.bincount(p.unit, h * e)
    s2 = v + u * A
    return e, h, s2, (mu * v - u * B) / s2, np.sqrt(v * u / s2)


def loglik(p: Panel, theta, truncated: bool, decay: bool) -> float:
    """Sum over units of the log density of their residuals; theta = (beta, sigma2, gamma, mu, eta)."""
    from scipy.special import log_ndtr

    _, v, u, mu, _ = _unpack(theta, p.X.shape[1], truncated, decay)
    e, _, s2, centre, spread = _given_residuals(p, theta, truncated, decay)
    z, N = centre / spread, len(s2)
    normal = -(len(e) * np.log(2 * np.pi) + (len(e) - N) * np.log(v) + np.log(s2).sum() + e @ e / v) / 2
    return float(normal - N * (mu * mu / u / 2 + log_ndtr(mu / np.sqrt(u))) + (z * z / 2 + log_ndtr(z)).sum())


def efficiencies(p: Panel, theta, truncated: bool, decay: bool) -> np.ndarray:
    """E[exp(-u_it) | e_i], (n,)."""
    from scipy.special import log_ndtr

    _, h, _, centre, spread = _given_residuals(p, theta, truncated, decay)
    m, s = centre[p.unit], spread[p.unit]
    return np.exp(log_ndtr(m / s - h * s) - log_ndtr(m / s) - h * m + (h * s) ** 2 / 2)


def maximise(p: Panel, truncated: bool, decay: bool):
    """Parameters, their covariance, the log-likelihood, and that of least squares.

    The search runs over beta in an orthonormal basis, log sigma2 and the log odds of gamma, from the best of a grid of
    starts: shares of inefficiency and decays, the intercept and sigma2 adjusted by the moments of a half-normal.
    """
    from scipy.optimize import minimize

    n, k = p.X.shape
    Q, R = np.linalg.qr(p.X)
    Q, R = Q * np.sqrt(n), R / np.sqrt(n)
    q = Panel(p.y, Q, p.unit, p.years)
    ols = Q.T @ p.y / n
    residual = p.y - Q @ ols
    s2 = residual @ residual / n
    loglik_ols = -n / 2 * (np.log(2 * np.pi * s2) + 1)

    def negative(free):
        return -loglik(q, _natural(free, k), truncated, decay) / n

    def gradient(free):
        return _gradient(negative, free)

    starts = [_start(R, ols, s2, g, eta, truncated, decay) for g in SHARES for eta in (DECAYS if decay else (0.0,))]
    starts = sorted(starts, key=negative)[:STARTS]
    options = {"jac": gradient, "method": "BFGS", "options": {"gtol": 1e-7, "maxiter": 500}}
    optima = [minimize(negative, start, **options) for start in starts]
    best = min(optima, key=lambda result: result.fun).x
    if abs(best[k + 1]) > EDGE:
        lacking = "inefficiency" if best[k + 1] < 0 else "noise"
        message = f"the likelihood finds no {lacking}: gamma is {int(best[k + 1] > 0)} to rounding"
        raise SpatialInputError("E226", message, hint="least-squares residuals must be skewed to the left")
    H = _hessian(negative, best) * n
    slope = gradient(best) * n
    if not (np.linalg.eigvalsh(H) > 0).all() or slope @ np.linalg.solve(H, slope) > 1e-6:
        raise SpatialInputError("E801", "the likelihood of the frontier has no clear maximum",
                                hint="fewer parameters: decay=False, truncated=False")  # fmt: skip
    # back to beta of the given columns, sigma2 and gamma
    theta = _natural(best, k)
    J = np.eye(len(best))
    J[:k, :k] = np.linalg.inv(R)
    J[k, k], J[k + 1, k + 1] = theta[k], theta[k + 1] * (1 - theta[k + 1])
    theta[:k] = J[:k, :k] @ best[:k]
    return theta, J @ np.linalg.inv(H) @ J.T, -negative(best) * n, loglik_ols


def _natural(free: np.ndarray, k: int) -> np.ndarray:
    """log sigma2 and log odds of gamma to sigma2 and gamma."""
    theta = np.array(free, dtype=float)
    theta[k], theta[k + 1] = np.exp(free[k]), 1 / (1 + np.exp(-np.clip(free[k + 1], -30, 30)))
    return theta


def _start(R, ols, s2, share, eta, truncated, decay) -> np.ndarray:
    """Moments of a half-normal u: E u = sqrt(2 / pi) sigma_u, Var u = (1 - 2 / pi) sigma_u^2."""
    sigma2 = s2 / (1 - 2 * share / np.pi)
    lift = np.zeros(len(ols))
    lift[0] = np.sqrt(2 / np.pi * share * sigma2)  # on the intercept, the first column
    beta, log_odds = ols + R @ lift, np.log(share / (1 - share))
    return np.array([*beta, np.log(sigma2), log_odds, *[0.0] * truncated, *[eta] * decay])


def _gradient(f, x: np.ndarray) -> np.ndarray:
    """Central differences."""
    steps = np.diag(6e-6 * np.maximum(1, np.abs(x)))
    return np.array([(f(x + h) - f(x - h)) / (2 * h.sum()) for h in steps])


def _hessian(f, x: np.ndarray) -> np.ndarray:
    """Central differences of central differences."""
    steps = np.diag(1e-4 * np.maximum(1, np.abs(x)))
    H = np.empty((len(x), len(x)))
    for i, h in enumerate(steps):
        for j, g in enumerate(steps[: i + 1]):
            corners = f(x + h + g) - f(x + h - g) - f(x - h + g) + f(x - h - g)
            H[i, j] = H[j, i] = corners / (4 * h.sum() * g.sum())
    return H
