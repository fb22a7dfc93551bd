"""Variances of forecasts: the errors to come and those within the estimated unit effects; see ``forecast``."""

from __future__ import annotations

import numpy as np

from ..covariance.kinds import lost_freedom
from ..covariance.sandwich import least_squares
from ..records.fit import FitRecord
from ..records.regimes import RegimesRecord
from ..records.several import SeveralRecord
from .several_forecast import operators_of_new, variances_of_errors
from .uneven_effects import has_uneven_effects, variance_of_effects


def variances(fit: FitRecord, W, M, horizon: int) -> np.ndarray:
    """Variances of the errors to come and of those within the unit effects, (H, N)."""
    if fit._settings.serial is not None:
        return _over_time(fit, W, M, horizon)
    d, eye = fit._design, np.eye(W.n)
    named = fit.params
    A_inverse, B_inverse, sigma2 = _inverses(fit, W, M)
    sigma2 = sigma2 * (1.0 if least_squares(fit) else lost_freedom(fit))  # least squares has SSE / df already
    errors = B_inverse * sigma2 @ B_inverse.T
    tau, eta = (float(named.get(f"{w}lag({d.response})", 0.0)) for w in ("", "W:"))
    step = A_inverse @ (tau * eye + eta * W.csr.toarray()) if d.lags else 0 * eye
    own = A_inverse @ errors @ A_inverse.T
    within = _variance_of_effects(fit, errors, B_inverse)
    total, D, out = np.zeros_like(own), np.zeros_like(own), []
    for _ in range(horizon):
        total, D = step @ total @ step.T + own, step @ D + A_inverse
        out.append(np.diag(total) + np.einsum("ij,jk,ik->i", D, within, D))
    return np.array(out)


def _inverses(fit: FitRecord, W, M) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A^-1 and B^-1 of new periods, and sigma2 of every unit."""
    if isinstance(fit, SeveralRecord | RegimesRecord):
        (C, D), sigma2 = (each.toarray() for each in operators_of_new(fit, W, M)), variances_of_errors(fit)
    else:
        C, D, sigma2 = fit.rho * W.csr.toarray(), fit.lam * M.csr.toarray(), np.full(W.n, fit.sigma2)
    eye = np.eye(W.n)
    return np.linalg.inv(eye - C), np.linalg.inv(eye - D), sigma2


def _over_time(fit: FitRecord, W, M, horizon: int) -> np.ndarray:
    """The same of errors with psi: h periods ahead sigma2 (1 - psi^2h) / (1 - psi^2) is to come, and of the error
    within c the share 1 - psi^h is left, since the last error was measured from it."""
    psi, (A_inverse, B_inverse, sigma2) = fit._settings.serial.psi, _inverses(fit, W, M)
    errors = B_inverse * sigma2 @ B_inverse.T
    within = _variance_of_effects(fit, errors, B_inverse)
    shares = psi ** np.arange(1, horizon + 1)
    sums = [(1 - share**2) / (1 - psi**2) * errors + (1 - share) ** 2 * within for share in shares]
    return np.array([np.einsum("ij,jk,ik->i", A_inverse, each, A_inverse) for each in sums])


def _variance_of_effects(fit: FitRecord, errors: np.ndarray, B_inverse: np.ndarray) -> np.ndarray:
    """Cov of the estimated unit effects around the true ones, (N, N)."""
    d, random = fit._design, fit._settings.random
    eye = np.eye(d.n_units)
    if random is not None:
        if not random.sigma2_mu > 0:
            return 0 * eye
        if has_uneven_effects(fit):
            of_mu = variance_of_effects(fit)
            return B_inverse @ of_mu @ B_inverse.T if random.error == "kkp" else of_mu
        if random.error == "baltagi":
            B = np.linalg.inv(B_inverse)
            return np.linalg.inv(eye / random.sigma2_mu + random.d2 * B.T @ B / random.sigma2_e)
        of_regimes = isinstance(fit, RegimesRecord) and fit.by_likelihood  # sigma2_mu differs as sigma2_e does
        sigma2 = variances_of_errors(fit) if of_regimes else np.full(d.n_units, random.sigma2_e)  # type: ignore[arg-type]
        left = random.phi * sigma2 / (1 + random.d2 * random.phi)
        return B_inverse * left @ B_inverse.T if random.error == "kkp" else np.diag(left)
    if not fit._settings.effects.entity:
        return 0 * eye
    if fit._settings.serial is not None:
        return errors / fit._settings.serial.d2
    T = np.full(d.n_units, d.n_periods) if d.observed is None else d.observed.sum(axis=0)
    return errors / np.sqrt(np.outer(T, T))
