"""Moran's I of least-squares residuals: its exact mean and variance under independent normal errors.

    I = (n / S0) e'W e / e'e,    E I = (n / S0) tr(M W) / (n - k),    M = I - X (X'X)^-1 X'

Cliff & Ord (1981), Spatial Processes, section 8.3. Residuals of neighbors are correlated by the fit alone, so the
moments under permutation do not apply to them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse


@dataclass(frozen=True)
class ResidualMoran:
    """I of the residuals with its moments."""

    estimate: float
    expected: float
    variance: float

    @property
    def z(self) -> float:
        """The normal deviate."""
        return float((self.estimate - self.expected) / np.sqrt(self.variance))


def residual_moran(e: np.ndarray, basis: np.ndarray, W: sparse.csr_array) -> ResidualMoran:
    """I and its moments.

    Parameters
    ----------
    e : (n,) residuals, orthogonal to ``basis``
    basis : (n, k) orthonormal columns that span the regressors, the constant among them
    W : (n, n)
    """
    both = sparse.csr_array((W + W.T) / 2)
    lagged = both @ basis
    inner, (n, k) = basis.T @ lagged, basis.shape
    trace = both.trace() - np.trace(inner)
    squared = both.multiply(both).sum() - 2 * np.sum(lagged**2) + np.sum(inner**2)
    scale, free = n / float(W.sum()), n - k
    expected = scale * trace / free
    variance = scale**2 * (2 * squared + trace**2) / (free * (free + 2)) - expected**2
    return ResidualMoran(float(scale * (e @ (both @ e)) / (e @ e)), float(expected), float(variance))
