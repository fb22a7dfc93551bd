"""Dynamic panels with entry, exit and gaps: against the stacked system, balanced panels, and samples."""

import numpy as np
import pandas as pd
import pytest

import spatial as sp
from spatial.covariance.information import observed
from spatial.covariance.scores import scores
from spatial.design.fixed_effects import FixedEffects
from spatial.solve.dynamic_gaps import GapScore
from spatial.solve.dynamic_varying import traces
from spillover.errors import SpatialInputError

from .. import naive_dynamic_gaps as naive
from .test_dynamic_varying import KEYS, RHO, matrices, temporal

TAU, ETA = 0.4, -0.1


def pattern(T, n, seed=0, share=0.15):
    """Who is there: entries, exits and holes, everybody at least twice in a row."""
    rng = np.random.default_rng(seed)
    there = rng.random((T, n)) > share
    for i in range(n):
        t = rng.integers(0, T - 1)
        there[t : t + 2, i] = True
    return there


def drawn(W, seen, seed=0, period=1.0, holes_go_on=False):
    """Frame of the model among those who are there; who enters starts anywhere, but answers to its neighbors."""
    rng = np.random.default_rng(seed)
    T, n = seen.shape
    x, e = rng.standard_normal((2, T, n))
    c, start = rng.standard_normal(n), rng.standard_normal((T, n))
    y, alone = np.full((T, n), np.nan), np.zeros(n)
    for t in range(T):
        here = seen[t]
        mean = x[t] + c + period * rng.standard_normal() + e[t]
        past = TAU * (c / (1 - TAU) + start[t])
        if t:
            own = np.where(seen[t - 1], np.nan_to_num(y[t - 1]), alone)
            there = seen[t - 1] | holes_go_on
            past = np.where(there, TAU * own + ETA * W[t - 1] @ np.nan_to_num(y[t - 1]), past)
        now = np.linalg.solve(np.eye(n) - RHO * W[t], mean + past)
        alone = now
        y[t] = np.where(here, now, np.nan)
    ids = [f"u{i:03d}" for i in range(n)]
    frame = pd.DataFrame({"id": ids * T, "t": np.repeat(range(T), n), "x": x.ravel(), "y": y.ravel()})
    return frame[seen.ravel()], y, x


@pytest.fixture(scope="module")
def small():
    """16 units, 7 periods, 15 % missing."""
    n, T = 16, 7
    seen = pattern(T, n, seed=7)
    whole = matrices(n, 1, seed=3)[0]
    W = np.stack([naive.cut(whole, there) for there in seen])
    frame, y, x = drawn(W, seen, seed=7)
    return frame, y, x, W, seen, temporal(whole[None]).matrices[0].standardize("row")


@pytest.mark.parametrize("time", [False, True])
def test_the_mean_of_the_score_is_that_of_the_stacked_system(small, time):
    *_, W, seen, _ = small
    rows = seen[1:] & seen[:-1]
    rows[:, 2] = False  # a unit that is a neighbor only
    score = GapScore(temporal(W[1:]), rows, FixedEffects(True, time), [0, 1])
    expected = naive.score_means(W[1:], rows, RHO, TAU, ETA, True, time)
    assert score.means(RHO, TAU, ETA) == pytest.approx(expected, rel=1e-10)
    assert score.left == round(np.trace(naive.projection(rows, True, time)))


@pytest.mark.parametrize("time", [False, True])
def test_without_gaps_it_is_that_of_a_balanced_panel(time):
    W = matrices(12, 5, seed=1)
    score = GapScore(temporal(W), np.ones((5, 12), dtype=bool), FixedEffects(True, time), [0, 1])
    expected = -np.array(traces(temporal(W), RHO, TAU, ETA, time=time))
    assert score.means(RHO, TAU, ETA) == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize(
    ("model", "lags", "effects", "correction"),
    [("sar", "both", "entity", True), ("sdm", "both", "twoway", True), ("sar", "y", "time", True),
     ("sar", "Wy", "twoway", True), ("sdm", "both", "entity", False), ("sdm", "y", "none", True),
     ("sar", "both", "twoway", False)],
)  # fmt: skip
def test_estimates_are_those_of_the_dense_twin(small, model, lags, effects, correction):
    frame, y, x, W, seen, w = small
    options = {"effects": effects, "lags": lags, "missing": "period", "correction": correction, **KEYS}
    fit = getattr(sp, model)("y ~ x", frame, w, **options)
    past = {"y": ("y",), "Wy": ("Wy",), "both": ("y", "Wy")}[lags]
    lag, durbin = model in ("sar", "sdm"), model in ("slx", "sdm")
    names = [{"y": "lag(y)", "Wy": "W:lag(y)"}[name] for name in past] + ["x"] + ["W:x"] * durbin
    names += ["Intercept"] * (effects == "none") + ["rho"] * lag
    near = np.append(fit.params[names], fit._solution.sigma2)
    options = {"lag": lag, "past": past, "corrected": correction, "durbin": durbin}
    twin = naive.estimates(y, x, W, seen, effects, start=near + 1e-3, **options)
    assert near == pytest.approx(twin, abs=2e-6)
    rows = seen[1:] & seen[:-1]
    left = round(np.trace(naive.projection(rows, False, effects in ("time", "twoway"))))
    assert fit._sample.n == (left if correction else rows.sum())


@pytest.fixture(scope="module")
def fit(small):
    frame, *_, w = small
    return sp.sdm("y ~ x", frame, w, effects="entity", lags="both", missing="period", **KEYS)


def averages(W, own, past, beta, theta):
    """Mean diagonal and mean row sum of (own I - past W)^-1 (beta I + theta W)."""
    eye = np.eye(len(W))
    S = np.linalg.solve(own * eye - past * W, beta * eye + theta * W)
    return np.trace(S) / len(W), S.sum() / len(W)


def test_effects_in_the_short_and_in_the_long_run(small, fit):
    """Units of every period, neighbors without a row among them; in the long run all units."""
    *_, W, seen, w = small
    p, effects = fit.params, fit.effects(method="delta")
    each = [averages(Wt[np.ix_(s, s)], 1, p["rho"], p["x"], p["W:x"]) for Wt, s in zip(W[1:], seen[1:])]
    mean = np.average(each, axis=0, weights=seen[1:].sum(axis=1))
    assert [effects.short_run.direct["x"], effects.short_run.total["x"]] == pytest.approx(mean, rel=1e-9)
    whole = w.csr.toarray()
    expected = averages(whole, 1 - p["lag(y)"], p["rho"] + p["W:lag(y)"], p["x"], p["W:x"])
    assert [effects.long_run.direct["x"], effects.long_run.total["x"]] == pytest.approx(expected, rel=1e-9)
    path = effects.path(2).set_index(["change", "horizon", "effect"])["estimate"]
    assert path["transitory", 0, "total"] == pytest.approx(averages(whole, 1, p["rho"], p["x"], p["W:x"])[1])
    assert len(effects.short_run.by_unit("x", period=2)) == seen[2].sum()
    assert "all units" in str(fit.effects())


def test_a_fit_is_saved_with_the_w_of_all_units(fit, tmp_path):
    again = sp.load(sp.save(fit, tmp_path / "fit.zip"))
    assert again.params.to_numpy() == pytest.approx(fit.params.to_numpy(), rel=1e-9)
    assert again.std_errors.to_numpy() == pytest.approx(fit.std_errors.to_numpy(), rel=1e-9)


def test_robust_errors_add_up_scores_by_unit(small, fit):
    """J I^-1 (sum_i s_i s_i') I^-1 J' N / (N - 1), s_i the scores of a unit's rows; other kinds are positive."""
    seen = small[4]
    S, unit = scores(fit._sample, fit._solution), np.nonzero(seen[1:] & seen[:-1])[1]
    sums = np.array([S[unit == i].sum(axis=0) for i in np.unique(unit)])
    bread, J = np.linalg.inv(observed(fit._sample, fit._solution)), fit._solution.jacobian
    V = J @ (bread @ sums.T @ sums @ bread)[:-1, :-1] @ J.T * len(sums) / (len(sums) - 1)
    got = fit.with_vcov(sp.Robust(pairs=False)).vcov.to_numpy()
    assert got == pytest.approx(V, rel=1e-6)
    for kind in ("robust", "cluster", "driscoll_kraay", "jackknife"):
        assert (fit.with_vcov(kind).std_errors > 0).all()


def test_predictions_take_starting_values_as_they_are(small, fit):
    """Given who enters, the reduced form of the rows of a period is a system among them."""
    y, W, seen = small[1], small[3], small[4]
    rows = seen[1:] & seen[:-1]
    trend, reduced = (fit.predict(kind=kind).unstack().T.to_numpy()[rows] for kind in ("trend", "TC"))
    at, expected = 0, []
    for t, row in enumerate(rows):
        Wt, new = W[t + 1], seen[t + 1] & ~row
        right = trend[at : at + row.sum()] + fit.rho * Wt[np.ix_(row, new)] @ y[t + 1, new]
        expected.append(np.linalg.solve(np.eye(row.sum()) - fit.rho * Wt[np.ix_(row, row)], right))
        at += row.sum()
    assert reduced == pytest.approx(np.concatenate(expected), rel=1e-9)
    gap = fit._design.labelled(fit._design.y, "y") - fit.predict() - fit.resid
    assert np.abs(gap).max() < 1e-10


def test_lm_tests_have_starting_values_among_the_neighbors(small):
    """Scores of rho and lambda at zero, with their means, by dense matrices."""
    from spatial.diagnostics.lm import scores_of

    frame, y, _, W, seen, w = small
    fit = sp.ols("y ~ x", frame, w, effects="none", lags="both", missing="period", correction=False, **KEYS)
    at = scores_of(fit)
    rows = seen[1:] & seen[:-1]
    e = np.zeros(rows.shape)
    e[rows] = fit._solution.resid
    s2 = np.mean(fit._solution.resid ** 2)
    lagged, of_y = np.einsum("tij,tj->ti", W[1:], e), np.einsum("tij,tj->ti", W[1:], np.nan_to_num(y[1:]))
    assert at.error == pytest.approx((e * lagged).sum() / s2)
    assert at.lag == pytest.approx((e * of_y).sum() / s2)
    assert {test.name for test in sp.diagnose(fit)} >= {"Moran of residuals"}


@pytest.mark.parametrize(
    ("options", "code"),
    [({"method": "aqs"}, "E109.*or not in the period before"), ({"method": "reml"}, "E501.*not for a lagged response"),
     ({"effects": "random"}, "E501"), ({"correction": "additive"}, "E501")],
)
def test_what_is_refused(small, options, code):
    frame, *_, w = small
    with pytest.raises(SpatialInputError, match=code) as caught:
        sp.sar("y ~ x", frame, w, **{"lags": "both", "missing": "period", **KEYS, **options})
    assert caught.value.hint


def test_periods_that_nobody_has_stay_an_error(small):
    """A lag is one period long; between two periods somebody must be observed in both."""
    frame, *_, w = small
    with pytest.raises(SpatialInputError, match="E104"):
        sp.sar("y ~ x", frame[frame["t"] != 3], w, lags="y", missing="period", **KEYS)
    half = frame["id"] < "u008"
    apart = frame[(half & (frame["t"] < 3)) | (~half & (frame["t"] >= 3))]
    with pytest.raises(SpatialInputError, match="E108: lags='y': no unit is observed in 3"):
        sp.sar("y ~ x", apart, w, lags="y", missing="period", **KEYS)


def test_rows_in_any_order_and_units_that_are_neighbors_only(small):
    frame, *_, w = small
    never = frame[~((frame["id"] == "u003") & (frame["t"] % 2 == 1))]  # never twice in a row
    keys = {"lags": "both", "missing": "period", **KEYS}
    a = sp.sdm("y ~ x", never, w, **keys)
    b = sp.sdm("y ~ x", never.sample(frac=1, random_state=1), w, **keys)
    assert a.params.to_numpy() == pytest.approx(b.params.to_numpy(), rel=1e-9)
    assert "1 units have no such row and are neighbors only" in str(a)
    assert np.isfinite(a.with_vcov("cluster").std_errors).all()
    assert np.isfinite(a.glance()[["r2_within", "r2_between"]].to_numpy(float)).all()
