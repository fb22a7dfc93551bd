"""What many ways of effects take from the scores of several rho, and from lambda and sigma2: see
``design.several_ways``."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import ClassVar

import numpy as np
from scipy import sparse

from .moving_effects import MovingEffects

NODES = 12  # of Gauss and Legendre


Near = tuple[float, np.ndarray, np.ndarray]


def around_zero(first: np.ndarray, second: np.ndarray, rho: np.ndarray) -> Near:
    """What the effects take around rho = 0, first'rho + rho'S rho / 2, its gradient and second derivatives: close
    enough for the search.

    Parameters
    ----------
    first, second : (J,), (J, J)
        The shift at zero and the symmetric part S of its derivatives by rho.
    """
    return float(first @ rho + rho @ second @ rho / 2), first + second @ rho, second


@dataclass(frozen=True, eq=False)
class ProjectedEffects:
    """Effects that left by projection, beside several rho and no error.

    The likelihood counts a share c of sum_t log|A_t|, whose slope is -c sum_t tr G_jt; ``shift`` makes it the mean of
    the score, -sum_t tr(M_tt G_jt).

    Attributes
    ----------
    blocks : list of (matrices, K, periods)
        W_1, W_2 ... (N, N), the sum of M's diagonal blocks over the periods that have these, and their number.
    share : float
        c.
    """

    blocks: list[tuple[tuple[sparse.csr_array, ...], np.ndarray, int]] = field(repr=False)
    share: float

    def restricted(self, lam: np.ndarray, s: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
        """Nothing: n counts what the effects leave."""
        return 0.0, np.zeros(len(lam) + len(s)), np.zeros((len(lam) + len(s),) * 2)

    def shift(self, rho: np.ndarray, lam: np.ndarray, s: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """c tr G_j - tr(M G_j), (J,), and its derivatives by rho, lambda and ln sigma2, (J, J + L + S)."""
        value, slopes = self._traces(rho)
        return value, np.column_stack([slopes, np.zeros((len(rho), len(lam) + len(s)))])

    def near(self, rho: np.ndarray) -> Near:
        """``around_zero``."""
        return around_zero(*self._at_zero, rho)

    def potential(self, rho: np.ndarray, lam: np.ndarray, s: np.ndarray) -> float:
        """The shift integrated along the ray from zero to rho: what it adds to ln L."""
        nodes, shares = np.polynomial.legendre.leggauss(NODES)
        value = self.near(rho)[0]
        for t, w in zip((nodes + 1) / 2, shares / 2):
            value += w * (self._traces(t * rho)[0] - self.near(t * rho)[1]) @ rho
        return float(value)

    def _traces(self, rho: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """tr(Q G_j) and tr(Q G_j G_i), Q = c I - K."""
        J = len(rho)
        value, slopes = np.zeros(J), np.zeros((J, J))
        for W, K, periods in self.blocks:
            n = K.shape[0]
            Q = -K
            Q[np.diag_indices(n)] += self.share * periods
            A = np.eye(n) - sum((r * w.toarray() for r, w in zip(rho, W)), np.zeros((1, 1)))
            inverse = np.linalg.inv(A)
            G = [w @ inverse for w in W]
            value += [np.sum(Q * one.T) for one in G]
            slopes += np.array([[np.sum(QG * other.T) for other in G] for QG in (Q @ one for one in G)])
        return value, slopes

    @cached_property
    def _at_zero(self) -> tuple[np.ndarray, np.ndarray]:
        first, second = self._traces(np.zeros(len(self.blocks[0][0])))
        return first, (second + second.T) / 2


@dataclass(frozen=True, eq=False)
class StayingEffects(MovingEffects):
    """Effects of many ways whose dummies stay in the likelihood, beside a spatial error or variances by regime."""

    nodes: ClassVar[int] = NODES

    def near(self, rho: np.ndarray) -> Near:
        """``around_zero``."""
        return around_zero(*self._at_zero, rho)

    @cached_property
    def _at_zero(self) -> tuple[np.ndarray, np.ndarray]:
        J = len(self.lag[0])
        first, slopes = self.shift(np.zeros(J), np.zeros(len(self.error[0])), np.zeros(self.S))
        own = slopes[:, :J]
        return first, (own + own.T) / 2
