"""Predictions of models with several W, in sample: the kinds of ``prediction``.

With A = I - sum_j rho_j W_j, B = I - sum_l lambda_l M_l and Q = A'B'B A: trend X beta + c, TC A^-1 (X beta + c),
TS y - e, BP TC - diag(Q)^-1 (Q - diag(Q)) (y - TC).
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import sparse

from spillover.errors import SpatialInputError, check_option

from ..design.design import spatial_lag
from ..design.several import several_regressors
from ..records.several import SeveralRecord
from .prediction import IN_SAMPLE
from .several import solve


def predict_several(fit: SeveralRecord, data=None, w=None, *, kind: str | None = None) -> pd.Series:
    """Predict the fitted units, in the units of the formula's left side.

    Parameters
    ----------
    fit : SeveralFit
    data, w : None
        New units are not predicted from several W.
    kind : {"TS", "TC", "BP", "trend"}, optional
        "TS" by default.

    Returns
    -------
    Series by unit, or by unit and period

    Raises
    ------
    SpatialInputError
        E501 unknown kind, or new units.
    """
    if data is not None or w is not None:
        raise new_data()
    check_option("kind", kind or "TS", IN_SAMPLE)
    return fit._design.labelled(in_sample(fit, kind or "TS"), "predicted")


def new_data() -> SpatialInputError:
    """E501: new units and periods are not predicted from several W."""
    return SpatialInputError("E501", "models with several W are predicted in sample only",
                             hint="call predict() without data")


def in_sample(fit: SeveralRecord, kind: str) -> np.ndarray:
    """(T, N) predictions."""
    d, weights = fit._design, fit._design.weights
    if kind == "TS":
        return d.y - d.panel(fit._solution.resid)
    trend = regression_part(fit)
    if fit._settings.effects.fixed:  # unit and period means of A y - X beta
        u = d.y - sum(r * spatial_lag(weights.matrices[m], d.y) for r, m in zip(fit.rhos, weights.lag)) - trend
        trend = trend + u - d.within(u, fit._settings.effects)
    if kind == "trend":
        return trend
    TC = solve(fit, trend.T).T
    if kind == "TC":
        return TC
    BA = _filter(fit.lambdas, [weights.matrices[m].csr for m in weights.error], d.n_units) @ _filter(
        fit.rhos, [weights.matrices[m].csr for m in weights.lag], d.n_units)  # fmt: skip
    Q, gap = sparse.csr_array(BA.T @ BA), (d.y - TC).T
    return TC - ((Q @ gap) / Q.diagonal()[:, None] - gap).T


def regression_part(fit: SeveralRecord) -> np.ndarray:
    """X beta + sum_m W_m X theta_m, (T, N), without fixed effects."""
    X, names = several_regressors(fit._design, fit._settings.effects)
    return X @ fit.params[names].to_numpy()


def reduced_form_of_several(fit: SeveralRecord) -> np.ndarray:
    """A^-1 (X beta + W X theta), (T, N), without fixed effects."""
    return solve(fit, regression_part(fit).T).T


def _filter(values, matrices, n: int) -> sparse.csr_array:
    return sparse.csr_array(sum((-v * W for v, W in zip(values, matrices)), sparse.eye_array(n, format="csr")))
