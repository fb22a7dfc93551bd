"""Dynamic panels with few periods: the root of the score less its exact mean, whatever the first period was.

    y_t = rho W y_t + tau y_{t-1} + eta W y_{t-1} + X_t beta + c + u_t,    u_t = lambda M u_t + e_t,    t = 1 ... T

Given y_0 and X every derivative of the likelihood of the demeaned data is a linear and quadratic form in e. With Q what
takes unit means off, L the lag of one period within the sample, and S, B, A as in ``solve.dynamic``,

    dL/dq = e'Q (b_q + sum_d (L^d x P_d) Q e) / sigma2 - T tr(.),

    tau: P_d = B A^(d-1) S^-1 B^-1,  d >= 1;     eta: B W A^(d-1) S^-1 B^-1,  d >= 1;
    rho: B W A^d S^-1 B^-1,  d >= 0;             lambda: M B^-1,  d = 0;          sigma2: I / (2 sigma2),  d = 0

b_q depends on y_0, X and the unit means of S y - Z delta, which are not correlated with Q e. Its mean is the sum over d
of tr(Q L^d) tr P_d with tr(Q L^d) = -(T - d) / T, d >= 1: the sums of ``solve.dynamic`` over T periods, exact for every
T and without a process that has run for ever. The estimate is the root of the score less that mean. It is consistent as
the units become many, with T = 3 already, where the maximum with one corrective step is not. Its covariance is

    H^-1 V H^-1',
    H = -d^2 L + d mean,
    V_qr = b_q'b_r / sigma2 + sum_{d,h} (tr(Q L^d Q L^h) tr(P_d P_h) + tr(Q L^d Q L^h') tr(P_d P_h')).

Sources: Yang (2018, J. Econometrics 205:423-447), the M-estimator, whose differenced data with their covariance are
the demeaned ones, here with V for normal errors in the place of an outer product of martingale differences, which takes
more units than many panels have; Su & Yang (2015, J. Econometrics 185:230-258) for the initial values. With period
effects W is F'WF, one unit less (Lee & Yu 2010, Econometric Theory 26:564-597).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from spillover.errors import SpatialInputError
from spillover.matrix import SpatialWeights

from ..design.arrays import Sample
from ..logdet import Jacobian
from ..solve.dynamic import score_of_unit_effects
from ..solve.ml import Solution, residuals
from ..solve.reml import Adjusted
from .additive import as_solution, as_vector
from .information import contrasts, derivatives, observed
from .scores import scores

DENSE_MAX = 2_000  # units: T matrices of N x N
SETTLED, MAX_STEPS = 1e-9, 60  # of Newton's steps, in standard errors
HALVINGS = 12  # of a step that makes the score longer
STEP = 1e-5  # of central differences of the mean


@dataclass(frozen=True, eq=False)
class DynamicPanel:
    """A sample with what the mean and the variance of its score need.

    Attributes
    ----------
    sample : Sample
    past : Jacobian
        log|I - r W| as the likelihood counts it.
    weights, error : W and M
    lags : [tau, eta]
        Their places among the coefficients; None for one that the model does not have.
    """

    sample: Sample = field(repr=False)
    past: Jacobian = field(repr=False)
    weights: SpatialWeights = field(repr=False)
    error: SpatialWeights = field(repr=False)
    lags: list[int | None]

    def mean(self, at: Solution) -> np.ndarray:
        return score_of_unit_effects(self.sample, at, self.weights, self.past, self.lags, all_periods=True)

    def score(self, at: Solution) -> np.ndarray:
        """Less its mean."""
        return scores(self.sample, at).sum(axis=0) - self.mean(at)

    def slope(self, at: Solution) -> np.ndarray:
        """H, the derivative of the adjusted score times -1."""
        H, theta = observed(self.sample, at), as_vector(self.sample, at)
        H[-1, -1] = at.resid @ at.resid / at.sigma2**3 - self.sample.n / (2 * at.sigma2**2)  # not at a maximum
        moved = [place for place in self.lags if place is not None] + list(range(len(at.beta), len(theta)))
        for place in moved:
            step = np.zeros(len(theta))
            step[place] = STEP * (at.sigma2 if place == len(theta) - 1 else 1.0)
            ahead, behind = (self.mean(as_solution(self.sample, at, theta + sign * step)) for sign in (1, -1))
            H[:, place] += (ahead - behind) / (2 * step[place])
        return H

    def variance(self, at: Solution) -> np.ndarray:
        """V of the score under normal errors."""
        T = int(self.past.copies)
        N, k = self.weights.n, len(at.beta)
        F = contrasts(N) if self.past.unit_root else np.eye(N)
        lags, P, owner = self._responses(F, at, T)
        # 1. Columns b_q: the derivatives of e less their part in Q e.
        p = k + len(self.sample.parts) + 1
        columns = np.column_stack([derivatives(self.sample, at), at.resid / (2 * at.sigma2)])
        b = np.einsum("tnq,nm->qtm", columns.reshape(T, N, p), F)
        e = at.resid.reshape(T, N) @ F
        for d, matrix, q in zip(lags, P, owner):
            lagged = np.zeros_like(e)
            lagged[d:] = e[: T - d] @ matrix.T
            b[q] -= lagged - lagged.mean(axis=0)
        b = b.reshape(p, -1)
        # 2. Traces over units and over periods of all pairs of quadratic forms.
        flat, turned = P.reshape(len(P), -1), P.swapaxes(1, 2).reshape(len(P), -1)
        Q = np.eye(T) - 1 / T
        shifts = np.array([Q @ np.eye(T, k=-d) @ Q for d in lags]).reshape(len(P), -1)
        turned_shifts = shifts.reshape(-1, T, T).swapaxes(1, 2).reshape(len(P), -1)
        pairs = (shifts @ turned_shifts.T) * (flat @ turned.T) + (shifts @ shifts.T) * (flat @ flat.T)
        of_parameter = np.equal.outer(np.arange(p), owner).astype(float)
        return b @ b.T / at.sigma2 + of_parameter @ pairs @ of_parameter.T

    def _responses(self, F: np.ndarray, at: Solution, T: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """d, P_d and the place of the parameter of every quadratic form."""
        eye, W = np.eye(F.shape[1]), F.T @ (self.weights.csr @ F)
        tau, eta = (0.0 if place is None else at.beta[place] for place in self.lags)
        S_inverse = np.linalg.inv(eye - at.rho * W)
        A = S_inverse @ (tau * eye + eta * W)
        B, M = eye, None
        if self.sample.error is not None:
            M = F.T @ (self.error.csr @ F)
            B = eye - at.lam * M
        B_inverse = np.linalg.inv(B)
        responses = [B @ S_inverse @ B_inverse]  # B A^h S^-1 B^-1
        carried = S_inverse @ B_inverse
        W_responses = [B @ W @ carried]
        for _ in range(T - 1):
            carried = A @ carried
            responses.append(B @ carried)
            W_responses.append(B @ W @ carried)
        k, last = len(at.beta), len(at.beta) + len(self.sample.parts)
        forms = [(d, responses[d - 1], self.lags[0]) for d in range(1, T) if self.lags[0] is not None]
        forms += [(d, W_responses[d - 1], self.lags[1]) for d in range(1, T) if self.lags[1] is not None]
        if self.sample.lag is not None:
            forms += [(d, W_responses[d], k) for d in range(T)]
        if M is not None:
            forms.append((0, M @ B_inverse, last - 1))
        forms.append((0, eye / (2 * at.sigma2), last))
        lags, matrices, owner = zip(*forms)
        return np.array(lags), np.array(matrices), np.array(owner)


def unbiased_score(panel: DynamicPanel, start: Solution, df: int) -> Adjusted:
    """The root of the adjusted score next to ``start``.

    Parameters
    ----------
    start : Solution
        The maximum, corrected or not.
    df : int
        Observations less effects and parameters.

    Raises
    ------
    SpatialInputError
        E309 above 2,000 units, E702 where the score does not identify the parameters, E713 when it has no root
        near the maximum.
    """
    if (N := panel.weights.n) > DENSE_MAX:
        raise SpatialInputError("E309", f"method='aqs' of a dynamic model needs dense {N:,} x {N:,} matrices", n=N,
                                hint="method='gmm' for sar and sdm, or method='ml'")  # fmt: skip
    at, score = start, panel.score(start)
    metric = np.linalg.inv(observed(panel.sample, start))  # of the score's length, the same at every step
    for _ in range(MAX_STEPS):
        H = panel.slope(at)
        step, scale = np.linalg.solve(H, score), np.sqrt(np.abs(np.diag(np.linalg.inv(H))))
        length = score @ metric @ score
        for _ in range(HALVINGS):
            to = _moved(panel.sample, at, step)
            score = panel.score(to)
            if score @ metric @ score <= length:
                break
            step = step / 2
        at = to
        if (np.abs(step) < SETTLED * scale).all():
            break
    else:
        raise SpatialInputError("E713", "the adjusted score has no root near the maximum: last tau and eta "
                                f"{[round(float(at.beta[j]), 4) for j in panel.lags if j is not None]}",
                                hint="method='ml' with its correction, more periods, or lags='y'")  # fmt: skip
    H_inverse = np.linalg.inv(panel.slope(at))
    V = H_inverse @ panel.variance(at) @ H_inverse.T
    if not (np.diag(V) > 0).all():
        raise SpatialInputError("E702", "the adjusted score does not determine all parameters",
                                hint="drop lagged regressors, or method='ml'")  # fmt: skip
    factor = (df + len(V) - 1) / df
    return Adjusted(at.beta, at.rho, at.lam, at.sigma2 * factor, np.nan, at.resid, factor * V[:-1, :-1], df)


def _moved(sample: Sample, at: Solution, step: np.ndarray) -> Solution:
    """``at`` after a step, halved until rho and lambda are inside their intervals and sigma2 is positive."""
    theta = as_vector(sample, at)
    while not _inside(sample, to := as_solution(sample, at, theta + step)):
        step = step / 2
    return replace(to, resid=residuals(sample, to.beta, to.rho, to.lam))


def _inside(sample: Sample, at: Solution) -> bool:
    for part, value in ((sample.lag, at.rho), (sample.error, at.lam)):
        if part is not None:
            low, high = part.ends
            if not low < value < high:
                return False
    return at.sigma2 > 0
