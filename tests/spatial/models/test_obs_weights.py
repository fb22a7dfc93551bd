"""Weights of observations: statsmodels, linearmodels, R, dense likelihoods, and the model in units of variance."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import shapefiles
import spatial as sp
import weights as wt
from spatial.design.fixed_effects import FixedEffects
from spatial.design.weighted_projection import WeightedProjection
from spillover.errors import SpatialInputError
from tests.spatial import naive, naive_weighted

STORED = json.loads((Path(__file__).parents[2] / "reference" / "obs_weights" / "results.json").read_text())
CRIME = "CRIME ~ INC + HOVAL"
PANEL = "log(gsp) ~ log(emp) + unemp"
KEYS = {"entity": "state", "time": "year"}
BY_ML = {"sar": (True, False), "sem": (False, True), "sdm": (True, False), "sdem": (False, True), "sac": (True, True),
         "gns": (True, True)}  # fmt: skip


@pytest.fixture(scope="module")
def columbus():
    data = shapefiles.load("columbus")
    data = pd.DataFrame(data.drop(columns="geometry")).assign(size=data["PERIMETER"] ** 2)
    return data, wt.queen(shapefiles.load("columbus")).standardize("row")


@pytest.fixture(scope="module")
def panel():
    """48 states, 6 years; ``fixed`` is one weight for each state, ``moving`` is not."""
    states = shapefiles.load("us_states")
    data = shapefiles.load_panel("us_states")
    data = data[data["year"] >= 1981].reset_index(drop=True)
    rng = np.random.default_rng(3)
    data["moving"] = rng.uniform(0.3, 4, len(data))
    data["fixed"] = data.groupby("state")["moving"].transform("first")
    return data, wt.queen(states).standardize("row")


def arrays(fit):
    d = fit._design
    names = [name for name in fit.params.index if name not in ("rho", "lambda")]
    from spatial.effects.prediction import column_of

    columns = [np.broadcast_to(column_of(d, name, fit._settings.effects), d.y.shape) for name in names]
    return d.y, np.stack(columns, axis=-1)


def theta_of(fit, sigma2):
    return np.append(fit.params.to_numpy(), np.log(sigma2))


# -- least squares ---------------------------------------------------------------------------------------------


def test_ols_against_statsmodels(columbus):
    sm = pytest.importorskip("statsmodels.api")
    data, w = columbus
    fit = sp.ols(CRIME, data, w, obs_weights="size")
    peer = sm.WLS(data["CRIME"], sm.add_constant(data[["INC", "HOVAL"]]), weights=data["size"]).fit()
    np.testing.assert_allclose(fit.params, peer.params, rtol=1e-11)
    np.testing.assert_allclose(fit.std_errors, peer.bse, rtol=1e-11)
    np.testing.assert_allclose(fit.with_vcov("robust").std_errors, peer.get_robustcov_results("HC1").bse, rtol=1e-11)
    np.testing.assert_allclose(fit.with_vcov("hc0").std_errors, peer.get_robustcov_results("HC0").bse, rtol=1e-11)
    np.testing.assert_allclose(fit.resid, peer.resid, rtol=1e-9)
    np.testing.assert_allclose(fit.resid_standardized, peer.wresid / np.sqrt(peer.scale), rtol=1e-9)
    assert fit.loglik == pytest.approx(peer.llf, abs=1e-10)
    assert fit.sigma2 == pytest.approx(peer.scale, rel=1e-12)
    assert fit.r_squared.r2 == pytest.approx(peer.rsquared, abs=1e-12)
    assert fit.r_squared.adjusted == pytest.approx(peer.rsquared_adj, abs=1e-12)
    groups = np.arange(49) % 11
    by = pd.Series(groups, index=data.index)
    clustered = peer.get_robustcov_results("cluster", groups=groups)
    np.testing.assert_allclose(fit.with_vcov(sp.Cluster(by)).std_errors, clustered.bse, rtol=1e-10)


@pytest.mark.parametrize("effects", ["none", "entity", "time", "twoway"])
@pytest.mark.parametrize("column", ["fixed", "moving"])
def test_panels_against_linearmodels(panel, effects, column):
    peers = pytest.importorskip("linearmodels.panel")
    data, w = panel
    fit = sp.ols(PANEL, data, w, **KEYS, effects=effects, obs_weights=column)
    frame = data.assign(y=np.log(data["gsp"]), le=np.log(data["emp"]), one=1.0).set_index(["state", "year"])
    X = frame[["one", "le", "unemp"] if effects == "none" else ["le", "unemp"]]
    of_units, of_periods = effects in ("entity", "twoway"), effects in ("time", "twoway")
    peer = peers.PanelOLS(frame["y"], X, entity_effects=of_units, time_effects=of_periods,
                          weights=frame[column]).fit(cov_type="unadjusted")  # fmt: skip
    np.testing.assert_allclose(fit.params, peer.params, rtol=1e-8)
    np.testing.assert_allclose(fit.std_errors, peer.std_errors, rtol=1e-8)


def test_gaps_are_what_dummies_are(panel):
    data, w = panel
    gaps = data.drop(index=[3, 40, 41, 100, 233])
    fit = sp.ols(PANEL, gaps, w, **KEYS, effects="twoway", missing="period", obs_weights="moving")
    U = pd.get_dummies(gaps[["state", "year"]].astype(str), dtype=float).to_numpy()
    Z = np.column_stack([np.log(gaps["emp"]), gaps["unemp"], U]) * np.sqrt(gaps["moving"].to_numpy())[:, None]
    want = np.linalg.lstsq(Z, np.sqrt(gaps["moving"]) * np.log(gaps["gsp"]), rcond=None)[0][:2]
    np.testing.assert_allclose(fit.params, want, rtol=1e-9)
    assert fit.df_resid == len(gaps) - np.linalg.matrix_rank(U) - 2


@pytest.mark.parametrize("effects", ["entity", "time", "twoway"])
def test_projection_in_the_metric_of_the_weights(effects):
    rng = np.random.default_rng(5)
    T, N = 4, 5
    w = rng.uniform(0.1, 9, (T, N)) * (rng.random((T, N)) > 0.2)
    w[0] = w[:, 0] = 1.0
    at, U = w.ravel() > 0, naive_weighted.dummies(T, N, effects)
    D = np.diag(w.ravel()[at])
    U, x = U[at], rng.standard_normal(T * N)
    want = x[at] - U @ np.linalg.lstsq(np.sqrt(D) @ U, np.sqrt(D) @ x[at], rcond=None)[0]
    which = FixedEffects.parse(effects)
    one = WeightedProjection(w, which.entity, which.time)
    np.testing.assert_allclose(one.demean(x.reshape(T, N)).ravel()[at], want, atol=1e-12)
    basis = np.linalg.svd(U)[0][:, : np.linalg.matrix_rank(U)]
    assert one.log_determinant == pytest.approx(np.linalg.slogdet(basis.T @ D @ basis)[1], abs=1e-10)


# -- likelihood ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", ["sem", "sdem", "sar", "sdm", "sac"])
def test_against_spatialreg(columbus, model):
    """R's errorsarlm(weights=), and lagsarlm and sacsarlm in units of variance. R's standard error of lambda takes the
    trace of W as if observations had no weights; ours is that of the information below."""
    data, w = columbus
    fit = getattr(sp, model)(CRIME, data, w, obs_weights="size", correction=False, vcov="eim")
    want = STORED[model]

    def ours(name):
        name = name.removeprefix("I(x - lambda * WX)").replace("lag.", "W:").replace("w_", "W:")
        return {"(Intercept)": "Intercept", "one": "Intercept"}.get(name, name)

    coef, errors = (pd.Series({ours(k): v for k, v in want[key].items()}) for key in ("coef", "se"))
    np.testing.assert_allclose(fit.params[coef.index], coef, rtol=1e-5 if model == "sac" else 1e-6)
    assert fit.loglik == pytest.approx(want["loglik"], abs=1e-8)
    assert fit.sigma2 == pytest.approx(want["s2"], rel=1e-6)
    if model in ("sem", "sdem"):
        errors = errors.drop("lambda")
    np.testing.assert_allclose(fit.std_errors[errors.index], errors, rtol=1e-4 if model == "sac" else 1e-6)


def test_least_squares_against_r(columbus):
    data, w = columbus
    fit, want = sp.ols(CRIME, data, w, obs_weights="size"), STORED["ols"]
    np.testing.assert_allclose(fit.params, list(want["coef"].values()), rtol=1e-11)
    np.testing.assert_allclose(fit.with_vcov("hc1").std_errors, list(want["hc1"].values()), rtol=1e-11)
    assert (fit.loglik, fit.sigma2) == pytest.approx((want["loglik"], want["s2"]), rel=1e-12)
    slx = sp.slx(CRIME, data, w, obs_weights="size")
    np.testing.assert_allclose(slx.params, list(STORED["slx"]["coef"].values()), rtol=1e-10)
    np.testing.assert_allclose(slx.std_errors, list(STORED["slx"]["se"].values()), rtol=1e-10)
    sem = sp.sem(CRIME, data, w, obs_weights="size")
    np.testing.assert_allclose(sem.resid, STORED["residuals_sem"], atol=1e-5)


@pytest.mark.parametrize("model", BY_ML)
def test_dense_likelihood_and_its_curvature(columbus, model):
    data, w = columbus
    lag, error = BY_ML[model]
    fit = getattr(sp, model)(CRIME, data, w, obs_weights="size", correction=False)
    y, X = arrays(fit)

    def f(theta):
        return naive_weighted.loglik(theta, y[0], X[0], w.csr.toarray(), data["size"].to_numpy(), lag=lag, error=error)

    theta = theta_of(fit, fit.sigma2)
    assert f(theta) == pytest.approx(fit.loglik, abs=1e-8)
    H = naive.hessian(f, theta, 1e-4)
    V = np.linalg.inv(-H)[:-1, :-1]
    np.testing.assert_allclose(fit.std_errors, np.sqrt(np.diag(V)), rtol=2e-3)
    step = np.sqrt(np.diag(np.linalg.inv(-H))) / 50
    for j in range(len(theta)):  # no direction is uphill
        for sign in (-1, 1):
            moved = theta.copy()
            moved[j] += sign * step[j]
            assert f(moved) < fit.loglik


@pytest.mark.parametrize("effects", ["none", "entity", "time", "twoway"])
@pytest.mark.parametrize("column", ["fixed", "moving"])
@pytest.mark.parametrize("model", ["ols", "sar", "sdem", "sac"])
def test_panel_likelihood_is_that_of_contrasts(panel, model, effects, column):
    """The transformation of Lee and Yu is exact with weights, also where these change over time."""
    data, _ = panel
    small = wt.knn(shapefiles.load("us_states").iloc[:14], 3).standardize("row")
    data = data[data["state"].isin(small.ids) & (data["year"] >= 1983)]
    fit = getattr(sp, model)(PANEL, data, small, **KEYS, effects=effects, obs_weights=column)
    y, X = arrays(fit)
    weights = fit._design.obs_weights.values
    lag, error = BY_ML.get(model, (False, False))
    s2 = fit._solution.sigma2

    def f(theta):
        return naive_weighted.panel_loglik(theta, y, X, small.csr.toarray(), weights, effects, lag=lag, error=error)

    theta = theta_of(fit, s2)
    assert f(theta) == pytest.approx(fit.loglik, abs=1e-7)
    steps = [*(fit.std_errors / 30), 0.02]
    for j, step in enumerate(steps):
        moved = theta + step * (np.arange(len(theta)) == j), theta - step * (np.arange(len(theta)) == j)
        assert max(map(f, moved)) < fit.loglik


# -- the model in units of variance ------------------------------------------------------------------------------


@pytest.mark.parametrize("model", ["sar", "sem", "sac"])
@pytest.mark.parametrize("vcov", ["oim", "eim", "robust"])
def test_covariances_are_those_in_units_of_variance(columbus, model, vcov):
    data, w = columbus
    fit = getattr(sp, model)(CRIME, data, w, obs_weights="size", vcov=vcov)
    star, links = naive_weighted.in_units_of_variance(data, ["CRIME", "INC", "HOVAL"], w, "size")
    more = {} if model == "sem" else {"durbin": []}
    alike = getattr(sp, model)("CRIME ~ 0 + one + INC + HOVAL", star, links, vcov=vcov, **more)
    np.testing.assert_allclose(fit.params, alike.params, rtol=1e-7)
    np.testing.assert_allclose(fit.vcov, alike.vcov, rtol=2e-6)
    assert fit.loglik == pytest.approx(alike.loglik + np.log(data["size"]).sum() / 2, abs=1e-8)
    if model == "sar" and vcov == "oim":  # diag(D S D^-1) = diag(S): direct effects and their likelihood are the same
        mine, theirs = (f.effects().tidy().query("effect == 'direct'").set_index("term") for f in (fit, alike))
        columns = ["estimate", "std_error", "conf_low", "conf_high"]
        np.testing.assert_allclose(mine[columns], theirs.loc[mine.index, columns], rtol=1e-5)
        assert sp.lm_residual_error(fit).statistic == pytest.approx(sp.lm_residual_error(alike).statistic, rel=1e-6)
    if model == "sac" and vcov == "oim":
        np.testing.assert_allclose(fit.conf_int(), alike.conf_int(), rtol=1e-4)
    if model == "sem" and vcov == "oim":
        assert sp.spatial_hausman(fit).statistic == pytest.approx(sp.spatial_hausman(alike).statistic, rel=1e-5)


def test_tests_of_residuals_are_those_in_units_of_variance(columbus):
    data, w = columbus
    fit = sp.ols(CRIME, data, w, obs_weights="size")
    star, links = naive_weighted.in_units_of_variance(data, ["CRIME", "INC", "HOVAL"], w, "size")
    alike = sp.ols("CRIME ~ 0 + one + INC + HOVAL", star, links)
    for test in (sp.lm_tests, lambda f: sp.lm_tests(f, errors="unequal"), sp.durbin_lm_tests):
        mine, theirs = test(fit), test(alike)
        np.testing.assert_allclose([t.statistic for t in mine], [t.statistic for t in theirs], rtol=1e-8)
    moran = sp.diagnose(fit)["Moran of residuals"].statistic
    assert moran == pytest.approx(sp.diagnose(alike)["Moran of residuals"].statistic, rel=1e-9)


@pytest.mark.parametrize("vcov", ["classical", "robust"])
@pytest.mark.parametrize("model", ["sem", "sac"])
def test_moments_of_the_error_in_units_of_variance(columbus, model, vcov):
    data, w = columbus
    fit = getattr(sp, model)(CRIME, data, w, obs_weights="size", method="gmm", vcov=vcov)
    star, links = naive_weighted.in_units_of_variance(data, ["CRIME", "INC", "HOVAL"], w, "size")
    alike = getattr(sp, model)("CRIME ~ 0 + one + INC + HOVAL", star, links, method="gmm", vcov=vcov,
                               **({"durbin": []} if model == "sac" else {}))  # fmt: skip
    np.testing.assert_allclose(fit.params, alike.params, rtol=1e-6)
    np.testing.assert_allclose(fit.vcov, alike.vcov, rtol=1e-6)


@pytest.mark.parametrize("model", ["sar", "sdm"])
def test_two_stages_against_linearmodels(columbus, model):
    peers = pytest.importorskip("linearmodels.iv")
    data, w = columbus
    fit = getattr(sp, model)(CRIME, data, w, obs_weights="size", method="gmm", correction=False)
    lagged = {name: w.csr @ data[name].to_numpy() for name in ("CRIME", "INC", "HOVAL")}
    frame = data.assign(one=1.0, wy=lagged["CRIME"], wi=lagged["INC"], wh=lagged["HOVAL"])
    frame = frame.assign(wwi=w.csr @ lagged["INC"], wwh=w.csr @ lagged["HOVAL"])
    frame = frame.assign(wwwi=w.csr @ frame["wwi"].to_numpy(), wwwh=w.csr @ frame["wwh"].to_numpy())
    exogenous = ["one", "INC", "HOVAL", *(["wi", "wh"] if model == "sdm" else [])]
    instruments = ["wwi", "wwh", "wwwi", "wwwh"] if model == "sdm" else ["wi", "wh", "wwi", "wwh"]
    peer = peers.IV2SLS(frame["CRIME"], frame[exogenous], frame["wy"], frame[instruments], weights=frame["size"])
    for kind, name in (("unadjusted", "classical"), ("robust", "hc0")):
        want = peer.fit(cov_type=kind, debiased=False)
        got = fit.with_vcov(name)
        np.testing.assert_allclose(got.params, want.params, rtol=1e-7)
        np.testing.assert_allclose(got.std_errors, want.std_errors, rtol=1e-6)


# -- laws ------------------------------------------------------------------------------------------------------


CROSS = [("ols", {}), ("slx", {}), ("sar", {}), ("sem", {}), ("sdm", {}), ("sdem", {}), ("sac", {}), ("gns", {}),
         ("sar", {"method": "gmm"}), ("sdm", {"method": "gmm"}), ("sem", {"method": "gmm"}),
         ("sac", {"method": "gmm", "vcov": "robust"}), ("sdm", {"vcov": "robust"}),
         ("ols", {"vcov": "hc1"})]  # fmt: skip


@pytest.mark.parametrize(("model", "options"), CROSS)
def test_equal_weights_are_none_and_scale_is_that_of_sigma2(columbus, model, options):
    data, w = columbus
    estimate = getattr(sp, model)
    cases = (1.0, {}), (1.0, {"obs_weights": "c"}), (7.3, {"obs_weights": "c"})
    plain, one, many = (estimate(CRIME, data.assign(c=c), w, **options, **more) for c, more in cases)
    scaled, weighted = (estimate(CRIME, data.assign(size=c * data["size"]), w, **options, obs_weights="size")
                        for c in (0.004, 1.0))  # fmt: skip
    for a, b, ratio, rtol in ((one, plain, 1.0, 1e-12), (many, plain, 7.3, 1e-9), (scaled, weighted, 0.004, 1e-9)):
        np.testing.assert_allclose(a.params, b.params, rtol=rtol)
        np.testing.assert_allclose(a.std_errors, b.std_errors, rtol=max(rtol, 1e-9))
        assert a.sigma2 == pytest.approx(ratio * b.sigma2, rel=max(rtol, 1e-10))
        assert a.loglik == pytest.approx(b.loglik, abs=1e-9, nan_ok=True)
        np.testing.assert_allclose(a.predict(), b.predict(), rtol=1e-8)


@pytest.mark.parametrize("effects", ["none", "entity", "time", "twoway"])
@pytest.mark.parametrize("model", ["ols", "sar", "sdem", "gns"])
def test_equal_weights_in_panels(panel, model, effects):
    data, w = panel
    estimate = getattr(sp, model)
    plain = estimate(PANEL, data, w, **KEYS, effects=effects)
    same = estimate(PANEL, data.assign(c=1.0), w, **KEYS, effects=effects, obs_weights="c")
    for vcov in ("oim", "robust", sp.Jackknife("state"), "driscoll_kraay"):
        a, b = same.with_vcov(vcov), plain.with_vcov(vcov)
        np.testing.assert_allclose(a.params, b.params, rtol=1e-8)
        np.testing.assert_allclose(a.std_errors, b.std_errors, rtol=1e-7)
    assert same.loglik == pytest.approx(plain.loglik, abs=1e-8)
    np.testing.assert_allclose(same.glance().filter(like="r2").iloc[0], plain.glance().filter(like="r2").iloc[0])
    for kind in ("TS", "TC", "BP", "trend"):
        np.testing.assert_allclose(same.predict(kind=kind), plain.predict(kind=kind), rtol=1e-8)


def test_whole_weights_are_copies_of_rows(columbus):
    data, w = columbus
    copies = np.random.default_rng(2).integers(1, 4, 49)
    fit = sp.ols(CRIME, data.assign(copies=copies.astype(float)), w, obs_weights="copies")
    rows = data.loc[data.index.repeat(copies)]
    X = np.column_stack([np.ones(len(rows)), rows[["INC", "HOVAL"]]])
    np.testing.assert_allclose(fit.params, np.linalg.lstsq(X, rows["CRIME"], rcond=None)[0], rtol=1e-11)


def test_order_of_rows_does_not_matter(panel):
    data, w = panel
    shuffled = data.sample(frac=1, random_state=4)
    one, other = (sp.sar(PANEL, rows, w, **KEYS, effects="twoway", obs_weights="moving") for rows in (shuffled, data))
    np.testing.assert_array_equal(one.params, other.params)


# -- covariances -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("effects", ["none", "entity", "time"])
@pytest.mark.parametrize("column", ["fixed", "moving"])
def test_the_jackknife_leaves_states_out(panel, effects, column):
    """Exact for least squares: every estimate without one state."""
    data, w = panel
    data = data.reset_index(drop=True)
    fit = sp.ols(PANEL, data, w, **KEYS, effects=effects, obs_weights=column, vcov=sp.Jackknife("state"))
    U = {"none": np.ones((len(data), 1)), "entity": pd.get_dummies(data["state"], dtype=float).to_numpy(),
         "time": pd.get_dummies(data["year"], dtype=float).to_numpy()}[effects]  # fmt: skip
    Z = np.column_stack([np.log(data["emp"]), data["unemp"], U]) * np.sqrt(data[column].to_numpy())[:, None]
    y = np.sqrt(data[column]) * np.log(data["gsp"])
    b = np.array([np.linalg.lstsq(Z[keep], y[keep], rcond=None)[0][:2] for state in data["state"].unique()
                  if (keep := (data["state"] != state).to_numpy()).any()])  # fmt: skip
    V = 47 / 48 * (b - b.mean(axis=0)).T @ (b - b.mean(axis=0))
    np.testing.assert_allclose(fit.vcov.loc[["log(emp)", "unemp"], ["log(emp)", "unemp"]], V, rtol=1e-6)


@pytest.mark.parametrize("column", ["fixed", "moving"])
def test_sums_of_weighted_scores(panel, column):
    """Clusters and Driscoll-Kraay add up w x e, x less its weighted means."""
    data, w = panel
    fit = sp.ols(PANEL, data, w, **KEYS, effects="twoway", obs_weights=column)
    s = fit._sample
    scores = s.X * fit._solution.resid[:, None]
    weighted = fit._design.rows(fit._design.obs_weights.values)
    X = s.X / np.sqrt(weighted)[:, None]
    np.testing.assert_allclose(scores, X * (weighted * fit._design.rows(fit._errors))[:, None], rtol=1e-10, atol=1e-14)
    bread = np.linalg.inv(X.T @ (weighted[:, None] * X))
    T, N = fit._design.y.shape
    by_unit = scores.reshape(T, N, 2).sum(axis=0)
    n, K = T * N, 2 + T - 1 + 1  # unit effects are nested in the groups
    factor = N / (N - 1) * (n - 1) / (n - K)
    want = factor * bread @ by_unit.T @ by_unit @ bread
    np.testing.assert_allclose(fit.with_vcov("cluster").vcov, want, rtol=1e-8)


def test_sampling_weights_are_robust(columbus, panel):
    data, w = columbus
    fit = sp.ols(CRIME, data, w, obs_weights=sp.Sampling("size"))
    analytic = sp.ols(CRIME, data, w, obs_weights="size", vcov="hc1")
    np.testing.assert_allclose(fit.params, analytic.params, rtol=1e-13)
    np.testing.assert_allclose(fit.std_errors, analytic.std_errors, rtol=1e-12)
    assert np.isnan(fit.loglik)
    moments = sp.sar(CRIME, data, w, obs_weights=sp.Sampling("size"), method="gmm")
    robust = sp.sar(CRIME, data, w, obs_weights="size", method="gmm", vcov="robust")
    np.testing.assert_allclose(moments.tidy().select_dtypes("number"), robust.tidy().select_dtypes("number"))
    states, links = panel
    within = sp.sar(PANEL, states, links, **KEYS, effects="entity", obs_weights=sp.Sampling("moving"), method="gmm")
    clustered = sp.sar(PANEL, states, links, **KEYS, effects="entity", obs_weights="moving", method="gmm",
                       vcov="cluster")  # fmt: skip
    np.testing.assert_allclose(within.std_errors, clustered.std_errors)
    for vcov in ("oim", "classical", "eim"):
        with pytest.raises(SpatialInputError, match="sampling weights") as caught:
            fit.with_vcov(vcov)
        assert caught.value.code == "E540"


# -- prediction ------------------------------------------------------------------------------------------------


def test_best_prediction_knows_the_weights(columbus):
    data, w = columbus
    fit = sp.sac(CRIME, data, w, obs_weights="size")
    W, n = w.csr.toarray(), 49
    A, B = np.eye(n) - fit.rho * W, np.eye(n) - fit.lam * W
    X = np.column_stack([np.ones(n), data[["INC", "HOVAL"]]])
    mean = np.linalg.solve(A, X @ fit.params[:3])
    V = np.linalg.inv(B @ A) @ np.diag(1 / data["size"]) @ np.linalg.inv(B @ A).T
    y = data["CRIME"].to_numpy()
    want = [mean[i] + V[i, keep] @ np.linalg.solve(V[np.ix_(keep, keep)], (y - mean)[keep])
            for i in range(n) for keep in [np.arange(n) != i]]  # fmt: skip
    np.testing.assert_allclose(fit.predict(kind="BP"), want, rtol=1e-8)
    np.testing.assert_allclose(fit.predict(kind="TS") + fit.resid, y, rtol=1e-12)


def test_effects_of_units_are_weighted_means(panel):
    data, w = panel
    fit = sp.ols(PANEL, data, w, **KEYS, effects="twoway", obs_weights="moving")
    e = fit._errors * fit._design.obs_weights.values
    assert np.abs(e.sum(axis=0)).max() < 1e-10
    assert np.abs(e.sum(axis=1)).max() < 1e-10
    np.testing.assert_allclose(fit.predict(kind="trend") + fit.resid, np.log(data.set_index(["state", "year"])["gsp"])
                               .loc[fit.resid.index], rtol=1e-11)  # fmt: skip


# -- at the door -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("value", "code"), [(np.nan, "E201"), (np.inf, "E202"), (0.0, "E211"), (-2.0, "E211")])
def test_weights_that_cannot_be(panel, value, code):
    data, w = panel
    bad = data.copy()
    bad.loc[[5, 17], "moving"] = value
    rows = bad.loc[[5, 17]]
    for model, more in ((sp.sar, {}), (sp.ols, {"effects": "entity"})):
        with pytest.raises(SpatialInputError) as caught:
            model(PANEL, bad, w, **KEYS, obs_weights="moving", **more)
        error = caught.value
        assert (error.code, error.column, error.n, sorted(error.rows)) == (code, "moving", 2, [5, 17])
        assert set(error.ids) == set(rows["state"])
        assert all(f"{s} in {y}" in error.message for s, y in zip(rows["state"], rows["year"]))
        assert error.hint
    if np.isnan(value):  # the hint works when followed
        left = sp.ols(PANEL, bad.dropna(subset=["moving"]), w, **KEYS, missing="drop", obs_weights="moving")
        assert left._design.n_units == 48 - rows["state"].nunique()


def test_columns_that_cannot_be(columbus):
    data, w = columbus
    cases = {"nothing": "E502", 3: "E501", ("size",): "E501"}
    for name, code in cases.items():
        with pytest.raises(SpatialInputError) as caught:
            sp.ols(CRIME, data, w, obs_weights=name)
        assert caught.value.code == code
    with pytest.raises(SpatialInputError) as caught:
        sp.ols(CRIME, data.assign(size=data["size"].astype(str)), w, obs_weights="size")
    assert caught.value.code == "E203"


REFUSED = [
    ("sdm", {"effects": "random", "method": "gmm"}, "by moments"),
    ("sar", {"method": "aqs", "effects": "entity"}, "aqs"),
    ("sar", {"correction": "additive"}, "additive"),
    ("sar", {"obs_weights": sp.Sampling("fixed")}, "sampling"),
    ("sem", {"obs_weights": sp.Sampling("fixed")}, "sampling"),
    ("sem", {"method": "gmm", "effects": "random"}, "by moments"),
    ("sem", {"serial": "ar1", "effects": "entity"}, "serial"),
]  # fmt: skip


@pytest.mark.parametrize(("model", "options", "named"), REFUSED)
def test_what_is_refused_by_name(panel, model, options, named):
    data, w = panel
    with pytest.raises(SpatialInputError) as caught:
        getattr(sp, model)(PANEL, data, w, **{"obs_weights": "moving", **KEYS, **options})
    assert caught.value.code == "E540"
    assert named in caught.value.message
    assert caught.value.hint


def test_gaps_without_effects(panel):
    data, w = panel
    gaps = data.drop(index=[3, 40])
    pooled = sp.sar(PANEL, gaps, w, **KEYS, effects="none", missing="period", obs_weights="fixed")
    plain = sp.sar(PANEL, gaps, w, **KEYS, effects="none", missing="period")
    one = sp.sar(PANEL, gaps.assign(c=1.0), w, **KEYS, effects="none", missing="period", obs_weights="c")
    np.testing.assert_allclose(one.params, plain.params, rtol=1e-9)
    assert pooled.loglik != pytest.approx(plain.loglik, abs=0.1)


AFTERWARDS = {
    "refit": lambda f: sp.refit(f, relabel=[np.arange(48)]), "serial_correlation": sp.serial_correlation,
    "pesaran_cd": sp.pesaran_cd, "robust_hausman": sp.robust_hausman, "lm_tests": sp.lm_tests,
    "durbin_lm_tests": sp.durbin_lm_tests, "bootstrap": lambda f: f.with_vcov("bootstrap"),
    "scpc": lambda f: f.with_vcov(sp.SCPC(coords=shapefiles.load("us_states"))),
}  # fmt: skip


@pytest.mark.parametrize("name", AFTERWARDS)
def test_what_is_refused_after_a_weighted_fit(panel, name):
    data, w = panel
    fit = sp.ols(PANEL, data, w, **KEYS, effects="entity", obs_weights="fixed")
    with pytest.raises(SpatialInputError) as caught:
        AFTERWARDS[name](fit)
    assert caught.value.code == "E540"


@pytest.mark.parametrize("name", ["error_structure_tests", "random_effects_tests"])
def test_tests_of_pooled_panels_are_refused(panel, name):
    data, w = panel
    fit = sp.ols(PANEL, data, w, **KEYS, effects="none", obs_weights="fixed")
    with pytest.raises(SpatialInputError) as caught:
        getattr(sp, name)(fit)
    assert caught.value.code == "E540"


def test_forecasts_and_new_units_do_not_have_weights(panel, columbus):
    data, w = panel
    past, new = data[data["year"] < 1986], data[data["year"] == 1986]
    fit = sp.sar(PANEL, past, w, **KEYS, effects="entity", obs_weights="fixed")
    with pytest.raises(SpatialInputError, match="forecast"):
        fit.forecast(new)
    table, links = columbus
    sample, others = table.iloc[:-2], table.iloc[-2:]
    cross = sp.sar(CRIME, sample, links.subset(list(sample.index)).standardize("row"), obs_weights="size")
    with pytest.raises(SpatialInputError, match="BP"):
        cross.predict(others, links)
    assert np.isfinite(cross.predict(others, links, kind="TS1")).all()


def test_likelihoods_of_sampling_weights_are_not_compared(columbus):
    data, w = columbus
    small, large = (sp.ols(f, data, w, obs_weights=sp.Sampling("size")) for f in ("CRIME ~ INC", CRIME))
    with pytest.raises(SpatialInputError) as caught:
        sp.lr_test(small, large)
    assert caught.value.code == "E540"
    small, large = (sp.ols(f, data, w, obs_weights="size") for f in ("CRIME ~ INC", CRIME))
    want = 2 * (large.loglik - small.loglik) * (49 - 3) / 49
    assert sp.lr_test(small, large).statistic == pytest.approx(want, rel=0.1)


# -- what readers see --------------------------------------------------------------------------------------------


def test_headers_and_tables_say_so(columbus):
    data, w = columbus
    fit = sp.sem(CRIME, data, w, obs_weights="size")
    assert "weights of the observations: size (analytic)" in str(fit.summary())
    table = sp.etable([fit, fit.effects()]).to_text() if hasattr(sp.etable([fit]), "to_text") else ""
    assert table.count("Weights of the observations: size (analytic).") == 1
    sampled = sp.etable([sp.ols(CRIME, data, w, obs_weights=sp.Sampling("size"))]).to_text()
    assert "size (sampling)" in sampled
    two = sp.etable([fit, sp.ols(CRIME, data, w, obs_weights=sp.Sampling("size")), sp.ols(CRIME, data, w)]).to_text()
    assert "Weights of the observations: (1) SEM: size (analytic); (2) OLS: size (sampling)." in two
    assert fit.provenance.data != sp.sem(CRIME, data, w).provenance.data


def test_saved_and_loaded(columbus, tmp_path):
    data, w = columbus
    for weights in ("size", sp.Sampling("size")):
        fit = sp.ols(CRIME, data, w, obs_weights=weights)
        sp.save(fit, tmp_path / "fit.spill", overwrite=True)
        again = sp.load(tmp_path / "fit.spill")
        pd.testing.assert_frame_equal(again.tidy(), fit.tidy())
        assert again._design.obs_weights.sampling == fit._design.obs_weights.sampling


def test_comparisons_rank_by_the_weighted_likelihood(columbus):
    data, w = columbus
    rivals = {"queen": w, "knn": wt.knn(shapefiles.load("columbus"), 4, metric="planar").standardize("row")}
    result = sp.compare_weights(rivals, model=sp.sar, formula=CRIME, data=data, obs_weights="size")
    table = result.glance().set_index("weights")
    for name, one in rivals.items():
        assert table.loc[name, "loglik"] == pytest.approx(sp.sar(CRIME, data, one, obs_weights="size").loglik)
    assert table["probability"].isna().all()
