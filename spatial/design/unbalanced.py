"""Fixed effects of an unbalanced panel: the projection off their dummies, exactly.

With S (T, N) one where a unit is observed, n_t and T_i its row and column sums, unit effects leave deviations from
unit means. Two-way effects then lose the period dummies that are left of those,

    M = M_1 - M_1 D_2 Q^+ D_2' M_1,    Q = diag(n_t) - S diag(1 / T_i) S'

(Wansbeek & Kapteyn 1989, J. Econometrics 41:341-361): one T x T matrix, no iterations.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from .fixed_effects import FixedEffects

RANK = 1e-10  # of the largest eigenvalue


class Gaps:
    """The projection M for one pattern of observed units.

    Parameters
    ----------
    observed : (T, N) of bool
    effects : FixedEffects

    Examples
    --------
    >>> from spatial.design.fixed_effects import TWOWAY_EFFECTS
    >>> gaps = Gaps(np.array([[True, True], [True, True], [True, False]]), TWOWAY_EFFECTS)
    >>> x = np.array([[1.0, 4.0], [2.0, 7.0], [5.0, np.nan]])
    >>> gaps.demean(x).round(6) + 0.0
    array([[ 0.5, -0.5],
           [-0.5,  0.5],
           [ 0. ,  nan]])
    >>> gaps.rank
    4
    """

    def __init__(self, observed: np.ndarray, effects: FixedEffects):
        self.S, self.unit, self.time = observed.astype(float), effects.entity, effects.time

    def demean(self, values: np.ndarray) -> np.ndarray:
        """M x of a (T, N, ...) array; what is not observed stays NaN."""
        T, N = self.S.shape
        x = np.where(self.S[:, :, None] > 0, values.reshape(T, N, -1), 0.0)
        if self.unit:
            x = self._without_unit_means(x)
        if self.time:
            period = np.einsum("ts,sk->tk", self._inverse, x.sum(axis=1))
            x = x - self.S[:, :, None] * period[:, None]
            if self.unit:
                x = self._without_unit_means(x)
        return np.where(self.S[:, :, None] > 0, x, np.nan).reshape(values.shape)

    @cached_property
    def rank(self) -> int:
        """How many observations the effects take."""
        periods = int((self._spectrum[0] > 0).sum()) if self.time else 0
        return periods + (int(self.S.any(axis=0).sum()) if self.unit else 0)

    def basis(self, t: int) -> np.ndarray:
        """Rows of period t, (N, columns), of U with M = I - U U'; zero where not observed."""
        parts, row = [np.zeros((self.S.shape[1], 0))], self.S[t]
        if self.unit:
            parts.append(np.diag(row / np.sqrt(self._periods)))
        if self.time:
            values, vectors = self._spectrum
            root = vectors * np.divide(1, np.sqrt(values), where=values > 0, out=np.zeros_like(values))
            left = np.zeros((self.S.shape[1], len(self.S)))
            left[:, t] = row
            if self.unit:
                left -= row[:, None] * (self.S / self._periods).T
            parts.append(left @ root)
        return np.concatenate(parts, axis=1)

    def dummies(self) -> np.ndarray:
        """U itself, (m, rank)."""
        U = np.concatenate([self.basis(t)[row > 0] for t, row in enumerate(self.S)])
        return U[:, np.einsum("ij,ij->j", U, U) > 0.5]  # columns of length one, or zero

    def block(self, t: int) -> np.ndarray:
        """M's diagonal block of period t, (N, N); zero where not observed."""
        U = self.basis(t)
        return np.diag(self.S[t]) - U @ U.T

    def _without_unit_means(self, x):
        return x - self.S[:, :, None] * (x.sum(axis=0) / self._periods[:, None])

    @cached_property
    def _periods(self) -> np.ndarray:
        """T_i."""
        return np.maximum(self.S.sum(axis=0), 1)

    @cached_property
    def _spectrum(self) -> tuple[np.ndarray, np.ndarray]:
        """Eigenvalues and vectors of Q; eigenvalues that are zero but for rounding are zero."""
        Q = np.diag(self.S.sum(axis=1))
        if self.unit:
            Q = Q - (self.S / self._periods) @ self.S.T
        values, vectors = np.linalg.eigh(Q)
        return np.where(values > RANK * values.max(), values, 0.0), vectors

    @cached_property
    def _inverse(self) -> np.ndarray:
        values, vectors = self._spectrum
        return (vectors * np.divide(1, values, where=values > 0, out=np.zeros_like(values))) @ vectors.T
