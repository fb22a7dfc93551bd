"""Dense twins of models with regimes: the whole likelihood, the mean of its score, responses."""

import numpy as np


def loglik(theta, y, X, W, M, codes, parts):
    """Gaussian log-likelihood of (T, n) y and (T, n, k) X at theta = (beta, rho ..., lambda ..., ln sigma2 ...), each
    one value or one for each regime; ``parts`` are their numbers (k, J, L, S)."""
    T, n, _ = X.shape
    beta, rho, lam, s = split(theta, parts)
    rho, lam, s = (of_unit(values, codes) for values in (rho, lam, s))
    A, B = np.eye(n) - rho[:, None] * W, np.eye(n) - lam[:, None] * M
    value = -T * n / 2 * np.log(2 * np.pi) - T / 2 * s.sum()
    value += T * (np.linalg.slogdet(A)[1] + np.linalg.slogdet(B)[1])
    for t in range(T):
        e = B @ (A @ y[t] - X[t] @ beta)
        value -= np.sum(e**2 * np.exp(-s)) / 2
    return value


def split(theta, parts):
    return np.split(theta, np.cumsum(parts)[:-1])


def of_unit(values, codes):
    """One value of each unit; zeros of none."""
    if len(values) == 0:
        return np.zeros(len(codes))
    return values[codes] if len(values) > 1 else np.full(len(codes), values[0])


def gradient(f, theta, step=1e-5):
    moves = np.eye(len(theta)) * step
    return np.array([(f(theta + m) - f(theta - m)) / (2 * step) for m in moves])


def hessian(f, theta, step=3e-4):
    return np.array([(gradient(f, theta + m, step) - gradient(f, theta - m, step)) / (2 * step)
                     for m in np.eye(len(theta)) * step])  # fmt: skip


def mean_score(rho, lam, s, W, M, codes, J, T):
    """E of the score of rho_1 ... rho_J where T period effects are estimated by weighted least squares, beta is exact:
    traces of whole n T matrices."""
    n = len(codes)
    A, B = np.eye(n) - of_unit(rho, codes)[:, None] * W, np.eye(n) - of_unit(lam, codes)[:, None] * M
    S = np.diag(np.exp(of_unit(s, codes)))
    big = lambda matrix: np.kron(np.eye(T), matrix)  # noqa: E731
    D = big(B) @ np.kron(np.eye(T), np.ones((n, 1)))
    inverse = np.linalg.inv(big(S))
    P = inverse - inverse @ D @ np.linalg.solve(D.T @ inverse @ D, D.T @ inverse)
    out = []
    for r in range(J):
        W_r = (codes == r)[:, None] * W if J > 1 else W
        G = W_r @ np.linalg.inv(A)
        out.append(np.trace(P @ big(B @ G @ np.linalg.inv(B)) @ big(S)) - T * np.trace(G))
    return np.array(out)


def responses(beta, theta, rho, W, codes):
    """S: row i, column j is the response of i to x in j."""
    n = len(codes)
    A = np.eye(n) - of_unit(rho, codes)[:, None] * W
    return np.linalg.solve(A, np.diag(of_unit(beta, codes)) + of_unit(theta, codes)[:, None] * W)


def averages(S, members):
    """Direct, indirect and total effect of a change in ``members``, then of what these receive."""
    own, size = np.diag(S)[members].sum(), members.sum()
    sent, received = S[:, members].sum(), S[members].sum()
    return np.array([own, sent - own, sent, own, received - own, received]) / size
