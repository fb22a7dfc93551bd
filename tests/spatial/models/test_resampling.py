"""Bootstrap of dynamic models, several W and regimes: the recursion by hand, standard errors of the likelihood."""

import numpy as np
import pandas as pd
import pytest

import spatial as sp
import weights as wt
from spatial.models.resampling import resampled_parameters, response_of, variances
from spillover.errors import SpatialInputError

from .test_estimators import PANEL, random_weights
from .test_regimes import drawn as drawn_by_regime
from .test_several import drawn

N, T = 16, 8
SPATIAL = sp.Regimes("region", rho=True, lam=True, sigma2=True)


def panel(seed=1, n=N, periods=T, tau=0.4, moving=False):
    rng = np.random.default_rng(seed)
    W = [random_weights(rng, n) for _ in range(periods if moving else 1)] * (1 if moving else periods)
    a, b, e = rng.standard_normal((3, periods, n))
    c, y = rng.standard_normal(n), np.zeros((periods, n))
    for t in range(periods):
        past = y[t - 1] if t else np.zeros(n)
        right = tau * past + 0.1 * W[max(t - 1, 0)] @ past + a[t] - b[t] + c + e[t]
        y[t] = np.linalg.solve(np.eye(n) - 0.3 * W[t], right)
    index = pd.MultiIndex.from_product([range(periods), [f"u{i:02d}" for i in range(n)]], names=["t", "id"])
    frame = pd.DataFrame({"y": y.ravel(), "a": a.ravel(), "b": b.ravel()}, index=index).reset_index()
    ids = list(index.levels[1])
    w = wt.temporal({t: wt.from_dense(m, ids) for t, m in enumerate(W)}) if moving else wt.from_dense(W[0], ids)
    return frame, w, W


@pytest.mark.parametrize("moving", [False, True])
@pytest.mark.parametrize("model", ["sdm", "sac"])
def test_samples_grow_from_the_starting_values(model, moving):
    """y* solves the whole system of all periods at once, (I - L) y* = everything that is not y."""
    if moving and model == "sac":
        return
    frame, w, W = panel(moving=moving)
    fit = getattr(sp, model)("y ~ a + b", frame, w, **PANEL, lags="both", effects="entity")
    p, eye = fit.params, np.eye(N)
    system = np.zeros(((T - 1) * N,) * 2)
    for t in range(T - 1):
        rows = slice(t * N, (t + 1) * N)
        system[rows, rows] = eye - fit.rho * W[t + 1]
        if t:
            system[rows, slice((t - 1) * N, t * N)] = -p["lag(y)"] * eye - p["W:lag(y)"] * W[t]
    change = np.random.default_rng(0).standard_normal((T - 1, N))
    u = np.linalg.solve(eye - fit.lam * W[0], change.T).T if model == "sac" else change
    want = np.linalg.solve(system, u.ravel()).reshape(T - 1, N)
    np.testing.assert_allclose(response_of(fit)(change), want, atol=1e-12)


def test_several_rho_by_dense_matrices():
    frame, weights, (V, W), *_ = drawn(2, n=N, T=4)
    fit = sp.sac("y ~ a + b", frame, weights, **PANEL, effects="entity")
    p, eye, change = fit.params, np.eye(N), np.random.default_rng(0).standard_normal((4, N))
    BA = (eye - p["lambda_1"] * V - p["lambda_2"] * W) @ (eye - p["rho_1"] * V - p["rho_2"] * W)
    np.testing.assert_allclose(response_of(fit)(change), np.linalg.solve(BA, change.T).T, atol=1e-12)
    frame, w, W, codes, *_ = drawn_by_regime(2, n=N, T=6)
    fit = sp.sac("y ~ a + b", frame, w, regimes=SPATIAL, **PANEL, effects="entity")
    rho, lam = fit.rhos.to_numpy()[codes], fit.lambdas.to_numpy()[codes]
    BA = (eye - lam[:, None] * W) @ (eye - rho[:, None] * W)
    np.testing.assert_allclose(response_of(fit)(change), np.linalg.solve(BA, change.T).T, atol=1e-12)
    np.testing.assert_allclose(variances(fit), fit.sigma2s.to_numpy()[codes])
    by_regime = [np.mean(fit._errors[:, codes == g] ** 2) for g in range(2)]
    np.testing.assert_allclose(fit.sigma2s, np.array(by_regime) * 6 / 5, rtol=1e-6)


@pytest.mark.parametrize("name", ["dynamic", "two W", "by regime"])
def test_standard_errors_are_about_those_of_the_likelihood(name):
    """Normal errors; of 49 draws a standard error has a tenth of itself."""
    if name == "dynamic":
        frame, w, _ = panel(3, n=24, periods=12)
        fit = sp.sdm("y ~ a + b", frame, w, **PANEL, lags="both", effects="entity")
    elif name == "two W":
        frame, w, *_ = drawn(4, n=16, T=10, rhos=(0.2, 0.2))
        fit = sp.sar("y ~ a + b", frame, w, **PANEL, effects="twoway")
    else:
        frame, w, *_ = drawn_by_regime(3, n=24, T=8)
        regimes = sp.Regimes("region", rho=True, sigma2=True)
        fit = sp.sar("y ~ a + b", frame, w, regimes=regimes, **PANEL, effects="entity")
    drawn_errors = fit.with_vcov("bootstrap", draws=49).std_errors
    ratio = drawn_errors / fit.std_errors
    assert ratio.between(0.6, 1.6).all(), ratio
    first = resampled_parameters(fit, 5, 1)
    assert first.shape == (5, len(fit.params))
    np.testing.assert_array_equal(resampled_parameters(fit, 3, 1), first[:3])


def test_what_is_refused():
    frame, w, _ = panel()
    uneven = wt.from_dense(np.triu(np.ones((N, N)), 1) / N, list(w.ids))
    with pytest.raises(SpatialInputError, match=r"E501.*deviations"):
        sp.sar("y ~ a + b", frame, uneven, **PANEL, lags="y", effects="twoway").with_vcov("bootstrap")
    with pytest.raises(SpatialInputError, match=r"E501.*of the formula"):
        sp.sar("y ~ a + lag(y)", frame, w, **PANEL, effects="entity").with_vcov("bootstrap")
