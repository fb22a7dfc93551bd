"""The sum of squared residuals at every candidate of a threshold."""

from __future__ import annotations

import numpy as np

from spillover.errors import SpatialInputError

from .absorb import refuse_collinear


class Search:
    """Sums of squares over the grid, from cross-products alone: a bootstrap sample costs no pass over the grid's data.

    Attributes
    ----------
    values : (G,) thresholds tried;  below : (G,) observations at or below each
    starts, ends : (G,) the lowest value above the one tried before, and the next one tried
    C : (n, G), x 1(q <= gamma) without effects and covariates;  gram : C'C
    y : (n,) likewise;  n : degrees of freedom of the variance
    """

    def __init__(self, y, Xd, X, names, x, q, effects, trim, grid):
        T, N = q.shape
        flat = Xd.reshape(T * N, -1)
        refuse_collinear(flat, X, names)
        self.effects, self.trim, self.n = effects, trim * q.size, effects.left(T, N)
        self.values = _candidates(q, trim, grid)
        every = np.unique(q)
        at = np.searchsorted(every, self.values)
        self.starts = every[np.append(at[0], at[:-1] + 1)]
        self.ends = np.append(self.values[1:], every[min(at[-1] + 1, len(every) - 1)])
        self.below = (q.ravel()[:, None] <= self.values).sum(axis=0)
        Q, _ = np.linalg.qr(flat)
        self.Q = Q
        C = effects.demean(x[:, :, None] * (q[:, :, None] <= self.values)).reshape(T * N, -1)
        self.C, self.y = self.without(C), self.without(y.ravel())
        self.gram = self.C.T @ self.C
        if not (self.gram.diagonal() > 1e-10 * np.abs(C).max() ** 2).all():
            raise SpatialInputError("E733", "the switching regressor does not vary on one side of some thresholds",
                                    hint="a larger trim=")  # fmt: skip

    def without(self, values):
        return values - self.Q @ (self.Q.T @ values)

    def reductions(self, CY: np.ndarray, other: np.ndarray | None = None) -> np.ndarray:
        """How much each threshold takes off the sum of squares of every y, (G, B), given another one's (B,)."""
        diagonal = self.gram.diagonal()[:, None]
        if other is None:
            return CY**2 / diagonal
        b = np.arange(CY.shape[1])
        cross, own = self.gram[:, other], self.gram[other, other]
        left = CY - cross / own * CY[other, b]
        size = diagonal - cross**2 / own
        apart = np.abs(self.below[:, None] - self.below[other]) >= self.trim
        return np.where(apart & (size > 1e-12 * diagonal), left**2 / np.where(size > 0, size, 1), 0.0)

    def sequence(self, Y: np.ndarray, thresholds: int) -> list[np.ndarray]:
        """Positions of the best thresholds for every column of Y (n, B), refined where there are two."""
        CY = self.C.T @ Y
        first = self.reductions(CY).argmax(axis=0)
        if thresholds == 1:
            return [first]
        second = self.reductions(CY, first).argmax(axis=0)
        return [self.reductions(CY, second).argmax(axis=0), second]

    def statistics(self, Y: np.ndarray, number: int) -> np.ndarray:
        """F of one more threshold, (B,): Hansen (1999), eq. 17 and 22."""
        CY, total = self.C.T @ Y, (self.without(Y) ** 2).sum(axis=0)
        one = self.reductions(CY)
        if number == 1:
            gain = one.max(axis=0)
            return gain / ((total - gain) / self.n)
        more = self.reductions(CY, one.argmax(axis=0)).max(axis=0)
        return more / ((total - one.max(axis=0) - more) / self.n)


def _candidates(q, trim, grid) -> np.ndarray:
    """Values of q that leave at least ``trim`` of the observations on each side; quantiles where they are many."""
    values = np.unique(q)
    share = np.searchsorted(np.sort(q.ravel()), values, side="right") / q.size
    values = values[(share >= trim) & (share <= 1 - trim)]
    if len(values) < 2:
        raise SpatialInputError("E733", f"the threshold variable has {len(values)} values that leave {trim:.0%} of the "
                                "observations on each side", n=len(values), hint="a smaller trim=")  # fmt: skip
    return values[np.unique(np.linspace(0, len(values) - 1, min(grid, len(values))).round().astype(int))]
