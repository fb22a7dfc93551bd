"""Random effects: how much of the unit means to take out (Swamy & Arora 1972, Econometrica 40:261-275)."""

from __future__ import annotations

import numpy as np

from spillover.errors import SpatialInputError

from .within import demean


def swamy_arora(y: np.ndarray, X: np.ndarray) -> float:
    """theta = 1 - sqrt(s2_e / s2_1), the share of the unit means that quasi-demeaning removes.

    Parameters
    ----------
    y : (T, N)
    X : (T, N, k), intercept included

    Returns
    -------
    float in [0, 1)
        With s2_e = SSE_within / (N (T - 1) - k_within) and s2_1 = T SSE_between / (N - k). Zero when the
        between variance is the smaller.

    Raises
    ------
    SpatialInputError
        E206 when there are too few units or periods for either regression.
    """
    T, N = y.shape
    within_X = demean(X, "entity").reshape(T * N, -1)
    varying = np.linalg.norm(within_X, axis=0) > 1e-10 * np.linalg.norm(X.reshape(T * N, -1), axis=0)
    df_within, df_between = N * (T - 1) - int(varying.sum()), N - X.shape[2]
    if df_within < 1 or df_between < 1:
        raise SpatialInputError(
            "E206", f"random effects need more than {X.shape[2]} units and 2 periods, got {N} and {T}"
        )
    s2_e = _sse(demean(y, "entity").ravel(), within_X[:, varying]) / df_within
    s2_1 = T * _sse(y.mean(axis=0), X.mean(axis=0)) / df_between
    return 1 - np.sqrt(s2_e / s2_1) if s2_1 > s2_e else 0.0


def _sse(y, X):
    Q = np.linalg.qr(X)[0]
    e = y - Q @ (Q.T @ y)
    return float(e @ e)
