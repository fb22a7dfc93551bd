"""Dense twins of models with several W and regimes: the whole likelihood, responses, effects by regime and channel."""

import numpy as np


def filters(rho, matrices, codes):
    """I - sum_m diag(rho_m,r(i)) W_m; rho (M, 1) is the same everywhere, (M, G) by regime."""
    n = len(codes)
    return np.eye(n) - sum((of_unit(own, codes)[:, None] * W for own, W in zip(rho, matrices)), np.zeros((n, n)))


def of_unit(values, codes):
    """One value of each unit."""
    return values[codes] if len(values) > 1 else np.full(len(codes), values[0])


def loglik(theta, y, X, lags, errors, codes, parts):
    """Gaussian log-likelihood of (T, n) y and (T, n, k) X at (beta, rho_1 by regime, rho_2 ..., lambda ..., ln sigma2
    ...); ``parts`` are k and how many rho, lambda and sigma2 one W has: 1, or one for every regime."""
    T, n, _ = X.shape
    k, each_rho, each_lam, _ = parts
    beta, rho, lam, s = np.split(theta, np.cumsum([k, each_rho * len(lags), each_lam * len(errors)]))
    A, B = (filters(each.reshape(len(own), size), own, codes)
            for each, own, size in ((rho, lags, each_rho), (lam, errors, each_lam)))  # fmt: skip
    s = of_unit(s, codes)
    value = -T * n / 2 * np.log(2 * np.pi) - T / 2 * s.sum()
    value += T * (np.linalg.slogdet(A)[1] + np.linalg.slogdet(B)[1])
    e = (y @ A.T - X @ beta) @ B.T
    return value - np.sum(e**2 * np.exp(-s)) / 2


def responses(beta, thetas, rho, paths, lags, codes):
    """S: row i, column j is the response of i to x in j; ``thetas`` one row for each of ``paths``."""
    own = np.diag(of_unit(beta, codes)) + sum(of_unit(theta, codes)[:, None] * P for theta, P in zip(thetas, paths))
    return np.linalg.solve(filters(rho, lags, codes), own)


def channels(S, thetas, rho, matrices, codes):
    """C_m = W_m (theta_m + rho_m S), theta_m and rho_m by the regime that receives."""
    return [of_unit(theta, codes)[:, None] * W + of_unit(own, codes)[:, None] * (W @ S)
            for theta, own, W in zip(thetas, rho, matrices)]  # fmt: skip


def means(S, members):
    """Direct, indirect and total effect of a change in ``members``, on average over these."""
    own, size = np.diag(S)[members].sum(), members.sum()
    sent = S[:, members].sum()
    return np.array([own, sent - own, sent]) / size
