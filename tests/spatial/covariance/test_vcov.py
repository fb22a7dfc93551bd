"""Covariances against dense twins, statsmodels and laws."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from statsmodels.stats.sandwich_covariance import cov_cluster, cov_cluster_2groups, cov_nw_groupsum

import spatial as sp
from spatial.covariance.bootstrap import bootstrap_parameters, resampled
from spatial.covariance.groups import group_codes
from spatial.covariance.information import derivatives, expected, observed
from spatial.covariance.pairs import pairs_meat
from spatial.covariance.scores import scores
from spatial.design.fixed_effects import TWOWAY_EFFECTS
from spatial.solve.ml import Solution, residuals
from spillover.errors import SpatialInputError

from .. import naive
from ..models.test_estimators import PANEL, cross_section, panel_data

ROWS = sp.Robust(pairs=False)
MODELS = [("sar", True, False), ("sem", False, True), ("sac", True, True)]


def grouped(panel, column):
    """The flattened (T, N) order of the fits: by period, then by unit."""
    return panel.sort_values(["t", "id"])[column].to_numpy()


def numeric_scores(theta, *args, **kind):
    columns = []
    for j in range(len(theta)):
        h = np.zeros(len(theta))
        h[j] = 1e-6 * max(1, abs(theta[j]))
        difference = naive.row_logliks(theta + h, *args, **kind) - naive.row_logliks(theta - h, *args, **kind)
        columns.append(difference / (2 * h[j]))
    return np.column_stack(columns)


def raw_meat(fit):
    """By unit and pair of units, the errors as they are."""
    return pairs_meat(fit, group_codes(fit._design, "entity")[0], fit._solution.resid)


# -- the expected information ------------------------------------------------------------------------------------


def expected_loglik(theta, truth, X, W, k, lag, error):
    """E[ln L(theta)] but for a constant, where y has the parameters ``truth``: W need not be symmetric."""
    def parts(at):
        rho, lam = at[k] if lag else 0.0, at[-2] if error else 0.0
        return np.eye(len(W)) - rho * W, np.eye(len(W)) - lam * W

    (A, B), (A0, B0) = parts(theta), parts(truth)
    off = B @ (A @ np.linalg.solve(A0, X @ truth[:k]) - X @ theta[:k])
    noise = B @ A @ np.linalg.inv(B0 @ A0)
    squares = off @ off + truth[-1] * np.sum(noise**2)
    return (np.linalg.slogdet(A)[1] + np.linalg.slogdet(B)[1] - len(X) / 2 * np.log(theta[-1])
            - squares / (2 * theta[-1]))  # fmt: skip


@pytest.mark.parametrize(("model", "lag", "error"), MODELS)
@pytest.mark.parametrize("kind", [{}, {"symmetric": False}, {"symmetric": False, "row": False, "islands": 1}])
def test_expected_information_is_the_curvature_of_the_expected_likelihood(model, lag, error, kind):
    """Second derivatives of E[ln L] by differences: no trace formula. W is not symmetric."""
    data, W = cross_section(3, n=25, **kind)
    fit = getattr(sp, model)("y ~ a + b", data, W)
    at, W = fit._solution, fit._design.weights.csr
    truth = np.concatenate([at.beta, [at.rho] * lag, [at.lam] * error, [at.sigma2]])
    p, step = len(truth), 1e-4 * np.eye(len(truth))

    def f(theta):
        return expected_loglik(theta, truth, fit._sample.X, W.toarray(), len(at.beta), lag, error)

    H = np.empty((p, p))
    for i in range(p):
        for j in range(p):
            a, b = step[i], step[j]
            H[i, j] = (f(truth + a + b) - f(truth + a - b) - f(truth - a + b) + f(truth - a - b)) / 4e-8
    information = expected(fit._sample, at, W, W)
    np.testing.assert_allclose(information, -H, rtol=1e-3, atol=1e-3 * np.abs(H).max() / len(data))


# -- scores and the sandwich -----------------------------------------------------------------------------------


@pytest.mark.parametrize(("model", "lag", "error"), MODELS)
@pytest.mark.parametrize("kind", [{}, {"symmetric": False, "row": False}])
def test_scores_are_derivatives_by_row(model, lag, error, kind):
    rho = 0.08 if kind else 0.4
    data, W = cross_section(4, lam=rho / 2, rho=rho, **kind)
    literal = {"durbin": []} if lag else {}  # without W 1
    fit = getattr(sp, model)("y ~ a + b", data, W, **literal)
    X = np.column_stack([np.ones(len(data)), data[["a", "b"]]])[None]
    theta = np.append(fit.params, fit._solution.sigma2)
    want = numeric_scores(theta, data["y"].to_numpy()[None], X, W.to_numpy(), lag=lag, error=error)
    got = scores(fit._sample, fit._solution)
    np.testing.assert_allclose(got, want, rtol=1e-6, atol=1e-7)
    np.testing.assert_allclose(got.sum(axis=0), 0, atol=1e-6 * np.abs(got).sum())
    inverse = np.linalg.inv(observed(fit._sample, fit._solution))
    n = len(data)
    robust = n / (n - 1) * inverse @ want.T @ want @ inverse
    np.testing.assert_allclose(fit.with_vcov(ROWS).vcov, robust[:-1, :-1], rtol=1e-5, atol=1e-9)


def test_panel_scores_and_robust_by_unit():
    """Uncorrected two-way SDM: T determinants over N units, scores added up over periods, N / (N - 1)."""
    data, W = panel_data(2)
    fit = sp.sdm("y ~ a + b", data, W, **PANEL, effects="twoway", correction=False)
    T, N = fit._design.y.shape
    X = fit._design.X[:, :, 1:]
    X = TWOWAY_EFFECTS.demean(np.concatenate([X, np.einsum("ij,tjk->tik", W.to_numpy(), X)], axis=2))
    theta = np.append(fit.params, fit._solution.sigma2)
    want = numeric_scores(theta, TWOWAY_EFFECTS.demean(fit._design.y), X, W.to_numpy(), lag=True, error=False, copies=T)
    np.testing.assert_allclose(scores(fit._sample, fit._solution), want, rtol=1e-6, atol=1e-7)
    by_unit = want.reshape(T, N, -1).sum(axis=0)
    inverse = np.linalg.inv(observed(fit._sample, fit._solution))
    robust = N / (N - 1) * inverse @ by_unit.T @ by_unit @ inverse
    np.testing.assert_allclose(fit.with_vcov(ROWS).vcov, robust[:-1, :-1], rtol=1e-5, atol=1e-9)


@pytest.mark.parametrize("T", [1, 4])
@pytest.mark.parametrize(("model", "lag", "error"), MODELS)
def test_pairs_give_the_variance_of_the_score(model, lag, error, T):
    """Skewed errors, the true parameters: the mean of 400 meats against the variance of 2,000 scores.

    The variances of rho's and lambda's scores have a simulation error of about 5 %; row by row they come out
    a quarter too small.
    """
    data, W = panel_data(0, N=16, T=T)
    rng, w, truth = np.random.default_rng(3), W.to_numpy(), {"rho": 0.5 * lag, "lam": 0.5 * error}
    A, B = np.eye(16) - truth["rho"] * w, np.eye(16) - truth["lam"] * w
    fit = getattr(sp, model)("y ~ a", data, W, **PANEL, effects="none")
    beta = np.array([1.0, 0.3])
    totals, meats, plain = [], [], []
    for draw in range(2000):
        e = rng.exponential(size=(T, 16)) - 1
        y = np.linalg.solve(A, (fit._design.X @ beta + np.linalg.solve(B, e.T).T).T).T
        (sample,) = resampled(fit, y[None])
        at = Solution(beta, truth["rho"], truth["lam"], 1.0, 0.0, residuals(sample, beta, truth["rho"], truth["lam"]))
        np.testing.assert_allclose(at.resid, e.ravel(), atol=1e-9)
        S = scores(sample, at)
        totals.append(S.sum(axis=0))
        if draw < 400:
            params = np.array([*beta, *[truth["rho"]] * lag, *[truth["lam"]] * error])
            there = replace(fit, _estimates=params, _sample=sample, _solution=at)
            meats.append(raw_meat(there))
            by_unit = S.reshape(T, 16, -1).sum(axis=0)
            plain.append(by_unit.T @ by_unit)
    want, got = np.cov(np.array(totals), rowvar=False), np.mean(meats, axis=0)
    scale = 1 / np.sqrt(np.diag(want))
    np.testing.assert_allclose(got * np.outer(scale, scale), want * np.outer(scale, scale), atol=0.16)
    at_rho = slice(2, 2 + lag + error)
    assert (np.mean(plain, axis=0).diagonal()[at_rho] < 0.85 * want.diagonal()[at_rho]).all()


@pytest.mark.parametrize("effects", ["entity", "time", "twoway"])
@pytest.mark.parametrize("model", ["sar", "sem"])
def test_pairs_know_which_effects_were_removed(model, effects):
    """Normal errors, the true parameters: the mean of 300 meats is the expected information (error about 4 %)."""
    data, W = panel_data(0, N=16, T=4)
    fit = getattr(sp, model)("y ~ a", data, W, **PANEL, effects=effects)
    rng, beta, by = np.random.default_rng(5), np.array([0.3]), 0.5
    rho, lam = by * (model == "sar"), by * (model == "sem")
    inverse, meats = np.linalg.inv(np.eye(16) - by * W.to_numpy()), []
    for _ in range(300):
        a = fit._design.X[:, :, 1] * beta
        e = rng.standard_normal((4, 16))
        (sample,) = resampled(fit, ((a + e) @ inverse.T if rho else a + e @ inverse.T)[None])
        at = Solution(beta, rho, lam, 1.0, 0.0, residuals(sample, beta, rho, lam))
        params = np.array([*beta, by])
        meats.append(raw_meat(replace(fit, _estimates=params, _sample=sample, _solution=at)))
    want = expected(fit._sample, at, fit._design.weights.csr, fit._design.weights.csr)
    np.testing.assert_allclose(np.mean(meats, axis=0).diagonal(), want.diagonal(), rtol=0.12)


@pytest.mark.parametrize("correction", [True, False, "additive"])
@pytest.mark.parametrize("vcov", ["robust", ROWS, sp.Cluster("time"), sp.DriscollKraay(), sp.DriscollKraay(1)])
def test_relabelled_and_shuffled_panels_have_the_same_covariance(correction, vcov):
    data, W = panel_data(5)
    fit = sp.sar("y ~ a + b", data, W, **PANEL, correction=correction, vcov=vcov)
    order = np.random.default_rng(0).permutation(len(W))
    shuffled = data.sample(frac=1, random_state=1)
    other = sp.sar("y ~ a + b", shuffled, W.iloc[order, order], **PANEL, correction=correction, vcov=vcov)
    np.testing.assert_allclose(other.vcov, fit.vcov, rtol=1e-6, atol=1e-12)


# -- least squares against statsmodels -------------------------------------------------------------------------


@pytest.fixture(scope="module")
def regression():
    data, W = cross_section(8)
    data["region"] = np.repeat(["north", "south", "东", "west"], 10)
    model = sm.OLS(data["y"], sm.add_constant(data[["a", "b"]])).fit()
    return data, W, model


def test_robust_least_squares_is_hc1(regression):
    data, W, model = regression
    fit = sp.ols("y ~ a + b", data, W, vcov="robust")
    np.testing.assert_allclose(fit.vcov, model.get_robustcov_results("HC1").cov_params(), rtol=1e-9)
    assert fit.df_resid == 37


@pytest.mark.parametrize(("name", "theirs"), [("hc0", "HC0"), ("hc1", "HC1")])
def test_names_of_white_are_those_of_two_stage_least_squares(regression, name, theirs):
    data, W, model = regression
    fit = sp.ols("y ~ a + b", data, W, vcov=name)
    np.testing.assert_allclose(fit.vcov, model.get_robustcov_results(theirs).cov_params(), rtol=1e-9)
    assert name.upper() in fit.summary()
    np.testing.assert_allclose(sp.ols("y ~ a + b", data, W, vcov="classical").vcov, model.cov_params(), rtol=1e-9)


def test_white_after_period_effects_is_that_of_dummies():
    data, W = panel_data(6)
    fit = sp.ols("y ~ a + b", data, W, entity="id", time="t", effects="time", vcov="hc1")
    X = np.column_stack([data[["a", "b"]], pd.get_dummies(data["t"]).to_numpy(float)])
    want = sm.OLS(data["y"].to_numpy(), X).fit(cov_type="HC1").cov_params()[:2, :2]
    np.testing.assert_allclose(fit.vcov, want, rtol=1e-9)
    assert fit.df_resid == len(data) - X.shape[1]
    lag = sp.sar("y ~ a + b", data, W, entity="id", time="t", effects="time", method="gmm", vcov="hc1")
    zero = lag.with_vcov("hc0")  # two-stage least squares with dummies has the same factor
    np.testing.assert_allclose(lag.vcov, zero.vcov * len(data) / (len(data) - X.shape[1] - 1), rtol=1e-12)
    with pytest.raises(sp.SpatialInputError, match="Stock"):
        sp.ols("y ~ a + b", data, W, entity="id", time="t", vcov="hc0")


def test_classical_is_the_observed_information_of_a_likelihood(regression):
    data, W, _ = regression
    fits = [sp.sar("y ~ a + b", data, W, vcov=name) for name in ("classical", "oim")]
    np.testing.assert_array_equal(fits[0].vcov, fits[1].vcov)
    np.testing.assert_allclose(sp.slx("y ~ a + b", data, W, vcov="hc1").vcov,
                               sp.slx("y ~ a + b", data, W, vcov="robust").vcov, rtol=1e-12)


def test_one_factor_for_all_moments(regression):
    """n / (n - k) by default in every estimator by moments; correction=False leaves it out."""
    data, W, _ = regression
    cases = [("sar", "classical"), ("sar", "robust"), ("sem", "robust"), ("sac", "classical"), ("gns", "robust")]
    for model, vcov in cases:
        how = {"method": "gmm", "vcov": vcov}
        one, other = (getattr(sp, model)("y ~ a + b", data, W, **how, correction=c) for c in (True, False))
        k = len(one.params) - one.specification.error
        np.testing.assert_allclose(one.vcov, other.vcov * len(data) / (len(data) - k), rtol=1e-10)


def test_clustered_least_squares(regression):
    data, W, model = regression
    want = cov_cluster(model, pd.factorize(data["region"])[0])
    with pytest.warns(sp.SpatialInputWarning, match="4 groups are few"):
        fit = sp.ols("y ~ a + b", data.sample(frac=1, random_state=3), W, vcov=sp.Cluster("region"))
    np.testing.assert_allclose(fit.vcov, want, rtol=1e-9)
    assert fit.df_resid == 3  # groups less one
    again = sp.ols("y ~ a + b", data, W).with_vcov("cluster", by=data["region"].iloc[::-1])
    np.testing.assert_allclose(again.vcov, want, rtol=1e-9)
    assert again.with_vcov("oim").df_resid == 37


def test_a_column_follows_its_rows_when_rows_are_lost():
    """Units dropped, a period lost to lag(), rows shuffled: the column groups as a Series by unit does."""
    data, W = panel_data(3)
    region = pd.Series(np.arange(14) % 4, index=W.index, name="region")
    data = data.assign(region=data["id"].map(region)).sample(frac=1, random_state=2)
    data.loc[data["id"] == "03", "b"] = np.nan
    fit = sp.sar("y ~ lag(a) + b", data, W, **PANEL, missing="drop", vcov=sp.Cluster("region"))
    assert fit._design.y.shape == (4, 13)
    options = fit.with_vcov("cluster", by=region.drop("03").iloc[::-1])
    np.testing.assert_allclose(fit.vcov, options.vcov, rtol=1e-12)
    by_row = data.set_index(["id", "t"])["region"]
    np.testing.assert_allclose(fit.with_vcov("cluster", by=by_row).vcov, options.vcov, rtol=1e-12)


def test_panel_clusters_against_dummies():
    """Within-estimates have the covariance of the regression with dummies: by unit, by period, two-way.

    The factors are Stata's: G / (G - 1) (n - 1) / (n - K), effects within the groups not counted in K.
    """
    data, W = panel_data(6)
    sorted_data = data.sort_values(["t", "id"])
    units, times = (pd.factorize(sorted_data[c])[0] for c in ("id", "t"))
    dummies = pd.get_dummies(sorted_data[["id", "t"]].astype(str), drop_first=True).astype(float)
    X = np.column_stack([sorted_data[["a", "b"]], np.ones(len(dummies)), dummies])
    model = sm.OLS(sorted_data["y"].to_numpy(), X).fit()
    N, T, n = 14, 5, 70
    fit = sp.ols("y ~ a + b", data, W, **PANEL, effects="twoway")

    def plain(groups):
        return cov_cluster(model, groups, use_correction=False)[:2, :2]

    by_unit = plain(units) * N / (N - 1) * (n - 1) / (n - 2 - 1 - (T - 1))
    by_time = plain(times) * T / (T - 1) * (n - 1) / (n - 2 - N)
    np.testing.assert_allclose(fit.with_vcov("robust").vcov, by_unit, rtol=1e-8)
    np.testing.assert_allclose(fit.with_vcov("cluster").vcov, by_unit, rtol=1e-8)
    np.testing.assert_allclose(fit.with_vcov("cluster", by="time").vcov, by_time, rtol=1e-8)
    by_row = plain(np.arange(n)) * n / (n - 1) * (n - 1) / (n - 2 - N - (T - 1))
    two_way = fit.with_vcov("cluster", by=["id", "t"])
    np.testing.assert_allclose(two_way.vcov, by_unit + by_time - by_row, rtol=1e-8)
    whole = cov_cluster_2groups(model, units, times, use_correction=False)[0][:2, :2]
    np.testing.assert_allclose(plain(units) + plain(times) - plain(np.arange(n)), whole, rtol=1e-8)


@pytest.mark.parametrize("lags", [0, 2])
def test_driscoll_kraay(lags):
    data, W = panel_data(7, T=9)
    data = data.sort_values(["t", "id"])
    model = sm.OLS(data["y"].to_numpy(), sm.add_constant(data[["a", "b"]].to_numpy())).fit()
    plain = cov_nw_groupsum(model, lags, pd.factorize(data["t"])[0], use_correction=False)
    n, T = len(data), 9
    fit = sp.ols("y ~ a + b", data, W, **PANEL, effects="none", vcov=sp.DriscollKraay(lags))
    np.testing.assert_allclose(fit.vcov, plain * T / (T - 1) * (n - 1) / (n - 3), rtol=1e-8)


# -- Conley ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def places():
    data, W = cross_section(9)
    rng = np.random.default_rng(1)
    return data, W, pd.DataFrame({"lon": rng.uniform(170, 190, 40), "lat": rng.uniform(-70, -60, 40)}, index=data.index)


def weight(a, b, kernel, cutoff=120):
    km = naive.great_circle(a, b)
    return 0.0 if km > cutoff else 1 - km / cutoff if kernel == "bartlett" else 1.0


@pytest.mark.parametrize("lags", [None, 0, 2])
def test_conley_in_a_panel_is_the_double_sum_over_rows(lags):
    """Units within the distance, periods within the lags; None lets all periods through."""
    data, W = panel_data(5)
    rng = np.random.default_rng(2)
    points = pd.DataFrame({"lon": rng.uniform(0, 3, 14), "lat": rng.uniform(0, 3, 14)}, index=W.index)
    fit = sp.ols("y ~ a + b", data, W, **PANEL, effects="none")
    got = fit.with_vcov("conley", cutoff=120, coords=points, lags=lags)
    S = scores(fit._sample, fit._solution)[:, :-1]
    T, N, m = 5, 14, 70
    K = np.zeros((m, m))
    for a in range(m):
        for b in range(m):
            gap = abs(a // N - b // N)
            over_time = 1.0 if lags is None else max(0.0, 1 - gap / (lags + 1))
            K[a, b] = over_time * weight(points.iloc[a % N], points.iloc[b % N], "bartlett")
    M = np.eye(m) - 1 / m
    factor = m / np.trace(M @ K) * (m - 1) / (m - 3)
    X = fit._sample.X
    bread = np.linalg.inv(X.T @ X) * fit._solution.sigma2
    np.testing.assert_allclose(got.vcov, factor * bread @ S.T @ K @ S @ bread, rtol=1e-8)
    assert got.df_resid == pytest.approx(np.trace(M @ K) ** 2 / np.trace(M @ K @ M @ K), rel=1e-9)
    assert m == T * N


def test_conley_beside_a_spatial_lag_warns(places):
    data, W, points = places
    with pytest.warns(sp.SpatialInputWarning, match="SAR: errors that are correlated over space bias rho"):
        sp.sar("y ~ a", data, W, vcov=sp.Conley(120, points))


@pytest.mark.filterwarnings("ignore:.*errors that are correlated")
@pytest.mark.parametrize("kernel", ["bartlett", "uniform"])
@pytest.mark.parametrize("model", ["ols", "sdm"])
def test_conley_is_the_double_sum(places, kernel, model):
    """Over the date line, near the pole; rows of the coordinates shuffled."""
    data, W, points = places
    fit = getattr(sp, model)("y ~ a + b", data, W)
    got = fit.with_vcov("conley", cutoff=120, coords=points.sample(frac=1, random_state=2), kernel=kernel)
    S, n = scores(fit._sample, fit._solution), len(data)
    meat = np.zeros((S.shape[1],) * 2)
    for i in range(n):
        for j in range(n):
            km = naive.great_circle(points.iloc[i], points.iloc[j])
            if km <= 120:
                meat += np.outer(S[i], S[j]) * (1 - km / 120 if kernel == "bartlett" else 1)
    inverse = np.linalg.inv(observed(fit._sample, fit._solution))
    K = np.array([[weight(points.iloc[i], points.iloc[j], kernel) for j in range(n)] for i in range(n)])
    M = np.eye(n) - 1 / n
    factor = n / np.trace(M @ K) * (1 if model == "sdm" else (n - 1) / (n - 3))
    assert got.df_resid == pytest.approx(np.trace(M @ K) ** 2 / np.trace(M @ K @ M @ K), rel=1e-9)
    want = (factor * inverse @ meat @ inverse)[:-1, :-1]
    np.testing.assert_allclose(got.vcov, want, rtol=1e-7, atol=1e-12)


@pytest.mark.filterwarnings("ignore:.*errors that are correlated")
def test_conley_takes_maps(panel, states, queen):
    """A map in any projection, matched by its index; the map that was fitted; a cut-off of nothing is robust."""
    keys = {"entity": "state", "time": "year"}
    fit = sp.sar("log(gsp) ~ log(pc) + unemp", panel, queen, **keys)
    geographic = fit.with_vcov(sp.Conley(400, states.to_crs(4326)))
    projected = fit.with_vcov(sp.Conley(400, states.to_crs(5070).sample(frac=1, random_state=0)))
    np.testing.assert_allclose(projected.std_errors, geographic.std_errors, rtol=0.05)  # centroids differ a little
    nothing = fit.with_vcov("conley", cutoff=0.001, coords=states)
    np.testing.assert_allclose(nothing.vcov, fit.with_vcov(ROWS).vcov, rtol=1e-10)
    assert nothing.df_resid == pytest.approx(47, rel=1e-6)
    year = panel[panel["year"] == 1986].set_index("state")
    both = states.join(year)
    section = sp.sar("log(gsp) ~ log(pc) + unemp", both, queen, vcov=sp.Conley(400))
    options = section.with_vcov("conley", cutoff=400, coords=states)
    np.testing.assert_allclose(section.vcov, options.vcov, rtol=1e-12)


# -- bootstrap -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("correction", [True, False])
@pytest.mark.parametrize("model", ["ols", "sdm", "sem", "sac"])
def test_bootstrap_samples_are_made_like_the_fit(model, correction):
    """The observed response gives the fit's own sample back, also with a second W."""
    data, W = panel_data(3)
    more = {"w_error": pd.DataFrame(np.roll(np.eye(14), 1, axis=1), W.index, W.index)} if model == "sac" else {}
    fit = getattr(sp, model)("y ~ a + b", data, W, **PANEL, correction=correction, **more)
    (sample,) = resampled(fit, fit._design.y[None])
    for name in ("y", "Wy", "My", "MWy"):
        if getattr(fit._sample, name) is not None:
            np.testing.assert_allclose(getattr(sample, name), getattr(fit._sample, name), atol=1e-12)


@pytest.mark.parametrize("model", ["sem", "sar"])
def test_bootstrap_of_models_whose_dummies_stay_is_made_like_the_fit(model):
    """Effects behind | that W does not map to effects: no coefficient of a dummy is among the draws."""
    data, W = panel_data(3)
    data["g"] = (data["id"].factorize()[0] + data["t"].factorize()[0]) % 4
    fit = getattr(sp, model)("y ~ a + b | g", data, W, **PANEL)
    assert (fit._sample.dummies > 0) == (model == "sem")
    (sample,) = resampled(fit, fit._design.y[None])
    for name in ("y", "Wy", "My", "MWy"):
        if getattr(fit._sample, name) is not None:
            np.testing.assert_allclose(getattr(sample, name), getattr(fit._sample, name), atol=1e-12)
    boot = fit.with_vcov("bootstrap", draws=60)
    assert boot.vcov.shape == (len(fit.params),) * 2
    np.testing.assert_allclose(boot.std_errors, fit.std_errors, rtol=0.6)


@pytest.mark.parametrize(("model", "effects"), [("sem", "twoway"), ("sdem", "time")])
def test_bootstrap_refuses_effects_that_leave_by_generalised_least_squares(model, effects):
    data, W = panel_data(3)
    fit = getattr(sp, model)("y ~ a + b", data, W * (np.arange(14) % 3 + 1)[:, None], **PANEL, effects=effects)
    with pytest.raises(sp.SpatialInputError, match=r"E501.*generalised least squares"):
        fit.with_vcov("bootstrap", draws=3)


@pytest.mark.parametrize(("model", "lag", "error"), MODELS[:2])
def test_bootstrap_agrees_with_the_information(model, lag, error):
    """Normal errors and many units: the standard errors meet within simulation error (200 draws: 5 %)."""
    data, W = cross_section(10, n=80, lam=0.3 * error, rho=0.4 * lag)
    fit = getattr(sp, model)("y ~ a + b", data, W)
    boot = fit.with_vcov("bootstrap", draws=200, seed=3)
    np.testing.assert_allclose(boot.std_errors, fit.std_errors, rtol=0.2)


def test_bootstrap_is_reproducible_and_leaves_the_global_state_alone():
    data, W = panel_data(4)
    fit = sp.sar("y ~ a + b", data, W, **PANEL)
    state = np.random.get_state()[1].copy()  # noqa: NPY002
    first = bootstrap_parameters(fit, 20, seed=5)
    np.testing.assert_array_equal(first[:10], bootstrap_parameters(fit, 10, seed=5))  # draws have their own streams
    assert not np.array_equal(first, bootstrap_parameters(fit, 20, seed=6))
    np.testing.assert_array_equal(state, np.random.get_state()[1])  # noqa: NPY002


# -- settings and refusals -------------------------------------------------------------------------------------


@pytest.mark.parametrize("vcov", ["oim", "eim", "robust", "cluster", sp.Cluster(["id", "t"]), sp.Bootstrap(5),
                                  sp.DriscollKraay(), ROWS], ids=str)  # fmt: skip
def test_settings_round_trip_and_are_named(vcov):
    data, W = panel_data(3)
    fit = sp.sdm("y ~ a + b", data, W, **PANEL, vcov=vcov)
    again = sp.sdm("y ~ a + b", data, W, **PANEL).with_vcov(fit._settings.vcov)
    pd.testing.assert_frame_equal(again.vcov, fit.vcov)
    message = {"oim": "observed", "eim": "expected", "robust": "robust (by unit and pair of units, CR2",
            "cluster": "clustered by id (14 groups)"}  # fmt: skip
    kinds = {sp.Cluster: "id (14 groups) and t (5 groups)", sp.Bootstrap: "5 draws, seed 1",
             sp.DriscollKraay: "2 cosine terms", sp.Robust: "robust (sandwich by unit, factor N/(N-1)"}
    assert (message[vcov] if isinstance(vcov, str) else kinds[type(vcov)]) in str(fit)


@pytest.mark.parametrize(("code", "vcov", "settings"), [
    ("E501", "hc3", {}), ("E501", "oim", {"by": "g"}), ("E501", "conley", {}), ("E501", sp.Cluster("g"), {"by": "g"}),
    ("E501", "cluster", {}), ("E502", "cluster", {"by": "region"}), ("E206", "cluster", {"by": "one"}),
    ("E201", "cluster", {"by": "hole"}), ("E501", "cluster", {"by": 3}), ("E501", "cluster", {"by": ["g"] * 3}),
    ("E101", "cluster", {"by": pd.Series([1, 2], index=["u00", "nobody"])}), ("E501", "driscoll_kraay", {}),
    ("E501", "conley", {"cutoff": 0}), ("E501", "conley", {"cutoff": 5}),
    ("E105", "conley", {"cutoff": 5, "coords": [[1, 2]]}),
    ("E403", "conley", {"cutoff": 5, "coords": np.full((40, 2), 500.0)}), ("E501", "bootstrap", {"draws": 1}),
])  # fmt: skip
def test_refusals(code, vcov, settings):
    data, W = cross_section(1)
    data = data.assign(g=np.arange(40) % 7, one=1, hole=[None, *"ab" * 19, "a"])
    fit = sp.sar("y ~ a", data, W)
    with pytest.raises(SpatialInputError) as caught:
        fit.with_vcov(vcov, **settings)
    assert caught.value.code == code


@pytest.mark.parametrize("options", [{"effects": "random"}, {"correction": "additive"}])
def test_bootstrap_refuses_what_it_cannot_do(options):
    data, W = panel_data(1)
    model = sp.ols if "effects" in options else sp.sar
    with pytest.raises(SpatialInputError) as caught:
        model("y ~ a", data, W, **PANEL, **options).with_vcov("bootstrap")
    assert caught.value.code == "E501"
    with pytest.raises(SpatialInputError, match="lagged responses"):
        sp.sar("y ~ lag(y) + a", data, W, **PANEL).with_vcov("bootstrap", draws=3)


@pytest.mark.parametrize("effects", ["none", "entity", "time", "twoway"])
@pytest.mark.parametrize("correction", [True, False])
@pytest.mark.parametrize("model", ["sdm", "sem"])
def test_parameters_take_degrees_of_freedom(model, correction, effects):
    """n / (n - p) and t(n - p); what reproduces other programs is the plain inverse with normal statistics."""
    data, W = panel_data(8, N=20, T=5)
    fit = getattr(sp, model)("y ~ a + b", data, W, **PANEL, effects=effects, correction=correction)
    n, p = fit._sample.n, len(fit.params)
    factor = n / (n - p) if correction else 1
    assert fit.df_resid == (n - p if correction else None)
    inverse = np.linalg.inv(observed(fit._sample, fit._solution))[:-1, :-1]
    np.testing.assert_allclose(fit.vcov, factor * inverse, rtol=1e-7)
    assert ("factor n/(n-p)" in str(fit)) == correction
    inverse = np.linalg.inv(expected(fit._sample, fit._solution, fit._design.weights.csr, fit._design.weights.csr))
    np.testing.assert_allclose(fit.with_vcov("eim").vcov, inverse[:-1, :-1], rtol=1e-7)


# -- the jackknife ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("by", ["entity", "region", "time"])
@pytest.mark.parametrize("effects", ["none", "entity", "time", "twoway"])
def test_jackknife_leaves_groups_out(effects, by):
    """Least squares again without each group, the effects among the regressors."""
    data, W = panel_data(3, N=9, T=6)
    data["region"] = data["id"].map({name: k % 4 for k, name in enumerate(W.index)})
    fit = sp.slx("y ~ a + b", data, W, **PANEL, effects=effects).with_vcov("jackknife", by=by)
    data = data.assign(**{f"W{v}": sp_lag(data, W, v) for v in "ab"})
    unit, period = (pd.get_dummies(data[key]).to_numpy(float) for key in ("id", "t"))
    dummies = {"none": [np.ones((len(data), 1))], "entity": [unit], "time": [period], "twoway": [unit, period]}
    X = np.column_stack([data[["a", "b", "Wa", "Wb"]], *dummies[effects]])
    groups = data[{"entity": "id", "time": "t", "region": "region"}[by]].to_numpy()
    kept = [groups != g for g in np.unique(groups)]
    without = np.array([np.linalg.lstsq(X[k], data["y"][k], rcond=None)[0][:4] for k in kept])
    G = len(kept)
    want = (G - 1) ** 2 / G * np.cov(without, rowvar=False)
    names = ["a", "b", "W:a", "W:b"]
    np.testing.assert_allclose(fit.vcov.loc[names, names], want, rtol=1e-7)
    assert fit.df_resid == G - 1
    assert f"({G} groups), jackknife" in str(fit)


def sp_lag(data, W, column):
    wide = data.pivot(index="t", columns="id", values=column)[W.index]
    lagged = pd.DataFrame(wide.to_numpy() @ W.to_numpy().T, wide.index, wide.columns).stack()
    return lagged.loc[pd.MultiIndex.from_frame(data[["t", "id"]])].to_numpy()


@pytest.mark.parametrize("model", ["sar", "sem", "sac"])
def test_jackknife_of_spatial_models(model):
    """One Newton step from the maximum without each unit's score and its part of the information, by loops."""
    data, W = panel_data(4, N=12, T=4)
    fit = getattr(sp, model)("y ~ a + b", data, W, **PANEL, effects="entity")
    T, N = fit._design.y.shape
    information, S = observed(fit._sample, fit._solution), scores(fit._sample, fit._solution)
    p = len(fit.params)
    D = np.pad(derivatives(fit._sample, fit._solution), ((0, 0), (0, 1))) / np.sqrt(fit._solution.sigma2)
    steps = []
    for i in range(N):
        rows = np.arange(T) * N + i
        own = D[rows].T @ D[rows] + (information - D.T @ D) / N
        steps.append(np.linalg.solve(information - own, S[rows].sum(axis=0)))
    want = (N - 1) ** 2 / N * np.cov(np.array(steps), rowvar=False)[:p, :p]
    np.testing.assert_allclose(fit.with_vcov("jackknife").vcov, want, rtol=1e-8)


def test_jackknife_refuses_what_one_group_alone_has():
    data, W = panel_data(3, N=9, T=6)
    data["special"] = (data["id"] == W.index[0]) * np.arange(len(data)) % 5
    with pytest.raises(SpatialInputError, match="without one of the groups") as caught:
        sp.ols("y ~ a + special", data, W, **PANEL, effects="entity", vcov="jackknife")
    assert caught.value.code == "E702"


@pytest.mark.parametrize("method", ["gmm", "aqs"])
def test_a_covariance_that_is_not_there_is_named_before_its_settings(method):
    """Without them it is not there either: leaving them out is no way round."""
    data, W = panel_data(3, N=9, T=6)
    fit = sp.sar("y ~ a", data, W, **PANEL, method=method)
    for settings in ({"draws": 20}, {}):
        with pytest.raises(SpatialInputError) as caught:
            fit.with_vcov("bootstrap", **settings)
        assert "vcov='bootstrap'" in caught.value.message
        assert "settings" not in str(caught.value)
    with pytest.raises(SpatialInputError, match="takes no settings"):
        fit.with_vcov("aqs" if method == "aqs" else "classical", draws=3)
