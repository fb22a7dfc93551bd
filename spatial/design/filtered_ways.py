"""Ways of effects behind ``|`` once errors that are correlated over time were made independent.

With P the filter of Prais and Winsten over time (``solve.serial``), P kron I takes dummies D = [A kron I, R]
(``time_and_rest``) to [P A kron I, (P kron I) R], and Z is what P A kron I leaves of (P kron I) R.

Effects of periods, and of groups of units in every period, stay what they are under P; trends of groups and groups that
units change between do not.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy import sparse

from .absorbed import Absorbed
from .fixed_effects import FixedEffects
from .time_and_rest import TimeAndRest, off_time, time_and_rest


class FilteredWays(Absorbed):
    """Ways of effects over a balanced panel, their dummies times P kron I.

    Parameters
    ----------
    base : TimeAndRest
    P : (T, T)
    """

    def __init__(self, base: TimeAndRest, P: np.ndarray):
        ways = base.ways
        super().__init__(ways.ways, ways.shape, None, ways.own)
        self.base, (T, N) = base, ways.shape
        self.A, upper = np.linalg.qr(P @ base.A)
        over_time = (P @ base.R.reshape(T, -1)).reshape(T * N, -1)
        self.Z, rest = np.linalg.qr(off_time(over_time, self.A))
        self.parts = self.A, self.Z
        sizes = N * np.log(np.abs(np.diag(upper))).sum() + np.log(np.abs(np.diag(rest))).sum()
        self.log_size = 2 * float(sizes)  # ln|U'(P'P kron I) U|, U an orthonormal basis of D

    @property
    def rank(self) -> int:
        return self.A.shape[1] * self.shape[1] + self.Z.shape[1]

    @property
    def unfiltered(self) -> Absorbed:
        """D, which W takes to effects if it does so with (P kron I) D."""
        return self.base.ways

    @property
    def product(self) -> tuple[int, np.ndarray] | None:
        """That of D: groups of units in every period stay these, and P A has as many functions as A."""
        return self.base.ways.product

    def demean(self, values: np.ndarray, first: int = 0) -> np.ndarray:
        last = range(values.ndim - first, values.ndim)
        x = np.moveaxis(values, range(first), last)
        rows = off_time(x.reshape(x.shape[0] * x.shape[1], -1), self.A)
        rows = rows - self.Z @ (self.Z.T @ rows)
        return np.ascontiguousarray(np.moveaxis(rows.reshape(x.shape), last, range(first)))

    def dummies(self) -> np.ndarray:
        return np.hstack([np.kron(self.A, np.eye(self.shape[1])), self.Z])

    @property
    def independent(self) -> sparse.csr_array:
        return sparse.csr_array(self.dummies())

    def block(self, t: int) -> np.ndarray:
        N = self.shape[1]
        Z = self.Z[t * N : (t + 1) * N]
        return (1 - self.A[t] @ self.A[t]) * np.eye(N) - Z @ Z.T


def filtered_effects(effects: FixedEffects, P: np.ndarray) -> FixedEffects:
    """The effects of data that P kron I has filtered."""
    assert effects.ways is not None
    return replace(effects, ways=FilteredWays(time_and_rest(effects.ways), P))
