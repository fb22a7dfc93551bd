"""The bias of a dynamic panel's score from estimated effects, where units enter, leave or miss periods.

    y_t = rho W_t y_t + tau y_{t-1} + eta W_{t-1} y_{t-1} + X_t beta + c + e_t

over the rows (t, i) with y_{i,t-1} (``design.entry``). Effects leave these rows by a projection M = I - U U', and of
y_{t-1}, W_{t-1} y_{t-1} and W_t y_t, columns z of the model with responses R to the errors of all rows, the score
z'M e / sigma2 has the mean tr(M R'). Unit i has T_i rows of its own; U U' is 1 / T_i for pairs of them, and v v' of the
T columns v that period effects leave beside. With

    P_t = S_t^-1 (J_t + tau P_{t-1} + eta W_{t-1} P_{t-1}),         P_0 = 0,
    V_t = S_t^-1 (v_t + tau V_{t-1} + eta W_{t-1} V_{t-1}),         V_0 = 0,

J_t the identity on the rows of t and S_t = I - rho W_t, the means of the scores of tau and eta are

    - sum_t [ sum_i (P_{t-1})_ii / T_i + tr v_t' V_{t-1} ]          and the same with W_{t-1} P_{t-1}, W_{t-1} V_{t-1},

that of rho has W_t P_t and W_t V_t, less what period effects took of the determinant, and sigma2's is
-(n - tr M) / (2 sigma2). All sums run over rows; they are exact for any number of periods, given the starting values.

A unit without links in a period (I - rho W_t has then a row of I) keeps tau of its last response: while it is not
observed it goes on alone, and what it brings when it comes back still holds its own earlier errors. A unit that enters
holds none but those that neighbors pass on in the period of its entry.

Sources: Yu, de Jong & Lee (2008), J. Econometrics 146:118-134, the bias in a balanced panel; Lee & Yu (2012), Spatial
Economic Analysis 7:31-74, with W that varies; Wansbeek & Kapteyn (1989), J. Econometrics 41:341-361, the projection.
"""

from __future__ import annotations

import numpy as np
from scipy import sparse

from spillover.errors import SpatialInputError
from spillover.matrix import TemporalWeights

from ..design.arrays import Sample
from ..design.fixed_effects import FixedEffects
from ..design.unbalanced import Gaps
from .dynamic_varying import DENSE_MAX
from .ml import Solution

SPARSE = 0.05  # share of links up to which a sparse factorisation is quicker
SPARSE_FROM = 60  # units


class GapScore:
    """The mean of the score as a function of the parameters.

    Parameters
    ----------
    weights : TemporalWeights of the T periods of the sample, among the units observed in each
    rows : (T, N) of bool
        Units with a row.
    effects : FixedEffects
        Those of units, and of periods where they are taken out.
    lags : [tau, eta]
        Their places in beta; None where the model has no such term.

    Raises
    ------
    SpatialInputError
        E309 beyond 2,000 units.
    """

    def __init__(self, weights: TemporalWeights, rows: np.ndarray, effects: FixedEffects, lags: list[int | None]):
        if weights.n > DENSE_MAX:
            raise SpatialInputError("E309", f"lags= with gaps needs dense {weights.n:,} x {weights.n:,} matrices",
                                    n=weights.n, hint="correction=False")  # fmt: skip
        self.weights, self.rows, self.lags, self.time = weights, rows, lags, effects.time
        gaps, n = Gaps(rows, effects), weights.n
        self.left = int(rows.sum()) - gaps.rank
        self.shares = rows / np.maximum(rows.sum(axis=0), 1)
        self.columns = [gaps.basis(t)[:, n:] for t in range(len(rows))] if effects.time else None
        self._last: tuple = ((), ())

    def __call__(self, sample: Sample, at: Solution) -> np.ndarray:
        """E[dL/d(beta, rho, sigma2)] at the true values, without the places of parameters that there are not."""
        tau, eta = (0.0 if place is None else float(at.beta[place]) for place in self.lags)
        point = (float(at.rho), tau, eta)
        if self._last[0] != point:
            self._last = point, self.means(*point)
        score, k = np.zeros(len(at.beta) + len(sample.parts) + 1), len(at.beta)
        for place, mean in zip(self.lags, self._last[1]):
            if place is not None:
                score[place] = mean
        if sample.lag is not None:
            score[k] = self._last[1][2]
        score[-1] = -(sample.n - self.left) / (2 * at.sigma2)
        return score

    def means(self, rho: float, tau: float, eta: float) -> tuple[float, float, float]:
        """Of the scores of tau, eta and rho."""
        n = self.weights.n
        P, WP = np.zeros((n, n)), np.zeros((n, n))
        V = WV = np.zeros((n, 0 if self.columns is None else len(self.rows)))
        totals = np.zeros(3)
        for t, w in enumerate(self.weights.matrices):
            row, share = self.rows[t], self.shares[t]
            v = np.zeros((n, 0)) if self.columns is None else self.columns[t]
            totals[:2] -= share @ P.diagonal() + np.sum(v * V), share @ WP.diagonal() + np.sum(v * WV)
            right = np.hstack([tau * P + eta * WP, v + tau * V + eta * WV, row[:, None] * 1.0])
            right[:, :n][row, row] += 1  # the diagonal, where there are rows
            solved = _solved(w.csr, rho, right)
            P, V, one = solved[:, :n], solved[:, n:-1], solved[:, -1]
            WP, WV = w.csr @ P, w.csr @ V
            totals[2] -= share @ WP.diagonal() + np.sum(v * WV)
            if self.time:
                totals[2] += row @ (w.csr @ one) / row.sum()
        of_past, of_lagged, of_lag = totals
        return float(of_past), float(of_lagged), float(of_lag)


def _solved(W: sparse.csr_array, rho: float, right: np.ndarray) -> np.ndarray:
    """(I - rho W)^-1 right."""
    n = len(right)
    if not rho:
        return right
    if n < SPARSE_FROM or W.nnz > SPARSE * n * n:
        return np.linalg.solve(np.eye(n) - rho * W.toarray(), right)
    from scipy.sparse.linalg import splu

    S = sparse.csc_array(sparse.eye_array(n) - rho * W)
    return splu(S, permc_spec="MMD_AT_PLUS_A").solve(right)
