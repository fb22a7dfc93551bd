"""Dense twin of likelihoods with several rho, lambda or sigma2 under W that vary: one system over all rows."""

import numpy as np


def stacked(blocks):
    """Matrices of every period as one, block diagonal."""
    sizes = [len(block) for block in blocks]
    out, start = np.zeros((sum(sizes),) * 2), 0
    for block, size in zip(blocks, sizes):
        out[start : start + size, start : start + size], start = block, start + size
    return out


def dummies(unit, period, effects):
    """Of full rank, or of no column."""
    D = np.zeros((len(unit), 0))
    for labels in [unit] * (effects in ("entity", "twoway")) + [period] * (effects in ("time", "twoway")):
        D = np.column_stack([D, np.equal.outer(np.asarray(labels), np.unique(labels)).astype(float)])
    R = np.linalg.qr(D, mode="r")
    return D[:, np.abs(np.diag(R)) > 1e-9]


def filters(rho, lam, lags, errors):
    n = len((lags or errors)[0])
    return tuple(np.eye(n) - sum((r * W for r, W in zip(values, own)), np.zeros((n, n)))
                 for values, own in ((rho, lags), (lam, errors)))  # fmt: skip


def restricted(rho, lam, s, y, X, D, lags, errors, groups):
    """ln L of what the effects leave, beta at its best: without |A|."""
    B = filters(rho, lam, lags, errors)[1]
    lagged = [W @ y for W in lags]
    inverse = B.T @ np.diag(np.exp(-s)[groups]) @ B
    z = y - sum((r * Wy for r, Wy in zip(rho, lagged)), np.zeros(len(y)))
    Z = np.column_stack([X, D])
    e = z - Z @ np.linalg.solve(Z.T @ inverse @ Z, Z.T @ inverse @ z)
    value = np.linalg.slogdet(B)[1] - s[groups].sum() / 2 - e @ inverse @ e / 2
    return value - (np.linalg.slogdet(D.T @ inverse @ D)[1] - np.linalg.slogdet(D.T @ D)[1]) / 2


def scores(rho, lam, s, y, X, D, lags, errors, groups):
    """Of rho_j less its mean, analytic; of lambda and ln sigma2 by differences; and beta by least squares."""
    A, B = filters(rho, lam, lags, errors)
    lagged = [W @ y for W in lags]
    inverse = B.T @ np.diag(np.exp(-s)[groups]) @ B
    z = y - sum((r * Wy for r, Wy in zip(rho, lagged)), np.zeros(len(y)))
    Z = np.column_stack([X, D])
    beta = np.linalg.solve(Z.T @ inverse @ Z, Z.T @ inverse @ z)
    e, out = inverse @ (z - Z @ beta), []
    P = D @ np.linalg.solve(D.T @ inverse @ D, D.T @ inverse)
    for W, Wy in zip(lags, lagged):
        G = W @ np.linalg.inv(A)
        out.append(e @ Wy - np.trace(G) + np.trace(P @ G))
    rest = np.concatenate([lam, s])
    for step in 1e-5 * np.eye(len(rest)):
        ends = [restricted(rho, *np.split(rest + sign * step, [len(lam)]), y, X, D, lags, errors, groups)
                for sign in (1, -1)]  # fmt: skip
        out.append((ends[0] - ends[1]) / 2e-5)
    return np.array(out), beta[: X.shape[1]]
