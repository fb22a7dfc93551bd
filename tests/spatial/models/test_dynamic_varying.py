"""Dynamic panels whose W differs between periods: against the stacked system, one W, and samples."""

import numpy as np
import pandas as pd
import pytest

import spatial as sp
import weights as wt
from spatial.logdet import logdet
from spatial.logdet.jacobian import Jacobian
from spatial.solve.dynamic import _traces_over_periods
from spatial.solve.dynamic_varying import traces
from spillover.errors import SpatialInputError

RHO, TAU, ETA = 0.3, 0.4, -0.1
KEYS = {"entity": "id", "time": "t"}


def matrices(n, T, seed=0, row=True):
    """Row-standardised W of four nearest neighbors, others in every period; or weights of any size."""
    rng = np.random.default_rng(seed)
    out = np.zeros((T, n, n))
    for t in range(T):
        places = rng.random((n, 2))
        D = np.linalg.norm(places[:, None] - places, axis=2) + np.diag(np.full(n, np.inf))
        out[t][np.arange(n)[:, None], np.argsort(D, axis=1)[:, :4]] = 1 / 4 if row else rng.uniform(0.1, 0.25, (n, 4))
    return out


def temporal(W):
    ids = [f"u{i:03d}" for i in range(W.shape[1])]
    return wt.TemporalWeights([wt.from_dense(one, ids) for one in W], pd.RangeIndex(len(W)))


def drawn(W, seed=0, unit=1.0, period=1.0):
    """Frame of y_t = rho W_t y_t + tau y_{t-1} + eta W_{t-1} y_{t-1} + x + effects + e, from y of the first period."""
    rng = np.random.default_rng(seed)
    T, n, _ = W.shape
    x, e = rng.standard_normal((2, T, n))
    c = unit * rng.standard_normal(n)
    y = np.empty((T, n))
    y[0] = rng.standard_normal(n) + c
    for t in range(1, T):
        mean = x[t] + c + period * rng.standard_normal() + TAU * y[t - 1] + ETA * W[t - 1] @ y[t - 1]
        y[t] = np.linalg.solve(np.eye(n) - RHO * W[t], mean + e[t])
    frame = pd.DataFrame({"id": [f"u{i:03d}" for i in range(n)] * T, "t": np.repeat(range(T), n), "x": x.ravel()})
    return frame.assign(y=y.ravel()), y, x


@pytest.mark.parametrize("row", [True, False])
@pytest.mark.parametrize("time", [False, True])
def test_the_bias_of_the_score_is_that_of_the_stacked_system(time, row):
    n, T = 8, 5
    W = matrices(n, T, seed=1, row=row)
    # y = L e of all periods at once: the stacked system with y_0 fixed
    S = np.eye(n * T)
    for t in range(T):
        here = slice(t * n, (t + 1) * n)
        S[here, here] -= RHO * W[t]
        if t:
            S[here, (t - 1) * n : t * n] -= TAU * np.eye(n) + ETA * W[t - 1]
    L = np.linalg.inv(S)
    before = np.vstack([np.zeros((n, n * T)), L[:-n]])
    lagged = np.vstack([np.zeros((n, n * T)), *(W[t] @ L[t * n : (t + 1) * n] for t in range(T - 1))])
    now = np.vstack([W[t] @ L[t * n : (t + 1) * n] for t in range(T)])
    J = np.eye(n) - time / n
    means = np.kron(np.full((T, T), 1 / T), J)  # what unit means take off, period effects out
    expected = [np.trace(means @ part) for part in (before, lagged, now)]
    assert traces(temporal(W), RHO, TAU, ETA, time=time) == pytest.approx(expected, rel=1e-10)


def test_with_one_w_it_is_the_sum_over_the_periods():
    W = np.repeat(matrices(12, 1, seed=2), 6, axis=0)
    weights = temporal(W).matrices[0]
    expected = _traces_over_periods(Jacobian(logdet(weights), 6), weights, RHO, TAU, ETA)
    assert traces(temporal(W), RHO, TAU, ETA, time=False) == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize("effects", ["none", "entity", "time", "twoway"])
def test_the_maximum_before_the_correction_is_that_of_the_dense_likelihood(effects):
    n, T = 14, 7
    W = matrices(n, T, seed=3)
    frame, y, x = drawn(W, seed=3)
    fit = sp.sdm("y ~ x", frame, temporal(W), effects=effects, lags="both", correction=False, **KEYS)
    now, before = y[1:], y[:-1]
    past = np.einsum("tij,tj->ti", W[:-1], before)
    Z = np.stack([before, past, x[1:], np.einsum("tij,tj->ti", W[1:], x[1:])], axis=2).reshape(n * (T - 1), -1)
    dummies = [np.kron(np.ones((T - 1, 1)), np.eye(n))] * ("entity" in effects or effects == "twoway")
    dummies += [np.kron(np.eye(T - 1), np.ones((n, 1)))] * (effects in ("time", "twoway"))
    D = np.column_stack([np.ones((n * (T - 1), 1)), *dummies])
    M = np.eye(len(D)) - D @ np.linalg.pinv(D)
    Wy = np.einsum("tij,tj->ti", W[1:], now).ravel()

    def minus(rho):
        r, X = M @ (now.ravel() - rho * Wy), M @ Z
        e = r - X @ np.linalg.lstsq(X, r, rcond=None)[0]
        return len(r) / 2 * np.log(e @ e) - sum(np.linalg.slogdet(np.eye(n) - rho * one)[1] for one in W[1:])

    near = fit.rho + np.array([-1e-3, 0.0, 1e-3])
    low, here, high = (minus(rho) for rho in near)
    assert fit.rho == pytest.approx(near[1] + 1e-3 * (low - high) / (2 * (low - 2 * here + high)), abs=1e-6)
    r, X = M @ (now.ravel() - fit.rho * Wy), M @ Z
    names = ["lag(y)", "W:lag(y)", "x", "W:x"]
    assert fit.params[names].to_numpy() == pytest.approx(np.linalg.lstsq(X, r, rcond=None)[0], abs=1e-8)


@pytest.mark.slow
@pytest.mark.parametrize("effects", ["entity", "twoway"])
def test_the_correction_takes_off_most_of_the_bias(effects):
    n, T, samples = 30, 8, 120
    W = matrices(n, T, seed=4)
    w = temporal(W)
    errors = []
    for r in range(samples):
        frame, *_ = drawn(W, seed=100 + r, period=effects == "twoway")
        fits = [sp.sar("y ~ x", frame, w, effects=effects, lags="both", correction=c, **KEYS) for c in (True, False)]
        errors.append([fit.params[["lag(y)", "W:lag(y)", "rho"]] - [TAU, ETA, RHO] for fit in fits])
    corrected, raw = np.mean(errors, axis=0)
    assert abs(raw[0]) > 0.07  # Nickell's bias of tau, -(1 + tau) / T
    assert (np.abs(corrected) < 0.03).all()


def test_an_error_with_one_w():
    W = matrices(20, 8, seed=5)
    frame, *_ = drawn(W, seed=5)
    w = temporal(W)
    fit = sp.sac("y ~ x", frame, w, lags="y", w_error=w.mean().standardize("row"), **KEYS)
    assert {"lag(y)", "rho", "lambda"} <= set(fit.params.index)


@pytest.mark.parametrize(("model", "options", "code"), [
    ("sar", {"method": "aqs"}, "E320"), ("sem", {"method": "aqs"}, "E320"), ("sar", {"correction": "additive"}, "E501"),
])  # fmt: skip
def test_what_is_refused(model, options, code):
    W = matrices(10, 6, seed=6)
    frame, *_ = drawn(W, seed=6)
    with pytest.raises(SpatialInputError, match=code) as caught:
        getattr(sp, model)("y ~ x", frame, temporal(W), lags="both", **KEYS, **options)
    assert caught.value.hint


def test_there_is_a_short_run_and_no_long_one():
    W = matrices(12, 6, seed=7)
    frame, *_ = drawn(W, seed=7)
    fit = sp.sdm("y ~ x", frame, temporal(W), lags="both", **KEYS)
    S = [np.linalg.solve(np.eye(12) - fit.rho * one, fit.params["x"] * np.eye(12) + fit.params["W:x"] * one)
         for one in W[1:]]  # fmt: skip
    effects = fit.effects()
    assert effects.short_run.total["x"] == pytest.approx(np.mean([one.sum() / 12 for one in S]))
    assert effects.short_run.direct["x"] == pytest.approx(np.mean([np.trace(one) / 12 for one in S]))
    assert effects.no_long_run
    assert set(effects.tidy()["effect"]) == {"short-run direct", "short-run indirect", "short-run total"}
    largest = max(np.abs(np.linalg.eigvals(np.linalg.solve(np.eye(12) - fit.rho * one, fit.params["lag(y)"] * np.eye(12)
                  + fit.params["W:lag(y)"] * one))).max() for one in W[1:])  # fmt: skip
    assert fit.stationarity.largest_root == pytest.approx(largest, rel=1e-8)
    for refused in (lambda: effects.path(2), lambda: effects.convergence):
        with pytest.raises(SpatialInputError, match="E320"):
            refused()
