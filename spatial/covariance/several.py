"""Likelihoods with several rho, lambda or sigma2, of several W or by regime: their scores and covariance.

Parameters are (gamma, rho_1 ..., lambda_1 ..., ln sigma2 ...), gamma the coefficients of an orthonormal basis Q of the
regressors, and (beta, rho, lambda, ln sigma2) = T (gamma, rho, lambda, ln sigma2). In units of the errors' standard
deviations s the score of a row is

    D_i e_i / s_i + L' / m,    D = -de/d(gamma, rho, lambda) / s = [B Q, B (W_j y - Q h_j), M_l u] / s

L' being the slopes of the determinants, and (e_i^2 / s_i^2 - n / m) / 2 for ln sigma2 of the row's group.
"""

from __future__ import annotations

import numpy as np

from spillover.errors import SpatialInputError

from ..records.fit import FitRecord
from ..solve.several_problem import blocks_of
from .deviations import deviations, has_several
from .information import inverse_information
from .random import by_random_ml, kappa_scores


def derivatives_of_several(fit: FitRecord) -> np.ndarray:
    """D, (m, k + J + L)."""
    s, at = fit._sample, fit._solution
    blocks, _ = blocks_of(s)  # type: ignore[arg-type]
    own = blocks[0] - sum((lam * block for lam, block in zip(at.lams, blocks[1:])), np.zeros((1, 1)))  # type: ignore[attr-defined]
    J, v = len(at.rhos), np.concatenate([[1.0], -at.rhos, -at.gamma])  # type: ignore[attr-defined]
    of_lambda = [block @ v for block in blocks[1:]]
    D = np.column_stack([own[:, 1 + J :], own[:, 1 : 1 + J], *of_lambda])
    return D / deviations(fit)[:, None]


def scores_of_variances(fit: FitRecord, z: np.ndarray, share: float) -> np.ndarray:
    """Of ln sigma2 of every group, (m, S), from residuals z in units of their deviations."""
    groups = fit._sample.groups_of_rows  # type: ignore[attr-defined]
    return (groups[:, None] == np.arange(groups.max() + 1)) * ((z**2 - share) / 2)[:, None]


def scores_of_several(fit: FitRecord) -> np.ndarray:
    """By row, (m, k + J + L + S), and kappa's of random effects; determinants belong to no single row: each has a share
    of L', which leaves the sum at zero."""
    z = fit._solution.resid / deviations(fit)
    by_row = np.column_stack([derivatives_of_several(fit) * z[:, None],
                              scores_of_variances(fit, z, fit._sample.n / len(z))])  # fmt: skip
    if by_random_ml(fit) and not fit._settings.random.on_boundary:
        by_row = np.column_stack([by_row, kappa_scores(fit, fit._solution.resid)])
    return by_row - by_row.mean(axis=0)


def whole_covariance(fit: FitRecord, factor: float) -> np.ndarray:
    """Of (beta, rho, lambda, ln sigma2): the inverse of the observed information times ``factor``, and what a
    correction adds to it."""
    at, names = fit._solution, [*fit.params.index, "sigma2", "phi"]
    V = factor * at.T @ inverse_information(at.information, names) @ at.T.T  # type: ignore[attr-defined]
    return at.after_correction((V + V.T) / 2)


def covariance_of_variances(fit: FitRecord, factor: float) -> np.ndarray:
    """Of ln sigma2 of every group, (S, S)."""
    p, sigma2s, serial = len(fit.params), fit._solution.sigma2s, fit._settings.serial  # type: ignore[attr-defined]
    own = slice(p, p + len(sigma2s))
    V = whole_covariance(fit, factor)[own, own]
    if serial is None:
        return V
    slopes = serial.slopes[own] / sigma2s
    return V + serial.variance * np.outer(slopes, slopes)


def refuse_expected(fit: FitRecord) -> None:
    """E501: the expected information is that of one rho, lambda and sigma2."""
    if has_several(fit):
        raise SpatialInputError("E501", "vcov='eim' is not there for several W, or for rho, lambda or sigma2 by regime",
                                hint="vcov='oim' or 'robust'")  # fmt: skip
