"""Slow, dense twins of the policy estimators: every fixed effect a column, every estimate a sum over y."""

import numpy as np


def dummies(T, N, region):
    """Unit dummies, and period-by-region dummies without one period of each region; rows are (t, i)."""
    unit, period = np.tile(np.arange(N), T), np.repeat(np.arange(T), N)
    columns = [unit == i for i in range(N)]
    columns += [(period == t) & (region[unit] == r) for r in np.unique(region) for t in range(1, T)]
    return np.stack(columns, axis=1).astype(float)


def weighted(Z, y, mass):
    s = np.sqrt(mass)
    return np.linalg.lstsq(Z * s[:, None], y * s, rcond=None)[0]


def imputation(y, D, X, mass, region, estimand):
    """(estimate, its weights v on y): untreated outcomes predicted from untreated rows."""
    T, N = y.shape
    Z = np.column_stack([dummies(T, N, region), X.reshape(T * N, -1)])
    y, D, mass, a = y.ravel(), D.ravel(), mass.ravel(), estimand.ravel()
    untreated = D == 0
    coefficients = weighted(Z[untreated], y[untreated], mass[untreated])
    M = Z[untreated].T * mass[untreated]
    v = a.copy()
    v[untreated] = -(M.T @ np.linalg.pinv(M @ Z[untreated]) @ (Z.T @ a))
    return a @ (y - Z @ coefficients), v
