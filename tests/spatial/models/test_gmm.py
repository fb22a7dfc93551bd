"""The method of moments: linearmodels, dense twins, laws."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize

import spatial as sp

from .. import naive
from .test_estimators import COMMON, PANEL, cross_section, panel_data, random_weights

pytestmark = pytest.mark.filterwarnings("ignore:rho = .* lies outside")

# -- linearmodels and dense twins ----------------------------------------------------------------------------


def endogenous(seed, n=80, **kind):
    """cross_section with a regressor ``c`` that shares the error, and z1, z2 that move it."""
    data, W = cross_section(seed, n=n, **kind)
    rng = np.random.default_rng(seed + 1)
    z1, z2, v, e = rng.standard_normal((4, n))
    c = z1 - 0.5 * z2 + v
    A = np.eye(n) - 0.4 * W.to_numpy()
    y = np.linalg.solve(A, 1 + data["a"] - data["b"] + 2 * c + 0.8 * v + e * (0.5 + z1**2))
    return data.assign(y=y, c=c, z1=z1, z2=z2), W


@pytest.mark.parametrize(("vcov", "options"), [
    ("classical", {"cov_type": "unadjusted"}), ("robust", {"cov_type": "robust"}),
    ("hc1", {"cov_type": "robust", "debiased": True}),
])  # fmt: skip
@pytest.mark.parametrize("correction", [True, False])
@pytest.mark.parametrize("model", ["sar", "sdm"])
@pytest.mark.parametrize("endog", [False, True])
def test_two_stage_least_squares_of_linearmodels(model, endog, correction, vcov, options):
    """Law M29: W y endogenous, W X and W2 X (and lags of the instruments) excluded; its ``debiased`` is our factor."""
    options = {"debiased": correction, **options}
    iv = pytest.importorskip("linearmodels.iv")
    data, W = endogenous(5)
    w = W.to_numpy()
    arguments = {"durbin": ["a", "c" if endog else "b"]} if model == "sdm" else {}
    if endog:
        arguments |= {"endog": ["c"], "instruments": ["z1", "I(z2 / 2)"]}
    formula = "y ~ a + b + c" if endog else "y ~ a + b"
    fit = getattr(sp, model)(formula, data, W, method="gmm", vcov=vcov, correction=correction, **arguments)
    lagged = {f"W:{name}": w @ data[name] for name in arguments.get("durbin", ())}
    exog = data[["a", "b"]].assign(Intercept=1.0, **{k: v for k, v in lagged.items() if k != "W:c"})
    ours_endog = pd.DataFrame({"rho": w @ data["y"]}, index=data.index)
    extra = data[["z1", "z2"]] if endog else data[[]]
    if endog:
        ours_endog = ours_endog.assign(c=data["c"], **{k: v for k, v in lagged.items() if k == "W:c"})
    slopes = pd.concat([exog.drop(columns="Intercept"), extra], axis=1).to_numpy()
    pool = np.column_stack([extra, w @ slopes, w @ w @ slopes])
    reference = exog.to_numpy()
    keep = []  # columns that add something: linearmodels refuses the rest
    for j in range(pool.shape[1]):
        trial = np.column_stack([reference, pool[:, [*keep, j]]])
        keep += [j] if np.linalg.matrix_rank(trial, tol=1e-8) == trial.shape[1] else []
    want = iv.IV2SLS(data["y"], exog, ours_endog, pool[:, keep]).fit(**options)
    np.testing.assert_allclose(fit.params[want.params.index], want.params, rtol=1e-9)
    np.testing.assert_allclose(fit.std_errors[want.params.index], want.std_errors, rtol=1e-9)
    # Tests of the instruments.
    tests = sp.instrument_tests(fit)
    assert tests["Sargan"].statistic == pytest.approx(want.sargan.stat, rel=1e-8)
    assert tests["Sargan"].df == want.sargan.df
    gmm = iv.IVGMM(data["y"], exog, ours_endog, pool[:, keep], weight_type="robust").fit(iter_limit=2)
    assert tests["Hansen J"].statistic == pytest.approx(gmm.j_stat.stat, rel=1e-6)
    n, q, left = len(data), len(keep), len(data) - len(keep) - exog.shape[1]
    first = iv.IV2SLS(data["y"], exog, ours_endog, pool[:, keep]).fit(cov_type="unadjusted").first_stage.diagnostics
    for name, row in first.iterrows():  # there the variance is SSE / n
        F = tests[f"first-stage F of {'W:y' if name == 'rho' else name}"]
        assert F.df == (q, left)
        assert F.statistic == pytest.approx(row["f.stat"] * left / n, rel=1e-8)


@pytest.mark.parametrize("effects", ["none", "entity"])
def test_errors_clustered_by_unit(effects):
    """linearmodels on the demeaned stack; afterwards by with_vcov or at once."""
    iv = pytest.importorskip("linearmodels.iv")
    data, W = panel_data(14, N=30)
    fit = sp.sar("y ~ a + b", data, W, **PANEL, effects=effects, method="gmm", vcov="cluster")
    s = fit._sample
    endog = pd.DataFrame({"rho": s.Wy})
    exog = pd.DataFrame(s.X, columns=fit.params.index[:-1])
    pool = s.H[:, np.linalg.norm(s.H, axis=0) > 1e-8]
    by = np.tile(np.arange(30), 5)
    want = iv.IV2SLS(s.y, exog, endog, pool).fit(cov_type="clustered", clusters=by)
    np.testing.assert_allclose(fit.std_errors[want.params.index], want.std_errors * (30 / 29) ** 0.5, rtol=1e-8)
    again = sp.sar("y ~ a + b", data, W, **PANEL, effects=effects, method="gmm").with_vcov("cluster")
    pd.testing.assert_frame_equal(again.vcov, fit.vcov)
    assert "clustered by unit" in str(again)


def dense_gm(y, X, Wy, H, M, heteroskedastic):
    """Kelejian-Prucha (1998, 2010) as written: n x n matrices, a numeric search, no polynomial."""
    n = len(y)
    eye, MM, Z = np.eye(n), M.T @ M, np.column_stack([X, Wy])

    def tsls(y, Z, H):
        Zh = H @ np.linalg.lstsq(H, Z, rcond=None)[0]
        return np.linalg.solve(Zh.T @ Z, Zh.T @ y)

    def moments(u, lam, s2):
        e = u - lam * M @ u
        if heteroskedastic:
            return np.array([e @ (MM - np.diag(np.diag(MM))) @ e, e @ M @ e]) / n
        return np.array([e @ e - n * s2, e @ MM @ e - s2 * np.trace(MM), e @ M @ e]) / n

    def search(u, V, start):
        def f(p):
            m = moments(u, *p)
            return m @ V @ m / np.mean(u**2) ** 2

        return minimize(f, start, method="Nelder-Mead", options={"xatol": 1e-11, "fatol": 1e-18, "maxiter": 4000}).x[0]

    u = y - Z @ tsls(y, Z, np.column_stack([X, H]))
    lam = search(u, np.eye(2 + (not heteroskedastic)), [0.0, np.mean(u**2)])
    B = eye - lam * M
    H = np.column_stack([B @ X, H])
    d = tsls(B @ y, B @ Z, H)
    if not heteroskedastic:
        return d, lam
    u = y - Z @ d
    e, Zs = B @ u, B @ Z
    Zh = H @ np.linalg.lstsq(H, Zs, rcond=None)[0]
    T = Zh @ np.linalg.inv(Zh.T @ Zh)
    S = [2 * (MM - np.diag(np.diag(MM))), M + M.T]
    a = [-T @ (Zs.T @ s @ e) for s in S]
    G = np.diag(e**2)
    phi = np.array([[np.trace(p @ G @ q @ G) / 2 + x @ G @ z for q, z in zip(S, a)] for p, x in zip(S, a)]) / n
    return d, search(u, np.linalg.inv(phi), [lam, 1.0])


@pytest.mark.parametrize("kind", [{}, {"symmetric": False}, {"islands": 2}])
@pytest.mark.parametrize("vcov", ["classical", "robust"])
def test_dense_twin_of_the_moments(vcov, kind):
    """A second W that is no relative of the first: lags of X by it are no instruments."""
    data, W = cross_section(21, n=60, lam=0.3, **kind)
    ids, n = W.index, len(W)
    M = pd.DataFrame(random_weights(np.random.default_rng(99), n), index=ids, columns=ids)
    fit = sp.sac("y ~ a + b", data, W, durbin=[], w_error=M.sample(frac=1, random_state=1).loc[:, ids[::-1]].pipe(
        lambda m: m.loc[m.columns]), method="gmm", vcov=vcov)  # fmt: skip
    w, m = W.to_numpy(), M.to_numpy()
    X = np.column_stack([np.ones(n), data[["a", "b"]]])
    H = np.column_stack([w @ X[:, 1:], w @ w @ X[:, 1:]])
    y = data["y"].to_numpy()
    d, lam = dense_gm(y, X, w @ y, H, m, vcov == "robust")
    np.testing.assert_allclose(fit.params, [*d, lam], rtol=1e-5, atol=1e-7)
    e = y - X @ d[:3] - d[3] * w @ y
    np.testing.assert_allclose(fit.resid, e - lam * m @ e, rtol=1e-5, atol=1e-6)


def test_moments_are_nearly_as_precise_as_likelihood():
    """Normal errors: the s.e. of lambda and beta from both theories, on 900 units."""
    for model, rho, slack in (("sdem", 0.0, 1.15), ("gns", 0.4, 1.5)):
        data, W = cross_section(31, n=900, rho=rho, lam=0.5)
        ml, gm = (getattr(sp, model)("y ~ a + b", data, W, method=m, durbin=["a"]) for m in ("ml", "gmm"))
        assert 0.97 < gm.std_errors["lambda"] / ml.std_errors["lambda"] < slack
        np.testing.assert_allclose(gm.std_errors[["a", "b"]], ml.std_errors[["a", "b"]], rtol=0.15)
        assert abs(gm.lam - ml.lam) < 2 * gm.std_errors["lambda"]


# -- laws ----------------------------------------------------------------------------------------------------

GMM = [("sar", "classical"), ("sdm", "robust"), ("sem", "classical"), ("sdem", "robust"), ("sac", "classical"),
       ("sac", "robust"), ("gns", "classical")]  # fmt: skip


@COMMON
@given(seed=st.integers(0, 1_000), which=st.sampled_from(GMM))
def test_order_of_units_changes_nothing(seed, which):
    model, vcov = which
    data, W = cross_section(seed, n=60)
    rng = np.random.default_rng(seed)
    order = rng.permutation(W.index)
    a = getattr(sp, model)("y ~ a + b", data, W, method="gmm", vcov=vcov)
    shuffled = data.sample(frac=1, random_state=seed)
    b = getattr(sp, model)("y ~ a + b", shuffled, W.loc[order, order], method="gmm", vcov=vcov)
    np.testing.assert_allclose(a.params, b.params, rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(a.std_errors, b.std_errors, rtol=1e-6)


@pytest.mark.parametrize(("model", "vcov"), GMM)
def test_units_of_measurement(model, vcov):
    """y -> 100 + 1e6 y, b -> 1e6 b: spatial parameters stay, slopes scale."""
    data, W = cross_section(3, n=60)
    a = getattr(sp, model)("y ~ a + b", data, W, method="gmm", vcov=vcov)
    moved = data.assign(y=100 + 1e6 * data["y"], b=1e6 * data["b"])
    b = getattr(sp, model)("y ~ a + b", moved, W, method="gmm", vcov=vcov)
    spatial = [name for name in ("rho", "lambda") if name in a.params]
    np.testing.assert_allclose(b.params[[*spatial, "b"]], a.params[[*spatial, "b"]], rtol=1e-6)
    np.testing.assert_allclose(b.std_errors[[*spatial, "b"]], a.std_errors[[*spatial, "b"]], rtol=1e-6)
    assert b.params["a"] == pytest.approx(1e6 * a.params["a"], rel=1e-6)


@pytest.mark.parametrize("model", ["sar", "sdm", "sac"])
def test_a_large_mean_changes_nothing(model):
    """x + 1e8: instruments keep what varies."""
    data, W = cross_section(3, n=60)
    a, b = (getattr(sp, model)("y ~ a + b", frame, W, method="gmm") for frame in (data, data.assign(a=data["a"] + 1e8)))
    np.testing.assert_allclose(a.params[["a", "b", "rho"]], b.params[["a", "b", "rho"]], rtol=1e-5)
    np.testing.assert_allclose(a.std_errors[["a", "b", "rho"]], b.std_errors[["a", "b", "rho"]], rtol=1e-5)


@pytest.mark.parametrize(("model", "vcov"), GMM)
def test_one_period_is_the_cross_section_and_copies_add_no_estimate(model, vcov):
    data, W = panel_data(12, N=30, T=3)
    options = {"method": "gmm", "vcov": vcov}
    one = data[data["t"] == 2001]
    a = getattr(sp, model)("y ~ a + b", one.set_index("id"), W, **options)
    b = getattr(sp, model)("y ~ a + b", one, W, **PANEL, effects="none", **options)
    pd.testing.assert_series_equal(a.params, b.params)
    pd.testing.assert_frame_equal(a.vcov, b.vcov)
    copies = pd.concat([one.assign(t=t) for t in range(4)])
    c = getattr(sp, model)("y ~ a + b", copies, W, **PANEL, effects="none", **options)
    np.testing.assert_allclose(c.params, a.params, rtol=1e-7)
    k = len(a.params) - a.specification.error  # lambda is none of the n - k
    exact = (30 - k) / (120 - k) if vcov != "cluster" else 1 / 4
    np.testing.assert_allclose(c.std_errors, a.std_errors * exact**0.5, rtol=1e-6)


@pytest.mark.parametrize(
    ("model", "effects"), [("sar", "entity"), ("sdm", "twoway"), ("sac", "entity"), ("sem", "entity")]
)
def test_constants_per_unit_and_period_change_nothing(model, effects):
    data, W = panel_data(8, N=30)
    rng = np.random.default_rng(8)
    unit = pd.Series(rng.standard_normal(30), index=W.index)
    moved = data["y"] + 10 * data["id"].map(unit) + (effects == "twoway") * (data["t"] - 2000) ** 2
    a, b = (getattr(sp, model)("y ~ a + b", frame, W, **PANEL, effects=effects, method="gmm")
            for frame in (data, data.assign(y=moved)))  # fmt: skip
    np.testing.assert_allclose(a.params, b.params, rtol=1e-7, atol=1e-9)
    np.testing.assert_allclose(a.std_errors, b.std_errors, rtol=1e-7)


def test_entity_effects_are_dummies():
    """Frisch-Waugh: two-stage least squares with a dummy for every unit."""
    data, W = panel_data(9, N=20)
    a = sp.sar("y ~ a + b", data, W, **PANEL, effects="entity", method="gmm")
    wide = data.sort_values(["t", "id"])
    big = np.kron(np.eye(5), W.loc[sorted(W.index), sorted(W.index)].to_numpy())
    dummies = np.tile(np.eye(20), (5, 1))
    X, y = wide[["a", "b"]].to_numpy(), wide["y"].to_numpy()
    H = np.column_stack([dummies, X, big @ X, big @ big @ X])
    Z = np.column_stack([dummies, X, big @ y])
    Zh = H @ np.linalg.lstsq(H, Z, rcond=None)[0]
    d = np.linalg.solve(Zh.T @ Z, Zh.T @ y)
    e = y - Z @ d
    V = e @ e / (100 - 23) * np.linalg.inv(Zh.T @ Zh)
    np.testing.assert_allclose(a.params, d[20:], rtol=1e-8)
    np.testing.assert_allclose(a.vcov, V[20:, 20:], rtol=1e-8)


@pytest.mark.parametrize("method", ["simulate", "delta"])
def test_effects_of_moments_equal_the_dense_inverse(method):
    data, W = cross_section(4, n=60, islands=1)
    fit = sp.gns("y ~ a + b", data, W, method="gmm", vcov="robust")
    eff = fit.effects(method=method, draws=200)
    want = naive.effects(fit.params["a"], fit.params["W:a"], fit.rho, W.to_numpy())
    np.testing.assert_allclose([eff.direct["a"], eff.indirect["a"], eff.total["a"]], want, rtol=1e-8)
    assert (eff.std_errors > 0).all()
    assert "method of moments" in str(fit)


@pytest.mark.parametrize("W", [np.roll(np.eye(40), 1, 0), np.kron(np.eye(8), (np.ones((5, 5)) - np.eye(5)) / 4)])
def test_two_moments_that_are_one(W):
    """A cycle, M'M = I, and equal blocks, M'M - diag ~ M: the moment e'M e alone decides."""
    data = cross_section(2, n=40)[0].reset_index(drop=True)
    fit = sp.sem("y ~ a", data, pd.DataFrame(W), method="gmm", vcov="robust")
    u = data["y"] - fit.params["Intercept"] - fit.params["a"] * data["a"]
    e = u - fit.lam * W @ u
    assert e @ W @ e == pytest.approx(0, abs=1e-6 * (e @ e))
    assert fit.std_errors["lambda"] > 0
