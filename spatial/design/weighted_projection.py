"""Fixed effects out of weighted observations: the projection in the metric of the weights, exactly.

The two-way projection is that of Wansbeek & Kapteyn (1989, J. Econometrics 41:341-361), as in ``unbalanced``, with
weights in place of zeros and ones.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np

RANK = 1e-10  # of the largest eigenvalue of the scaled cross-products of the period dummies


class WeightedProjection:
    """x less a_i + c_t that minimize sum w (x - a_i - c_t)^2, exactly.

    With w_i. and w_.t the sums of the weights, unit effects leave weighted deviations from unit means, and c solves

        Q c = sum_i w_ti (x_ti - mean_i),    Q = diag(w_.t) - w diag(1 / w_i.) w'

    Parameters
    ----------
    weights : (T, N), zero where nothing was observed
    unit, time : bool

    Examples
    --------
    >>> mean = WeightedProjection(np.array([[3.0, 1.0], [1.0, 1.0]]), True, False)
    >>> mean.demean(np.array([[4.0, 5.0], [8.0, 7.0]]))
    array([[-1., -1.],
           [ 3.,  1.]])
    """

    def __init__(self, weights: np.ndarray, unit: bool, time: bool):
        self.w, self.unit, self.time = weights, unit, time

    def demean(self, values: np.ndarray) -> np.ndarray:
        """Of a (T, N, ...) array; what is not observed stays NaN."""
        T, N = self.w.shape
        there = self.w[:, :, None] > 0
        x = np.where(there, values.reshape(T, N, -1), 0.0)
        if self.unit:
            x = self._less_unit_means(x)
        if self.time:
            sums = np.einsum("ti,tik->tk", self.w, x)
            x = x - (self._inverse @ sums)[:, None]
            if self.unit:
                x = self._less_unit_means(x)
        return np.where(there, x, np.nan).reshape(values.shape)

    @cached_property
    def rank(self) -> int:
        """How many observations the effects take."""
        return (self._half.shape[1] if self.time else 0) + (self.w.shape[1] if self.unit else 0)

    def basis(self, t: int) -> np.ndarray:
        """Rows of period t, (N, rank), of an orthonormal U that spans sqrt(w) times the dummies; zero where w is."""
        N, root = self.w.shape[1], np.sqrt(self.w[t])
        parts = [np.diag(root / np.sqrt(self._by_unit))] if self.unit else [np.zeros((N, 0))]
        if self.time:
            left = np.zeros((N, len(self.w)))
            left[:, t] = root
            if self.unit:
                left -= root[:, None] * (self.w / self._by_unit).T
            parts.append(left @ self._half)
        return np.concatenate(parts, axis=1)

    def dummies(self) -> np.ndarray:
        """U of all rows with w > 0, (m, rank)."""
        return np.concatenate([self.basis(t)[row > 0] for t, row in enumerate(self.w)])

    def block(self, t: int) -> np.ndarray:
        """The diagonal block of I - U U' of period t, (N, N); zero where w is."""
        U = self.basis(t)
        return np.diag((self.w[t] > 0).astype(float)) - U @ U.T

    @cached_property
    def log_determinant(self) -> float:
        """ln|U'D^2 U|, U an orthonormal basis of the dummies: by pseudo-determinants of D'W D over those of D'D."""
        there = (self.w > 0).astype(float)
        total = float(np.log(self._by_unit / there.sum(axis=0)).sum()) if self.unit else 0.0
        if not self.time:
            return total
        plain = _normal_matrix(there, there.sum(axis=0), self.unit)
        size, vectors = np.linalg.eigh(plain)
        null = vectors[:, size <= RANK * size[-1]]
        filled = null @ null.T
        return total + float(np.linalg.slogdet(self._Q + filled)[1] - np.linalg.slogdet(plain + filled)[1])

    def _less_unit_means(self, x):
        return x - np.einsum("ti,tik->ik", self.w, x) / self._by_unit[:, None]

    @cached_property
    def _by_unit(self) -> np.ndarray:
        """w_i., (N,)."""
        return self.w.sum(axis=0)

    @cached_property
    def _Q(self) -> np.ndarray:
        return _normal_matrix(self.w, self._by_unit, self.unit)

    @cached_property
    def _inverse(self) -> np.ndarray:
        """A generalized inverse of Q."""
        return self._half @ self._half.T

    @cached_property
    def _half(self) -> np.ndarray:
        """H with H H' that inverse, by the eigenvalues of Q scaled to a diagonal of w_.t."""
        scale = 1 / np.sqrt(self.w.sum(axis=1))
        size, vectors = np.linalg.eigh(self._Q * np.outer(scale, scale))
        kept = size > RANK * size[-1]
        return scale[:, None] * vectors[:, kept] / np.sqrt(size[kept])


def _normal_matrix(w: np.ndarray, by_unit: np.ndarray, unit: bool) -> np.ndarray:
    """Of the period dummies, the unit effects out."""
    Q = np.diag(w.sum(axis=1))
    return Q - (w / by_unit) @ w.T if unit else Q
