"""Spatial correlation after two-stage least squares: the formula with dense matrices, size and power."""

import numpy as np
import pandas as pd
import pytest
from scipy.linalg import block_diag

import spatial as sp
from spillover.errors import SpatialInputError

from .. import naive_moments
from ..designs import nearest
from ..models.test_endogenous import IV, KEYS, sample
from ..models.test_moments_by_period import SHAPES, panel


@pytest.mark.parametrize("effects", ["none", "entity", "time", "twoway"])
@pytest.mark.parametrize("model", ["ols", "sdm"])
def test_dense_matrices(model, effects):
    T, N = 4, 25
    data, W = sample(41, n=N, T=T)
    fit = getattr(sp, model)("y ~ x + c", data, W, **KEYS, **IV, effects=effects)
    s, Q = fit._sample, naive_moments.projector(T, N, effects)
    Z = s.X if s.Wy is None else np.column_stack([s.X, s.Wy])
    d, weights = naive_moments.tsls(s.y, Z, np.column_stack([s.X[:, s.exogenous], s.H]))
    e = s.y - Z @ d
    M = Q @ np.kron(np.eye(T), W.to_numpy()) @ Q
    S, s2 = M + M.T, e @ e / np.trace(Q)
    a = weights @ Z.T @ S @ e
    want = (e @ M @ e - s2 * np.trace(M)) ** 2 / (s2**2 / 2 * np.trace(S @ S) + s2 * a @ a)
    assert sp.anselin_kelejian(fit).statistic == pytest.approx(want, rel=1e-8)


@pytest.mark.parametrize("effects", ["none", "entity", "time", "twoway"])
@pytest.mark.parametrize("shape", SHAPES)
def test_dense_matrices_of_every_period(shape, effects):
    """Gaps, W that moves, rows that do not sum to one: the projection off the dummies, m x m."""
    data, w, each, there = panel(shape)
    fit = sp.ols("y ~ x + c", data, w, **KEYS, **IV, effects=effects, missing="period")
    Q = naive_moments.off(naive_moments.dummies(there, effects))
    s, M = fit._sample, Q @ block_diag(*each) @ Q
    d, weights = naive_moments.tsls(s.y, s.X, np.column_stack([s.X[:, s.exogenous], s.H]))
    e = s.y - s.X @ d
    S, s2 = M + M.T, e @ e / np.trace(Q)
    a = weights @ s.X.T @ S @ e
    want = (e @ M @ e - s2 * np.trace(M)) ** 2 / (s2**2 / 2 * np.trace(S @ S) + s2 * a @ a)
    assert sp.anselin_kelejian(fit).statistic == pytest.approx(want, rel=1e-8)


def test_size_and_power():
    """5 % of 300 samples within 3.3 standard errors; lambda = .6 is seen."""
    rng = np.random.default_rng(5)
    W = nearest(rng, 100, 5)
    w, B = pd.DataFrame(W), np.linalg.inv(np.eye(100) - 0.6 * W)
    A = np.linalg.inv(np.eye(100) - 0.3 * W)
    p = {"no": [], "yes": []}
    for _ in range(300):
        x, z, v, e = rng.standard_normal((4, 100))
        c = z + v + 0.6 * e
        for name, model, y in (("no", sp.sar, A @ (1 + x + c + e)), ("yes", sp.ols, 1 + x + c + B @ e)):
            data = pd.DataFrame({"y": y, "x": x, "c": c, "z": z})
            fit = model("y ~ x + c", data, w, method="gmm", endog="c", instruments="z")
            p[name].append(sp.anselin_kelejian(fit).p_value)
    assert abs(np.mean(np.array(p["no"]) < 0.05) - 0.05) < 3.3 * np.sqrt(0.05 * 0.95 / 300) + 0.01
    assert np.mean(np.array(p["yes"]) < 0.05) > 0.6


@pytest.mark.parametrize(("code", "call"), [
    ("E501", lambda d, w: sp.sem("y ~ x + c", d, w, **KEYS, **IV)),
    ("E501", lambda d, w: sp.sar("y ~ x", d, w, **KEYS)),
    ("E501", lambda d, w: sp.sar("y ~ x + c", d, w, **KEYS, **IV, effects="random")),
])  # fmt: skip
def test_refused(code, call):
    data, W = sample(42, n=20, T=3)
    with pytest.raises(SpatialInputError) as caught:
        sp.anselin_kelejian(call(data, W))
    assert caught.value.code == code
