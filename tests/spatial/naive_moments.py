"""Dense twins of moments with endogenous regressors: (T N) x (T N) matrices, projections, numeric searches."""

import numpy as np
from scipy.optimize import minimize_scalar


def projector(T, N, effects):
    """Off the fixed effects, for stacked periods."""
    unit = np.eye(T) - 1 / T if effects in ("entity", "twoway") else np.eye(T)
    time = np.eye(N) - 1 / N if effects in ("time", "twoway") else np.eye(N)
    return np.kron(unit, time)


def tsls(y, Z, H):
    """Coefficients and T with error T'e."""
    Zh = H @ np.linalg.lstsq(H, Z, rcond=None)[0]
    T = Zh @ np.linalg.inv(Zh.T @ Zh)
    return T.T @ y, T


def search(u, big, forms, V, n, lo, hi):
    """lambda that makes the weighted square of the moments least."""

    def criterion(lam):
        e = u - lam * big @ u
        m = np.array([e @ A @ e for A in forms]) / n
        return m @ V @ m

    grid = np.linspace(lo, hi, 400)
    best = grid[np.argmin([criterion(x) for x in grid])]
    step = grid[1] - grid[0]
    return minimize_scalar(criterion, bounds=(best - step, best + step), method="bounded", options={"xatol": 1e-12}).x


def without_diagonal(J, A):
    """A - diag(x) such that J (A - diag(x)) J has a zero diagonal, J N x N."""
    x = np.linalg.solve(J**2, np.diag(J @ A @ J))
    return A - np.diag(x)


def error_by_moments(y, Z, exogenous, H, M, T, effects, errors, *, lo=-0.99, hi=0.99, root=None, lags=None):
    """(d, lambda, covariance) of y = Z d + u, u = lambda M u + e, by moments.

    Z (T N, p) of levels, ``exogenous`` (p,), H other instruments in levels; ``errors`` "kelejian", "drukker", "robust"
    or "cluster". ``root`` (N,) of weights of observations, which the columns and M have in them. With ``lags`` the
    covariance is that of sums by period with Bartlett's weights.
    """
    N = len(M)
    v = (np.ones(N) if root is None else root) / np.sqrt(N if root is None else root @ root)
    J = np.eye(N) - np.outer(v, v) if effects in ("time", "twoway") else np.eye(N)
    Q = np.kron(np.eye(T) - (1 / T if effects in ("entity", "twoway") else 0), J)
    big = Q @ np.kron(np.eye(T), M)
    n = round(np.trace(Q))
    y, Z, H = Q @ y, Q @ Z, Q @ H
    MM = M.T @ J @ M
    eye = np.eye(N)
    if errors == "kelejian":
        small = [eye, MM, M]
    elif errors == "drukker":
        share = np.trace(J @ MM) / np.trace(J)
        small = [(MM - share * eye) / (1 + share**2), M - np.trace(J @ M) / np.trace(J) * eye]
    else:
        small = [without_diagonal(J, MM), without_diagonal(J, M)]
    forms = [Q @ np.kron(np.eye(T), A) @ Q for A in small]
    shares = np.array([np.trace(A) for A in forms]) / n

    def filtered(lam):
        B = np.eye(T * N) - lam * big
        return B @ y, B @ Z, np.column_stack([(B @ Z)[:, exogenous], H])

    def spread(e, a):
        S = [A + A.T for A in forms]
        if errors in ("kelejian", "drukker"):
            s2 = e @ e / n
            third, excess = (np.mean(e**3), np.mean(e**4) - 3 * s2**2) if n == T * N else (0, 0)
            diagonals = np.column_stack([np.diag(A) for A in forms])
            phi = s2**2 / 2 * np.array([[np.trace(A @ B) for B in S] for A in S])
            phi = phi + s2 * a.T @ a + excess * diagonals.T @ diagonals
            return (phi + third * (a.T @ diagonals + diagonals.T @ a)) / n, s2 * np.eye(T * N) @ a + third * diagonals
        panel = e.reshape(T, N)
        if errors == "robust":
            G = np.diag(e**2)
            blocks = [[A[t * N : t * N + N, t * N : t * N + N] for t in range(T)] for A in (
                [np.kron(np.eye(T), A + A.T) for A in small])]  # fmt: skip
            variances = [np.outer(p**2, p**2) for p in panel]
            phi = np.array([[sum((J @ a_t @ J * (J @ b_t @ J) * v).sum() for a_t, b_t, v in zip(x, z, variances)) / 2
                             for z in blocks] for x in blocks])  # fmt: skip
            return (phi + a.T @ G @ a) / n, G @ a
        same = np.kron(np.ones((T, T)), np.eye(N))
        G = same * np.outer(e, e)
        pairs = (panel.T @ panel) ** 2
        phi = np.array([[(J @ (A + A.T) @ J * (J @ (B + B.T) @ J) * pairs).sum() / 2 for B in small] for A in small])
        return (phi + a.T @ G @ a) / n, G @ a

    def linear(T_, e, Zs):
        return T_ @ np.column_stack([-Zs.T @ (A + A.T) @ e for A in forms])

    first, T1 = tsls(y, Z, np.column_stack([Z[:, exogenous], H]))
    u = y - Z @ first
    if errors == "kelejian":
        V = np.eye(3) - np.outer(shares, shares) / (shares @ shares)
        lam = search(u, big, forms, V, n, lo, hi)
        ys, Zs, Hs = filtered(lam)
        d, T2 = tsls(ys, Zs, Hs)
        e = ys - Zs @ d
        a = np.linalg.inv(np.eye(T * N) - lam * big).T @ linear(T1, e, Zs)
        used = u
    else:
        lam = search(u, big, forms, np.eye(2), n, lo, hi)
        ys, Zs, Hs = filtered(lam)
        d, T2 = tsls(ys, Zs, Hs)
        used = y - Z @ d
        V = np.linalg.inv(spread(ys - Zs @ d, linear(T2, ys - Zs @ d, Zs))[0])
        lam = search(used, big, forms, V, n, lo, hi)
        ys, Zs, Hs = filtered(lam)
        T2 = tsls(ys, Zs, Hs)[1]
        e = used - lam * big @ used
        a = linear(T2, e, Zs)
        V = np.linalg.inv(spread(e, a)[0])
    phi, mixed = spread(e, a)
    j = np.array([-used @ big.T @ (A + A.T) @ (used - lam * big @ used) for A in forms]) / n
    L = -(V @ j) / (j @ V @ j)
    if lags is not None:
        rows = [(T2.T * e, sum(L[r] * (e * (forms[r] @ e) + a[:, r] * e) / n for r in range(len(forms))))]
        h = np.vstack([*rows[0]]).reshape(-1, T, N).sum(axis=2)
        near = np.clip(1 - np.abs(np.arange(T)[:, None] - np.arange(T)) / (lags + 1), 0, None)
        return d, lam, T / (T - 1) * h @ near @ h.T
    if errors in ("kelejian", "drukker"):
        middle = e @ e / n * np.eye(T * N)
    else:
        middle = np.diag(e**2) if errors == "robust" else np.kron(np.ones((T, T)), np.eye(N)) * np.outer(e, e)
    variance, cross = T2.T @ middle @ T2, (T2.T @ mixed @ L / n)[:, None]
    return d, lam, np.block([[variance, cross], [cross.T, np.full((1, 1), L @ phi @ L / n)]])


def dummies(there, effects):
    """Columns of the effects for the rows that ``there`` (T, N) has, period by period."""
    period, unit = np.nonzero(there)
    columns = [np.zeros((len(unit), 0))]
    if effects in ("entity", "twoway"):
        columns.append((unit[:, None] == np.arange(there.shape[1])).astype(float))
    if effects in ("time", "twoway"):
        columns.append((period[:, None] == np.arange(len(there))).astype(float))
    return np.concatenate(columns, axis=1)


def off(D):
    """The projection off the columns of D, of any rank."""
    return np.eye(len(D)) - D @ np.linalg.pinv(D, rcond=1e-10) if D.size else np.eye(len(D))


def error_by_period(y, Z, exogenous, H, blocks, D, centered, errors, *, lo=-0.9, hi=0.9, root=None):
    """(d, lambda, covariance) of B (y - Z d - D a) = e with M_t in ``blocks``, the effects leaving at every lambda.

    ``errors`` "kelejian" or "drukker"; H before M of it, columns off D. ``root`` (m,) of weights of observations, which
    the columns, D and M have in them.
    """
    m = len(y)
    M = np.zeros((m, m))
    square, start = np.zeros((m, m)), 0
    for block in blocks:
        at = slice(start, start + len(block))
        v = np.ones(len(block)) if root is None else root[at]
        J = np.eye(len(block)) - centered * np.outer(v, v) / (v @ v)
        M[at, at], square[at, at], start = block, block.T @ J @ block, start + len(block)
    Q0 = off(D)
    n = round(np.trace(Q0))
    y, Z = Q0 @ y, Q0 @ Z
    base = [np.eye(m), square, M]

    def projected(lam):
        B = np.eye(m) - lam * M
        Q = off(B @ D)
        return Q, B

    def gaps(u, lam):
        Q, B = projected(lam)
        e = Q @ B @ u
        moments, share = (np.array(x) / n for x in zip(*[(e @ A @ e, np.trace(Q @ A)) for A in base]))
        if errors == "kelejian":
            return moments - (moments @ share) / (share @ share) * share
        return combine(share) @ moments

    def combine(share):
        s = share[1] / share[0]
        return np.array([[-s / (1 + s**2), 1 / (1 + s**2), 0], [-share[2] / share[0], 0, 1]])

    def searched(u, V):
        grid = np.linspace(lo, hi, 61)
        best = grid[np.argmin([(g := gaps(u, x)) @ V @ g for x in grid])]
        step = grid[1] - grid[0]
        lam = minimize_scalar(lambda x: (g := gaps(u, x)) @ V @ g, bounds=(best - step, best + step), method="bounded",
                              options={"xatol": 1e-10}).x  # fmt: skip
        return lam, (gaps(u, lam + 1e-5) - gaps(u, lam - 1e-5)) / 2e-5

    def stage(lam):
        Q, B = projected(lam)
        ys, Zs = Q @ B @ y, Q @ B @ Z
        d, T = tsls(ys, Zs, np.column_stack([Zs[:, exogenous], Q @ H]))
        return d, T, ys - Zs @ d, Zs, Q

    def spread(lam, e, linear):
        Q, _ = projected(lam)
        S = [Q @ (A + A.T) @ Q for A in base]
        s2 = e @ e / n
        return (s2**2 / 2 * np.array([[np.trace(a @ b) for b in S] for a in S]) + s2 * linear.T @ linear) / n

    def linear_terms(T, Zs, e):
        return T @ np.column_stack([-Zs.T @ (A + A.T) @ e for A in base])

    first, T1 = tsls(y, Z, Q0 @ np.column_stack([Z[:, exogenous], H]))
    u = y - Z @ first
    lam, slope = searched(u, np.eye(2 + (errors == "kelejian")))
    d, T, e, Zs, Q = stage(lam)
    if errors == "kelejian":
        linear = np.linalg.inv(np.eye(m) - lam * M).T @ linear_terms(T1, Zs, e)
        share = np.array([np.trace(Q @ A) for A in base]) / n
        C, V = np.eye(3), np.eye(3) - np.outer(share, share) / (share @ share)
    else:
        share = np.array([np.trace(Q @ A) for A in base])
        V = np.linalg.inv(combine(share) @ spread(lam, e, linear_terms(T, Zs, e)) @ combine(share).T)
        u = y - Z @ d
        lam, slope = searched(u, V)
        _, T, _, Zs, Q = stage(lam)
        e = Q @ (np.eye(m) - lam * M) @ u
        linear = linear_terms(T, Zs, e)
        C = combine(np.array([np.trace(Q @ A) for A in base]))
        V = np.linalg.inv(C @ spread(lam, e, linear) @ C.T)
    L = -(V @ slope) / (slope @ V @ slope) @ C
    s2 = e @ e / n
    cross = (s2 * T.T @ linear @ L / n)[:, None]
    variance = np.full((1, 1), L @ spread(lam, e, linear) @ L / n)
    return d, lam, np.block([[s2 * T.T @ T, cross], [cross.T, variance]])
