"""Slow, dense twins of the likelihood of outcomes that are observed in part."""

import numpy as np
from scipy.optimize import minimize

from .naive import hessian


def contrasts(seen, entity, time, seed=0):
    """An orthonormal basis of what the dummies of units and periods leave of the observed rows: a random one."""
    T, N = seen.shape
    t, i = np.nonzero(seen)
    dummies = [np.equal.outer(i, np.arange(N))] * entity + [np.equal.outer(t, np.arange(T))] * time
    D = np.column_stack([np.zeros((len(t), 1)), *dummies]).astype(float)
    U, s, _ = np.linalg.svd(D)
    rest = U[:, (s > 1e-9).sum() :]
    turn, _ = np.linalg.qr(np.random.default_rng(seed).standard_normal((rest.shape[1], rest.shape[1])))
    return rest @ turn


def moments(theta, X, W, M, k, lag, error, w=None, offset=None):
    """Mean and covariance of all y, (T N,) and (T N, T N); X (T, N, k), W and M (T, N, N), weights w and an offset
    (T, N)."""
    rest = list(theta[k:])
    rho = rest.pop(0) if lag else 0.0
    lam = rest.pop(0) if error else 0.0
    T, N, _ = X.shape
    mean, V = np.zeros((T, N)), np.zeros((T * N, T * N))
    for t in range(T):
        A, B = np.eye(N) - rho * W[t], np.eye(N) - lam * M[t]
        if min(np.linalg.slogdet(A)[0], np.linalg.slogdet(B)[0]) <= 0:
            return None
        C = np.linalg.inv(B @ A)
        mean[t] = np.linalg.solve(A, X[t] @ theta[:k] + (0 if offset is None else offset[t]))
        C = C if w is None else C / np.sqrt(w[t])
        V[t * N : (t + 1) * N, t * N : (t + 1) * N] = np.exp(rest[0]) * C @ C.T
    return mean.ravel(), V


def loglik(theta, y, X, W, M, seen, *, lag, error, entity=False, time=False, w=None, offset=None):
    """ln of the normal density of the contrasts of what is observed, at theta = (beta, rho, lambda, ln sigma2)."""
    law = moments(theta, X, W, M, X.shape[2], lag, error, w, offset)
    if law is None:
        return -1e10
    F, o = contrasts(seen, entity, time), seen.ravel()
    r, V = F.T @ (y.ravel() - law[0])[o], F.T @ law[1][np.ix_(o, o)] @ F
    sign, logdet = np.linalg.slogdet(V)
    return -1e10 if sign <= 0 else -(len(r) * np.log(2 * np.pi) + logdet + r @ np.linalg.solve(V, r)) / 2


def maximum(start, *data, **options):
    """The maximum near a start by BFGS without derivatives of ours, ln L there and -(its Hessian)^-1."""
    best = minimize(lambda theta: -loglik(theta, *data, **options), start, method="BFGS", options={"gtol": 1e-6})
    V = np.linalg.inv(hessian(lambda theta: -loglik(theta, *data, **options), best.x, 3e-4))
    return best.x, -best.fun, V


def conditional(theta, y, X, W, M, seen, *, lag, error, entity=False, time=False):
    """What is missing, given what is observed: generalised least squares of the effects, then the conditional mean, and
    the variance of its error given (rho, lambda, sigma2), beta and the effects estimated."""
    k = X.shape[2]
    _, V = moments(theta, X, W, M, k, lag, error)
    T, N, _ = X.shape
    columns = [moments(np.concatenate([row, theta[k:]]), X, W, M, k, lag, error)[0] for row in np.eye(k)]
    dummies = [np.kron(np.ones((T, 1)), np.eye(N))] * entity + [np.kron(np.eye(T), np.ones((N, 1)))] * time
    H = np.column_stack([*columns, *dummies])
    o, m = seen.ravel(), ~seen.ravel()
    inverse = np.linalg.inv(V[np.ix_(o, o)])
    rest = np.linalg.pinv(H[o].T @ inverse @ H[o], rcond=1e-10)
    gamma = rest @ H[o].T @ inverse @ y.ravel()[o]
    K = V[np.ix_(m, o)] @ inverse
    mean = H[m] @ gamma + K @ (y.ravel()[o] - H[o] @ gamma)
    left = H[m] - K @ H[o]
    return mean, np.diag(V[np.ix_(m, m)] - K @ V[np.ix_(o, m)] + left @ rest @ left.T)


def em(y, X, W, seen, steps=2000):
    """rho, beta and sigma2 of y = rho W y + X beta + e by the EM algorithm (LeSage & Pace 2004): the moments of what is
    missing given the rest, then the maximum of the expected complete likelihood over a fine grid that shrinks."""
    n, k = X.shape
    theta = np.append(np.zeros(k + 1), 0.0)
    roots = np.linalg.eigvals(W)
    for _ in range(steps):
        rho, s2 = theta[k], np.exp(theta[-1])
        A = np.eye(n) - rho * W
        P, mean = A.T @ A / s2, np.linalg.solve(A, X @ theta[:k])
        V = np.linalg.inv(P[np.ix_(~seen, ~seen)])
        z, S = y.copy(), np.zeros((n, n))
        z[~seen] = mean[~seen] - V @ P[np.ix_(~seen, seen)] @ (y - mean)[seen]
        S[np.ix_(~seen, ~seen)] = V

        def q(r, z=z, S=S):
            A = np.eye(n) - r * W
            e = A @ z - X @ np.linalg.lstsq(X, A @ z, rcond=None)[0]
            return e @ e + np.trace(A @ S @ A.T)

        def negative(r):
            return n / 2 * np.log(q(r)) - np.log(np.abs(1 - r * roots)).sum()

        low, high = -0.95, 0.95
        golden = (np.sqrt(5) - 1) / 2
        while high - low > 1e-9:
            a, b = high - golden * (high - low), low + golden * (high - low)
            low, high = (low, b) if negative(a) < negative(b) else (a, high)
        rho = (low + high) / 2
        A = np.eye(n) - rho * W
        moved = np.append(np.append(np.linalg.lstsq(X, A @ z, rcond=None)[0], rho), np.log(q(rho) / n))
        if np.abs(moved - theta).max() < 1e-9:
            return moved
        theta = moved
    return theta


def pairs_sandwich(
    fit, y, X, W, M, seen, codes, power, *, lag, error, entity=False, time=False, w=None, offset=None
):
    """Variance of (beta, rho, lambda) by group and pair of groups: projections, forms and sums written out.

    e = Q (C y_o - B X beta) with Q the projection off the columns of C for what is missing and for the dummies.
    """
    from scipy.linalg import block_diag

    T, N, k = X.shape
    W, M, Z = block_diag(*W), block_diag(*M), X.reshape(T * N, k)
    at, n, s2 = fit._solution, fit._sample.n, fit._solution.sigma2
    I, rho, lam = np.eye(T * N), at.rho, at.lam
    A, B = I - rho * W, I - lam * M
    o, z = seen.ravel(), 0.0 if offset is None else offset.ravel()
    root = np.ones(T * N) if w is None else np.sqrt(w.ravel())
    B, M = root[:, None] * B, root[:, None] * M
    dummies = [np.kron(np.ones((T, 1)), np.eye(N))] * entity + [np.kron(np.eye(T), np.ones((N, 1)))] * time
    D = np.column_stack([np.zeros((T * N, 1)), *dummies])
    G = B @ A @ np.column_stack([I[:, ~o], D])
    a = np.linalg.lstsq(G, B @ (A @ np.where(o, y.ravel(), 0) - z - Z @ at.beta), rcond=1e-10)[0]
    Q = I - G @ np.linalg.pinv(G, rcond=1e-10)
    v = np.where(o, y.ravel(), 0) - D @ a[(~o).sum() :]
    v[~o] -= a[: (~o).sum()]
    e = B @ (A @ v - z - Z @ at.beta)
    forms = [B @ W @ np.linalg.inv(A) @ np.linalg.inv(B)] * lag + [M @ np.linalg.inv(B)] * error
    J = [B @ W @ v] * lag + [M @ (A @ v - z - Z @ at.beta)] * error
    linear = np.column_stack([Q @ B @ Z, *[Q @ (column - F @ e) for column, F in zip(J, forms)]])
    H = np.column_stack([Q @ B @ Z, G])
    R = I - H @ np.linalg.pinv(H, rcond=1e-10)
    adjusted = np.empty(T * N)
    for g in np.unique(codes):
        block = codes == g
        values, vectors = np.linalg.eigh(R[np.ix_(block, block)])
        scale = np.where(values > 1e-8, np.maximum(values, 1e-8) ** power, 0.0)
        adjusted[block] = (vectors * scale) @ vectors.T @ e[block]
    quadratic = [Q @ F @ Q for F in forms] + [Q]
    p, meat = k + len(forms), np.zeros((k + len(forms) + 1,) * 2)
    spread = np.array([*[e @ column / s2 for column in J], n])
    for g in np.unique(codes):
        i = codes == g
        s = np.append(linear[i].T @ adjusted[i], 0.0)
        for j, F in enumerate(quadratic):
            mean = F.diagonal() + (spread[j] - np.trace(F)) / (T * N)
            s[k + j] += adjusted[i] @ F[np.ix_(i, i)] @ adjusted[i] - s2 * mean[i].sum()
        meat += np.outer(s, s)
        for h in np.unique(codes)[np.unique(codes) > g]:
            j = codes == h
            c = np.zeros(p + 1)
            c[k:] = [adjusted[i] @ (F[np.ix_(i, j)] + F[np.ix_(j, i)].T) @ adjusted[j] for F in quadratic]
            meat += np.outer(c, c)
    meat /= s2**2
    # the score of rho less its regression on e'e - n s2, which concentrates sigma2 out
    turn = np.column_stack([np.eye(p), np.append(np.zeros(k), -np.array([e @ column for column in J]) / (n * s2))])
    return at.covariance @ turn @ meat @ turn.T @ at.covariance
