"""Any number of ways of effects behind |: dense least squares, dense likelihoods, other packages, laws, errors."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import spatial as sp
import weights as wt
from spatial.design import projection
from spatial.design.grammar import WayTerm
from spatial.design.projection import Projection
from spatial.design.ways import Way
from spillover.errors import SpatialInputError

from ..models.test_weighted_moving import same_as_double_loop

N, T, REGIONS = 24, 7, 4
KEYS = {"entity": "i", "time": "t"}
BEHIND = ["i + t + r^t", "i + r^t", "i + j", "i + t + j", "i + t + j + k", "r^t + j^t", "i[t] + t", "i + t[z]",
          "i[[t]] + t", "r[t, z] + i + j"]  # fmt: skip


def ring(regions: int = 1) -> np.ndarray:
    """Neighbors on a circle; of each region's own units."""
    n = N // regions
    one = np.roll(np.eye(n), 1, axis=1) + np.roll(np.eye(n), -1, axis=1)
    return np.kron(np.eye(regions), one) / 2


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(5)
    frame = pd.DataFrame([(i, t) for i in range(N) for t in range(T)], columns=["i", "t"])
    frame["r"] = frame["i"] // (N // REGIONS)
    frame["j"], frame["k"] = rng.integers(0, 5, N * T), rng.integers(0, 4, N * T)
    frame["z"] = rng.normal(size=N * T)
    frame["x"] = rng.normal(size=N * T) + 0.3 * frame["j"] + 0.1 * frame["i"]
    frame["y"] = frame["x"] + 0.4 * frame["j"] + 0.1 * frame["r"] * frame["t"] + rng.normal(size=N * T)
    return frame


@pytest.fixture(scope="module")
def gaps(data):
    return data[np.random.default_rng(6).random(len(data)) > 0.15]


@pytest.mark.parametrize("by", ["entity", "r", "t"])
@pytest.mark.parametrize(("model", "behind"), [("sar", "i + t + r^t"), ("sdm", "i + j"), ("sac", "i[t]"),
                                               ("sem", "i + r^t")])  # fmt: skip
def test_variances_by_group_are_the_double_loop(data, gaps, model, behind, by):
    """The dummies themselves off both sides of every quadratic form, and in the hat matrix."""
    frame, more = (gaps, {"missing": "period"}) if behind == "i + j" else (data, {})
    same_as_double_loop(getattr(sp, model)(f"y ~ x | {behind}", frame, weights_of(ring()), **KEYS, **more), by)


def weights_of(W):
    return wt.from_dense(W, ids=list(range(N)))


def dense(frame, behind) -> np.ndarray:
    """All dummies and slopes of the ways, by hand."""
    columns = []
    for way in behind.split(" + "):
        names, _, slopes = way.partition("[")
        group = frame[names.split("^")].astype(str).agg("|".join, axis=1)
        D = pd.get_dummies(group).to_numpy(float)
        level = not slopes.startswith("[")
        columns += [D] * level + [D * frame[[s]].to_numpy(float) for s in slopes.strip("[]").split(", ") if s]
    return np.concatenate(columns, axis=1)


def annihilator(D) -> tuple[np.ndarray, int]:
    U, size, _ = np.linalg.svd(D, full_matrices=False)
    U = U[:, size > 1e-8 * size[0]]
    return np.eye(len(D)) - U @ U.T, U.shape[1]


@pytest.mark.parametrize("behind", BEHIND)
@pytest.mark.parametrize("uneven", [False, True])
def test_least_squares_with_dummies(data, gaps, behind, uneven):
    frame = gaps if uneven else data
    fit = sp.ols(f"y ~ x + z | {behind}" if "z" not in behind else f"y ~ x | {behind}", frame, weights_of(ring()),
                 missing="period" if uneven else "error", **KEYS)  # fmt: skip
    D, own = dense(frame, behind), [name for name in ("x", "z") if name in fit.params]
    b = np.linalg.lstsq(np.column_stack([frame[own], D]), frame["y"], rcond=None)[0][: len(own)]
    np.testing.assert_allclose(fit.params[own], b, rtol=1e-9)
    assert fit.df_resid == len(frame) - np.linalg.matrix_rank(D, tol=1e-8) - len(fit.params)


def test_slopes_alone_keep_the_intercept(data):
    fit = sp.ols("y ~ x | i[[t]]", data, weights_of(ring()), **KEYS)
    assert list(fit.params.index) == ["Intercept", "x"]
    D = np.column_stack([np.ones(len(data)), data["x"], pd.get_dummies(data["i"]).to_numpy(float)
                         * data[["t"]].to_numpy()])  # fmt: skip
    np.testing.assert_allclose(fit.params, np.linalg.lstsq(D, data["y"], rcond=None)[0][:2], rtol=1e-9)


@pytest.mark.parametrize("behind", ["i + t + j", "j^k + t", "i + j + k"])
def test_absorbing_ls(data, behind):
    """linearmodels' AbsorbingLS, to 8 digits."""
    AbsorbingLS = pytest.importorskip("linearmodels.iv.absorbing").AbsorbingLS
    absorb = pd.DataFrame({way: pd.Categorical(data[way.split("^")].astype(str).agg("|".join, axis=1))
                           for way in behind.split(" + ")})  # fmt: skip
    peer = AbsorbingLS(data["y"], data[["x", "z"]], absorb=absorb, drop_absorbed=True).fit(cov_type="unadjusted")
    fit = sp.ols(f"y ~ x + z | {behind}", data, weights_of(ring()), **KEYS)
    np.testing.assert_allclose(fit.params, peer.params, rtol=1e-8)


@pytest.mark.parametrize("behind", ["i + t", "i + j", "t + j + k", "j^k + t", "i + r^t", "i + t + r^t"])
@pytest.mark.parametrize(("vcov", "theirs"), [("oim", "iid"), ("hc1", "HC1"), ("cluster", {"CRV1": "i"}),
                                              (sp.Cluster("r"), {"CRV1": "r"}),
                                              (sp.Cluster("j"), {"CRV1": "j"})])  # fmt: skip
def test_pyfixest(data, behind, vcov, theirs):
    """Standard errors of pyfixest; where it takes one degree of freedom per way beyond the first for redundant and the
    ways have more in common, the ratio of the degrees of freedom."""
    pf = pytest.importorskip("pyfixest")
    if vcov == "hc1" and "i" in behind.split(" + "):
        pytest.skip("refused with unit effects")
    peer = pf.feols(f"y ~ x + z | {behind}", data, vcov=theirs, fixef_rm="none", fixef_tol=1e-12)
    with pytest.warns(UserWarning, match="groups") if isinstance(vcov, sp.Cluster) else np.errstate():
        fit = sp.ols(f"y ~ x + z | {behind}", data, weights_of(ring()), vcov=vcov, **KEYS)
    np.testing.assert_allclose(fit.params, peer.coef(), rtol=1e-8)
    ratio = (fit.std_errors / peer.se()).to_numpy()
    if behind in ("i + t", "i + j", "j^k + t") or (behind == "t + j + k" and vcov == "cluster"):
        np.testing.assert_allclose(ratio, 1, rtol=1e-8)
    else:
        np.testing.assert_allclose(ratio, ratio[0], rtol=1e-8)
        assert ratio[0] <= 1 + 1e-9  # they count effects that are redundant


# -- likelihoods -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("behind", ["i + t + r^t", "i + j", "i[t] + t", "j + t"])
@pytest.mark.parametrize("model", ["sar", "sdm"])
@pytest.mark.parametrize("regions", [1, REGIONS])
def test_the_score_of_a_lag_has_mean_zero(data, behind, model, regions):
    """(W y)'M e / s2 = tr(M G) at the estimate, densely; and tr[M log(I - rho W)] is log|I - rho F'WF| where exact."""
    frame, W = data.sort_values(["t", "i"]), np.kron(np.eye(T), ring(regions))
    fit = getattr(sp, model)(f"y ~ x | {behind}", data, weights_of(ring(regions)), **KEYS)
    M, rank = annihilator(dense(frame, behind))
    y, X = frame["y"].to_numpy(), frame[["x"]].to_numpy()
    X = X if model == "sar" else np.column_stack([X, W @ X])
    e = M @ (y - fit.rho * W @ y - X @ fit.params.to_numpy()[: X.shape[1]])
    s2, G = e @ e / (len(y) - rank), W @ np.linalg.inv(np.eye(len(y)) - fit.rho * W)
    assert fit.sigma2 == pytest.approx(s2, rel=1e-8)
    assert (W @ y) @ M @ e / s2 == pytest.approx(np.trace(M @ G), abs=1e-5)
    values, vectors = np.linalg.eigh(M)
    F = vectors[:, values > 0.5]
    if np.abs(M @ W @ (np.eye(len(y)) - M)).max() < 1e-10:
        logdet = np.linalg.slogdet(np.eye(F.shape[1]) - fit.rho * F.T @ W @ F)[1]
        n = len(y) - rank
        assert fit.loglik == pytest.approx(-n / 2 * (np.log(2 * np.pi * s2) + 1) + logdet, abs=1e-7)
        assert "by transformation" in fit.summary()
    else:
        assert "by the mean of the score" in fit.summary()


@pytest.mark.parametrize("regions", [1, REGIONS])
@pytest.mark.parametrize("model", ["sem", "sdem"])
def test_the_likelihood_of_an_error_is_free_of_the_effects(data, model, regions):
    """The likelihood of what is orthogonal to the dummies (Harville 1974), densely."""
    frame, W = data.sort_values(["t", "i"]), np.kron(np.eye(T), ring(regions))
    fit = getattr(sp, model)("y ~ x | i + t + r^t", data, weights_of(ring(regions)), **KEYS)
    values, vectors = np.linalg.eigh(annihilator(dense(frame, "i + t + r^t"))[0])
    F = vectors[:, values > 0.5]
    X = frame[["x"]].to_numpy()
    y, X = F.T @ frame["y"], F.T @ (X if model == "sem" else np.column_stack([X, W @ X]))

    def loglik(lam):
        B = np.eye(len(W)) - lam * W
        V = F.T @ np.linalg.inv(B.T @ B) @ F
        L = np.linalg.cholesky(V)
        a, A = np.linalg.solve(L, y), np.linalg.solve(L, X)
        e = a - A @ np.linalg.lstsq(A, a, rcond=None)[0]
        return -len(y) / 2 * (np.log(2 * np.pi * e @ e / len(y)) + 1) - np.log(np.diag(L)).sum()

    assert fit.loglik == pytest.approx(loglik(fit.lam), abs=1e-6)
    assert max(loglik(fit.lam - 1e-3), loglik(fit.lam + 1e-3)) < loglik(fit.lam)


def test_dummies_without_correction(data):
    """correction=False is the likelihood with dummies."""
    fit = sp.sar("y ~ x | i + j", data, weights_of(ring()), correction=False, **KEYS)
    frame, W = data.sort_values(["t", "i"]), np.kron(np.eye(T), ring())
    M, _ = annihilator(dense(frame, "i + j"))
    y = frame["y"].to_numpy()
    e = M @ (y - fit.rho * W @ y - frame["x"].to_numpy() * fit.params["x"])
    G = W @ np.linalg.inv(np.eye(len(y)) - fit.rho * W)
    assert (W @ y) @ M @ e / (e @ e / len(y)) == pytest.approx(np.trace(G), abs=1e-5)


# -- laws --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", ["ols", "sdm"])
def test_what_changes_nothing(data, model):
    """The order of the ways, other labels, another order of rows, a constant added to y, a way nested in another."""
    estimate, w = getattr(sp, model), weights_of(ring())
    want = estimate("y ~ x | i + t + r^t", data, w, **KEYS)
    others = [("y ~ x | r^t + t + i", data), ("y ~ x | i + r^t", data), ("y ~ x | i + r^t + r + t^r", data),
              ("y ~ x | i + t + r^t", data.assign(r=data["r"].map({0: "d", 1: "a", 2: "c", 3: "b"}))),
              ("y ~ x | i + t + r^t", data.sample(frac=1, random_state=1)),
              ("y ~ x | i + t + r^t", data.assign(y=data["y"] + 1000))]  # fmt: skip
    for formula, frame in others:
        fit = estimate(formula, frame, w, **KEYS)
        np.testing.assert_allclose(fit.params, want.params, rtol=1e-7)
        np.testing.assert_allclose(fit.std_errors, want.std_errors, rtol=1e-7)
        assert fit.df_resid == want.df_resid


def test_two_ways_of_units_and_periods_are_the_same_road(data, gaps):
    w = weights_of(ring())
    for frame, options in ((data, {}), (gaps, {"missing": "period"})):
        want = sp.ols("y ~ x + z", frame, w, effects="twoway", **KEYS, **options)
        bar = sp.ols("y ~ x + z | i + t", frame, w, **KEYS, **options)
        np.testing.assert_array_equal(bar.params, want.params)
        assert bar._settings.effects == want._settings.effects
        more = sp.ols("y ~ x + z | i + t + q", frame.assign(q=frame["i"] % 3), w,
                      **KEYS, **options)  # fmt: skip
        np.testing.assert_allclose(more.params, want.params, rtol=1e-10)
        np.testing.assert_allclose(more.std_errors, want.std_errors, rtol=1e-10)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 4), st.booleans())
def test_rank_and_projection_of_random_ways(seed, number, blocks):
    rng, m = np.random.default_rng(seed), 90
    ways = []
    for k in range(number):
        codes = rng.integers(0, rng.integers(2, 25), m) * 2 + (np.arange(m) > m // 2) * blocks
        ways.append(Way(WayTerm((f"g{k}",)), np.unique(codes, return_inverse=True)[1], np.empty((m, 0))))
    D = np.concatenate([way.columns.toarray() for way in ways], axis=1)
    M, rank = annihilator(D)
    x = rng.normal(size=(m, 2)) + 100
    P = Projection(ways)
    np.testing.assert_allclose(P(x), M @ x, atol=1e-8)
    assert P.rank == rank
    dense_limit, projection.DENSE = projection.DENSE, 0
    try:
        assert Projection(ways).rank == rank
    finally:
        projection.DENSE = dense_limit


def test_a_cross_section_has_groups(data):
    one = data[data["t"] == 0].set_index("i")
    fit = sp.sar("y ~ x | r", one, weights_of(ring()))
    assert "r effects" in fit.summary()
    assert fit.df_resid == N - REGIONS - 2
    b = sp.ols("y ~ x | r", one, weights_of(ring())).params["x"]
    assert b == pytest.approx(sp.ols("y ~ x + C(r)", one, weights_of(ring())).params["x"], rel=1e-10)


def test_single_rows_are_kept_counted_and_named(data):
    alone = data.assign(j=data["j"].where(data.index != 3, 99))
    fit = sp.ols("y ~ x | i + j", alone, weights_of(ring()), **KEYS)
    without = sp.ols("y ~ x | i + j", alone.drop(index=3), weights_of(ring()), missing="period", **KEYS)
    assert "1 of 6 groups of j have one row" in fit.summary()
    np.testing.assert_allclose(fit.params, without.params, rtol=1e-10)
    np.testing.assert_allclose(fit.std_errors, without.std_errors, rtol=1e-10)
    assert fit.df_resid == without.df_resid


def test_predictions_hold_the_effects(data):
    fit = sp.sdm("y ~ x | i + t + r^t", data, weights_of(ring()), **KEYS)
    trend = fit.predict(kind="trend").reindex(pd.MultiIndex.from_frame(data[["i", "t"]])).to_numpy()
    lag = ring()[data["i"]] @ data.pivot(index="i", columns="t", values="y").to_numpy()
    e = data["y"] - fit.rho * lag[np.arange(len(data)), data["t"]] - trend
    assert np.abs(e.groupby([data["r"], data["t"]]).mean()).max() < 1e-9
    assert np.abs(e.groupby(data["i"]).mean()).max() < 1e-9


def test_difference_in_differences_by_region(data):
    frame = data.assign(d=((data["i"] % 3 == 0) & (data["t"] >= 4)) * 1.0)
    for method in ("twfe", "imputation"):
        want = sp.did("y ~ d + x", frame, method=method, period_by="r", **KEYS)
        for behind in ("i + t + r^t", "i + t^r + t"):
            fit = sp.did(f"y ~ d + x | {behind}", frame, method=method)
            assert (fit.att, fit.std_error) == (want.att, want.std_error)
    b = sp.ols("y ~ d + x | i + r^t", frame, weights_of(ring()), **KEYS).params["d"]
    assert sp.did("y ~ d + x | i + t + r^t", frame, method="twfe").att == pytest.approx(b, rel=1e-9)
    with pytest.raises(SpatialInputError, match="E504"):
        sp.did("y ~ d + x | i + t + r^t + j^t", frame)


# -- at the door ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("formula", "code", "says"), [
    ("y ~ x | i + nowhere", "E502", "nowhere"), ("y ~ x | i^t", "E206", "i^t has one row"),
    ("y ~ x + q | i + r^t", "E208", "r^t behind | absorbs the regressor 'q'"), ("y ~ x | i +", "E504", "behind |"),
    ("y ~ x | i[t", "E504", "behind |"), ("y ~ x | log(x)", "E504", "behind |"), ("y ~ x | i[text]", "E203", "text"),
    ("y ~ x | i + hole", "E201", "hole"),
])  # fmt: skip
def test_errors(data, formula, code, says):
    frame = data.assign(q=data["r"] * data["t"], text="a", hole=data["j"].where(data.index > 2))
    with pytest.raises(SpatialInputError, match=code) as error:
        sp.ols(formula, frame, weights_of(ring()), **KEYS)
    assert says in str(error.value)


@pytest.mark.parametrize(("model", "options", "code"), [
    ("sar", {"lags": "y", "method": "aqs"}, "E501"),
    ("sar", {"method": "reml"}, "E501"), ("sem", {"method": "gmm", "vcov": "cluster"}, "E501"),
    ("sdm", {"correction": "additive"}, "E501"), ("sdm", {"vcov": "eim"}, "E501"),
    ("ols", {"vcov": "jackknife"}, "E501"),
])  # fmt: skip
def test_refusals_name_the_effects(data, model, options, code):
    with pytest.raises(SpatialInputError, match=code) as error:
        getattr(sp, model)("y ~ x | i + t + r^t", data, weights_of(ring()), **KEYS, **options)
    assert "i + t + r^t" in str(error.value)
    assert error.value.hint


def test_a_lag_and_an_error_where_no_link_leaves_a_region(data):
    fit = sp.sac("y ~ x | i + t + r^t", data, weights_of(ring(REGIONS)), **KEYS)
    assert "by transformation" in fit.summary()


def test_no_convergence_is_an_error(data, monkeypatch):
    monkeypatch.setattr(projection, "MAX_STEPS", 1)
    monkeypatch.setattr(projection, "ROUNDS", 1)
    with pytest.raises(SpatialInputError, match="E717"):
        sp.ols("y ~ x | i + j + k", data, weights_of(ring()), **KEYS)
