"""Slow, dense twin of the dynamic panel with gaps: one system of all periods, the projection by its dummies."""

import numpy as np


def cut(W, there):
    """W among those who are there, rows with sum one again; zero elsewhere."""
    W = W * np.outer(there, there)
    sums = W.sum(axis=1, keepdims=True)
    return np.divide(W, sums, out=np.zeros_like(W), where=sums > 0)


def projection(rows, unit, time):
    """I - D D^+ over the cells (t, i) that have a row, zero elsewhere; (T N, T N)."""
    T, N = rows.shape
    used = rows.ravel()
    units, periods = np.kron(np.ones((T, 1)), np.eye(N)), np.kron(np.eye(T), np.ones((N, 1)))
    D = np.hstack([np.zeros((T * N, 0)), *[units] * unit, *[periods] * time]) * used[:, None]
    return np.diag(used * 1.0) - D @ np.linalg.pinv(D)


def responses(W, rows, rho, tau, eta):
    """Of y_{t-1}, W y_{t-1} and W y_t of all periods to the errors of all rows, (T N, T N) each, from the stacked
    system whose first period is the starting value; ``W`` (T, N, N) are cut already."""
    T, N = rows.shape
    system = np.eye(T * N)
    block = [slice(t * N, (t + 1) * N) for t in range(T)]
    for t in range(T):
        system[block[t], block[t]] -= rho * W[t]
        if t:
            system[block[t], block[t - 1]] -= tau * np.eye(N) + eta * W[t - 1]
    y = np.linalg.inv(system) @ np.diag(rows.ravel() * 1.0)
    before = np.vstack([np.zeros((N, T * N)), y[:-N]])
    lagged = np.vstack([np.zeros((N, T * N)), *(W[t] @ y[block[t]] for t in range(T - 1))])
    return before, lagged, np.vstack([W[t] @ y[block[t]] for t in range(T)])


def counted(W, rows, rho, time):
    """sum_t tr[J_t W_t (I - rho W_t)^-1], J_t the rows of t, less their mean with ``time``."""
    total = 0.0
    for Wt, row in zip(W, rows * 1.0):
        G = Wt @ np.linalg.inv(np.eye(len(row)) - rho * Wt)
        total += np.trace((np.diag(row) - np.outer(row, row) / row.sum() * time) @ G)
    return total


def score_means(W, rows, rho, tau, eta, unit, time):
    """E[dL/d(tau, eta, rho)] at the true values."""
    M = projection(rows, unit, time)
    past, lagged, now = (np.sum(M * R) for R in responses(W, rows, rho, tau, eta))
    return past, lagged, now - counted(W, rows, rho, time)


def estimates(y, x, W, seen, effects, *, lag=True, past=("y", "Wy"), start, corrected=True, durbin=False):
    """(tau, eta, beta, rho, sigma2): the root of the score less its mean next to ``start``, by numerical slopes. ``y``
    and ``x`` (T + 1, N), ``W`` (T + 1, N, N) cut to those who are there, ``seen`` (T + 1, N)."""
    from scipy.optimize import root

    rows = seen[1:] & seen[:-1]
    unit, time = effects in ("entity", "twoway"), effects in ("time", "twoway")
    used, y, x = rows.ravel(), np.nan_to_num(y), np.nan_to_num(x)
    M = projection(rows, unit, time)[np.ix_(used, used)]
    lagged = np.einsum("tij,tj->ti", W, y)
    columns = {"y": y[:-1], "Wy": lagged[:-1]}
    Z = [columns[name] for name in past] + [x[1:]] + [np.einsum("tij,tj->ti", W, x)[1:]] * durbin
    Z = np.stack([one.ravel()[used] for one in Z], axis=1)
    if not (unit or time):
        Z = np.column_stack([Z, np.ones(len(Z))])
    now, Wy, n = y[1:].ravel()[used], lagged[1:].ravel()[used], np.linalg.matrix_rank(M)
    k = Z.shape[1]

    def score(theta):
        b, s2 = theta[:k], theta[-1]
        rho = theta[k] if lag else 0.0
        e = M @ (now - rho * Wy - Z @ b)
        tau, eta = (b[past.index(name)] if name in past else 0.0 for name in ("y", "Wy"))
        means = score_means(W[1:], rows, rho, tau, eta, unit, time) if corrected and unit else (0.0, 0.0, 0.0)
        out = Z.T @ e / s2
        for name, mean in zip(("y", "Wy"), means):
            if name in past:
                out[past.index(name)] -= mean
        own = [Wy @ e / s2 - means[2] - counted(W[1:], rows, rho, time and corrected)] * lag
        return np.array([*out, *own, (e @ e / s2 - (n if corrected else len(now))) / (2 * s2)])

    at = root(score, start, tol=1e-12)
    return at.x
