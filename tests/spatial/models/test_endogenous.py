"""Endogenous regressors in every model: linearmodels, dense twins, laws, refusals."""

import numpy as np
import pandas as pd
import pytest

import spatial as sp

from .. import naive_moments
from ..designs import nearest

pytestmark = pytest.mark.filterwarnings("ignore:rho = .* lies outside")
KEYS = {"entity": "i", "time": "t"}
IV = {"method": "gmm", "endog": ["c"], "instruments": ["z1", "z2"]}
MODELS = ("ols", "slx", "sar", "sdm", "sem", "sdem", "sac", "gns")


def sample(seed, n=40, T=1, lam=0.4, rho=0.3, serial=False):
    """y with an endogenous c that z1 and z2 move, and W as a labelled frame."""
    rng = np.random.default_rng(seed)
    W = nearest(rng, n, 4)
    x, z1, z2, v, e = rng.standard_normal((5, T, n))
    e = e * (0.5 + rng.random(n)) if serial else e
    for t in range(1, T if serial else 0):
        e[t] += 0.6 * e[t - 1]
    c = z1 - 0.8 * z2 + 0.3 * x + v + 0.7 * e
    shifts = rng.standard_normal(n) + rng.standard_normal((T, 1)) if T > 1 else 1.0
    u = e @ np.linalg.inv(np.eye(n) - lam * W).T
    y = (1 + shifts + x + c + 0.5 * x @ W.T + 0.5 * c @ W.T + u) @ np.linalg.inv(np.eye(n) - rho * W).T
    ids = [f"u{i:03d}" for i in range(n)]
    data = pd.DataFrame({"y": y.ravel(), "x": x.ravel(), "c": c.ravel(), "z1": z1.ravel(), "z2": z2.ravel(),
                         "i": np.tile(ids, T), "t": np.repeat(np.arange(T), n)})  # fmt: skip
    return (data.set_index("i") if T == 1 else data), pd.DataFrame(W, ids, ids)


def columns(data, W, T, durbin, order=0):
    """Z = [1, x, c (, W x, W c)], which of them are exogenous, and the instruments with their lags."""
    big = np.kron(np.eye(T), W.to_numpy())
    x, c, z = data["x"].to_numpy(), data["c"].to_numpy(), data[["z1", "z2"]].to_numpy()
    Z, exogenous = [np.ones(len(x)), x, c], [True, True, False]
    if durbin:
        Z, exogenous = [*Z, big @ x, big @ c], [*exogenous, True, False]
    H = [z]
    for _ in range(order):
        H.append(big @ H[-1])
    return np.column_stack(Z), np.array(exogenous), np.column_stack(H), big


# -- ols and slx -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("vcov", "options"), [
    ("classical", {"cov_type": "unadjusted", "debiased": True}), ("hc0", {"cov_type": "robust"}),
    ("robust", {"cov_type": "robust", "debiased": True}), ("hc1", {"cov_type": "robust", "debiased": True}),
])  # fmt: skip
@pytest.mark.parametrize("model", ["ols", "slx"])
def test_regressions_of_linearmodels(model, vcov, options):
    iv = pytest.importorskip("linearmodels.iv")
    data, W = sample(3)
    fit = getattr(sp, model)("y ~ x + c", data, W, endog=["c"], instruments=["z1", "z2"], vcov=vcov)
    Z, exogenous, H, _ = columns(data, W, 1, model == "slx", order=model == "slx")
    want = iv.IV2SLS(data["y"].to_numpy(), Z[:, exogenous], Z[:, ~exogenous], H).fit(**options)
    order = np.argsort(np.r_[np.flatnonzero(exogenous), np.flatnonzero(~exogenous)])
    np.testing.assert_allclose(fit.params, np.asarray(want.params)[order], rtol=1e-9)
    np.testing.assert_allclose(fit.std_errors, np.asarray(want.std_errors)[order], rtol=1e-9)
    tests = sp.instrument_tests(fit)
    assert tests["Sargan"].statistic == pytest.approx(want.sargan.stat, rel=1e-8)
    assert tests["Sargan"].df == want.sargan.df
    two = iv.IVGMM(data["y"].to_numpy(), Z[:, exogenous], Z[:, ~exogenous], H, weight_type="robust").fit(iter_limit=2)
    assert tests["Hansen J"].statistic == pytest.approx(two.j_stat.stat, rel=1e-6)


@pytest.mark.parametrize("effects", ["none", "entity", "time", "twoway"])
@pytest.mark.parametrize("by", ["cluster", "region"])
@pytest.mark.parametrize("model", ["ols", "slx"])
def test_regressions_of_panels_are_those_with_dummies(model, effects, by):
    """Demeaned instruments; clusters by unit and by region as linearmodels has them, times G / (G - 1)."""
    iv = pytest.importorskip("linearmodels.iv")
    data, W = sample(4, n=24, T=5, serial=True)
    data = data.assign(region=data["i"].str[-1])
    vcov = "cluster" if by == "cluster" else sp.Cluster("region")
    with pytest.warns(sp.SpatialInputWarning) if False else np.errstate():
        fit = getattr(sp, model)("y ~ x + c", data, W, **KEYS, effects=effects, endog="c", instruments=["z1", "z2"],
                                 vcov=vcov)  # fmt: skip
    Z, exogenous, H, _ = columns(data, W, 5, model == "slx", order=model == "slx")
    Q = naive_moments.projector(5, 24, effects)
    keep = slice(0 if effects == "none" else 1, None)
    Z, exogenous, H, y = (Q @ Z)[:, keep], exogenous[keep], Q @ H, Q @ data["y"].to_numpy()
    groups = pd.factorize(data["i" if by == "cluster" else "region"])[0]
    want = iv.IV2SLS(y, Z[:, exogenous], Z[:, ~exogenous], H).fit(cov_type="clustered", clusters=groups)
    order = np.argsort(np.r_[np.flatnonzero(exogenous), np.flatnonzero(~exogenous)])
    G = groups.max() + 1
    np.testing.assert_allclose(fit.params, np.asarray(want.params)[order], rtol=1e-8)
    np.testing.assert_allclose(fit.std_errors, np.asarray(want.std_errors)[order] * (G / (G - 1)) ** 0.5, rtol=1e-7)
    classical = fit.with_vcov("classical")
    left = round(np.trace(Q)) - len(fit.params)
    Zh = np.column_stack([Z[:, exogenous], H]) @ np.linalg.lstsq(np.column_stack([Z[:, exogenous], H]), Z)[0]
    e = y - Z @ fit.params
    np.testing.assert_allclose(classical.vcov, e @ e / left * np.linalg.inv(Zh.T @ Zh), rtol=1e-8)
    assert fit.sigma2 == pytest.approx(e @ e / left)


def test_gaps_leave_what_dummies_leave():
    data, W = sample(5, n=20, T=5)
    data = data.drop(index=[3, 27, 61, 62])
    fit = sp.ols("y ~ x + c", data, W, **KEYS, missing="period", endog="c", instruments=["z1", "z2"], vcov="cluster")
    dummies = pd.get_dummies(data[["i", "t"]].astype(str), drop_first=True).assign(one=1.0).to_numpy(float)
    X, Z = np.column_stack([dummies, data["x"]]), np.column_stack([dummies, data[["x", "c"]]])
    d, T = naive_moments.tsls(data["y"].to_numpy(), Z, np.column_stack([X, data[["z1", "z2"]]]))
    np.testing.assert_allclose(fit.params, d[-2:], rtol=1e-8)
    shares = pd.DataFrame(T * (data["y"].to_numpy() - Z @ d)[:, None]).groupby(data["i"].to_numpy()).sum().to_numpy()
    np.testing.assert_allclose(fit.vcov, (20 / 19 * shares.T @ shares)[-2:, -2:], rtol=1e-7)


def test_an_instrument_that_is_the_regressor_is_least_squares():
    data, W = sample(6)
    iv = sp.slx("y ~ x + c", data.assign(z=data["c"]), W, endog="c", instruments="z")
    ols = sp.slx("y ~ x + c", data, W)
    np.testing.assert_allclose(iv.params, ols.params, rtol=1e-9)
    np.testing.assert_allclose(iv.std_errors, ols.std_errors, rtol=1e-9)
    assert iv.sigma2 == pytest.approx(ols.sigma2)


# -- a spatial error -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("T", "effects"), [(1, "none"), (4, "none"), (4, "entity"), (4, "time"), (4, "twoway")])
@pytest.mark.parametrize("errors", ["kelejian", "drukker", "robust", "cluster"])
@pytest.mark.parametrize("model", ["sem", "sdem", "sac", "gns"])
def test_dense_twin_of_a_spatial_error(model, errors, T, effects):
    """Estimates and the whole covariance, effects transformed out."""
    if (errors == "robust" and effects in ("entity", "twoway")) or (errors == "cluster" and T == 1):
        pytest.skip("no theory")
    data, W = sample(7 if model != "sem" else 35, n=40 if T == 1 else 20, T=T)
    keys = {**KEYS, "effects": effects} if T > 1 else {}
    options = {"vcov": errors} if errors in ("robust", "cluster") else {"method": sp.Moments(moments=errors)}
    fit = getattr(sp, model)("y ~ x + c", data, W, **{**IV, **options}, **keys, correction=False)
    durbin, has_lag = model in ("sdem", "gns"), model in ("sac", "gns")
    Z, exogenous, H, big = columns(data, W, T, durbin, order=2 if has_lag else 1)
    y = data["y"].to_numpy()
    if has_lag:
        slopes = Z[:, [j for j in range(1, Z.shape[1]) if exogenous[j]]]
        H = np.column_stack([H, big @ slopes, big @ big @ slopes])
        Z, exogenous = np.column_stack([Z, big @ y]), np.append(exogenous, False)
    keep = slice(0 if effects == "none" else 1, None)
    d, lam, V = naive_moments.error_by_moments(y, Z[:, keep], exogenous[keep], H, W.to_numpy(), T, effects, errors)
    np.testing.assert_allclose(fit.params, [*d, lam], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(fit.std_errors, np.sqrt(np.diag(V)), rtol=1e-4)
    np.testing.assert_allclose(fit.vcov, V, rtol=2e-3, atol=1e-5)


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("vcov", ["classical", "cluster"])
def test_constants_per_unit_and_period_change_nothing(model, vcov):
    data, W = sample(8, n=25, T=4)
    unit = dict(zip(W.index, np.random.default_rng(1).standard_normal(25)))
    moved = data.assign(y=data["y"] + 10 * data["i"].map(unit) + (data["t"] - 2) ** 2)
    a, b = (getattr(sp, model)("y ~ x + c", frame, W, **KEYS, **IV, vcov=vcov) for frame in (data, moved))
    np.testing.assert_allclose(a.params, b.params, rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(a.std_errors, b.std_errors, rtol=1e-6)


@pytest.mark.parametrize("model", MODELS)
def test_effects_prediction_and_tests_of_every_model(model):
    data, W = sample(9, n=40, T=3)
    fit = getattr(sp, model)("y ~ x + c", data, W, **KEYS, **IV)
    effects = fit.effects(method="delta").tidy()
    total = effects.query("effect == 'total' and term == 'c'")["estimate"].item()
    want = (fit.params["c"] + fit.params.get("W:c", 0.0)) / (1 - fit.rho)
    assert total == pytest.approx(want, rel=1e-8)
    np.testing.assert_allclose(fit.predict() + fit.resid.reindex(fit.predict().index), fit.fitted + fit.resid)
    assert {"Kleibergen-Paap F", "Anderson-Rubin", "Hansen J"} <= {test.name for test in sp.instrument_tests(fit)}
    assert "endogenous: c; instruments: z1, z2" in str(fit)
    sp.etable([fit])


def test_a_path_changes_nothing_beside_an_error_whose_rows_do_not_sum_to_one():
    data, W = sample(10, n=20, T=3)
    W.iloc[3] = 0
    a, b = (sp.sem("y ~ x + c", table, W, **KEYS, **IV, effects="twoway")
            for table in (data, data.assign(y=data["y"] + 20 * data["t"])))  # fmt: skip
    np.testing.assert_allclose(b.params, a.params, rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(b.std_errors, a.std_errors, rtol=1e-6)


# -- settings --------------------------------------------------------------------------------------------------------


def test_order_of_the_instruments_is_that_of_the_columns():
    data, W = sample(11)
    data = data.assign(**{f"l{k}": np.linalg.matrix_power(W.to_numpy(), k) @ data["x"] for k in (1, 2, 3)})
    for order in (1, 2, 3):
        fit = sp.sar("y ~ x", data, W, method=sp.Moments(order=order))
        Z = np.column_stack([np.ones(40), data["x"], W.to_numpy() @ data["y"]])
        H = np.column_stack([np.ones(40), data["x"], *(data[f"l{k}"] for k in range(1, order + 1))])
        np.testing.assert_allclose(fit.params, naive_moments.tsls(data["y"].to_numpy(), Z, H)[0], rtol=1e-8)
    plain = sp.sar("y ~ x + c", data, W, **{**IV, "method": sp.Moments(lag_instruments=False)})
    w = W.to_numpy()
    Z = np.column_stack([np.ones(40), data[["x", "c"]], w @ data["y"]])
    H = np.column_stack([np.ones(40), data[["x", "z1", "z2", "l1", "l2"]]])
    np.testing.assert_allclose(plain.params, naive_moments.tsls(data["y"].to_numpy(), Z, H)[0], rtol=1e-8)


@pytest.mark.parametrize("vcov", ["classical", "robust"])
def test_rounds_settle(vcov):
    """After convergence another round changes nothing."""
    data, W = sample(12, n=60)
    many, more = (sp.sac("y ~ x + c", data, W, **{**IV, "method": sp.Moments(rounds=k)}, vcov=vcov)
                  for k in ("converged", 60))  # fmt: skip
    np.testing.assert_allclose(many.params, more.params, rtol=1e-6)
    once = sp.sac("y ~ x + c", data, W, **{**IV, "method": sp.Moments()}, vcov=vcov)
    assert 1e-8 < abs(once.lam - many.lam) < 0.3


@pytest.mark.parametrize("kernel", ["bartlett", "uniform"])
def test_conley_of_two_stages_by_pairs(kernel):
    """sum over pairs within the cut-off of K_ij (T_i e_i)(T_j e_j)', with the factors of Conley."""
    data, W = sample(13)
    rng = np.random.default_rng(3)
    places = np.column_stack([rng.uniform(5, 9, 40), rng.uniform(48, 52, 40)])
    fit = sp.sar("y ~ x + c", data, W, **IV, vcov=sp.Conley(cutoff=150, coords=places, kernel=kernel))
    s = fit._sample
    d, T = naive_moments.tsls(s.y, np.column_stack([s.X, s.Wy]), np.column_stack([s.X[:, s.exogenous], s.H]))
    p = np.radians(places)
    chord = np.sin((p[:, None, 1] - p[None, :, 1]) / 2) ** 2 + np.cos(p[:, None, 1]) * np.cos(p[None, :, 1]) * (
        np.sin((p[:, None, 0] - p[None, :, 0]) / 2) ** 2)  # fmt: skip
    km = 2 * 6371.0088 * np.arcsin(np.sqrt(chord))
    K = np.where(km < 150, 1 - km / 150 if kernel == "bartlett" else 1.0, 0.0)
    shares = T * (s.y - np.column_stack([s.X, s.Wy]) @ d)[:, None]
    M = np.eye(40) - 1 / 40
    want = shares.T @ K @ shares / (np.trace(M @ K) / 40)
    np.testing.assert_allclose(fit.vcov, want, rtol=1e-4)
    assert fit.df_resid == pytest.approx(np.trace(M @ K) ** 2 / np.trace(M @ K @ M @ K), rel=1e-4)


def test_driscoll_kraay_of_two_stages_by_periods():
    data, W = sample(14, n=30, T=8)
    fit = sp.sdm("y ~ x + c", data, W, **KEYS, **IV, vcov=sp.DriscollKraay(lags=0))
    s = fit._sample
    Z = np.column_stack([s.X, s.Wy])
    d, T = naive_moments.tsls(s.y, Z, np.column_stack([s.X[:, s.exogenous], s.H]))
    sums = (T * (s.y - Z @ d)[:, None]).reshape(8, 30, -1).sum(axis=1)
    np.testing.assert_allclose(fit.vcov, 8 / 7 * sums.T @ sums, rtol=1e-6)
