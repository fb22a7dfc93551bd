"""Tests of instruments against regressions of statsmodels, the formulas written with Kronecker products, and laws."""

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy import linalg, stats

import shapefiles
import spatial as sp
import weights as wt
from spatial.diagnostics.instruments import anderson_rubin_set, stages_of
from spatial.solve.gmm import basis
from spillover.errors import SpatialInputError

FORMULA = "CRIME ~ INC + HOVAL"
TWO = {"endog": ["HOVAL"], "instruments": ["DISCBD", "PLUMB"]}
PANEL = {"entity": "state", "time": "year", "effects": "entity", "method": "gmm"}


@pytest.fixture(scope="module")
def columbus():
    data = shapefiles.load("columbus")
    return data, wt.queen(data).standardize("row")


@pytest.fixture(scope="module")
def states():
    return shapefiles.load_panel("us_states"), wt.queen(shapefiles.load("us_states")).standardize("row")


def pieces(fit):
    """y, X, endogenous regressors and excluded instruments, as columns."""
    s = fit._sample
    X, Q = s.X[:, s.exogenous], basis(s)
    Y = np.column_stack([s.X[:, ~s.exogenous], s.Wy])
    return s.y, X, Y, Q[:, X.shape[1] :]


def test_one_endogenous_regressor_is_a_matter_of_two_regressions(columbus):
    """F of the first stage, classical and White's; Anderson & Rubin's F of the reduced form."""
    fit = sp.sar(FORMULA, *columbus, method="gmm")
    y, X, Y, Z = pieces(fit)
    tests = sp.instrument_tests(fit)
    R = np.eye(X.shape[1] + Z.shape[1])[X.shape[1] :]
    regressors = np.column_stack([X, Z])
    first, reduced = (sm.OLS(v, regressors).fit() for v in (Y[:, 0], y))
    robust = [sm.OLS(v, regressors).fit(cov_type="HC1").f_test(R).fvalue for v in (Y[:, 0], y)]
    names = ["first-stage F of W:CRIME", "Cragg-Donald F", "Kleibergen-Paap F", "Anderson-Rubin",
             "Anderson-Rubin, robust"]  # fmt: skip
    want = [first.f_test(R).fvalue] * 2 + [robust[0], reduced.f_test(R).fvalue, robust[1]]
    np.testing.assert_allclose([tests[name].statistic for name in names], want, rtol=1e-8)
    assert tests["Anderson-Rubin"].p_value == pytest.approx(float(reduced.f_test(R).pvalue), rel=1e-8)


def kleibergen_paap(Y, X, Z, groups=None, lm=False):
    """Theorem 1 of Kleibergen & Paap (2006) with V a Kronecker product, all matrices as they stand."""
    n, G = len(Y), Y.shape[1]
    Y, Z = (v - X @ np.linalg.lstsq(X, v, rcond=None)[0] for v in (Y, Z))
    Pi = np.linalg.lstsq(Z, Y, rcond=None)[0]
    e = Y if lm else Y - Z @ Pi
    scores = (e[:, :, None] * Z[:, None, :]).reshape(n, -1)  # vec of Z'e, columns of Y first
    if groups is not None:
        scores = np.array([scores[groups == g].sum(axis=0) for g in np.unique(groups)])
    bread = np.kron(np.eye(G), np.linalg.inv(Z.T @ Z))
    V = bread @ scores.T @ scores @ bread
    F, H = linalg.sqrtm(Z.T @ Z).real, np.linalg.inv(linalg.sqrtm(Y.T @ Y).real)
    theta = F @ Pi @ H
    U, _, Vt = np.linalg.svd(theta)
    r = G - 1
    U2, V2 = U[:, r:], Vt.T[:, r:]
    A = U2 @ np.linalg.inv(U2[r:]) @ linalg.sqrtm(U2[r:] @ U2[r:].T).real
    B = linalg.sqrtm(V2[r:] @ V2[r:].T).real @ np.linalg.inv(V2[r:].T) @ V2.T
    lam = np.kron(B, A.T) @ theta.T.ravel()
    K = np.kron(B, A.T) @ np.kron(H.T, F)
    return float(lam @ np.linalg.solve(K @ V @ K.T, lam))


@pytest.mark.parametrize("lm", [False, True])
def test_two_endogenous_regressors_against_the_paper(columbus, lm):
    fit = sp.sar(FORMULA, *columbus, method="gmm", **TWO)
    y, X, Y, Z = pieces(fit)
    n, L = len(y), Z.shape[1]
    want = kleibergen_paap(Y, X, Z, lm=lm)
    tests = sp.instrument_tests(fit)
    if lm:
        assert tests["Kleibergen-Paap LM"].statistic == pytest.approx(want, rel=1e-7)
        assert tests["Kleibergen-Paap LM"].df == L - 1
    else:
        assert tests["Kleibergen-Paap F"].statistic == pytest.approx(want * (n - 2 - L) / n / L, rel=1e-7)


def test_cragg_donald_is_the_smallest_eigenvalue(columbus):
    """Cragg & Donald (1993): of S^-1/2 Y'P Y S^-1/2 / L, S the covariance of the first stage's errors."""
    fit = sp.sar(FORMULA, *columbus, method="gmm", **TWO)
    y, X, Y, Z = pieces(fit)
    Y = Y - X @ np.linalg.lstsq(X, Y, rcond=None)[0]
    P = Z @ np.linalg.pinv(Z)
    S = Y.T @ (np.eye(len(y)) - P) @ Y / (len(y) - X.shape[1] - Z.shape[1])
    want = linalg.eigh(Y.T @ P @ Y, S, eigvals_only=True)[0] / Z.shape[1]
    tests = sp.instrument_tests(fit)
    assert tests["Cragg-Donald F"].statistic == pytest.approx(want, rel=1e-8)
    assert np.isnan(tests["Cragg-Donald F"].p_value)
    assert want < min(t.statistic for t in tests if t.name.startswith("first-stage"))


def test_unit_effects_allow_for_correlation_within_units(states):
    panel, w = states
    fit = sp.sar("log(gsp) ~ log(pcap) + log(emp) + unemp", panel, w, **PANEL)
    _, X, Y, Z = pieces(fit)
    units = np.tile(np.arange(48), 17)
    tests = sp.instrument_tests(fit)
    assert tests["Kleibergen-Paap LM"].statistic == pytest.approx(kleibergen_paap(Y, X, Z, units, lm=True), rel=1e-7)
    wald = kleibergen_paap(Y, X, Z, units)
    left = 48 * 16 - X.shape[1] - Z.shape[1]
    want = wald / (48 * 17 - 1) * left * 47 / 48 / Z.shape[1]
    assert tests["Kleibergen-Paap F"].statistic == pytest.approx(want, rel=1e-7)
    assert "within units" in tests["Hansen J"].null


def test_the_set_of_anderson_and_rubin_holds_what_the_test_accepts(columbus):
    """At the ends of the 95 % set the F of y - rho W y on the instruments is its 95 % point."""
    fit = sp.sar(FORMULA, *columbus, method="gmm")
    s = stages_of(fit)

    def p(b):
        u = s.y - b * s.Y[:, 0]
        explained = np.sum((s.Z.T @ u) ** 2)
        return stats.f.sf(explained / s.L / ((u @ u - explained) / s.left), s.L, s.left)

    ((low, high),) = anderson_rubin_set(s)
    assert [p(low), p(high)] == pytest.approx([0.05, 0.05], abs=1e-9)
    assert p((low + high) / 2) > 0.05 > p(high + 0.1)
    assert (low < 0 < high) == (sp.instrument_tests(fit)["Anderson-Rubin"].p_value > 0.05)
    assert f"{low:.4g} to {high:.4g}" in str(sp.instrument_tests(fit))


def test_instruments_that_explain_nothing_leave_a_set_without_ends():
    """x has no coefficient, so W x instruments nothing: the set is unbounded and the F is small."""
    rng = np.random.default_rng(4)
    W = np.zeros((60, 60))
    for i in range(60):
        W[i, rng.choice(np.delete(np.arange(60), i), 4, replace=False)] = 0.25
    data = pd.DataFrame({"y": rng.standard_normal(60), "x": rng.standard_normal(60)})
    fit = sp.sar("y ~ x", data, pd.DataFrame(W), method="gmm")
    tests = sp.instrument_tests(fit)
    assert tests["Cragg-Donald F"].statistic < 10
    ends = np.array(anderson_rubin_set(stages_of(fit)))
    assert np.isinf(ends).any()


@pytest.mark.parametrize("scale", [1e-4, 1e5])
def test_units_of_measurement_do_not_matter(columbus, scale):
    data, w = columbus
    one, other = (
        sp.instrument_tests(sp.sar(FORMULA, d, w, method="gmm", **TWO)).tidy()["statistic"].to_numpy()
        for d in (data, data.assign(HOVAL=data["HOVAL"] * scale, DISCBD=data["DISCBD"] * scale))
    )
    np.testing.assert_allclose(one, other, rtol=1e-6)


@pytest.mark.parametrize("options", [{}, "two"], ids=["one endogenous", "two"])
def test_sargan_hansen_and_first_stages_of_linearmodels(columbus, options):
    """IV2SLS and two-step IVGMM, weights allowing for unequal variances."""
    iv = pytest.importorskip("linearmodels.iv")
    fit = sp.sar(FORMULA, *columbus, method="gmm", **(TWO if options == "two" else {}))
    y, X, Y, Z = pieces(fit)
    tests = sp.instrument_tests(fit)
    theirs = iv.IV2SLS(y, X, Y, Z).fit(cov_type="unadjusted")
    # Its F divides by n, ours by n less all regressors of the first stage.
    F = theirs.first_stage.diagnostics["f.stat"].to_numpy() * (1 - (X.shape[1] + Z.shape[1]) / len(y))
    ours = [test.statistic for test in tests if test.name.startswith("first-stage F")]
    np.testing.assert_allclose(ours, F, rtol=1e-8)
    assert tests["Sargan"].statistic == pytest.approx(float(theirs.sargan.stat), rel=1e-8)
    two_step = iv.IVGMM(y, X, Y, Z, weight_type="robust").fit(iter_limit=2)
    assert tests["Hansen J"].statistic == pytest.approx(float(two_step.j_stat.stat), rel=1e-6)


def test_more_instruments_than_units_are_refused():
    """A variance of sums over units has no inverse then; fewer instruments, as the error says, will do."""
    rng, ids = np.random.default_rng(0), list(range(12))
    near, far = (wt.from_dense((np.roll(np.eye(12), a, 1) + np.roll(np.eye(12), b, 1)) / 2, ids=ids)
                 for a, b in ((1, -1), (3, -4)))  # fmt: skip
    data = pd.DataFrame(rng.normal(size=(72, 4)), columns=["y", "a", "b", "q"])
    data = data.assign(i=np.tile(ids, 6), t=np.repeat(range(6), 12), e=data["q"] + rng.normal(size=72))
    keys = {"entity": "i", "time": "t", "endog": ["e"], "instruments": ["q"]}
    with pytest.raises(SpatialInputError, match="units for 16 instruments, got 12"):
        sp.instrument_tests(sp.sdm("y ~ a + b + e", data, [near, far], method="gmm", **keys))
    fewer = sp.sdm("y ~ a + b + e", data, [near, far], method=sp.Moments(order=1), **keys)
    assert sp.instrument_tests(fewer).tidy()["p_value"].iloc[-1] > 0
