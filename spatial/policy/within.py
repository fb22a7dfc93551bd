"""Least squares with unit effects, ready to lose any unit: one factor for estimates, jackknife and CR2.

    y_it = alpha_i + C_it g + e_it,    weights m_it

C holds period dummies (of each region) and regressors. Unit effects leave first: U = sqrt(m) (C - its unit mean) and
S = U'U. With H = U_g S^+ U_g' = E Lambda E' for the rows of a group g and F = S^+ U_g' E,

    (S - U_g'U_g)^+ c = S^+ c + F (I - Lambda)^-1 F'c

so that no group costs a new inverse (Woodbury's identity).
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
    deviation : ndarray, shape (N, T, q)
        Regressors less their unit mean over the observations with mass, on all observations; same scale as U.
    share : ndarray, shape (N, T)
        m_it / sum_t m_it.
    scale : ndarray, shape (q,)
        Length of each column: coefficients are divided by it.
    root : ndarray, shape (q, r)
        Q with Q Q' = S^+.
    group : ndarray, shape (N,)
        What is deleted together: codes 0, 1 ...
    """

    U: np.ndarray = field(repr=False)
    deviation: np.ndarray = field(repr=False)
    share: np.ndarray = field(repr=False)
    scale: np.ndarray = field(repr=False)
    root: np.ndarray = field(repr=False)
    group: np.ndarray = field(repr=False)

    @property
    def n_groups(self) -> int:
        return int(self.group.max()) + 1

    @cached_property
    def inverse(self) -> np.ndarray:
        """S^+, (q, q)."""
        return self.root @ self.root.T

    def identifies(self, c: np.ndarray) -> np.ndarray:
        """Whether c'g is a function of the expected outcomes, for c (..., q)."""
        outside = c - (c @ self.inverse) @ self._gram
        return np.abs(outside).max(axis=-1, initial=0) <= 1e-6 * np.maximum(np.abs(c).max(axis=-1, initial=0), 1e-300)

    @cached_property
    def _gram(self) -> np.ndarray:
        flat = self.U.reshape(-1, self.U.shape[2])
        return flat.T @ flat

    @cached_property
    def factors(self) -> tuple[np.ndarray, np.ndarray]:
        """F (G, q, m) and lambda (G, m) of every group; unused places are zero."""
        N, _, q = self.U.shape
        G = self.n_groups
        if G == N:  # units that adopt together often have the same rows
            rows = self.U[np.argsort(self.group)]
            codes: dict[bytes, int] = {}
            kind = np.array([codes.setdefault(one.tobytes(), len(codes)) for one in rows])
            F, lam = _factors(rows[np.unique(kind, return_index=True)[1]], self.root)
            return F[kind], lam[kind]
        parts = []
        for g in range(G):
            rows = self.U[self.group == g].reshape(-1, q)
            if len(rows) > q:  # the same cross-products in q rows
                rows = np.asarray(np.linalg.qr(rows, mode="r"))
            parts.append(_factors(rows[None], self.root))
        m = max(lam.shape[1] for _, lam in parts)
        F, lam = np.zeros((G, q, m)), np.zeros((G, m))
        for g, (F_g, lam_g) in enumerate(parts):
            F[g, :, : lam_g.shape[1]], lam[g, : lam_g.shape[1]] = F_g[0], lam_g[0]
        return F, lam

    def without(self, c: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(S - U_g'U_g)^+ c_g for c (..., G, q), and whether the remaining groups identify it, (..., G)."""
        F, lam = self.factors
        c_g = np.moveaxis(c.reshape(-1, *c.shape[-2:]), 1, 0)  # (G, E, q)
        along = c_g @ F
        lost = (lam > 1 - LOST)[:, None, :]
        solved = c_g @ self.inverse
        size = np.sqrt(np.maximum((solved * c_g).sum(axis=-1), 1e-300))
        kept = ~(lost & (np.abs(along) > 1e-6 * size[..., None])).any(axis=-1)
        step = np.where(lost, 0.0, along / np.where(lost, 1.0, 1 - lam[:, None, :]))
        solved = solved + step @ F.transpose(0, 2, 1)
        return np.moveaxis(solved, 0, 1).reshape(c.shape), kept.T.reshape(c.shape[:-1])


def within(mass: np.ndarray, C: np.ndarray, group: np.ndarray) -> Within:
    """Factor a design.

    Parameters
    ----------
    mass : ndarray, shape (N, T)
        Weights of the observations; zero leaves one out.
    C : ndarray, shape (N, T, q)
    group : ndarray, shape (N,)
    """
    total = mass.sum(axis=1)
    share = mass / np.where(total > 0, total, 1.0)[:, None]
    deviation = C - np.einsum("nt,ntq->nq", share, C)[:, None, :]
    U = np.sqrt(mass)[:, :, None] * deviation
    scale = np.sqrt((U**2).sum(axis=(0, 1)))
    scale = np.where(scale > 0, scale, 1.0)
    U, deviation = U / scale, deviation / scale
    flat = U.reshape(-1, U.shape[2])
    size, vectors = np.linalg.eigh(flat.T @ flat)
    kept = size > RANK * size.max(initial=0)
    return Within(U, deviation, share, scale, vectors[:, kept] / np.sqrt(size[kept]), group)


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


def _factors(rows: np.ndarray, root: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """F and lambda of blocks of rows (G, m, q)."""
    half = rows @ root
    lam, E = np.linalg.eigh(half @ half.transpose(0, 2, 1))
    return root @ (half.transpose(0, 2, 1) @ E), np.clip(lam, 0.0, 1.0)
