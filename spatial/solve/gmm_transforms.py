"""How unit effects leave the equations of a dynamic panel: first differences or forward orthogonal deviations.

Weights of observations w_it, with Var v_it = s2 / w_it, make deviations those from weighted means of the later rows,

    D v_it = c_it (v_it - sum_{s>t} w_is v_is / w+_it),   c_it^2 = w_it w+_it / (w_it + w+_it),   w+_it = sum_{s>t} w_is

which are uncorrelated with the variance s2 (Arellano & Bover 1995 where all weights are one); differences are times the
root of the harmonic mean of their two weights. Instruments of a row are times the same root, so that moments are
sum_i w_i H_i' D v_i where a unit has one weight.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

ROUNDING = 1e-12  # share of a unit's weights below which no later row is left


@dataclass(frozen=True, eq=False)
class WithoutUnits:
    """D, (T - 1, T) of all units or (N, T - 1, T); DD = D Var(v) D' / s2, likewise; ``root`` (T - 1, N), what
    instruments that are not transformed are multiplied with: None for 1."""

    D: np.ndarray = field(repr=False)
    DD: np.ndarray = field(repr=False)
    root: np.ndarray | None = field(default=None, repr=False)

    def __call__(self, values: np.ndarray) -> np.ndarray:
        """D of (T, N) or (T, N, k) values, zero where a unit was not observed."""
        D = self.D
        if D.ndim == 2:
            return np.tensordot(D, values, 1)
        out = D @ values.reshape(*values.shape[:2], -1).swapaxes(0, 1)
        return out.swapaxes(0, 1).reshape(D.shape[1], *values.shape[1:])

    def instruments(self, values: np.ndarray) -> np.ndarray:
        """Instruments (T - 1, N, q) of the rows that there are; missing ones are zero."""
        if self.D.ndim == 2:
            return values
        there = np.abs(self.D).sum(axis=2).T[:, :, None] > 0
        kept = np.where(there, np.nan_to_num(values), 0.0)
        return kept if self.root is None else kept * self.root[:, :, None]


def without_units(
    T: int, *, differences: bool, rows: np.ndarray | None = None, weights: np.ndarray | None = None
) -> WithoutUnits:
    """Of T periods; ``rows`` (T, N) of an unbalanced panel, ``weights`` (T, N) of the observations."""
    if rows is None and weights is None:
        D = first_differences(T) if differences else orthogonal_deviations(T)
        return WithoutUnits(D, D @ D.T)
    if weights is None:
        assert rows is not None
        D = differences_with_gaps(rows) if differences else forward_deviations(rows.astype(float))
        return WithoutUnits(D, D @ D.swapaxes(1, 2))
    rows = np.ones(weights.shape, dtype=bool) if rows is None else rows
    w = np.where(rows, weights, 0.0)
    if differences:
        mean = 2 * w[1:] * w[:-1] / np.where(w[1:] + w[:-1] > 0, w[1:] + w[:-1], 1.0)
        root = np.sqrt(mean)
        D = differences_with_gaps(rows) * root.T[:, :, None]
    else:
        D, plain = (np.diagonal(forward_deviations(v), axis1=1, axis2=2).T for v in (w, rows.astype(float)))
        root = np.divide(D, plain, out=np.zeros_like(D), where=plain > 0)
        D = forward_deviations(w)
    variance = np.divide(1.0, w, out=np.zeros_like(w), where=w > 0).T
    return WithoutUnits(D, (D * variance[:, None]) @ D.swapaxes(1, 2), root)


def first_differences(T: int) -> np.ndarray:
    """(T - 1, T): x_t - x_{t-1}."""
    return np.eye(T)[1:] - np.eye(T)[:-1]


def orthogonal_deviations(T: int) -> np.ndarray:
    """(T - 1, T): sqrt((T-t) / (T-t+1)) (x_t - mean of the later values); rows are orthonormal."""
    F = np.zeros((T - 1, T))
    for t in range(T - 1):
        ahead = T - 1 - t
        F[t, t], F[t, t + 1 :] = 1, -1 / ahead
        F[t] *= np.sqrt(ahead / (ahead + 1))
    return F


def differences_with_gaps(rows: np.ndarray) -> np.ndarray:
    """(N, T - 1, T): first differences of every unit, zero where one of the two rows is missing.

    Examples
    --------
    >>> differences_with_gaps(np.array([[True], [True], [False]]))[0]
    array([[-1.,  1.,  0.],
           [ 0.,  0.,  0.]])
    """
    both = (rows[1:] & rows[:-1]).T[:, :, None]
    return np.where(both, first_differences(len(rows)), 0.0)


def forward_deviations(w: np.ndarray) -> np.ndarray:
    """(N, T - 1, T): of every row of a unit c_t (x_t - weighted mean of its later rows), zero where there is no row (w
    of zero), or none later; with weights of one Roodman's (2009, Stata Journal 9:86-136, section 4).

    Examples
    --------
    >>> abs(forward_deviations(np.array([[1.0], [0.0], [1.0]]))[0]).round(3)
    array([[0.707, 0.   , 0.707],
           [0.   , 0.   , 0.   ]])
    """
    S = w.T
    T = S.shape[1]
    ahead = S[:, ::-1].cumsum(axis=1)[:, ::-1] - S
    ahead = np.where(ahead > ROUNDING * S.sum(axis=1, keepdims=True), ahead, 0.0)
    square = np.divide(S * ahead, S + ahead, out=np.zeros_like(S), where=ahead > 0)
    scale = np.sqrt(square)[:, :-1]
    later = np.triu(np.ones((T, T)), 1)[:-1] * S[:, None] / np.where(ahead > 0, ahead, 1.0)[:, :-1, None]
    return scale[:, :, None] * (np.eye(T)[:-1] - later)
