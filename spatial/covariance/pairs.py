"""The variance of the score with nothing left out: it is a linear-quadratic form in independent errors.

With P = B W A^-1 B^-1, H = M B^-1 and eta = B W A^-1 X beta the score's parts are, up to 1 / s2,

    rho:     eta'e + e'P e - s2 tr P         lambda:     e'H e - s2 tr H

Its variance is a sum over units (linear terms and diagonals) and over pairs i < j of
((P_ij + P_ji) e_i e_j)^2. A sandwich of row scores takes e_i (P e)_i for unit i's own and so loses half of
the pairs, since e_i (P e)_i and e_j (P e)_j are correlated wherever P_ij P_ji is not zero.

Source: Kelejian & Prucha (2001, J. Econometrics 104:219-257), on linear-quadratic forms; in a panel with sums
over periods.
"""

from __future__ import annotations

import numpy as np

from spillover.errors import SpatialInputError
from spillover.matrix import refuse_varying

from ..records.fit import FitRecord
from .information import DENSE_MAX, derivatives


def pairs_meat(fit: FitRecord) -> np.ndarray:
    """Variance of the score of (beta, rho, lambda, sigma2); errors of different units are independent.

    Raises
    ------
    SpatialInputError
        E309 above 5,000 units: P and H are dense.
    """
    sample, at, (T, N) = fit.sample, fit.solution, fit.design.y.shape
    if N > DENSE_MAX:
        raise SpatialInputError("E309", f"pairs=True needs dense {N:,} x {N:,} matrices",
                                hint="use vcov='robust', or sp.Conley beyond the neighbours")  # fmt: skip
    refuse_varying(fit.design.weights, "pairs=True")
    refuse_varying(fit.design.weights_of_error, "pairs=True")
    s2, k, E = at.sigma2, sample.X.shape[1], at.resid.reshape(T, N)
    quadratic = _quadratic_forms(fit)
    D = derivatives(sample, at)
    for column, Q in zip(range(k, k + len(quadratic)), quadratic):
        D[:, column] -= (E @ Q.T).ravel()  # eta: what does not depend on e
    linear = (D * at.resid[:, None]).reshape(T, N, -1).sum(axis=0) / s2
    squares = np.sum(E**2, axis=0)
    share = sample.n / N
    for column, Q in zip(range(k, k + len(quadratic)), quadratic):
        linear[:, column] += Q.diagonal() * (squares / s2 - share)
    by_unit = np.column_stack([linear, squares / (2 * s2**2) - share / (2 * s2)])

    products = E.T @ E / s2
    np.fill_diagonal(products, 0)
    meat = by_unit.T @ by_unit
    both = [(Q + Q.T) * products for Q in quadratic]
    for i, first in enumerate(both):
        for j, second in enumerate(both):
            meat[k + i, k + j] += np.sum(first * second) / 2  # each pair stands there twice
    return meat


def _quadratic_forms(fit: FitRecord) -> list[np.ndarray]:
    """P for a spatial lag, H for a spatial error."""
    d, spec = fit.design, fit.specification
    eye, forms = np.eye(d.n_units), []
    M = d.weights_of_error.csr.toarray()
    B = eye - fit.lam * M
    if spec.lag:
        W = d.weights.csr.toarray()
        P = np.linalg.solve((eye - fit.rho * W).T, W.T).T  # W A^-1
        forms.append(np.linalg.solve(B.T, (B @ P).T).T if spec.error else P)
    if spec.error:
        forms.append(np.linalg.solve(B.T, M.T).T)
    if fit.settings.correction is True and fit.settings.effects.time:
        forms = [_within_periods(Q) for Q in forms]
    return forms


def _within_periods(Q):
    """J Q J with J = I - 11'/N: errors that have lost their period means know no more of Q."""
    Q = Q - Q.mean(axis=0)
    return Q - Q.mean(axis=1, keepdims=True)
