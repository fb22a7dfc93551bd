"""Dense twins of adjusted scores with any number of spatial parameters: one system over all rows, traces of m x m
matrices, effects as dummies."""

import numpy as np


def parts(psi, y, Z, lags, errors):
    """A, B, u at the least squares of B Z, e, and M_B; ``lags`` and ``errors`` are lists of (m, m)."""
    eye, (rho, lam) = np.eye(len(y)), np.split(psi, [len(lags)])
    A = eye - sum((r * W for r, W in zip(rho, lags)), 0 * eye)
    B = eye - sum((r * M for r, M in zip(lam, errors)), 0 * eye)
    BZ = B @ Z
    M_B = eye - BZ @ np.linalg.pinv(BZ)
    delta = np.linalg.lstsq(BZ, B @ A @ y, rcond=None)[0]
    u = A @ y - Z @ delta
    return A, B, u, B @ u, M_B, delta


def restricted_scores(psi, y, Z, lags, errors):
    """(m / q) e'B W_j y - tr(M_B B W_j A^-1 B^-1), and (m / q) e'M_l u - tr(M_B M_l B^-1)."""
    A, B, u, e, M_B, _ = parts(psi, y, Z, lags, errors)
    share = (len(y) - Z.shape[1]) / (e @ e)
    back_A, back_B = np.linalg.inv(A), np.linalg.inv(B)
    of_rho = [share * e @ B @ W @ y - np.trace(M_B @ B @ W @ back_A @ back_B) for W in lags]
    of_lambda = [share * e @ M @ u - np.trace(M_B @ M @ back_B) for M in errors]
    return np.array(of_rho + of_lambda)


def slopes(scores, psi, step=1e-5):
    """Derivatives of scores, one column for each parameter."""
    return np.column_stack([(scores(psi + s) - scores(psi - s)) / (2 * step) for s in step * np.eye(len(psi))])


def quasi_forms(psi, y, Z, lags, errors, cells):
    """C of every score of unequal variances, (m, m): M_B B W_j A^-1 B^-1 - M_B D M_B, M_B (M_l B^-1 - D) M_B; D has a
    value for each of ``cells``, the labels of rows, and sums of C's diagonal over each of them are zero."""
    A, B, _, _, M_B, _ = parts(psi, y, Z, lags, errors)
    back_A, back_B = np.linalg.inv(A), np.linalg.inv(B)
    E = np.equal.outer(np.asarray(cells), np.unique(cells)).astype(float)
    S = np.linalg.pinv(E.T @ M_B**2 @ E, rcond=1e-10)
    forms = [M_B @ B @ W @ back_A @ back_B for W in lags] + [M_B @ M @ back_B @ M_B for M in errors]
    return [C - M_B @ np.diag(E @ S @ E.T @ np.diag(C)) @ M_B for C in forms]


def quasi_scores(psi, y, Z, lags, errors, cells):
    """e'B W_j y - e'D e and e'(M_l B^-1 - D) e."""
    A, B, u, e, M_B, _ = parts(psi, y, Z, lags, errors)
    back_A, back_B = np.linalg.inv(A), np.linalg.inv(B)
    own = [M_B @ B @ W @ back_A @ back_B for W in lags] + [M_B @ M @ back_B @ M_B for M in errors]
    # e'D e is e'(form without D) e less e'C e, since M_B e = e
    taken = [e @ (Z_ - C) @ e for Z_, C in zip(own, quasi_forms(psi, y, Z, lags, errors, cells))]
    first = [e @ B @ W @ y for W in lags] + [e @ M @ u for M in errors]
    return np.array(first) - np.array(taken)


def quasi_covariance(psi, y, Z, lags, errors, cells, units, k):
    """Of (beta, rho ..., lambda ...), summed over units and pairs of units one by one."""
    A, B, _, e, M_B, delta = parts(psi, y, Z, lags, errors)
    back_A, units = np.linalg.inv(A), np.asarray(units)
    forms = quasi_forms(psi, y, Z, lags, errors, cells)
    P = np.linalg.pinv(B @ Z)[:k]
    c = np.column_stack([P.T, *(M_B @ B @ W @ back_A @ Z @ delta for W in lags), np.zeros((len(y), len(errors)))])
    effects = B @ Z[:, k:]
    left = np.eye(len(y)) - effects @ np.linalg.pinv(effects)
    wide, narrow, labels = e.copy(), e.copy(), np.unique(units)
    for unit in labels:
        rows = np.flatnonzero(units == unit)
        own, vectors = np.linalg.eigh(left[np.ix_(rows, rows)])
        V = vectors[:, own > 0.5]
        values, turn = np.linalg.eigh(V.T @ M_B[np.ix_(rows, rows)] @ V)
        V = V @ turn
        wide[rows], narrow[rows] = ((V * values**power) @ V.T @ e[rows] for power in (-1.0, -0.5))
    size = k + len(psi)
    meat = np.zeros((size, size))
    for a, unit in enumerate(labels):
        rows = np.flatnonzero(units == unit)
        one = c[rows].T @ wide[rows]
        meat += np.outer(one, one)
        for other in labels[a + 1 :]:
            at = np.flatnonzero(units == other)
            pair = np.zeros(size)
            for j, C in enumerate(forms):
                pair[k + j] = narrow[rows] @ (C[np.ix_(rows, at)] + C[np.ix_(at, rows)].T) @ narrow[at]
            meat += np.outer(pair, pair)
    slopes_ = slopes(lambda at: quasi_scores(at, y, Z, lags, errors, cells), psi)
    bread = np.zeros((size, size))  # (beta, psi)^ less the truth: bread times (P eps, scores)
    g = np.column_stack([P @ B @ W @ y for W in lags] + [np.zeros((k, 1))] * len(errors))
    bread[:k, :k], bread[k:, k:] = np.eye(k), np.linalg.inv(-slopes_)
    bread[:k, k:] = -g @ bread[k:, k:]
    return bread @ meat @ bread.T
