"""What units emit: effects of a change of regressors that differs from unit to unit.

With S = (I - rho W)^-1 [sum_T beta_T diag(m_T) + W sum_T theta_T diag(m_T)], m_T what the change does to term T in each
unit, column j of S is what the change in unit j does to all: S_jj its direct effect, the column's sum its total effect.
Both are averaged with weights over the units that emit.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..logdet.inverse import Inverse
from ..records.fit import FitRecord
from ..records.regimes import RegimesRecord
from ..records.several import SeveralRecord
from .curves import between_poles
from .horizon import LONG, Horizon, infer_long_run
from .linear import Law, RatioLaw, infer_by_default
from .long_run import with_rho
from .mixture import Inference
from .propagate import determinant, selectors
from .several_linear import emitted_by_several

NEAR_ZERO = 1e-4  # rho below which diag(A^-1 W) is a power series: (diag(A^-1) - 1) / rho would cancel


def emitted(
    fit: FitRecord, names: Sequence[str], weights: np.ndarray, level: float, horizon: Horizon = None
) -> tuple[Law | RatioLaw | None, Inference]:
    """The joint law of s averages, and inference on direct, indirect and total effects, (3, s) each.

    Parameters
    ----------
    names : sequence of K regressors
    weights : ndarray, shape (s, K, N), or (s, K, rows) where W varies
        For each average what the change does to each regressor in each unit, times the unit's share. With K + 1 the
        last is what it does to the offset, whose coefficient is 1.
    level : float
    horizon : {None, 0, "long"}
        Of a dynamic model.
    """
    if isinstance(fit, SeveralRecord | RegimesRecord):
        return emitted_by_several(fit, names, weights, level)
    d, fit = fit._design, with_rho(fit) if horizon == LONG else fit
    W = d.weights.stacked if d.weights.varies else d.weights
    interval = determinant(fit).interval if fit.specification.lag else (-np.inf, np.inf)

    def over(low, high):
        return between_poles(lambda rho: _coefficients(W, rho, weights), low, high, interval)

    picks, params = selectors_with_offset(fit, names, weights.shape[1]), fit.params.to_numpy()
    if horizon == LONG:
        law, inference = infer_long_run(fit, lambda rho: _coefficients(W, rho, weights), picks, level)
        return law, inference.reshaped(3, len(weights))
    params = np.append(params, np.ones(picks.shape[-1] - len(params)))
    estimates = (picks[:, 0] @ params) @ _coefficients(W, fit.rho, weights)
    law, inference = infer_by_default(fit, over, picks, estimates, level)
    return law, inference.reshaped(3, len(weights))


def selectors_with_offset(fit: FitRecord, names: Sequence[str], terms: int) -> np.ndarray:
    """What picks beta and theta of each regressor, (2 terms, 1, p); a last column takes the constant 1 where the offset
    is one term more."""
    picks = [selectors(fit, [name]) for name in names]
    if terms == len(names):
        return np.concatenate(picks)
    of_offset = np.zeros((2, 1, len(fit.params) + 1))
    of_offset[0, 0, -1] = 1
    return np.concatenate([*(np.pad(pick, [(0, 0), (0, 0), (0, 1)]) for pick in picks), of_offset])


def _values(W, rho: float, weights: np.ndarray) -> np.ndarray:
    """(4, s, terms): weighted sums over units of diag(A^-1), diag(A^-1 W), 1'A^-1 and 1'A^-1 W."""
    A_inverse = Inverse(W, float(rho))
    a, sums = A_inverse.diagonal()[0], A_inverse.solve(np.ones(W.n), transposed=True)
    diagonal = W.csr.diagonal()
    if abs(rho) > NEAR_ZERO:
        aw = (a - 1) / rho
    else:
        aw = diagonal + rho * np.asarray(W.csr.multiply(W.csr.T).sum(axis=1)).ravel()
    return np.array([weights @ unit for unit in (a, aw, sums, W.csr.T @ sums)])


def _coefficients(W, rho: float, weights: np.ndarray) -> np.ndarray:
    """(2 terms, 3 s): what beta and theta of each term bring the direct, indirect and total effect of each average."""
    a, aw, sums, ws = (value.T for value in _values(W, rho, weights))  # (terms, s)
    direct, total = np.stack([a, aw], axis=1), np.stack([sums, ws], axis=1)  # (terms, 2, s)
    return np.stack([direct, total - direct, total], axis=2).reshape(2 * len(a), -1)
