"""Errors that are correlated over time beside fixed effects: the dense likelihood of contrasts, laws, forecasts."""

import numpy as np
import pytest
from scipy.linalg import helmert
from scipy.optimize import minimize

import spatial as sp
from spillover.errors import SpatialInputError

from .. import naive
from ..designs import as_lagged
from .test_estimators import PANEL
from .test_random import random_panel
from .test_serial import serially_correlated

CASES = [("ols", "entity"), ("slx", "twoway"), ("sar", "time"), ("sdm", "twoway"), ("sem", "entity"), ("sem", "twoway"),
         ("sac", "entity"), ("gns", "twoway")]  # fmt: skip


@pytest.fixture(scope="module")
def sample():
    data, W = random_panel(4, N=14, T=6, phi=1.5)
    return serially_correlated(data, 0.5), W


def fitted(model, data, W, effects, **options):
    return getattr(sp, model)("y ~ a + b", data, W, **PANEL, effects=effects, serial="ar1", **options)


def dense(fit):
    """ln L of (beta, rho, lambda, sigma2, psi): contrasts over time, over units or both of A y - X beta, whose
    covariance is that of an AR(1) times (B'B)^-1; and where ours stopped."""
    d, effects, spec = fit._design, fit._settings.effects, fit.specification
    T, N = d.y.shape
    W = as_lagged(d.weights.csr.toarray(), effects.time)
    keep = [j for j, name in enumerate(d.names) if name != "Intercept"]
    X = d.X[:, :, keep]
    X = np.concatenate([X, np.einsum("ij,tjk->tik", W, d.X[:, :, list(d.durbin)])], axis=2)
    time = helmert(T) if effects.entity else np.eye(T)
    units = helmert(N) if effects.time else np.eye(N)
    Ws, k = units @ W @ units.T, X.shape[2]
    y, Wy, Xs = (np.einsum("st,tn...,mn->sm...", time, a, units) for a in (d.y, d.y @ W.T, X))

    def loglik(x):
        b, s2, psi = x[:k], x[-2], x[-1]
        rho, lam = (x[k] if spec.lag else 0.0), (x[-3] if spec.error else 0.0)
        if s2 <= 0 or abs(psi) >= 1:
            return -1e10
        lags = np.abs(np.subtract.outer(np.arange(T), np.arange(T)))
        V = time @ (psi**lags / (1 - psi**2)) @ time.T
        A, B = (np.eye(len(Ws)) - r * Ws for r in (rho, lam))
        dets = [np.linalg.slogdet(part) for part in (A, B)]
        if any(sign <= 0 for sign, _ in dets):
            return -1e10
        Sigma = s2 * np.kron(V, np.linalg.inv(B.T @ B))
        r = (y - rho * Wy - Xs @ b).ravel()
        value = -len(r) / 2 * np.log(2 * np.pi) - np.linalg.slogdet(Sigma)[1] / 2 + len(V) * dets[0][1]
        return value - r @ np.linalg.solve(Sigma, r) / 2

    return loglik, np.array([*fit.params, fit.sigma2, fit._settings.serial.psi])


@pytest.mark.parametrize(("model", "effects"), CASES)
def test_maximum_and_covariance(sample, model, effects):
    """The dense likelihood has our value at our point and none higher; its second derivatives give our covariance."""
    fit = fitted(model, *sample, effects)
    f, at = dense(fit)
    assert f(at) == pytest.approx(fit.loglik, abs=1e-8)
    best = minimize(lambda x: -f(x), at * 1.02 + 0.004, method="BFGS", options={"gtol": 1e-6})
    assert -best.fun <= fit.loglik + 1e-7
    V, p = np.linalg.inv(naive.hessian(lambda x: -f(x), at)), len(fit.params)
    np.testing.assert_allclose(fit.vcov, V[:p, :p], rtol=5e-3, atol=5e-6)
    table = sp.variance_components(fit).set_index("term")
    assert table.at["psi", "std_error"] == pytest.approx(np.sqrt(V[-1, -1]), rel=3e-3)
    assert table.at["sigma2_e", "std_error"] == pytest.approx(np.sqrt(V[p, p]), rel=3e-3)
    assert "effects leave by transformation" in str(fit)


@pytest.mark.parametrize("effects", ["entity", "time", "twoway"])
def test_constants_order_and_units_of_y(sample, effects):
    """Effects of units and periods change nothing where they are taken out, nor does the order of rows."""
    data, W = sample
    rng = np.random.default_rng(1)
    shift = np.zeros(len(data))
    for column, there in (("id", effects != "time"), ("t", effects != "entity")):
        names = data[column].unique()
        shift = shift + there * data[column].map(dict(zip(names, rng.normal(0, 5, len(names))))).to_numpy()
    moved = data.assign(y=10 * (data["y"] + shift)).sample(frac=1, random_state=3)
    a, b = fitted("sdm", data, W, effects), fitted("sdm", moved, W, effects)
    scale = [*[10] * (len(a.params) - 1), 1]
    np.testing.assert_allclose(b.params, a.params * scale, rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(b.std_errors, a.std_errors * scale, rtol=1e-5)
    assert b._settings.serial.psi == pytest.approx(a._settings.serial.psi, abs=1e-7)


@pytest.mark.parametrize("effects", ["entity", "time", "twoway"])
def test_at_psi_zero_it_is_the_model_without(sample, effects):
    """The dense likelihood at psi = 0 has the value of the usual transformation; the ratio has one restriction."""
    data, W = sample
    plain = sp.sdm("y ~ a + b", data, W, **PANEL, effects=effects)
    fit = fitted("sdm", data, W, effects)
    f, _ = dense(fit)
    assert f(np.array([*plain.params, plain.sigma2, 0.0])) == pytest.approx(plain.loglik, abs=1e-8)
    test = sp.lr_test(plain, fit)
    assert (test.df, test.null) == (1, "psi = 0: errors are not correlated over time")
    assert test.statistic == pytest.approx(2 * (fit.loglik - plain.loglik))


def test_psi_is_not_biased_by_unit_effects():
    """With six periods: within four standard errors over samples, where the dummies' estimate is .3 below."""
    estimates = []
    for seed in range(60):
        data, W = random_panel(seed, N=25, T=6)
        rng = np.random.default_rng(seed)
        e = rng.standard_normal((6, 25))
        e[0] /= np.sqrt(1 - 0.5**2)
        for t in range(1, 6):
            e[t] += 0.5 * e[t - 1]
        panel = data.sort_values(["t", "id"])
        panel = panel.assign(y=panel["a"] + e.ravel() + np.tile(rng.normal(0, 3, 25), 6))
        estimates.append(fitted("ols", panel, W, "entity")._settings.serial.psi)
    assert abs(np.mean(estimates) - 0.5) < 4 * np.std(estimates) / np.sqrt(60)


def test_refused(sample):
    data, W = sample
    for correction in (False, "additive"):
        with pytest.raises(SpatialInputError, match=r"E501.*by transformation"):
            fitted("sar", data, W, "entity", correction=correction)


@pytest.mark.parametrize("model", ["sdm", "sac"])
def test_w_and_m_lag_deviations_where_rows_do_not_sum_to_one(sample, model):
    data, W = sample
    half = W.copy()
    half.iloc[0] *= 0.5
    half.iloc[3] = 0.0
    fit = fitted(model, data, half, "twoway")
    f, at = dense(fit)
    assert f(at) == pytest.approx(fit.loglik, abs=1e-8)
    V = np.linalg.inv(naive.hessian(lambda x: -f(x), at))
    np.testing.assert_allclose(fit.vcov, V[:-2, :-2], rtol=5e-3, atol=5e-6)
    moved = fitted(model, data.assign(y=data["y"] + 9 * data["t"] ** 2), half, "twoway")
    np.testing.assert_allclose(moved.params, fit.params, rtol=1e-5, atol=1e-7)


# -- forecasts -----------------------------------------------------------------------------------------------


FORECASTS = [("ols", "none", None), ("slx", "entity", None), ("sar", "random", None), ("sem", "entity", None),
             ("sem", "random", "kkp"), ("sem", "random", "baltagi"), ("sac", "entity", None)]  # fmt: skip


@pytest.mark.parametrize(("model", "effects", "error"), FORECASTS)
def test_a_forecast_is_the_best_one(model, effects, error):
    """Goldberger's (1962) predictor of the reduced form from the covariance of all rows, T H N of them, and its mean
    squared error; of fixed effects with a variance of mu that is beyond all others."""
    data, W = random_panel(4, N=9, T=7, phi=1.5)
    data = serially_correlated(data, 0.5)
    years = sorted(data["t"].unique())
    past, new = data[data["t"].isin(years[:5])], data[data["t"].isin(years[5:])]
    more = {"random_error": error} if error else {}
    more |= {"method": "ml"} if model == "ols" else {}
    fit = fitted(model, past, W, effects, **more)
    table = fit.forecast(new).table
    W, p, s = W.to_numpy(), fit.params, fit._settings
    T, H, N, psi, s2 = 5, 2, 9, s.serial.psi, fit.sigma2 if s.random is None else s.random.sigma2_e
    whole = data.sort_values(["t", "id"])
    order = whole["id"].unique()
    assert list(order) == list(fit.units)
    y, a, b = (whole[name].to_numpy().reshape(T + H, N) for name in ("y", "a", "b"))
    mean = p.get("Intercept", 0.0) + p["a"] * a + p["b"] * b + p.get("W:a", 0.0) * a @ W.T + p.get("W:b", 0.0) * b @ W.T
    A, B = np.eye(N) - fit.rho * W, np.eye(N) - fit.lam * W
    lags = np.abs(np.subtract.outer(np.arange(T + H), np.arange(T + H)))
    BB = np.linalg.inv(B.T @ B)
    mu = 1e4 * fit.sigma2 if effects == "entity" else 0.0 if s.random is None else s.random.sigma2_mu
    own = BB if error == "kkp" else np.eye(N)
    Omega = s2 * np.kron(psi**lags / (1 - psi**2), BB) + mu * np.kron(np.ones((T + H, T + H)), own)
    u = (y[:T] @ A.T - mean[:T]).ravel()
    old = T * N
    gain = Omega[old:, :old] @ np.linalg.inv(Omega[:old, :old])
    ahead = mean[T:].ravel() + gain @ u
    want = np.linalg.solve(A, ahead.reshape(H, N).T).T
    got = table["estimate"].unstack(level=1).loc[order].to_numpy().T
    np.testing.assert_allclose(got, want, rtol=1e-3, atol=1e-3)
    left = Omega[old:, old:] - gain @ Omega[:old, old:]
    spread = np.kron(np.eye(H), np.linalg.inv(A))
    least = np.diag(spread @ left @ spread.T).reshape(H, N)
    errors = table["std_error"].unstack(level=1).loc[order].to_numpy().T ** 2
    assert (errors > least * (1 - 1e-3)).all()
    assert (errors < least * 3).all()
    from spatial.effects.forecast_errors import _over_time

    w = fit._design.weights
    np.testing.assert_allclose(_over_time(fit, w, w, H), least, rtol=2e-3)


def test_forecasts_with_period_effects(sample):
    """A constant per period in the past moves "last" by the last one and "mean" by their mean; unit constants stay."""
    data, W = sample
    years = sorted(data["t"].unique())
    past, new = data[data["t"] < years[-1]], data[data["t"] == years[-1]]
    units = dict(zip(data["id"].unique(), np.random.default_rng(0).normal(0, 3, 14)))
    shifts = dict(zip(years, [1.0, -2.0, 0.5, 3.0, 1.5, 0.0]))
    moved = past.assign(y=past["y"] + past["t"].map(shifts) + past["id"].map(units))
    for effects, own in (("twoway", True), ("time", False)):
        shifted = moved if own else past.assign(y=past["y"] + past["t"].map(shifts))
        a, b = (fitted("ols", one, W, effects) for one in (past, shifted))
        for period_effects, by in (("last", 1.5), ("mean", 0.8)):
            gap = (b.forecast(new, period_effects=period_effects).predicted
                   - a.forecast(new, period_effects=period_effects).predicted)  # fmt: skip
            ids = gap.index.get_level_values(0)
            want = by + (ids.map(units).to_numpy() if own else 0.0)
            np.testing.assert_allclose(gap, want, rtol=1e-5, atol=1e-5)


# -- sandwiches ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("model", "effects"), [("ols", "none"), ("slx", "entity"), ("sem", "twoway"),
                                                ("sar", "random"), ("ols", "random"), ("gns", "entity")])  # fmt: skip
def test_scores_by_unit(sample, model, effects):
    """They add up to zero; without a spatial parameter they are the slopes of each unit's dense likelihood."""
    from spatial.covariance.sandwich import information_and_scores

    more = {"method": "ml"} if (model, effects) == ("ols", "random") else {}
    fit = fitted(model, *sample, effects, **more)
    information, S = information_and_scores(fit)
    scale = np.sqrt(np.diag(information))
    assert np.abs(S.sum(axis=0) / scale).max() < 1e-3
    p = len(fit.params)
    np.testing.assert_allclose(np.linalg.inv(information)[:p, :p], fit.vcov, rtol=1e-6, atol=1e-12)
    if model not in ("ols", "slx") or effects == "random":
        return
    d, T = fit._design, fit._design.n_periods
    N, keep = d.n_units, [j for j, name in enumerate(d.names) if name != "Intercept" or effects == "none"]
    X = np.concatenate([d.X[:, :, keep], np.einsum("ij,tjk->tik", d.weights.csr.toarray(),
                                                   d.X[:, :, list(d.durbin)])], axis=2)  # fmt: skip
    F = helmert(T) if effects == "entity" else np.eye(T)
    lags = np.abs(np.subtract.outer(np.arange(T), np.arange(T)))

    def by_unit(x):
        psi = np.tanh(x[-1])
        V = x[-2] * F @ (psi**lags / (1 - psi**2)) @ F.T
        r = F @ (d.y - X @ x[:-2])
        return -np.linalg.slogdet(V)[1] / 2 - np.einsum("ti,ts,si->i", r, np.linalg.inv(V), r) / 2

    at = np.array([*fit.params, fit.sigma2, np.arctanh(fit._settings.serial.psi)])
    steps = 1e-5 * np.eye(len(at))
    want = np.column_stack([(by_unit(at + h) - by_unit(at - h)) / 2e-5 for h in steps])
    np.testing.assert_allclose(S.reshape(T, N, -1).sum(axis=0), want, rtol=1e-4, atol=1e-4)
    V = np.linalg.inv(information)
    robust = N / (N - 1) * V @ want.T @ want @ V
    got = fit.with_vcov("cluster").vcov.to_numpy()
    m, K = d.nobs, len(fit.params)
    factor = (m - 1) / (m - K - (1 if effects == "entity" else 0))
    np.testing.assert_allclose(got / factor, robust[:p, :p], rtol=1e-3, atol=1e-9)


@pytest.mark.parametrize(("model", "effects"),
                         [("sar", "none"), ("sdm", "twoway"), ("sem", "entity"), ("sac", "random")])
def test_clusters(sample, model, effects):
    """Near the information's errors where the model is right; groups that cut units apart are refused."""
    data, W = sample
    fit = fitted(model, data, W, effects)
    for kind in ("robust", "cluster"):
        ratio = fit.with_vcov(kind).std_errors / fit.std_errors
        assert ratio.between(0.4, 2).all()
        assert fit.with_vcov(kind).df_resid == 13
    for kind in ("eim", "driscoll_kraay", "bootstrap", "jackknife", sp.Cluster("time")):
        with pytest.raises(SpatialInputError, match="E715"):
            fit.with_vcov(kind)
    again = fitted(model, data, W, effects, vcov="cluster")
    np.testing.assert_array_equal(again.vcov, fit.with_vcov("cluster").vcov)


@pytest.mark.parametrize(("model", "effects"),
                         [("sar", "twoway"), ("gns", "entity"), ("sac", "time"), ("sar", "random")])
def test_an_offset_is_no_part_of_the_lagged_response(sample, model, effects):
    """offset(2 a) takes 2 off the coefficient of a; W y remains that of the whole response."""
    data, W = sample
    data = data.assign(two=2 * data["a"])
    plain, moved = (getattr(sp, model)(formula, data, W, **PANEL, effects=effects, serial="ar1")
                    for formula in ("y ~ a + b", "y ~ a + b + offset(two)"))  # fmt: skip
    expected = plain.params.copy()
    expected["a"] -= 2
    np.testing.assert_allclose(moved.params, expected, atol=1e-6)
    assert moved.loglik == pytest.approx(plain.loglik, abs=1e-8)
