"""tr[M log(I - rho W)] for a projection M: the part of the log-determinant that remains after fixed effects.

With W = V diag(w) V^-1 it is a spectrum whose eigenvalues have shares: sum_j s_j log(1 - rho w_j) with
s_j = (V^-1 M V)_jj, and its derivative is -tr[M W (I - rho W)^-1]. M = I gives every eigenvalue the share one.

A W without symmetry may be defective, knn weights often are: then V does not exist. A perturbation of 1e-9 makes
it exist and moves the sum by about as much (Davies 2007, SIAM J. Matrix Analysis 29:1051-1064).
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from spillover.errors import SpatialInputError
from spillover.matrix import SpatialWeights, TemporalWeights

from .periods import Sum
from .spectrum import Spectrum
from .structure import admissible_interval, similar, symmetrizer

DENSE_MAX = 3_000  # units: eigenvectors of every period
PERTURBATION = 1e-9


@dataclass(frozen=True, eq=False)
class Projected(Spectrum):
    """Eigenvalues with shares.

    Attributes
    ----------
    shares : ndarray, shape (n,), real or complex
    """

    shares: np.ndarray = field(kw_only=True, repr=False)

    @property
    def plain(self) -> Spectrum:
        """log|I - rho W| itself."""
        return Spectrum(self.eigenvalues, self.interval)

    def value(self, rho):
        return self._sum(rho, lambda r, w: self.shares * np.log(1 - r * w)).real

    def d1(self, rho):
        return self._sum(rho, lambda r, w: -self.shares * w / (1 - r * w)).real

    def d2(self, rho):
        return self._sum(rho, lambda r, w: -self.shares * (w / (1 - r * w)) ** 2).real

    def expansion(self, rho) -> tuple:
        A = 1 - rho[..., None] * self.eigenvalues
        G = self.eigenvalues / A
        return tuple((self.shares * part).sum(-1).real for part in (np.log(A), -G, -G * G))


def projected_logdet(weights: SpatialWeights | TemporalWeights, blocks) -> Projected:
    """sum_t tr[M_t log(I - rho W_t)].

    Parameters
    ----------
    weights : TemporalWeights, or one W
    blocks : T arrays (N, N)
        The diagonal blocks of M: W has no others. For one W their sum alone.

    Raises
    ------
    SpatialInputError
        E309 above 3,000 units.
    """
    refuse_many_units(weights)
    matrices = weights.each(len(blocks))
    parts = [_eigen(w.csr, M) for w, M in zip(matrices, blocks)]
    eigenvalues, shares = (np.concatenate(part) for part in zip(*parts))
    interval = Sum(tuple(Spectrum(values, admissible_interval(values)) for values, _ in parts)).interval
    return Projected(eigenvalues, interval, shares=shares)


def refuse_many_units(weights: SpatialWeights | TemporalWeights) -> None:
    """Eigenvectors of W are dense.

    Raises
    ------
    SpatialInputError
        E309 above 3,000 units.
    """
    if weights.n > DENSE_MAX:
        raise SpatialInputError("E309", f"this correction needs all eigenvectors of W for {weights.n:,} units",
                                n=weights.n, hint="up to 3,000 units; correction=False needs none")  # fmt: skip


def _eigen(csr, M) -> tuple[np.ndarray, np.ndarray]:
    """Eigenvalues of W and their shares in M."""
    scale = symmetrizer(csr)
    if scale is not None:
        values, Q = np.linalg.eigh(similar(csr.toarray(), scale))
        root = np.sqrt(scale)
        return values, np.einsum("ij,ij->j", Q, root[:, None] * (M @ (Q / root[:, None])))
    W = csr.toarray()
    noise = np.random.default_rng(0).standard_normal(W.shape) / np.sqrt(len(W))
    values, V = np.linalg.eig(W + PERTURBATION * np.abs(W).max(initial=0.0) * noise)
    return values, np.einsum("ij,ji->i", np.linalg.inv(V), M @ V)
