"""Estimators against dense twins that share no code with them, and against laws."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

import spatial as sp
from spatial.logdet import Factorised, asymmetric, extreme_interval, logdet, quadrature, similar, symmetrizer
from spatial.logdet.exact import SparseLU
from spillover.matrix import as_weights

from .. import naive

COMMON = settings(max_examples=25, deadline=None, derandomize=True)
PANEL = {"entity": "id", "time": "t"}


def random_weights(rng, n, *, symmetric=True, islands=0, row=True):
    """Sparse random weights; symmetric links unless told otherwise."""
    A = (rng.random((n, n)) < 4 / n).astype(float)
    if symmetric:
        A = np.triu(A, 1)
        A[np.arange(n - 1), np.arange(1, n)] = 1  # a chain: no unit alone by chance
        A = A + A.T
    else:
        A[np.arange(n), (np.arange(n) + 1) % n] = 1
    np.fill_diagonal(A, 0)
    A[:islands], A[:, :islands] = 0, 0
    sums = A.sum(1, keepdims=True)
    return np.divide(A, sums, where=sums > 0, out=np.zeros_like(A)) if row else A


def cross_section(seed, n=40, rho=0.4, lam=0.0, **kind):
    rng = np.random.default_rng(seed)
    W = random_weights(rng, n, **kind)
    X = np.column_stack([np.ones(n), rng.standard_normal((n, 2))])
    u = np.linalg.solve(np.eye(n) - lam * W, rng.standard_normal(n))
    y = np.linalg.solve(np.eye(n) - rho * W, X @ [1, 2, -1] + W @ X[:, 1] * 0.5 + u)
    ids = pd.Index([f"u{i:02d}" for i in range(n)], name="id")
    return pd.DataFrame({"y": y, "a": X[:, 1], "b": X[:, 2]}, index=ids), pd.DataFrame(W, index=ids, columns=ids)


def panel_data(seed, N=14, T=5, rho=0.4):
    rng = np.random.default_rng(seed)
    W = random_weights(rng, N)
    c, m = rng.standard_normal((2, max(N, T)))
    a, b, e = rng.standard_normal((3, T, N))
    a = a + c[None, :N]
    y = np.linalg.solve(np.eye(N) - rho * W, (2 * a - b + 0.5 * a @ W.T + c[:N] + m[:T, None] + e).T).T
    ids = [f"{i:02d}" for i in range(N)]
    index = pd.MultiIndex.from_product([range(2000, 2000 + T), ids], names=["t", "id"])
    frame = pd.DataFrame({"y": y.ravel(), "a": a.ravel(), "b": b.ravel()}, index=index).reset_index()
    return frame, pd.DataFrame(W, index=ids, columns=ids)


# -- dense twins ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [{}, {"symmetric": False}, {"islands": 2}, {"row": False}])
@pytest.mark.parametrize(("model", "lag", "error"), [("sar", True, False), ("sem", False, True), ("sac", True, True)])
def test_maximum_and_observed_information(model, lag, error, kind):
    """A derivative-free search finds no higher point, and numeric second derivatives give our covariance."""
    rho = 0.08 if kind.get("row") is False else 0.4
    data, W = cross_section(1, lam=rho / 2, rho=rho, **kind)
    literal = {"durbin": []} if lag else {}  # without W 1
    fit = getattr(sp, model)("y ~ a + b", data, W, correction=False, **literal)
    y, X, w = data["y"].to_numpy(), np.column_stack([np.ones(len(data)), data[["a", "b"]]]), W.to_numpy()
    at = np.append(fit.params.to_numpy(), np.log(fit.sigma2))
    best = naive.maximise(y, X, w, at + 0.01, lag=lag, error=error)
    assert fit.loglik == pytest.approx(naive.loglik(at, y, X, w, lag=lag, error=error), abs=1e-9)
    assert fit.loglik >= -best.fun - 1e-8
    information = -naive.hessian(lambda t: naive.loglik(t, y, X, w, lag=lag, error=error), at)
    np.testing.assert_allclose(fit.vcov, np.linalg.inv(information)[:-1, :-1], rtol=2e-3, atol=1e-7)


def test_correction_is_the_likelihood_of_transformed_data():
    """Any orthonormal basis of the within space gives the same two-way fit (Lee & Yu 2010)."""
    data, W = panel_data(3)
    fit = sp.sar("y ~ a + b", data, W, **PANEL, effects="twoway")
    wide = {c: data.pivot(index="t", columns="id", values=c)[W.index].to_numpy() for c in "yab"}
    y, X, Wf = naive.lee_yu_twoway(wide["y"], np.stack([wide["a"], wide["b"]], axis=2), W.to_numpy())
    periods = len(y)
    big = np.kron(np.eye(periods), Wf)
    at = np.append(fit.params.to_numpy(), np.log(fit.sigma2))
    f = naive.loglik(at, y.ravel(), X.reshape(-1, 2), big, lag=True, error=False)
    best = naive.maximise(y.ravel(), X.reshape(-1, 2), big, at + 0.01, lag=True, error=False)
    assert fit.loglik == pytest.approx(f, abs=1e-8)
    np.testing.assert_allclose(best.x, at, atol=2e-5)


@COMMON
@given(seed=st.integers(0, 10_000), kind=st.sampled_from([{}, {"symmetric": False}, {"islands": 2}, {"row": False}]))
def test_logdet_by_three_routes(seed, kind):
    W = random_weights(np.random.default_rng(seed), 30, **kind)
    w = as_weights(W, ids=range(30))
    L = logdet(w)
    lo, hi = L.interval
    scale = symmetrizer(w.csr)
    matrix = w.csr if scale is None else similar(w.csr, scale)
    if scale is None:
        lu = asymmetric(matrix, SparseLU(matrix, False))
    else:
        lu = Factorised(SparseLU(matrix, True), quadrature(matrix, True, L.interval, probes=4, steps=10), L.interval)
    for rho in lo + (hi - lo) * np.array([0.05, 0.5, 0.7, 0.95]):
        A = np.eye(30) - rho * W
        G = W @ np.linalg.inv(A)
        assert np.linalg.det(A) > 0  # inside the interval
        assert L.value(rho) == pytest.approx(np.linalg.slogdet(A)[1], abs=1e-9)
        assert lu.value(rho) == pytest.approx(L.value(rho), abs=1e-9 if scale is not None else 1e-8)
        assert L.d1(rho) == pytest.approx(-np.trace(G), rel=1e-8, abs=1e-9)
        assert L.d2(rho) == pytest.approx(-np.trace(G @ G), rel=1e-8, abs=1e-9)
        assert lu.d1(rho) == pytest.approx(L.d1(rho), rel=1e-6, abs=1e-6)


@pytest.mark.parametrize("directed", [False, True])
def test_traces_of_low_order_are_exact_where_some_are_zero(directed):
    """No unit is its own neighbor and a lattice by edges has no triangles: tr W = tr W^3 = 0, tr W^2 and tr W^4 not.

    Two probes alone would miss tr W^2 by a few units.
    """
    line = np.eye(8, k=1) + np.eye(8, k=-1)
    W = (np.kron(line, np.eye(8)) + np.kron(np.eye(8), line)) / 4
    if directed:
        W *= np.random.default_rng(2).uniform(0.2, 1.8, W.shape)
    powers = [np.trace(np.linalg.matrix_power(W, k)) for k in range(1, 5)]
    assert powers[0] == powers[2] == 0
    assert min(powers[1], powers[3]) > 1
    L = quadrature(sparse.csr_array(W), not directed, (-1.0, 1.0), probes=2, steps=10)
    assert L.d2(0.0) == pytest.approx(-powers[1], rel=1e-9)
    for rho in (-0.1, 0.05):
        exact = np.linalg.slogdet(np.eye(64) - rho * W)[1]
        assert L.value(rho) == pytest.approx(exact, abs=20 * abs(rho) ** 5)


def test_the_interval_ends_where_the_matrix_is_singular():
    W = random_weights(np.random.default_rng(5), 25, row=False)
    lo, hi = logdet(as_weights(W, ids=range(25))).interval
    for end in (lo, hi):
        assert abs(np.linalg.det(np.eye(25) - end * W)) < 1e-6
    same = similar(sparse.csr_array(W), np.ones(25))
    assert extreme_interval(same, True) == pytest.approx((lo, hi), rel=1e-6)


@COMMON
@given(seed=st.integers(0, 10_000), model=st.sampled_from(["sar", "sdm", "slx", "sdem", "sac"]),
       kind=st.sampled_from([{}, {"islands": 2}, {"symmetric": False}]))  # fmt: skip
def test_effects_equal_the_dense_inverse(seed, model, kind):
    """theta counts in the direct effect, and rows of W need not sum to one."""
    data, W = cross_section(seed, **kind)
    fit = getattr(sp, model)("y ~ a + b", data, W)
    eff = fit.effects(draws=20)
    for name in ("a", "b"):
        theta = fit.params.get(f"W:{name}", 0.0)
        want = naive.effects(fit.params[name], theta, fit.rho, W.to_numpy())
        np.testing.assert_allclose([eff.direct[name], eff.indirect[name], eff.total[name]], want, rtol=1e-8, atol=1e-10)


def test_parts_of_effects_add_up():
    data, W = cross_section(4, islands=1)
    eff = sp.sdm("y ~ a + b", data, W).effects(draws=10)
    S = eff.matrix("a")
    np.testing.assert_allclose(eff.shock("u07", "a", 2.0), 2 * S["u07"], rtol=1e-9)
    units = eff.by_unit("a")
    assert units["own"].mean() == pytest.approx(eff.direct["a"])
    assert units["emitted"].mean() == pytest.approx(eff.indirect["a"])
    assert units["received"].mean() == pytest.approx(eff.indirect["a"])
    orders = eff.by_order(200).query("term == 'a'").groupby("effect")["estimate"].sum()
    assert orders["direct"] == pytest.approx(eff.direct["a"], rel=1e-6)
    assert orders["indirect"] == pytest.approx(eff.indirect["a"], rel=1e-6)


@pytest.mark.parametrize("model", ["sar", "sdm", "sem", "sdem", "sac"])
@pytest.mark.parametrize("kind", [{}, {"islands": 1}])
def test_delta_errors_are_the_numeric_gradient(model, kind):
    """J V J' with J by differences of the dense effects."""
    data, W = cross_section(6, **kind)
    fit = getattr(sp, model)("y ~ a + b", data, W)
    eff = fit.effects(method="delta")
    names = list(fit.params.index)

    def dense(params):
        p = dict(zip(names, params))
        return np.array(naive.effects(p["a"], p.get("W:a", 0.0), p.get("rho", 0.0), W.to_numpy()))

    at = fit.params.to_numpy()
    J = np.array([(dense(at + h) - dense(at - h)) / 2e-6 for h in np.eye(len(at)) * 1e-6]).T
    want = np.sqrt(np.diag(J @ fit.vcov.to_numpy() @ J.T))
    np.testing.assert_allclose(eff.std_errors[:, 0], want, rtol=1e-5)


def test_simulated_and_delta_errors_agree_when_both_hold(panel, queen):
    fit = sp.sdm("log(gsp) ~ log(pcap) + log(emp)", panel, queen, entity="state", time="year")
    drawn, delta = fit.effects(method="simulate", draws=20_000), fit.effects(method="delta")
    np.testing.assert_allclose(drawn.std_errors, delta.std_errors, rtol=0.05)
    np.testing.assert_allclose(drawn.conf_high, delta.conf_high, rtol=0.1, atol=0.01)
    few = [fit.effects(method="simulate", draws=50, seed=seed).std_errors for seed in (1, 1, 2)]
    assert (few[0] == few[1]).all()
    assert (few[0] != few[2]).any()


# -- laws ----------------------------------------------------------------------------------------------------


@COMMON
@given(seed=st.integers(0, 1_000), model=st.sampled_from(["sar", "sdm", "sem", "sac"]))
def test_order_of_rows_and_units_changes_nothing(seed, model):
    data, W = panel_data(seed, N=30)
    fit = getattr(sp, model)
    a = fit("y ~ a + b", data, W, **PANEL)
    rng = np.random.default_rng(seed)
    order = rng.permutation(W.index)
    b = fit("y ~ a + b", data.sample(frac=1, random_state=seed), W.loc[order, order], **PANEL)
    np.testing.assert_allclose(a.params, b.params, rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(a.std_errors, b.std_errors, rtol=1e-6)
    pd.testing.assert_series_equal(a.resid, b.resid.reindex(a.resid.index), atol=1e-7)


@COMMON
@given(seed=st.integers(0, 1_000), shift=st.sampled_from([0.0, 100.0]), scale=st.sampled_from([1e-6, 1.0, 1e6]))
def test_units_of_measurement(seed, shift, scale):
    """y -> shift + scale y: rho stays, slopes scale; x -> x / scale: its slope scales."""
    data, W = cross_section(seed)
    a = sp.sdm("y ~ a + b", data, W)
    moved = data.assign(y=shift * scale + scale * data["y"], b=data["b"] / scale)
    b = sp.sdm("y ~ a + b", moved, W)
    assert b.rho == pytest.approx(a.rho, abs=1e-7)
    assert b.params["a"] == pytest.approx(scale * a.params["a"], rel=1e-5)
    assert b.std_errors["W:b"] == pytest.approx(scale**2 * a.std_errors["W:b"], rel=1e-5)


def test_scaling_binary_weights_scales_rho():
    data, W = cross_section(8, rho=0.08, row=False)
    a, b = sp.sar("y ~ a + b", data, W), sp.sar("y ~ a + b", data, 5 * W)
    assert b.rho == pytest.approx(a.rho / 5, rel=1e-6)
    assert b.params["a"] == pytest.approx(a.params["a"], rel=1e-6)
    assert b.std_errors["rho"] == pytest.approx(a.std_errors["rho"] / 5, rel=1e-5)


@COMMON
@given(seed=st.integers(0, 1_000))
def test_constants_per_unit_and_period_change_nothing(seed):
    data, W = panel_data(seed)
    rng = np.random.default_rng(seed)
    c = pd.Series(rng.standard_normal(len(W)), index=W.index)
    m = pd.Series(rng.standard_normal(data["t"].nunique()), index=data["t"].unique())
    moved = data.assign(y=data["y"] + data["id"].map(c) + data["t"].map(m))
    a, b = (sp.sdm("y ~ a + b", d, W, **PANEL, effects="twoway") for d in (data, moved))
    np.testing.assert_allclose(a.params, b.params, atol=1e-7)


def test_correction_of_entity_effects_only_rescales_the_variance():
    data, W = panel_data(11, T=4)
    a, b = (sp.sdm("y ~ a + b", data, W, **PANEL, effects="entity", correction=c) for c in (False, True))
    np.testing.assert_allclose(a.params, b.params, atol=1e-8)
    assert a.sigma2 / b.sigma2 == pytest.approx(3 / 4, rel=1e-9)


def test_one_period_is_the_cross_section():
    data, W = panel_data(12, T=3)
    one = data[data["t"] == 2001]
    a = sp.sdm("y ~ a + b", one, W, **PANEL, effects="none")
    b = sp.sdm("y ~ a + b", one.set_index("id"), W)
    pd.testing.assert_series_equal(a.params, b.params)
    pd.testing.assert_frame_equal(a.vcov, b.vcov)


def test_nested_models_have_ordered_likelihoods():
    data, W = panel_data(13)
    ll = {
        m: getattr(sp, m)("y ~ a + b", data, W, **PANEL).loglik
        for m in ("ols", "slx", "sar", "sem", "sdm", "sdem", "sac")
    }
    nested = "ols<slx ols<sar sar<sdm slx<sdm sem<sdm sem<sdem slx<sdem sar<sac sem<sac"
    for small, large in (pair.split("<") for pair in nested.split()):
        assert ll[small] <= ll[large] + 1e-9, (small, large)


def test_a_durbin_model_under_the_common_factor_is_the_error_model():
    """SDM profiled at theta = -rho beta has SEM's likelihood: the Wald test is zero there by construction."""
    data, W = cross_section(14, rho=0.0, lam=0.5)
    sem, sdm = sp.sem("y ~ a + b", data, W), sp.sdm("y ~ a + b", data, W)
    y, X = data["y"].to_numpy(), np.column_stack([np.ones(len(data)), data[["a", "b"]]])
    B = np.eye(len(W)) - sem.lam * W.to_numpy()
    beta = np.linalg.lstsq(B @ X, B @ y, rcond=None)[0]
    sigma2, n = np.mean((B @ (y - X @ beta)) ** 2), len(y)
    dense = np.linalg.slogdet(B)[1] - n / 2 * (np.log(2 * np.pi * sigma2) + 1)
    assert sem.loglik == pytest.approx(dense, abs=1e-10)
    np.testing.assert_allclose(beta, sem.params[:3], rtol=1e-8)
    lr = sp.lr_test(sem, sdm)
    plain = sp.lr_test(sem, sp.sdm("y ~ a + b", data, W, correction=False))
    assert plain.statistic == pytest.approx(2 * (sdm.loglik - sem.loglik))
    assert lr.statistic == pytest.approx(plain.statistic * (n - 6) / n)
    wald = sp.wald_test(sdm, "SEM")
    assert wald.df == (2, n - 6)
    assert abs(2 * wald.statistic - lr.statistic) < 0.5 * lr.statistic + 1


def test_lag_in_a_formula_is_the_previous_period():
    data, W = panel_data(15)
    fit = sp.slx("y ~ lag(a) + b", data, W, **PANEL, effects="entity")
    wide = data.pivot(index="id", columns="t", values="a")
    by_hand = data[data["t"] > 2000].assign(la=lambda d: [wide.at[i, t - 1] for i, t in zip(d["id"], d["t"])])
    want = sp.slx("y ~ la + b", by_hand, W, **PANEL, effects="entity")
    np.testing.assert_allclose(fit.params, want.params, rtol=1e-10)
    assert "left out the first 1" in str(fit)
