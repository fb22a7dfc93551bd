"""Dense twins of models with several rho, lambda or sigma2 whose errors have parts: the covariance of all rows at once.

    u = B^-1 (1 mu' + nu),  Var nu = V(psi) x S,  Var mu = phi S,  V_ts = psi^|t-s| / (1 - psi^2),  S = diag(sigma2_r)
"""

import numpy as np
from scipy.linalg import block_diag, helmert


class Twin:
    """ln L of (beta, rho ..., lambda ..., ln sigma2 ...[, phi][, psi]) and where the fit stopped.

    ``lags`` and ``errors`` hold (T, N, N) arrays, ``there`` (T, N) says which rows are observed, ``groups`` (N,) whose
    sigma2 a unit has, ``roots`` (T, N) those of weights of observations, by which e is divided. Random effects are
    inside the spatial error, or ``beside`` it. Fixed effects of units leave by contrasts over time, of periods by
    contrasts over units.
    """

    def __init__(self, fit, X, lags, errors, groups, beside=False):
        d, effects = fit._design, fit._settings.effects
        self.random, self.serial = fit._settings.random, fit._settings.serial
        self.there = np.ones(d.y.shape, bool) if d.observed is None else d.observed
        self.y, self.X, self.groups = np.nan_to_num(d.y), np.nan_to_num(X), groups
        self.lags, self.errors, self.beside = lags, errors, beside
        self.roots = np.ones(d.y.shape) if d.obs_weights is None else d.obs_weights.root
        T, N = d.y.shape
        self.time = helmert(T) if effects.entity else np.eye(T)
        self.units = helmert(N) if effects.time else np.eye(N)
        self.parts = [X.shape[2], len(lags), len(errors), int(groups.max()) + 1]
        sigma2s = getattr(fit._solution, "sigma2s", None)
        at = [*fit.params, *np.log([fit.sigma2] if sigma2s is None else sigma2s)]
        at += [] if self.random is None else [self.random.phi]
        self.at = np.array(at + ([] if self.serial is None else [self.serial.psi]))

    def split(self, theta):
        beta, rho, lam, s, rest = np.split(theta, np.cumsum(self.parts))
        rest = list(rest)
        phi = rest.pop(0) if self.random is not None else 0.0
        return beta, rho, lam, s, phi, rest.pop(0) if rest else 0.0

    def rows(self, theta):
        """A y - X beta, its covariance and ln|A|, of all rows that are observed."""
        beta, rho, lam, s, phi, psi = self.split(theta)
        (T, N), keep = self.there.shape, self.there.ravel()
        C, D = (sum((r * block_diag(*w) for r, w in zip(by, of)), np.zeros((T * N, T * N)))[np.ix_(keep, keep)]
                for by, of in ((rho, self.lags), (lam, self.errors)))  # fmt: skip
        A, B = np.eye(len(C)) - C, np.eye(len(D)) - D
        V = psi ** np.abs(np.subtract.outer(np.arange(T), np.arange(T))) / (1 - psi**2) if psi else np.eye(T)
        S = np.diag(np.exp(s)[self.groups] if len(s) > 1 else np.full(N, np.exp(s[0])))
        roots = self.roots.ravel()
        of_e, of_mu = (part[np.ix_(keep, keep)] for part in (np.kron(V, S) / np.outer(roots, roots),
                                                             np.kron(np.full((T, T), phi), S)))  # fmt: skip
        inverse = np.linalg.inv(B)
        r = A @ self.y.ravel()[keep] - self.X.reshape(T * N, -1)[keep] @ beta
        if self.beside:
            return r, inverse @ of_e @ inverse.T + of_mu, A
        return r, inverse @ (of_e + of_mu) @ inverse.T, A

    def loglik(self, theta):
        *_, phi, psi = self.split(theta)
        if abs(psi) >= 1 or phi < 0:
            return -1e10
        r, Omega, A = self.rows(theta)
        F = np.kron(self.time, self.units) if self.there.all() else np.eye(len(r))
        r, Omega = F @ r, F @ Omega @ F.T
        sign, own = np.linalg.slogdet(F @ A @ F.T)
        if sign <= 0:
            return -1e10
        return own - (len(r) * np.log(2 * np.pi) + np.linalg.slogdet(Omega)[1] + r @ np.linalg.solve(Omega, r)) / 2


def of_several(fit):
    """The twin of a model with several W, which rows of each W sum to one."""
    d = fit._design
    T, N = d.y.shape
    each = [np.array([w.csr.toarray() for w in one.each(T)]) for one in d.weights.matrices]
    keep = [j for j, name in enumerate(d.names) if not (fit._settings.effects.constant and name == "Intercept")]
    X = [d.X[:, :, keep]] + [np.einsum("tij,tj->ti", each[m], np.nan_to_num(d.X[:, :, j]))[:, :, None]
                             for j, m in d.weights.pairs]  # fmt: skip
    X = with_means(fit, np.concatenate(X, axis=2))
    return Twin(fit, X, [each[m] for m in d.weights.lag], [each[m] for m in d.weights.error], np.zeros(N, int))


def of_regimes(fit):
    """The twin of a model whose rho, lambda or sigma2 differ between regimes, of one W or several."""
    d, r, codes = fit._design, fit.split.regimes, fit.split.codes
    T = d.n_periods
    matrices = [w.csr.toarray() for w in getattr(d.weights, "matrices", (d.weights,))]
    W = [matrices[m] for m in fit.lag_matrices]
    one = [d.weights_of_error.csr.toarray()] * fit.specification.error if len(matrices) == 1 else None
    M = [matrices[m] for m in fit.error_matrices] if one is None else one
    cut = [np.diag((codes == g).astype(float)) for g in range(codes.max() + 1)]
    lags = [D @ w for w in W for D in cut] if r.rho else W
    errors = [D @ w for w in M for D in cut] if r.lam else M
    keep = [j for j, name in enumerate(d.names) if not (fit._settings.effects.constant and name == "Intercept")]
    lags, errors = ([np.array([w] * T) for w in of] for of in (lags, errors))
    return Twin(fit, with_means(fit, d.X[:, :, keep]), lags, errors, codes if r.sigma2 else np.zeros_like(codes))


def of_one_w(fit):
    """The twin of a model with one W."""
    d, spec, T = fit._design, fit.specification, fit._design.n_periods
    each = np.array([w.csr.toarray() for w in d.weights.each(T)])
    lagged = np.einsum("tij,tjk->tik", each, np.nan_to_num(d.X[:, :, list(d.durbin)]))
    keep = [j for j, name in enumerate(d.names) if not (fit._settings.effects.constant and name == "Intercept")]
    X = with_means(fit, np.concatenate([d.X[:, :, keep], lagged], axis=2))
    beside = fit._settings.random is not None and fit._settings.random.error == "baltagi"
    return Twin(fit, X, [each] * spec.lag, [each] * spec.error, np.zeros(d.n_units, int), beside)


def with_means(fit, X):
    """Unit means as further columns, as many as the fit has."""
    if fit._settings.effects.random != "correlated":
        return X
    w = fit._design.obs_weights
    share = np.ones(X.shape[:2]) if w is None else w.values
    share = np.where(np.isnan(fit._design.y), 0.0, share)[..., None]
    means = np.broadcast_to(np.sum(share * X, axis=0) / share.sum(axis=0), X.shape)
    both = np.concatenate([X, means[:, :, means.std(axis=(0, 1)) > 1e-12]], axis=2)
    assert both.shape[2] == len(fit._sample.names)
    return both
