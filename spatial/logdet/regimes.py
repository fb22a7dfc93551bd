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

    def bound(self, rho: np.ndarray) -> float:
        """max_r |rho_r| ||1_r W||, which no eigenvalue exceeds."""
        return float((np.abs(rho) * self.row_norms).max(initial=0.0))

    def admissible(self, rho: np.ndarray) -> bool:
        return self.bound(rho) < 1 or super().admissible(rho)


def by_regime(w: SpatialWeights, codes: np.ndarray | None, G: int = 1) -> tuple[sparse.csr_array, ...]:
    """1_r W for every regime r, or (W,) where they share one parameter."""
    if codes is None:
        return (w.csr,)
    return tuple(rows_of(w.csr, codes == g) for g in range(G))


def logdet_by_regime(
    w: SpatialWeights | TemporalWeights, codes: np.ndarray | None, G: int, periods: int
) -> AnyLogdet:
    """Of one W, or added up over the periods of a W that varies."""
    if not w.varies:
        return RegimeLogdet(by_regime(w, codes, G))
    cut = {id(one): by_regime(one, codes, G) for one in w.each(periods)}
    return over_periods((cut[id(one)] for one in w.each(periods)), RegimeLogdet)


def rows_of(csr: sparse.csr_array, members: np.ndarray) -> sparse.csr_array:
    """1_r W: rows of other units are empty."""
    return sparse.csr_array(sparse.diags_array(members.astype(float)) @ csr)


def row_sums(matrices: Sequence[sparse.csr_array]) -> np.ndarray:
    """(L, N)."""
    return np.array([np.asarray(W.sum(axis=1)).ravel() for W in matrices])
