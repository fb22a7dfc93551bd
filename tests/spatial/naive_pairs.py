"""Pair scores written as the sums that they are: one loop over groups, one over pairs of groups."""

import numpy as np

from spatial.covariance.information import with_dummies


def matrix_power(M, power):
    """M^power of a symmetric matrix, what M takes to zero left out."""
    values, vectors = np.linalg.eigh((M + M.T) / 2)
    kept = np.where(values > 1e-8, np.maximum(values, 1e-8) ** power, 0.0)
    return (vectors * kept) @ vectors.T


def rows_of(fit, unit_matrices):
    """Unit matrices of every period as one (m, m) matrix over the observed rows."""
    from scipy.linalg import block_diag

    d = fit._design
    T, N = d.y.shape
    there = np.ones((T, N), dtype=bool) if d.observed is None else d.observed
    return block_diag(*[Q[np.ix_(there[t], there[t])] for t, Q in enumerate(unit_matrices)])


def units_and_periods(fit):
    T, N = fit._design.y.shape
    units, periods = np.tile(np.arange(N), T), np.repeat(np.arange(T), N)
    if fit._design.observed is None:
        return units, periods
    there = fit._design.observed.ravel()
    return units[there], periods[there]


def forms(fit):
    """B W A^-1 B^-1 and M B^-1, (m, m), period means out of both sides where they are out of the errors."""
    d, T, N = fit._design, fit._design.n_periods, fit._design.n_units
    out, eye = [], np.eye(N)
    centered = fit._settings.correction is True and fit._settings.effects.name in ("time", "twoway")
    J = eye - centered / N
    pairs = [(w.csr.toarray(), m.csr.toarray())
             for w, m in zip((each(d.weights, T)), (each(d.weights_of_error, T)))]  # fmt: skip
    if fit.specification.lag:
        out.append([])
        for W, M in pairs:
            B = eye - fit.lam * M
            out[-1].append(J @ B @ W @ np.linalg.inv(eye - fit.rho * W) @ np.linalg.inv(B) @ J)
    if fit.specification.error:
        out.append([J @ M @ np.linalg.inv(eye - fit.lam * M) @ J for _, M in pairs])
    return [rows_of(fit, one) for one in out]


def each(weights, T):
    return weights.matrices if weights.varies else [weights] * T


def residual_maker(fit):
    s, effects = fit._sample, fit._settings.effects.name if not fit._sample.dummies else "none"
    units, periods = units_and_periods(fit)
    columns = [s.X if s.error is None else s.X - fit.lam * s.MX]
    if effects in ("entity", "twoway"):
        columns.append((units[:, None] == np.unique(units)).astype(float))
    if effects in ("time", "twoway"):
        columns.append((periods[:, None] == np.unique(periods)).astype(float))
    Z = np.concatenate(columns, axis=1)
    return np.eye(len(Z)) - Z @ np.linalg.pinv(Z, rcond=1e-10)


def adjusted_residuals(fit, codes, power):
    M, e = residual_maker(fit), np.empty(len(codes))
    for g in np.unique(codes):
        at = codes == g
        e[at] = matrix_power(M[np.ix_(at, at)], power) @ fit._solution.resid[at]
    return e


def pairs_meat(fit, codes, e):
    s, at = fit._sample, fit._solution
    s2, k, m = at.sigma2, s.X.shape[1], len(e)
    Qs, q = forms(fit), fit.specification.lag + fit.specification.error
    D = np.column_stack([s.X if s.error is None else s.X - at.lam * s.MX])
    extra = []
    if s.lag is not None:
        extra.append(s.Wy if s.error is None else s.Wy - at.lam * s.MWy)
    if s.error is not None:
        Mu = s.My - s.MX @ at.beta
        extra.append(Mu if s.lag is None else Mu - at.rho * s.MWy)
    D = np.column_stack([D, *[column - Q @ at.resid for column, Q in zip(extra, Qs)]])
    traces = [-part.d1(r) for part, r in ((s.lag, at.rho), (s.error, at.lam)) if part is not None]
    share, meat = s.n / m, np.zeros((k + q + 1,) * 2)
    groups = np.unique(codes)
    for g in groups:
        here = codes == g
        score = np.zeros(k + q + 1)
        score[:-1] = D[here].T @ e[here] / s2
        for j, (Q, trace) in enumerate(zip(Qs, traces)):
            mean = share * Q.diagonal() + (trace - share * np.trace(Q)) / m
            score[k + j] += e[here] @ Q[np.ix_(here, here)] @ e[here] / s2 - mean[here].sum()
        score[-1] = np.sum(e[here] ** 2) / (2 * s2**2) - share * here.sum() / (2 * s2)
        meat += np.outer(score, score)
    for a, g in enumerate(groups):
        for h in groups[a + 1 :]:
            i, j = codes == g, codes == h
            cross = np.zeros(k + q + 1)
            for c, Q in enumerate(Qs):
                cross[k + c] = e[i] @ (Q[np.ix_(i, j)] + Q[np.ix_(j, i)].T) @ e[j] / s2
            meat += np.outer(cross, cross)
    if not s.dummies:
        return meat
    # dummies concentrated out of the score: s_a - I_ad I_dd^-1 s_d
    full, dummy = with_dummies(s, at), np.zeros(len(meat), dtype=bool)
    dummy[s.k : k] = True
    turn = np.zeros((len(meat), int((~dummy).sum())))
    turn[~dummy] = np.eye(turn.shape[1])
    turn[dummy] = -np.linalg.solve(full[np.ix_(dummy, dummy)], full[np.ix_(dummy, ~dummy)])
    return turn.T @ meat @ turn
