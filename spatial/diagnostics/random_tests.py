"""Random unit effects and spatial errors in a pooled regression: the tests of Baltagi, Song & Koh.

    u_it = mu_i + eps_it,    eps = (I - lambda W)^-1 nu,    mu ~ (0, s2_mu),  nu ~ (0, s2)

s2_mu cannot be negative: tests that ask for it are one-sided. Source: Baltagi, Song & Koh (2003, J. Econometrics
117:123-150).
"""

from __future__ import annotations

import numpy as np

from spillover.errors import SpatialInputError
from spillover.matrix import refuse_varying

from ..covariance.information import DENSE_MAX
from ..design.arrays import Sample
from ..design.checks import refuse_psi, refuse_without_residuals
from ..design.design import spatial_lag
from ..design.fixed_effects import quasi_demean
from ..design.gaps import refuse_unbalanced
from ..design.obs_weights import refuse_weighted
from ..logdet import Jacobian, logdet
from ..records.fit import FitRecord
from ..records.tests import TestResult, TestTable
from ..solve.ml import maximum_likelihood


def random_effects_tests(fit: FitRecord) -> TestTable:
    """Do pooled residuals hold random unit effects, a spatial error, or both?

    Parameters
    ----------
    fit : FitRecord
        From ``ols`` or ``slx`` on a panel, ``effects="none"``.

    Returns
    -------
    TestTable
        LM1 (random effects) and LM2 (spatial error), each supposing that the other is absent, SLM1 and SLM2 the same
        with exact mean and variance; LM-H both together; LM*-mu and LM*-lambda, each whatever the other is.

    Raises
    ------
    SpatialInputError
        E501 for other fits, E309 above 5,000 units.

    Notes
    -----
    LM1 to LM-H are eq. 2.5-2.19 of the source. The conditional tests follow from its likelihood: LM*-lambda at the
    maximum with random effects, LM*-mu at that with spatial errors, with the expected information of
    (s2, s2_mu, lambda). LM-H is one-sided in both and follows 1/4 chi2(0) + 1/2 chi2(1) + 1/4 chi2(2).
    """
    d, spec = fit._design, fit.specification
    if spec.lag or spec.error or not d.is_panel or d.n_periods < 2 or fit._settings.effects:
        raise SpatialInputError("E501", "these tests start from ols() or slx() on a panel with effects='none'",
                                hint="sp.ols(formula, data, w, entity=..., time=..., effects='none')")
    if d.n_units > DENSE_MAX:
        raise SpatialInputError("E309", f"a dense {d.n_units:,} x {d.n_units:,} inverse is too large", n=d.n_units,
                                hint="test a sample of the units, or use a test without dense matrices (sp.lm_tests)")
    refuse_unbalanced(d.observed, "this test")
    refuse_weighted(d.obs_weights, "this test", "test the residuals of the same model without weights")
    refuse_varying(d.weights, "this test")
    refuse_psi(fit, "this test", "compare fits by sp.lr_test(small, large)")
    refuse_without_residuals(fit)
    e, X, (T, N) = fit._solution.resid.reshape(d.y.shape), fit._sample.X, d.y.shape
    W = d.weights.csr.toarray()
    b = np.sum(W * W.T) + np.sum(W * W)
    ss = np.sum(e**2)
    sums, lagged = np.sum(e.sum(axis=0) ** 2), np.sum(e * (e @ W.T))
    lm1 = np.sqrt(N * T / (2 * (T - 1))) * (sums / ss - 1)
    lm2 = np.sqrt(N**2 * T / b) * lagged / ss
    slm1 = _standardised(sums / ss, X, lambda v: np.broadcast_to(v.sum(axis=0), v.shape), N * T, N * T**2, (T, N))
    slm2 = _standardised(lagged / ss, X, lambda v: (v @ (W + W.T)) / 2, T * np.trace(W), T * b / 2, (T, N))
    both = max(lm1, 0.0) ** 2 + max(lm2, 0.0) ** 2
    effect, error = "no random effects", "lambda = 0"
    results = (
        TestResult("LM1", lm1, "upper", effect + ", if lambda = 0"),
        TestResult("SLM1", slm1, "upper", effect + ", if lambda = 0"),
        TestResult("LM2", lm2, None, error + ", if there are no random effects"),
        TestResult("SLM2", slm2, None, error + ", if there are no random effects"),
        TestResult("LM-H", both, "mixed", effect + " and " + error + ", against lambda > 0"),
        TestResult("LM*-mu", _given_error(fit, W), "upper", effect + ", whatever lambda is"),
        TestResult("LM*-lambda", _given_effects(fit, W, b), None, error + ", whatever the random effects"),
    )
    return TestTable("Random effects and spatial errors (Baltagi, Song & Koh)", results)


def _standardised(ratio, X, times, trace, squares, shape) -> float:
    """(u'D u / u'u - E) / sd with u = M e: exact under normal errors. ``times`` is D v by columns (T, N)."""
    Q = np.linalg.qr(X)[0]
    DQ = np.column_stack([times(q.reshape(shape)).ravel() for q in Q.T])
    small, n = Q.T @ DQ, len(Q) - Q.shape[1]
    tr = trace - np.trace(small)
    tr2 = squares - 2 * np.sum(DQ**2) + np.sum(small * small.T)
    return (ratio - tr / n) / np.sqrt(2 * (n * tr2 - tr**2) / (n**2 * (n + 2)))


def _given_effects(fit: FitRecord, W, b) -> float:
    """The score of lambda at the maximum with random effects: e = deviations and means weigh differently."""
    T = fit._design.n_periods
    e, s2, s2_1 = _random_maximum(fit)
    means = np.broadcast_to(e.mean(axis=0), e.shape)
    rest = e - means
    score = s2 / s2_1**2 * np.sum(means * (means @ W.T)) + np.sum(rest * (rest @ W.T)) / s2
    return score / np.sqrt(((T - 1) + s2**2 / s2_1**2) * b)


def _random_maximum(fit: FitRecord):
    """Residuals (T, N), s2 and s2_1 = s2 + T s2_mu where ln L = -n/2 ln SSE(r) + N/2 ln r is highest, r = s2 / s2_1."""
    from scipy.optimize import minimize_scalar

    T, N = fit._design.y.shape
    y, X = fit._sample.y.reshape(T, N), fit._sample.X.reshape(T, N, -1)

    def at(r):
        share = 1 - np.sqrt(r)
        yq, Xq = quasi_demean(y, share).ravel(), quasi_demean(X, share).reshape(T * N, -1)
        b = np.linalg.lstsq(Xq, yq, rcond=None)[0]
        return b, np.sum((yq - Xq @ b) ** 2)

    optimum = minimize_scalar(lambda z: N * T * np.log(at(np.exp(z))[1]) - N * z, bounds=(-18.0, 0.0), method="bounded",
                            options={"xatol": 1e-10})  # fmt: skip
    r = float(np.exp(optimum.x))
    b, ss = at(r)
    s2 = ss / (N * T)
    return y - X @ b, s2, s2 / r


def _given_error(fit: FitRecord, W) -> float:
    """The score of s2_mu at the maximum with a spatial error, over its standard deviation."""
    d = fit._design
    T, N = d.y.shape

    def lag(values):
        return spatial_lag(d.weights, values.reshape(T, N, -1)).reshape(values.shape)

    s = fit._sample
    part = Jacobian(logdet(d.weights), T, False)
    at = maximum_likelihood(Sample(s.y, s.X, s.n, My=lag(s.y), MX=lag(s.X), error=part))
    B = np.eye(N) - at.lam * W
    BB, turn = B.T @ B, W.T @ B + B.T @ W
    R, s2 = turn @ np.linalg.inv(BB), at.sigma2
    together = at.resid.reshape(T, N).sum(axis=0) @ B  # B' sum_t e_t
    score = together @ together / (2 * s2**2) - T * np.trace(BB) / (2 * s2)
    information = T / 2 * np.array([
        [N / s2**2, np.trace(BB) / s2**2, np.trace(R) / s2],
        [np.trace(BB) / s2**2, T * np.sum(BB**2) / s2**2, np.trace(turn) / s2],
        [np.trace(R) / s2, np.trace(turn) / s2, np.sum(R * R.T)],
    ])  # fmt: skip
    return score * np.sqrt(np.linalg.inv(information)[1, 1])
