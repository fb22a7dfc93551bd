"""Pair scores written as the sums that they are: one loop over groups, one over pairs of groups."""

import numpy as np

from spatial.design.arrays import keeps_effects

from .designs import of_deviations


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
    """B W A^-1 B^-1 and M B^-1, (m, m), period means out of both sides where they are out of the errors; where effects
    are carried along, B D."""
    d, T, N = fit._design, fit._design.n_periods, fit._design.n_units
    out, eye = [], np.eye(N)
    centered = fit._settings.correction is True and fit._settings.effects.name in ("time", "twoway")
    J = eye - (centered and not projects(fit)) / N
    carried = keeps_effects(fit._sample)
    there = [None] * T if d.observed is None else d.observed
    pairs = [(w.csr.toarray(), m.csr.toarray())
             for w, m in zip((each(d.weights, T)), (each(d.weights_of_error, T)))]  # fmt: skip
    time = fit._settings.correction is True and fit._settings.effects.time
    if time and not d.weights.rows_sum_to_one and (carried or not d.weights.varies):
        pairs = [(of_deviations(W, at), M) for (W, M), at in zip(pairs, there)]
    if time and not carried and not d.weights_of_error.rows_sum_to_one and not d.weights_of_error.varies:
        pairs = [(W, of_deviations(M)) for W, M in pairs]
    if fit.specification.lag:
        out.append([])
        for W, M in pairs:
            B = eye - fit.lam * M
            out[-1].append(J @ B @ W @ np.linalg.inv(eye - fit.rho * W) @ np.linalg.inv(B) @ J)
    if fit.specification.error:
        out.append([J @ M @ np.linalg.inv(eye - fit.lam * M) @ J for _, M in pairs])
    root = d.root
    out = [root[:, None] * rows_of(fit, one) / root for one in out]
    if fit._settings.random is not None and (d.varies or d.obs_weights is not None):
        R = quasi_demeaning(fit)
        return [R @ F @ np.linalg.inv(R) for F in out]
    if projects(fit):
        off = off_effects(fit)
        return [off @ F @ off for F in out]
    return out


def quasi_demeaning(fit):
    """I less the share 1 - 1 / sqrt(1 + T_i phi) of the means of each unit, (m, m); weighted where rows are."""
    root = fit._design.root
    same = np.equal.outer(*[units_and_periods(fit)[0]] * 2) * root**2
    counts = same.sum(axis=1)
    share = 1 - 1 / np.sqrt(1 + counts * fit._settings.random.phi)
    return np.eye(len(same)) - same * (share / counts) * (root[:, None] / root)


def projects(fit):
    """Whether the effects are projected off the quadratic forms: carried along, many ways, or weighted by numbers that
    change over time."""
    effects, w = fit._settings.effects, fit._design.obs_weights
    weighted = w is not None and effects.time and not (w.fixed and fit._design.observed is None)
    return keeps_effects(fit._sample) or effects.ways is not None or weighted


def dummies_of(fit):
    """D, (m, effects)."""
    if fit._settings.effects.ways is not None:
        return np.hstack([way.columns.toarray() for way in fit._settings.effects.ways.ways])
    effects = fit._settings.effects.name
    columns = [(codes[:, None] == np.unique(codes)).astype(float)
               for codes, name in zip(units_and_periods(fit), ("entity", "time")) if effects in (name, "twoway")]
    return np.concatenate(columns or [np.empty((len(fit._solution.resid), 0))], axis=1)


def filtered_dummies(fit):
    """B D."""
    T = fit._design.n_periods
    D = dummies_of(fit)
    MD = rows_of(fit, [w.csr.toarray() for w in each(fit._design.weights_of_error, T)]) @ D
    return fit._design.root[:, None] * (D - fit.lam * MD if fit.specification.error else D)


def off_effects(fit):
    """I less the projection on B D."""
    BD = filtered_dummies(fit)
    return np.eye(len(BD)) - BD @ np.linalg.pinv(BD, rcond=1e-10)


def each(weights, T):
    return weights.matrices if weights.varies else [weights] * T


def residual_maker(fit):
    s = fit._sample
    own = (s.X if s.error is None else s.X - fit.lam * s.MX)[:, : s.k]
    Z = np.concatenate([own, filtered_dummies(fit) if projects(fit) else dummies_of(fit)], axis=1)
    return np.eye(len(Z)) - Z @ np.linalg.pinv(Z, rcond=1e-10)


def adjusted_residuals(fit, codes, power):
    M, e = residual_maker(fit), np.empty(len(codes))
    for g in np.unique(codes):
        at = codes == g
        e[at] = matrix_power(M[np.ix_(at, at)], power) @ fit._solution.resid[at]
    return e


def pairs_meat(fit, codes, e):
    s, at = fit._sample, fit._solution
    s2, k, m = at.sigma2, s.k, len(e)
    Qs, q = forms(fit), fit.specification.lag + fit.specification.error
    D = np.column_stack([s.X if s.error is None else s.X - at.lam * s.MX])[:, :k]
    extra = []
    if s.lag is not None:
        extra.append(s.Wy if s.error is None else s.Wy - at.lam * s.MWy)
    if s.error is not None:
        Mu = s.My - s.MX @ at.beta
        extra.append(Mu if s.lag is None else Mu - at.rho * s.MWy)
    traces = [-part.d1(r) for part, r in ((s.lag, at.rho), (s.error, at.lam)) if part is not None]
    carries, own = projects(fit), np.eye(m)
    share = s.n / m
    if carries:  # B D off everything, of sigma2 too
        own = off_effects(fit)
        D, extra, share = own @ D, [own @ column for column in extra], s.n / np.trace(own)
    D = np.column_stack([D, *[column - Q @ at.resid for column, Q in zip(extra, Qs)]])
    meat = np.zeros((k + q + 1,) * 2)
    Qs, traces = [*Qs, own], [*traces, s.n]
    scale = np.append(np.full(q, s2), 2 * s2**2)
    groups = np.unique(codes)
    for g in groups:
        here = codes == g
        score = np.zeros(k + q + 1)
        score[:-1] = D[here].T @ e[here] / s2
        for j, (Q, trace) in enumerate(zip(Qs, traces)):
            mean = share * Q.diagonal() + (trace - share * np.trace(Q)) / m
            score[k + j] += (e[here] @ Q[np.ix_(here, here)] @ e[here] - s2 * mean[here].sum()) / scale[j]
        meat += np.outer(score, score)
    for a, g in enumerate(groups):
        for h in groups[a + 1 :]:
            i, j = codes == g, codes == h
            cross = np.zeros(k + q + 1)
            for c, Q in enumerate(Qs):
                cross[k + c] = e[i] @ (Q[np.ix_(i, j)] + Q[np.ix_(j, i)].T) @ e[j] / scale[c]
            meat += np.outer(cross, cross)
    return meat
