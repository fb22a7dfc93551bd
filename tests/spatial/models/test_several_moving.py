"""Several W that vary over time, and in panels with gaps: dense systems, laws, stacked periods."""

import numpy as np
import pandas as pd
import pytest

import spatial as sp
import weights as wt

from .. import naive
from .. import naive_moving as twin
from .. import naive_several as several_twin
from ..naive_regimes import gradient
from .test_estimators import PANEL, random_weights
from .test_regimes_moving import blocks
from .test_time_varying import nudged

N, T = 16, 4
IDS = [f"{i:02d}" for i in range(N)]
KEYS = {**PANEL, "missing": "period"}


def drawn(seed, *, gaps=0.0):
    """rho_1 = .4, rho_2 = .2, lambda = .4 under two W that move; some rows gone with ``gaps``."""
    rng = np.random.default_rng(seed)
    W, M = ([random_weights(rng, N) for _ in range(T)] for _ in range(2))
    w, m = (wt.temporal({t: wt.from_dense(one, ids=IDS) for t, one in enumerate(each)}) for each in (W, M))
    a, b, e = rng.standard_normal((3, T, N))
    shift = rng.standard_normal(N) + rng.standard_normal((T, 1))
    y = [np.linalg.solve(np.eye(N) - 0.4 * W[t] - 0.2 * M[t], 2 * a[t] - b[t] + 0.6 * W[t] @ a[t] + shift[t]
         + np.linalg.solve(np.eye(N) - 0.4 * M[t], e[t])) for t in range(T)]  # fmt: skip
    index = pd.MultiIndex.from_product([range(T), IDS], names=["t", "id"])
    frame = pd.DataFrame({"y": np.ravel(y), "a": a.ravel(), "b": b.ravel()}, index=index).reset_index()
    return frame[rng.random(len(frame)) >= gaps].reset_index(drop=True), [w, m]


def fitted(model, frame, ws, effects="twoway", **more):
    return getattr(sp, model)("y ~ a + b", frame, ws, **KEYS, effects=effects, **more)


def system(fit, frame, ws, effects):
    """What ``naive_moving.scores`` takes."""
    each = [twin.stacked(blocks(frame, w)) for w in ws]
    X = frame[["a", "b"]].to_numpy()
    X = X if effects != "none" else np.column_stack([np.ones(len(X)), X])
    for name in fit._sample.names[X.shape[1] :]:
        place, term = name.removeprefix("W_").split(":")
        X = np.column_stack([X, each[int(place) - 1] @ frame[term]])
    lag, error = fit._design.weights.lag, fit._design.weights.error
    return (frame["y"].to_numpy(), X, twin.dummies(frame["id"], frame["t"], effects), [each[m] for m in lag],
            [each[m] for m in error], np.zeros(len(frame), dtype=int))  # fmt: skip


# -- dense systems ---------------------------------------------------------------------------------------------

CASES = [("sdm", "none", 0.1), ("sar", "entity", 0.1), ("sar", "time", 0.0), ("sar", "twoway", 0.3),
         ("sem", "twoway", 0.1), ("sac", "entity", 0.1), ("sac", "twoway", 0.0)]  # fmt: skip


@pytest.mark.parametrize(("model", "effects", "gaps"), CASES)
def test_scores_of_all_rows_less_their_means_are_zero(model, effects, gaps):
    frame, ws = drawn(9 if model == "sem" else 1, gaps=gaps)
    fit = fitted(model, frame, ws, effects, **({"w_error": ws[1]} if model == "sac" else {}))
    y, X, D, lags, errors, groups = system(fit, frame, ws, effects)
    if effects in ("time", "twoway"):  # W lags deviations from period means
        J = naive.dummy_projection(frame["id"], frame["t"], "time")
        lags = [W @ J for W in lags]
    score, beta = twin.scores(fit.rhos.to_numpy(), fit.lambdas.to_numpy(), np.log([fit.sigma2]), y, X, D, lags, errors,
                              groups)  # fmt: skip
    assert score == pytest.approx(0, abs=2e-4)
    assert fit.params.to_numpy()[: len(beta)] == pytest.approx(beta, abs=1e-7)


def test_without_correction_it_is_the_likelihood_with_dummies():
    frame, ws = drawn(2, gaps=0.1)
    fit = fitted("sac", frame, ws, correction=False, w_error=ws[1])
    y, X, D, lags, errors, groups = system(fit, frame, ws, "twoway")
    Z = np.column_stack([X, D])

    def loglik(psi):
        rho, lam, s = np.split(psi, [2, 3])
        value = twin.restricted(rho, lam, s, y, Z, np.zeros((len(y), 0)), lags, errors, groups)
        return value + np.linalg.slogdet(twin.filters(rho, lam, lags, errors)[0])[1] - len(y) / 2 * np.log(2 * np.pi)

    psi = np.concatenate([fit.rhos, fit.lambdas, [np.log(fit.sigma2)]])
    assert fit.loglik == pytest.approx(loglik(psi), abs=1e-8)
    assert gradient(loglik, psi) == pytest.approx(0, abs=1e-4)


# -- laws ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("model", "effects"), [("sar", "twoway"), ("sdem", "entity"), ("sac", "twoway")])
def test_copies_of_matrices_are_these_matrices(model, effects):
    frame, ws = drawn(3)
    ones = [pd.DataFrame(w[1].csr.toarray(), index=w.ids, columns=w.ids) for w in ws]
    moving = [nudged(one, range(T)) for one in ones]
    a, b = (fitted(model, frame, own, effects, **({"w_error": own[1]} if model == "sac" else {}))
            for own in (ones, moving))  # fmt: skip
    assert (a._design.varies, b._design.varies) == (False, True)
    np.testing.assert_allclose(b.params, a.params, atol=1e-6)
    np.testing.assert_allclose(b.std_errors, a.std_errors, rtol=1e-4)
    assert b.loglik == pytest.approx(a.loglik, abs=1e-6)
    np.testing.assert_allclose(b.with_vcov("robust").std_errors, a.with_vcov("robust").std_errors, rtol=0.02)
    for table in ("tidy", "by_channel"):
        mine, theirs = (getattr(x.effects(method="delta"), table)() for x in (b, a))
        np.testing.assert_allclose(mine["estimate"], theirs["estimate"], atol=1e-6)
        np.testing.assert_allclose(mine["std_error"], theirs["std_error"], rtol=1e-4, atol=1e-8)
    # beside an error under one M the effects are means of u, under M that vary by generalised least squares
    for kind in ("TS",) if model == "sac" else ("TS", "TC", "BP", "trend"):
        np.testing.assert_allclose(b.predict(kind=kind), a.predict(kind=kind), atol=1e-6)


@pytest.mark.parametrize("model", ["slx", "sdm"])
def test_pooled_periods_are_a_cross_section_of_all_rows(model):
    frame, ws = drawn(4, gaps=0.1)
    fit = fitted(model, frame, ws, "none")
    labels = [f"{i}-{t}" for i, t in zip(frame["id"], frame["t"])]
    flat = frame.drop(columns="t").rename(columns={"id": "unit"}).set_index(pd.Index(labels))
    stacked = [wt.from_dense(twin.stacked(blocks(frame, w)), ids=labels) for w in ws]
    other = getattr(sp, model)("y ~ a + b", flat, stacked)
    np.testing.assert_allclose(fit.params, other.params, atol=1e-6)
    np.testing.assert_allclose(fit.std_errors, other.std_errors, rtol=1e-5)
    assert fit.loglik == pytest.approx(other.loglik, abs=1e-7)
    if model == "sdm":
        mine, theirs = fit.with_vcov("cluster"), other.with_vcov(sp.Cluster("unit"))
        np.testing.assert_allclose(mine.std_errors, theirs.std_errors, rtol=1e-5)
    for table in ("tidy", "by_channel"):
        a, b = (getattr(one.effects(), table)() for one in (fit, other))
        pd.testing.assert_frame_equal(a, b, rtol=1e-3, atol=1e-5)


def test_one_of_them_may_be_the_same_in_all_periods():
    frame, ws = drawn(5)
    still = ws[1][0]
    fit = fitted("sar", frame, [ws[0], still], "entity")
    copies = wt.temporal({t: wt.from_dense(still.csr.toarray() * (1 + 1e-14 * t), ids=IDS) for t in range(T)})
    other = fitted("sar", frame, [ws[0], copies], "entity")
    np.testing.assert_allclose(fit.params, other.params, atol=1e-7)
    np.testing.assert_allclose(fit.std_errors, other.std_errors, rtol=1e-6)


# -- effects ---------------------------------------------------------------------------------------------------


def test_effects_of_each_period_are_dense_and_average_to_the_whole():
    frame, ws = drawn(6, gaps=0.1)
    fit = fitted("sdm", frame, ws)
    effects = fit.effects(method="delta")
    table, whole, rows = effects.by_period(), np.zeros(9), 0
    thetas = fit.params[["W_1:a", "W_2:a"]].to_numpy()
    for t, matrices in enumerate(zip(*(blocks(frame, w) for w in ws))):
        dense = several_twin.effects(fit.params["a"], thetas, fit.rhos.to_numpy(), matrices)
        own = table[(table["period"] == t) & (table["term"] == "a")]["estimate"]
        np.testing.assert_allclose(own, dense[:3], atol=1e-9)
        S = several_twin.responses(fit.params["a"], thetas, fit.rhos.to_numpy(), matrices)
        np.testing.assert_allclose(effects.matrix("a", period=t), S, atol=1e-9)
        whole, rows = whole + len(S) * dense, rows + len(S)
    np.testing.assert_allclose(effects.tidy().query("term == 'a'")["estimate"], whole[:3] / rows, atol=1e-9)
    channels = effects.by_channel().query("term == 'a'")["estimate"]
    np.testing.assert_allclose(channels, whole[3:] / rows, atol=1e-9)
    np.testing.assert_allclose(sp.slopes(fit, "a").tidy()["estimate"], whole[:3] / rows, atol=1e-9)
    raised = sp.what_if(fit, "a", change=1.0, period=2)
    np.testing.assert_allclose(raised.table["estimate"], effects.matrix("a", period=2).sum(axis=1), atol=1e-9)


@pytest.mark.parametrize(("options", "code"), [({"method": "gmm"}, "E320"), ({"obs_weights": "a2"}, "E540")])
def test_what_is_not_there_is_refused(options, code):
    frame, ws = drawn(7)
    with pytest.raises(sp.SpatialInputError, match=code):
        fitted("sar", frame.assign(a2=frame["a"] ** 2), ws, **options)


def test_a_forecast_needs_the_weights_of_the_new_periods():
    frame, ws = drawn(8)
    fit = fitted("sar", frame, ws, "entity")
    new = frame[frame["t"] == 3].assign(t=4).drop(columns="y")
    with pytest.raises(sp.SpatialInputError, match="E320"):
        fit.forecast(new)
    table = fit.forecast(new, [w[3] for w in ws]).table
    unit = fit.forecast(new.assign(a=new["a"] + 1), [w[3] for w in ws]).table["estimate"] - table["estimate"]
    np.testing.assert_allclose(unit.to_numpy(), fit.effects().matrix("a", period=3).sum(axis=1).to_numpy(), atol=1e-8)


# -- without rho and lambda ------------------------------------------------------------------------------------


@pytest.mark.parametrize("effects", ["time", "twoway"])
def test_slx_takes_out_all_effects(effects):
    """Least squares with dummies; copies of one W each are these W; a path that all units share changes nothing."""
    frame, ws = drawn(3, gaps=0.12)
    fit = fitted("slx", frame, ws, effects)
    y, X, D, *_ = system(fit, frame, ws, effects)
    Z = np.column_stack([X, D])
    beta, _, rank, _ = np.linalg.lstsq(Z, y, rcond=None)
    np.testing.assert_allclose(fit.params, beta[: X.shape[1]], atol=1e-9)
    assert fit.df_resid == len(y) - rank
    moved = fitted("slx", frame.assign(y=frame["y"] + 30 * frame["t"] ** 1.5), ws, effects)
    np.testing.assert_allclose(moved.std_errors, fit.std_errors, rtol=1e-8)

    whole, ws = drawn(3)
    ones = [pd.DataFrame(w[1].csr.toarray(), index=w.ids, columns=w.ids) for w in ws]
    a, b = (fitted("slx", whole, each, effects) for each in (ones, [nudged(one, range(T)) for one in ones]))
    np.testing.assert_allclose(b.params, a.params, atol=1e-8)
    assert b.loglik == pytest.approx(a.loglik, abs=1e-6)
