"""Random effects, serial correlation and spatial errors in a pooled regression, each tested beside the others.

    u_it = mu_i + eps_it,    eps_t = lambda W eps_t + nu_t,    nu_it = r nu_i,t-1 + e_it

The covariance is Omega = s2_mu (J_T x I_N) + s2_e (V_r x (B'B)^-1) with B = I - lambda W and V_r that of an AR(1) of
unit innovations. In the basis of B'B's eigenvectors, eigenvalues d_i, it falls apart into N blocks of T x T,

    Omega_i = s2_mu J_T + (s2_e / d_i) V_r,

and scores and informations of theta = (s2_e, s2_mu, r, lambda) are sums over them:

    D_theta = (u'Omega^-1 Omega_theta Omega^-1 u - tr Omega^-1 Omega_theta) / 2
    I_theta,phi = tr(Omega^-1 Omega_theta Omega^-1 Omega_phi) / 2

Source: Baltagi, Song, Jung & Koh (2007, J. Econometrics 140:5-51).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from spillover.errors import SpatialInputError
from spillover.matrix import refuse_varying

from ..covariance.information import DENSE_MAX
from ..design.checks import refuse_psi, refuse_without_residuals
from ..design.gaps import refuse_unbalanced
from ..design.obs_weights import refuse_weighted
from ..logdet import logdet
from ..records.fit import FitRecord
from ..records.tests import TestResult, TestTable

S2, MU, R, LAMBDA = range(4)
BOUNDS = {MU: (0.0, 30.0), R: (-0.9999, 0.9999)}  # of ln(1 + T s2_mu / s2_e) and r
STARTS = {MU: (0.0, 1.0, 3.0), R: (0.0, 0.6), LAMBDA: (0.0, 0.4)}  # lambda as a share of the end of its interval
UNSETTLED = 1e-4  # chi2 of the scores that ought to be zero
EDGE = 1e-4  # share of lambda's interval that is left free at both ends


def error_structure_tests(fit: FitRecord) -> TestTable:
    """Do pooled residuals hold random unit effects, serial correlation, a spatial error, and which?

    Parameters
    ----------
    fit : FitRecord
        From ``ols`` or ``slx`` on a panel of at least 3 periods, ``effects="none"``.

    Returns
    -------
    TestTable
        "LM joint", chi2(3), that there is none of them, and conditional tests of each whatever the two others are:
        "LM*-lambda" and "LM*-r", chi2(1), and "LM*-mu", one-sided. In ``splm``'s words J, C.1, C.2 and C.3.

    Raises
    ------
    SpatialInputError
        E501 for other fits, E206 fewer than 3 periods, E309 above 5,000 units, E109 gaps, E320 W that varies, E801 a
        search that does not settle.

    Notes
    -----
    Baltagi, Song, Jung & Koh (2007), sections 2 and 3: score tests at the maximum of the likelihood with the two
    others, by the expected information. ``random_effects_tests`` is for errors without serial correlation, under which
    its tests of unit effects reject.

    Examples
    --------
    >>> import shapefiles, spatial as sp, weights as wt
    >>> w = wt.queen(shapefiles.load("us_states")).standardize("row")
    >>> pooled = sp.ols("log(gsp) ~ log(pcap) + log(pc) + log(emp) + unemp", shapefiles.load_panel("us_states"), w,
    ...                 entity="state", time="year", effects="none")
    >>> print(sp.error_structure_tests(pooled)["LM*-mu"])
    LM*-mu: z (one-sided) = 0.606, p = 0.2724. Null: no random effects, whatever r and lambda are
    """
    d, spec = fit._design, fit.specification
    if spec.lag or spec.error or not d.is_panel or fit._settings.effects:
        raise SpatialInputError("E501", "these tests start from ols() or slx() on a panel with effects='none'",
                                hint="sp.ols(formula, data, w, entity=..., time=..., effects='none')")
    if d.n_units > DENSE_MAX:
        raise SpatialInputError("E309", f"a dense {d.n_units:,} x {d.n_units:,} matrix is too large", n=d.n_units,
                                hint="test a sample of the units, or use a test without dense matrices (sp.lm_tests)")
    if d.n_periods < 3:
        raise SpatialInputError("E206", f"these tests need at least 3 periods, got {d.n_periods}", n=d.n_periods,
                                hint="use a longer panel")
    refuse_unbalanced(d.observed, "this test")
    refuse_weighted(d.obs_weights, "this test", "test the residuals of the same model without weights")
    refuse_varying(d.weights, "this test")
    refuse_psi(fit, "this test", "compare fits by sp.lr_test(small, large)")
    refuse_without_residuals(fit)
    T, N = d.y.shape
    data = np.dstack([fit._sample.X.reshape(T, N, -1), fit._sample.y.reshape(T, N)])
    lo, hi = logdet(d.weights).interval
    room = EDGE * (hi - lo)
    problem = _Problem(data, d.weights.csr.toarray(), (lo + room, hi - room))
    none = problem.at(np.zeros(3))
    D, inverse = none.score[1:], np.linalg.inv(none.information)[1:, 1:]
    results = (
        TestResult("LM joint", float(D @ inverse @ D), 3, "no random effects, r = 0 and lambda = 0"),
        TestResult("LM*-lambda", _conditional(problem, LAMBDA) ** 2, 1, "lambda = 0, whatever r and random effects"),
        TestResult("LM*-r", _conditional(problem, R) ** 2, 1, "r = 0, whatever lambda and random effects"),
        TestResult("LM*-mu", _conditional(problem, MU), "upper", "no random effects, whatever r and lambda are"),
    )
    return TestTable("Random effects, serial correlation and spatial errors (Baltagi, Song, Jung & Koh)", results)


def _conditional(problem: _Problem, tested: int) -> float:
    """The score of one parameter at the maximum over the others, over its standard deviation.

    Raises
    ------
    SpatialInputError
        E801 when the scores of the others are not zero there.
    """
    at = problem.maximum([j for j in (MU, R, LAMBDA) if j != tested])
    others = [j for j in range(4) if j != tested and at.free[j]]
    left = at.score[others] @ np.linalg.solve(at.information[np.ix_(others, others)], at.score[others])
    if left > UNSETTLED:
        raise SpatialInputError("E801", f"the likelihood search did not settle: its scores are {at.score[others]}",
                                hint="rescale the regressors, or check that W links the units as meant")
    kept = [*others, tested]
    return float(at.score[tested] * np.sqrt(np.linalg.inv(at.information[np.ix_(kept, kept)])[-1, -1]))


@dataclass(frozen=True)
class _Point:
    """ln L up to a constant, score (4,) and information (4, 4) of theta at (kappa, r, lambda), s2_e and b at their
    best; which parameters are not on a bound."""

    loglik: float
    score: np.ndarray
    information: np.ndarray
    s2: float
    free: np.ndarray


@dataclass(frozen=True)
class _Problem:
    """data (T, N, k + 1), X and y; W (N, N); the interval of lambda."""

    data: np.ndarray
    W: np.ndarray
    interval: tuple[float, float]

    def at(self, point) -> _Point:
        """Score and information at (kappa, r, lambda), s2_mu = s2_e (e^kappa - 1) / T."""
        kappa, r, lam = point
        (T, N, _), phi = self.data.shape, np.expm1(kappa) / self.data.shape[0]
        V, V_r = _ar1(r, T)
        # 1. Blocks of the covariance over s2_e.
        B = np.eye(N) - lam * self.W
        d, Q = np.linalg.eigh(B.T @ B) if lam else (np.ones(N), np.eye(N))
        blocks = phi + V / d[:, None, None]
        L = np.linalg.cholesky(blocks)
        # 2. Generalised least squares.
        rotated = np.einsum("tjc,ji->itc", self.data, Q)
        white = np.linalg.solve(L, rotated)
        b = np.linalg.lstsq(white[..., :-1].reshape(N * T, -1), white[..., -1].ravel(), rcond=None)[0]
        u = rotated[..., -1] - rotated[..., :-1] @ b
        g = np.linalg.solve(blocks, u[..., None])[..., 0]
        s2 = float(np.sum(u * g)) / (N * T)
        loglik = -N * T / 2 * np.log(s2) - np.log(np.diagonal(L, axis1=1, axis2=2)).sum()
        # 3. Derivatives of Omega times its inverse: blocks (N, T, T), that of lambda V times P.
        inverse = np.linalg.inv(blocks)
        moves = np.stack(
            [inverse @ (V / d[:, None, None]), inverse @ np.ones((T, T)), inverse @ (V_r / d[:, None, None])]
        )
        MV = inverse @ V
        P = (Q.T @ (self.W.T @ B + B.T @ self.W) @ Q) / np.outer(d, d)
        scale = np.array([1 / s2, 1 / s2, 1.0, 1.0])
        score, information = np.empty(4), np.empty((4, 4))
        quadratic = [np.einsum("it,its,is->", g, A, u) / s2 for A in moves.swapaxes(2, 3)]
        score[:3] = quadratic - np.einsum("ajtt->a", moves)
        score[3] = np.sum(P * (g @ V @ g.T)) / s2 - np.diag(P) @ np.einsum("itt->i", MV)
        information[:3, :3] = np.einsum("aits,bist->ab", moves, moves)
        information[:3, 3] = information[3, :3] = np.einsum("i,aits,ist->a", np.diag(P), moves, MV)
        flat = MV.reshape(N, -1), MV.swapaxes(1, 2).reshape(N, -1)
        information[3, 3] = np.sum(P * P.T * (flat[0] @ flat[1].T))
        free = np.array([True, kappa > 0, True, True])
        return _Point(loglik, scale * score / 2, np.outer(scale, scale) * information / 2, s2, free)

    def maximum(self, over: list[int]) -> _Point:
        """Where ln L is highest over some of (kappa, r, lambda), the others zero."""
        from itertools import product

        from scipy.optimize import minimize

        T = self.data.shape[0]
        bounds = [BOUNDS.get(j, self.interval) for j in over]

        def full(x):
            point = np.zeros(3)
            point[np.array(over) - 1] = x
            return point

        def downhill(x):
            at = self.at(full(x))
            slope = at.score * [1, at.s2 * np.exp(full(x)[0]) / T, 1, 1]
            return -at.loglik, -slope[over]

        shares = {LAMBDA: self.interval[1]}
        starts = [np.multiply(start, [shares.get(j, 1) for j in over]) for start in product(*(STARTS[j] for j in over))]
        start = min(starts, key=lambda x: downhill(x)[0])
        optimum = minimize(downhill, start, jac=True, bounds=bounds, method="L-BFGS-B",
                         options={"ftol": 1e-15, "gtol": 1e-9})  # fmt: skip
        return self.at(full(optimum.x))


def _ar1(r: float, T: int) -> tuple[np.ndarray, np.ndarray]:
    """V = r^|s - t| / (1 - r^2) and dV / dr."""
    apart = np.abs(np.subtract.outer(np.arange(T), np.arange(T)))
    power = float(r) ** apart
    slope = apart * float(r) ** np.maximum(apart - 1, 0)
    return power / (1 - r**2), slope / (1 - r**2) + 2 * r * power / (1 - r**2) ** 2
