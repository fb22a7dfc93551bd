"""Unit and period effects taken out of weighted panels, and a check that columns stay independent.

A mass of zero leaves an observation out, so
that estimates from untreated observations alone need no other code.
"""

from __future__ import annotations

import numpy as np

from spillover.errors import SpatialInputError

RANK = 1e-9  # relative size below which a column is a combination of those before it


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
        T, N = mass.shape
        present = [(t, r) for r in range(region.max() + 1) for t in np.flatnonzero((mass * (region == r)).any(axis=1))]
        columns = np.zeros((T, N, len(present)))
        for j, (t, r) in enumerate(present):
            columns[t, region == r, j] = 1
        scaled = self._scaled(self._within(columns))
        U, size, _ = np.linalg.svd(scaled, full_matrices=False)
        self.Q = U[:, size > RANK * size.max()]

    def __call__(self, values: np.ndarray) -> np.ndarray:
        """Residuals of a (T, N, ...) array, times the root of the mass: ready for ordinary least squares."""
        if self.plain:
            within = values - values.mean(axis=0, keepdims=True)
            return np.sqrt(self.mass[0, 0]) * (within - within.mean(axis=1, keepdims=True))
        flat = self._scaled(self._within(values.reshape(*values.shape[:2], -1)))
        return (flat - self.Q @ (self.Q.T @ flat)).reshape(values.shape)

    def _within(self, values):
        total = self.mass.sum(axis=0)
        means = np.einsum("tn,tnk->nk", self.mass, values) / np.where(total > 0, total, 1)[:, None]
        return values - means

    def _scaled(self, values):
        return (np.sqrt(self.mass)[:, :, None] * values).reshape(self.mass.size, -1)


def cluster_sums(values: np.ndarray, cluster: np.ndarray) -> np.ndarray:
    """Rows (N, p) added up by code (N,)."""
    out = np.zeros((int(cluster.max()) + 1, values.shape[1]))
    np.add.at(out, cluster, values)
    return out


def refuse_collinear(Rt: np.ndarray, R: np.ndarray, names: list[str]) -> None:
    """Gram-Schmidt, column by column: the first that nothing is left of is named."""
    basis = np.zeros((len(Rt), 0))
    for j, name in enumerate(names):
        column = Rt[:, j]
        left = column - basis @ (basis.T @ column)
        if np.linalg.norm(left) <= RANK * max(float(np.linalg.norm(R[:, :, j])), 1e-300):
            raise SpatialInputError("E205", f"{name!r} equals a combination of other regressors and the fixed effects",
                                    column=name, hint="leave it out of the formula")  # fmt: skip
        basis = np.column_stack([basis, left / np.linalg.norm(left)])
