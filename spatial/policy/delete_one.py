"""The delete-one jackknife of estimates that are linear in y, scaled to independent errors, with Satterthwaite's t.

An estimate is theta = sum_i v_i'y_i. Without group g it is theta + d_g with d_g = delta_g'y, delta_g = v^(-g) - v:

    V = sum_g f_g d_g d_g'            K_gh = sqrt(f_g f_h) delta_g'delta_h
    s.e. = sqrt(V v'v / tr K)         df = (tr K)^2 / ||K||_F^2

tr K / v'v is the expectation of V over the variance where errors are independent with variance 1 / m_it: the scale
makes it one. Every delta_g lies in a space of few dimensions but for the group's own rows,

    delta_g = B z_g - (v_g + B_g z_g on the rows of g)

so that K is never built. Sources: Bell & McCaffrey (2002, Survey Methodology 28:169-181) for df; Hansen (2025,
Jackknife standard errors for clustered regression) for the jackknife with its scale.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from .within import Within

PART = 200_000  # numbers of B held at once


@dataclass(frozen=True, eq=False)
class Jackknife:
    """Estimates with their scaled delete-one covariance.

    Attributes
    ----------
    estimates, std_errors, df, scale : ndarray, shape (E,)
        NaN where a group's deletion leaves an estimate without observations: one group alone identifies it.
        ``scale`` multiplies the plain jackknife's standard error.
    V : ndarray, shape (E, E)
    v : ndarray, shape (E, N, T)
        Weights of the outcomes, times the error's standard deviation m^-1/2.
    """

    estimates: np.ndarray
    std_errors: np.ndarray
    df: np.ndarray
    scale: np.ndarray
    V: np.ndarray = field(repr=False)
    v: np.ndarray = field(repr=False)

    def part(self, at: slice) -> Jackknife:
        """Of some of the estimates."""
        return Jackknife(self.estimates[at], self.std_errors[at], self.df[at], self.scale[at], self.V[at, at],
                         self.v[at])  # fmt: skip


@dataclass(frozen=True, eq=False)
class Linear:
    """Estimates theta = v'y that share B, and what their deletions need.

    Attributes
    ----------
    v : ndarray, shape (E, N, T)
    Z : ndarray, shape (E, G, P)
    blocks : function of a slice of units to the first columns of B, (n, T, P - q)
    kept : ndarray of bool, shape (E, G)
        Whether an estimate exists without the group.
    U : ndarray, shape (N, T, q), optional
        The last columns of B; all estimates of a jackknife have the same.
    """

    v: np.ndarray
    Z: np.ndarray
    blocks: Callable
    kept: np.ndarray
    U: np.ndarray | None = None


def jackknife(linear: list[Linear], Y: np.ndarray, group: np.ndarray, f: np.ndarray) -> Jackknife:
    """Of estimates that lose the same groups.

    Parameters
    ----------
    linear : list of Linear, E estimates in all
    Y : ndarray, shape (N, T)
        Outcomes times m^1/2.
    group : ndarray, shape (N,);  f : ndarray, shape (G,)
    """
    kept = np.concatenate([part.kept for part in linear]).all(axis=1)
    d, trace, frobenius = _deletions(linear, Y, group, f)
    return _scaled(np.concatenate([part.v for part in linear]), Y, d, trace, frobenius, kept, f)


def _scaled(v, Y, d, trace, frobenius, kept, f) -> Jackknife:
    """From deletions d (E, G), tr K and ||K||_F^2 (E,), and which estimates no deletion leaves without observations."""
    d, trace = np.where(kept[:, None], d, np.nan), np.where(kept, trace, np.nan)
    with np.errstate(invalid="ignore", divide="ignore"):
        scale, df = np.sqrt((v**2).sum(axis=(1, 2)) / trace), trace**2 / frobenius
    V = (d * f) @ d.T * np.outer(scale, scale)
    return Jackknife((v * Y).sum(axis=(1, 2)), np.sqrt(np.diag(V)), df, scale, V, v)


def _deletions(parts: list[Linear], Y, group, f):
    """d (E, G), tr K (E,) and ||K||_F^2 (E,) of all estimates."""
    sums = _over_units(parts, Y, group, len(f))
    return (np.concatenate(of_parts) for of_parts in zip(*(_norms(part.Z, f, *of) for part, of in zip(parts, sums))))


def _over_units(parts: list[Linear], Y, group, G: int):
    """For each part Q = B'B (P, P), B'y (P,), H_g = B_g'w_g (E, G, P), |w_g|^2 and w_g'y_g (E, G), with w_g = v_g +
    B_g z_g on the rows of g. Columns that all parts share are multiplied once."""
    (N, T), U = Y.shape, parts[0].U
    U = np.zeros((N, T, 0)) if U is None else U
    q, v = U.shape[2], np.concatenate([part.v for part in parts])
    Z_U = np.concatenate([part.Z[:, :, part.Z.shape[2] - q :] for part in parts])
    ends = np.cumsum([len(part.v) for part in parts])
    of_part = [slice(end - len(part.v), end) for part, end in zip(parts, ends)]
    moments = [np.zeros((part.Z.shape[2], part.Z.shape[2] + 1)) for part in parts]
    of_cells = [np.zeros((G, part.Z.shape[2] - q, len(part.v))) for part in parts]
    of_U = np.zeros((G, q + 2, len(v)))
    step = max(1, PART // max(T * (max(part.Z.shape[2] for part in parts) + len(v)), 1))
    for start in range(0, N, step):
        at = slice(start, start + step)
        u, y, g = U[at], Y[at], group[at]
        flat = np.concatenate([u.reshape(y.size, q), y.reshape(-1, 1)], axis=1)
        of_u = flat[:, :q].T @ flat
        w = v[:, at].transpose(1, 2, 0) + u @ Z_U[:, g].transpose(1, 2, 0)  # (n, T, E)
        for part, e, moment, H in zip(parts, of_part, moments, of_cells):
            cells = H.shape[1]
            if cells:
                B = part.blocks(at)
                w[:, :, e] += B @ part.Z[:, g, :cells].transpose(1, 2, 0)
                _add(H, g, B.transpose(0, 2, 1) @ w[:, :, e])
                B = B.reshape(-1, cells)
                moment[:cells, :cells] += B.T @ B
                moment[:cells, cells:] += B.T @ flat
            moment[cells:, cells:] += of_u
        _add(of_U, g, np.concatenate([u.transpose(0, 2, 1) @ w, (w**2).sum(axis=1, keepdims=True),
                                      y[:, None, :] @ w], axis=1))  # fmt: skip
    for e, moment, H in zip(of_part, moments, of_cells):
        Q, cells = moment[:, :-1], H.shape[1]
        Q[cells:, :cells] = Q[:cells, cells:].T
        H_all = np.concatenate([H, of_U[:, :q, e]], axis=1).transpose(2, 0, 1)
        yield Q, moment[:, -1], H_all, of_U[:, q, e].T, of_U[:, q + 1, e].T


def _add(sums: np.ndarray, g: np.ndarray, values: np.ndarray) -> None:
    """Values (n, ...) of units to the sums (G, ...) of their groups."""
    if (np.diff(g) > 0).all():
        sums[g] += values
    else:
        np.add.at(sums, g, values)


def _norms(Z, f, Q, of_y, H, D, own):
    """d, tr K and ||K||_F^2 with K = L M L' + diag(f D), L = sqrt(f) (Z, H), M = [[Q, -I], [-I, 0]]: tr (M L'L)^2 by
    its blocks."""
    fH, fZ = f[:, None] * H, f[:, None] * Z
    diagonal, own_rows = (fZ * (Z @ Q - 2 * H)).sum(axis=2), f * D
    ZZ, ZH, HH = (a.transpose(0, 2, 1) @ b for a, b in ((Z, fZ), (Z, fH), (H, fH)))
    first, second = Q @ ZZ - ZH.transpose(0, 2, 1), Q @ ZH - HH
    frobenius = _trace(first, first) - 2 * _trace(second, ZZ) + _trace(ZH, ZH)
    frobenius = frobenius + (2 * diagonal * own_rows + own_rows**2).sum(axis=1)
    return Z @ of_y - own, (diagonal + own_rows).sum(axis=1), frobenius


def _trace(A, B):
    """tr A B of stacks."""
    return (A * B.transpose(0, 2, 1)).sum(axis=(1, 2))


def of_contrasts(design: Within, L: np.ndarray, Y: np.ndarray) -> Jackknife:
    """L g of a regression, L (E, q). With l_g = U_g (S - U_g'U_g)^+ c = (I - H_g)^-1 v_g and residuals e,

        delta_g = -M (l_g on the rows of g)    d_g = -l_g'e_g    K_gh = sqrt(f_g f_h) ([g = h] l_g'l_g - x_g'x_h)

    where M = I - U S^+ U', x_g'x_g = l_g'(l_g - v_g), and sum_g f_g x_g x_g' has the eigenvalues of
    sum_g f_g z_g z_g' S with z_g = (S - U_g'U_g)^+ c - S^+ c.
    """
    U, group, f = design.U, design.group, plain(design.n_groups)
    c = L / design.scale
    g = c @ design.inverse
    left, kept = design.without(c[:, None])
    e = Y - U @ (design.inverse @ np.einsum("ntq,nt->q", U, Y))
    v = np.moveaxis(U @ g.T, 2, 0)
    sums = np.zeros((3, design.n_groups, len(L)))  # l'e, l'v, l'l
    step = max(1, PART // (U.shape[1] * (U.shape[2] + len(L))))
    for start in range(0, len(U), step):
        at = slice(start, start + step)
        own = U[at] @ left[:, group[at]].transpose(1, 2, 0)  # (n, T, E)
        for total, other in zip(sums, (e[at, :, None], v[:, at].transpose(1, 2, 0), own)):
            _add(total, group[at], (own * other).sum(axis=1))
    of_e, of_v, of_own = sums.transpose(0, 2, 1)
    z = left - g[:, None]
    across = (z.transpose(0, 2, 1) @ (f[:, None] * z)) @ design.gram
    frobenius = (f**2 * of_own * (2 * of_v - of_own)).sum(axis=1) + _trace(across, across)
    return _scaled(v, Y, -of_e, of_v @ f, frobenius, kept.all(axis=1), f)


def plain(n_groups: int) -> np.ndarray:
    """f = (G - 1) / G."""
    return np.full(n_groups, (n_groups - 1) / n_groups)


def by_cohort(first: np.ndarray) -> np.ndarray:
    """f_i = (n - 1) / n for a unit among n that adopt at the same time, one half for a unit alone."""
    n = np.bincount(first)[first]
    return np.where(n > 1, (n - 1) / n, 0.5)
