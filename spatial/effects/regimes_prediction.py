"""Predictions of models with regimes, in sample.

The kinds of ``prediction``, with A = I - diag(rho_r) W, B likewise and the precision Q = A'B' diag(1 / sigma2_r) B A.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import sparse

from spillover.errors import SpatialInputError, check_option

from ..design.design import spatial_lag
from ..records.regimes import RegimesRecord
from .prediction import IN_SAMPLE
from .regimes import solve


def predict_regimes(fit: RegimesRecord, data=None, w=None, *, kind: str | None = None) -> pd.Series:
    """Predict the fitted units, in the units of the formula's left side.

    Parameters
    ----------
    fit : RegimesFit
    data, w : None
        New units are not predicted from regimes.
    kind : {"TS", "TC", "BP", "trend"}, optional
        "TS" by default.

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
    """E501: new units and periods are not predicted from regimes."""
    return SpatialInputError("E501", "models with regimes are predicted in sample only",
                             hint="call predict() without data")


def in_sample(fit: RegimesRecord, kind: str) -> np.ndarray:
    """(T, N) predictions."""
    d = fit._design
    if kind == "TS":
        return d.y - d.panel(fit._solution.resid)
    trend = regression_part(fit)
    if fit._settings.effects.fixed:
        trend = trend + fixed_effects(fit, trend)
    if kind == "trend":
        return trend
    TC = solve(fit, trend.T).T
    if kind == "TC":
        return TC
    A, B = (_filter(fit.by_unit(at), w.csr) for at, w in ((fit.rhos, d.weights), (fit.lambdas, d.weights_of_error)))
    BA = sparse.csr_array(sparse.diags_array(1 / np.sqrt(fit.by_unit(fit.sigma2s))) @ B @ A)
    Q, gap = sparse.csr_array(BA.T @ BA), (d.y - TC).T
    return TC - ((Q @ gap) / Q.diagonal()[:, None] - gap).T


def regression_part(fit: RegimesRecord) -> np.ndarray:
    """X beta, (T, N), spatial lags among X, without fixed effects."""
    d = fit._design
    used = [d.names.index(name) for name in fit._sample.names]
    return d.X[:, :, used] @ fit.params.to_numpy()[: len(used)]


def fixed_effects(fit: RegimesRecord, trend: np.ndarray) -> np.ndarray:
    """Unit and period means of A y - X beta."""
    d = fit._design
    effects, rho = fit._settings.effects, fit.by_unit(fit.rhos)
    left = d.y - rho * d.lag(d.y, effects) - trend
    return d.y - rho * spatial_lag(d.weights, d.y) - trend - d.within(left, effects)


def reduced_form_of_regimes(fit: RegimesRecord) -> np.ndarray:
    """A^-1 X beta, (T, N), without fixed effects."""
    return solve(fit, regression_part(fit).T).T


def _filter(values: np.ndarray, W: sparse.csr_array) -> sparse.csr_array:
    """I - diag(values) W."""
    return sparse.csr_array(sparse.eye_array(len(values)) - sparse.diags_array(values) @ W)
