"""Slow, dense twins of the policy estimators: every fixed effect a column, every estimate a sum over y."""

import numpy as np
from numpy.polynomial.polynomial import polyval


def dummies(T, N, region):
    """Unit dummies, and period-by-region dummies without one period of each region; rows are (t, i)."""
    unit, period = np.tile(np.arange(N), T), np.repeat(np.arange(T), N)
    columns = [unit == i for i in range(N)]
    columns += [(period == t) & (region[unit] == r) for r in np.unique(region) for t in range(1, T)]
    return np.stack(columns, axis=1).astype(float)


def weighted(Z, y, mass):
    s = np.sqrt(mass)
    return np.linalg.lstsq(Z * s[:, None], y * s, rcond=None)[0]


def imputation(y, D, X, mass, region, estimand):
    """(estimate, its weights v on y): untreated outcomes predicted from untreated rows."""
    T, N = y.shape
    Z = np.column_stack([dummies(T, N, region), X.reshape(T * N, -1)])
    y, D, mass, a = y.ravel(), D.ravel(), mass.ravel(), estimand.ravel()
    untreated = D == 0
    coefficients = weighted(Z[untreated], y[untreated], mass[untreated])
    M = Z[untreated].T * mass[untreated]
    v = a.copy()
    v[untreated] = -(M.T @ np.linalg.pinv(M @ Z[untreated]) @ (Z.T @ a))
    return a @ (y - Z @ coefficients), v


def moved(a, first, i):
    """a (T, N) without unit i: its weight goes to its cohort in that period, else to units as long under treatment,
    else to all alike; None where nothing is left."""
    T, N = a.shape
    out, lost = a.copy(), 0.0
    out[:, i] = 0
    for t in range(T):
        if a[t, i] == 0:
            continue
        peers = [(t, j) for j in range(N) if j != i and first[j] == first[i] and a[t, j] > 0]
        peers = peers or [(s, j) for s in range(T) for j in range(N)
                          if j != i and a[s, j] > 0 and s - first[j] == t - first[i]]  # fmt: skip
        total = sum(out[at] for at in peers)
        if not peers:
            lost += a[t, i]
        for at in peers:
            out[at] *= 1 + a[t, i] / total
    return out / (1 - lost) if lost < 1 - 1e-9 else None


def weights_of(estimate, shape):
    """v with estimate(y) = sum v y, one outcome at a time."""
    v = np.zeros(shape)
    for at in np.ndindex(*shape):
        one = np.zeros(shape)
        one[at] = 1
        v[at] = estimate(one)
    return v


def jackknife(y, mass, v, without, f):
    """(standard error, scale, df) from v (T, N) and the weights without each group."""
    delta = np.array([(w - v).ravel() / np.sqrt(mass.ravel()) for w in without])
    d = delta @ (np.sqrt(mass) * y).ravel()
    K = np.sqrt(np.outer(f, f)) * (delta @ delta.T)
    scale = np.sqrt((v.ravel() ** 2 / mass.ravel()).sum() / np.trace(K))
    return scale * np.sqrt((f * d**2).sum()), scale, np.trace(K) ** 2 / (K**2).sum()


def group_time(y, first, control, kind="simple"):
    """An average of ATT(g, t) by explicit means; NaN where a cohort has no comparison."""
    T, N = y.shape
    cells = []
    for g in sorted(set(first[first < T])):
        for t in range(g, T):
            against = [j for j in range(N) if first[j] == T or (control == "not_yet" and first[j] > t)]
            inside = [j for j in range(N) if first[j] == g]
            if not against:
                return np.nan
            change = y[t] - y[g - 1]
            cells.append((g, t, change[inside].mean() - change[against].mean(), len(inside)))
    if kind == "simple":
        return np.average([c[2] for c in cells], weights=[c[3] for c in cells])
    key = {"dynamic": lambda c: c[1] - c[0], "calendar": lambda c: c[1], "group": lambda c: c[0]}[kind]
    groups = {}
    for c in cells:
        groups.setdefault(key(c), []).append(c)
    means = [np.average([c[2] for c in part], weights=[c[3] for c in part]) for part in groups.values()]
    return np.average(means, weights=[part[0][3] for part in groups.values()] if kind == "group" else None)


def cr2(Z, y, mass, cluster, at):
    """(estimates, V, eta, df) of the coefficients ``at`` by dense matrices, every effect a column of Z (n, p)."""
    s = np.sqrt(mass)
    Z, y = Z * s[:, None], y * s
    n = len(y)
    bread = np.linalg.pinv(Z.T @ Z)
    H = Z @ bread @ Z.T
    M = np.eye(n) - H
    b, e = bread @ Z.T @ y, M @ y
    q = len(at)
    F = []
    for g in np.unique(cluster):
        rows = np.flatnonzero(cluster == g)
        size, vectors = np.linalg.eigh(M[np.ix_(rows, rows)])
        half = vectors @ np.diag(np.where(size > 1e-8, 1 / np.sqrt(np.where(size > 1e-8, size, 1)), 0)) @ vectors.T
        F.append((bread @ Z.T)[np.ix_(at, rows)] @ half @ M[rows])
    F = np.array(F)  # (G, q, n)
    V = sum(np.outer(f @ y, f @ y) for f in F)
    L = np.linalg.inv(np.linalg.cholesky(bread[np.ix_(at, at)]))

    def variance(F):
        K = np.einsum("gsn,htn->gsht", F, F)
        return np.einsum("gshs,gtht->st", K, K) + np.einsum("gsht,gths->st", K, K)

    eta = q * (q + 1) / variance(np.einsum("sq,gqn->gsn", L, F)).sum()
    df = [2 / variance(F[:, [k]] / np.sqrt(bread[at[k], at[k]]))[0, 0] for k in range(q)]
    return b[at], V, eta, np.array(df), e


def conservative(y, touched, X, mass, region, a, members, code, K):
    """(estimate, standard error, df) of an average a (T, N) of imputed effects, by dense matrices: every effect a
    column, the residuals a matrix R, the variance a quadratic form.

    ``members`` (C, T N) averages effects in the class of each touched row, ``code`` (T, N); K (N, N) over units.
    """
    T, N = y.shape
    used = mass.ravel() > 0
    Z = np.column_stack([dummies(T, N, region), X.reshape(T * N, -1)])
    root = np.sqrt(mass.ravel())
    inverse = np.divide(1.0, root, out=np.zeros(T * N), where=used)
    clean, event = used & ~touched.ravel(), used & touched.ravel()
    H = Z @ np.linalg.pinv(Z[clean] * root[clean, None]) @ np.eye(T * N)[clean] @ np.diag(root)  # y to fitted
    I = np.eye(T * N)
    left = I - H
    R = np.zeros((T * N, T * N))
    R[clean] = left[clean]
    R[event] = (left - members[code.ravel()] @ left)[event]
    R = root[:, None] * R * inverse  # of errors with variance one
    v = (a.ravel() @ left) * inverse
    unit = np.tile(np.arange(N), T)
    Q = R.T @ (np.outer(v, v) * K[np.ix_(unit, unit)]) @ R
    e = root * y.ravel()
    scale = v @ v / np.trace(Q)
    return v @ e, np.sqrt(e @ Q @ e * scale), np.trace(Q) ** 2 / (Q**2).sum()


def kernel_leads(Z, columns, y, mass, unit, K):
    """(F, eta, standard errors, df) of coefficients of columns (n, q) beside Z (n, r), errors correlated over units by
    K, by dense matrices: every element of the covariance a quadratic form of the errors."""
    from scipy.linalg import sqrtm

    root = np.sqrt(mass)[:, None]
    X, q = np.column_stack([Z, columns]) * root, columns.shape[1]
    P = np.linalg.pinv(X)
    R, P = np.eye(len(y)) - X @ P, P[-q:]
    y, Kn = root[:, 0] * y, K[np.ix_(unit, unit)]

    def forms(P):
        return np.array([[R @ ((P[s][:, None] * P[t]) * Kn) @ R for t in range(q)] for s in range(q)])

    def variances(Q):
        return np.array([[(A * A).sum() + (A * A.T).sum() for A in row] for row in Q])

    Q = forms(P)
    expected = np.einsum("stii->st", Q)
    L, A = np.linalg.cholesky(expected), sqrtm(P @ P.T @ np.linalg.inv(expected)).real
    V = A @ np.einsum("i,stij,j->st", y, Q, y) @ A.T
    eta = q * (q + 1) / variances(forms(np.linalg.inv(L) @ P)).sum()
    b = P @ y
    F = (eta - q + 1) / (eta * q) * b @ np.linalg.solve(V, b)
    return F, eta, np.sqrt(np.diag(V)), 2 * np.diag(expected) ** 2 / np.diag(variances(Q))


def odds(treated, x, how):
    """exp(x'g) of the comparison: of a logit, or tilted to the treated group's sums; ones for a regression."""
    from scipy.optimize import minimize

    D = treated.astype(float)
    if how == "regression":
        return np.ones((~treated).sum())
    logit = (lambda g: np.logaddexp(0, x @ g).sum() - D @ (x @ g), lambda g: x.T @ (1 / (1 + np.exp(-x @ g)) - D))
    tilt = (lambda g: (1 - D) @ np.exp(x @ g) - D @ (x @ g), lambda g: x.T @ ((1 - D) * np.exp(x @ g) - D))
    value, slope = tilt if how == "improved" else logit
    best = minimize(value, np.zeros(x.shape[1]), jac=slope, method="BFGS", options={"gtol": 1e-11})
    return np.exp(x[~treated] @ best.x)


def att_given(change, treated, x, how):
    """An average effect on the treated of changes (n,) given covariates (n, k) with an intercept, by the definitions of
    Sant'Anna & Zhao (2020): a propensity score by maximum likelihood or tilting, least squares of the comparison."""
    w = odds(treated, x, how)
    s = np.sqrt(w if how == "improved" else np.ones(w.shape))
    b = np.linalg.lstsq(x[~treated] * s[:, None], change[~treated] * s, rcond=None)[0]
    left = change if how == "weighting" else change - x @ b
    return left[treated].mean() - np.average(left[~treated], weights=w)


def conditional(y, first, X, seen, control, how):
    """The simple average of ATT(g, t) given X at g - 1 over units seen at both times, y (T, N)."""
    T = len(y)
    total, n = 0.0, 0
    for g in sorted(set(first[first < T])):
        for t in range(g, T):
            both = seen[t] & seen[g - 1]
            others = (first == T) | ((control == "not_yet") & (first > t))
            at = np.flatnonzero(both & ((first == g) | others))
            treated = first[at] == g
            if treated.any() and not treated.all():
                x = np.column_stack([np.ones(len(at)), X[g - 1, at]])
                total += treated.sum() * att_given(y[t, at] - y[g - 1, at], treated, x, how)
                n += treated.sum()
    return total / n


def switching(y, D, seen):
    """(DID_M, DID_l by l from the first change, effect per treated period) by explicit means, not-yet changed."""
    T, N = y.shape
    change = np.array([next((t for t in range(T) if D[t, i] != D[0, i]), T) for i in range(N)])
    moves, later, dose = [], {}, 0.0
    for t in range(1, T):
        for before in (0, 1):
            own = [i for i in range(N) if D[t - 1, i] == before and D[t, i] != before and seen[t, i] and seen[t - 1, i]]
            stay = [i for i in range(N) if D[t - 1, i] == D[t, i] == before and seen[t, i] and seen[t - 1, i]]
            if own and stay:
                dy = y[t] - y[t - 1]
                moves.append(((1 - 2 * before) * (dy[own].mean() - dy[stay].mean()), len(own)))
    for before in (0, 1):
        for F in range(1, T):
            for t in range(T):
                both = [i for i in range(N) if D[0, i] == before and seen[t, i] and seen[F - 1, i]]
                own = [i for i in both if change[i] == F]
                rest = [i for i in both if change[i] > max(t, F)]
                if t == F - 1 or not own or not rest:
                    continue
                dy = y[t] - y[F - 1]
                later.setdefault(t - F, []).append(((1 - 2 * before) * (dy[own].mean() - dy[rest].mean()), len(own)))
                if t >= F:
                    dose += sum(abs(D[t, i] - D[F - 1, i]) for i in own)
    mean = {k: sum(v * n for v, n in pairs) / sum(n for _, n in pairs) for k, pairs in later.items()}
    total = sum(value * n for k, pairs in later.items() if k >= 0 for value, n in pairs)
    return np.average([m for m, _ in moves], weights=[n for _, n in moves]), mean, total / dose


def joint(y, v, delta, f):
    """(F, eta) of q estimates from weights of the outcomes v (q, n) and their deletions delta (G, q, n), by the sums of
    Pustejovsky & Tipton (2018), section 3."""
    q = len(v)

    def power(A, p):
        size, vectors = np.linalg.eigh(A)
        return (vectors * size**p) @ vectors.T

    expected = f * np.einsum("gsn,gtn->st", delta, delta)
    d, scale = delta @ y, power(v @ v.T, 0.5) @ power(expected, -0.5)
    V, estimates = scale @ (f * d.T @ d) @ scale.T, v @ y
    K = np.sqrt(f) * np.einsum("su,gun->gsn", power(expected, -0.5), delta)
    M = np.einsum("gsn,htn->sgth", K, K)
    variance = sum((M[a, :, a] * M[b, :, b] + M[a, :, b] * M[b, :, a]).sum() for a in range(q) for b in range(q))
    eta = q * (q + 1) / variance
    return (eta - q + 1) / (eta * q) * estimates @ np.linalg.solve(V, estimates), eta


def doses(y, first, dose, seen, control, degree, at, X=None, how="regression"):
    """Effects by dose as polynomials, by explicit least squares: (ATT, ACRT, ATT(d), ACRT(d), by time since adoption).
    Given covariates X at g - 1, changes less what the comparison's regression expects; of the average ATT
    ``att_given``, and a level at d less the reweighted mean of that regression's residuals."""
    T = len(y)
    d_low = dose[first < T].min()
    cells = {}
    for g in sorted(set(first[first < T])):
        for t in range(T):
            both = seen[t] & seen[g - 1]
            others = {"never": first == T, "not_yet": (first > max(t, g)) & (first != g),
                      "lowest_dose": dose == d_low}[control] & both  # fmt: skip
            own = (first == g) & both & ~((dose == d_low) & (control == "lowest_dose"))
            if t == g - 1 or not own.any() or not others.any():
                continue
            change = y[t] - y[g - 1]
            average = change[own].mean() - change[others].mean()
            if X is not None:
                x, treated = np.column_stack([np.ones(len(own)), X[g - 1]])[own | others], own[own | others]
                average = att_given(change[own | others], treated, x, how)
                w = odds(treated, x, how)
                root = np.sqrt(w if how == "improved" else np.ones(w.shape))
                c = np.linalg.lstsq(x[~treated] * root[:, None], change[others] * root, rcond=None)[0]
                change = change - np.column_stack([np.ones(len(own)), X[g - 1]]) @ c
                left = np.average(change[others], weights=w) if how == "doubly_robust" else 0.0
            else:
                left = change[others].mean()
            b = np.linalg.lstsq(np.vander(dose[own], degree + 1, increasing=True), change[own], rcond=None)[0]
            slope, base = b[1:] * np.arange(1, degree + 1), left
            cells[g, t] = (own.sum(), average, polyval(dose[own], slope).mean(),
                           polyval(at, b) - base, polyval(at, slope))  # fmt: skip
    post = {g: [one for (h, t), one in cells.items() if h == g and t >= g] for g in set(first[first < T])}
    size = {g: max(one[0] for one in some) for g, some in post.items() if some}
    total = sum(size.values())
    headline = [sum(size[g] / total * np.mean([one[k] for one in post[g]], axis=0) for g in size) for k in (1, 2, 3, 4)]
    path = {}
    for k in sorted({t - g for g, t in cells}):
        some = [one for (g, t), one in cells.items() if t - g == k]
        path[k] = [sum(one[0] * one[j] for one in some) / sum(one[0] for one in some) for j in (1, 2)]
    return (*headline, path)
