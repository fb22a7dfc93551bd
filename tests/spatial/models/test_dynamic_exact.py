"""Dynamic panels under weights of observations and many ways of effects: against the dense system of all rows."""

import numpy as np
import pandas as pd
import pytest

import spatial as sp
import weights as wt
from spillover.errors import SpatialInputError

from ..naive_dynamic_exact import Panel, dummies, slopes

N, T = 14, 6
KEYS = {"entity": "id", "time": "year"}
IDS = [f"u{i:02d}" for i in range(N)]
REGION = np.arange(N) % 3


def row_standardised(seed, links=4):
    rng = np.random.default_rng(seed)
    W = np.zeros((N, N))
    for i in range(N):
        W[i, rng.choice([j for j in range(N) if j != i], links, replace=False)] = 1 / links
    return W


W = row_standardised(1)


def as_weights(matrix):
    return wt.from_dense(matrix, ids=IDS)


@pytest.fixture(scope="module")
def frame():
    return drawn(path=1.0)


@pytest.fixture(scope="module")
def calm():
    """Without effects of years."""
    return drawn(path=0.0)


def drawn(path):
    """y of the model with rho .3, tau .4, eta -.1, effects of units, years, and regions in years."""
    rng = np.random.default_rng(3)
    x, z, e = rng.standard_normal((3, T, N))
    people = rng.uniform(0.5, 2.0, (T, N))
    unit, path = rng.standard_normal(N), path * rng.standard_normal((T, 3))
    y = np.empty((T, N))
    y[0] = unit + rng.standard_normal(N)
    for t in range(1, T):
        mean = x[t] - 0.5 * z[t] + unit + path[t, REGION] + 0.4 * y[t - 1] - 0.1 * W @ y[t - 1]
        y[t] = np.linalg.solve(np.eye(N) - 0.3 * W, mean + e[t] / np.sqrt(people[t]))
    rows = {"id": IDS * T, "year": np.repeat(range(2000, 2000 + T), N), "region": np.tile(REGION, T),
            "mean_people": np.tile(people.mean(axis=0), T)}  # fmt: skip
    return pd.DataFrame(rows | {"y": y.ravel(), "x": x.ravel(), "z": z.ravel(), "people": people.ravel()})


def panel(frame, D, weights=None, *, lag=True, error=False, durbin=True):
    """The twin of y ~ x with lags="both"."""
    y, x = (frame[name].to_numpy().reshape(T, N) for name in ("y", "x"))
    Z = [x[1:]] + [x[1:] @ W.T] * durbin
    w = np.ones((T - 1, N)) if weights is None else frame[weights].to_numpy().reshape(T, N)[1:]
    return Panel(y, np.stack(Z, axis=2), [np.eye(N), W], [W] * lag, [W] * error, D, w)


def estimates(fit):
    return np.append(fit.params.to_numpy(), fit._solution.sigma2)  # of least squares fit.sigma2 counts the coefficients


def assert_root(fit, twin):
    """Also from another start."""
    at = estimates(fit)
    assert twin.score(at) == pytest.approx(np.zeros(len(at)), abs=1e-6)
    assert at == pytest.approx(twin.estimates(at + 0.02), abs=1e-7)


@pytest.mark.parametrize("model", ["sdm", "sem", "sac"])
@pytest.mark.parametrize(("effects", "weights"), [("twoway", "people"), ("entity", "mean_people")])
def test_weights_of_observations(frame, calm, model, effects, weights):
    frame = calm if effects == "entity" else frame
    fit = getattr(sp, model)("y ~ x", frame, as_weights(W), effects=effects, lags="both", obs_weights=weights, **KEYS)
    D = dummies(T - 1, N, time=effects == "twoway")
    assert_root(fit, panel(frame, D, weights, lag=model != "sem", error=model != "sdm", durbin=model == "sdm"))


@pytest.mark.parametrize("weights", [None, "people"])
@pytest.mark.parametrize("model", ["sdm", "slx"])
def test_effects_of_regions_in_years(frame, model, weights):
    more = {} if weights is None else {"obs_weights": weights}
    fit = getattr(sp, model)("y ~ x | id + year + region^year", frame, as_weights(W), lags="both", **more, **KEYS)
    assert_root(fit, panel(frame, dummies(T - 1, N, groups=REGION), weights, lag=model == "sdm"))


def test_trends_of_units(frame):
    fit = sp.sdm("y ~ x | id + id[year] + year", frame, as_weights(W), lags="both", **KEYS)
    D = np.hstack([dummies(T - 1, N, time=True), np.kron(np.arange(T - 1.0)[:, None], np.eye(N))])
    assert_root(fit, panel(frame, D))


def test_a_spatial_error_within_regions(frame):
    within = np.zeros((N, N))
    for members in (np.arange(region, N, 3) for region in range(3)):  # rings
        within[members, np.roll(members, 1)] = within[members, np.roll(members, -1)] = 0.5
    fit = sp.sem("y ~ x | id + year + region^year", frame, as_weights(within), lags="y", **KEYS)
    twin = panel(frame, dummies(T - 1, N, groups=REGION), lag=False, durbin=False)
    twin = Panel(twin.y, twin.Z, [np.eye(N)], [], [within], twin.D, twin.w)
    assert_root(fit, twin)
    with pytest.raises(SpatialInputError, match="take these effects to others"):
        sp.sem("y ~ x | id + year + region^year", frame, as_weights(W), lags="y", **KEYS)


def test_equal_weights_are_no_weights(frame):
    """The road of W that varies has the same score, less the same mean."""
    moving = wt.TemporalWeights([as_weights(row_standardised(t)) for t in range(T)], pd.RangeIndex(2000, 2000 + T))
    keys = KEYS | {"lags": "both", "effects": "twoway"}
    a = sp.sdm("y ~ x", frame.assign(one=3.0), moving, obs_weights="one", **keys)
    b = sp.sdm("y ~ x", frame, moving, **keys)
    assert a.params.to_numpy() == pytest.approx(b.params.to_numpy(), abs=1e-8)
    assert a.std_errors.to_numpy() == pytest.approx(b.std_errors.to_numpy(), rel=1e-5)


def test_standard_errors(calm):
    """J V J' of the twin: J from slopes of the score less its mean, V from the likelihood's second derivatives."""
    fit = sp.sdm("y ~ x", calm, as_weights(W), effects="entity", lags="both", obs_weights="people", **KEYS)
    twin, at = panel(calm, dummies(T - 1, N), "people"), estimates(fit)
    n = (T - 1) * N
    H = -slopes(twin.score, at)
    information = -slopes(lambda p: slopes(lambda q: twin.loglik(q, T - 1), p, 1e-4), at, 1e-4)
    V = np.linalg.inv(H) @ information @ np.linalg.inv(H).T * n / (n - len(at) + 1)
    assert fit.std_errors.to_numpy() == pytest.approx(np.sqrt(np.diag(V))[:-1], rel=2e-3)
