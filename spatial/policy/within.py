"""Least squares with unit effects, ready to lose any unit: one factor for estimates, jackknife and CR2.

    y_it = alpha_i + C_it g + e_it,    weights m_it

C holds period dummies (of each region) and regressors. Unit effects leave first: U = sqrt(m) (C - its unit mean) and
S = U'U. With H = U_g S^+ U_g' = E Lambda E' for the rows of a group g and F = S^+ U_g' E,

    (S - U_g'U_g)^+ c = S^+ c + F (I - Lambda)^-1 F'c

so that no group costs a new inverse (Woodbury's identity). Period dummies and leads have the same rows in all units of
a cohort: one eigenproblem of these columns serves the cohort. Covariates X differ unit by unit and follow by blocks.
With B_g the inverse (S - U_g'U_g)^+ of the common columns alone, P = (-S_0^+ S_0X, I) R where R R' = (X'M_0 X)^+
inverts what the common columns leave of X, Z_g = U_g P and L_g = P + B_g U_g'Z_g,

    (S - U_g'U_g)^+ = B_g + L_g (I - Z_g'Z_g - Z_g'U_g B_g U_g'Z_g)^-1 L_g'
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

RANK = 1e-10  # relative eigenvalue of S below which a direction is not identified
LOST = 1e-8  # 1 - lambda below which a direction is identified by one group alone


@dataclass(frozen=True, eq=False)
class Within:
    """A weighted panel regression with unit effects.

    Attributes
    ----------
    U : ndarray, shape (N, T, q)
        Regressors less their unit mean, times the root of the mass; columns of length one.
    C : ndarray, shape (N, T, q)
        The regressors.
    share : ndarray, shape (N, T)
        m_it / sum_t m_it.
    scale : ndarray, shape (q,)
        Length of each column: coefficients are divided by it.
    root : ndarray, shape (q, r)
        Q with Q Q' = S^+.
    common : int
        How many columns of the root, the first, belong to the columns that units of a cohort share; their rows for the
        other columns are zero.
    group : ndarray, shape (N,)
        What is deleted together: codes 0, 1 ...
    """

    U: np.ndarray = field(repr=False)
    C: np.ndarray = field(repr=False)
    share: np.ndarray = field(repr=False)
    scale: np.ndarray = field(repr=False)
    root: np.ndarray = field(repr=False)
    common: int
    group: np.ndarray = field(repr=False)

    @property
    def n_groups(self) -> int:
        return int(self.group.max()) + 1

    @cached_property
    def deviation(self) -> np.ndarray:
        """Regressors less their unit mean over the observations with mass, on all observations; same scale as U."""
        return (self.C - self.share[:, None, :] @ self.C) / self.scale

    @cached_property
    def inverse(self) -> np.ndarray:
        """S^+, (q, q)."""
        return self.root @ self.root.T

    def identifies(self, c: np.ndarray) -> np.ndarray:
        """Whether c'g is a function of the expected outcomes, for c (..., q)."""
        outside = c - (c @ self.inverse) @ self.gram
        return np.abs(outside).max(axis=-1, initial=0) <= 1e-6 * np.maximum(np.abs(c).max(axis=-1, initial=0), 1e-300)

    @cached_property
    def gram(self) -> np.ndarray:
        """S, (q, q)."""
        flat = self.U.reshape(-1, self.U.shape[2])
        return flat.T @ flat

    @cached_property
    def factors(self) -> tuple[np.ndarray, np.ndarray]:
        """F (G, q, m) and lambda (G, m) of every group; unused places are zero."""
        F, lam, kind = self._factors(self.root)
        return F[kind], lam[kind]

    def _factors(self, root: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The same of the columns that a root reaches, for kinds of groups, and the kind of each, (G,)."""
        q, G = self.U.shape[2], self.n_groups
        if len(self.U) == G:  # units that adopt together often have the same rows
            used = root.any(axis=1)
            rows = self.U[np.argsort(self.group)][:, :, used]
            codes: dict[bytes, int] = {}
            kind = np.array([codes.setdefault(one.tobytes(), len(codes)) for one in rows])
            F_used, lam = _factors(rows[np.unique(kind, return_index=True)[1]], root[used])
            F = np.zeros((len(F_used), q, F_used.shape[2]))
            F[:, used] = F_used
            return F, lam, kind
        parts = []
        for g in range(G):
            rows = self.U[self.group == g].reshape(-1, q)
            if len(rows) > q:  # the same cross-products in q rows
                rows = np.asarray(np.linalg.qr(rows, mode="r"))
            parts.append(_factors(rows[None], root))
        m = max(lam.shape[1] for _, lam in parts)
        F, lam = np.zeros((G, q, m)), np.zeros((G, m))
        for g, (F_g, lam_g) in enumerate(parts):
            F[g, :, : lam_g.shape[1]], lam[g, : lam_g.shape[1]] = F_g[0], lam_g[0]
        return F, lam, np.arange(G)

    @cached_property
    def _updates(self) -> tuple[np.ndarray, list[tuple[np.ndarray, np.ndarray, np.ndarray]]]:
        """S_0 and, by kinds of groups, F (K, q, m), lambda (K, m) and the kind of each group (G,):
        (S - U_g'U_g)^+ is S_0 and all F_g (I - Lambda_g)^-1 F_g'."""
        root, P = self.root[:, : self.common], self.root[:, self.common :]
        (N, T), p = self.U.shape[:2], P.shape[1]
        if self.n_groups < N or not 0 < 2 * p <= T:  # no cheaper by blocks
            return self.inverse, [self._factors(self.root)]
        S_0, (F, lam, kind) = root @ root.T, self._factors(root)
        U = self.U[np.argsort(self.group)]
        Z = U @ P
        UZ = U.transpose(0, 2, 1) @ Z  # (N, q, p)
        BUZ = np.empty(UZ.shape)
        for k, (F_k, stretched) in enumerate(zip(F, _stretched(F, lam))):
            BUZ[kind == k] = (S_0 + stretched @ F_k.T) @ UZ[kind == k]
        nu, E = np.linalg.eigh(Z.transpose(0, 2, 1) @ Z + UZ.transpose(0, 2, 1) @ BUZ)
        return S_0, [(F, lam, kind), ((P + BUZ) @ E, nu, np.arange(N))]

    def without(self, c: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(S - U_g'U_g)^+ c_g for c (..., G, q), or (..., 1, q) for all groups, and whether the remaining groups
        identify it, (..., G)."""
        S_0, updates = self._updates
        c_g = np.moveaxis(c.reshape(-1, *c.shape[-2:]), 1, 0)  # (G, E, q)
        size = np.sqrt(np.maximum(((c_g @ self.inverse) * c_g).sum(axis=-1), 1e-300))
        solved, lost_for = c_g @ S_0, np.zeros(size.shape, dtype=bool)
        for F, lam, kind in updates:
            if len(c_g) > 1:
                F, lam, kind = F[kind], lam[kind], np.arange(len(kind))
            lost = (lam > 1 - LOST)[:, None, :]
            lost_for = lost_for | (lost & (np.abs(c_g @ F) > 1e-6 * size[..., None])).any(axis=-1)[kind]
            solved = solved + ((c_g @ _stretched(F, lam)) @ F.transpose(0, 2, 1))[kind]
        shape = (*c.shape[:-2], self.n_groups)
        return np.moveaxis(solved, 0, 1).reshape(*shape, c.shape[-1]), ~lost_for.T.reshape(shape)


def within(mass: np.ndarray, C: np.ndarray, group: np.ndarray, own: slice = slice(0)) -> Within:
    """Factor a design.

    Parameters
    ----------
    mass : ndarray, shape (N, T)
        Weights of the observations; zero leaves one out.
    C : ndarray, shape (N, T, q)
    group : ndarray, shape (N,)
    own : slice
        Columns that differ unit by unit.
    """
    total = mass.sum(axis=1)
    share = mass / np.where(total > 0, total, 1.0)[:, None]
    U = np.ascontiguousarray(C - share[:, None, :] @ C)
    U *= np.sqrt(mass)[:, :, None]
    flat = U.reshape(-1, U.shape[2])
    scale = np.linalg.norm(flat, axis=0)
    scale = np.where(scale > 0, scale, 1.0)
    U /= scale
    place = np.arange(flat.shape[1])
    root, common = _root(flat.T @ flat, flat, np.delete(place, own), place[own])
    return Within(U, C, share, scale, root, common, group)


def _root(S: np.ndarray, flat: np.ndarray, shared: np.ndarray, own: np.ndarray) -> tuple[np.ndarray, int]:
    """Q with Q Q' = S^+, and how many of its columns are of the shared columns alone: these first."""
    size, vectors = np.linalg.eigh(S[np.ix_(shared, shared)])
    kept = size > RANK * size.max(initial=0)
    root = np.zeros((len(S), kept.sum()))
    root[shared] = vectors[:, kept] / np.sqrt(size[kept])
    if not len(own):
        return root, root.shape[1]
    P = np.eye(len(S))[:, own] - root @ (root.T @ S[:, own])
    X = flat @ P
    size, vectors = np.linalg.eigh(X.T @ X)
    kept = size > RANK * len(own)
    P = (P @ vectors[:, kept]) / np.sqrt(size[kept])
    return np.hstack([root, P]), root.shape[1]


def group_sums(values: np.ndarray, group: np.ndarray) -> np.ndarray:
    """Values (N, ...) added up by code (N,)."""
    G = int(group.max()) + 1
    out = np.zeros((G, *values.shape[1:]))
    if len(group) == G:
        out[group] = values
    else:
        np.add.at(out, group, values)
    return out


def period_dummies(T: int, region: np.ndarray) -> np.ndarray:
    """(N, T, T R): one column for each period of each region."""
    N, R = len(region), int(region.max()) + 1
    C = np.zeros((N, T, R, T))
    t = np.arange(T)
    C[np.arange(N)[:, None], t, region[:, None], t] = 1
    return C.reshape(N, T, R * T)


def _stretched(F: np.ndarray, lam: np.ndarray) -> np.ndarray:
    """F (I - Lambda)^-1, without directions that are lost."""
    lost = lam > 1 - LOST
    return F * np.where(lost, 0.0, 1 / np.where(lost, 1.0, 1 - lam))[:, None, :]


def _factors(rows: np.ndarray, root: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """F and lambda of blocks of rows (G, m, q)."""
    half = rows @ root
    lam, E = np.linalg.eigh(half @ half.transpose(0, 2, 1))
    return root @ (half.transpose(0, 2, 1) @ E), np.clip(lam, 0.0, 1.0)
