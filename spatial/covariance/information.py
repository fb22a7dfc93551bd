"""The information matrix of (beta, rho, lambda, sigma2), observed and expected, and the covariance from it.

Observed (``oim``): second derivatives of ln L at the maximum; the determinants' part is -L''(rho), so
nothing of size n x n appears. Expected (``eim``): the textbook matrix of Anselin (1988, ch. 6.5) with
traces of W (I - rho W)^-1; dense, for a few thousand units.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from scipy import sparse

from spillover.errors import SpatialInputError

from ..design.arrays import Sample, inverse_triangular
from ..solve.ml import Solution, spatially_lagged_error

DENSE_MAX = 5_000


def observed(sample: Sample, at: Solution) -> np.ndarray:
    """-d2 ln L, ordered (beta, rho, lambda, sigma2), absent parameters left out; dummies concentrated out.

    With e = B (A y - X beta) its first derivatives are the columns of J and its mixed ones M X, M W y.
    """
    full = with_dummies(sample, at)
    return without_dummies(sample, full)[0] if sample.dummies else full


def with_dummies(sample: Sample, at: Solution) -> np.ndarray:
    """The same with the dummies among beta."""
    s2, e, k = at.sigma2, at.resid, sample.X.shape[1]
    J = -derivatives(sample, at)
    info = J.T @ J / s2
    p = info.shape[0]
    if sample.lag is not None:
        info[k, k] -= sample.lag.d2(at.rho)
    if sample.error is not None:
        info[-1, -1] -= sample.error.d2(at.lam)
        mixed = sample.error_lag_of_X
        mixed = mixed if sample.lag is None else np.column_stack([mixed, sample.error_lag_of_Wy])
        cross = mixed.T @ e / s2
        info[:-1, -1] += cross
        info[-1, :-1] += cross
    full = np.empty((p + 1, p + 1))
    full[:p, :p] = info
    full[:p, p] = full[p, :p] = -J.T @ e / s2**2
    full[p, p] = sample.n / (2 * s2**2)
    return full


def without_dummies(sample: Sample, full: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """I_aa - I_ad I_dd^-1 I_da, and I_dd^-1 I_da: what concentrating the dummies d out leaves of an information."""
    dummy = np.zeros(len(full), dtype=bool)
    dummy[sample.k : sample.X.shape[1]] = True
    share = np.linalg.solve(full[np.ix_(dummy, dummy)], full[np.ix_(dummy, ~dummy)])
    return full[np.ix_(~dummy, ~dummy)] - full[np.ix_(~dummy, dummy)] @ share, share


def expected(sample: Sample, at: Solution, W: sparse.csr_array, M: sparse.csr_array) -> np.ndarray:
    """E[-d2 ln L], ordered as ``observed``. ``W`` and ``M`` are the N x N weights of lag and error, where there are
    such parts.

    Raises
    ------
    SpatialInputError
        E309 above 5,000 units: the traces need dense inverses.
    """
    part = sample.lag or sample.error
    k, n, s2 = sample.X.shape[1], sample.n, at.sigma2
    if part is None:
        X = sample.X
        return np.block([[X.T @ X / s2, np.zeros((k, 1))], [np.zeros((1, k)), np.full((1, 1), n / (2 * s2**2))]])
    N = W.shape[0]
    if N > DENSE_MAX:
        raise SpatialInputError("E309", f"vcov='eim' needs dense {N:,} x {N:,} matrices", hint="use vcov='oim'")
    F = contrasts(N) if part.unit_root else np.eye(N)
    T, eye = part.copies, np.eye(F.shape[1])
    columns, names = [sample.X if sample.error is None else sample.BX(at.lam)], ["beta"]
    traces: dict[tuple[str, ...], float] = {}
    if sample.error is not None:
        Md = F.T @ (M @ F)
        B = eye - at.lam * Md
        H = np.linalg.solve(B.T, Md.T).T
        traces["lambda",], traces["lambda", "lambda"] = np.trace(H), np.sum(H * H.T) + np.sum(H**2)
    if sample.lag is not None:
        Wd = F.T @ (W @ F)
        G = np.linalg.solve((eye - at.rho * Wd).T, Wd.T).T
        GXb = _by_period(F, F @ G @ F.T, sample.X @ at.beta)
        BG = G
        if sample.error is not None:
            GXb = GXb - at.lam * _by_period(F, F @ Md @ F.T, GXb)
            BG = np.linalg.solve(B.T, (B @ G).T).T
            traces["rho", "lambda"] = np.sum(H * BG) + np.sum(H * BG.T)
        traces["rho",], traces["rho", "rho"] = np.trace(G), np.sum(BG * BG.T) + np.sum(BG**2)
        columns.append(GXb[:, None])
        names.append("rho")
    if sample.error is not None:
        columns.append(np.zeros((len(sample.y), 1)))
        names.append("lambda")
    return _assemble(np.column_stack(columns), names, traces, k, T, n, s2)


def covariance(information: np.ndarray, names: Iterable[str]) -> np.ndarray:
    """Covariance of (beta, rho, lambda): the inverse information without its sigma2 row."""
    return inverse_information(information, names)[:-1, :-1]


def observed_covariance(sample: Sample, at: Solution, names: Iterable[str]) -> np.ndarray:
    """Covariance of (beta, rho, lambda) from the observed information.

    By way of an orthonormal basis of X, and of y in units of sigma: regressors with large means, and with them W y,
    are almost multiples of the constant. Their cross-products lose twice the digits that an orthonormal basis loses;
    the information of x + 1e8 has none left.

    Raises
    ------
    SpatialInputError
        E702 when the information is not positive definite.
    """
    if sample.error is None:
        return _without_error(sample, at, names)
    alike, point, T = _orthogonal(sample, at)
    V = T @ covariance(with_dummies(alike, point), names) @ T.T
    if not sample.dummies:
        return V
    kept = np.r_[: sample.k, sample.X.shape[1] : len(V)]
    return V[np.ix_(kept, kept)]


def _without_error(sample: Sample, at: Solution, names: Iterable[str]) -> np.ndarray:
    """Of a spatial lag alone. With X = Q R and W y = Q h + w, Q'w = 0, and in units of sigma the information of
    (gamma, rho, sigma2), beta = R^-1 (gamma - rho h), is

        D   v         D = diag(1, ..., 1, w'w - L''(rho)),    v = (Q'e, w'e)
        v'  n / 2

    so that the covariance of (gamma, rho) is D^-1 + u u' / (n/2 - v'u), u = D^-1 v.
    """
    (Q, R, _), s, k = sample.basis, np.sqrt(at.sigma2), len(sample.basis[1])
    h = np.einsum("ij,i->j", Q, sample.lag_of_y)  # the same bits wherever the arrays lie in memory
    w, e = (sample.lag_of_y - np.einsum("ij,j->i", Q, h)) / s, at.resid / s
    own = np.einsum("i,i->", w, w) - sample.parts[0].d2(at.rho)
    v = np.append(np.einsum("ij,i->j", Q, e), np.einsum("i,i->", w, e))
    u = v.copy()
    u[k] /= own
    left = sample.n / 2 - v @ u
    if not (own > 0 and left > 0):
        raise _not_definite(names)
    T = np.zeros((k + 1, k + 1))  # (beta, rho) = T (gamma, rho)
    inverse = inverse_triangular(R)
    T[:k, :k], T[:k, k], T[k, k] = s * inverse, -inverse @ h, 1.0
    TD = T.copy()
    TD[:, k] /= own
    Tu = T @ u
    return TD @ T.T + Tu[:, None] * Tu / left


def _orthogonal(sample: Sample, at: Solution) -> tuple[Sample, Solution, np.ndarray]:
    """The same likelihood in other parameters, (beta, rho, lambda) = T (gamma, rho, lambda) and sigma2 = 1.

    With X = Q R, W y = Q h + w and y in units of s: A y - X beta = s (y - rho w - Q gamma), so that
    beta = s R^-1 (gamma - rho h).
    """
    s = np.sqrt(at.sigma2)
    Q, R, MQ = sample.basis
    k, lag = len(R), sample.lag is not None
    T = np.zeros((k + lag + 1, k + lag + 1))
    T[-1, -1] = 1.0
    T[:k, :k] = s * inverse_triangular(R)
    gamma, y = R @ at.beta / s, {"y": sample.y / s, "My": sample.error_lag_of_y / s}
    if lag:
        h = np.einsum("ij,i->j", Q, sample.lag_of_y) / s  # the same bits wherever the arrays lie in memory
        gamma = gamma + at.rho * h
        T[k, k], T[:k, k] = 1.0, -T[:k, :k] @ h
        y["Wy"] = sample.lag_of_y / s - np.einsum("ij,j->i", Q, h)
        if MQ is not None:
            y["MWy"] = sample.error_lag_of_Wy / s - MQ @ h
    taken = None if sample.of_effects is None else sample.of_effects / s
    alike = Sample(X=Q, MX=MQ, n=sample.n, lag=sample.lag, error=sample.error, dummies=sample.dummies,
                   of_effects=taken, **y)  # fmt: skip
    return alike, Solution(gamma, at.rho, at.lam, 1.0, at.loglik, at.resid / s), T


def inverse_information(information: np.ndarray, names: Iterable[str]) -> np.ndarray:
    """The inverse, ordered as the information.

    Raises
    ------
    SpatialInputError
        E702 when the information is not positive definite.
    """
    scale = 1 / np.sqrt(np.abs(np.diag(information)))
    try:
        L = np.linalg.cholesky(information * np.outer(scale, scale))
    except np.linalg.LinAlgError as error:
        raise _not_definite(names) from error
    inverse = np.linalg.inv(L)
    return (inverse.T @ inverse) * np.outer(scale, scale)


def _not_definite(names: Iterable[str]) -> SpatialInputError:
    return SpatialInputError(
        "E702",
        f"the information matrix of {list(names)} is not positive definite at the maximum",
        hint="too many parameters for these data, or a likelihood that is flat: drop lagged regressors",
    )


def derivatives(sample, at):
    """-de/d(beta, rho, lambda): [B X, B W y, M u]."""
    columns = [sample.X if sample.error is None else sample.BX(at.lam)]
    if sample.lag is not None:
        columns.append(sample.lag_of_y if sample.error is None else sample.BWy(at.lam))
    if sample.error is not None:
        Mu = spatially_lagged_error(sample, at.beta, at.rho)
        columns.append(Mu if sample.of_effects is None else Mu - sample.of_effects)
    return np.column_stack(columns)


def _assemble(J, names, traces, k, T, n, s2):
    p = J.shape[1]
    full = np.zeros((p + 1, p + 1))
    full[:p, :p] = J.T @ J / s2
    place = {name: k + i for i, name in enumerate(names[1:])}
    for key, value in traces.items():
        i, *other = (place[name] for name in key)
        for j in other:
            full[i, j] += T * value
            full[j, i] = full[i, j]
        if not other:
            full[i, p] = full[p, i] = T * value / s2
    full[p, p] = n / (2 * s2**2)
    return full


def _by_period(F, matrix, values):
    """An N x N matrix applied to stacked periods."""
    N = F.shape[0]
    return (values.reshape(-1, N) @ matrix.T).ravel()


def contrasts(N: int) -> np.ndarray:
    """F, N x (N - 1), orthonormal and orthogonal to the unit vector (Helmert)."""
    from scipy.linalg import helmert

    return helmert(N).T
