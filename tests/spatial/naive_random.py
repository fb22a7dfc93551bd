"""Random effects by the whole N T x N T covariance: slow, dense, obvious."""

import numpy as np


def covariance(T, N, M, lam, phi, error, psi=0.0):
    """Of u over sigma2, period by period; u = y - rho W y - X beta. psi is the AR(1) of the errors over time."""
    V = np.linalg.inv(np.eye(N) - lam * M)
    spatial = V @ V.T
    unit = spatial if error == "kkp" else np.eye(N)
    over_time = psi ** np.abs(np.subtract.outer(np.arange(T), np.arange(T))) / (1 - psi**2)
    return np.kron(over_time, spatial) + phi * np.kron(np.ones((T, T)), unit)


def loglik(theta, y, X, W, M, *, lag, error, psi=0.0):
    """At theta = (beta, rho, lambda, sigma2, kappa), those that there are; kappa = ln(1 + T phi).

    ``y`` is (T, N), ``X`` (T, N, k), W (N, N) or (T, N, N); ``error`` None, "kkp" or "baltagi".
    """
    T, N, k = X.shape
    rest = list(theta[k:])
    rho = rest.pop(0) if lag else 0.0
    lam = rest.pop(0) if error else 0.0
    s2, phi = rest[0], np.expm1(rest[1]) / T
    edge = max(abs(rho) * np.abs(np.linalg.eigvals(W)).max(), abs(lam) * np.abs(np.linalg.eigvals(M)).max())
    W = np.broadcast_to(W, (T, N, N))
    if edge >= 1 or s2 <= 0 or phi < 0:
        return -1e10
    A = np.eye(N) - rho * W
    u = (np.einsum("tij,tj->ti", A, y) - X @ theta[:k]).ravel()
    V = s2 * covariance(T, N, M, lam, phi, error or "kkp", psi)
    log_det = np.linalg.slogdet(A)[1].sum() - np.linalg.slogdet(V)[1] / 2
    return -T * N / 2 * np.log(2 * np.pi) + log_det - u @ np.linalg.solve(V, u) / 2
