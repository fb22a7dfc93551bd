"""Dynamic sem, sdem, sac and gns, unbiased scores, the largest root: against explicit matrices of the whole sample."""

import numpy as np
import pandas as pd
import pytest

import spatial as sp
from spillover.errors import SpatialInputError

from ..designs import nearest, of_deviations
from ..naive_dynamic_errors import Twin

KEYS = {"entity": "i", "time": "t"}
LAG, ERROR, DURBIN = ("sar", "sdm", "sac", "gns"), ("sem", "sdem", "sac", "gns"), ("sdm", "sdem", "gns")


def simulated(rng, W, T, *, M=None, rho=0.0, lam=0.4, tau=0.4, eta=-0.1, theta=0.0, burn=30, twoway=True):
    """A long frame of T + 1 periods, with unit and period effects."""
    N = len(W)
    A, B = np.linalg.inv(np.eye(N) - rho * W), np.linalg.inv(np.eye(N) - lam * (W if M is None else M))
    c, y, rows = rng.standard_normal(N), np.zeros(N), []
    for t in range(burn + T + 1):
        x = rng.standard_normal(N) + 0.5 * c
        u = B @ rng.standard_normal(N)
        y = A @ (tau * y + eta * W @ y + x + theta * W @ x + c + twoway * rng.standard_normal() + u)
        rows.append(pd.DataFrame({"i": np.arange(N), "t": t, "y": y, "x": x}))
    return pd.concat(rows[burn:], ignore_index=True)


def two_weights(N=12):
    rng = np.random.default_rng(4)
    return nearest(rng, N, 3), nearest(rng, N, 4)  # asymmetric


def frame(W):
    return pd.DataFrame(W, index=range(len(W)), columns=range(len(W)))


def twin_of(data, W, M, model, lags, effects):
    N = len(W)
    y, x = (data[name].to_numpy().reshape(-1, N) for name in "yx")
    X = np.stack([x, x @ W.T], axis=2)[1:] if model in DURBIN else x[1:, :, None]
    return Twin(y, X, W, M, lags=lags, lag=model in LAG, error=model in ERROR, twoway=effects == "twoway")


def theta_of(fit):
    return np.array([*fit.params, fit.sigma2])


CASES = [(model, lags, effects) for model, effects in
         (("sem", "twoway"), ("sdem", "entity"), ("sac", "twoway"), ("gns", "entity")) for lags in ("y", "Wy", "both")]


@pytest.fixture(scope="module")
def sample():
    W, M = two_weights()
    data = simulated(np.random.default_rng(8), W, 7, M=M, rho=0.2, theta=0.5)
    return data, W, M


@pytest.mark.parametrize(("model", "lags", "effects"), CASES)
def test_maximum_and_correction(sample, model, lags, effects):
    """The maximum is that of the explicit likelihood; the corrected one is a step from it against the score's mean."""
    data, W, M = sample
    options = {**KEYS, "effects": effects, "lags": lags, "w_error": frame(M)}
    bare = getattr(sp, model)("y ~ x", data, frame(W), **options, correction=True, vcov="eim")
    twin = twin_of(data, W, M, model, lags, effects)
    at = twin.maximum(theta_of(bare))
    assert np.abs(twin.score(at)).max() < 1e-3
    assert bare.loglik == pytest.approx(twin.loglik(at), rel=1e-9)
    want = at - np.linalg.solve(twin.expected_information(at), twin.mean_for_ever(at))
    np.testing.assert_allclose(theta_of(bare), want, rtol=1e-4, atol=1e-5)
    errors = np.sqrt(np.diag(np.linalg.inv(twin.expected_information(want)))[:-1])
    np.testing.assert_allclose(bare.std_errors, errors, rtol=1e-3)
    if effects == "entity":
        loose = getattr(sp, model)("y ~ x", data, frame(W), **options, correction=False)
        np.testing.assert_allclose(theta_of(loose), at, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("model", "lags"), [("sem", "y"), ("gns", "both")])
def test_rows_that_do_not_sum_to_one(sample, model, lags):
    """The same with W J and M J, exact where period effects leave; and the unbiased score."""
    data, W, M = sample
    W, M = W.copy(), 1.5 * M
    W[3], M[2] = 0.0, 0.0
    options = {**KEYS, "effects": "twoway", "lags": lags, "w_error": frame(M)}
    fit = getattr(sp, model)("y ~ x", data, frame(W), **options, vcov="eim")
    twin = twin_of(data, of_deviations(W), of_deviations(M), model, lags, "twoway")
    at = twin.maximum(theta_of(fit))
    assert fit.loglik == pytest.approx(twin.loglik(at), rel=1e-9)
    want = at - np.linalg.solve(twin.expected_information(at), twin.mean_for_ever(at))
    np.testing.assert_allclose(theta_of(fit), want, rtol=1e-4, atol=1e-5)
    fit = getattr(sp, model)("y ~ x", data, frame(W), **options, method="aqs")
    p, n = len(fit.params), fit._design.left(fit._settings.effects)
    start = theta_of(fit) / np.r_[np.ones(p), n / (n - p)]
    at, V = twin.root(start)
    np.testing.assert_allclose(start, at, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(fit.vcov, n / (n - p) * V[:-1, :-1], rtol=2e-3, atol=1e-5)


SHORT = [("sem", "both", "twoway"), ("sdem", "y", "entity"), ("sac", "Wy", "twoway"), ("gns", "both", "entity"),
         ("sdm", "both", "twoway"), ("sar", "y", "entity")]  # fmt: skip


@pytest.mark.parametrize(("model", "lags", "effects"), SHORT)
def test_unbiased_score(model, lags, effects):
    """Root and covariance of the score less its mean, from explicit matrices, with four periods."""
    W, M = two_weights(11)
    M = M if model in ERROR else W
    data = simulated(np.random.default_rng(3), W, 4, M=M, rho=0.2 * (model in LAG), lam=0.4 * (model in ERROR),
                     theta=0.5, burn=1)  # fmt: skip
    more = {"w_error": frame(M)} if model in ERROR else {}
    fit = getattr(sp, model)("y ~ x", data, frame(W), **KEYS, effects=effects, lags=lags, method="aqs", **more)
    p, n = len(fit.params), fit._design.left(fit._settings.effects)
    factor = n / (n - p)
    start = theta_of(fit) / np.r_[np.ones(p), factor]
    twin = twin_of(data, W, M, model, lags, effects)
    at, V = twin.root(start)
    np.testing.assert_allclose(start, at, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(fit.vcov, factor * V[:-1, :-1], rtol=2e-3, atol=1e-5)
    assert fit.df_resid == n - p


def test_the_mean_of_the_score_is_its_mean():
    """Over samples, at the true parameters, of a process that begins one period before: within four standard errors,
    while the score itself is far off."""
    W, M = two_weights()
    truth, sums = np.array([0.4, -0.1, 1.0, 0.2, 0.4, 1.0]), []
    for seed in range(150):
        data = simulated(np.random.default_rng(seed), W, 3, M=M, rho=0.2, burn=1, twoway=False)
        twin = twin_of(data, W, M, "sac", "both", "entity")
        sums.append(twin.score(truth))
    sums, mean = np.array(sums), twin.mean(truth)
    apart = np.abs(sums.mean(axis=0) - mean) / (sums.std(axis=0) / np.sqrt(len(sums)))
    assert apart.max() < 4
    assert (np.abs(mean) / (sums.std(axis=0) / np.sqrt(len(sums)))).max() > 8


# -- laws ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("small", "large"), [("sdm", "gns"), ("sar", "sac")])
def test_without_lambda_it_is_the_dynamic_lag_model(small, large):
    """The score of lambda at zero is that of the larger model at the smaller one's maximum: where errors are not
    correlated in space, both agree within their difference's standard error, and coincide where lambda^ is zero."""
    W, _ = two_weights(20)
    data = simulated(np.random.default_rng(1), W, 10, rho=0.3, lam=0.0, theta=0.5, twoway=False)
    options = {**KEYS, "effects": "entity", "lags": "both"}
    none = frame(np.roll(np.eye(20), 1, axis=1))  # a ring that the errors do not follow
    a, b = (getattr(sp, name)("y ~ x", data, frame(W), **options) for name in (small, large))
    c = getattr(sp, large)("y ~ x", data, frame(W), w_error=none, **options)
    assert abs(c.lam) < 4 * c.std_errors["lambda"]
    assert (np.abs(c.params[a.params.index] - a.params) < 0.5 * a.std_errors).all()
    assert b.loglik >= a.loglik - 1e-9
    at = a._solution
    twin = twin_of(data, W, W, large, "both", "entity")
    bare = getattr(sp, small)("y ~ x", data, frame(W), **options, correction=False)
    theta = np.array([*bare.params, 0.0, bare.sigma2])
    assert twin.loglik(theta) == pytest.approx(bare.loglik, rel=1e-10)
    assert np.isfinite(at.rho)


@pytest.mark.parametrize("model", ["sem", "sdem", "sac", "gns"])
def test_without_a_past_it_is_static(model):
    """tau = eta = 0: the likelihood of the dynamic model there is that of the static one on the same periods."""
    W, _ = two_weights()
    data = simulated(np.random.default_rng(2), W, 8, rho=0.2)
    static = getattr(sp, model)("y ~ x", data[data["t"] > data["t"].min()], frame(W), **KEYS, effects="entity",
                                correction=False)  # fmt: skip
    twin = twin_of(data, W, W, model, "both", "entity")
    assert twin.loglik(np.array([0.0, 0.0, *static.params, static.sigma2])) == pytest.approx(static.loglik, rel=1e-10)
    dynamic = getattr(sp, model)("y ~ x", data, frame(W), **KEYS, effects="entity", lags="both", correction=False)
    assert sp.lr_test(static, dynamic).df == 2
    assert sp.lr_test(static, dynamic).statistic == pytest.approx(2 * (dynamic.loglik - static.loglik))


def test_constants_change_nothing():
    """Per unit and period; y times 10 is beta times 10."""
    W, M = two_weights()
    data = simulated(np.random.default_rng(3), W, 5, M=M)
    options = {**KEYS, "effects": "twoway", "lags": "both", "w_error": frame(M)}
    rng = np.random.default_rng(5)
    shift = rng.normal(0, 5, 12)[data["i"]] + rng.normal(0, 5, 6)[data["t"] - data["t"].min()]
    moved = data.assign(y=10 * (data["y"] + shift))
    for method in ("ml", "aqs"):
        a, b = (sp.sem("y ~ x", one, frame(W), **options, method=method) for one in (data, moved))
        scale = [1, 1, 10, 1]
        np.testing.assert_allclose(b.params, a.params * scale, rtol=1e-6)
        np.testing.assert_allclose(b.std_errors, a.std_errors * scale, rtol=1e-5)


# -- effects, roots ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("model", "lags"),
                         [("sem", "y"), ("sem", "Wy"), ("sdem", "both"), ("sac", "y"), ("gns", "both")])
def test_effects(sample, model, lags):
    """Short and long run from dense inverses, their delta errors from numerical derivatives; three methods agree."""
    data, W, M = sample
    fit = getattr(sp, model)("y ~ x", data, frame(W), **KEYS, effects="entity", lags=lags, w_error=frame(M))
    assert fit.stationarity.holds
    names, p, eye = list(fit.params.index), fit.params.to_numpy(), np.eye(len(W))

    def dense(params):
        v = dict(zip(names, params))
        rho, tau, eta = (v.get(name, 0.0) for name in ("rho", "lag(y)", "W:lag(y)"))
        own = v["x"] * eye + v.get("W:x", 0.0) * W
        runs = [np.linalg.solve(eye - rho * W, own), np.linalg.solve((1 - tau) * eye - (rho + eta) * W, own)]
        return np.array([[S.trace() / len(W), (S.sum() - S.trace()) / len(W), S.sum() / len(W)] for S in runs])

    effects = fit.effects(method="delta")
    runs = (effects.short_run, effects.long_run)
    np.testing.assert_allclose([run.estimates[:, 0] for run in runs], dense(p), rtol=1e-8, atol=1e-12)
    h = 1e-6
    J = np.stack([(dense(p + h * e) - dense(p - h * e)) / (2 * h) for e in np.eye(len(p))], axis=-1)
    want = np.sqrt(np.einsum("rkp,pq,rkq->rk", J, fit.vcov.to_numpy(), J))
    np.testing.assert_allclose([run.std_errors[:, 0] for run in runs], want, rtol=1e-4, atol=1e-10)
    exact, drawn = (fit.effects(method=method, draws=20_000).long_run for method in ("quadrature", "simulate"))
    np.testing.assert_allclose(exact.std_errors, drawn.std_errors, rtol=0.05, atol=1e-12)
    path = fit.effects().path(60).set_index(["change", "horizon", "effect"])["estimate"]
    for kind in ("direct", "indirect", "total"):
        assert path["permanent", 60, kind] == pytest.approx(getattr(exact, kind)["x"], rel=1e-6, abs=1e-9)
    units = exact.by_unit("x")
    assert units["own"].mean() == pytest.approx(exact.direct["x"], rel=1e-8)
    assert "long-run total" in str(fit.effects())


@pytest.mark.parametrize("symmetric", [True, False])
def test_the_largest_root(symmetric):
    """Its interval ends at one exactly where the test has p = .025; ends against roots of dense quadratics."""
    W, _ = two_weights(14)
    W = (W + W.T) / (W + W.T).sum(1, keepdims=True) if symmetric else W
    data = simulated(np.random.default_rng(6), W, 9, rho=0.3, lam=0.0, tau=0.55, eta=0.0)
    fit = sp.sar("y ~ x", data, frame(W), **KEYS, effects="entity", lags="both")
    s, names = fit.stationarity, ["rho", "lag(y)", "W:lag(y)"]
    q, V = fit.params[names].to_numpy(), fit.vcov.loc[names, names].to_numpy()
    A = np.linalg.solve(np.eye(14) - q[0] * W, q[1] * np.eye(14) + q[2] * W)
    assert s.largest_root == pytest.approx(np.abs(np.linalg.eigvals(A)).max(), rel=1e-9)

    def statistic(r):
        """The smallest over the eigenvalues of (r |1 - rho w| - |tau + eta w|) / s.e."""
        def gap(q):
            w = np.linalg.eigvals(W)
            return r * np.abs(1 - q[0] * w) - np.abs(q[1] + q[2] * w)
        J = np.column_stack([(gap(q + h) - gap(q - h)) / 2e-6 for h in 1e-6 * np.eye(3)])
        return (gap(q) / np.sqrt(np.einsum("wi,ij,wj->w", J, V, J))).min()

    from scipy.stats import norm, t

    level = 0.9
    _, high = s.interval(level)
    assert statistic(high) == pytest.approx(t.ppf((1 + level) / 2, fit.df_resid), rel=1e-4)
    assert s.root_test.p_value == pytest.approx(t.sf(statistic(1.0), fit.df_resid), rel=1e-3)
    assert s.root_test.statistic == pytest.approx(norm.isf(s.root_test.p_value))
    at_one = 1 - 2 * s.root_test.p_value
    assert s.interval(at_one)[1] == pytest.approx(1.0, rel=1e-6)
    low, high = s.interval()
    assert low < s.largest_root < high
    assert f"interval {low:.4g} to {high:.4g}" in str(s)


def test_what_a_fit_can_do():
    """Covariances, forecasts, tables and tests of a dynamic model with an error."""
    W, _ = two_weights()
    data = simulated(np.random.default_rng(8), W, 7, rho=0.2, theta=0.5, twoway=False)
    last = data["t"].max()
    past = data[data["t"] < last]
    for model in ("sem", "sdem", "sac", "gns"):
        fit = getattr(sp, model)("y ~ x", past, frame(W), **KEYS, effects="entity", lags="y")
        for kind in ("eim", "robust", "cluster"):
            assert (fit.with_vcov(kind).std_errors / fit.std_errors).between(0.3, 3).all()
        assert np.isfinite(fit.with_vcov("driscoll_kraay").std_errors).all()
        ahead = fit.forecast(data[data["t"] == last])
        assert (ahead.table["conf_low"] < ahead.predicted).all()
        assert "Long-run direct effects" in str(sp.etable([fit], effects=True))
        assert "lag(y)" in str(sp.etable([fit]))
        assert sp.wald_test(fit, against="static").null == "tau = 0"
        assert f"dynamic {fit.specification.name}" in str(fit)


def test_the_variance_of_a_forecast_has_the_errors_filter():
    """One period ahead, many periods behind: sigma2 diag(B^-1 B^-1') of a sem, from a dense inverse."""
    W, _ = two_weights()
    data = simulated(np.random.default_rng(9), W, 60, lam=0.6)
    past, new = data[data["t"] < data["t"].max()], data[data["t"] == data["t"].max()]
    fit = sp.sem("y ~ x", past, frame(W), **KEYS, effects="entity", lags="y")
    table = fit.forecast(new).table
    B = np.linalg.inv(np.eye(12) - fit.lam * W)
    p, d = fit.params, fit._design
    c = (d.y - p["lag(y)"] * d.past - p["x"] * d.X[:, :, d.names.index("x")]).mean(axis=0)
    want = p["lag(y)"] * d.y[-1] + p["x"] * new["x"].to_numpy() + c
    np.testing.assert_allclose(table["estimate"], want, rtol=1e-9)
    ratio = table["std_error"].to_numpy() ** 2 / (fit.sigma2 * np.diag(B @ B.T))
    assert ((ratio > 1.0) & (ratio < 1.15)).all()


def test_refused(sample):
    """By name, with the way round."""
    data, W, _ = sample
    options = {**KEYS, "lags": "y"}
    with pytest.raises(SpatialInputError, match=r"E501.*SEM has a spatial error.*\n.*sar, sdm"):
        sp.sem("y ~ x", data, frame(W), **options, effects="entity", method="gmm")
    with pytest.raises(SpatialInputError, match=r"E501.*corrects for unit effects"):
        sp.sac("y ~ x", data, frame(W), **options, effects="time", method="aqs")
    with pytest.raises(SpatialInputError, match=r"E501.*correction itself"):
        sp.sac("y ~ x", data, frame(W), **options, effects="entity", method="aqs", correction=False)
    with pytest.raises(SpatialInputError, match=r"E501.*random effects"):
        sp.gns("y ~ x", data, frame(W), **options, effects="random")
