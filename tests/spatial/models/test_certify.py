"""Monte Carlo certification: coverage of intervals and size of tests. ``make certify`` runs it; CI does not.

Bands are p0 +- 3.3 sqrt(p0 (1 - p0) / R) + 0.01 for finite samples. Seeds are fixed. Each test prints its figures.
"""

import numpy as np
import pandas as pd
import pytest

import spatial as sp

pytestmark = pytest.mark.slow


def rook(rows, columns):
    """Row-standardised rook contiguity of a grid."""

    def chain(n):
        return np.diag(np.ones(n - 1), 1) + np.diag(np.ones(n - 1), -1)

    A = np.kron(np.eye(rows), chain(columns)) + np.kron(chain(rows), np.eye(columns))
    return A / A.sum(1, keepdims=True)


def nearest(rng, n, k):
    """Row-standardised k nearest neighbors of random points."""
    xy = rng.random((n, 2))
    d = ((xy[:, None] - xy[None]) ** 2).sum(-1)
    np.fill_diagonal(d, np.inf)
    W = np.zeros((n, n))
    np.put_along_axis(W, np.argsort(d, axis=1)[:, :k], 1 / k, axis=1)
    return W


def true_effects(beta, theta, rho, W):
    S = np.linalg.solve(np.eye(len(W)) - rho * W, beta * np.eye(len(W)) + theta * W)
    direct, total = S.trace() / len(W), S.sum() / len(W)
    return {"direct": direct, "indirect": total - direct, "total": total}


def band(share, draws, slack=0.01):
    half = 3.3 * np.sqrt(share * (1 - share) / draws) + slack
    return share - half, share + half


@pytest.mark.parametrize("rho", [-0.3, 0.0, 0.4, 0.7])
@pytest.mark.parametrize(("model", "theta"), [("sar", 0.0), ("sdm", 0.5)])
def test_coverage_of_effects(model, theta, rho, capsys):
    """95 % simulated intervals of direct, indirect and total effects, 10 x 10 rook grid."""
    shares = effect_coverage(10, model, theta, rho, 600)
    with capsys.disabled():
        print(f"\n{model} n=100 rho={rho}: coverage " + ", ".join(f"{k} {v:.3f}" for k, v in shares.items()))
    low, high = band(0.95, 600, slack=0.02)  # n = 100: rho itself is biased by -.035
    assert all(low <= share <= high for share in shares.values())


@pytest.mark.parametrize("rho", [-0.3, 0.0, 0.4, 0.8])
@pytest.mark.parametrize(("model", "theta"), [("sar", 0.0), ("sdm", 0.5)])
def test_coverage_of_effects_at_400(model, theta, rho, capsys):
    """The same on a 20 x 20 grid, where it is to be 93 to 97 %."""
    shares = effect_coverage(20, model, theta, rho, 1000)
    with capsys.disabled():
        print(f"\n{model} n=400 rho={rho}: coverage " + ", ".join(f"{k} {v:.3f}" for k, v in shares.items()))
    assert all(0.93 <= share <= 0.97 for share in shares.values())


def effect_coverage(side, model, theta, rho, samples):
    """Share of samples whose interval holds the dense model's effect."""
    rng, W, n = np.random.default_rng(20), rook(side, side), side**2
    w = pd.DataFrame(W)
    x = rng.standard_normal(n)
    truth = true_effects(1.0, theta, rho, W)
    inside = dict.fromkeys(truth, 0)
    A = np.linalg.inv(np.eye(n) - rho * W)
    for r in range(samples):
        y = A @ (1 + x + theta * W @ x + rng.standard_normal(n))
        eff = getattr(sp, model)("y ~ x", pd.DataFrame({"y": y, "x": x}), w).effects(draws=500, seed=r)
        for k, kind in enumerate(truth):
            inside[kind] += eff.conf_low[k, 0] <= truth[kind] <= eff.conf_high[k, 0]
    return {kind: count / samples for kind, count in inside.items()}


@pytest.mark.parametrize(("effects", "correction"), [("entity", True), ("twoway", True), ("twoway", False)])
@pytest.mark.parametrize("rho", [0.0, 0.4, 0.8])
def test_correction(effects, correction, rho, capsys):
    """Bias and coverage of rho and sigma2 at N = 31, T = 13; without the correction two-way intervals fail."""
    rng, N, T, R = np.random.default_rng(31), 31, 13, 500
    W = nearest(rng, N, 4)
    w = pd.DataFrame(W)
    A = np.linalg.inv(np.eye(N) - rho * W)
    index = pd.MultiIndex.from_product([range(T), range(N)], names=["t", "i"])
    x = rng.standard_normal((T, N))
    estimates = []
    for _ in range(R):
        c, m = rng.standard_normal(N), rng.standard_normal(T)
        y = (x + c + m[:, None] * (effects == "twoway") + rng.standard_normal((T, N))) @ A.T
        data = pd.DataFrame({"y": y.ravel(), "x": x.ravel()}, index=index).reset_index()
        fit = sp.sar("y ~ x", data, w, entity="i", time="t", effects=effects, correction=correction)
        ci = fit.conf_int()
        estimates.append((fit.rho, fit.sigma2, ci.at["rho", "conf_low"] <= rho <= ci.at["rho", "conf_high"],
                          ci.at["x", "conf_low"] <= 1 <= ci.at["x", "conf_high"]))  # fmt: skip
    mean_rho, mean_s2, cover_rho, cover_beta = np.mean(estimates, axis=0)
    with capsys.disabled():
        print(f"\n{effects} correction={correction} rho={rho}: bias {mean_rho - rho:+.4f}, sigma2 {mean_s2:.3f}, "
              f"coverage rho {cover_rho:.3f}, beta {cover_beta:.3f}")  # fmt: skip
    if correction:
        low, high = band(0.95, R)
        assert abs(mean_rho - rho) < 0.015
        assert 0.97 < mean_s2 < 1.03
        assert low <= cover_rho <= high
        assert low <= cover_beta <= high
    elif rho >= 0.4:
        assert cover_rho < 0.85  # the test can see the fault


@pytest.mark.parametrize("rho", [0.0, 0.3, 0.6])
@pytest.mark.parametrize(("N", "T"), [(31, 5), (31, 13), (48, 17), (285, 8)])
def test_coverage_of_two_way_panels(N, T, rho, capsys):
    """95 % intervals of rho, beta and both effects in the Durbin model of three regressors; the bar is 93 to 97 %."""
    R, rng = 1000, np.random.default_rng([N, T, round(10 * rho)])
    W = nearest(rng, N, 4)
    w, A = pd.DataFrame(W), np.linalg.inv(np.eye(N) - rho * W)
    effects = true_effects(1.0, 0.5, rho, W)
    truth = {"rho": rho, "a": 1.0, "direct": effects["direct"], "indirect": effects["indirect"]}
    index = pd.MultiIndex.from_product([range(T), range(N)], names=["t", "i"])
    inside = dict.fromkeys(truth, 0)
    for _ in range(R):
        X = rng.standard_normal((3, T, N))
        y = X.sum(axis=0) + 0.5 * X.sum(axis=0) @ W.T + rng.standard_normal((T, N))
        y = (y + rng.standard_normal(N) + rng.standard_normal((T, 1))) @ A.T
        data = pd.DataFrame({"y": y.ravel(), **{v: x.ravel() for v, x in zip("abc", X)}}, index).reset_index()
        fit = sp.sdm("y ~ a + b + c", data, w, entity="i", time="t", effects="twoway")
        ends, eff = fit.conf_int(), fit.effects()
        bounds = {name: tuple(ends.loc[name]) for name in ("rho", "a")}
        bounds |= {k: (eff.conf_low[j, 0], eff.conf_high[j, 0]) for j, k in enumerate(("direct", "indirect"))}
        for name, (low, high) in bounds.items():
            inside[name] += low <= truth[name] <= high
    shares = {name: count / R for name, count in inside.items()}
    with capsys.disabled():
        print(f"\nN={N} T={T} rho={rho}: coverage " + ", ".join(f"{k} {v:.3f}" for k, v in shares.items()))
    low, high = band(0.95, R, slack=0.005)
    assert all(low <= share <= high for share in shares.values())


@pytest.mark.parametrize("n", [7, 14])
@pytest.mark.parametrize("errors", ["normal", "t5"])
def test_size_of_lm_tests(n, errors, capsys):
    """Rejections at 5 % when there is nothing to find."""
    rng, R, W = np.random.default_rng(5), 2000, rook(n, n)
    w = pd.DataFrame(W)
    X = rng.standard_normal((n * n, 2))
    names = ["LM lag", "LM error", "robust LM lag", "robust LM error", "SARMA"]
    rejected = np.zeros(len(names))
    for _ in range(R):
        e = rng.standard_normal(n * n) if errors == "normal" else rng.standard_t(5, n * n)
        tests = sp.lm_tests(sp.ols("y ~ a + b", pd.DataFrame({"y": X.sum(1) + e, "a": X[:, 0], "b": X[:, 1]}), w))
        rejected += [tests[name].p_value < 0.05 for name in names]
    with capsys.disabled():
        print(f"\nn={n * n} {errors}: " + ", ".join(f"{k} {v:.3f}" for k, v in zip(names, rejected / R)))
    low, high = band(0.05, R, slack=0.015)
    assert ((low <= rejected / R) & (rejected / R <= high)).all()
