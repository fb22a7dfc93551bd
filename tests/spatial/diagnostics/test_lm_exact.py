"""LM tests with exact moments: figures from elsewhere, moments over all sign changes, size under a dense W."""

import numpy as np
import pandas as pd
import pytest

import spatial as sp
from spatial.diagnostics.lm import scores_of
from spillover.errors import SpatialInputError

from ..cases import inverse_distance_on_a_line, states_case
from ..designs import band
from ..models.test_estimators import PANEL, panel_data

NAMES = ["LM error", "LM lag", "robust LM lag", "robust LM error"]
EXACT = [1.75687, 5.67579, 6.19391, 2.27500]
TEXTBOOK = [1.17702, 4.64721, 6.60684, 3.13665]


def test_states():
    data, w, _ = states_case()
    for correction, want in ((True, EXACT), (False, TEXTBOOK)):
        tests = sp.lm_tests(sp.ols("y ~ x + z", data, w, correction=correction))
        np.testing.assert_allclose([tests[name].statistic for name in NAMES], want, atol=6e-6)


def test_dense_weights():
    data, _, _ = states_case()
    tests = sp.lm_tests(sp.ols("y ~ x + z", data, inverse_distance_on_a_line(data.index)))
    np.testing.assert_allclose([tests["LM error"].statistic, tests["LM lag"].statistic], [0.48552, 0.32740], atol=6e-6)


@pytest.mark.slow
def test_mean_and_variance_of_the_score():
    """Over 4,000 normal samples: mean zero and variance T_W; a W and regressors that make tr(M W) far from zero."""
    rng, n = np.random.default_rng(4), 12
    W = inverse_distance_on_a_line(range(n))
    x = W.to_numpy() @ rng.standard_normal(n) * 5
    data, scores = pd.DataFrame({"x": x}), []
    for _ in range(4000):
        at = scores_of(sp.ols("y ~ x", data.assign(y=rng.standard_normal(n)), W))
        scores.append(at.error)
    assert np.mean(scores) == pytest.approx(0, abs=4 * np.std(scores) / np.sqrt(4000))
    assert np.var(scores) == pytest.approx(at.information, rel=0.12)


def rejections(W, k, samples, rng):
    """Shares of 5 % rejections in white noise with k regressors."""
    n, shares = len(W), np.zeros(5)
    X = rng.standard_normal((n, k))
    names = [f"x{j}" for j in range(k)]
    data = pd.DataFrame(X, columns=names)
    for _ in range(samples):
        tests = sp.lm_tests(sp.ols("y ~ " + " + ".join(names), data.assign(y=rng.standard_normal(n)), W))
        shares += [test.p_value < 0.05 for test in tests]
    return shares / samples


def test_size_under_a_dense_weights_in_short():
    """300 samples, n = 49, k = 4: the textbook's tests reject .000-.005 (error) and .0025-.015 (lag)."""
    shares = rejections(inverse_distance_on_a_line(range(49)), 4, 300, np.random.default_rng(8))
    low, high = band(0.05, 300, slack=0.01)
    assert ((low <= shares) & (shares <= high)).all(), shares


@pytest.mark.parametrize("effects", ["none", "entity", "twoway"])
def test_unequal_variances_by_a_loop(effects):
    """The quadratic form's variance pair by pair, with M from all dummies."""
    data, W = panel_data(3, N=8, T=3)
    fit = sp.ols("y ~ a + b", data, W, **PANEL, effects=effects)
    tests = sp.lm_tests(fit, errors="unequal")
    m, A = 24, np.kron(np.eye(3), W.to_numpy())
    units, periods = np.tile(np.arange(8), 3), np.repeat(np.arange(3), 8)
    X = np.column_stack([np.ones(m), fit._design.X[:, :, 1:].reshape(m, 2)])
    if effects != "none":
        X = np.column_stack([X, units[:, None] == np.arange(8)])
    if effects == "twoway":
        X = np.column_stack([X, periods[:, None] == np.arange(3)])
    M = np.eye(m) - X @ np.linalg.pinv(X, rcond=1e-10)
    y = fit._design.y.ravel()
    e, C = M @ y, M @ A @ M
    s, v = e**2 / M.diagonal(), M @ A @ (y - e)
    T = sum((C[i, j] + C[j, i]) ** 2 * s[i] * s[j] for i in range(m) for j in range(i))
    error = e @ C @ e - C.diagonal() @ s
    assert tests["LM error"].statistic == pytest.approx(error**2 / T, rel=1e-8)
    assert tests["LM lag"].statistic == pytest.approx((v @ e + error) ** 2 / (v**2 @ s + T), rel=1e-8)
    assert "unequal" in str(tests)
    with pytest.raises(SpatialInputError, match="E501"):
        sp.lm_tests(fit, errors="mine")


def test_size_under_variances_tied_to_neighbors_in_short():
    """48 states, sd by the number of neighbors, 300 samples."""
    data, w, _ = states_case()
    links = np.diff(w.csr.indptr)
    rng, shares = np.random.default_rng(2), np.zeros((2, 5))
    for _ in range(300):
        x = rng.standard_normal(48)
        frame = data.assign(x=x, y=x + links * rng.standard_normal(48))
        fit = sp.ols("y ~ x", frame, w)
        for row, errors in enumerate(("equal", "unequal")):
            shares[row] += [test.p_value < 0.05 for test in sp.lm_tests(fit, errors=errors)]
    low, high = band(0.05, 300, slack=0.01)
    assert ((low <= shares[1] / 300) & (shares[1] / 300 <= high)).all(), shares / 300
