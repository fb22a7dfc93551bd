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
    """One estimate, theta = v'y, and what its deletions need.

    Attributes
    ----------
    v : ndarray, shape (N, T)
    Z : ndarray, shape (G, P)
    blocks : function of a slice of units to B (n, T, P)
    kept : ndarray of bool, shape (G,)
        Whether the estimate exists without the group.
    """

    v: np.ndarray
    Z: np.ndarray
    blocks: Callable
    kept: np.ndarray


def jackknife(linear: list[Linear], Y: np.ndarray, group: np.ndarray, f: np.ndarray) -> Jackknife:
    """Of several estimates that lose the same groups.

    Parameters
    ----------
    linear : list of E Linear
    Y : ndarray, shape (N, T)
        Outcomes times m^1/2.
    group : ndarray, shape (N,);  f : ndarray, shape (G,)
    """
    estimates = np.array([float((one.v * Y).sum()) for one in linear])
    d, scale, df = np.zeros((len(linear), len(f))), np.full(len(linear), np.nan), np.full(len(linear), np.nan)
    for e, one in enumerate(linear):
        if not one.kept.all():
            d[e] = np.nan
            continue
        d[e], trace, frobenius = _deletions(one, Y, group, f)
        if trace > 0:
            scale[e], df[e] = np.sqrt((one.v**2).sum() / trace), trace**2 / frobenius
    V = (d * f) @ d.T * np.outer(scale, scale)
    return Jackknife(estimates, np.sqrt(np.diag(V)), df, scale, V, np.array([one.v for one in linear]))


def _deletions(one: Linear, Y, group, f):
    """d (G,), tr K and ||K||_F^2."""
    (G, P), (N, T) = one.Z.shape, Y.shape
    Q, of_y = np.zeros((P, P)), np.zeros(P)
    H, D, own = np.zeros((G, P)), np.zeros(G), np.zeros(G)
    step = max(1, PART // max(T * P, 1))
    for start in range(0, N, step):
        part = slice(start, start + step)
        B, g = one.blocks(part), group[part]
        flat = B.reshape(-1, P)
        Q += flat.T @ flat
        of_y += flat.T @ Y[part].ravel()
        w = one.v[part] + np.einsum("ntp,np->nt", B, one.Z[g])
        np.add.at(H, g, np.einsum("ntp,nt->np", B, w))
        np.add.at(D, g, (w**2).sum(axis=1))
        np.add.at(own, g, (w * Y[part]).sum(axis=1))
    d = one.Z @ of_y - own
    # K = L M L' + diag(f D), L = sqrt(f) (Z, H), M = [[Q, -I], [-I, 0]]
    L = np.sqrt(f)[:, None] * np.hstack([one.Z, H])
    M = np.block([[Q, -np.eye(P)], [-np.eye(P), np.zeros((P, P))]])
    LM = L @ M
    diagonal, own_rows = np.einsum("gp,gp->g", LM, L), f * D
    gram = L.T @ LM
    frobenius = np.einsum("pq,qp->", gram, gram) + 2 * (diagonal * own_rows).sum() + (own_rows**2).sum()
    return d, float((diagonal + own_rows).sum()), float(frobenius)


def contrasts(design: Within, L: np.ndarray) -> list[Linear]:
    """L g of a regression (E, q), as estimates that lose groups."""
    out, U, G = [], design.U, design.n_groups
    for c in L / design.scale:
        left, kept = design.without(np.tile(c, (G, 1)))
        g = design.inverse @ c
        out.append(Linear(U @ g, left - g, lambda part: U[part], kept))
    return out


def plain(n_groups: int) -> np.ndarray:
    """f = (G - 1) / G."""
    return np.full(n_groups, (n_groups - 1) / n_groups)


def by_cohort(first: np.ndarray) -> np.ndarray:
    """f_i = (n - 1) / n for a unit among n that adopt at the same time, one half for a unit alone."""
    n = np.bincount(first)[first]
    return np.where(n > 1, (n - 1) / n, 0.5)
