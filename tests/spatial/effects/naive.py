"""The distribution of effects the slow way: dense inverses, scipy's quadrature and root finding, plain draws."""

from itertools import pairwise

import numpy as np
from scipy import integrate, optimize, stats


def coefficients(W, rho):
    """(3, 2): what beta and theta bring the direct, indirect and total effect."""
    A_inverse = np.linalg.inv(np.eye(len(W)) - rho * W)
    a, b = (np.array([M.trace(), M.sum()]) / len(W) for M in (A_inverse, A_inverse @ W))
    return np.array([[a[0], b[0]], [a[1] - a[0], b[1] - b[0]], [a[1], b[1]]])


def ends(W):
    w = np.linalg.eigvals(W)
    w = w[abs(w.imag) < 1e-9].real
    return 1 / w.min(), 1 / w.max()


def conditional(fit, variable):
    """theta^ of (beta, theta), their regression on rho and what is left of their covariance."""
    names = [variable, *([f"W:{variable}"] if f"W:{variable}" in fit.params else [])]
    V = fit.vcov.loc[[*names, "rho"], [*names, "rho"]].to_numpy()
    g = V[:-1, -1] / V[-1, -1]
    return fit.params[names].to_numpy(), g, V[:-1, :-1] - np.outer(g, V[-1, :-1])


def distribution(fit, W, variable, kind):
    """F of one effect, normal parameters: an integral over rho inside its interval."""
    theta, g, C = conditional(fit, variable)
    se, (low, high) = fit.std_errors["rho"], ends(W)
    a, b = max(low, fit.rho - 9 * se), min(high, fit.rho + 9 * se)
    mass = stats.norm.cdf((high - fit.rho) / se) - stats.norm.cdf((low - fit.rho) / se)

    def F(t):
        def at(rho):
            c = coefficients(W, rho)[kind][: len(theta)]
            s = np.sqrt(c @ C @ c)
            z = (t - c @ (theta + g * (rho - fit.rho))) / s if s > 0 else 0.0
            return stats.norm.cdf(z) * stats.norm.pdf(rho, fit.rho, se)

        cuts = sorted({a, *[x for x in (0.0, fit.rho - 2 * se, fit.rho, fit.rho + 2 * se) if a < x < b], b})
        parts = [integrate.quad(at, x, y, epsabs=1e-11, limit=200)[0] for x, y in pairwise(cuts)]
        return sum(parts) / mass

    return F


def quantile(F, p, low, high):
    return optimize.brentq(lambda t: F(t) - p, low, high, xtol=1e-9)


def draws(fit, W, variable, n, seed=0, df=None):
    """(kept, 3) effects at draws of the parameters, normal or t."""
    rng = np.random.default_rng(seed)
    names = [variable, *([f"W:{variable}"] if f"W:{variable}" in fit.params else []), "rho"]
    z = rng.multivariate_normal(np.zeros(len(names)), fit.vcov.loc[names, names].to_numpy(), n)
    if df is not None:
        z /= np.sqrt(rng.chisquare(df, n) / df)[:, None]
    sample = fit.params[names].to_numpy() + z
    low, high = ends(W)
    sample = sample[(sample[:, -1] > low) & (sample[:, -1] < high)]
    w = np.linalg.eigvals(W)
    share = 1 / len(W)
    V, ones = np.linalg.eig(W)[1], np.ones(len(W))
    weight = (V.sum(axis=0) * np.linalg.solve(V, ones)) / len(W)
    out = []
    for part in np.array_split(sample, max(1, len(sample) * len(W) // 2_000_000)):
        f = (part[:, :1] + (part[:, 1:2] * w if len(names) == 3 else 0)) / (1 - part[:, -1:] * w)
        direct, total = (f * share).sum(axis=1).real, (f * weight).sum(axis=1).real
        out.append(np.column_stack([direct, total - direct, total]))
    return np.concatenate(out)


def likelihood_ratio(y, X, W, c_of):
    """LR of an effect c(rho)'beta by the adjusted profile likelihood, a function of t: a grid, explicit matrices."""
    n, k = X.shape
    low, high = ends(W)
    P = X @ np.linalg.solve(X.T @ X, X.T)
    M, XX = np.eye(n) - P, np.linalg.inv(X.T @ X)
    rho = low + (high - low) * (np.sin(np.linspace(-np.pi / 2, np.pi / 2, 8_003)[1:-1]) + 1) / 2
    rho = np.sort([*rho, 0.0])  # where the indirect effect of SAR vanishes, with its variance
    w, V = np.linalg.eig(W)
    h = ((np.linalg.inv(V) @ P) * V.T).sum(axis=1)  # tr(P f(W)) = sum h f(w)
    D = (np.log(1 - rho[:, None] * w) * h).sum(axis=1).real
    ln_A = np.log(np.abs(1 - rho[:, None] * w)).sum(axis=1)
    Ay = y[:, None] - (W @ y)[:, None] * rho
    S = (Ay * (M @ Ay)).sum(axis=0)
    c = np.array([c_of(r) for r in rho])
    m = (c * (XX @ X.T @ Ay).T).sum(axis=1)
    q = (c @ XX * c).sum(axis=1)
    own = ln_A - D - (n - k) / 2 * np.log(S)

    def ratio(t):
        away = np.divide((t - m) ** 2, q * S, out=np.where(t == m, 0.0, np.inf), where=q > 0)
        return 2 * (own.max() - (own - (n - k) / 2 * np.log1p(away)).max())

    return ratio
