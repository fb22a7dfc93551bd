"""LM tests with exact moments: figures from elsewhere, moments over all sign changes, size under a dense W."""

import numpy as np
import pandas as pd
import pytest

import spatial as sp
from spatial.diagnostics.lm import scores_of

from .cases import inverse_distance_on_a_line, states_case
from .test_certify import band

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


@pytest.mark.slow
@pytest.mark.parametrize("k", [1, 8])
@pytest.mark.parametrize("n", [48, 100])
def test_size_of_lm_tests_with_exact_moments(n, k, capsys):
    shares = rejections(inverse_distance_on_a_line(range(n)), k, 2000, np.random.default_rng(n + k))
    with capsys.disabled():
        print(f"\nLM tests, dense W, n = {n}, k = {k}: {shares}")
    low, high = band(0.05, 2000, slack=0.01)
    assert ((low <= shares) & (shares <= high)).all(), shares
