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
