"""log|I - rho W| from all eigenvalues: exact everywhere once they are known (Ord 1975, JASA 70:120-126)."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from scipy import sparse

from .structure import admissible_interval, similar


@dataclass(frozen=True, eq=False)
class Spectrum:
    """log|I - rho W| from all eigenvalues of W; exact and vectorised over rho.

    Attributes
    ----------
    eigenvalues : ndarray, shape (n,), real or complex
    interval : (low, high)
    """

    eigenvalues: np.ndarray = field(repr=False)
    interval: tuple[float, float]
    method: str = "eigenvalues"

    @property
    def n(self) -> int:
        return len(self.eigenvalues)

    @property
    def domain(self) -> tuple[float, float]:
        """Where it is exact: everywhere."""
        return self.interval

    @property
    def coarse(self) -> Spectrum:
        """Cheap everywhere: the search needs no other curve."""
        return self

    def near(self, lo: float, hi: float) -> Spectrum:
        return self

    def value(self, rho):
        return self._sum(rho, lambda r, w: np.log(np.abs(1 - r * w)))

    def d1(self, rho):
        return self._sum(rho, lambda r, w: -(w / (1 - r * w)).real)

    def d2(self, rho):
        return self._sum(rho, lambda r, w: -((w / (1 - r * w)) ** 2).real)

    def expansion(self, rho) -> tuple:
        """L, L' and L'' together: one division by 1 - rho w."""
        w = self.eigenvalues
        A = 1 - rho[..., None] * w
        G = w / A
        return np.log(np.abs(A)).sum(-1), -G.sum(-1).real, -(G * G).sum(-1).real

    def moment(self, k: int) -> tuple[float, float]:
        """tr W^k and its error, which is none."""
        return float((self.eigenvalues**k).sum().real), 0.0

    def _sum(self, rho, term):
        rho = np.asarray(rho, dtype=float)
        return term(rho[..., None], self.eigenvalues).sum(-1)[()]


def spectrum(csr: sparse.csr_array, scale: np.ndarray | None) -> Spectrum:
    """All eigenvalues; of the similar symmetric matrix where there is one."""
    W = csr.toarray()
    eigenvalues = np.linalg.eigvals(W) if scale is None else np.linalg.eigvalsh(similar(W, scale))
    return Spectrum(eigenvalues, admissible_interval(eigenvalues))
