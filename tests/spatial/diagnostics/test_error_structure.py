"""Baltagi, Song, Jung & Koh's tests against the dense likelihood, splm's likelihoods and their size."""

import json

import numpy as np
import pandas as pd
import pytest

import spatial as sp
from spatial.diagnostics.error_structure import LAMBDA, MU, R, _Problem
from spillover.errors import SpatialInputError

from ..designs import band, nearest
from ..models.test_estimators import PANEL, panel_data

PRODUC = "log(gsp) ~ log(pcap) + log(pc) + log(emp) + unemp"
NONE = {**PANEL, "effects": "none"}


def omega(s2, s2_mu, r, lam, W, T):
    apart = np.abs(np.subtract.outer(np.arange(T), np.arange(T)))
    B = np.eye(len(W)) - lam * W
    V = float(r) ** apart / (1 - r**2)
    return s2_mu * np.kron(np.ones((T, T)), np.eye(len(W))) + s2 * np.kron(V, np.linalg.inv(B.T @ B))


def loglik(theta, y, X, W, T):
    O = omega(*theta, W, T)
    b = np.linalg.solve(X.T @ np.linalg.solve(O, X), X.T @ np.linalg.solve(O, y))
    u = y - X @ b
    return -np.linalg.slogdet(O)[1] / 2 - u @ np.linalg.solve(O, u) / 2


def slopes(f, theta, j, h=1e-5):
    step = h * np.eye(len(theta))[j]
    return (f(theta + step) - f(theta - step)) / (2 * h)


@pytest.mark.parametrize("point", [(0.0, 0.0, 0.0), (0.7, 0.4, 0.0), (1.2, 0.0, -0.3), (0.5, -0.3, 0.35)])
def test_score_and_information_are_those_of_the_dense_likelihood(point):
    """b maximises it at every Omega, so that its slope is the score; the information is tr(O^-1 O_a O^-1 O_b) / 2."""
    data, W = panel_data(3, N=7, T=4)
    fit, w = sp.ols("y ~ a + b", data, W, **NONE), W.to_numpy()
    y, X = fit._sample.y, fit._sample.X
    at = _Problem(np.dstack([X.reshape(4, 7, -1), y.reshape(4, 7)]), w, (-1.0, 1.0)).at(np.array(point))
    theta = np.array([at.s2, at.s2 * np.expm1(point[0]) / 4, *point[1:]])
    want = [slopes(lambda t: loglik(t, y, X, w, 4), theta, j) for j in range(4)]
    np.testing.assert_allclose(at.score, want, rtol=1e-5, atol=1e-5)
    moves = [np.linalg.solve(omega(*theta, w, 4), slopes(lambda t: omega(*t, w, 4), theta, j)) for j in range(4)]
    np.testing.assert_allclose(
        at.information, [[np.trace(a @ b) / 2 for b in moves] for a in moves], rtol=1e-6, atol=1e-7
    )
    other = _Problem(np.dstack([X.reshape(4, 7, -1), y.reshape(4, 7)]), w, (-1.0, 1.0)).at(np.array([0.3, 0.2, 0.1]))
    theta_2 = np.array([other.s2, other.s2 * np.expm1(0.3) / 4, 0.2, 0.1])
    difference = loglik(theta, y, X, w, 4) - loglik(theta_2, y, X, w, 4)
    assert at.loglik - other.loglik == pytest.approx(difference, rel=1e-9)


def test_joint_statistic_in_closed_form():
    """NT^2 / (2 (T-1)(T-2)) [A^2 - 4 A F + 2 T F^2] + N^2 T / b H^2 (the source, section 3.1)."""
    data, W = panel_data(5, N=9, T=5)
    fit, w = sp.slx("y ~ a + b", data, W, **NONE), W.to_numpy()
    e = fit._solution.resid.reshape(5, 9)
    N, T, ss = 9, 5, np.sum(e**2)
    A, F, H = np.sum(e.sum(0) ** 2) / ss - 1, np.sum(e[1:] * e[:-1]) / ss, np.sum(e * (e @ w.T)) / ss
    b = np.trace((w + w.T) @ (w + w.T)) / 2
    want = N * T**2 / (2 * (T - 1) * (T - 2)) * (A**2 - 4 * A * F + 2 * T * F**2) + N**2 * T / b * H**2
    assert sp.error_structure_tests(fit)["LM joint"].statistic == pytest.approx(want, rel=1e-9)


def test_splm(shared, panel, queen):
    """J is splm's. Its C.1 (0.26) and C.3 (20.0) contradict its own likelihoods, with which ours go."""

    def stored(name):
        return json.loads((shared / f"reference/splm/{name}.json").read_text())

    fit = sp.ols(PRODUC, panel, queen, entity="state", time="year", effects="none")
    tests = sp.error_structure_tests(fit)
    want = stored("produc_tests")["tests"]
    assert tests["LM joint"].statistic == pytest.approx(want["bsjktest_J"]["statistic"]["LM"], rel=1e-9)
    full, no_error, no_effects = (stored(f"produc_spreml_{n}")["fit"]["logLik"] for n in ("semsrre", "srre", "semsr"))
    assert 2 * (full - no_error) > 280 > want["bsjktest_C.1"]["statistic"]["LM"]
    assert tests["LM*-lambda"].statistic > 280
    assert 2 * (full - no_effects) < 0.01 < want["bsjktest_C.3"]["statistic"]["LM"]
    assert tests["LM*-mu"].p_value > 0.2
    d, (T, N) = fit._design, fit._design.y.shape
    data = np.dstack([fit._sample.X.reshape(T, N, -1), fit._sample.y.reshape(T, N)])
    problem, constant = _Problem(data, d.weights.csr.toarray(), (-1.3, 0.9999)), T * N / 2 * (np.log(2 * np.pi) + 1)
    for over, theirs in (([MU, R], no_error), ([R, LAMBDA], no_effects)):
        assert problem.maximum(over).loglik - constant == pytest.approx(theirs, abs=1e-4)
    assert problem.maximum([MU, R, LAMBDA]).loglik - constant > full  # splm stops short of it


@pytest.mark.parametrize(("code", "make"), [
    ("E501", lambda d, w: sp.sar("y ~ a", d, w, **NONE)),
    ("E501", lambda d, w: sp.ols("y ~ a", d, w, **PANEL, effects="entity")),
    ("E206", lambda d, w: sp.ols("y ~ a", d[d["t"] < sorted(d["t"].unique())[2]], w, **NONE)),
    ("E109", lambda d, w: sp.ols("y ~ a", d.iloc[1:], w, **NONE, missing="period")),
])  # fmt: skip
def test_refused(code, make):
    data, W = panel_data(1, N=8, T=4)
    with pytest.raises(SpatialInputError) as caught:
        sp.error_structure_tests(make(data, W))
    assert caught.value.code == code


@pytest.mark.slow
@pytest.mark.parametrize(("N", "T"), [(31, 13), (48, 5)])
def test_size(N, T, capsys):
    """What each test asks for is absent, the others are there."""
    rng, samples = np.random.default_rng(8), 250
    W = nearest(rng, N, 4)
    index = pd.MultiIndex.from_product([range(T), range(N)], names=["t", "i"])
    truth = {"LM joint": (0, 0, 0), "LM*-lambda": (1, 0.4, 0), "LM*-r": (1, 0, 0.4), "LM*-mu": (0, 0.4, 0.4)}
    rejected = dict.fromkeys(truth, 0)
    for _ in range(samples):
        x = rng.standard_normal((T, N)) + rng.standard_normal(N)
        for name, (mu, r, lam) in truth.items():
            e = rng.standard_normal((T, N))
            e[0] /= np.sqrt(1 - r**2)
            for t in range(1, T):
                e[t] += r * e[t - 1]
            y = x + mu * rng.standard_normal(N) + np.linalg.solve(np.eye(N) - lam * W, e.T).T
            data = pd.DataFrame({"y": y.ravel(), "x": x.ravel()}, index).reset_index()
            fit = sp.ols("y ~ x", data, pd.DataFrame(W), entity="i", time="t", effects="none")
            rejected[name] += sp.error_structure_tests(fit)[name].p_value < 0.05
    with capsys.disabled():
        print(f"\nN={N} T={T}: " + ", ".join(f"{k} {v / samples:.3f}" for k, v in rejected.items()))
    low, high = band(0.05, samples, slack=0.0)
    assert all(low <= v / samples <= high for v in rejected.values())
