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

PART = 4_000_000  # numbers of B held at once


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
    blocks : function of a slice of units to B (n, T, P)
    kept : ndarray of bool, shape (E, G)
        Whether an estimate exists without the group.
    """

    v: np.ndarray
    Z: np.ndarray
    blocks: Callable
    kept: np.ndarray


def jackknife(linear: list[Linear], Y: np.ndarray, group: np.ndarray, f: np.ndarray) -> Jackknife:
    """Of estimates that lose the same groups.

    Parameters
    ----------
    linear : list of Linear, E estimates in all
    Y : ndarray, shape (N, T)
        Outcomes times m^1/2.
    group : ndarray, shape (N,);  f : ndarray, shape (G,)
    """
    v = np.concatenate([part.v for part in linear])
    d, trace, frobenius = (np.concatenate(parts) for parts in zip(*(_deletions(part, Y, group, f) for part in linear)))
    lost = ~np.concatenate([part.kept for part in linear]).all(axis=1)
    d[lost], trace[lost] = np.nan, np.nan
    with np.errstate(invalid="ignore", divide="ignore"):
        scale, df = np.sqrt((v**2).sum(axis=(1, 2)) / trace), trace**2 / frobenius
    V = (d * f) @ d.T * np.outer(scale, scale)
    return Jackknife((v * Y).sum(axis=(1, 2)), np.sqrt(np.diag(V)), df, scale, V, v)


def _deletions(part: Linear, Y, group, f):
    """d (E, G), tr K (E,) and ||K||_F^2 (E,)."""
    (E, G, P), (N, T) = part.Z.shape, Y.shape
    Q, of_y = np.zeros((P, P)), np.zeros(P)
    of_groups = np.zeros((G, P + 2, E))  # H, then |w|^2 and w'y
    step = max(1, PART // max(T * (P + E), 1))
    for start in range(0, N, step):
        at = slice(start, start + step)
        B, g = part.blocks(at), group[at]
        flat = B.reshape(-1, P)
        Q += flat.T @ flat
        of_y += flat.T @ Y[at].ravel()
        w = part.v[:, at].transpose(1, 2, 0) + B @ part.Z[:, g].transpose(1, 2, 0)  # (n, T, E)
        sums = [B.transpose(0, 2, 1) @ w, (w**2).sum(axis=1, keepdims=True), Y[at][:, None, :] @ w]
        if G == N:  # units, each once
            of_groups[g] = np.concatenate(sums, axis=1)
        else:
            np.add.at(of_groups, g, np.concatenate(sums, axis=1))
    H, D, own = of_groups[:, :P].transpose(2, 0, 1), of_groups[:, P].T, of_groups[:, P + 1].T
    # K = L M L' + diag(f D), L = sqrt(f) (Z, H), M = [[Q, -I], [-I, 0]]; tr (M L'L)^2 by its blocks
    Z, fH = part.Z, f[:, None] * H
    fZ = f[:, None] * Z
    diagonal, own_rows = (fZ * (Z @ Q - 2 * H)).sum(axis=2), f * D
    ZZ, ZH, HH = (a.transpose(0, 2, 1) @ b for a, b in ((Z, fZ), (Z, fH), (H, fH)))
    first, second = Q @ ZZ - ZH.transpose(0, 2, 1), Q @ ZH - HH
    frobenius = _trace(first, first) - 2 * _trace(second, ZZ) + _trace(ZH, ZH)
    frobenius = frobenius + (2 * diagonal * own_rows + own_rows**2).sum(axis=1)
    return part.Z @ of_y - own, (diagonal + own_rows).sum(axis=1), frobenius


def _trace(A, B):
    """tr A B of stacks."""
    return (A * B.transpose(0, 2, 1)).sum(axis=(1, 2))


def contrasts(design: Within, L: np.ndarray) -> Linear:
    """L g of a regression (E, q), as estimates that lose groups."""
    c = L / design.scale
    g = c @ design.inverse
    left, kept = design.without(np.repeat(c[:, None], design.n_groups, axis=1))
    v = np.moveaxis(design.U @ g.T, 2, 0)
    return Linear(v, left - g[:, None], lambda part: design.U[part], kept)


def plain(n_groups: int) -> np.ndarray:
    """f = (G - 1) / G."""
    return np.full(n_groups, (n_groups - 1) / n_groups)


def by_cohort(first: np.ndarray) -> np.ndarray:
    """f_i = (n - 1) / n for a unit among n that adopt at the same time, one half for a unit alone."""
    n = np.bincount(first)[first]
    return np.where(n > 1, (n - 1) / n, 0.5)
