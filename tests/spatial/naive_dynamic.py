"""Slow, dense twin of the dynamic panel: the papers' formulas with N x N matrices, no shortcut."""

import numpy as np
from scipy.linalg import helmert
from scipy.optimize import minimize_scalar


def demeaned(y, X, W, lags, effects, transform):
    """(y, Z, W y, W*), the arrays (T, N*) without their effects; ``y`` is (T + 1, N), ``X`` (T, N, k) with W X."""
    before, now = y[:-1], y[1:]
    centered = before - before.mean(1, keepdims=True) * (effects == "twoway")
    past = [before] * (lags != "Wy") + [centered @ W.T] * (lags != "y")
    Z = np.concatenate([np.stack(past, axis=2), X], axis=2)
    if effects == "twoway" and transform:
        F = helmert(len(W)).T
        now, Z, W = now @ F, np.einsum("tik,ij->tjk", Z, F), F.T @ W @ F
    elif effects == "twoway":
        now, Z = now - now.mean(1, keepdims=True), Z - Z.mean(1, keepdims=True)
    now, Z = now - now.mean(0), Z - Z.mean(0)
    return now, Z, now @ W.T, W


def maximum(now, Z, Wy, W):
    """(coefficients, rho, sigma2) of the likelihood with T log|S|."""
    T, N = now.shape
    Z, y, Wy = Z.reshape(T * N, -1), now.ravel(), Wy.ravel()
    lo, hi = (1 / np.linalg.eigvals(W).real.min(), 1 / np.linalg.eigvals(W).real.max())

    def fitted(rho):
        b = np.linalg.lstsq(Z, y - rho * Wy, rcond=None)[0]
        e = y - rho * Wy - Z @ b
        return b, e @ e / (T * N)

    def minus(rho):
        return T * N / 2 * np.log(fitted(rho)[1]) - T * np.linalg.slogdet(np.eye(N) - rho * W)[1]

    points = np.linspace(lo, min(hi, 1.5), 42)[1:-1]
    at = int(np.argmin([minus(p) for p in points]))
    bounds = (points[max(at - 1, 0)], points[min(at + 1, 39)])
    rho = minimize_scalar(minus, bounds=bounds, method="bounded", options={"xatol": 1e-12}).x
    return *(fitted(rho)[:1]), rho, fitted(rho)[1]


def information(now, Z, W, b, rho, s2):
    """N T Sigma of Yu, de Jong & Lee, ordered (coefficients, rho, sigma2)."""
    T, N = now.shape
    G = W @ np.linalg.inv(np.eye(N) - rho * W)
    k = Z.shape[2]
    GZb = (Z @ b) @ G.T
    flat = Z.reshape(T * N, k)
    S = np.zeros((k + 2, k + 2))
    S[:k, :k] = flat.T @ flat / s2
    S[:k, k] = S[k, :k] = flat.T @ GZb.ravel() / s2
    S[k, k] = np.sum(GZb**2) / s2 + T * np.trace(G @ G + G @ G.T)
    S[k, k + 1] = S[k + 1, k] = T * np.trace(G) / s2
    S[k + 1, k + 1] = N * T / (2 * s2**2)
    return S


def fourth_moment(now, W, rho, s2):
    """N T Omega's block of (rho, sigma2), for errors whose fourth moment is 4 s2^2, one more than the normal's."""
    T, N = now.shape
    diagonal = np.diag(W @ np.linalg.inv(np.eye(N) - rho * W))
    both = diagonal.sum() / (2 * s2)
    return T * np.array([[diagonal @ diagonal, both], [both, N / (4 * s2**2)]])


def bias_score(W, T, lags, k, b, rho, s2):
    """N phi, the score's bias times -1: Yu, de Jong & Lee (2008), eq. 15, in the order of ``information``.

    Sums of A^h are the infinite ones, or those of T periods when a root exceeds 1 - 1/N.
    """
    N = len(W)
    eye = np.eye(N)
    tau = b[0] if lags != "Wy" else 0.0
    eta = {"y": 0.0, "Wy": b[0], "both": b[1]}[lags]
    S_inverse = np.linalg.inv(eye - rho * W)
    A, G = S_inverse @ (tau * eye + eta * W), W @ S_inverse
    if np.abs(np.linalg.eigvals(A)).max() < 1 - 1 / N:
        sums = np.linalg.inv(eye - A)
    else:
        sums = sum((T - 1 - h) / T * np.linalg.matrix_power(A, h) for h in range(T - 1))
    K = sums @ S_inverse
    phi = np.zeros(k + 2)
    phi[: (lags == "both") + 1] = {"y": [np.trace(K)], "Wy": [np.trace(W @ K)],
                                   "both": [np.trace(K), np.trace(W @ K)]}[lags]  # fmt: skip
    phi[k] = np.trace(G @ (tau * eye + eta * W) @ K) + np.trace(G)
    phi[k + 1] = N / (2 * s2)
    return phi


def estimate(y, X, W, lags, effects, correction):
    """(coefficients, rho, sigma2) as one array, and the expected information there."""
    now, Z, Wy, Ws = demeaned(y, X, W, lags, effects, correction is True)
    b, rho, s2 = maximum(now, Z, Wy, Ws)
    at = np.array([*b, rho, s2])
    if correction:
        T, N = now.shape
        score = bias_score(Ws, T, lags, len(b), b, rho, s2)
        if effects == "twoway" and correction == "additive":
            G = W @ np.linalg.inv(np.eye(N) - rho * W)
            score[-2:] += T * G.sum() / N, T / (2 * s2)
        at = at + np.linalg.solve(information(now, Z, Ws, b, rho, s2), score)
    return at, information(now, Z, Ws, at[:-2], *at[-2:])
