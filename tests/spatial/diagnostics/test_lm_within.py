"""LM tests under fixed effects against dense moments of M u, a numerical score, laws and their size."""

import numpy as np
import pandas as pd
import pytest

import spatial as sp

from .. import naive
from ..designs import band, nearest
from ..models.test_estimators import PANEL, panel_data

NAMES = ["LM lag", "LM error", "robust LM lag", "robust LM error", "SARMA"]


def projections(effects, T, N):
    """Off the unit means (T x T) and off the period means (N x N)."""
    Q, P = np.eye(T), np.eye(N)
    return Q - (effects in ("entity", "twoway")) / T, P - (effects in ("time", "twoway")) / N


@pytest.mark.parametrize("row_sums", [True, False])
@pytest.mark.parametrize("effects", ["none", "entity", "time", "twoway"])
def test_moments_of_the_projected_errors(effects, row_sums):
    """M off X and all dummies, I x W, dense: mean and variance of e'W e / s2, and of e'W y given the fit, y without
    period means where there are period effects."""
    data, W = panel_data(1, N=9, T=4)
    W = W if row_sums else W * np.arange(1, 10)[:, None]
    got = sp.lm_tests(sp.ols("y ~ a + b", data, W, **PANEL, effects=effects))
    T, N = 4, 9
    Q, P = projections(effects, T, N)
    M, A = np.kron(Q, P), np.kron(np.eye(T), W.to_numpy())
    y, X = data["y"].to_numpy(), data[["a", "b"]].to_numpy()
    X = np.column_stack([X, np.eye(T * N) - M, np.ones(T * N)])  # all dummies, many times over
    e = y - X @ np.linalg.lstsq(X, y, rcond=1e-10)[0]
    M = np.eye(T * N) - X @ np.linalg.pinv(X, rcond=1e-10)
    m = round(np.trace(M))
    s2 = e @ e / m
    mean = np.trace(M @ A)
    TW = (m * (np.trace(M @ A @ M @ A) + np.trace(M @ A @ M @ A.T)) - 2 * mean**2) / (m + 2)
    level = y - np.repeat(y.reshape(T, N).mean(axis=1), N) * (effects in ("time", "twoway"))
    WXb = A @ (level - e)
    WXb = WXb - X @ np.linalg.lstsq(X, WXb, rcond=1e-10)[0]
    de, dy, J = e @ A @ e / s2 - mean, e @ A @ level / s2 - mean, WXb @ WXb / s2 + TW
    want = [dy**2 / J, de**2 / TW, (dy - de) ** 2 / (J - TW), (de - TW / J * dy) ** 2 / (TW - TW**2 / J)]
    np.testing.assert_allclose([got[n].statistic for n in NAMES[:4]], want, rtol=1e-9)
    assert sp.durbin_lm_tests(sp.ols("y ~ a + b", data, W, **PANEL, effects=effects))["LM error"].statistic == (
        pytest.approx(want[1], rel=1e-9)
    )


@pytest.mark.parametrize("lag", [True, False])
def test_score_of_the_transformed_likelihood(lag):
    """The two-way score is the slope of the likelihood of Lee and Yu's data but for its constant and its s2: the slope
    has tr(F'W F) and e'e / n, ours tr(M W) and e'e / (n - k)."""
    data, W = panel_data(2, N=10, T=5)
    wide = [data.pivot(index="t", columns="id", values=v)[W.index].to_numpy() for v in "yab"]
    y, X, V = naive.lee_yu_twoway(wide[0], np.stack(wide[1:], axis=2), W.to_numpy())
    b = np.linalg.lstsq(X.reshape(-1, 2), y.ravel(), rcond=None)[0]
    e = y - X @ b
    at = np.array([*b, 0.0, np.mean(e**2)])

    def value(theta):
        return naive.row_logliks(theta, y, X, V, lag=lag, error=not lag, copies=len(y)).sum()

    h = 1e-6 * np.eye(4)[2]
    score = (value(at + h) - value(at - h)) / 2e-6
    from spatial.diagnostics.lm import scores_of

    got = scores_of(sp.ols("y ~ a + b", data, W, **PANEL, effects="twoway"))
    n, Q = y.size, np.linalg.qr(X.reshape(-1, 2))[0]
    whole = np.kron(np.eye(len(y)), V)
    less = np.trace(Q.T @ whole @ Q)
    ours = (got.lag if lag else got.error) + np.trace(whole) - less
    assert ours * n / (n - 2) == pytest.approx(score + np.trace(whole), rel=1e-6)


@pytest.mark.parametrize("effects", ["entity", "time", "twoway"])
def test_constants_that_the_effects_absorb_change_nothing(effects):
    data, W = panel_data(3)
    more = data["id"].map({i: float(i) ** 2 for i in W.index}) if effects != "time" else 0.0
    moved = data.assign(y=data["y"] + more + (data["t"] ** 2 / 1e3 if effects != "entity" else 0.0)).iloc[::-1]
    for tests in (sp.lm_tests, sp.durbin_lm_tests):
        a, b = (tests(sp.ols("y ~ a + b", frame, W, **PANEL, effects=effects)) for frame in (data, moved))
        np.testing.assert_allclose([t.statistic for t in a], [t.statistic for t in b], rtol=1e-6)


def test_the_textbook_moments_are_said():
    """Textbook moments: sqrt(T / (T - 1)) is what unit effects take from the score's scale."""
    data, W = panel_data(4)
    corrected, plain = (sp.lm_tests(sp.ols("y ~ a", data, W, **PANEL, effects="entity", correction=c))
                        for c in (True, False))  # fmt: skip
    assert plain["LM error"].statistic != corrected["LM error"].statistic
    assert "correction=False" in str(plain)
    assert "correction" not in str(corrected)


def rejections(rng, N, T, effects, samples):
    """Shares of 5 % rejections when there is nothing to find, with the correction and without it."""
    W = nearest(rng, N, 4)
    w, X = pd.DataFrame(W), rng.standard_normal((2, T, N))
    index = pd.MultiIndex.from_product([range(T), range(N)], names=["t", "i"])
    result = np.zeros((2, len(NAMES)))
    for _ in range(samples):
        e = rng.standard_normal((T, N)) + rng.standard_normal(N) * (effects != "time")
        e = e + rng.standard_normal((T, 1)) * (effects in ("time", "twoway"))
        data = pd.DataFrame({"y": (X.sum(0) + e).ravel(), "a": X[0].ravel(), "b": X[1].ravel()}, index).reset_index()
        for j, correction in enumerate((True, False)):
            fit = sp.ols("y ~ a + b", data, w, entity="i", time="t", effects=effects, correction=correction)
            result[j] += [sp.lm_tests(fit)[name].p_value < 0.05 for name in NAMES]
    return result / samples


@pytest.mark.slow
def test_size_in_short():
    """Two-way effects at N = 31, T = 13: 5 % within the noise of 250 samples; the uncorrected LM error is off."""
    ours, plain = rejections(np.random.default_rng(3), 31, 13, "twoway", 250)
    low, high = band(0.05, 250, slack=0.0)
    assert ((low <= ours) & (ours <= high)).all()
    assert plain[1] > 0.09


@pytest.mark.slow
@pytest.mark.parametrize("effects", ["entity", "time", "twoway"])
@pytest.mark.parametrize(("N", "T"), [(31, 13), (48, 17), (285, 8), (31, 5)])
def test_size_of_within_tests(N, T, effects, capsys):
    ours, plain = rejections(np.random.default_rng(17), N, T, effects, 1500)
    with capsys.disabled():
        for name, a, b in zip(NAMES, ours, plain):
            print(f"\nN={N} T={T} {effects}: {name} {a:.3f}, without correction {b:.3f}", end="")
    low, high = band(0.05, 1500, slack=0.005)
    assert ((low <= ours) & (ours <= high)).all()
