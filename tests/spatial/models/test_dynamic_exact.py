"""Dynamic panels under weights of observations and many ways of effects: against the dense system of all rows."""

import numpy as np
import pandas as pd
import pytest

import spatial as sp
import weights as wt

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


def test_a_spatial_error_that_leaves_regions(frame):
    """Effects and weights that the error turns; ``test_dynamic_turned`` has them without weights."""
    fit = sp.sac("y ~ x | id + year + region^year", frame, as_weights(W), lags="both", obs_weights="people", **KEYS)
    assert_root(fit, panel(frame, dummies(T - 1, N, groups=REGION), "people", error=True, durbin=False))


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
    assert fit.std_errors.to_numpy() == pytest.approx(errors_of(twin, at), rel=1e-4)


def errors_of(twin, at, logarithm=False):
    """J I^-1 J' times n / (n - p), J = (1 + I^-1 S)^-1: I from the likelihood's second derivatives, n / (2 sigma2^2) of
    sigma2, S the slopes of the mean, none of ln sigma2; of all parameters but sigma2."""
    n = twin.T * twin.N
    information = -slopes(lambda p: slopes(lambda q: twin.loglik(q, twin.T), p, 1e-4), at, 1e-4)
    S = -slopes(twin.score, at) - information
    information[-1, -1] = n / (2 * at[-1] ** 2)
    if logarithm:
        S[-1], S[:, -1] = 0, 0
    J = np.linalg.inv(np.eye(len(at)) + np.linalg.solve(information, S))[:-1, :-1]
    V = J @ np.linalg.inv(information)[:-1, :-1] @ J.T * n / (n - len(at) + 1)
    return np.sqrt(np.diag(V))


V = row_standardised(2, 3)


@pytest.mark.parametrize("model", ["sdm", "sac", "slx"])
def test_two_w(frame, model):
    """rho_1, rho_2, eta_1 and eta_2; two lambda of a sac."""
    fit = getattr(sp, model)("y ~ x", frame, [as_weights(W), as_weights(V)], lags="both", **KEYS)
    y, x = (frame[name].to_numpy().reshape(T, N) for name in ("y", "x"))
    Z = np.stack([x[1:], *([x[1:] @ W.T, x[1:] @ V.T] if model != "sac" else [])], axis=2)
    D, w = dummies(T - 1, N, time=True), np.ones((T - 1, N))
    both = [W, V]
    twin = Panel(y, Z, [np.eye(N), *both], both * (model != "slx"), both * (model == "sac"), D, w)
    assert [name for name in fit.params.index if "lag(" in name] == ["lag(y)", "W_1:lag(y)", "W_2:lag(y)"]
    assert_root(fit, twin)


def test_own_w_of_a_regressor_and_weights(frame):
    keys = KEYS | {"effects": "entity", "lags": "both", "obs_weights": "mean_people"}
    fit = sp.sdem("y ~ x", drawn(0.0), as_weights(W), durbin={"x": as_weights(V)}, **keys)
    calm = drawn(0.0)
    y, x = (calm[name].to_numpy().reshape(T, N) for name in ("y", "x"))
    w = calm["mean_people"].to_numpy().reshape(T, N)[1:]
    twin = Panel(y, np.stack([x[1:], x[1:] @ V.T], axis=2), [np.eye(N), W], [], [W], dummies(T - 1, N), w)
    assert_root(fit, twin)


def test_standard_errors_of_two_w(calm):
    fit = sp.sar("y ~ x", calm, [as_weights(W), as_weights(V)], effects="entity", lags="y", **KEYS)
    y, x = (calm[name].to_numpy().reshape(T, N) for name in ("y", "x"))
    twin, at = Panel(y, x[1:, :, None], [np.eye(N)], [W, V], [], dummies(T - 1, N), np.ones((T - 1, N))), estimates(fit)
    assert fit.std_errors.to_numpy() == pytest.approx(errors_of(twin, at, logarithm=True), rel=1e-4)


def by_regime(matrices):
    return [np.diag((g == REGION) * 1.0) @ M for M in matrices for g in range(3)]


def regime_panel(frame, terms, lags, errors, groups=None, durbin=True):
    """The twin of y ~ x with lags="both": ``terms`` by regime where they say so, in the order of the fit."""
    y, x = (frame[name].to_numpy().reshape(T, N) for name in ("y", "x"))
    own = [x[1:]] + [x[1:] @ W.T] * durbin
    past, Z = [np.eye(N), W], own
    if terms:
        past, Z = by_regime(past), [one * (g == REGION) for one in own for g in range(3)]
    return Panel(y, np.stack(Z, axis=2), past, lags, errors, dummies(T - 1, N, time=True), np.ones((T - 1, N)), groups)


def in_order(fit, twin_names):
    """Where the fit has what the twin has."""
    return [fit.params.index.get_loc(name) for name in twin_names]


def named(terms):
    return [f"region = {g}: {term}" for term in terms for g in range(3)]


@pytest.mark.parametrize("model", ["sdm", "slx"])
def test_tau_by_regime(frame, model):
    """All coefficients by regime, one rho."""
    fit = getattr(sp, model)("y ~ x", frame, as_weights(W), lags="both", regimes="region", **KEYS)
    twin = regime_panel(frame, True, [W] * (model == "sdm"), [])
    places = in_order(fit, [*named(["lag(y)", "W:lag(y)", "x", "W:x"]), *["rho"] * (model == "sdm")])
    at = np.append(fit.params.to_numpy()[places], fit._solution.sigma2)
    assert twin.score(at) == pytest.approx(np.zeros(len(at)), abs=1e-6)
    assert at == pytest.approx(twin.estimates(at + 0.02), abs=1e-7)


@pytest.mark.parametrize(("model", "differ"), [
    ("sdm", {"rho": True}), ("sdm", {"rho": True, "sigma2": True}), ("sdem", {"lam": True}),
    ("gns", {"rho": True, "lam": True, "sigma2": True}),
])  # fmt: skip
def test_rho_by_regime(frame, model, differ):
    """With one tau and eta (terms=[]) or, of the first, three of each."""
    terms = None if differ == {"rho": True} else []
    fit = getattr(sp, model)("y ~ x", frame, as_weights(W), lags="both",
                             regimes=sp.Regimes("region", terms, **differ), **KEYS)  # fmt: skip
    split = by_regime([W])
    lags = {"sdm": split, "sdem": [], "gns": split}[model]
    twin = regime_panel(frame, terms is None, lags, split * ("lam" in differ), REGION if "sigma2" in differ else None)
    names = ["lag(y)", "W:lag(y)", "x", "W:x"]
    names = named(names) if terms is None else names
    names += named(["rho"]) * ("rho" in differ) + named(["lambda"]) * ("lam" in differ)
    at = np.append(fit.params.to_numpy()[in_order(fit, names)], fit.sigma2s.to_numpy())
    assert twin.score(at) == pytest.approx(np.zeros(len(at)), abs=1e-6)
    if model == "sdm":
        assert at == pytest.approx(twin.estimates(at * 1.001 + 1e-3), abs=1e-7)


def test_one_tau_is_that_of_interactions(frame):
    """Coefficients of x alone by regime: the model with interactions, and its one-step correction."""
    keys = KEYS | {"lags": "both", "effects": "twoway"}
    fit = sp.sar("y ~ x", frame, as_weights(W), regimes=sp.Regimes("region", ["x"]), **keys)
    plain = sp.sar("y ~ x:C(region)", frame, as_weights(W), **keys)
    assert sorted(fit.params) == pytest.approx(sorted(plain.params), abs=1e-8)
    assert sorted(fit.std_errors) == pytest.approx(sorted(plain.std_errors), rel=1e-6)


def persistent(seed, periods=6):
    rng = np.random.default_rng(seed)
    x, y, rows = rng.standard_normal((20 + periods, N)), np.zeros(N), []
    for t in range(20 + periods):
        y = np.linalg.solve(np.eye(N) - 0.1 * W, 0.9 * y + x[t] + rng.standard_normal(N))
        rows.append(y)
    data = {"id": IDS * periods, "year": np.repeat(range(periods), N), "one": 1.0}
    return pd.DataFrame(data | {"y": np.ravel(rows[-periods:]), "x": x[-periods:].ravel()})


@pytest.mark.parametrize("road", ["weights", "two W"])
def test_where_there_is_no_root(road):
    """Close to a unit root: the score less its mean is shortest at the estimates, and the header says so."""
    frame = persistent(8)
    more = {"weights": {"obs_weights": "one"}, "two W": {}}[road]
    weights = [as_weights(W), as_weights(V)] if road == "two W" else as_weights(W)
    fit = sp.sar("y ~ x", frame, weights, effects="entity", lags="y", **more, **KEYS)
    assert fit._solution.nearest
    assert "no root" in fit.summary()
    y, x = (frame[name].to_numpy().reshape(6, N) for name in ("y", "x"))
    twin = Panel(y, x[1:, :, None], [np.eye(N)], [W, V][: 1 + (road == "two W")], [], dummies(5, N), np.ones((5, N)))
    at = estimates(fit)
    start = sp.sar("y ~ x", frame, weights, effects="entity", lags="y", correction=False, **KEYS)
    first = estimates(start)
    metric = np.linalg.inv(-slopes(lambda p: slopes(lambda q: twin.loglik(q, 5), p, 1e-4), first, 1e-4))

    def length(p):
        return twin.score(p) @ metric @ twin.score(p)

    rng = np.random.default_rng(0)
    assert 1e-6 < length(at) < length(first)
    assert all(length(at + 0.01 * rng.standard_normal(len(at))) > 0.85 * length(at) for _ in range(10))
