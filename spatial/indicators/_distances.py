"""Distances to the frontier of a technology, as linear programmes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ._programmes import in_parts, minimise


def radial(x, y, X, Y, returns: str, orientation: str) -> np.ndarray:
    """Farrell's efficiency of (x, y) against the frontier of (X, Y), (B,): may exceed 1 where units are not among them;
    NaN where no point of the frontier compares."""
    best = _undominated(X, Y)
    X, Y = X[best], Y[best]
    return in_parts(lambda at: _radial(x[at], y[at], X, Y, returns, orientation), len(x), 1 + len(X))


def _undominated(X, Y) -> np.ndarray:
    """Undominated units: they alone span the frontier."""
    Z = np.concatenate([X, -Y], axis=1)
    matched, beaten = np.ones((len(Z), len(Z)), dtype=bool), np.zeros((len(Z), len(Z)), dtype=bool)
    for z in Z.T:
        matched &= z <= z[:, None]
        beaten |= z < z[:, None]
    return np.logical_not((matched & beaten).any(axis=1))


def _radial(x, y, X, Y, returns, orientation) -> np.ndarray:
    B, m, s, n = len(x), x.shape[1], y.shape[1], len(X)
    A = np.zeros((B, m + s, 1 + n))  # variables: theta or phi, then l
    A[:, :m, 1:], A[:, m:, 1:] = X.T, -Y.T
    b = np.zeros((B, m + s))
    if orientation == "input":
        A[:, :m, 0], b[:, m:] = -x, -y
    else:
        A[:, m:, 0], b[:, :m] = y, x
    c = np.zeros((B, 1 + n))
    c[:, 0] = 1 if orientation == "input" else -1
    value = minimise(c, A, b, *_convex(B, n, 1, returns))
    score = value if orientation == "input" else -value
    score = np.where(score > 0, score, np.nan)
    return score if orientation == "input" else 1 / score


def _convex(B: int, n: int, before: int, returns: str, scale: int | None = None):
    """sum l = 1, or = the scaling variable t at position ``scale``; nothing for constant returns."""
    if returns == "constant":
        return np.empty((B, 0, before + n)), np.empty((B, 0))
    A = np.zeros((B, 1, before + n))
    A[:, :, before:] = 1
    if scale is None:
        return A, np.ones((B, 1))
    A[:, :, scale] = -1
    return A, np.zeros((B, 1))


@dataclass(frozen=True, eq=False)
class Amounts:
    """Inputs, outputs and undesirable outputs side by side.

    z (n, k) has the amounts; sign (k,) is -1 for outputs, which are to rise, and 1 for all that is to fall; above and
    below (n, k) weigh the slacks in the numerator and in the denominator of the score.
    """

    z: np.ndarray
    sign: np.ndarray
    above: np.ndarray
    below: np.ndarray

    @classmethod
    def of(cls, x, y, b=None) -> Amounts:
        b = np.empty((len(x), 0)) if b is None else b
        z, m, s = np.concatenate([x, y, b], axis=1), x.shape[1], y.shape[1]
        k = np.arange(z.shape[1])
        above = np.where(k < m, 1 / (m * z), 0)
        below = np.where(k < m, 0, 1 / ((z.shape[1] - m) * z))
        return cls(z, np.where((k >= m) & (k < m + s), -1.0, 1.0), above, below)


def sbm(a: Amounts, at: np.ndarray, returns) -> np.ndarray:
    """rho of the units at the positions ``at``: variables t, slacks, l, all times t."""
    (n, k), B = a.z.shape, len(at)
    A, b = np.zeros((B, 1 + k, 1 + k + n)), np.zeros((B, 1 + k))
    A[:, 0, 0], A[:, 0, 1 : 1 + k], b[:, 0] = 1, a.below[at], 1  # t + mean s / y_o = 1
    A[:, 1:, 0], A[:, 1:, 1 : 1 + k], A[:, 1:, 1 + k :] = -a.z[at], np.diag(a.sign), a.z.T  # Z l + sign s = t z_o
    c = np.zeros((B, 1 + k + n))
    c[:, 0], c[:, 1 : 1 + k] = 1, -a.above[at]
    convex, zeros = _convex(B, n, 1 + k, returns, scale=0)
    no_inequalities = np.empty((B, 0, 1 + k + n)), np.empty((B, 0))
    return minimise(c, *no_inequalities, np.concatenate([A, convex], axis=1), np.concatenate([b, zeros], axis=1))


def super_sbm_of(a: Amounts, at: np.ndarray, returns) -> np.ndarray:
    """delta of the units at the positions ``at``: variables t, slacks, l, all times t."""
    (n, k), B = a.z.shape, len(at)
    others = np.ones((B, 1, n))
    others[np.arange(B), 0, at] = 0  # no unit is compared with itself
    outputs = np.flatnonzero(a.sign < 0)
    A = np.zeros((B, k + len(outputs), 1 + k + n))
    A[:, :k, 0], A[:, :k, 1 : 1 + k] = -a.sign * a.z[at], -np.eye(k)  # sign Z l - s <= sign t z_o
    A[:, :k, 1 + k :] = a.sign[:, None] * a.z.T * others
    A[:, k:, 0], A[:, k:, 1 : 1 + k] = -a.z[at][:, outputs], np.eye(k)[outputs]  # s <= t y_o: no output below zero
    unit = np.zeros((B, 1, 1 + k + n))
    unit[:, 0, 0], unit[:, 0, 1 : 1 + k] = 1, -a.below[at]  # t - mean s / y_o = 1
    convex, zeros = _convex(B, n, 1 + k, returns, scale=0)
    convex[:, :, 1 + k :] *= others
    c = np.zeros((B, 1 + k + n))
    c[:, 0], c[:, 1 : 1 + k] = 1, a.above[at]
    A_eq, b_eq = np.concatenate([unit, convex], axis=1), np.concatenate([np.ones((B, 1)), zeros], axis=1)
    return minimise(c, A, np.zeros((B, k + len(outputs))), A_eq, b_eq)
