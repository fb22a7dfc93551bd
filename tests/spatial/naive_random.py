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


def loglik_of_rows(theta, y, X, W, M, observed, *, lag, error, w=None):
    """The same over the rows that are observed, W and M (T, N, N) without links of others; kappa = ln(1 + T phi), T the
    mean number of periods of a unit. With weights w (m,) Var(e) = sigma2 / w, and T is the mean of a unit's sum of
    weights."""
    _, N, k = X.shape
    rest = list(theta[k:])
    rho = rest.pop(0) if lag else 0.0
    lam = rest.pop(0) if error else 0.0
    units = np.nonzero(observed)[1]
    m = len(units)
    w = np.ones(m) if w is None else w
    s2, phi = rest[0], np.expm1(rest[1]) / (w.sum() / N)
    W, M = (_block_diagonal(w, observed) for w in (W, M))
    A, B = np.eye(m) - rho * W, np.eye(m) - lam * M
    u = A @ y[observed] - X[observed] @ theta[:k]
    inverse = np.linalg.inv(B)
    mu = phi * np.equal.outer(units, units)
    V = s2 * (inverse @ np.diag(1 / w) @ inverse.T + (mu if error == "baltagi" else inverse @ mu @ inverse.T))
    sign, log_A = np.linalg.slogdet(A)
    if s2 <= 0 or phi < 0 or sign < 0 or np.linalg.slogdet(B)[0] < 0:
        return -1e10
    return -m / 2 * np.log(2 * np.pi) + log_A - np.linalg.slogdet(V)[1] / 2 - u @ np.linalg.solve(V, u) / 2


def _block_diagonal(matrices, observed):
    from scipy.linalg import block_diag

    return block_diag(*[Q[np.ix_(row, row)] for Q, row in zip(matrices, observed)])
