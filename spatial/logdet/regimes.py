"""log|I - sum_r rho_r 1_r W|, 1_r the units of regime r: ``several`` W whose rows do not overlap.

In the norm of row sums || sum_r rho_r 1_r W || = max_r |rho_r| ||1_r W||, so that all rho with |rho_r| ||1_r W|| < 1
are admissible without a look at eigenvalues.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import sparse

from spillover.matrix import SpatialWeights, TemporalWeights

from .several import SeveralLogdet
from .several_periods import AnyLogdet, over_periods


@dataclass(frozen=True, eq=False)
class RegimeLogdet(SeveralLogdet):
    """L(rho) of W cut into rows by regime, or of the one W."""

    @cached_property
    def row_norms(self) -> np.ndarray:
        """(G,), the largest row sum of |W| in each regime."""
        return np.array([abs(W).sum(axis=1).max() for W in self.matrices])

    @cached_property
    def whole(self) -> sparse.csr_array:
        """sum_r 1_r W."""
        return sparse.csr_array(sum(self.matrices))

    @cached_property
    def _dense_whole(self) -> np.ndarray:
        return self.whole.toarray()

    @cached_property
    def members(self) -> np.ndarray:
        """1_r as columns, (n, J); units without links belong to none."""
        return np.column_stack([np.diff(W.indptr) > 0 for W in self.matrices]).astype(float)

    def system(self, rho: np.ndarray) -> np.ndarray:
        """I - sum_r rho_r 1_r W, dense."""
        A = -(self.members @ rho)[:, None] * self._dense_whole
        A[np.diag_indices(self.n)] += 1
        return A

    def expansion(self, rho: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
        """L and its derivatives -tr 1_r F and -tr 1_r F 1_s F, F = W A^-1."""
        value, inverse = self.inverse(rho)
        J = len(self.matrices)
        if np.isinf(value):
            return value, np.zeros(J), np.zeros((J, J))
        F = self.whole @ inverse
        return value, -F.diagonal() @ self.members, -self.members.T @ ((F * F.T) @ self.members)

    def bounds(self, points: np.ndarray) -> np.ndarray:
        """max_r |rho_r| ||1_r W||, which no eigenvalue exceeds, at points (Q, J)."""
        return (np.abs(points) * self.row_norms).max(axis=1, initial=0.0)

    def bound(self, rho: np.ndarray) -> float:
        """The same at one point."""
        return float((np.abs(rho) * self.row_norms).max(initial=0.0))

    def admissible(self, rho: np.ndarray) -> bool:
        return self.bound(rho) < 1 or super().admissible(rho)


@dataclass(frozen=True, eq=False)
class CutLogdet(SeveralLogdet):
    """L(rho) of several W, each cut into rows by regime, or whole: rows of W_1 and W_2 overlap."""

    @cached_property
    def sizes(self) -> np.ndarray:
        """Row sums of |W_j|, (J, n)."""
        return np.array([abs(W).sum(axis=1) for W in self.matrices])

    @property
    def row_norms(self) -> np.ndarray:
        """(J,), the largest row sum of |W_j|."""
        return self.sizes.max(axis=1)

    def bounds(self, points: np.ndarray) -> np.ndarray:
        """max_i sum_j |rho_j| sum_k |W_j,ik|, which no eigenvalue exceeds, at points (Q, J)."""
        return (np.abs(points) @ self.sizes).max(axis=1)

    def bound(self, rho: np.ndarray) -> float:
        return float(self.bounds(np.asarray(rho)[None])[0])


def logdet_of_rows(matrices: tuple[sparse.csr_array, ...], weights: int) -> RegimeLogdet | CutLogdet:
    """Of so many W, each cut by regime or whole."""
    return RegimeLogdet(matrices) if weights == 1 else CutLogdet(matrices)


def rows_by_regime(W: sparse.csr_array, codes: np.ndarray | None, G: int) -> tuple[sparse.csr_array, ...]:
    """1_r W for every regime r, or (W,) where they share one parameter."""
    return (W,) if codes is None else tuple(rows_of(W, codes == g) for g in range(G))


def logdet_by_regime(
    weights: Sequence[SpatialWeights | TemporalWeights], codes: np.ndarray | None, G: int, periods: int
) -> AnyLogdet:
    """Of one W or several, or added up over the periods of W that vary."""
    def cut(each: Sequence[SpatialWeights]) -> tuple[sparse.csr_array, ...]:
        return tuple(part for w in each for part in rows_by_regime(w.csr, codes, G))

    if not any(w.varies for w in weights):
        return logdet_of_rows(cut([w.each(1)[0] for w in weights]), len(weights))
    over = list(zip(*(w.each(periods) for w in weights)))
    parts = {tuple(map(id, each)): cut(each) for each in over}
    kind = RegimeLogdet if len(weights) == 1 else CutLogdet
    return over_periods((parts[tuple(map(id, each))] for each in over), kind)


def rows_of(csr: sparse.csr_array, members: np.ndarray) -> sparse.csr_array:
    """1_r W: rows of other units are empty."""
    return sparse.csr_array(sparse.diags_array(members.astype(float)) @ csr)


def row_sums(matrices: Sequence[sparse.csr_array]) -> np.ndarray:
    """(L, N)."""
    return np.array([np.asarray(W.sum(axis=1)).ravel() for W in matrices])
