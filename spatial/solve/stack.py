"""The maximum over one spatial parameter r for a stack of samples that differ in W: R W at once, or R placebos.

Cross-products over [X, y] and their lags contain all the data. With e = (y - X b) - r (its lag), where of a spatial lag
model y alone has a lag,

    C(r) = C_00 - r (C_01 + C_01') + r^2 C_11,      q(r) = C_yy - C_yX C_XX^-1 C_Xy,

and ln L = -n/2 (ln(2 pi q / n) + 1) + L(r) is maximised over r (Ord 1975; Anselin 1988, ch. 6). Every sample
has its own search: its result does not depend, to the last bit, on the other samples of its stack.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

APART = 1e-6  # smallest eigenvalue of X'X, columns scaled to length one: below, cross-products lose too much
LEFT = 1e-10  # share of y'y that must be left: likewise


@dataclass(frozen=True, eq=False)
class Pencil:
    """Cross-products of R samples of m rows.

    Attributes
    ----------
    gram : (R, c, c)
        Over [X, y, W y] for a spatial lag, [X, y, M X, M y] for a spatial error, [X, y] without either; lengths of X
        and y are one.
    scale : (R, k + 1)
        Their lengths before.
    kind : {"lag", "error", None}
    n : int
        Of the likelihood.
    """

    gram: np.ndarray = field(repr=False)
    scale: np.ndarray = field(repr=False)
    kind: str | None
    n: int

    @property
    def k(self) -> int:
        return self.scale.shape[1] - 1

    def take(self, which) -> Pencil:
        return Pencil(self.gram[which], self.scale[which], self.kind, self.n)

    @property
    def usable(self) -> np.ndarray:
        """Where X's columns are far enough apart for cross-products, (R,)."""
        k = self.k
        good = np.isfinite(self.gram).all(axis=(1, 2))
        gram = np.where(good[:, None, None], self.gram, 0.0)
        return good & (np.linalg.eigvalsh(gram[:, :k, :k])[:, 0] > APART)

    def parts(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """C_00, C_01 + its transpose and C_11, (R, k + 1, k + 1) each."""
        k1 = self.k + 1
        zz = self.gram[:, :k1, :k1]
        if self.kind == "error":
            mixed = self.gram[:, :k1, k1:]
            return zz, mixed + mixed.swapaxes(1, 2), self.gram[:, k1:, k1:]
        mixed, mm = np.zeros_like(zz), np.zeros_like(zz)
        if self.kind == "lag":
            mixed[:, :, -1] = self.gram[:, :k1, k1]
            mixed = mixed + mixed.swapaxes(1, 2)
            mm[:, -1, -1] = self.gram[:, k1, k1]
        return zz, mixed, mm

    def triangles(self, r: np.ndarray):
        """Cholesky factors of C(r), the last row that of y, at r (R, points): the diagonal of X's (R, points, k), the
        last row's k elements, and q (R, points)."""
        zz, mixed, mm = self.parts()
        k = self.k
        if self.kind == "error":
            at = r[:, :, None, None]
            L = np.linalg.cholesky(zz[:, None] - at * mixed[:, None] + at**2 * mm[:, None])
            return L[..., range(k), range(k)], L[..., k, :k], L[..., k, k] ** 2
        L = np.linalg.cholesky(zz[:, :k, :k])
        rows = np.linalg.solve(L, np.stack([zz[:, :k, k], mixed[:, :k, k]], axis=2))
        inner = rows.swapaxes(1, 2) @ rows
        S = zz[:, k, k] - inner[:, 0, 0], mixed[:, k, k] / 2 - inner[:, 0, 1], mm[:, k, k] - inner[:, 1, 1]
        q = S[0][:, None] - r * (2 * S[1][:, None] - r * S[2][:, None])
        row = rows[:, None, :, 0] - r[:, :, None] * rows[:, None, :, 1]
        return np.broadcast_to(L[:, range(k), range(k)][:, None], row.shape), row, q

    def expansion(self, r: np.ndarray):
        """q, q' and q'' at r (R,), and b: with D = (-b, 1)', q = D'C D, q' = D'C'D and
        q'' = D'C''D - 2 (C'D)_X' C_XX^-1 (C'D)_X."""
        zz, mixed, mm = self.parts()
        k, at = self.k, r[:, None, None]
        C, C1 = zz - at * mixed + at**2 * mm, 2 * at * mm - mixed
        b = np.linalg.solve(C[:, :k, :k], C[:, :k, k:])
        D = np.concatenate([-b, np.ones((len(r), 1, 1))], axis=1)
        q, q1, q2 = ((D.swapaxes(1, 2) @ (c @ D))[:, 0, 0] for c in (C, C1, 2 * mm))
        turn = (C1 @ D)[:, :k]
        q2 = q2 - 2 * (turn.swapaxes(1, 2) @ np.linalg.solve(C[:, :k, :k], turn))[:, 0, 0]
        return q, q1, q2, b[:, :, 0]


def pencil(Z: np.ndarray, k: int, kind: str | None, n: int) -> Pencil:
    """Cross-products of Z (R, c, m): k rows of X, y, and the lags."""
    gram = Z @ Z.swapaxes(1, 2)
    k1 = k + 1
    scale = np.sqrt(np.diagonal(gram[:, :k1, :k1], axis1=1, axis2=2))
    beside = {"lag": scale[:, -1:], "error": scale, None: scale[:, :0]}[kind]
    with np.errstate(divide="ignore", invalid="ignore"):
        inverse = 1 / np.concatenate([scale, beside], axis=1)
        return Pencil(gram * inverse[:, :, None] * inverse[:, None, :], scale, kind, n)


@dataclass(frozen=True, eq=False)
class Maxima:
    """Estimates of R samples: beta (R, k), r (R,), sigma2, loglik (R,), and the covariance of (beta, r), (R, p, p).

    Without a spatial parameter r is zero and the covariance that of X'X alone, sigma2 e'e / n, for the caller to scale.
    """

    beta: np.ndarray
    r: np.ndarray
    sigma2: np.ndarray
    loglik: np.ndarray
    covariance: np.ndarray = field(repr=False)
    sound: np.ndarray = field(repr=False)


def maxima(data: Pencil, curve, r: np.ndarray) -> Maxima:
    """Estimates at the maximum over r. ``sound`` tells where the information is positive definite and the
    residual variance is positive."""
    k, n = data.k, data.n
    q, _, _, b = data.expansion(r)
    length = data.scale[:, -1]
    with np.errstate(invalid="ignore", divide="ignore"):
        loglik = -n / 2 * (np.log(2 * np.pi * q * length**2 / n) + 1) + (0.0 if curve is None else curve.value(r))
    ratio = length[:, None] / data.scale[:, :k]
    covariance, sound = _covariance(data, curve, r, b, q / n)
    rows = np.concatenate([ratio, np.ones((len(r), covariance.shape[1] - k))], axis=1)
    covariance = covariance * rows[:, :, None] * rows[:, None, :]
    return Maxima(b * ratio, r, q / n * length**2, loglik, covariance, sound & (q > LEFT))


def _covariance(data: Pencil, curve, r, b, s2):
    """The inverse observed information of (beta, r) (``covariance.information``), of columns of length one."""
    k, R, c = data.k, len(r), data.gram.shape[1]
    if data.kind is None:
        return s2[:, None, None] * np.linalg.inv(data.gram[:, :k, :k]), np.ones(R, dtype=bool)
    J, e = np.zeros((R, c, k + 1)), np.zeros((R, c, 1))  # -de/d(beta, r) and e, as combinations of the columns
    at = np.arange(k)
    J[:, at, at] = 1
    e[:, :k, 0], e[:, k] = -b, 1
    if data.kind == "lag":
        J[:, k + 1, k], e[:, k + 1, 0] = 1, -r
    else:
        J[:, k + 1 + at, at] = -r[:, None]
        J[:, k + 1 : -1, k], J[:, -1, k] = -b, 1
        e[:, k + 1 : -1, 0], e[:, -1, 0] = b * r[:, None], -r
    GJ, Ge = data.gram @ J, data.gram @ e
    information = np.empty((R, k + 2, k + 2))
    information[:, :-1, :-1] = (J.swapaxes(1, 2) @ GJ) / s2[:, None, None]
    information[:, k, k] -= curve.d2(r)
    if data.kind == "error":
        cross = Ge[:, k + 1 : -1, 0] / s2[:, None]
        information[:, :k, k] += cross
        information[:, k, :k] += cross
    information[:, :-1, -1] = information[:, -1, :-1] = (J.swapaxes(1, 2) @ Ge)[:, :, 0] / s2[:, None] ** 2
    information[:, -1, -1] = data.n / (2 * s2**2)
    diagonal = np.abs(np.diagonal(information, axis1=1, axis2=2))
    with np.errstate(divide="ignore"):
        scale = 1 / np.sqrt(diagonal)
    information = information * scale[:, :, None] * scale[:, None, :]
    sound = np.isfinite(information).all(axis=(1, 2))
    information[~sound] = np.eye(k + 2)
    sound &= np.linalg.eigvalsh(information)[:, 0] > 1e-12
    information[~sound] = np.eye(k + 2)
    return (np.linalg.inv(information) * scale[:, :, None] * scale[:, None, :])[:, :-1, :-1], sound
