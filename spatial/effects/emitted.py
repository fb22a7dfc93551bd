"""What units emit: effects of a change of regressors that differs from unit to unit.

With S = (I - rho W)^-1 [sum_T beta_T diag(m_T) + W sum_T theta_T diag(m_T)], m_T what the change does to term T in each
unit, column j of S is what the change in unit j does to all: S_jj its direct effect, the column's sum its total effect.
Both are averaged with weights over the units that emit.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..design.design import Design
from ..logdet.inverse import Inverse
from ..records.fit import FitRecord
from ..records.regimes import RegimesRecord
from ..records.several import SeveralRecord
from .curves import between_poles
from .linear import Law, RatioLaw, infer_by_default
from .long_run import PHI, dynamics, long_run_law, of_all_units, refuse_without_long_run, with_rho
from .mixture import Inference
from .operators import refuse_later
from .propagate import determinant, selectors
from .several_linear import emitted_by_several
from .stationarity import stationarity

NEAR_ZERO = 1e-4  # rho below which diag(A^-1 W) is a power series: (diag(A^-1) - 1) / rho would cancel
NEAR_ZERO_TWICE = 1e-3  # the same of diag(A^-1 W^2)


def emitted(
    fit: FitRecord, names: Sequence[str], weights: np.ndarray, level: float, run: str = "short"
) -> tuple[Law | RatioLaw | None, Inference]:
    """The joint law of s averages, and inference on direct, indirect and total effects, (3, s) each.

    Parameters
    ----------
    names : sequence of K regressors
    weights : ndarray, shape (s, K, N), or (s, K, rows) where W varies
        For each average what the change does to each regressor in each unit, times the unit's share. With K + 1 the
        last is what it does to the offset, whose coefficient is 1.
    level : float
    run : {"short", "long"}
        Of a dynamic model, whether in the period of the change or when it has worked itself out.
    """
    if run == "long":
        refuse_later(fit, "run='long'")
    if isinstance(fit, SeveralRecord | RegimesRecord):
        return emitted_by_several(fit, names, weights, level)
    if run == "long":
        return _in_the_long_run(fit, names, weights, level)
    d = fit._design
    W = d.weights.stacked if d.weights.varies else d.weights
    interval = determinant(fit).interval if fit.specification.lag else (-np.inf, np.inf)

    def over(low, high):
        return between_poles(lambda rho: _coefficients(W, rho, weights, d.wx_order), low, high, interval)

    picks, params = selectors_with_offset(fit, names, weights.shape[1]), fit.params.to_numpy()
    params = np.append(params, np.ones(picks.shape[-1] - len(params)))
    estimates = (picks[:, 0] @ params) @ _coefficients(W, fit.rho, weights, d.wx_order)
    law, inference = infer_by_default(fit, over, picks, estimates, level)
    return law, inference.reshaped(3, len(weights))


def emitting(fit: FitRecord, d: Design, run: str) -> Design:
    """Where units emit: d, or in the long run of a panel with gaps all units together (``long_run.of_all_units``)."""
    return of_all_units(fit)._design if run == "long" else d


def _in_the_long_run(fit: FitRecord, names: Sequence[str], weights: np.ndarray, level: float):
    """The same of ((1 - tau) I - (rho + eta) W)^-1: see ``long_run``."""
    fit = of_all_units(fit)
    refuse_without_long_run(fit, stationarity(fit))
    fit = with_rho(fit)
    d, params, interval = fit._design, fit.params.to_numpy(), determinant(fit).interval
    picks = selectors_with_offset(fit, names, weights.shape[1])
    rho, tau, eta = dynamics(fit, params)
    params = np.append(params, np.ones(picks.shape[-1] - len(params)))
    at = _coefficients(d.weights, (rho + eta) / (1 - tau), weights, d.wx_order)
    estimates = (picks[:, 0] @ params) @ at / (1 - tau)
    if not np.isfinite(fit._covariance).all():
        return None, Inference(estimates, *np.full((5, len(estimates)), np.nan)).reshaped(3, len(weights))

    def curves(r):
        return between_poles(lambda rho: _coefficients(d.weights, rho, weights, d.wx_order), r.min(), r.max(),
                             interval)(r)  # fmt: skip

    law = long_run_law(fit, curves, picks, PHI)
    return law, law.inference(estimates, level).reshaped(3, len(weights))


def selectors_with_offset(fit: FitRecord, names: Sequence[str], terms: int) -> np.ndarray:
    """What picks beta, theta (and theta_2) of each regressor, (2 terms, 1, p) or (3 terms, 1, p); a last column takes
    the constant 1 where the offset is one term more."""
    picks = [selectors(fit, [name]) for name in names]
    if terms == len(names):
        return np.concatenate(picks)
    of_offset = np.zeros((fit._design.wx_order + 1, 1, len(fit.params) + 1))
    of_offset[0, 0, -1] = 1
    return np.concatenate([*(np.pad(pick, [(0, 0), (0, 0), (0, 1)]) for pick in picks), of_offset])


def _by_unit(W, rho: float, orders: int) -> tuple[np.ndarray, np.ndarray]:
    """diag(A^-1 W^k) and 1'A^-1 W^k for k = 0 ... orders, (orders + 1, N) each."""
    A_inverse = Inverse(W, float(rho))
    a, sums = A_inverse.diagonal()[0], [A_inverse.solve(np.ones(W.n), transposed=True)]
    for _ in range(orders):
        sums.append(W.csr.T @ sums[-1])
    own = W.csr.diagonal()
    aw = (a - 1) / rho if abs(rho) > NEAR_ZERO else own + rho * _diagonal(W.csr, W.csr)
    diagonals = [a, aw]
    if orders == 2:
        if abs(rho) > NEAR_ZERO_TWICE:
            diagonals.append((aw - own) / rho)
        else:
            W2 = W.csr @ W.csr
            diagonals.append(W2.diagonal() + rho * _diagonal(W2, W.csr) + rho**2 * _diagonal(W2, W2))
    return np.array(diagonals), np.array(sums)


def _diagonal(X, Y) -> np.ndarray:
    """diag(X Y) of sparse matrices."""
    return np.asarray(X.multiply(Y.T).sum(axis=1)).ravel()


def _coefficients(W, rho: float, weights: np.ndarray, orders: int = 1) -> np.ndarray:
    """(terms (orders + 1), 3 s): what beta, theta (and theta_2) of each term bring the direct, indirect and total
    effect of each average."""
    direct, total = (np.einsum("stn,kn->tks", weights, by_unit) for by_unit in _by_unit(W, rho, orders))
    return np.stack([direct, total - direct, total], axis=2).reshape(-1, 3 * len(weights))
