"""Unit and period effects taken out of weighted panels, and a check that columns stay independent.

A mass of zero leaves an observation out, so
that estimates from untreated observations alone need no other code.
"""

from __future__ import annotations

import numpy as np

from spillover.errors import SpatialInputError

RANK = 1e-9  # relative size below which a column is a combination of those before it
WEAKEST = 1e-12  # eigenvalue of scaled period dummies below which units do not connect periods
PASSES = 2  # the second takes out what rounding left of period effects


class Absorber:
    """Residuals from unit effects and from period effects of each region, by weighted least squares.

    Parameters
    ----------
    mass : ndarray, shape (T, N)
        Weights, zero or more; every unit needs some.
    region : ndarray, shape (N,)
        Codes; one region gives ordinary two-way effects.

    Examples
    --------
    >>> y = np.add.outer([1.0, 2.0, 5.0], [0.0, 7.0, 3.0, 4.0])
    >>> mass = np.ones((3, 4)); mass[2, 1] = 0
    >>> np.abs(Absorber(mass, np.zeros(4, dtype=int))(y)).max().round(12)
    np.float64(0.0)
    """

    def __init__(self, mass: np.ndarray, region: np.ndarray):
        self.mass, self.region = mass, region
        self.plain = not region.any() and bool((mass == mass[0, 0]).all())
        if self.plain:
            return
        total = mass.sum(axis=0)
        self.share = mass / np.where(total > 0, total, 1.0)
        self.members = [np.flatnonzero(region == r) for r in range(int(region.max()) + 1)]
        self.inverses = [_inverse(mass[:, at], self.share[:, at]) for at in self.members]

    def __call__(self, values: np.ndarray) -> np.ndarray:
        """Residuals of a (T, N, ...) array, times the root of the mass: ready for ordinary least squares."""
        if self.plain:
            within = values - values.mean(axis=0, keepdims=True)
            return np.sqrt(self.mass[0, 0]) * (within - within.mean(axis=1, keepdims=True))
        left = self._within(values.reshape(*values.shape[:2], -1))
        for _ in range(PASSES):
            moved = np.zeros(left.shape)
            for at, inverse in zip(self.members, self.inverses):
                sums = np.einsum("tn,tnk->tk", self.mass[:, at], left[:, at])
                moved[:, at] = (inverse @ sums)[:, None]
            left = left - self._within(moved)
        return (np.sqrt(self.mass)[:, :, None] * left).reshape(values.shape)

    def _within(self, values):
        return values - np.einsum("tn,tnk->nk", self.share, values)


def _inverse(mass: np.ndarray, share: np.ndarray) -> np.ndarray:
    """S^+ of a region's period dummies without unit means, S = diag(sum_i m_i) - sum_i m_i s_i', (T, T)."""
    of_period = mass.sum(axis=1)
    scale = 1 / np.sqrt(np.where(of_period > 0, of_period, 1.0))
    S = (np.diag(of_period) - mass @ share.T) * np.outer(scale, scale)
    size, vectors = np.linalg.eigh(S)
    kept = size > WEAKEST
    root = scale[:, None] * vectors[:, kept] / np.sqrt(size[kept])
    return root @ root.T


def cluster_sums(values: np.ndarray, cluster: np.ndarray) -> np.ndarray:
    """Rows (N, p) added up by code (N,)."""
    out = np.zeros((int(cluster.max()) + 1, values.shape[1]))
    np.add.at(out, cluster, values)
    return out


def refuse_collinear(Rt: np.ndarray, R: np.ndarray, names: list[str]) -> None:
    """Gram-Schmidt, column by column: the first that nothing is left of is named."""
    whole = np.empty((len(names), len(Rt)))
    for j, name in enumerate(names):
        column, basis = Rt[:, j], whole[:j].T
        left = column - basis @ (basis.T @ column)
        if np.linalg.norm(left) <= RANK * max(float(np.linalg.norm(R[:, :, j])), 1e-300):
            raise SpatialInputError("E205", f"{name!r} equals a combination of other regressors and the fixed effects",
                                    column=name, hint="leave it out of the formula")  # fmt: skip
        whole[j] = left / np.linalg.norm(left)
