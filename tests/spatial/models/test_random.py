"""Random effects by maximum likelihood: dense twins, R's splm and plm, laws."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

import spatial as sp
import weights as wt
from spatial.models import random as _random
from spillover.errors import SpatialInputError

from .. import naive, naive_random
from .test_estimators import PANEL, random_weights
from .test_references import PRODUC, ours, produc, reference, same  # noqa: F401  (a fixture)

COMMON = settings(max_examples=7, deadline=None, derandomize=True)
MODELS = [("sar", None), ("sdm", None), ("sem", "kkp"), ("sem", "baltagi"), ("sac", "kkp"), ("sac", "baltagi"),
          ("ols", None)]  # fmt: skip


def random_panel(seed, N=12, T=4, rho=0.3, lam=0.3, phi=1.0, **kind):
    """y, a (correlated over time), b; ids in Chinese, rows shuffled."""
    rng = np.random.default_rng(seed)
    W = random_weights(rng, N, **kind)
    rho, lam = (rho, lam) if kind.get("row", True) else (rho / 5, lam / 5)
    a, b, e = rng.standard_normal((3, T, N))
    a = a + rng.standard_normal(N)
    u = np.linalg.solve(np.eye(N) - lam * W, (np.sqrt(phi) * rng.standard_normal(N) + e).T).T
    y = np.linalg.solve(np.eye(N) - rho * W, (1 + 2 * a - b + 0.5 * a @ W.T + u).T).T
    ids = pd.Index([f"省{i:02d}" for i in range(N)])
    index = pd.MultiIndex.from_product([range(2000, 2000 + T), ids], names=["t", "id"])
    frame = pd.DataFrame({"y": y.ravel(), "a": a.ravel(), "b": b.ravel()}, index=index).reset_index()
    return frame.sample(frac=1, random_state=seed), pd.DataFrame(W, index=ids, columns=ids)


def fit_random(model, data, W, error=None, formula="y ~ a + b", effects="random", **options):
    if error:
        options["random_error"] = error
    if model in ("ols", "slx"):
        options.setdefault("method", "ml")
    return getattr(sp, model)(formula, data, W, **PANEL, effects=effects, **options)


def twin(fit, error):
    """The dense likelihood as a function of all parameters, and where ours stopped."""
    d, random = fit._design, fit._settings.random
    lagged = np.einsum("ij,tjk->tik", d.weights.csr.toarray(), d.X[:, :, list(d.durbin)])
    X = np.concatenate([d.X, lagged], axis=2)
    W, M = d.weights.csr.toarray(), d.weights_of_error.csr.toarray()
    at = np.array([*fit.params, fit.sigma2, np.log1p(d.n_periods * random.phi)])
    return lambda x: naive_random.loglik(x, d.y, X, W, M, lag=fit.specification.lag, error=error), at


@pytest.mark.parametrize("kind", [{}, {"symmetric": False, "islands": 1}, {"row": False}])
@pytest.mark.parametrize(("model", "error"), MODELS)
def test_maximum_and_observed_information(model, error, kind):
    """Our point has the dense likelihood's value, no search finds a higher one, and its numeric second derivatives
    give our covariance, variance components included."""
    data, W = random_panel(1, **kind)
    fit = fit_random(model, data, W, error)
    f, at = twin(fit, error)
    assert f(at) == pytest.approx(fit.loglik, abs=1e-8)
    result = minimize(lambda x: -f(x), at * 1.01 + 0.003, method="BFGS", options={"gtol": 1e-6})
    assert -result.fun <= fit.loglik + 1e-7
    V = np.linalg.inv(naive.hessian(lambda x: -f(x), at))
    p = len(fit.params)
    np.testing.assert_allclose(fit.vcov, V[:p, :p], rtol=3e-3, atol=2e-6)
    table = sp.variance_components(fit).set_index("term")
    assert table.at["sigma2_e", "std_error"] == pytest.approx(np.sqrt(V[p, p]), rel=2e-3)
    J = np.array([np.expm1(at[-1]), at[-2] * np.exp(at[-1])]) / 4
    assert table.at["sigma2_mu", "std_error"] == pytest.approx(np.sqrt(J @ V[p:, p:] @ J), rel=2e-3)
    assert ((table["conf_low"] < table["estimate"]) & (table["estimate"] < table["conf_high"])).all()


@COMMON
@given(seed=st.integers(0, 500), phi=st.sampled_from([0.0, 0.2, 3.0]), choice=st.sampled_from(MODELS))
def test_no_higher_maximum_on_a_grid(seed, phi, choice):
    """Over rho, lambda and kappa, other parameters at their best: starts of the dense search all over."""
    data, W = random_panel(seed, phi=phi, N=8, T=3)
    fit = fit_random(choice[0], data, W, choice[1])
    f, at = twin(fit, choice[1])
    k = fit._sample.X.shape[1]
    rng = np.random.default_rng(seed)
    for _ in range(2):
        start = at.copy()
        start[k:-2] = rng.uniform(-0.8, 0.9, len(at) - k - 2)
        start[-1] = rng.uniform(0, 4)
        result = minimize(lambda x: -f(x), start, method="Powell", options={"maxiter": 8})
        assert -result.fun <= fit.loglik + 1e-6


@pytest.mark.parametrize("model", ["sar", "sdm", "sem"])
def test_scores_by_unit_are_derivatives_of_the_dense_likelihood(model):
    """They add up to its gradient away from the maximum too, so the sandwich has the right filling."""
    from dataclasses import replace

    from spatial.covariance.random import random_scores

    data, W = random_panel(3)
    fit = fit_random(model, data, W, "kkp" if model == "sem" else None)
    np.testing.assert_allclose(random_scores(fit).sum(axis=0), 0, atol=1e-5)
    T, N = fit._design.y.shape
    S = random_scores(fit).reshape(T, N, -1).sum(axis=0)
    bread = np.linalg.inv(fit._settings.random.information)
    p = len(fit.params)
    want = (N / (N - 1) * bread @ S.T @ S @ bread)[:p, :p]
    for kind in (sp.Robust(pairs=False), sp.Cluster(pairs=False)):
        np.testing.assert_allclose(fit.with_vcov(kind).vcov, want, rtol=1e-8)
    moved = replace(fit, _solution=replace(fit._solution, sigma2=fit.sigma2 * 1.2), sigma2=fit.sigma2 * 1.2)
    f, at = twin(fit, "kkp" if model == "sem" else None)
    at[-2] *= 1.2
    slope = [(f(at + h) - f(at - h)) / 2e-6 for h in np.eye(len(at)) * 1e-6]
    np.testing.assert_allclose(random_scores(moved).sum(axis=0), slope, rtol=1e-4, atol=1e-3)


# -- references ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("case", "model", "error"), [
    ("random_none", "ols", None), ("random_lag", "sar", None), ("durbin_random_lag", "sdm", None),
    ("random_error_kkp", "sem", "kkp"), ("random_error_b", "sem", "baltagi"),
    ("random_lag_kkp", "sac", "kkp"), ("random_lag_b", "sac", "baltagi"),
])  # fmt: skip
def test_splm(produc, case, model, error):  # noqa: F811
    """splm's lambda is the lag and its rho the error; the s.e. of beta take the spatial parameters and phi as known,
    those of phi come from a numeric Hessian. With lag and error it gets rho to 1e-6, not to a share of its 0.004."""
    data, W, _ = produc
    want = reference(produc, f"splm/produc_{case}")
    keys = {"entity": "state", "time": "year", "effects": "random", "method": "ml"}
    fit = getattr(sp, model)(PRODUC, data, W, **keys, **({"random_error": error} if error else {}))
    assert fit.loglik == pytest.approx(want["fit"]["logLik"], abs=1e-6)
    estimates = dict(want["estimates"])
    components = sp.variance_components(fit).set_index("term")
    assert fit._settings.random.phi == pytest.approx(estimates.pop("phi"), rel=1e-5)
    assert components.at["phi", "std_error"] == pytest.approx(want["se"]["phi"], rel=0.03)
    assert components.at["sigma2_mu", "estimate"] == pytest.approx(want["fit"]["sigma2"]["id"], rel=1e-5)
    assert fit.sigma2 == pytest.approx(want["fit"]["sigma2"]["idios"], rel=1e-5)
    words = {"lambda_lag": "rho", "rho": "lambda"}
    for name, value in estimates.items():
        assert fit.params[words.get(name) or ours(name)] == pytest.approx(value, rel=2e-5, abs=2e-6), name
    Xs = fit._sample.X - fit.lam * (0 if fit._sample.MX is None else fit._sample.MX)
    conditional = np.sqrt(np.diag(fit.sigma2 * np.linalg.inv(Xs.T @ Xs)))
    slopes = [name for name in want["se"] if name not in ("phi", "rho", "lambda_lag")]
    np.testing.assert_allclose(conditional, [want["se"][name] for name in slopes], rtol=1e-4)
    assert (fit.std_errors.iloc[: len(slopes)] > conditional).all()
    exact = (want.get("impacts") or {}).get("exact_dense")
    if exact and model != "sac":
        for kind in ("direct", "indirect", "total"):
            same(getattr(fit.effects(draws=20), kind), exact[kind], 1e-5)


def test_swamy_arora_as_plm(produc):  # noqa: F811
    data, W, _ = produc
    want = reference(produc, "plm/produc_random_swar")["fit"]
    fit = sp.ols(PRODUC, data, W, entity="state", time="year", effects="random")
    table = sp.variance_components(fit).set_index("term")["estimate"]
    assert table["sigma2_e"] == pytest.approx(want["sigma2_components"]["idios"], rel=1e-8)
    assert table["sigma2_mu"] == pytest.approx(want["sigma2_components"]["id"], rel=1e-8)
    assert table["theta"] == pytest.approx(want["theta"], rel=1e-8)
    best = sp.ols(PRODUC, data, W, entity="state", time="year", effects="random", method="ml")
    assert best.loglik - 0.1 < fit.loglik < best.loglik  # the likelihood at Swamy and Arora's phi, Jacobian included
    assert "Swamy" in str(fit)


@pytest.mark.parametrize(("model", "case", "sign"), [("sar", "lag", -1), ("sem", "error", 1)])
def test_hausman_of_spatial_models(produc, model, case, sign):  # noqa: F811
    """V_F - V_R of all common coefficients is not positive definite here, so the regression form answers. splm's
    sphtest leaves rho and lambda out, takes the expected information of the fixed effects and, of the random ones, a
    covariance that holds rho fixed, and prints the absolute value: -83.1 for the lag model became 83.1."""
    data, W, _ = produc
    want = reference(produc, "splm/produc_tests")["tests"][f"sphtest_{case}_ML"]["statistic"]["chisq"]
    keys = {"entity": "state", "time": "year"}
    fe = getattr(sp, model)(PRODUC, data, W, effects="entity", correction=False, **keys)
    re = getattr(sp, model)(PRODUC, data, W, effects="random", **keys)
    test, names = sp.hausman(fe, re), list(fe.params.index)
    assert names[-1] in ("rho", "lambda")
    d, V = fe.params - re.params[names], fe.vcov - re.vcov.loc[names, names]
    assert np.linalg.eigvalsh(V).min() < 0
    robust = sp.robust_hausman(fe)
    assert (test.statistic, test.df, test.p_value) == (robust.statistic, robust.df, robust.p_value)
    assert "by regression" in test.null
    X = re._sample.X - re.lam * (0 if re._sample.MX is None else re._sample.MX)
    conditional = re.sigma2 * np.linalg.inv(X.T @ X)[1:, 1:]
    d, V = d[:-1], fe.with_vcov("eim").vcov.iloc[:-1, :-1] - conditional
    assert sign * (d @ np.linalg.solve(V, d)) == pytest.approx(want, rel=2e-5)


# -- laws ----------------------------------------------------------------------------------------------------


@COMMON
@given(seed=st.integers(0, 500), model=st.sampled_from(["sar", "sdm", "sem"]), scale=st.sampled_from([1e-6, 1e6]))
def test_units_of_measurement_and_order(seed, model, scale):
    """y -> 100 + scale y; units relabelled: rho, lambda and phi stay, slopes scale."""
    data, W = random_panel(seed, phi=0.5)
    fit = fit_random(model, data, W)
    order = np.random.default_rng(seed).permutation(W.index)
    moved = fit_random(model, data.assign(y=scale * (100 + data["y"])), W.loc[order, order])
    assert moved.rho == pytest.approx(fit.rho, abs=1e-6)
    assert moved.lam == pytest.approx(fit.lam, abs=1e-6)
    assert moved._settings.random.phi == pytest.approx(fit._settings.random.phi, rel=1e-4, abs=1e-8)
    assert moved.params["a"] == pytest.approx(scale * fit.params["a"], rel=1e-5)
    assert moved.std_errors["a"] == pytest.approx(scale * fit.std_errors["a"], rel=1e-4)


@pytest.mark.parametrize("error", ["kkp", "baltagi"])
def test_without_unit_variance_it_is_the_pooled_fit(error):
    """phi = 0 is said, and so is what follows; the likelihood ratio is zero and no evidence."""
    for seed in range(40):
        data, W = random_panel(seed, phi=0.0)
        fit = fit_random("sem", data, W, error)
        if fit._settings.random.on_boundary:
            break
    pooled = sp.sem("y ~ a + b", data, W, **PANEL, effects="none", correction=False)
    np.testing.assert_allclose(fit.params, pooled.params, atol=1e-7)
    np.testing.assert_allclose(fit.vcov, pooled.vcov, rtol=1e-5, atol=1e-9)
    assert "phi = 0 on its boundary" in str(fit)
    assert sp.variance_components(fit).set_index("term")["std_error"].isna()["phi"]
    test = sp.lr_test(pooled, fit)
    assert (test.statistic, test.p_value) == (0, 1)


def test_likelihood_ratios():
    data, W = random_panel(5, phi=2.0)
    pooled = sp.sar("y ~ a + b", data, W, **PANEL, effects="none")
    sar, sdm, ols = (fit_random(model, data, W) for model in ("sar", "sdm", "ols"))
    test = sp.lr_test(pooled, sar)
    assert test.statistic == pytest.approx(2 * (sar.loglik - pooled.loglik))
    assert test.p_value == pytest.approx(sp.TestResult("", test.statistic, 1, "").p_value / 2)
    mixed = sp.lr_test(pooled, sdm)
    parts = [sp.TestResult("", mixed.statistic, df, "").p_value for df in (2, 3)]
    assert mixed.p_value == pytest.approx(sum(parts) / 2)
    assert sp.lr_test(sar, sdm).df == 2
    assert sp.lr_test(ols, sar).df == 1
    assert sp.lr_test(sar, fit_random("sar", data, W, effects="correlated")).df == 2
    for restricted, full in (
        (sdm, sar), (sp.sar("y ~ a", data, W, **PANEL, effects="entity"), sar),
        (sp.ols("y ~ a + b", data, W, **PANEL, effects="random"), sar), (sar, sp.sdm("y ~ a + b", data, W, **PANEL)),
        (fit_random("sem", data, W, "kkp"), fit_random("sac", data, W, "baltagi")),
    ):  # fmt: skip
        with pytest.raises(SpatialInputError) as error:
            sp.lr_test(restricted, full)
        assert error.value.code == "E501"


def test_an_error_after_a_lag_is_the_score_of_the_dense_likelihood():
    """LM of lambda = 0 in a SAR: slope of the likelihood with unit effects inside an error, and its variance from the
    dense expected information of lambda with rho, sigma2 and kappa: m_a' S^-1 m_b + tr(S^-1 S_a S^-1 S_b) / 2."""
    data, W = random_panel(6, lam=0.15)
    sar = fit_random("sar", data, W)
    f, at = twin(sar, "kkp")
    at, step = np.insert(at, 4, 0.0), 1e-5 * np.eye(7)
    slope = (f(at + step[4]) - f(at - step[4])) / 2e-5
    d, w, T = sar._design, W.to_numpy(), 4

    def moments(x):
        A = np.kron(np.eye(T), np.linalg.inv(np.eye(12) - x[3] * w))
        V = x[5] * naive_random.covariance(T, 12, w, x[4], np.expm1(x[6]) / T, "kkp")
        return A @ (d.X @ x[:3]).ravel(), A @ V @ A.T

    S = np.linalg.inv(moments(at)[1])
    m, V = zip(*([(p - q) / 2e-5 for p, q in zip(moments(at + h), moments(at - h))] for h in step[3:]))
    info = [m[1] @ S @ m[j] + np.trace(S @ V[1] @ S @ V[j]) / 2 for j in range(4)]
    truth = np.linalg.inv(sar._settings.random.information)[3:, 3:]
    others = np.array(info)[[0, 2, 3]]
    test = sp.lm_residual_error(sar)
    assert test.statistic == pytest.approx(slope**2 / (info[1] - others @ truth @ others), rel=1e-4)
    assert "LM error after a lag" in str(sp.diagnose(sar))
    sem, sdm = fit_random("sem", data, W), fit_random("sdm", data, W)
    assert sp.lr_test(sem, sdm).df == 2
    with pytest.raises(SpatialInputError, match="inside its error"):
        sp.lr_test(fit_random("sem", data, W, "baltagi"), sdm)


@pytest.mark.parametrize("model", ["ols", "slx"])
@pytest.mark.parametrize("method", [None, "ml"])
def test_correlated_effects_of_a_regression_are_the_fixed_effects_estimates(model, method):
    """Mundlak (1978): whatever phi, slopes are those within, and the means' are between less within."""
    data, W = random_panel(7, N=20)
    data["d"] = (data["id"] > "省09").astype(float)  # constant over time: no mean of its own, and no W:d needed
    options = {"durbin": ["a", "b"]} if model == "slx" else {}
    cre = fit_random(model, data, W, formula="y ~ a + b + d", effects="correlated", method=method, **options)
    fe = getattr(sp, model)("y ~ a + b", data, W, **PANEL, effects="entity")
    np.testing.assert_allclose(cre.params[fe.params.index], fe.params, rtol=1e-8)
    means = data.groupby("id")[["y", "a", "b", "d"]].mean().loc[W.index]
    X = [np.ones(20), means["a"], means["b"], means["d"]] + [W @ means["a"], W @ means["b"]] * (model == "slx")
    between = np.linalg.lstsq(np.column_stack(X), means["y"], rcond=None)[0]
    assert cre.params["mean(a)"] == pytest.approx(between[1] - fe.params["a"], rel=1e-7)
    assert "mean(d)" not in cre.params


@pytest.mark.parametrize("model", ["ols", "slx"])
def test_chamberlain_leaves_the_fixed_effects_estimates(model):
    """The regressors of every period as regressors of every row; of unit means they are what is left of y's regression
    on them, so that the slopes are those within (Chamberlain 1982)."""
    data, W = random_panel(7, N=40)
    fe = getattr(sp, model)("y ~ a + b", data, W, **PANEL, effects="entity")
    cre = fit_random(model, data, W, effects="chamberlain", method=None)
    np.testing.assert_allclose(cre.params[fe.params.index], fe.params, rtol=1e-8)
    wide = {v: data.pivot(index="t", columns="id", values=v)[W.index].to_numpy() for v in "yab"}
    if model == "slx":
        wide |= {f"W:{v}": wide[v] @ W.to_numpy().T for v in "ab"}
    terms = [v for v in wide if v != "y"]
    X = np.column_stack([np.ones(40), *(wide[v].T for v in terms)])
    between = np.linalg.lstsq(X, wide["y"].mean(axis=0), rcond=None)[0][1:].reshape(len(terms), 4)
    times = sorted(data["t"].unique())
    got = np.array([[cre.params[f"{v} in {t}"] for t in times] for v in terms])
    want = between - fe.params[terms].to_numpy()[:, None] / 4  # x_mean's own slope
    np.testing.assert_allclose(got, want, rtol=1e-6, atol=1e-9)


def test_chamberlain_nests_mundlak():
    """Equal coefficients of all periods are a coefficient of the mean; tests count what is added."""
    data, W = random_panel(9, N=60, T=3)
    fits = {e: fit_random("sar", data, W, effects=e) for e in ("random", "correlated", "chamberlain")}
    a, b, c = fits.values()
    assert a.loglik < b.loglik < c.loglik
    assert sp.lr_test(b, c).df == 4  # a and b in three periods, less their means
    assert sp.effects_test(b, c).name == "LR regressors of other periods"
    assert sp.mundlak_test(c).name == "Chamberlain"
    assert sp.mundlak_test(c).df == (6, 60 - 7)
    assert sp.mundlak_test(c.with_vcov("cluster")).df == (6, 54)
    names = [f"a in {t}" for t in sorted(data["t"].unique())]
    assert set(names) < set(c.params.index)
    trend = c.predict(kind="trend").unstack().to_numpy()
    np.testing.assert_allclose(trend.mean(), (c._sample.X @ c._solution.beta).mean() / (1 - c._settings.random.theta))
    with pytest.raises(SpatialInputError, match="not the reverse"):
        sp.lr_test(c, b)
    with pytest.raises(SpatialInputError, match="coefficients between units") as caught:
        fit_random("sdm", *random_panel(9, N=13, T=4), effects="chamberlain")
    assert caught.value.code == "E206"


def test_mundlak_asks_what_hausman_asks():
    """With one variance estimate both are (b_w - b_b)'[V_w + V_b]^-1 (b_w - b_b)."""
    data, W = random_panel(8, N=25)
    cre = fit_random("ols", data, W, effects="correlated", method=None)
    wide = {c: data.pivot(index="t", columns="id", values=c)[W.index].to_numpy() for c in "yab"}
    T, s2, random = 4, cre.sigma2, cre._settings.random
    X = np.stack([wide["a"], wide["b"]], axis=2)
    Xw, yw = (X - X.mean(0)).reshape(-1, 2), (wide["y"] - wide["y"].mean(0)).ravel()
    Xb = np.column_stack([np.ones(25), X.mean(0)])
    within, between = np.linalg.lstsq(Xw, yw)[0], np.linalg.lstsq(Xb, wide["y"].mean(0))[0][1:]
    V = s2 * np.linalg.inv(Xw.T @ Xw) + s2 * (1 + T * random.phi) / T * np.linalg.inv(Xb.T @ Xb)[1:, 1:]
    d = within - between
    test, wald = sp.mundlak_test(cre), d @ np.linalg.solve(V, d)
    assert (test.statistic, test.df) == (pytest.approx(wald / 2, rel=1e-8), (2, 25 - 3))
    ml = fit_random("ols", data, W, effects="correlated")  # its variances are divided by N
    means = ["mean(a)", "mean(b)"]
    wald = ml.params[means] @ np.linalg.solve(ml.vcov.loc[means, means], ml.params[means])
    assert sp.mundlak_test(ml).statistic == pytest.approx(wald / 2 * 22 / 25, rel=1e-8)
    with pytest.raises(SpatialInputError, match="correlated"):
        sp.mundlak_test(fit_random("ols", data, W))


@pytest.mark.parametrize("model", ["sar", "sdm"])
def test_correlated_effects_of_spatial_models_are_near_the_fixed_effects_fit(model):
    """Where unit effects follow the regressors random effects are far off and correlated ones are not."""
    data, W = random_panel(9, N=150, T=3)
    c = pd.Series(np.random.default_rng(9).standard_normal(150), W.index)
    effect = pd.Series(np.linalg.solve(np.eye(150) - 0.3 * W.to_numpy(), 3 * c.to_numpy()), W.index)
    data = data.assign(a=data["a"] + data["id"].map(c), y=data["y"] + data["id"].map(effect))
    fe = getattr(sp, model)("y ~ a + b", data, W, **PANEL, effects="entity")
    cre, re = (fit_random(model, data, W, effects=e) for e in ("correlated", "random"))
    off = [abs(fit.params["a"] - fe.params["a"]) / fe.std_errors["a"] for fit in (cre, re)]
    assert off[0] < 0.3
    assert off[1] > 2
    assert sp.mundlak_test(cre.with_vcov("cluster")).p_value < 1e-6


def test_year_dummies_beside_random_effects():
    """C(t): the same for all units, so it is neither lagged nor averaged; with correlated effects of a regression
    the slopes are those of two-way fixed effects."""
    data, W = random_panel(10, N=20)
    data = data.assign(y=data["y"] + (data["t"] - 2000) ** 2)
    sdm = fit_random("sdm", data, W, formula="y ~ a + b + C(t)")
    assert [name for name in sdm.params.index if name.startswith("W:")] == ["W:a", "W:b"]
    slx = fit_random("slx", data, W, formula="y ~ a + b + C(t)", effects="correlated", method=None)
    assert not any(name.startswith("mean(C(") for name in slx.params.index)
    twoway = sp.slx("y ~ a + b", data, W, **PANEL, effects="twoway")
    np.testing.assert_allclose(slx.params[twoway.params.index], twoway.params, rtol=1e-7)


def test_weights_that_vary_over_time():
    """One W per period needs nothing new where unit effects are inside the error: the dense likelihood agrees."""
    data, W = random_panel(11)
    Ws = {t: random_panel(t)[1] for t in range(2000, 2004)}
    varying = wt.temporal({t: wt.from_dense(w, ids=w.index) for t, w in Ws.items()})
    fit = fit_random("sdm", data, varying)
    d = fit._design
    dense = np.stack([Ws[t].to_numpy() for t in d.times])
    lagged = np.einsum("tij,tjk->tik", dense, d.X[:, :, list(d.durbin)])
    X = np.concatenate([d.X, lagged], axis=2)
    at = np.array([*fit.params, fit.sigma2, np.log1p(4 * fit._settings.random.phi)])

    def f(x):
        return naive_random.loglik(x, d.y, X, dense, W.to_numpy(), lag=True, error=None)

    assert f(at) == pytest.approx(fit.loglik, abs=1e-8)
    slope = [(f(at + h) - f(at - h)) / 2e-5 for h in np.eye(len(at)) * 1e-5]
    np.testing.assert_allclose(slope, 0, atol=1e-4)


@pytest.mark.parametrize(("model", "error"), [("sar", None), ("sem", "baltagi"), ("sac", "kkp")])
def test_sparse_determinants_give_the_same_maximum(model, error):
    """Windows of exact factorisations against all eigenvalues."""
    data, W = random_panel(12, N=60)
    dense, lu = (fit_random(model, data, W, error, logdet=how) for how in ("eigen", "sparse"))
    np.testing.assert_allclose(lu.params, dense.params, atol=1e-6)
    np.testing.assert_allclose(lu.std_errors, dense.std_errors, rtol=1e-3)


# -- what it shows, and what it refuses ----------------------------------------------------------------------


def test_tables_and_predictions():
    data, W = random_panel(13)
    re, cre = fit_random("sdm", data, W), fit_random("sdm", data, W, effects="correlated")
    table = str(sp.etable([re, cre, sp.sdm("y ~ a", data, W, **PANEL)]))
    assert all(message in table for message in ("sigma2_mu", "mean(W:a)", "correlated"))
    assert "phi" in str(re)
    assert "Lee-Yu" not in str(re)
    assert list(cre.effects(draws=10).variables) == ["a", "b"]
    assert re.aic == pytest.approx(2 * (len(re.params) + 2) - 2 * re.loglik)
    d, A = cre._design, np.eye(12) - cre.rho * W.to_numpy()
    X = np.stack([d.X[:, :, 1], d.X[:, :, 2], d.X[:, :, 1] @ W.to_numpy().T, d.X[:, :, 2] @ W.to_numpy().T], axis=2)
    b = cre.params.to_numpy()
    trend = b[0] + X @ b[1:5] + X.mean(axis=0) @ b[5:9]
    got = cre.predict(kind="TC").unstack(0)[W.index].to_numpy()
    np.testing.assert_allclose(got, np.linalg.solve(A, trend.T).T, rtol=1e-9)
    both = sp.compare_weights({"a": W, "b": random_weights_like(W)}, model=sp.sdm, formula="y ~ a", data=data,
                              effects="random", **PANEL)  # fmt: skip
    assert set(both.glance()["weights"]) == {"a", "b"}
    levels = re.predict().unstack(0)[W.index].to_numpy()  # y less the errors, the unit effects predicted
    assert np.var(d.y - levels) < np.var(d.y - re.predict(kind="TC").unstack(0)[W.index].to_numpy())


def test_refits_are_single_fits():
    data, W = random_panel(16)
    fit = fit_random("sdm", data, W)
    y = fit._design.y + np.random.default_rng(0).standard_normal((2, *fit._design.y.shape))
    wide = pd.DataFrame(y[1], index=range(2000, 2004), columns=W.index).rename_axis("t").melt(
        ignore_index=False, var_name="id", value_name="y").reset_index()  # fmt: skip
    single = fit_random("sdm", data.drop(columns="y").merge(wide, on=["id", "t"]), W)
    many = sp.refit(fit, y=y)
    np.testing.assert_allclose(many.params[1], single.params, rtol=1e-9)
    assert many.loglik[1] == pytest.approx(single.loglik)
    with pytest.raises(SpatialInputError, match="without standard errors"):
        sp.refit(fit, y=y, std_errors=True)


def random_weights_like(W):
    return pd.DataFrame(random_weights(np.random.default_rng(99), len(W)), W.index, W.columns)


@pytest.mark.parametrize(("code", "words", "model", "options"), [
    ("E501", "correction", "sar", {"correction": False}),
    ("E501", "correction", "sdm", {"correction": "additive"}),
    ("E501", "random_error", "sem", {"random_error": "kpp"}),
    ("E501", "random_error", "sem", {"random_error": "kkp", "effects": "entity"}),
    ("E501", "lags", "sdm", {"lags": "y", "effects": "correlated"}),
    ("E715", "expected", "sar", {"vcov": "eim"}),
    ("E715", "DriscollKraay", "sar", {"vcov": "driscoll_kraay"}),
    ("E715", "whole units", "sar", {"vcov": sp.Cluster("time")}),
    ("E715", "beside", "sem", {"vcov": "robust", "random_error": "baltagi"}),
])  # fmt: skip
def test_refused(code, words, model, options):
    data, W = random_panel(14)
    with pytest.raises(SpatialInputError, match=words) as error:
        fit_random(model, data, W, **{"effects": "random", **options})
    assert error.value.code == code


def test_refused_data(monkeypatch):
    data, W = random_panel(15)
    fixed = data.assign(y=data["id"].map(pd.Series(range(12), W.index)).astype(float))
    flat = data.assign(a=data["id"].map(pd.Series(np.arange(12.0) ** 2, W.index)))
    monkeypatch.setattr(_random, "DENSE_MAX", 10)
    for code, call in (
        ("E703", lambda: fit_random("sar", fixed, W)),
        ("E716", lambda: fit_random("sar", flat, W, formula="y ~ a", effects="correlated")),
        ("E206", lambda: fit_random("sar", data[data["t"] == 2000], W)),
        ("E309", lambda: fit_random("sem", data, W, "baltagi")),
        ("E501", lambda: sp.variance_components(sp.sar("y ~ a", data, W, **PANEL))),
        ("E501", lambda: sp.hausman(sp.sar("y ~ a", data, W, **PANEL, effects="entity"), fit_random("sdm", data, W))),
    ):  # fmt: skip
        with pytest.raises(SpatialInputError) as error:
            call()
        assert error.value.code == code
