"""Tests of exogeneity and sets of Anderson and Rubin: linearmodels, auxiliary regressions, inversion, size."""

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy import stats

import spatial as sp
from spatial.diagnostics.instruments import stages_of
from spillover.errors import SpatialInputError

from ..models.test_endogenous import IV, KEYS, sample


def test_durbin_wu_hausman_of_linearmodels():
    """Its ``wu_hausman`` and ``wooldridge_regression``; with one variance the latter's counterpart here has n - k."""
    iv = pytest.importorskip("linearmodels.iv")
    data, W = sample(3)
    fit = sp.ols("y ~ x + c", data, W, endog="c", instruments=["z1", "z2"])
    theirs = iv.IV2SLS(data["y"], data[["x"]].assign(one=1.0), data[["c"]], data[["z1", "z2"]]).fit(cov_type="robust")
    tests = sp.endogeneity_test(fit)
    want = theirs.wu_hausman()
    assert tests["Durbin-Wu-Hausman"].statistic == pytest.approx(want.stat, rel=1e-8)
    assert tests["Durbin-Wu-Hausman"].df == (1, 40 - 4)
    wooldridge = theirs.wooldridge_regression
    assert tests["Durbin-Wu-Hausman, robust"].statistic == pytest.approx(wooldridge.stat * 36 / 40, rel=1e-6)


def test_difference_in_hansen_of_statsmodels_pieces():
    """J of both sets of instruments with one weight, written with pseudo-inverses."""
    data, W = sample(4)
    fit = sp.sar("y ~ x + c", data, W, **IV)
    s = fit._sample
    X, Y = s.X[:, s.exogenous], np.column_stack([s.X[:, ~s.exogenous], s.Wy])
    R = np.column_stack([X, Y])
    small = np.column_stack([X, s.H])
    large = np.column_stack([X, s.H, Y[:, 0]])

    def stage(H):
        P = H @ np.linalg.pinv(H)
        return s.y - R @ np.linalg.solve(R.T @ P @ R, R.T @ P @ s.y)

    e = stage(large)
    S = (large * e[:, None] ** 2).T @ large

    def J(H, S):
        A = np.linalg.pinv(S, rcond=1e-13)
        a, B = H.T @ s.y, H.T @ R
        g = a - B @ np.linalg.solve(B.T @ A @ B, B.T @ A @ a)
        return g @ A @ g

    want = J(large, S) - J(small, S[:-1, :-1])
    assert sp.endogeneity_test(fit)["difference in Hansen J"].statistic == pytest.approx(want, rel=1e-4)


def test_beside_w_y_the_control_function_is_an_instrument_of_itself():
    iv = pytest.importorskip("linearmodels.iv")
    data, W = sample(5, n=30, T=4, serial=True)
    fit = sp.sdm("y ~ x + c", data, W, **KEYS, **IV, vcov="cluster")
    s = fit._sample
    X, c = s.X[:, s.exogenous], s.X[:, ~s.exogenous]
    Z = np.column_stack([X, s.H])
    V = c - Z @ np.linalg.lstsq(Z, c, rcond=None)[0]
    exog = np.column_stack([X, c, V])
    pool = s.H[:, 4:]  # c and W c take the place of four instruments' span
    full = np.column_stack([Z, V])
    Q = np.linalg.qr(exog)[0]
    extra = full - Q @ (Q.T @ full)
    U, size, _ = np.linalg.svd(extra, full_matrices=False)
    pool = U[:, size > 1e-8 * size[0]]
    units = np.tile(np.arange(30), 4)
    theirs = iv.IV2SLS(s.y, exog, s.Wy[:, None], pool).fit(cov_type="clustered", clusters=units)
    b, cov = theirs.params.iloc[4:6], theirs.cov.iloc[4:6, 4:6]
    F = float(b @ np.linalg.solve(cov, b)) / 2
    test = sp.endogeneity_test(fit)["Durbin-Wu-Hausman, robust"]
    left = 29 * 3 - 4 - 1 - 2
    assert test.df == (2, left)
    assert test.statistic == pytest.approx(F * left / 119 * 29 / 30, rel=1e-6)
    assert "within units" in test.null


@pytest.mark.slow
def test_the_null_is_rejected_as_often_as_it_says():
    """c exogenous: 5 % of 300 samples, within 3.3 standard errors; endogenous: nearly always."""
    reject, power = [], []
    for seed in range(300):
        data, W = sample(seed, n=60)
        rng = np.random.default_rng(seed + 10_000)
        truth = data.assign(y=1 + data["x"] + data["c"] + rng.standard_normal(60))
        reject.append(_p(truth, W))
        power.append(_p(truth.assign(y=truth["y"] + 2 * (data["c"] - data["z1"] + 0.8 * data["z2"])), W))
    assert abs(np.mean(np.array(reject) < 0.05) - 0.05) < 3.3 * np.sqrt(0.05 * 0.95 / 300)
    assert np.mean(np.array(power) < 0.05) > 0.95


def _p(data, W):
    fit = sp.ols("y ~ x + c", data, W, endog="c", instruments=["z1", "z2"])
    return sp.endogeneity_test(fit)["Durbin-Wu-Hausman"].p_value


# -- Anderson & Rubin ------------------------------------------------------------------------------------------------


def test_the_set_of_one_coefficient_inverts_the_test():
    data, W = sample(6)
    fit = sp.ols("y ~ x + c", data, W, endog="c", instruments=["z1", "z2"])
    ((term, estimate, low, high),) = sp.anderson_rubin(fit).itertuples(index=False)
    assert term == "c"
    assert low < estimate < high
    X = np.column_stack([np.ones(40), data[["x", "z1", "z2"]]])
    for b in (low, high):
        F = sm.OLS(data["y"] - b * data["c"], X).fit().f_test(np.eye(4)[2:])
        assert float(F.pvalue) == pytest.approx(0.05, abs=1e-8)


@pytest.mark.parametrize("panel", [False, True])
def test_the_robust_set_inverts_the_robust_test(panel):
    data, W = sample(7, n=30 if panel else 50, T=4 if panel else 1, serial=panel)
    keys = {**KEYS, "effects": "entity"} if panel else {}
    fit = sp.ols("y ~ x + c", data, W, **keys, endog="c", instruments=["z1", "z2"], vcov="cluster" if panel else "hc0")
    s = stages_of(fit)
    table = sp.anderson_rubin(fit)
    for b in table[["conf_low", "conf_high"]].to_numpy().ravel():
        u = s.y - b * s.Y[:, 0]
        g = s.Z.T @ u
        e = u - s.Z @ g
        F = s.F(float(g @ np.linalg.solve(s.variance(s.Z * e[:, None]), g)))
        assert stats.f.sf(F, s.L, s.left) == pytest.approx(0.05, abs=1e-6)
    assert (table["conf_low"] <= fit.params["c"]).any()


def test_a_coefficient_beside_another_has_the_least_statistic():
    """min over rho of the F of y - b c - rho W y, by search, is the critical value at both ends."""
    from scipy.optimize import minimize_scalar

    data, W = sample(8, n=80)
    fit = sp.sar("y ~ x + c", data, W, **IV)
    s = stages_of(fit)
    table = sp.anderson_rubin(fit).set_index("term")
    L = s.L - 1

    def statistic(b, other, j):
        u = s.y - b * s.Y[:, j] - other * s.Y[:, 1 - j]
        explained = np.sum((s.Z.T @ u) ** 2)
        return explained / ((u @ u - explained) / s.left) / L

    for j, term in enumerate(("c", "rho")):
        for b in table.loc[term, ["conf_low", "conf_high"]]:
            least = minimize_scalar(lambda r, b=b, j=j: statistic(b, r, j), bounds=(-3, 3), method="bounded",
                                    options={"xatol": 1e-12}).fun  # fmt: skip
            assert least == pytest.approx(stats.f.isf(0.05, L, s.left), rel=1e-6)
    note = sp.instrument_tests(fit).note
    assert f"rho {table.loc['rho', 'conf_low']:.4g} to" in note


def test_weak_instruments_leave_sets_that_hold_where_wald_intervals_do_not():
    """z hardly moves c, whose error is that of y: 200 samples."""
    wald, sets, W = [], [], pd.DataFrame(np.roll(np.eye(60), 1, axis=0))
    for seed in range(200):
        rng = np.random.default_rng(seed)
        z, v, x = rng.standard_normal((3, 60))
        e = 0.95 * v + 0.3 * rng.standard_normal(60)
        data = pd.DataFrame({"y": x + 0.0 * v + e, "x": x, "c": 0.1 * z + v, "z": z})
        fit = sp.ols("y ~ x + c", data, W, endog="c", instruments="z")
        low, high = fit.conf_int().loc["c"]
        wald.append(low <= 0 <= high)
        table = sp.anderson_rubin(fit)
        sets.append(((table["conf_low"] <= 0) & (table["conf_high"] >= 0)).any())
    assert np.mean(wald) < 0.9
    assert abs(np.mean(sets) - 0.95) < 3.3 * np.sqrt(0.95 * 0.05 / 200)


@pytest.mark.parametrize(("call", "message"), [
    (lambda d, w: sp.endogeneity_test(sp.sar("y ~ x", d, w, method="gmm")), "endog="),
    (lambda d, w: sp.endogeneity_test(sp.ols("y ~ x", d, w)), "endog="),
    (lambda d, w: sp.anderson_rubin(sp.sar("y ~ x", d, w)), "method='gmm'"),
    (lambda d, w: sp.anderson_rubin(sp.sem("y ~ x", d, w, method="gmm")), "no endogenous"),
    (lambda d, w: sp.anderson_rubin(sp.sar("y ~ x", d, w, method="gmm"), level=2), "level"),
    (lambda d, w: sp.anderson_rubin(sp.sar("y ~ x + c", d, w, **IV), errors="robust"), "one endogenous"),
    (lambda d, w: sp.anderson_rubin(sp.sar("y ~ x", d, w, method="gmm"), errors="hc0"), "errors"),
])  # fmt: skip
def test_refused(call, message):
    data, W = sample(9)
    with pytest.raises(SpatialInputError, match="E501") as caught:
        call(data, W)
    assert message in str(caught.value)
