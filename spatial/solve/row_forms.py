"""What adjusted quasi-scores need of M, the residual maker of B [X, D]: one unknown for each unit, or for each row.

    sides     diag(M Z),  squeezed     diag(M Z M),  solve   d of diag(M diag(d) M) = target
    pairs     e_i'[M Z - M diag(d) M]_ij e_j, or e_i'[M (Z - diag(d)) M]_ij e_j, of every pair of units

Z is block diagonal over periods. Where W is the same in all periods of a balanced panel the diagonals are summed over
the periods of a unit (``quasi_forms``), else M is a matrix of all rows and d has a value for each of them, so that
variances may differ between rows in any way. A unit with two rows beside its effect has one residual: only the sum of
its two variances is in the data, and d is the same in both.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from scipy import sparse
from scipy.linalg import cho_factor, cho_solve

from .quasi_forms import OWN, RIDGE, Periods

Blocks = tuple[np.ndarray, ...]
LEFT = 0.5  # share of a direction that effects leave: below it is taken


@dataclass(frozen=True, eq=False)
class OfUnits:
    """Of a balanced panel under the same W; Q (T N, K) is an orthonormal basis of B X."""

    periods: Periods
    Q: np.ndarray = field(repr=False)

    def sides(self, Z: Blocks) -> np.ndarray:
        return self.periods.diagonal(Z[0].diagonal(), self.Q, lambda v: Z[0].T @ v)

    def squeezed(self, Z: Blocks) -> np.ndarray:
        return self.periods.squeezed_diagonal(Z[0], self.Q)

    @cached_property
    def _solver(self):
        return self.periods.solver(self.Q)

    def solve(self, target: np.ndarray) -> np.ndarray:
        return self._solver(target)

    def times(self, Z: Blocks, e: np.ndarray) -> np.ndarray:
        """Z e."""
        return (self.periods.by_period(e) @ Z[0].T).ravel()

    def clean(self, values: np.ndarray) -> np.ndarray:
        """M times rows that unit effects have left."""
        values = self.periods.J(self.periods.by_period(values).T).T.ravel()
        return values - self.Q @ (self.Q.T @ values)

    def weighted(self, d: np.ndarray, e: np.ndarray) -> np.ndarray:
        """diag(d) e."""
        return (self.periods.by_period(e) * d).ravel()

    def pairs(self, Z: Blocks, d: np.ndarray, e: np.ndarray, squeezed: bool) -> np.ndarray:
        if squeezed:
            return self.periods.pairs_of_squeezed(Z[0] - np.diag(d), self.Q, e)
        return self.periods.pairs(Z[0], self.Q, e) - self.periods.pairs_of_squeezed(np.diag(d), self.Q, e)

    def released(self, e: np.ndarray, power: float) -> np.ndarray:
        return self.periods.released(e, self.Q, power)

    def by_unit(self, e: np.ndarray, columns: np.ndarray) -> np.ndarray:
        """sum_t e_it L_it of every unit, (N, q)."""
        return np.einsum("ti,tiq->iq", self.periods.by_period(e), self.periods.by_period(columns))

    def lost(self, columns: np.ndarray) -> list[np.ndarray]:
        """Columns along the directions of a unit of which the regressors leave nothing."""
        L = self.periods.by_period(columns)
        return [directions.T @ L[:, i] for i, directions in self.periods.lost(self.Q)]


@dataclass(frozen=True, eq=False)
class OfRows:
    """Of any rows, period by period; Q (m, K) is an orthonormal basis of B [D, X].

    Attributes
    ----------
    units, starts : the unit of every row, and where the rows of each period begin
    effects : int, columns of D
    """

    units: np.ndarray = field(repr=False)
    starts: np.ndarray = field(repr=False)
    effects: int
    Q: np.ndarray = field(repr=False)

    @cached_property
    def M(self) -> np.ndarray:
        M = -self.Q @ self.Q.T
        M[np.diag_indices(len(M))] += 1
        return M

    @cached_property
    def _rows(self) -> list[slice]:
        return [slice(a, b) for a, b in zip(self.starts, self.starts[1:])]

    @cached_property
    def _of_unit(self) -> list[np.ndarray]:
        order = np.argsort(self.units, kind="stable")
        return np.split(order, np.cumsum(np.bincount(self.units))[:-1])

    def sides(self, Z: Blocks) -> np.ndarray:
        return np.concatenate([np.einsum("ij,ji->i", self.M[at, at], own) for at, own in zip(self._rows, Z)])

    def squeezed(self, Z: Blocks) -> np.ndarray:
        return sum(np.einsum("ij,ij->i", self.M[:, at] @ own, self.M[:, at]) for at, own in zip(self._rows, Z))

    @cached_property
    def _undetermined(self) -> np.ndarray:
        """(m, q): e of the two rows of a unit are minus each other, so that d and -d in them is nothing."""
        pairs = [rows for rows in self._of_unit if len(rows) == 2 and abs(self.M[rows].sum(axis=0)).max() < OWN]
        out = np.zeros((len(self.units), len(pairs)))
        for place, rows in enumerate(pairs):
            out[rows, place] = np.sqrt(0.5), -np.sqrt(0.5)
        return out

    @cached_property
    def _factor(self):
        """Of M o M; the ridge selects a solution where a row has no residual."""
        S = self.M**2
        S += self._undetermined @ self._undetermined.T
        S[np.diag_indices(len(S))] += RIDGE
        return cho_factor(S, overwrite_a=True, check_finite=False)

    def solve(self, target: np.ndarray) -> np.ndarray:
        U = self._undetermined
        return cho_solve(self._factor, target - U @ (U.T @ target))

    def times(self, Z: Blocks, e: np.ndarray) -> np.ndarray:
        return np.concatenate([own @ e[at] for at, own in zip(self._rows, Z)])

    def clean(self, values: np.ndarray) -> np.ndarray:
        return values - self.Q @ (self.Q.T @ values)

    def weighted(self, d: np.ndarray, e: np.ndarray) -> np.ndarray:
        return d * e

    def pairs(self, Z: Blocks, d: np.ndarray, e: np.ndarray, squeezed: bool) -> np.ndarray:
        MZ = np.concatenate([self.M[:, at] @ own for at, own in zip(self._rows, Z)], axis=1)
        C = (MZ - self.M * d) @ self.M if squeezed else MZ - (self.M * d) @ self.M
        m = len(e)
        by_unit = sparse.csr_array((e, (self.units, np.arange(m))))
        return by_unit @ (by_unit @ C.T).T

    @cached_property
    def _spectra(self) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        """Rows of every unit, and eigenvalues and vectors of M in the directions that effects leave there: where W
        varies, an error turns the unit's effect, and takes almost all of one direction and a little of others."""
        out = []
        for rows in self._of_unit:
            D = self.Q[rows, : self.effects]
            left, vectors = np.linalg.eigh(np.eye(len(rows)) - D @ D.T)
            vectors = vectors[:, left > LEFT]
            values, turned = np.linalg.eigh(vectors.T @ self.M[np.ix_(rows, rows)] @ vectors)
            out.append((rows, values, vectors @ turned))
        return out

    def released(self, e: np.ndarray, power: float) -> np.ndarray:
        """M_ii^power e_i of every unit: -1/2 is HC2 and CR2, -1 is HC3 and CR3."""
        out = np.empty_like(e)
        for rows, values, vectors in self._spectra:
            powers = np.where(values > OWN, np.maximum(values, OWN) ** power, 0.0)
            out[rows] = vectors @ (powers * (vectors.T @ e[rows]))
        return out

    def by_unit(self, e: np.ndarray, columns: np.ndarray) -> np.ndarray:
        m = len(e)
        return sparse.csr_array((e, (self.units, np.arange(m)))) @ columns

    def lost(self, columns: np.ndarray) -> list[np.ndarray]:
        return [vectors[:, values <= OWN].T @ columns[rows] for rows, values, vectors in self._spectra
                if len(values) and values[0] <= OWN]  # fmt: skip
