"""GMM on past values written unit by unit: loops, one matrix per unit, any weights of observations."""

import numpy as np


def transform(w, differences):
    """D (T - 1, T) of one unit with weights w (T,), 0 where it is not observed, what its past instruments are times,
    and Var D v / s2."""
    T = len(w)
    D, root = np.zeros((T - 1, T)), np.zeros(T - 1)
    for t in range(T - 1):
        later = [s for s in range(t + 1, T) if w[s] > 0]
        if differences and w[t] > 0 and w[t + 1] > 0:
            root[t] = np.sqrt(2 / (1 / w[t] + 1 / w[t + 1]))
            D[t, t], D[t, t + 1] = -root[t], root[t]
        elif not differences and w[t] > 0 and later:
            ahead = sum(w[s] for s in later)
            c = np.sqrt(w[t] * ahead / (w[t] + ahead))
            root[t] = c / np.sqrt(len(later) / (len(later) + 1))
            D[t, t] = c
            for s in later:
                D[t, s] = -c * w[s] / ahead
    variance = np.diag([1 / x if x > 0 else 0.0 for x in w])
    return D, root, D @ variance @ D.T


def gmm(y, Z, past, own, w, *, depth=2, differences=False, steps=2, dummies=()):
    """(coefficients, covariance): y (T, N), Z, own lists of (T, N), past list of (T, N) whose row t has period t - 1,
    w (T, N). All rows are those off the transformed dummies. Two steps without Windmeijer's correction."""
    T, N = y.shape
    units = []
    for i in range(N):
        D, root, spread = transform(w[:, i], differences)
        inside = w[:, i] > 0
        H = [[p[r - k, i] * root[r] if r >= k else 0.0 for p in past for k in range(depth)] for r in range(T - 1)]
        columns = [np.array([np.where(inside, c[:, i], 0.0) for c in part]).reshape(len(part), T).T
                   for part in (own, Z, dummies)]  # fmt: skip
        units.append((np.hstack([H, D @ columns[0]]), D @ columns[1], D @ np.where(inside, y[:, i], 0.0), spread,
                      D @ columns[2]))  # fmt: skip
    units = off_dummies(units)
    HX, HY = sum(h.T @ x for h, x, *_ in units), sum(h.T @ v for h, _, v, _ in units)

    def solved(A):
        M = np.linalg.inv(HX.T @ A @ HX) @ HX.T @ A
        return M @ HY, M

    b, M = solved(np.linalg.pinv(sum(h.T @ s @ h for h, _, _, s in units)))
    S = sum(np.outer(h.T @ (v - x @ b), h.T @ (v - x @ b)) for h, x, v, _ in units)
    return (b, M @ S @ M.T) if steps == 1 else (solved(np.linalg.pinv(S))[0], None)


def off_dummies(units):
    """(H, X, y, spread, dummies) of every unit with the first three less their least squares on the dummies."""
    U = np.vstack([unit[-1] for unit in units])
    stacked = [np.concatenate([unit[k] for unit in units]) for k in range(3)]
    H, X, y = (v - U @ np.linalg.lstsq(U, v, rcond=1e-10)[0] if U.shape[1] else v for v in stacked)
    ends = np.cumsum([len(unit[-1]) for unit in units])[:-1]
    return list(zip(np.split(H, ends), np.split(X, ends), np.split(y, ends), [unit[3] for unit in units]))
