"""Rough curves of log|I - rho W| from traces: four weighted nodes replace the eigenvalues. Exact values at a few points
correct such a curve."""

from __future__ import annotations

from dataclasses import dataclass, field, fields

import numpy as np
from scipy import sparse

SPREAD = 1e-12  # variance of the rest of the eigenvalues that is none, in shares of the largest's square


@dataclass(frozen=True, eq=False)
class Rough:
    """Of R matrices: accurate near zero, and with the right singularities at both ends.

    The two extreme eigenvalues, and two more that have, taken (n - 2) / 2 times or so, the first moments of the rest
    (Gauss quadrature). So log|I - rho W| less this begins, in powers of rho, with the fourth.

    Attributes
    ----------
    nodes, shares : (R, 4)
        Eigenvalues and how often each is there.
    low, high : (R,)
        The intervals of rho.
    """

    nodes: np.ndarray = field(repr=False)
    shares: np.ndarray = field(repr=False)
    low: np.ndarray
    high: np.ndarray

    def value(self, rho):
        """At ``rho``, (R,) or (R, points)."""
        _, shares, away = self._parts(rho)
        return (shares * np.log(np.abs(away))).sum(-1)

    def d1(self, rho):
        nodes, shares, away = self._parts(rho)
        return -(shares * nodes / away).sum(-1)

    def d2(self, rho):
        nodes, shares, away = self._parts(rho)
        return -(shares * (nodes / away) ** 2).sum(-1)

    def expansion(self, rho) -> tuple:
        """L, L' and L''."""
        nodes, shares, away = self._parts(rho)
        slope = nodes / away
        first = shares * slope
        return (shares * np.log(np.abs(away))).sum(-1), -first.sum(-1), -(first * slope).sum(-1)

    def take(self, which) -> Rough:
        """Those at the positions ``which``."""
        return Rough(*(getattr(self, part.name)[which] for part in fields(self)))

    @staticmethod
    def joined(parts) -> Rough:
        """Several as one."""
        return Rough(*(np.concatenate([getattr(part, one.name) for part in parts]) for one in fields(Rough)))

    def _parts(self, rho):
        """Nodes, shares and 1 - rho w."""
        across = slice(None) if rho.ndim == 1 else (slice(None), None)
        nodes, shares = self.nodes[across], self.shares[across]
        return nodes, shares, 1 - rho[..., None] * nodes


def traces(blocks: sparse.csr_array, n: int) -> np.ndarray:
    """tr W, tr W^2 and tr W^3 of matrices that are ``side_by_side``, n units each, (3, R)."""
    square = sparse.csr_array(blocks @ blocks)
    third = square.multiply(blocks.T.tocsr()).sum(axis=1)
    powers = np.array([blocks.diagonal(), square.diagonal(), third])
    return powers.reshape(3, -1, n).sum(axis=2)


def from_traces(traces: np.ndarray, n: int, low: np.ndarray, high: np.ndarray) -> Rough:
    """From tr W, tr W^2 and tr W^3, (3, R), of matrices with n units and the intervals (low, high)."""
    ends = np.array([1 / low, 1 / high])
    s0, s1, s2, s3 = n - 2.0, *(t - (ends**k).sum(axis=0) for k, t in enumerate(traces, start=1))
    gram = s0 * s2 - s1**2
    gram = np.where(np.abs(gram) > SPREAD * (s0 * ends**2).max(axis=0) * s0, gram, np.inf)  # else all rest is at zero
    c1, c0 = (s1 * s2 - s0 * s3) / gram, (s1 * s3 - s2**2) / gram
    spread = np.sqrt(np.maximum(c1**2 / 4 - c0, 0))
    inner = np.clip(np.array([-c1 / 2 - spread, -c1 / 2 + spread]), ends[0], ends[1])
    gap = np.where(inner[1] > inner[0], inner[1] - inner[0], 1.0)
    upper = np.clip((s1 - s0 * inner[0]) / gap, 0, s0)
    nodes = np.concatenate([ends, inner]).T
    shares = np.array([np.ones_like(low), np.ones_like(low), s0 - upper, upper]).T
    return Rough(nodes, shares, low, high)
