"""The dense twin of several lambdas by moments: (T N) x (T N) matrices and scipy's search."""

import numpy as np
from scipy.optimize import minimize

from .naive_moments import tsls, without_diagonal


def error_by_several_moments(y, Z, exogenous, H, Ms, T, effects, errors, *, start, root=None):
    """(d, lambdas, covariance) of y = Z d + u, u = sum_l lambda_l M_l u + e; the rest as ``error_by_moments``."""
    N, count = len(Ms[0]), len(Ms)
    v = np.ones(N) if root is None else root
    J = np.eye(N) - (np.outer(v, v) / (v @ v) if effects in ("time", "twoway") else 0)
    Q = np.kron(np.eye(T) - (1 / T if effects in ("entity", "twoway") else 0), J)
    big = [Q @ np.kron(np.eye(T), M) for M in Ms]
    n, eye = round(np.trace(Q)), np.eye(N)
    y, Z, H = Q @ y, Q @ Z, Q @ H
    small = [eye] if errors == "kelejian" else []
    for M in Ms:
        MM = M.T @ J @ M
        small += [MM, M] if errors == "kelejian" else [without_diagonal(J, MM), without_diagonal(J, M)]
    forms = [Q @ np.kron(np.eye(T), A) @ Q for A in small]

    def B(lams):
        return np.eye(T * N) - sum(lam * M for lam, M in zip(lams, big))

    def moments(u, lams):
        e = u - sum(lam * M @ u for lam, M in zip(lams, big))
        return np.array([e @ A @ e for A in forms]) / n

    def searched(u, V, at):
        lags = np.column_stack([M @ u for M in big])

        def square(lams):
            e = u - lags @ lams
            m = np.array([e @ A @ e for A in forms]) / n
            return 1e3 * m @ V @ m

        return minimize(square, at, method="Nelder-Mead", options={"xatol": 1e-9, "fatol": 1e-18}).x

    def filtered(lams):
        own = B(lams)
        return own @ y, own @ Z, np.column_stack([(own @ Z)[:, exogenous], H])

    def linear(T_, e, Zs):
        return T_ @ np.column_stack([-Zs.T @ (A + A.T) @ e for A in forms])

    def spread(e, a):
        S = [A + A.T for A in forms]
        if errors == "kelejian":
            s2, whole = e @ e / n, n == T * N
            third, excess = (np.mean(e**3), np.mean(e**4) - 3 * s2**2) if whole else (0, 0)
            diagonals = np.column_stack([np.diag(A) for A in forms])
            phi = s2**2 / 2 * np.array([[np.trace(p @ q) for q in S] for p in S]) + s2 * a.T @ a
            phi = phi + excess * diagonals.T @ diagonals + third * (a.T @ diagonals + diagonals.T @ a)
            return phi / n, s2 * a + third * diagonals
        kernel = np.kron(np.ones((T, T)) if errors == "cluster" else np.eye(T), np.eye(N))
        panel, G = e.reshape(T, N), kernel * np.outer(e, e)
        pairs = (panel.T @ panel) ** 2 if errors == "cluster" else (panel**2).T @ panel**2
        own = [J @ (A + A.T) @ J for A in small]
        phi = np.array([[(p * q * pairs).sum() / 2 for q in own] for p in own])
        return (phi + a.T @ G @ a) / n, G @ a

    first, T1 = tsls(y, Z, np.column_stack([Z[:, exogenous], H]))
    u = y - Z @ first
    if errors == "kelejian":
        shares = np.array([np.trace(A) for A in forms]) / n
        V = np.eye(len(forms)) - np.outer(shares, shares) / (shares @ shares)
        lams = searched(u, V, start)
        ys, Zs, Hs = filtered(lams)
        d, T2 = tsls(ys, Zs, Hs)
        e = ys - Zs @ d
        a = np.linalg.inv(B(lams)).T @ linear(T1, e, Zs)
    else:
        lams = searched(u, np.eye(2 * count), start)
        ys, Zs, Hs = filtered(lams)
        d, T2 = tsls(ys, Zs, Hs)
        u = y - Z @ d
        V = np.linalg.inv(spread(ys - Zs @ d, linear(T2, ys - Zs @ d, Zs))[0])
        lams = searched(u, V, lams)
        ys, Zs, Hs = filtered(lams)
        T2 = tsls(ys, Zs, Hs)[1]
        e = u - sum(lam * M @ u for lam, M in zip(lams, big))
        a = linear(T2, e, Zs)
        V = np.linalg.inv(spread(e, a)[0])
    phi, mixed = spread(e, a)
    steps = 1e-6 * np.eye(count)
    slopes = np.column_stack([(moments(u, lams + s) - moments(u, lams - s)) / 2e-6 for s in steps])
    L = -np.linalg.solve(slopes.T @ V @ slopes, slopes.T @ V)
    if errors == "kelejian":
        middle = e @ e / n * np.eye(T * N)
    else:
        middle = np.kron(np.ones((T, T)) if errors == "cluster" else np.eye(T), np.eye(N)) * np.outer(e, e)
    cross = T2.T @ mixed @ L.T / n
    return d, lams, np.block([[T2.T @ middle @ T2, cross], [cross.T, L @ phi @ L.T / n]])
