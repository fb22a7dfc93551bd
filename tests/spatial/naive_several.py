"""Dense twins of models with several W: the whole likelihood, its maximum without derivatives, effects by solving."""

import numpy as np
from scipy.optimize import minimize


def loglik(theta, y, X, lags, errors):
    """Gaussian log-likelihood at theta = (beta, rho_1 ..., lambda_1 ..., log sigma2); ``y`` is (T, n), ``X`` (T, n, k).

    -inf where the determinant changes sign on the way from zero to (rho_1 ...), or to (lambda_1 ...).
    """
    T, n, k = X.shape
    beta, rho, lam, s2 = np.split(theta, np.cumsum([k, len(lags), len(errors)]))
    value = -T * n / 2 * np.log(2 * np.pi) - T * n / 2 * s2[0]
    filters = []
    for weights, at in ((lags, rho), (errors, lam)):
        C = sum((r * W for r, W in zip(at, weights)), np.zeros((n, n)))
        if not admissible(C):
            return -np.inf
        value += T * np.linalg.slogdet(np.eye(n) - C)[1]
        filters.append(np.eye(n) - C)
    e = np.array([filters[1] @ (filters[0] @ y[t] - X[t] @ beta) for t in range(T)])
    return value - np.sum(e**2) / (2 * np.exp(s2[0]))


def admissible(C) -> bool:
    """Whether I - t C is regular for all t in [0, 1]: no real eigenvalue of C is 1 or more."""
    w = np.linalg.eigvals(C)
    return not (w.real[np.abs(w.imag) < 1e-9] >= 1).any()


def maximise(y, X, lags, errors):
    """From the best point of a coarse grid over (rho, lambda), Nelder-Mead and then BFGS on the whole likelihood."""
    p = len(lags) + len(errors)
    grid = np.linspace(-0.8, 0.8, 5)
    points = np.array(np.meshgrid(*[grid] * p)).reshape(p, -1).T
    starts = [concentrated(point, y, X, lags, errors) for point in points]
    _, theta = max(starts, key=lambda pair: pair[0])

    def f(theta):
        at = loglik(theta, y, X, lags, errors)
        return -at if np.isfinite(at) else 1e10

    rough = minimize(f, theta, method="Nelder-Mead", options={"maxiter": 40_000, "xatol": 1e-9, "fatol": 1e-11})
    return minimize(f, rough.x, method="BFGS", options={"gtol": 1e-7})


def concentrated(point, y, X, lags, errors):
    """(ln L, theta) with beta and sigma2 at their best given (rho, lambda)."""
    T, n, k = X.shape
    A = np.eye(n) - sum((r * W for r, W in zip(point, lags)), np.zeros((n, n)))
    B = np.eye(n) - sum((r * W for r, W in zip(point[len(lags) :], errors)), np.zeros((n, n)))
    BAy, BX = (y @ A.T @ B.T).ravel(), np.einsum("ij,tjk->tik", B, X).reshape(T * n, k)
    beta = np.linalg.lstsq(BX, BAy, rcond=None)[0]
    s2 = np.mean((BAy - BX @ beta) ** 2)
    theta = np.concatenate([beta, point, [np.log(s2)]])
    return loglik(theta, y, X, lags, errors), theta


def responses(beta, thetas, rhos, matrices):
    """S, column by column: what y becomes when x of one unit rises by one, from y = sum rho W y + x beta + W x theta,
    iterated until nothing changes any more."""
    n = len(matrices[0])
    start = beta * np.eye(n) + sum(theta * W for theta, W in zip(thetas, matrices))
    C = sum(rho * W for rho, W in zip(rhos, matrices))
    S = start.copy()
    for _ in range(20_000):
        new = start + C @ S
        if np.abs(new - S).max() < 1e-14:
            break
        S = new
    return S


def effects(beta, thetas, rhos, matrices):
    """(3 + 3 M,): direct, indirect, total, then those of each channel W_m (theta_m x + rho_m y)."""
    n = len(matrices[0])
    S = responses(beta, thetas, rhos, matrices)
    parts = [S] + [W @ (theta * np.eye(n) + rho * S) for theta, rho, W in zip(thetas, rhos, matrices)]
    out = []
    for P in parts:
        direct, total = P.trace() / n, P.sum() / n
        out += [direct, total - direct, total]
    return np.array(out)


def sandwich(y, X, lags, errors, theta, sds, codes, power, hessian):
    """Sandwich of (beta, rho ..., lambda ..., ln sigma2 ...) of a cross-section: the inverse of a Hessian, and the
    score's variance summed over groups and over pairs of groups, its quadratic forms dense.

    ``theta`` (beta, rho, lambda), ``sds`` the errors' standard deviations (n,), ``codes`` the groups (n,), ``power`` of
    the blocks of the residual maker. Scores of variances are added last: one for every value of ``sds``.
    """
    n, k = X.shape
    beta, rho, lam = np.split(theta, np.cumsum([k, len(lags)]))
    A = np.eye(n) - sum((r * W for r, W in zip(rho, lags)), np.zeros((n, n)))
    B = np.eye(n) - sum((r * W for r, W in zip(lam, errors)), np.zeros((n, n)))
    inverse_A, inverse_B, u = np.linalg.inv(A), np.linalg.inv(B), A @ y - X @ beta
    z, BX = B @ u / sds, B @ X / sds[:, None]
    forms = [B @ W @ inverse_A @ inverse_B for W in lags] + [M @ inverse_B for M in errors]
    forms = [Q * sds / sds[:, None] for Q in forms]
    fixed = [B @ W @ y / sds for W in lags] + [M @ u / sds for M in errors]
    fixed = [column - Q @ z for column, Q in zip(fixed, forms)]
    H, adjusted = BX @ np.linalg.pinv(BX), np.empty(n)
    for g in np.unique(codes):
        at = np.flatnonzero(codes == g)
        w, v = np.linalg.eigh((np.eye(n) - H)[np.ix_(at, at)])
        adjusted[at] = v @ (np.where(w > 1e-8, np.maximum(w, 1e-8) ** power, 0) * (v.T @ z[at]))
    variances = np.unique(sds)
    size, meat = k + len(forms) + len(variances), 0
    for g in np.unique(codes):
        at, score = np.flatnonzero(codes == g), np.zeros(size)
        score[:k] = BX[at].T @ adjusted[at]
        for j, (column, Q) in enumerate(zip(fixed, forms)):
            own = Q[np.ix_(at, at)]
            score[k + j] = column[at] @ adjusted[at] + adjusted[at] @ own @ adjusted[at] - np.trace(own)
        for s, sd in enumerate(variances):
            score[k + len(forms) + s] = np.sum((adjusted[at] ** 2 - 1)[sds[at] == sd]) / 2
        meat = meat + np.outer(score, score)
        for h in np.unique(codes[codes > g]):
            other, cross = np.flatnonzero(codes == h), np.zeros(size)
            for j, Q in enumerate(forms):
                cross[k + j] = adjusted[at] @ (Q[np.ix_(at, other)] + Q[np.ix_(other, at)].T) @ adjusted[other]
            meat = meat + np.outer(cross, cross)
    bread = np.linalg.inv(-hessian)
    return bread @ meat @ bread
