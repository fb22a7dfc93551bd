"""Slow, dense, obvious twins of what ``spatial`` computes fast."""

import numpy as np
from scipy.optimize import minimize


def loglik(theta, y, X, W, *, lag, error):
    """Gaussian log-likelihood of a cross-section at theta = (beta, rho, lambda, log sigma2)."""
    n, k = X.shape
    beta, rest = theta[:k], list(theta[k:])
    rho = rest.pop(0) if lag else 0.0
    lam = rest.pop(0) if error else 0.0
    s2 = np.exp(rest[0])
    if max(abs(rho), abs(lam)) * np.abs(np.linalg.eigvals(W)).max() >= 1:
        return -1e10  # beyond the nearest singularity
    A, B = np.eye(n) - rho * W, np.eye(n) - lam * W
    e = B @ (A @ y - X @ beta)
    log_det = np.linalg.slogdet(A)[1] + np.linalg.slogdet(B)[1]
    return -n / 2 * np.log(2 * np.pi * s2) + log_det - e @ e / (2 * s2)


def maximise(y, X, W, start, *, lag, error):
    """Nelder-Mead, then BFGS: no derivative of ours is used."""

    def f(theta):
        return -loglik(theta, y, X, W, lag=lag, error=error)

    rough = minimize(f, start, method="Nelder-Mead", options={"maxiter": 20_000, "xatol": 1e-9, "fatol": 1e-11})
    return minimize(f, rough.x, method="BFGS", options={"gtol": 1e-7})


def hessian(f, x, h=1e-4):
    """Central differences."""
    p = len(x)
    H = np.empty((p, p))
    E = np.eye(p) * h * np.maximum(1, np.abs(x))
    for i in range(p):
        for j in range(p):
            H[i, j] = (f(x + E[i] + E[j]) - f(x + E[i] - E[j]) - f(x - E[i] + E[j]) + f(x - E[i] - E[j])) / (
                4 * E[i, i] * E[j, j]
            )
    return H


def effects(beta, theta, rho, W):
    """Direct, indirect and total from the dense matrix of responses."""
    n = len(W)
    S = np.linalg.inv(np.eye(n) - rho * W) @ (beta * np.eye(n) + theta * W)
    direct, total = S.trace() / n, S.sum() / n
    return direct, total - direct, total


def lee_yu_twoway(y, X, W):
    """Data after the transformation by orthonormal F_T and F_N, and W* = F_N' W F_N.

    ``y`` is (T, N), ``X`` (T, N, k). Any basis orthogonal to the unit vector serves: this one is random.
    """
    rng = np.random.default_rng(7)

    def basis(n):
        Q, _ = np.linalg.qr(np.column_stack([np.ones(n), rng.standard_normal((n, n - 1))]))
        return Q[:, 1:]

    FT, FN = basis(y.shape[0]), basis(y.shape[1])
    return FT.T @ y @ FN, np.einsum("ta,tik,ij->ajk", FT, X, FN), FN.T @ W @ FN


def row_logliks(theta, y, X, W, *, lag, error, copies=1):
    """Log-likelihood by row at theta = (beta, rho, lambda, sigma2): determinants and constants split equally.

    ``y`` is (T, N), ``X`` (T, N, k); ``copies`` counts the determinants over all periods.
    """
    T, N, k = X.shape
    rest = list(theta[k:])
    rho = rest.pop(0) if lag else 0.0
    lam = rest.pop(0) if error else 0.0
    A, B = np.eye(N) - rho * W, np.eye(N) - lam * W
    e = np.array([B @ (A @ y[t] - X[t] @ theta[:k]) for t in range(T)]).ravel()
    log_det = copies * (np.linalg.slogdet(A)[1] + np.linalg.slogdet(B)[1])
    return (log_det - T * N / 2 * np.log(2 * np.pi * rest[0])) / (T * N) - e**2 / (2 * rest[0])


def great_circle(a, b):
    """Kilometres between two (longitude, latitude) points, by the haversine formula."""
    (lon1, lat1), (lon2, lat2) = np.radians(a), np.radians(b)
    h = np.sin((lat2 - lat1) / 2) ** 2 + np.cos(lat1) * np.cos(lat2) * np.sin((lon2 - lon1) / 2) ** 2
    return 2 * 6371.0088 * np.arcsin(np.sqrt(h))


def dummy_projection(unit, period, effects):
    """M = I - D (D'D)^- D' from the dummies themselves."""
    D = np.zeros((len(unit), 0))
    for labels in [unit] * (effects in ("entity", "twoway")) + [period] * (effects in ("time", "twoway")):
        D = np.column_stack([D, np.equal.outer(np.asarray(labels), np.unique(labels)).astype(float)])
    return np.eye(len(D)) - D @ np.linalg.pinv(D)


def adjusted_score(rho, beta, y, X, W, unit, period, *, effects):
    """e'M W y / s2 - tr(M G), s2 = e'M e / (n - rank D): the score of rho without its bias, W block diagonal."""
    M = dummy_projection(unit, period, effects)
    e = M @ (y - rho * W @ y - X @ beta)
    G = W @ np.linalg.inv(np.eye(len(y)) - rho * W)
    return e @ W @ y / (e @ e / round(np.trace(M))) - np.trace(M @ G)


def marginal_loglik(theta, y, X, M, unit, period, *, effects):
    """Gaussian likelihood at theta = (beta, lambda, log sigma2) of F'y, F any basis orthogonal to the dummies."""
    values, vectors = np.linalg.eigh(dummy_projection(unit, period, effects))
    F = vectors[:, values > 0.5]
    B = np.eye(len(y)) - theta[-2] * M
    V = np.exp(theta[-1]) * F.T @ np.linalg.inv(B.T @ B) @ F
    u = F.T @ (y - X @ theta[:-2])
    return -0.5 * (len(u) * np.log(2 * np.pi) + np.linalg.slogdet(V)[1] + u @ np.linalg.solve(V, u))


def lm_error(y, X, W, M):
    """LM error with the exact moments of e'W e / s2: e = P u, P the projection off X within M."""
    MX = M @ X
    P = M - MX @ np.linalg.pinv(MX, rcond=1e-10)
    e, m = P @ y, round(np.trace(P))
    mean, squares = np.trace(P @ W), np.trace(P @ W @ P @ (W + W.T))
    return (e @ W @ e / (e @ e / m) - mean) ** 2 * (m + 2) / (m * squares - 2 * mean**2)
