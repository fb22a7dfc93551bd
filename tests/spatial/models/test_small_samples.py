"""Small samples: t(n - p), restricted likelihood and quasi-scores against dense twins and stored numbers."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import brentq, minimize_scalar
from scipy.stats import t as student

import shapefiles
import spatial as sp
import weights as wt
from spatial.solve.quasi_forms import Periods
from spillover.errors import SpatialInputError

from ..designs import as_lagged
from .test_estimators import PANEL, cross_section, panel_data


@pytest.fixture(scope="module")
def states():
    """48 states with a response that a formula gives: no random numbers."""
    w = wt.queen(shapefiles.load("us_states")).standardize("row")
    i = np.arange(48)
    x, z = np.sin(1.7 * i), np.cos(0.9 * i**2)
    e = np.sin(5.3 * i + 0.4) + 0.3 * np.cos(0.37 * i**2)
    y = np.linalg.solve(np.eye(48) - 0.4 * w.csr.toarray(), 1 + x + 0.5 * z + e)
    return pd.DataFrame({"y": y, "x": x, "z": z}, index=w.ids), w


STORED = [  # model, method, spatial parameter, its s.e., x, its s.e., sigma2; None where nothing was stored
    ("sar", "reml", 0.387685, 0.163585, 1.036591, 0.157278, 0.590514),
    ("sdm", "reml", 0.130634, 0.217357, 1.251050, 0.177818, None),
    ("sem", "reml", 0.382911, 0.213349, 0.877366, 0.146417, None),
]


@pytest.mark.parametrize(("model", "method", "at", "error", "x", "x_error", "sigma2"), STORED)
def test_stored_numbers(states, model, method, at, error, x, x_error, sigma2):
    """Of a prototype that shares no code with ours."""
    data, w = states
    fit = getattr(sp, model)("y ~ x + z", data, w, method=method)
    want = [at, error, x, x_error, sigma2]
    have = [fit.params.iloc[-1], fit.std_errors.iloc[-1], fit.params["x"], fit.std_errors["x"], fit.sigma2]
    for value, number in zip(have, want):
        assert number is None or value == pytest.approx(number, abs=6e-7)
    assert fit.df_resid == 48 - len(fit.params) + 1
    assert np.isnan(fit.loglik)


@pytest.mark.parametrize(("model", "at", "error"), [("sar", 0.353307, 0.156700), ("sdm", 0.052610, 0.200709)])
def test_maximum_likelihood_without_and_with_degrees_of_freedom(states, model, at, error):
    data, w = states
    plain, fit = (getattr(sp, model)("y ~ x + z", data, w, correction=c) for c in (False, True))
    assert (plain.rho, plain.std_errors["rho"]) == pytest.approx((at, error), abs=6e-7)
    assert plain.df_resid is None
    n, p = 48, len(fit.params)
    np.testing.assert_allclose(fit.vcov, plain.vcov * n / (n - p), rtol=1e-12)
    half = student.isf(0.025, n - p) * fit.std_errors
    np.testing.assert_allclose(fit.conf_int(method="wald")["conf_high"], fit.params + half, rtol=1e-12)
    assert (fit.loglik, fit.sigma2) == (plain.loglik, plain.sigma2)


# -- dense twins ---------------------------------------------------------------------------------------------


def arrays(data, W, durbin):
    X = np.column_stack([np.ones(len(data)), data[["a", "b"]]])
    return data["y"].to_numpy(), np.column_stack([X, W @ X[:, 1:]]) if durbin else X, W.to_numpy()


KINDS = [{}, {"symmetric": False}, {"row": False}]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("durbin", [False, True])
def test_adjusted_score_of_a_lag(durbin, kind):
    """The root of (m / q) (Wy)'M A y - tr(M G), all dense; its slope by differences is the variance of rho."""
    rho = 0.08 if kind.get("row") is False else 0.4
    data, W = cross_section(31, rho=rho, **kind)
    fit = (sp.sdm if durbin else sp.sar)("y ~ a + b", data, W, durbin=["a", "b"] if durbin else [], method="reml")
    y, X, w = arrays(data, W, durbin)
    n, k = X.shape
    M = np.eye(n) - X @ np.linalg.pinv(X)

    def score(r):
        A = np.eye(n) - r * w
        q = A @ y @ M @ A @ y
        return (n - k) / q * (w @ y @ M @ A @ y) - np.trace(M @ w @ np.linalg.inv(A))

    root = brentq(score, fit.rho - 0.05, fit.rho + 0.05, xtol=1e-13)
    assert fit.rho == pytest.approx(root, abs=1e-9)
    slope = (score(root + 1e-5) - score(root - 1e-5)) / 2e-5
    assert fit.std_errors["rho"] == pytest.approx((-slope) ** -0.5, rel=1e-6)
    np.testing.assert_allclose(fit.params[:-1], np.linalg.pinv(X) @ (y - root * w @ y), atol=1e-8)


@pytest.mark.parametrize("kind", [*KINDS, {"islands": 2}])
@pytest.mark.parametrize("durbin", [False, True])
def test_restricted_likelihood_of_an_error(durbin, kind):
    """ln|B| - ln|X'B'B X| / 2 - m / 2 ln q at its highest, dense."""
    lam = 0.08 if kind.get("row") is False else 0.4
    data, W = cross_section(32, lam=lam, **kind)
    fit = (sp.sdem if durbin else sp.sem)("y ~ a + b", data, W, durbin=["a", "b"] if durbin else None, method="reml")
    y, X, w = arrays(data, W, durbin)
    n, k = X.shape

    def loss(r):
        B = np.eye(n) - r * w
        beta = np.linalg.lstsq(B @ X, B @ y, rcond=None)[0]
        q = np.sum((B @ (y - X @ beta)) ** 2)
        return (n - k) / 2 * np.log(q) + np.linalg.slogdet(X.T @ B.T @ B @ X)[1] / 2 - np.linalg.slogdet(B)[1]

    best = minimize_scalar(loss, bounds=(fit.lam - 0.005, fit.lam + 0.005), method="bounded", options={"xatol": 1e-10})
    assert fit.lam == pytest.approx(best.x, abs=1e-6)
    h = 1e-4
    curvature = (loss(fit.lam + h) - 2 * loss(fit.lam) + loss(fit.lam - h)) / h**2
    assert fit.std_errors["lambda"] == pytest.approx(curvature**-0.5, rel=1e-4)


def test_with_a_constant_alone_it_is_the_transformation_of_time_effects():
    """Lee & Yu (2010) at T = 1: F'WF drops the constant."""
    data, W = cross_section(33, rho=0.4)
    fit = sp.sar("y ~ 1", data, W, method="reml")
    w, y, n = W.to_numpy(), data["y"].to_numpy(), len(W)
    F = np.linalg.svd(np.eye(n) - 1 / n)[0][:, : n - 1]
    inner, moved = F.T @ w @ F, F.T @ y

    def loss(r):
        e = moved - r * inner @ moved
        return (n - 1) / 2 * np.log(e @ e) - np.linalg.slogdet(np.eye(n - 1) - r * inner)[1]

    best = minimize_scalar(loss, bounds=(fit.rho - 0.1, fit.rho + 0.1), method="bounded", options={"xatol": 1e-10})
    assert fit.rho == pytest.approx(best.x, abs=1e-6)


@pytest.mark.parametrize(("effects", "even"), [("entity", True), ("time", True), ("twoway", True), ("twoway", False)])
def test_panels_leave_effects_by_transformation(effects, even):
    """Scores of F'y with effects as dummies: the same root, dense; W J where rows of W do not sum to one."""
    data, W = panel_data(7, N=12, T=4)
    if not even:
        W = W.assign(**{W.columns[3]: 0.0}) * 1.3
    fit = sp.sar("y ~ a + b", data, W, **PANEL, effects=effects, method="reml")
    wide = data.set_index(["t", "id"]).loc[[(t, u) for t in sorted(data["t"].unique()) for u in W.index]]
    T, N = 4, 12
    units, periods = np.kron(np.ones((T, 1)), np.eye(N)), np.kron(np.eye(T), np.ones((N, 1)))
    D = {"entity": units, "time": periods, "twoway": np.column_stack([units, periods[:, 1:]])}[effects]
    X, y = np.column_stack([wide[["a", "b"]], D]), wide["y"].to_numpy()
    w = np.kron(np.eye(T), as_lagged(W.to_numpy(), effects != "entity"))
    M = np.eye(N * T) - X @ np.linalg.pinv(X)
    m = N * T - np.linalg.matrix_rank(X)

    def score(r):
        A = np.eye(N * T) - r * w
        return m / (A @ y @ M @ A @ y) * (w @ y @ M @ A @ y) - np.trace(M @ w @ np.linalg.inv(A))

    assert fit.rho == pytest.approx(brentq(score, fit.rho - 0.05, fit.rho + 0.05, xtol=1e-13), abs=1e-8)
    assert fit.df_resid == m


@pytest.mark.parametrize("kind", KINDS)
def test_quasi_score_of_a_lag(kind):
    """Dense: root, and the variance summed pair by pair."""
    rho = 0.08 if kind.get("row") is False else 0.4
    data, W = cross_section(34, rho=rho, **kind)
    fit = sp.sdm("y ~ a + b", data, W, durbin=["a", "b"], method="aqs")
    y, X, w = arrays(data, W, True)
    n = len(y)
    P = np.linalg.pinv(X)
    M = np.eye(n) - X @ P

    def parts(r):
        A = np.eye(n) - r * w
        G = w @ np.linalg.inv(A)
        D = np.diag(np.linalg.solve(M**2, np.diag(M @ G)))
        return A, M @ G - M @ D @ M, M @ G

    def score(r):
        A, C, _ = parts(r)
        return A @ y @ C @ A @ y

    root = brentq(score, fit.rho - 0.05, fit.rho + 0.05, xtol=1e-13)
    assert fit.rho == pytest.approx(root, abs=1e-9)
    A, C, MG = parts(root)
    assert abs(np.diag(C)).max() < 1e-12
    beta, e = P @ A @ y, M @ A @ y
    narrow, wide = e**2 / np.diag(M), e**2 / np.diag(M) ** 2
    c = MG @ X @ beta
    pairs = [(i, j) for i in range(n) for j in range(n) if i != j]
    total = sum(c[i] ** 2 * wide[i] for i in range(n))
    total += sum((C[i, j] ** 2 + C[i, j] * C[j, i]) * narrow[i] * narrow[j] for i, j in pairs)
    gamma = -(score(root + 1e-5) - score(root - 1e-5)) / 2e-5
    assert fit.std_errors["rho"] == pytest.approx(total**0.5 / abs(gamma), rel=1e-6)
    # beta^ - beta = P eps - g (rho^ - rho): each unit's influence, l its variance where it is linear
    g, V = P @ w @ y, total / gamma**2
    linear = P * wide @ P.T + V * np.outer(g, g)
    mixed = np.outer((P * wide) @ c / gamma, g)
    np.testing.assert_allclose(fit.vcov.iloc[:-1, :-1], linear - mixed - mixed.T, rtol=1e-5, atol=1e-9)


@pytest.mark.parametrize("kind", [*KINDS, {"islands": 2}])
def test_quasi_score_of_an_error(kind):
    lam = 0.08 if kind.get("row") is False else 0.4
    data, W = cross_section(35, lam=lam, **kind)
    fit = sp.sem("y ~ a + b", data, W, method="aqs")
    y, X, w = arrays(data, W, False)
    n = len(y)

    def form(r):
        B = np.eye(n) - r * w
        M = np.eye(n) - B @ X @ np.linalg.pinv(B @ X)
        H = w @ np.linalg.inv(B)
        D = np.diag(np.linalg.solve(M**2, np.diag(M @ H @ M)))
        return B, M, M @ (H - D) @ M

    def score(r):
        B, _, C = form(r)
        return B @ y @ C @ B @ y

    root = brentq(score, fit.lam - 0.005, fit.lam + 0.005, xtol=1e-13)
    assert fit.lam == pytest.approx(root, abs=1e-8)
    B, M, C = form(root)
    assert abs(np.diag(C)).max() < 1e-12
    s = (M @ B @ y) ** 2 / np.diag(M)
    gamma = -(score(root + 1e-5) - score(root - 1e-5)) / 2e-5
    assert fit.std_errors["lambda"] == pytest.approx((s @ (C * (C + C.T)) @ s) ** 0.5 / abs(gamma), rel=1e-6)


def by_units(N, T, effects):
    """The projection off the effects, dense, and a function of a matrix to its T x T blocks of units."""
    units, periods = np.kron(np.ones((T, 1)), np.eye(N)), np.kron(np.eye(T), np.ones((N, 1)))
    dummies = {"none": np.zeros((N * T, 0)), "entity": units, "time": periods,
               "twoway": np.column_stack([units, periods])}[effects]  # fmt: skip
    rows = np.arange(N * T).reshape(T, N).T
    return np.eye(N * T) - dummies @ np.linalg.pinv(dummies), lambda A, i, j: A[np.ix_(rows[i], rows[j])]


def power(A, p):
    """A symmetric matrix to a power, where it is not zero."""
    values, V = np.linalg.eigh(A)
    return (V * np.where(values > 1e-9, np.maximum(values, 1e-9) ** p, 0.0)) @ V.T


@pytest.mark.parametrize("effects", ["none", "entity", "time", "twoway", "twoway, an island"])
@pytest.mark.parametrize("model", ["sar", "sem"])
def test_quasi_scores_of_panels(model, effects):
    """Dense, T N x T N: root, its slope, and the variance summed over units and pairs of units; with W J where rows of
    W do not sum to one."""
    N, T = 14, 4
    data, W = panel_data(9, N=N, T=T)
    if "island" in effects:
        W, effects = W.assign(**{W.columns[2]: 0.0}) * 1.2, "twoway"
    fit = getattr(sp, model)("y ~ a + b", data, W, **PANEL, effects=effects, method="aqs")
    wide = data.set_index(["t", "id"]).loc[[(t, u) for t in sorted(data["t"].unique()) for u in W.index]]
    W = as_lagged(W.to_numpy(), effects in ("time", "twoway"))
    P, block = by_units(N, T, effects)
    X = wide[["a", "b"]].to_numpy()
    X = P @ (np.column_stack([np.ones(N * T), X]) if effects == "none" else X)
    y, w, eye = P @ wide["y"].to_numpy(), P @ np.kron(np.eye(T), W), np.eye(N * T)
    units = range(N)

    def weights(M, target):
        """d with the same sums of diagonals over time: N linear equations."""
        sums = [[np.sum(block(M, i, j) ** 2) for j in units] for i in units]
        return np.kron(np.eye(T), np.diag(np.linalg.solve(sums, [block(target, i, i).trace() for i in units])))

    def form(r):
        A = eye - r * w
        if model == "sar":
            M, G = P - X @ np.linalg.pinv(X), np.kron(np.eye(T), W @ np.linalg.inv(np.eye(N) - r * W))
            return M, A @ y, M @ G - M @ weights(M, M @ G) @ M, G
        M, H = P - A @ X @ np.linalg.pinv(A @ X), np.kron(np.eye(T), W @ np.linalg.inv(np.eye(N) - r * W))
        return M, A @ y, M @ (H - weights(M, M @ H @ M)) @ M, None

    def score(r):
        M, f, _, _ = form(r)
        e = M @ f
        if model == "sar":
            C = form(r)[3]
            return e @ w @ y - e @ weights(M, M @ C) @ e
        return f @ form(r)[2] @ f

    at = fit.params["rho" if model == "sar" else "lambda"]
    root = brentq(score, at - 0.02, at + 0.02, xtol=1e-13)
    assert at == pytest.approx(root, abs=1e-8)
    gamma = -(score(root + 1e-5) - score(root - 1e-5)) / 2e-5
    M, f, C, G = form(root)
    e = (M @ f).reshape(T, N).T
    narrow, wide_e = (np.array([power(block(M, i, i), p) @ e[i] for i in units]) for p in (-0.5, -1.0))
    P_beta = np.linalg.pinv(X if model == "sar" else (eye - root * w) @ X)
    c = M @ G @ X @ (P_beta @ f) if model == "sar" else np.zeros(N * T)
    own = np.array([c.reshape(T, N).T[i] @ wide_e[i] for i in units])
    pairs = sum((narrow[i] @ (block(C, i, j) + block(C, j, i).T) @ narrow[j]) ** 2 for i in units for j in range(i))
    variance = (own @ own + pairs) / gamma**2
    assert fit.std_errors.iloc[-1] == pytest.approx(variance**0.5, rel=1e-5)
    g = P_beta @ w @ y if model == "sar" else np.zeros(X.shape[1])
    by_unit = np.array([P_beta.reshape(-1, T, N)[:, :, i] @ wide_e[i] for i in units])
    mixed = np.outer(by_unit.T @ own / gamma, g)
    want = by_unit.T @ by_unit + variance * np.outer(g, g) - mixed - mixed.T
    np.testing.assert_allclose(fit.vcov.iloc[:-1, :-1], want, rtol=1e-5, atol=1e-10)
    assert fit.df_resid == N - 1


def test_quasi_scores_without_regressors_leave_room_for_serial_correlation():
    """With effects alone e_i'C_ii e_i vanishes whatever a unit's errors do over time: the T x T blocks are zero."""
    N, T = 10, 3
    P, block = by_units(N, T, "twoway")
    W = panel_data(3, N=N, T=T)[1].to_numpy()
    G = W @ np.linalg.inv(np.eye(N) - 0.3 * W)
    J = np.eye(N) - 1 / N
    d = np.linalg.solve(J**2, np.diag(J @ G @ J))
    C = P @ np.kron(np.eye(T), G - np.diag(d)) @ P
    assert max(abs(block(C, i, i)).max() for i in range(N)) < 1e-12
    Q = np.zeros((N * T, 0))
    np.testing.assert_allclose(Periods(N, T - 1, True).solver(Q)(Periods(N, T - 1, True).squeezed_diagonal(G, Q)), d)


# -- what they are not for -----------------------------------------------------------------------------------

REFUSED = {
    "ols": ("E501", "least squares", lambda d, w, m: sp.ols("y ~ a", d, w, method=m)),
    "correction": ("E501", "correction=False", lambda d, w, m: sp.sar("y ~ a", d, w, method=m, correction=False)),
    "vcov": ("E501", "own covariance", lambda d, w, m: sp.sar("y ~ a", d, w, method=m, vcov="robust")),
    "with_vcov": ("E501", "own covariance", lambda d, w, m: sp.sar("y ~ a", d, w, method=m).with_vcov("oim")),
    "ratio": ("E501", "no likelihood", lambda d, w, m: sp.lr_test(*[sp.sar("y ~ a", d, w, method=m)] * 2)),
    "refit": ("E525", "maximum", lambda d, w, m: sp.refit(sp.sar("y ~ a", d, w, method=m), y=np.ones((2, 40)))),
}  # fmt: skip


@pytest.mark.parametrize("method", ["reml", "aqs"])
@pytest.mark.parametrize("case", REFUSED)
def test_refused(case, method):
    code, words, call = REFUSED[case]
    data, W = cross_section(36, n=40)
    with pytest.raises(SpatialInputError, match=words) as caught:
        call(data, W, method)
    assert caught.value.code == code


@pytest.mark.parametrize("method", ["reml", "aqs"])
def test_refused_in_panels(method):
    data, W = panel_data(36, N=12, T=4)
    for code, words, options in (("E501", "random effects", {"effects": "random"}),
                                 ("E501", "lagged response" if method == "reml" else "corrects for unit effects",
                                  {"lags": "y", "effects": "time"})):  # fmt: skip
        with pytest.raises(SpatialInputError, match=words) as caught:
            sp.sar("y ~ a", data, wt.from_dense(W.to_numpy(), ids=W.index), **PANEL, method=method, **options)
        assert caught.value.code == code


def test_rho_not_bounded_below_one():
    """Every unit the neighbor of every other: the adjusted score has no root for a response without a trend."""
    rng = np.random.default_rng(2)
    n = 30
    places = rng.uniform(size=(n, 2))
    distance = np.linalg.norm(places[:, None] - places[None], axis=2) + np.eye(n)
    W = 1 / distance
    np.fill_diagonal(W, 0)
    W = pd.DataFrame(W / W.sum(axis=1, keepdims=True), index=range(n), columns=range(n))
    messages = []
    for _ in range(40):
        data = pd.DataFrame({"y": rng.standard_normal(n).cumsum(), "a": rng.standard_normal(n)}, index=range(n))
        try:
            sp.sar("y ~ a", data, W, method="reml")
        except SpatialInputError as error:
            messages.append(str(error))
    assert messages
    assert all("E713" in message and "not bounded" in message for message in messages)


# -- what a fit says -----------------------------------------------------------------------------------------


def test_few_rows_are_said(states):
    """That intervals are ratios; with standard errors of other kinds, that a restricted likelihood is better."""
    data, w = states
    assert "rows are few" in sp.sdm("y ~ x + z", data, w).summary()
    assert "rows are few" in sp.sdm("y ~ x + z", data, w, method="reml").summary()
    assert "n / p = 12.0: fewer than 20" in sp.sem("y ~ x + z", data, w, correction=False).summary()
    assert "weakly identified" in sp.sac("y ~ x + z", data, w).summary()
    for method in ("reml", "gmm"):
        assert "per parameter" not in sp.sdm("y ~ x + z", data, w, method=method).summary()
    many, W = cross_section(41, n=400, rho=0.4)
    assert "per parameter" not in sp.sar("y ~ a + b", many, W).summary()


def test_effects_of_adjusted_scores(states):
    """They print; the likelihood of effects has its maximum at the restricted estimate."""
    data, w = states
    fit = sp.sdm("y ~ x + z", data, w, method="reml")
    assert "Effects of SDM" in str(fit.effects())
    assert "Effects of SDM" in str(sp.sdm("y ~ x + z", data, w, method="aqs").effects())
    ratio = fit.effects(method="likelihood").tidy().set_index(["effect", "term"])
    assert (ratio["conf_low"] < ratio["estimate"]).all()
    assert (ratio["estimate"] < ratio["conf_high"]).all()
    with pytest.raises(SpatialInputError, match=r"E501.*likelihood"):
        sp.sdm("y ~ x + z", data, w, method="aqs").effects(method="likelihood")


@pytest.mark.parametrize("model", ["sar", "sem"])
def test_variances_that_follow_neighbors_are_said(model):
    """Errors whose standard deviation is the number of neighbors; not those of one variance."""
    w = wt.queen(shapefiles.load("us_states")).standardize("row")
    counts = np.diff(w.csr.indptr)
    rng = np.random.default_rng(3)
    shares = {}
    for name, scale in (("equal", np.ones(48)), ("unequal", counts**1.5)):
        message = 0
        for _ in range(40):
            x = rng.standard_normal(48)
            data = pd.DataFrame({"y": x + scale * rng.standard_normal(48), "x": x}, index=w.ids)
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                getattr(sp, model)("y ~ x", data, w)
            message += any("go with the number of neighbors" in str(each.message) for each in caught)
        shares[name] = message / 40
    assert shares["equal"] <= 0.1
    assert shares["unequal"] >= 0.5


# -- coverage ------------------------------------------------------------------------------------------------


def coverage(model, k, method, count, seed=1, *, scale=None):
    """Shares of intervals with the true slopes and the true spatial parameter, on the queen graph of the states."""
    w = wt.queen(shapefiles.load("us_states")).standardize("row")
    W, n = w.csr.toarray(), 48
    rng = np.random.default_rng(seed)
    names = [f"x{j}" for j in range(k)]
    inside = []
    for _ in range(count):
        x, e = rng.standard_normal((n, k)), rng.standard_normal(n) * (1 if scale is None else scale(w))
        mean = 1 + 0.5 * x.sum(axis=1) + (0.2 * (W @ x).sum(axis=1) if model in ("sdm", "sdem") else 0)
        A = np.eye(n) - 0.4 * W
        y = mean + np.linalg.solve(A, e) if model in ("sem", "sdem") else np.linalg.solve(A, mean + e)
        data = pd.DataFrame(x, w.ids, names).assign(y=y)
        ends = getattr(sp, model)("y ~ " + " + ".join(names), data, w, method=method).conf_int()
        truth = np.array([0.5] * k + [0.4])
        ends = ends.iloc[[*range(1, k + 1), -1]]
        inside.append((ends["conf_low"] <= truth) & (truth <= ends["conf_high"]))
    inside = np.array(inside)
    return inside[:, :-1].mean(), inside[:, -1].mean()


@pytest.mark.parametrize(("method", "low"), [("reml", 0.88), ("ml", 0.60)])
def test_coverage_of_eight_regressors(method, low):
    """60 samples: enough to tell .95 from the .80 that rho had, not from .93."""
    slopes, rho = coverage("sdm", 8, method, 60)
    assert slopes > 0.90
    assert rho > low
