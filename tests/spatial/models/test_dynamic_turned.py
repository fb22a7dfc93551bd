"""Dynamic panels with a spatial error that turns the effects: further effects, gaps, weights that vary."""

import numpy as np
import pandas as pd
import pytest

import spatial as sp
import weights as wt

from ..naive_dynamic_exact import dummies, slopes
from ..naive_dynamic_gaps import cut
from ..naive_dynamic_turned import Turned, mean_by_draws

N, T = 14, 6
KEYS = {"entity": "id", "time": "year"}
IDS = [f"u{i:02d}" for i in range(N)]
REGION = np.arange(N) % 3
LAG = {"sem": False, "sdem": False, "sac": True, "gns": True}


def row_standardised(seed, links=4):
    rng = np.random.default_rng(seed)
    W = np.zeros((N, N))
    for i in range(N):
        W[i, rng.choice([j for j in range(N) if j != i], links, replace=False)] = 1 / links
    return W


W = row_standardised(1)
MOVING = np.stack([row_standardised(t) for t in range(T)])


def as_weights(matrix):
    if matrix.ndim == 2:
        return wt.from_dense(matrix, ids=IDS)
    return wt.TemporalWeights([as_weights(one) for one in matrix], pd.RangeIndex(2000, 2000 + T))


@pytest.fixture(scope="module")
def frame():
    """y with rho .2, tau .4, eta -.1, lambda .3, effects of units, years, and regions in years."""
    rng = np.random.default_rng(3)
    x, e = rng.standard_normal((2, T, N))
    unit, path = rng.standard_normal(N), rng.standard_normal((T, 3))
    y = np.empty((T, N))
    y[0] = unit + rng.standard_normal(N)
    for t in range(1, T):
        u = np.linalg.solve(np.eye(N) - 0.3 * W, e[t])
        y[t] = np.linalg.solve(np.eye(N) - 0.2 * W, x[t] + unit + path[t, REGION] + 0.4 * y[t - 1]
                               - 0.1 * W @ y[t - 1] + u)  # fmt: skip
    return pd.DataFrame({"id": IDS * T, "year": np.repeat(range(2000, 2000 + T), N), "region": np.tile(REGION, T),
                         "y": y.ravel(), "x": x.ravel()})  # fmt: skip


@pytest.fixture(scope="module")
def seen():
    """Units that enter, leave, come back, and one that has a gap."""
    seen = np.ones((T, N), dtype=bool)
    seen[:2, 0] = seen[4:, 1] = seen[3, 2] = seen[2:4, 5] = seen[0, 7] = False
    return seen


def twin_of(frame, model, *, seen=None, W=W, M=None, lags="both", **effects):
    """``seen`` (T, N); W and M (N, N) or (T, N, N)."""
    there = np.ones((T, N), dtype=bool) if seen is None else seen
    rows = there[1:] & there[:-1]
    y, x = (frame[name].to_numpy().reshape(T, N) * there for name in ("y", "x"))
    W = np.stack([cut(one, here) for one, here in zip(np.broadcast_to(W, (T, N, N)), there)])
    M = W[1:] if M is None else np.broadcast_to(M, (T, N, N))[1:]
    M = np.stack([cut(one, row) for one, row in zip(M, rows)])
    X = [x[1:]] + [np.einsum("tij,tj->ti", W, x)[1:]] * (model in ("sdem", "gns"))
    past = {"y": ("y",), "Wy": ("Wy",), "both": ("y", "Wy")}[lags]
    return Turned(y, np.stack(X, axis=2), W, M, rows, dummies(T - 1, N, **effects), past, LAG[model])


def estimates(fit):
    return np.append(fit.params.to_numpy(), fit._solution.sigma2)


def assert_root(fit, twin):
    """Also from another start."""
    at = estimates(fit)
    assert twin.score(at) == pytest.approx(np.zeros(len(at)), abs=1e-6)
    assert at == pytest.approx(twin.estimates(at + 0.02), abs=1e-7)


def test_the_mean_of_the_score(frame, seen):
    """Of the twin: averages over draws."""
    twin = twin_of(frame, "gns", seen=seen, W=MOVING, M=W, time=True)
    theta = np.array([0.4, -0.1, 1.0, 0.5, 0.2, 0.3, 1.0])
    average, error = mean_by_draws(twin, theta, 400, 1)
    assert np.abs(average / error).max() < 3.5


@pytest.mark.parametrize("model", ["sem", "gns"])
def test_further_effects(frame, model):
    fit = getattr(sp, model)("y ~ x | id + year + region^year", frame, as_weights(W), lags="both", **KEYS)
    assert_root(fit, twin_of(frame, model, groups=REGION))


@pytest.mark.parametrize(("model", "effects", "lags"), [
    ("sem", "entity", "y"), ("sdem", "twoway", "both"), ("sac", "twoway", "y"), ("gns", "entity", "Wy"),
    ("sac", "time", "both"),
])  # fmt: skip
def test_gaps(frame, seen, model, effects, lags):
    fit = getattr(sp, model)("y ~ x", frame[seen.ravel()], as_weights(W), effects=effects, lags=lags,
                             missing="period", **KEYS)  # fmt: skip
    assert_root(fit, twin_of(frame, model, seen=seen, lags=lags, unit=effects != "time", time=effects != "entity"))


def test_all_at_once(frame, seen):
    """Gaps, effects of regions in years, and weights of the error that vary."""
    fit = sp.sac("y ~ x | id + year + region^year", frame[seen.ravel()], as_weights(W), w_error=as_weights(MOVING),
                 lags="y", missing="period", **KEYS)  # fmt: skip
    assert_root(fit, twin_of(frame, "sac", seen=seen, M=MOVING, groups=REGION, lags="y"))


@pytest.mark.parametrize(("model", "effects"), [("sem", "twoway"), ("sac", "entity"), ("gns", "twoway")])
def test_weights_that_vary(frame, model, effects):
    fit = getattr(sp, model)("y ~ x", frame, as_weights(MOVING), effects=effects, lags="both", **KEYS)
    assert_root(fit, twin_of(frame, model, W=MOVING, time=effects == "twoway"))


def test_standard_errors(frame):
    """J I^-1 J' n / (n - p), J = (1 + I^-1 S)^-1: I from second derivatives of the likelihood, S from those of the
    mean."""
    fit = sp.sac("y ~ x", frame, as_weights(MOVING), effects="entity", lags="y", **KEYS)
    twin, at = twin_of(frame, "sac", W=MOVING, lags="y"), estimates(fit)
    information = -slopes(lambda p: slopes(twin.loglik, p, 1e-4), at, 1e-4)
    S = -slopes(twin.score, at) - information
    J = np.linalg.inv(np.eye(len(at)) + np.linalg.solve(information, S))[:-1, :-1]
    n, p = fit._sample.n, len(at) - 1
    V = J @ np.linalg.inv(information)[:-1, :-1] @ J.T * n / (n - p)
    assert fit.std_errors.to_numpy() == pytest.approx(np.sqrt(np.diag(V)), rel=1e-3)


def test_residuals_are_what_effects_and_neighbors_leave(frame, seen):
    """y - predicted; u less B^-1 of them lies among the effects."""
    fit = sp.gns("y ~ x", frame[seen.ravel()], as_weights(W), lags="both", missing="period", **KEYS)
    twin, theta = twin_of(frame, "gns", seen=seen, time=True), estimates(fit)
    b, _, _, _, A, B, Q = twin.parts(theta)
    u, left = (A @ twin.now - twin.Z @ b)[twin.keep], in_order(fit.resid)
    assert left == pytest.approx(Q @ B @ u, abs=1e-8)
    assert in_order(fit.predict()) + left == pytest.approx(twin.now[twin.keep], abs=1e-10)
    effects, D = u - np.linalg.solve(B, left), twin.D[twin.keep]
    assert D @ np.linalg.lstsq(D, effects, rcond=None)[0] == pytest.approx(effects, abs=1e-8)
    assert "the error's weights are those among the rows with a past" in str(fit)


def in_order(values):
    """By period and unit."""
    return values.reorder_levels(["year", "id"]).sort_index().to_numpy()


@pytest.mark.parametrize("model", ["sem", "gns"])
def test_the_maximum_with_dummies(frame, seen, model):
    """correction=False: the score of all rows, nothing taken off but log|A| and log|B|."""
    keys = {"lags": "both", "correction": False, **KEYS}
    if model == "sem":
        fit = sp.sem("y ~ x", frame[seen.ravel()], as_weights(W), missing="period", **keys)
        twin = twin_of(frame, "sem", seen=seen, time=True)
    else:
        fit = sp.gns("y ~ x | id + year + region^year", frame, as_weights(W), **keys)
        twin = twin_of(frame, "gns", groups=REGION)
    at = estimates(fit)

    def loglik(theta):
        b, _, _, s2, A, B, Q = twin.parts(theta)
        e = Q @ B @ (A @ twin.now - twin.Z @ b)[twin.keep]
        sizes = np.linalg.slogdet(A)[1] + np.linalg.slogdet(B)[1]
        return sizes - len(e) / 2 * np.log(2 * np.pi * s2) - e @ e / (2 * s2)

    assert slopes(loglik, at) == pytest.approx(np.zeros(len(at)), abs=1e-4)
    assert fit.loglik == pytest.approx(loglik(at), rel=1e-9)


def test_clusters_and_effects_are_there(frame):
    fit = sp.sac("y ~ x | id + year + region^year", frame, as_weights(W), lags="y", **KEYS)
    assert np.isfinite(fit.with_vcov("cluster").std_errors).all()
    assert np.isfinite(fit.effects().tidy()["std_error"]).all()
