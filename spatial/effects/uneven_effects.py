"""Best linear predictors of random unit effects with gaps, or with a spatial error whose weights vary over time.

With u_t = A_t y_t - X_t beta, K_t = B_t'B_t, D the dummies of the units, T_i their periods, phi = sigma2_mu / sigma2,

    inside ("kkp", or no error)  mu_i = T_i phi / (1 + T_i phi) mean_t (B_t u_t)_i,  Var = sigma2_mu / (1 + T_i phi)
    beside ("baltagi")           mu = phi (I + phi D'K D)^-1 D'K u,                  Var = sigma2_mu (I + phi D'K D)^-1

and period t has B_t^-1 mu in its u_t, or mu. Source: Goldberger (1962, JASA 57:369-375).
"""

from __future__ import annotations

import numpy as np

from ..design.design import spatial_lag
from ..design.unit_rows import UnitRows, links_by_row
from ..records.fit import FitRecord


def has_uneven_effects(fit: FitRecord) -> bool:
    """Whether the unit effects of a fit are random and not means of the same periods under one M."""
    d = fit._design
    moves = fit.specification.error and d.weights_of_error.varies
    return fit._settings.random is not None and (d.observed is not None or d.obs_weights is not None or moves)


def predicted_effects(fit: FitRecord, u: np.ndarray, lam: float) -> np.ndarray:
    """mu (N,) from u = A y - X beta, (T, N)."""
    d, random, units = fit._design, fit._settings.random, UnitRows.of(fit._design)
    if random.error != "baltagi":
        share = units.counts * random.phi
        return share / (1 + share) * units.means(d.root * d.rows(u - lam * spatial_lag(d.weights_of_error, u)))
    M, rows = links_by_row(d), d.root * d.rows(u)
    filtered = rows - lam * (M @ rows)
    weighed = units.sums_of @ (filtered - lam * (M.T @ filtered))
    return random.phi * np.linalg.solve(_precision(fit, units, lam), weighed)


def variance_of_effects(fit: FitRecord) -> np.ndarray:
    """Cov of mu around its predictor, (N, N)."""
    random, units = fit._settings.random, UnitRows.of(fit._design)
    if random.error != "baltagi":
        return np.diag(random.sigma2_mu / (1 + units.counts * random.phi))
    return random.sigma2_mu * np.linalg.inv(_precision(fit, units, fit.lam))


def _precision(fit: FitRecord, units: UnitRows, lam: float) -> np.ndarray:
    """I + phi D'K D."""
    D = units.sums_of.T
    BD = D - lam * (links_by_row(fit._design) @ D)
    return np.eye(units.N) + fit._settings.random.phi * (BD.T @ BD).toarray()


def errors_without_effects(fit: FitRecord, u: np.ndarray) -> np.ndarray:
    """e = B (u less what the unit effects have in it), (T, N)."""
    mu, M = predicted_effects(fit, u, fit.lam), fit._design.weights_of_error
    if fit._settings.random.error == "kkp":
        return u - fit.lam * spatial_lag(M, u) - mu
    return u - mu - fit.lam * spatial_lag(M, u - mu)
