"""What estimated effects take of the score of rho, when they leave by generalised least squares.

With P = B D F^-1 D'B', F = D'B'B D, residuals at the truth are (I - P) e, and G = W A^-1:

    E[(B W y)'(I - P) e] / s2 = tr[(I - P) B G B^-1] = tr G - a,    a(rho, lambda) = tr[F^-1 D'B'B G D]

because B^-1 B D = D. The likelihood with dummies takes off tr G, so that its score of rho has the mean -a. Adding a
makes it zero for any effects and any W: for B = I, or where M takes effects to effects, that is the tr(M G) of
``design.varying`` and of Lee & Yu's (2010) transformation. Since a depends on lambda too, no likelihood has this score;
its root is the estimator of McCullagh & Tibshirani (1990, JRSS B 52:325-344).

a needs (I - rho W_t)^-1 for every column of D that is not zero in period t. Above 1,000 effects the part of unit
effects comes from random vectors z of signs, E z'Qz = tr Q, the same ones every time, less the same quantity for G
alone, whose trace is the determinant's derivative (Hutchinson 1990, Communications in Statistics B 19:433-450). With 24
vectors the error is below one hundredth of rho's standard error.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from spillover.matrix import SpatialWeights

from ..design.carried import DENSE_MAX, Effects, Factor
from ..logdet.inverse import DENSE_MAX as FEW_UNITS
from ..logdet.inverse import Inverse, structure_of
from ..logdet.means import InverseOfDeviations

PROBES = 24


@dataclass(frozen=True, eq=False)
class Links:
    """W and M of every period, over all units: those not observed have no links; and the units that its rows are.
    ``centered`` where W lags deviations from period means."""

    W: Sequence[SpatialWeights] = field(repr=False)
    M: Sequence[SpatialWeights] = field(repr=False)
    places: Sequence[np.ndarray] = field(repr=False)
    centered: bool = False

    @cached_property
    def _structures(self) -> list:
        """For the factorisations of every W, whatever rho."""
        each = {id(W): structure_of(W) for W in self.W if W.n > FEW_UNITS}
        return [each.get(id(W)) for W in self.W]

    def BG(self, t: int, rho: float, lam: float, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """G_t x and B_t G_t x of the rows x of period t."""
        W, at = self.W[t], self.places[t]
        whole = np.zeros((W.n, values.shape[1]))
        whole[at] = values
        if self.centered:
            Gx = InverseOfDeviations(W, rho, self._structures[t], at).lagged(whole)
        else:
            Gx = W.csr @ Inverse(W, rho, self._structures[t]).solve(whole)
        return Gx[at], (Gx - lam * (self.M[t].csr @ Gx))[at]


def score_mean(effects: Effects, factor: Factor, links: Links, rho: float, lam: float, slope: float) -> float:
    """a(rho, lambda).

    Parameters
    ----------
    slope : float
        sum_t tr G_t.
    """
    if effects.rank <= DENSE_MAX:
        return _by_columns(effects, factor, links, rho, lam)
    last = np.zeros((effects.rank, effects.rank - effects.units))
    last[effects.units :] = np.eye(last.shape[1])
    signs = np.zeros((effects.rank, PROBES))
    signs[: effects.units] = np.random.default_rng(1).choice([-1.0, 1.0], size=(effects.units, PROBES))
    each, control = _by_vectors(effects, factor, links, rho, lam, np.hstack([last, signs]))
    of_periods, each, control = each[: last.shape[1]].sum(), each[last.shape[1] :], control[last.shape[1] :]
    apart = control - control.mean()
    share = (apart @ each) / (apart @ apart)
    return float(of_periods + each.mean() - share * (control.mean() - slope))


def _by_vectors(effects: Effects, factor: Factor, links: Links, rho, lam, z) -> tuple[np.ndarray, np.ndarray]:
    """z'F^-1 D'B'B G D z and z'D'G D z of every column of z."""
    Dz, left = effects.D @ z, effects.BD(lam) @ factor.solve(z)
    each, control = np.zeros((2, z.shape[1]))
    for t in range(len(links.places)):
        rows = slice(effects.starts[t], effects.starts[t + 1])
        Gz, BGz = links.BG(t, rho, lam, Dz[rows])
        each += np.einsum("ij,ij->j", left[rows], BGz)
        control += np.einsum("ij,ij->j", Dz[rows], Gz)
    return each, control


def _by_columns(effects: Effects, factor: Factor, links: Links, rho: float, lam: float) -> float:
    """The trace itself: columns of D that are not zero in a period, period by period."""
    total, inverse_F = 0.0, factor.solve(np.eye(effects.rank))
    for t, (columns, D, MD) in enumerate(effects.by_period):
        _, BGD = links.BG(t, rho, lam, D)
        total += np.sum(inverse_F[np.ix_(columns, columns)] * ((D - lam * MD).T @ BGD))
    return float(total)
