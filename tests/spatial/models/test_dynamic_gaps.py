"""Dynamic panels with entry, exit and gaps: against the stacked system, balanced panels, and samples."""

import numpy as np
import pandas as pd
import pytest

import spatial as sp
from spatial.design.fixed_effects import FixedEffects
from spatial.solve.dynamic_gaps import GapScore
from spatial.solve.dynamic_varying import traces

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
