"""Dense twins of weighted likelihoods, and the weighted model written as one without weights."""

import numpy as np
import pandas as pd

import weights as wt


def loglik(theta, y, X, W, w, *, lag, error):
    """Cross-section at theta = (beta, rho, lambda, log sigma2): the density of y, Var(e_i) = sigma2 / w_i."""
    n, k = X.shape
    beta, rest = theta[:k], list(theta[k:])
    rho = rest.pop(0) if lag else 0.0
    lam = rest.pop(0) if error else 0.0
    A, B = np.eye(n) - rho * W, np.eye(n) - lam * W
    inverse = np.linalg.inv(B @ A)
    V = np.exp(rest[0]) * inverse @ np.diag(1 / w) @ inverse.T
    e = y - np.linalg.solve(A, X @ beta)
    return -(n * np.log(2 * np.pi) + np.linalg.slogdet(V)[1] + e @ np.linalg.solve(V, e)) / 2


def dummies(T, N, effects):
    """Of units and periods, rows period by period."""
    columns = [np.zeros((T * N, 0))]
    if effects in ("entity", "twoway"):
        columns.append(np.kron(np.ones((T, 1)), np.eye(N)))
    if effects in ("time", "twoway"):
        columns.append(np.kron(np.eye(T), np.ones((N, 1))))
    return np.column_stack(columns)


def panel_loglik(theta, y, X, W, w, effects, *, lag, error):
    """What contrasts orthogonal to the dummies have for a density: y (T, N), X (T, N, k), w (T, N); W's rows sum to
    one."""
    T, N = y.shape
    k = X.shape[2]
    beta, rest = theta[:k], list(theta[k:])
    rho = rest.pop(0) if lag else 0.0
    lam = rest.pop(0) if error else 0.0
    U = dummies(T, N, effects)
    values, vectors = np.linalg.eigh(np.eye(T * N) - U @ np.linalg.pinv(U))
    F = vectors[:, values > 0.5]
    A, B = (F.T @ np.kron(np.eye(T), np.eye(N) - r * W) @ F for r in (rho, lam))
    e = B @ (A @ (F.T @ y.ravel()) - F.T @ X.reshape(T * N, k) @ beta)
    V = np.exp(rest[0]) * F.T @ np.diag(1 / w.ravel()) @ F
    n = F.shape[1]
    determinants = np.linalg.slogdet(A)[1] + np.linalg.slogdet(B)[1] - np.linalg.slogdet(V)[1] / 2
    return determinants - n / 2 * np.log(2 * np.pi) - e @ np.linalg.solve(V, e) / 2


def in_units_of_variance(data, names, w, column):
    """The data times sqrt(w), with ``one`` for the intercept, lags ``w_x`` of x, and D W D^-1."""
    root = np.sqrt(data[column].to_numpy())
    W = w.csr.toarray()
    star = {name: root * data[name] for name in names}
    star |= {f"w_{name}": root * (W @ data[name].to_numpy()) for name in names}
    links = wt.from_dense(root[:, None] * W / root, ids=list(w.ids))
    return pd.DataFrame({"one": root, **star}, index=w.ids), links
