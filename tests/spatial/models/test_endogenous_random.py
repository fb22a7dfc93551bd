"""Random effects by moments: splm's numbers, dense twins with (T N) x (T N) matrices, laws, refusals."""

import json

import numpy as np
import pandas as pd
import pytest

import spatial as sp
from spillover.errors import SpatialInputError

from .. import naive_moments
from .test_endogenous import IV, KEYS, columns, sample
from .test_gmm_references import PRODUC, named, same

RANDOM = {**KEYS, **IV, "effects": "random"}


def produc(shared):
    data = pd.read_csv(shared / "reference" / "produc.csv")
    ids, links = data["state"].unique(), pd.read_csv(shared / "reference" / "produc_w_usaww_W.csv")
    W = np.zeros((len(ids), len(ids)))
    W[links["i"] - 1, links["j"] - 1] = links["w"]
    return data, pd.DataFrame(W, ids, ids)


def test_splm_lag(shared):
    """ivsplm: Swamy and Arora's variances from two-stage least squares within and between, then quasi-demeaned."""
    want = json.loads((shared / "reference/splm/produc_gm_random_lag_initial.json").read_text())
    data, w = produc(shared)
    fit = sp.sar(PRODUC, data, w, entity="state", time="year", effects="random", method="gmm")
    same(fit.params, want["estimates"], 1e-6, swap=True)
    same(fit.std_errors, want["se"], 1e-6, swap=True)


@pytest.mark.parametrize(("case", "method", "rtol"), [
    ("initial", sp.Moments(weighted=False), 2e-5), ("fullweights", sp.Moments(), 2e-5),
])  # fmt: skip
def test_splm_error(shared, case, method, rtol):
    """spgm: Kapoor, Kelejian & Prucha's moments within units, and all six fully weighted."""
    want = json.loads((shared / f"reference/splm/produc_gm_random_error_{case}.json").read_text())
    data, w = produc(shared)
    fit = sp.sem(PRODUC, data, w, entity="state", time="year", effects="random", method=method, correction=False)
    same(fit.params, want["estimates"], rtol, swap=True)
    se = named(want["se"], swap=True)
    np.testing.assert_allclose(fit.std_errors[se.index], se, rtol=rtol)
    components = sp.variance_components(fit).set_index("term")["estimate"]
    assert components["theta"] == pytest.approx(want["fit"]["errcomp"]["v4"], rel=1e-5)
    assert "Kapoor" in str(fit)


def quasi(T, N, phi):
    within = np.kron(np.eye(T) - 1 / T, np.eye(N))
    return within + (np.eye(T * N) - within) / np.sqrt(1 + T * phi)


def two_stages(data, W, T, model):
    Z, exogenous, H, big = columns(data, W, T, model in ("slx", "sdm", "sdem", "gns"),
                                   order={"ols": 0, "slx": 1, "sem": 1, "sdem": 1}.get(model, 2))  # fmt: skip
    y = data["y"].to_numpy()
    if model in ("sar", "sdm", "sac", "gns"):
        slopes = Z[:, [j for j in range(1, Z.shape[1]) if exogenous[j]]]
        H = np.column_stack([H, big @ slopes, big @ big @ slopes])
        Z, exogenous = np.column_stack([Z, big @ y]), np.append(exogenous, False)
    return y, Z, exogenous, H, big


def components(y, Z, exogenous, H, T):
    """s2_v and s2_1 of two-stage least squares of deviations and of unit means."""
    N, out = len(y) // T, []
    means = np.kron(np.ones((1, T)) / T, np.eye(N))
    within = np.kron(np.eye(T) - 1 / T, np.eye(N))
    for part, scale, rows in ((within, 1, N * (T - 1)), (means, T, N)):
        a, B, C = part @ y, part @ Z, part @ np.column_stack([Z[:, exogenous], H])
        keep = np.linalg.norm(B, axis=0) > 1e-8
        keep_c = np.linalg.norm(C, axis=0) > 1e-8
        d = naive_moments.tsls(a, B[:, keep], C[:, keep_c])[0]
        e = a - B[:, keep] @ d
        out.append(scale * e @ e / (rows - keep.sum()))
    return out


@pytest.mark.parametrize("model", ["ols", "slx", "sar", "sdm"])
def test_dense_twin_without_a_spatial_error(model):
    T, N = 4, 30
    data, W = sample(31, n=N, T=T)
    fit = getattr(sp, model)("y ~ x + c", data, W, **RANDOM)
    y, Z, exogenous, H, _ = two_stages(data, W, T, model)
    s2, s2_1 = components(y, Z, exogenous, H, T)
    R = quasi(T, N, max(s2_1 / s2 - 1, 0) / T)
    d, Tw = naive_moments.tsls(R @ y, R @ Z, R @ np.column_stack([Z[:, exogenous], H]))
    np.testing.assert_allclose(fit.params, d, rtol=1e-7)
    e = R @ (y - Z @ d)
    np.testing.assert_allclose(fit.vcov, e @ e / (T * N - len(d)) * Tw.T @ Tw, rtol=1e-6)
    sums = (Tw * e[:, None]).reshape(T, N, -1).sum(axis=0)
    np.testing.assert_allclose(fit.with_vcov("cluster").vcov, N / (N - 1) * sums.T @ sums, rtol=1e-6)
    assert fit._settings.random.sigma2_e == pytest.approx(s2, rel=1e-8)


@pytest.mark.parametrize("model", ["sem", "sdem", "sac", "gns"])
def test_dense_twin_of_six_moments(model):
    """lambda by a grid and a search, its variance and covariance from the linear and quadratic parts in eps."""
    T, N = 4, 24
    data, W = sample(32, n=N, T=T)
    fit = getattr(sp, model)("y ~ x + c", data, W, **RANDOM, correction=False)
    y, Z, exogenous, H, _ = two_stages(data, W, T, model)
    check_six_moments(fit, y, Z, exogenous, H, W.to_numpy(), T, components(y, Z, exogenous, H, T))


def check_six_moments(fit, y, Z, exogenous, H, M, T, s2):
    """Estimates, standard error of lambda and covariances; ``s2`` are the first step's variances."""
    X, N = Z[:, exogenous], len(M)
    big = np.kron(np.eye(T), M)
    R = quasi(T, N, max(s2[1] / s2[0] - 1, 0) / T)
    first, T1 = naive_moments.tsls(R @ y, R @ Z, R @ np.column_stack([X, H]))
    u = y - Z @ first
    Q = [np.kron(np.eye(T) - 1 / T, np.eye(N)), np.kron(np.ones((T, T)) / T, np.eye(N))]
    small, n = [np.eye(N), M.T @ M, M], [N * (T - 1), N]
    forms = [[q @ np.kron(np.eye(T), A) / size for A in small] for q, size in zip(Q, n)]
    share = np.array([np.trace(A) for A in small]) / N
    off = np.eye(3) - np.outer(share, share) / (share @ share)
    flat = [A for part in forms for A in part]
    zero = np.zeros((3, 3))
    lam = naive_moments.search(u, big, flat, np.block([[off, zero], [zero, zero]]), 1, -0.99, 0.99)
    e = u - lam * big @ u
    s2 = [share @ np.array([e @ A @ e for A in forms[0]]) / (share @ share), e @ forms[1][0] @ e]
    inner = np.array([[np.trace((A + A.T) @ (B + B.T)) for B in small] for A in small])
    P = np.linalg.inv(inner / 2 / N)
    P = P - np.outer(P @ share, P @ share) / (share @ P @ share)
    V = np.block([[(T - 1) / s2[0] ** 2 * P, zero], [zero, P / s2[1] ** 2]])
    lam = naive_moments.search(u, big, flat, V, 1, -0.99, 0.99)
    e = u - lam * big @ u
    G = np.linalg.inv(inner / 2 / N) @ share
    s2 = [G @ np.array([e @ A @ e for A in part]) / (G @ share) for part in forms]
    phi = max(s2[1] / s2[0] - 1, 0) / T
    F = quasi(T, N, phi) @ (np.eye(T * N) - lam * big)
    R2 = quasi(T, N, phi)
    d, T2 = naive_moments.tsls(F @ y, F @ Z, np.column_stack([F @ X, R2 @ H]))
    np.testing.assert_allclose(fit.params, [*d, lam], rtol=1e-5)
    # The error of lambda: rows of L times the moments' quadratic parts and what d adds, linear in eps.
    j = np.array([-u @ big.T @ (A + A.T) @ e for A in flat])
    L = -(V @ j) / (j @ V @ j)
    A = sum(weight * form for weight, form in zip(L, flat))
    A = (A + A.T) / 2
    omega = s2[0] * Q[0] + s2[1] * Q[1]
    a = np.linalg.inv(np.eye(T * N) - lam * big).T @ (R @ T1) @ (-(Z - lam * big @ Z).T @ (A + A.T) @ e)
    variance = 2 * np.trace(A @ omega @ A @ omega) + a @ omega @ a
    assert fit.std_errors["lambda"] == pytest.approx(variance**0.5, rel=1e-4)
    cross = T2.T @ R2 @ omega @ a
    np.testing.assert_allclose(fit.vcov.iloc[:-1, -1], cross, rtol=1e-3, atol=1e-7)
    np.testing.assert_allclose(fit.vcov.iloc[:-1, :-1], s2[0] * T2.T @ T2, rtol=1e-5)


def test_unit_effects_that_are_zero_give_the_pooled_fit():
    data, W = sample(33, n=20, T=4)
    rng = np.random.default_rng(0)
    y = data["x"] + data["c"] + rng.standard_normal(80)
    flat = data.assign(y=y - y.groupby(data["i"]).transform("mean") * 0.9)
    random = sp.ols("y ~ x + c", flat, W, **RANDOM)
    pooled = sp.ols("y ~ x + c", flat, W, **{**RANDOM, "effects": "none"})
    assert random._settings.random.phi == 0
    np.testing.assert_allclose(random.params, pooled.params, rtol=1e-9)


@pytest.mark.parametrize("model", ["slx", "sdm", "sdem", "gns"])
def test_effects_tables_and_tests(model):
    data, W = sample(34, n=40, T=4)
    fit = getattr(sp, model)("y ~ x + c", data, W, **RANDOM)
    assert np.isfinite(fit.effects().tidy()["estimate"]).all()
    assert np.isfinite(fit.predict(kind="TC")).all()
    assert "random" in str(sp.etable([fit]))
    assert {"Kleibergen-Paap F", "Hansen J"} <= {test.name for test in sp.instrument_tests(fit)}
    assert len(sp.endogeneity_test(fit)) == 3


@pytest.mark.parametrize(("options", "message"), [
    ({"random_error": "baltagi"}, "random_error='kkp'"),
    ({"vcov": "robust"}, "correlate a unit's"), ({"vcov": "cluster"}, "one variance"),
    ({"vcov": sp.Conley(cutoff=10)}, "its own model"),
])  # fmt: skip
def test_refused(options, message):
    data, W = sample(35, n=20, T=3)
    with pytest.raises(SpatialInputError, match="E501") as caught:
        sp.sem("y ~ x + c", data, W, **{**RANDOM, **options})
    assert message in str(caught.value)
